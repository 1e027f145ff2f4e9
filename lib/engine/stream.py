"""One reply as it is written, for somebody who waits; its end is shown when the ledger has it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any

from lib.endpoints import EndpointSettings
from lib.engine.budget import Budget, meter_of
from lib.engine.endpoint import chat_request
from lib.engine.events import joined, text_of
from lib.engine.faults import EndpointError, Fault, RequestRejected, read_body, short
from lib.engine.ledger import Ledger
from lib.engine.prices import load_prices
from lib.engine.replies import Reply, RequestForm, read_reply, text_so_far
from lib.engine.sdk import sdk_client
from lib.prompts.student import Message
from lib.recipe import Recipe

_POLL_S, _MAX_RETRIES = 0.2, 2  # retries by the SDK, before the first word
_SENDING: dict[str, object] = {}  # ledger key → the call of this process that sends it
_SPENDING = Lock()  # held while a budget is read and changed


def stream_reply(
    settings: EndpointSettings,
    recipe: Recipe,
    ledger: Ledger,
    messages: Sequence[Message],
    *,
    max_tokens: int,
    budget: Budget | None = None,
    on_text: Callable[[str], None] = lambda text: None,
) -> Reply:
    """A reply from the ledger, else from the endpoint; then on_text gets its text so far.

    The whole text is only in what is returned, when it is committed. Run it in a thread of its own:
    a paid reply is committed, also if nobody reads it any more. Two equal requests at one time are
    sent once, also by two processes. Thoughts are shown only where the prompt opens them.

    EndpointError: it could not be reached, refused, or cut its reply, which is then not kept.
    BudgetSpent: it was not sent.
    """
    request = chat_request(settings, messages, max_tokens, 0.0)
    key, me = Ledger.key(request), object()
    try:
        while _SENDING.setdefault(key, me) is not me or not ledger.lock(key):
            time.sleep(_POLL_S)
        if (saved := ledger.get(key)) is not None:
            return Reply(**saved)
        pay = partial(_paid, settings, recipe, request, on_text)
        reply = _within(budget or Budget(), settings.deployment, request, pay)
        if reply.text or reply.completion_tokens:
            ledger.write(key, request, vars(reply)).result()
        return reply
    except RequestRejected as rejected:
        raise EndpointError(f"the {settings.where} refuses it ({rejected})") from rejected
    except Fault as fault:
        ended = settings.engine and fault.kind == "unreachable"
        fix = "; run 3_deploy.ipynb, which starts its server again" if ended else ""
        raise EndpointError(f"{fault}{fix}") from fault
    finally:
        if _SENDING.get(key) is me:
            ledger.unlock(key)
            del _SENDING[key]


def _within(budget: Budget, model: str, request: dict[str, Any], pay: Callable[[], Reply]) -> Reply:
    """Pay if the budget allows it, and count it there."""
    meter = meter_of(model, load_prices(), budget)
    estimate, used = meter.estimate(request), None
    with _SPENDING:
        if not budget.fits(estimate):
            raise budget.spent()
        budget.reserve(estimate)
    try:
        reply = pay()
        used = meter.count(request, reply)
        return reply
    except Fault as fault:
        used = meter.count_fault(fault, request, {})
        raise
    finally:
        with _SPENDING:
            budget.settle(estimate, used)


def _paid(
    settings: EndpointSettings,
    recipe: Recipe,
    request: dict[str, Any],
    on_text: Callable[[str], None],
) -> Reply:
    import openai

    form, start = RequestForm(streamed=True), time.monotonic()
    text, events = "", list[dict[str, Any]]()
    with sdk_client(settings) as sdk:
        client = sdk.with_options(timeout=recipe.timeout_s, max_retries=_MAX_RETRIES)
        while True:
            payload = form.payload(request)
            try:
                create = client.chat.completions.with_raw_response.create
                asked = {name: payload[name] for name in ("model", "messages")}
                raw = create(**asked, stream=True, extra_body=payload)
                if re.search("json|html", raw.headers.get("content-type", "")):  # it streams not
                    try:
                        body = raw.http_response.read()
                    except Exception as error:  # of the HTTP client, whose name the SDK may change
                        said = f"the {settings.where} cut its reply: {short(error)}"
                        raise Fault(said, kind="cut") from error
                    data = read_body(raw.status_code, raw.headers, body, settings)
                    latency_s = time.monotonic() - start
                    return read_reply(data, latency_s=latency_s, where=settings.where)
                for chunk in raw.parse():
                    events.append(event := chunk.to_dict(warnings=False))  # of any form
                    for choice in (event.get("choices") or [])[:1]:
                        if piece := text_of((choice.get("delta") or {}).get("content")):
                            on_text(text_so_far(text))  # one piece late: the last is committed
                            text += str(piece)
                break
            except openai.APIStatusError as error:
                response = error.response
                headers, url = response.headers, str(response.url)
                try:
                    read_body(response.status_code, headers, response.content, settings, url)
                except (RequestRejected, Fault) as said:
                    form.learn(str(said))
                    if payload == form.payload(request):
                        raise
            except (openai.APIError, ValueError) as error:
                how, kind = "cannot be reached", "unreachable"
                body = getattr(error, "body", None)  # of an error inside the stream
                if text or body:
                    how, kind = "cut its reply", "cut"
                elif isinstance(error, openai.APITimeoutError):
                    how, kind = "did not answer in time", "timeout"
                why = body if isinstance(body, str) else error.__cause__ or error
                raise Fault(f"the {settings.where} {how}: {short(why)}", kind=kind) from error
    latency_s = time.monotonic() - start
    return read_reply(joined(events), latency_s=latency_s, where=settings.where)
