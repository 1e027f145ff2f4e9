"""Whether a deployment answers: one chat or one embedding, asked again while it is new."""

import time
from typing import Any

from lib.endpoints import EndpointSettings
from lib.engine.faults import short
from lib.engine.sdk import sdk_client
from lib.settings import CheckFailed, SetupError

PAUSE_S, REQUEST_S = 10.0, 120.0
# A role reaches the models (401, 403) and a deployment its address (404) minutes after it is made.
_NOT_YET = (401, 403, 404, 408, 409, 429)
_HELLO: Any = [{"role": "user", "content": "Say hello."}]


def wait_until_it_answers(settings: EndpointSettings, *, timeout_s: float) -> None:
    """Ask until a reply comes, and print how long it took.

    Raises:
        CheckFailed: none came within timeout_s.
        SetupError: the model refuses the request, or there is no login.
    """
    import openai

    started, said = time.monotonic(), ""
    with sdk_client(settings) as client:
        ask = client.with_options(timeout=REQUEST_S, max_retries=0)
        while (seconds := time.monotonic() - started) < timeout_s:
            try:
                if settings.role == "embedding":
                    ask.embeddings.create(model=settings.deployment, input="hello")
                else:
                    ask.chat.completions.create(model=settings.deployment, messages=_HELLO)
                print(f"{settings.role:9} {settings.deployment} answers (after {seconds:.0f} s)")
                return
            except openai.APIError as error:
                before, said = said, short(error)
                status = getattr(error, "status_code", 500)
                if status < 500 and status not in _NOT_YET:
                    raise SetupError(f"The {settings.where} refuses to answer: {said}.") from error
                if said != before:
                    print(f"{settings.role:9} not yet: {said}", flush=True)
            time.sleep(PAUSE_S)
    raise CheckFailed(
        f"{settings.deployment}, the {settings.where}, gave no answer in {timeout_s:.0f} s. Last: "
        f"{said}. Run it again later: what is new may take ten minutes."
    )
