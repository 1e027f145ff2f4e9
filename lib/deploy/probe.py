"""Whether a server answers, and the error when it does not."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any

from lib.deploy.processes import LOOPBACK, ServerRecord, is_running
from lib.settings import SetupError, home
from lib.text import one_line

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback: no proxy


def is_healthy(server: ServerRecord) -> bool:
    try:
        with _OPENER.open(f"http://{LOOPBACK}:{server.port}/health", timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def check_alive(server: ServerRecord, deadline: float, timeout_s: float) -> None:
    """Raise a SetupError if the server has ended, or the deadline has passed."""
    if not is_running(server):
        raise _failure(server, "ended before it answered")
    if time.monotonic() > deadline:
        raise _failure(server, f"did not answer in {timeout_s:.0f} s")


def check_writes(server: ServerRecord, deadline: float, timeout_s: float) -> None:
    """Raise a SetupError unless the model writes one token: /health answers before it is loaded."""
    body: dict[str, Any] = {
        "model": server.model,
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 1,
        "temperature": 0.0,
    }
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with _OPENER.open(request, timeout=max(1.0, deadline - time.monotonic())) as response:
            json.load(response)["choices"][0]
    except urllib.error.HTTPError as error:
        raise _failure(server, f"cannot write: it answers {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        check_alive(server, deadline, timeout_s)
        raise _failure(server, f"broke off its first reply ({error})") from None


def _failure(server: ServerRecord, what: str) -> SetupError:
    """`The student's server for m ended before it answered. runs/t/deploy/student.log ends: …`"""
    path = home() / server.log
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines = [one_line(line) for line in text.splitlines() if line.strip()]
    tail = " | ".join(lines[-4:])[-600:] or "nothing was written"
    said = f"The {server.role}'s server for {server.model} {what}."
    return SetupError(f"{said} {server.log} ends: {tail}")
