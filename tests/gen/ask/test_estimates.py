"""What is told before anything is paid, against what is asked then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lib.gen.ask.estimates import estimate, tokens
from lib.recipe import Recipe
from lib.settings import SetupError
from tests.gen.scripted import ask, words_chunk

CHUNKS = [words_chunk(name, 90) for name in "abcdefgh"]


@pytest.fixture(autouse=True)
def teacher(monkeypatch: pytest.MonkeyPatch, home_dir: Path) -> None:
    monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "k")
    monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "reader-1")
    prices = "as_of: 2026-01-01\ncurrency: EUR\nmodels: {reader-1: {prompt: 1, completion: 10}}\n"
    (home_dir / "prices.yaml").write_text(prices)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ask_mode": "joint"},
        {"ask_mode": "joint", "rationale": True, "round_trip": True, "min_rating": 1},
        {"dataset_kind": "qa", "questions_per_document": 5},
        {"passage_dependency": True, "max_chunks": 3},
    ],
)
def test_it_is_near_to_what_is_asked(options: dict[str, Any]) -> None:
    options = {"questions_per_chunk": 3, **options}
    said = estimate(iter(CHUNKS), Recipe(**options))
    chosen = CHUNKS[: options.get("max_chunks", len(CHUNKS))]
    outcome, sent = ask(chosen, **{**options, "max_chunks": 0})
    assert said.rows == len(outcome.questions)
    assert said.requests == len(sent)
    assert said.prompt_tokens == pytest.approx(sum(tokens(r.messages) for r in sent), rel=0.12)
    assert said.completion_tokens > 20 * said.rows
    assert said.cost == pytest.approx((said.prompt_tokens + 10 * said.completion_tokens) / 1e6)
    assert "EUR" in str(said)


def test_an_unknown_price_is_said_and_the_built_in_teacher_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "other")
    said = estimate(CHUNKS, Recipe())
    assert said.cost is None
    assert "cost unknown" in str(said)
    for name in ("BASE_URL", "API_KEY", "DEPLOYMENT"):
        monkeypatch.delenv(f"COMPLETION_OPENAI_{name}")
    said = estimate(CHUNKS, Recipe())
    assert (said.requests, said.cost) == (0, 0.0)
    with pytest.raises(SetupError, match=r"built-in teacher cannot .*language = 'Vietnamese'"):
        estimate(CHUNKS, Recipe(language="Vietnamese"))  # so a dry run says it, too
