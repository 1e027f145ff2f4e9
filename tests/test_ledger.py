from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

from lib.ledger import Ledger

REQUEST: dict[str, Any] = {
    "role": "teacher",
    "model": "m",
    "messages": [{"role": "user", "content": "é"}],
}


def test_a_reply_is_kept_once_and_survives_reopening() -> None:
    ledger = Ledger()
    key = Ledger.key(REQUEST)
    assert ledger.get(key) is None
    ledger.put(key, REQUEST, {"text": "first", "prompt_tokens": 3, "completion_tokens": 2})
    ledger.put(key, REQUEST, {"text": "second"})
    ledger.close()
    again = Ledger()
    assert again.get(key) == {"text": "first", "prompt_tokens": 3, "completion_tokens": 2}
    usage = again.usage("teacher")
    assert (usage.requests, usage.prompt_tokens, usage.completion_tokens) == (1, 3, 2)
    assert again.usage("student").requests == 0


def test_the_key_follows_everything_that_is_sent() -> None:
    changed = [
        REQUEST,
        {**REQUEST, "role": "judge"},
        {**REQUEST, "model": "n"},
        {**REQUEST, "temperature": 0.5},
        {**REQUEST, "messages": [{"role": "user", "content": "e"}]},
    ]
    assert len({Ledger.key(request) for request in changed}) == len(changed)


def test_a_committed_reply_outlives_kill_9() -> None:
    script = (
        "import os, signal; from lib.ledger import Ledger\n"
        "Ledger().put('k', {'role': 'teacher', 'model': 'm'}, {'text': 'paid'})\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], env=os.environ.copy(), check=False)
    assert done.returncode == -signal.SIGKILL
    assert Ledger().get("k") == {"text": "paid"}
