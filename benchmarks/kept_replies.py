"""Replies of models to cases, kept under artefacts/: what was asked before is not asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.reading import greedy_replies, load_reader
from lib.eval.conditions import Case
from lib.prompts.student import STUDENT_PROMPT, Prompt
from lib.settings import home, portable
from lib.store import fingerprint, folder_fingerprint, read_jsonl, write_json

_AT_ONCE = 32  # what a kill loses at most


def answer(
    model_dir: Path,
    cases: Mapping[str, Sequence[Case]],
    *,
    run_name: str,
    max_new_tokens: int,
    prompt: Prompt = STUDENT_PROMPT,
) -> tuple[dict[str, list[str]], bool]:
    """A model's greedy replies by condition, in the cases' order; whether any had to be asked for.

    `artefacts/<run_name>/replies-<fingerprint>.jsonl` has a line for each, and is named after the
    model's files, the prompts and the budget; `….json` beside it says which model and condition.
    """
    model_id, reader = folder_fingerprint(model_dir), None
    replies: dict[str, list[str]] = {}
    for condition, asked in cases.items():
        prompts = [
            prompt.messages(case.question, [c.text for c in case.chunks], refusal=case.refusal)
            for case in asked
        ]
        made_of = {"model": model_id, "prompts": prompts, "max_new_tokens": max_new_tokens}
        path = home() / "artefacts" / run_name / f"replies-{fingerprint(made_of)}.jsonl"
        kept = read_kept(path)
        missing = [place for place, case in enumerate(asked) if case.question_id not in kept]
        if missing:
            reader = reader or load_reader(model_dir, dtype="float32")
            about = {"model": portable(model_dir), "prompt": prompt.name, "condition": condition}
            write_json(path.with_suffix(".json"), about)
        for start in range(0, len(missing), _AT_ONCE):
            places = missing[start : start + _AT_ONCE]
            assert reader
            given = greedy_replies(
                *reader,
                [prompts[place] for place in places],
                max_new_tokens=max_new_tokens,
            )
            new = {
                asked[place].question_id: text for place, text in zip(places, given, strict=True)
            }
            _keep(path, new)
            kept |= new
            if len(missing) > _AT_ONCE:
                print(f"{condition}: {len(kept)} of {len(asked)}", flush=True)
        replies[condition] = [kept[case.question_id] for case in asked]
    return replies, reader is not None


def read_kept(path: Path) -> dict[str, str]:
    """Question id → reply; a last line that a kill cut off is dropped."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")
    return {row["id"]: row["reply"] for row in read_jsonl(path)}


def _keep(path: Path, new: Mapping[str, str]) -> None:
    lines = [json.dumps({"id": name, "reply": reply}) + "\n" for name, reply in new.items()]
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(lines))
