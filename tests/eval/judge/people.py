"""Answers that people have labelled, and judges that differ from them in a known way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.eval.judge.honest import block, grade_fairly, key_of, prompt_of, verdict
from tests.server import Body


def labels(path: Path, count: int = 40, **columns: Callable[[int], Any]) -> Path:
    """Rows whose answers are right and wrong in turn, and labelled so."""
    rows = [
        {
            "question": f"When did pier {i} open?",
            "reference": str(1900 + i),
            "answer": f"in {1900 + i}" if i % 2 == 0 else f"long ago {i}",
            "label": "yes" if i % 2 == 0 else "no",
            **{name: value(i) for name, value in columns.items()},
        }
        for i in range(count)
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def saying(correct: Callable[[str, bool], bool]) -> Callable[[Body], str]:
    """A judge by the answer's text and by whether it is right."""

    def judge(body: Body) -> str:
        prompt = prompt_of(body)
        grades = grade_fairly(prompt)
        answer = block(prompt, f"answer-{key_of(prompt)}")
        said = correct(answer, grades["correct"] == "yes")
        return f"So it seems. {verdict(prompt, grades | {'correct': 'yes' if said else 'no'})}"

    return judge


def number_of(answer: str) -> int:
    return int(answer.splitlines()[0].split()[-1]) % 100
