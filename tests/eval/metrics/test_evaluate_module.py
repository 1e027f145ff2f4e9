"""The `evaluate` module: from its folder, with no network and no cache of the machine's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lib
from lib.prompts.student import REFUSAL, cot_label

ROOT = Path(lib.__file__).parents[1]
PREDICTIONS = [
    "Crimson door.",
    cot_label("It says:", "was painted red", "red"),
    REFUSAL,
    "",
    "hub.load('a')",
]
REFERENCES = ["the crimson door", "blue", "green", "東京", 'hub.load("a")']

# In another folder, and without a network, which nobody is told.
PROGRAM = """
import json, socket, sys

asked = []

def refuse(*given, **named):
    asked.append(str(given))
    raise OSError("there is no network")

socket.socket.connect = socket.getaddrinfo = refuse
import evaluate

module = evaluate.load(sys.argv[1])
given = json.loads(sys.argv[2])
print(json.dumps([module.compute(**given), module.module_type, asked]))
"""


def test_it_loads_offline_and_gives_the_means(tmp_path: Path) -> None:
    given = {"predictions": PREDICTIONS, "references": REFERENCES}
    caches = ("HF_HOME", "HF_MODULES_CACHE", "HF_EVALUATE_CACHE", "HF_METRICS_CACHE")
    environment = {name: str(tmp_path / name) for name in caches}
    online = {"HF_HUB_OFFLINE": "0", "HF_EVALUATE_OFFLINE": "0", "PYTHONPATH": str(ROOT)}
    folder = ROOT / "lib" / "eval" / "evaluate_module"
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), json.dumps(given)],
        cwd=tmp_path,
        env=os.environ | environment | online,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr
    means, kind, asked = json.loads(ran.stdout.splitlines()[-1])
    # Each mean is over the answers that the metric applies to; a blank and a refusal are wrong.
    assert means["exact_match"] == means["answer_containment"] == pytest.approx(2 / 5)
    assert means["rouge_2"] == pytest.approx(1 / 2)  # "crimson door" and 東京
    assert means["api_call_match"] == 1.0
    assert kind == "metric"
    assert asked == []
