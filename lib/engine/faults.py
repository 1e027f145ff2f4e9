"""An endpoint's HTTP replies: a body, a transient fault, or a lasting error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lib.settings import EndpointSettings, SetupError
from lib.text import one_line

# Codes and types of a 429 that waiting does not mend (OpenAI's list of billing errors).
_NO_CREDIT = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "spend_limit_exceeded",
    "usage_limit_exceeded",
)
_TRANSIENT = (408, 409, 429)  # and 5xx
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class EndpointError(Exception):
    """One request failed after its retries. The others can go on; asking again may succeed."""


class BudgetSpent(EndpointError):
    """max_cost or max_tokens_total is spent: nothing new is sent."""


class Fault(Exception):
    """One attempt failed; the next may succeed."""

    def __init__(self, message: str, *, kind: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind  # "busy", "timeout", "unreachable", "server", "malformed", "other process"
        self.retry_after_s = retry_after_s  # how long the endpoint asks all requests to wait


class RequestRejected(Exception):
    """This endpoint will never answer the request (400, 413): too long, filtered, …"""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


def read_body(
    status: int, headers: Mapping[str, str], body: bytes, settings: EndpointSettings
) -> dict[str, Any]:
    """`200 {"choices": […]}` → the object; everything else raises the error that it means.

    Raises:
        Fault: 408, 409, 429, 5xx, or a body that is not a JSON object: it may succeed later.
        RequestRejected: 400 and 413.
        SetupError: a wrong key or model, or no credit: no request can succeed.
        EndpointError: any other status.
    """
    where = f"{settings.role} at {settings.base_url}"
    data = _object(body)
    if 200 <= status < 300:
        if data is None:
            raise Fault(f"the {where} sent a broken reply: {_excerpt(body)}", kind="malformed")
        return data
    message, code, kind = _error_of(data, body)
    if status in (401, 403):
        raise SetupError(f"The {where} refuses the key ({status}: {message}). Check it.")
    if status == 404:
        raise SetupError(
            f"The {where} knows no model '{settings.deployment}' (404: {message}). Check the "
            f"{settings.role.upper()} deployment and base URL in .env."
        )
    if status == 402 or (status == 429 and any(word in code + kind for word in _NO_CREDIT)):
        raise SetupError(
            f"The {where} says that the account has no credit left ({status}: {message}). Add "
            "credit or raise its limit, then run this again: every reply is in the ledger."
        )
    if status in (400, 413):
        raise RequestRejected(message, code=code)
    if status in _TRANSIENT or status >= 500:
        raise Fault(
            f"the {where} failed ({status}: {message})",
            kind="busy" if status == 429 else "server",
            retry_after_s=retry_after_s(headers),
        )
    raise EndpointError(f"the {where} failed ({status}: {message})")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms: 250`, `Retry-After: 2`, `Retry-After: <HTTP date>`
    or, where requests or tokens are used up, `x-ratelimit-reset-…: 1m2.5s`; else None.
    """
    given = {name.lower(): value.strip() for name, value in headers.items()}
    if (milliseconds := _number(given.get("retry-after-ms", ""))) is not None:
        return milliseconds / 1000
    if after := given.get("retry-after"):
        seconds = _number(after)
        return _until(after) if seconds is None else seconds
    resets = [
        duration_s(given.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if _number(given.get(f"x-ratelimit-remaining-{what}", "")) == 0
    ]
    return max((reset for reset in resets if reset is not None), default=None)


def duration_s(text: str) -> float | None:
    """`6m0s` → 360.0, `1h2m` → 3720.0, `120ms` → 0.12, `1.5` → 1.5; None for other texts."""
    if (plain := _number(text)) is not None:
        return plain
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[dhms])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def short(error: object) -> str:
    """One line of at most 200 characters."""
    return one_line(str(error))[:200]


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(body)
    except ValueError:  # also of bytes that are not UTF-8
        return None
    return data if isinstance(data, dict) else None


def _error_of(data: dict[str, Any] | None, body: bytes) -> tuple[str, str, str]:
    """Message, code and type of `{"error": {…}}`, `{"error": "…"}`, `{"message": …}` or a page."""
    error = (data or {}).get("error", data)
    if isinstance(error, dict):
        message = error.get("message") or error.get("detail") or _excerpt(body)
        return short(message), str(error.get("code") or ""), str(error.get("type") or "")
    return short(error or _excerpt(body)), "", ""


def _excerpt(body: bytes) -> str:
    return short(body[:200].decode(errors="replace")) or "an empty body"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
