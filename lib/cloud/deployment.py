"""Deployments: make one of a fine-tuned model, and ask whether it answers."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from lib.cloud.models import fine_tune_of, foundry_config, load_models
from lib.endpoints import EndpointSettings, endpoint_settings
from lib.engine.faults import retry_after_s, short
from lib.engine.sdk import sdk_client
from lib.engine.transport import EntraToken
from lib.settings import CheckFailed, SetupError
from lib.store import fingerprint

ARM, API_VERSION = "https://management.azure.com", "2025-06-01"
PAUSE_S, REQUEST_S = 10.0, 120.0
# A role reaches the models (401, 403) and a deployment its address (404) minutes after it is made.
_NOT_YET = (401, 403, 404, 408, 409, 429)
_HELLO: Any = [{"role": "user", "content": "Say hello."}]
_TERMS = {"DeveloperTier": "it ends after 24 hours; tokens are paid, hosting is not"}
_HOSTED = "hosting is paid by the hour; without a request for 15 days it is deleted"


def with_deployment(job: Mapping[str, Any], *, timeout_s: float) -> Mapping[str, Any]:
    """The job of a hosted student; its model is deployed if it is at the resource of config.json.

    The deployment's name then takes the place of the model's. One that is there is used, one that
    has ended is made again. A job elsewhere, or a deployment that .env names, stays as it is.
    """
    if not job or not (config := foundry_config()):
        return job
    model = job["fine_tuned_model"]
    settings = endpoint_settings("student", deployment=model)
    if not settings or settings.deployment != model:
        return job
    if (urlsplit(settings.base_url).hostname or "").split(".")[0] != config["account_name"]:
        return job
    if (how := fine_tune_of(load_models(), job["model"])) is None:
        raise SetupError(
            f"infra/models.yaml does not say how a fine-tune of {job['model']} is deployed. Add it "
            "there, or deploy it in the portal and set STUDENT_OPENAI_DEPLOYMENT in .env."
        )
    name, started = f"student-{fingerprint(model)}", time.monotonic()
    url = f"{ARM}/subscriptions/{config['subscription_id']}/resourceGroups/"
    url += f"{config['resource_group']}/providers/Microsoft.CognitiveServices/accounts/"
    url += f"{config['account_name']}/deployments/{name}?api-version={API_VERSION}"
    print(f"{model} → {name} ({how['sku']}): {_TERMS.get(how['sku'], _HOSTED)}.", flush=True)
    _deploy(url, model, how, timeout_s=timeout_s)
    left_s = max(60, timeout_s - (time.monotonic() - started))
    wait_until_it_answers(replace(settings, deployment=name), timeout_s=left_s)
    return {**job, "fine_tuned_model": name}


def _deploy(url: str, model: str, how: Mapping[str, Any], *, timeout_s: float) -> None:
    """Make the deployment unless it is there, and wait until it is ready."""
    import httpx2

    what = {"model": {"format": how["format"], "name": model, "version": "1"}}
    body = {"sku": {"name": how["sku"], "capacity": how["capacity"]}, "properties": what}
    entra, asked, said = EntraToken("deployment", f"{ARM}/.default"), False, ""
    deadline = time.monotonic() + timeout_s
    method = "GET"
    with httpx2.Client(timeout=REQUEST_S) as client:
        while time.monotonic() < deadline:
            call = client.build_request(method, url, json=body if method == "PUT" else None)
            status, said, wait_s = _sent(client, call, entra)
            if said == "Succeeded":
                return
            has_failed, is_missing = said in ("Failed", "Canceled"), status == 404
            is_new = method == "GET" and (is_missing or has_failed)
            passes = status < 300 or status >= 500 or status in (408, 409, 429)
            if (has_failed and asked) or not (passes or is_new):
                raise SetupError(
                    f"Azure does not deploy {model} ({said}). It takes the role Foundry Owner. "
                    "Check config.json, infra/models.yaml, your quota, and the deployment in the "
                    "portal (https://ai.azure.com): delete one that failed. Then run this again."
                )
            asked = asked or method == "PUT"
            method = "PUT" if is_new else "GET"
            time.sleep(0 if is_new else max(PAUSE_S, wait_s))
    raise SetupError(
        f"The deployment is not ready after {timeout_s:.0f} s (last: {said}). Azure goes on: run "
        "this again to wait on, or raise server_timeout_s."
    )


def _sent(client: Any, request: Any, entra: EntraToken) -> tuple[int, str, float]:
    """(status, provisioning state or error, seconds to wait); status 0: no reply came."""
    import httpx2

    request.headers["Authorization"] = f"Bearer {entra.get_now()}"
    try:
        reply = client.send(request)
    except httpx2.TransportError as error:
        return 0, short(error) or type(error).__name__, 0.0
    try:
        found = dict(reply.json())
    except (ValueError, TypeError):
        found = {"error": reply.text}
    state = (found.get("properties") or {}).get("provisioningState", "")
    said = state or f"{reply.status_code} {short(found.get('error', found))}"
    return reply.status_code, said, retry_after_s(reply.headers) or 0.0


def wait_until_it_answers(settings: EndpointSettings, *, timeout_s: float) -> None:
    """Ask until a reply comes, and print how long it took. CheckFailed: none came in timeout_s."""
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
