"""An endpoint's HTTP replies: a body, a transient fault, or a lasting error."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate, mktime_tz, parsedate_tz
from typing import Any
from urllib.parse import urljoin

from lib.endpoints import EndpointSettings, prefixes_of
from lib.engine.events import events_of, joined
from lib.settings import SetupError, without_secrets
from lib.text import one_line

# Codes, types or words of a 400, 403 or 429 that waiting does not mend (OpenAI's list of billing
# errors, Anthropic, LiteLLM, OpenRouter; Moonshot, DashScope, SiliconFlow, Zhipu)
_NO_CREDIT = re.compile(
    "insufficient_quota|credit_balance_exhausted|(spend|usage)_limit_exceeded"
    "|credit balance is too low|budget(_| limit | has been )exceeded"
    "|exceeded_current_quota|arrearage|balance is insufficient|余额不足",
    re.IGNORECASE,
)
_TRANSIENT = (402, 408, 409, 429)  # and 5xx
_NO_VECTOR = re.compile(r"unsupported value: NaN")  # Ollama's 500: each time, for this text
_ABOUT_KEYS = re.compile(r"\bapi[ _-]?key|unauthori[sz]ed|authenticat|credential", re.IGNORECASE)
_MARKUP = re.compile(r"<(script|style|head)\b.*?</\1>|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class EndpointError(Exception):
    """One request failed after its retries. The others can go on; asking again may succeed."""


class RequestFailed(EndpointError):
    """It was sent, and failed in every attempt, while the endpoint answers others."""


class BudgetSpent(EndpointError):
    """max_cost or max_tokens_total is spent: nothing new is sent."""


class Fault(Exception):
    """One attempt failed; the next may succeed."""

    def __init__(self, message: str, *, kind: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        # "busy", "timeout", "unreachable", "server", "cut", "unreadable" or "other process"
        self.kind = kind
        self.retry_after_s = retry_after_s  # how long the endpoint asks to wait
        self.used: Any = None  # budget.Used, where the attempt counts as paid, or may be

    @property
    def is_paid(self) -> bool:
        """Whether a reply came that cannot be read: it was written, and is probably billed."""
        return self.kind in ("cut", "unreadable")


class RequestRejected(Exception):
    """This endpoint will never answer the request (400, 403, 413, 422, …): too long, filtered, …

    `if_all`: what it means if no request was answered yet, and a short one is rejected, too.
    """

    def __init__(self, message: str, *, code: str, if_all: SetupError) -> None:
        super().__init__(message)
        self.code, self.if_all = code, if_all


def read_body(
    status: int, headers: Mapping[str, str], body: bytes, settings: EndpointSettings, url: str = ""
) -> dict[str, Any]:
    """`200 {"choices": […]}` → the object; everything else raises the error that it means.

    `200 {"error": {"code": 502}}` is a 502.

    Raises:
        Fault: 408, 409, 429, 5xx, 402 with a time to wait (OpenRouter, for requests in flight), or
            a body that is not a JSON object: it may succeed later.
        SetupError: 401, 402, 407, or a limit that waiting does not mend: no request can succeed.
        RequestRejected: any other status.
    """
    where = settings.where
    data = _object(body)
    is_ok = 200 <= status < 300
    if is_ok and data is not None and (data.get("choices") or data.get("error") is None):
        return data
    message, code, kind = _error_of(data, body)
    if is_ok:
        if not re.fullmatch(r"[45]\d\d", code):
            is_cut = data is None and body.lstrip()[:1] in (b"", b"{")
            said = f"the {where} sent a broken reply: {message}"
            raise Fault(said, kind="cut" if is_cut else "unreadable")
        status = int(code)  # a gateway that had begun to answer, as OpenRouter
    if 300 <= status < 400 and headers.get("Location"):
        target = urljoin(url, headers["Location"])
        base = re.split(r"/(?:chat/completions|embeddings|openai/dep)", target)[0]
        message = f"it redirects to {without_secrets(base)}"
    wait_s = retry_after_s(headers)
    no_credit = status == 402 and wait_s is None
    if status in (400, 403, 429):
        no_credit = bool(_NO_CREDIT.search(f"{code} {kind} {message}"))
    again = (status in _TRANSIENT or status >= 500) and not _NO_VECTOR.search(message)
    if not no_credit and again:
        raise Fault(
            f"the {where} failed ({status}: {message})",
            kind="busy" if status in (402, 429) else "server",
            retry_after_s=wait_s,
        )
    if status == 407:
        raise proxy_login(where, message)
    said = f"({status}: {message})"
    names = f"{prefixes_of(settings.role)[0]}… in .env"
    if no_credit:
        error = f"says that the account has no credit left {said}. Add credit or raise its limit, "
        error += "then run this again: every reply is in the ledger."
    elif status in (401, 403) or _ABOUT_KEYS.search(message):
        error = f"refuses the key {said}. Check it, and whether it may be used here: {names}."
    elif status < 400 and headers.get("Location"):
        error = f"answers {status}: {message}. Set that as its base URL: {names}."
    elif status == 404:
        error = f"knows no model '{settings.deployment}' {said}. Check the deployment and the base "
        error += f"URL: {names}. Asked was {without_secrets(url)}"
    else:
        error = f"refuses even a short request {said}. Check {names}."
    if_all = SetupError(f"The {where} {error}")
    if no_credit or status == 401:
        raise if_all
    raise RequestRejected(f"{status}: {message}", code=code, if_all=if_all)


def proxy_login(where: str, said: str) -> SetupError:
    return SetupError(
        f"The proxy on the way to the {where} wants a login (407: {said}). Give it one: "
        "HTTPS_PROXY (or HTTP_PROXY) is http://user:password@host:port, or set NO_PROXY."
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms: 250`, `Retry-After: 2`, `Retry-After: <HTTP date>`
    or, where requests or tokens are used up, `x-ratelimit-reset-…: 1m2.5s`; else None.
    """
    given = {name.lower(): value.strip() for name, value in headers.items()}
    if (milliseconds := duration_s(given.get("retry-after-ms", ""))) is not None:
        return milliseconds / 1000
    if after := given.get("retry-after"):
        seconds = duration_s(after)
        return _until(after, now=given.get("date", "")) if seconds is None else seconds
    resets = [
        duration_s(given.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if duration_s(given.get(f"x-ratelimit-remaining-{what}", "")) == 0
    ]
    return max((reset for reset in resets if reset is not None), default=None)


def duration_s(text: str) -> float | None:
    """`6m0s` → 360.0, `1h2m` → 3720.0, `120ms` → 0.12, `1.5` → 1.5; None for other texts."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[dhms])", text)
    if parts and "".join(map("".join, parts)) == text:
        return sum(float(number) * _UNIT_S[unit] for number, unit in parts)
    with suppress(ValueError):
        if 0 <= (seconds := float(text)) < float("inf"):
            return seconds
    return None


def short(error: object, most: int = 200) -> str:
    """One line of at most so many characters."""
    return one_line(str(error))[:most]


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        is_stream = body.lstrip().startswith((b"data:", b"event:", b":"))
        if is_stream and (events := events_of(body)):
            return joined(events)
        data = json.loads(body)
    except (ValueError, RecursionError, AttributeError, TypeError):  # and what is not UTF-8
        return None
    if isinstance(data, list) and len(data) == 1:
        data = data[0]  # Gemini's errors
    return data if isinstance(data, dict) else None


def _error_of(data: dict[str, Any] | None, body: bytes) -> tuple[str, str, str]:
    """Message, code and type of `{"error": {…}}`, `{"error": "…"}`, `{"message": …}` or a page."""
    error = (data or {}).get("error", data)
    if isinstance(error, dict):
        message = error.get("message") or error.get("detail") or _excerpt(body)
        more = error.get("metadata")
        if isinstance(more, dict) and more.get("raw"):  # OpenRouter: what its provider said
            message = f"{message}: {more['raw']}"
        # A gateway's account of its provider's error: its end names a parameter to do without.
        return short(message, 400), str(error.get("code") or ""), str(error.get("type") or "")
    return short(error or _excerpt(body)), "", ""


def _excerpt(body: bytes) -> str:
    """The words of a page or another text."""
    words = _MARKUP.sub(" ", body[:10_000].decode(errors="replace"))
    return short(words) or "an empty body"


def _until(date: str, *, now: str) -> float | None:
    """Seconds between two HTTP dates of one reply: this machine's clock may be wrong."""
    since = parsedate_tz(now) or parsedate_tz(formatdate())
    with suppress(ValueError, OverflowError):  # no such day
        if since and (until := parsedate_tz(date)):
            return max(0.0, float(mktime_tz(until) - mktime_tz(since)))
    return None
