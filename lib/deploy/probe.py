"""Whether a server answers, and what to say when it does not."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from pathlib import Path

from lib.deploy.processes import LOOPBACK, ServerRecord, is_running, last_lines
from lib.settings import SetupError, portable


def is_healthy(record: ServerRecord) -> bool:
    url = f"http://{LOOPBACK}:{record.port}/health"
    try:
        with _opener().open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback: no proxy


def check_alive(record: ServerRecord, log_path: Path, deadline: float, timeout_s: float) -> None:
    if not is_running(record):
        what = "ended before it answered"
    elif time.monotonic() > deadline:
        what = f"did not answer in {timeout_s:.0f} s"
    else:
        return
    raise SetupError(
        f"The {record.role}'s server for {record.model} {what}. "
        f"{portable(log_path)} ends: {last_lines(log_path)}"
    )


def write_one_token(
    record: ServerRecord, log_path: Path, deadline: float, timeout_s: float
) -> None:
    """/health answers before the model is loaded; a token is the proof."""
    body = {
        "model": record.model,
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 1,
        "temperature": 0.0,
    }
    request = urllib.request.Request(
        f"{record.base_url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with _opener().open(request, timeout=max(1.0, deadline - time.monotonic())) as response:
            json.load(response)["choices"][0]
    except urllib.error.HTTPError as error:
        raise SetupError(
            f"The {record.role}'s server cannot write with {record.model}: it answers "
            f"{error.code}. {portable(log_path)} ends: {last_lines(log_path)}"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        check_alive(record, log_path, deadline, timeout_s)
        raise SetupError(
            f"The {record.role}'s server for {record.model} broke off its first reply ({error}). "
            f"{portable(log_path)} ends: {last_lines(log_path)}"
        ) from None
