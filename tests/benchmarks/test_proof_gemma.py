"""The proof on Gemma: its plain prompts, the choice among them, and its page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import proof, proof_gemma
from benchmarks.proof_figures import MAIN
from benchmarks.proof_rows import BASELINE, BASELINE_PLAIN, RAFT
from lib.prompts.student import Prompt
from lib.recipe import Recipe
from lib.records import RaftExample
from tests.benchmarks.test_proof import marks_of, run_of, wide_rows


@pytest.mark.parametrize("prompt", proof_gemma.PLAIN_PROMPTS, ids=lambda prompt: prompt.name)
def test_each_plain_prompt_ends_where_the_answer_begins(prompt: Prompt) -> None:
    messages = prompt.messages("Who keeps it?", ["Ada keeps it."], refusal="")
    text = "\n\n".join(message["content"] for message in messages)
    assert text.endswith("<DOCUMENT>Ada keeps it.</DOCUMENT>\nQuestion: Who keeps it?\nAnswer:")
    went_on = " Ada\nQuestion: Who else?\nAnswer: Bo"
    assert prompt.parse(went_on).final_answer == "Ada"


def test_the_prompt_with_the_most_matches_on_validation_rows_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows: list[RaftExample] = wide_rows()[:4]

    def replies(model_dir: Path, cases: Any, recipe: Recipe, prompt: Prompt) -> Any:
        right = 3 if prompt.name == "no instruction" else 1
        given = [row.question.answer if i < right else "no" for i, row in enumerate(rows)]
        return {"valid": given[: len(cases["valid"])]}, True

    monkeypatch.setattr(proof, "answers_of", replies)
    best = proof.best_prompt(tmp_path, rows, proof_gemma.PLAIN_PROMPTS, Recipe(run_name="t"))
    assert best.name == "no instruction"


@pytest.mark.parametrize(("plain", "code"), [(0.5, 0), (0.78, 1)])
def test_the_page_has_both_baselines_and_a_lead_that_may_be_zero_is_a_miss(
    plain: float,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = (RAFT, BASELINE, "oracle only")
    runs = []
    for seed in (0, 1):
        run = run_of(seed)
        marks = {
            key: it
            for key, it in run.marks.items()
            if key[0] in kept and key[1] in proof_gemma.CONDITIONS
        }
        marks |= {(BASELINE_PLAIN, c): marks_of(plain) for c in proof_gemma.CONDITIONS}
        runs.append(replace(run, marks=marks))
    monkeypatch.setattr(proof, "run_seeds", lambda *_, **__: runs)
    assert proof_gemma.prove(docs_dir=tmp_path) == code
    page = (tmp_path / "proof_gemma.md").read_text()
    assert page.count(f"| {BASELINE_PLAIN} |") == 1 + len(proof_gemma.CONDITIONS)
    assert "parameters/gemma-3-270m.yaml" in page
    assert "nan" not in page
    said = capsys.readouterr().out.splitlines()[-1]
    assert f"{BASELINE_PLAIN} +{80 - 100 * plain:.0f}" in said
    assert MAIN in said
