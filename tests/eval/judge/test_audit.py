"""The judge against people: known mistakes are found, and none is made up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from lib.eval.judge.audit import Audit, audit
from lib.eval.judge.audit_text import leaning
from lib.eval.judge.bias import families, self_preference_warnings
from lib.eval.judge.verbosity import check_verbosity
from lib.settings import SetupError
from lib.store import write_json
from tests.eval.judge.honest import honest, prompt_of
from tests.eval.judge.make import judge_at, serve_judge
from tests.eval.judge.people import labels, number_of, saying
from tests.server import Body


def audited(path: Path, reply: Callable[[Body], str], model: str = "the-judge") -> Audit:
    with serve_judge(reply) as server:
        return audit(judge_at(server, model), path)


def test_a_judge_that_people_agree_with(tmp_path: Path) -> None:
    found = audited(labels(tmp_path / "labels.json"), honest)
    assert (found.agreement.count, found.agreement.n, found.unscored) == (40, 40, 0)
    assert found.agreement.low == pytest.approx(0.912, abs=1e-3)
    assert found.kappa.value == 1
    assert (found.both_yes, found.both_no, found.wrongly_yes, found.wrongly_no) == (20, 20, 0, 0)
    assert found.differences == []
    assert (found.ratings, found.self_preference) == ([], None)
    assert found.length.num_pairs == 0
    assert leaning(found) == "too few or too even to say that it leans"
    assert found.warnings == []


def test_its_mistakes_are_counted_and_shown(tmp_path: Path) -> None:
    path = labels(tmp_path / "labels.json")
    # It passes wrong answers 1, 3 and 5, and fails the right answer 2.
    found = audited(path, saying(lambda a, right: right != (number_of(a) in (1, 2, 3, 5))))
    assert (found.both_yes, found.both_no, found.wrongly_yes, found.wrongly_no) == (19, 17, 3, 1)
    assert found.agreement.value == 0.9
    assert found.kappa.value == pytest.approx(0.8)
    assert found.kappa.low < 0.8 < found.kappa.high < 1
    assert [d.row for d in found.differences] == [2, 3, 4, 6]
    assert [(d.people, d.judge) for d in found.differences][:2] == [(False, True), (True, False)]
    assert found.differences[0].why == "judge: So it seems."
    assert leaning(found) == "too few or too even to say that it leans"
    write_json(tmp_path / "audit.json", asdict(found))  # it travels as JSON


def test_what_cannot_be_read_is_in_no_figure(tmp_path: Path) -> None:
    def mumbling(body: Body) -> str:
        return "Yes and no." if "pier 7 " in prompt_of(body) else honest(body)

    found = audited(labels(tmp_path / "labels.json"), mumbling)
    assert (found.n, found.unscored, found.agreement.n) == (39, 1, 39)


def test_ratings_are_compared_where_people_gave_them(tmp_path: Path) -> None:
    path = labels(
        tmp_path / "labels.json",
        fluency=lambda i: 4 if i % 2 == 0 else 2,
        relevance=lambda i: 3 if i < 10 else "",
        groundedness=lambda i: 5 if i < 4 else "",
        document=lambda i: "A pier." if i < 4 else "",
    )
    found = {one.field: one for one in audited(path, honest).ratings}  # it says 5 or 2
    assert list(found) == ["groundedness", "relevance", "fluency"]
    assert (found["fluency"].n, found["fluency"].same.count) == (40, 20)
    assert found["fluency"].within_one.count == 40
    assert found["fluency"].mean_difference == 0.5
    assert 0.5 < found["fluency"].kappa.value < 1
    assert found["relevance"].n == 10
    assert found["groundedness"].n == 4


def test_there_must_be_a_judge_and_twenty_rows(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no judge to check. Set JUDGE_OPENAI"):
        audit(None, labels(tmp_path / "labels.json"))
    with serve_judge(honest) as server:
        with pytest.raises(SetupError, match="19 labelled answers"):
            audit(judge_at(server), labels(tmp_path / "labels.json", 19))
        assert server.requests == []


# --- length --------------------------------------------------------------------------------------


def test_a_judge_that_likes_length_is_found(tmp_path: Path) -> None:
    path = labels(
        tmp_path / "labels.json", answer=lambda i: "word " * (1 + i % 4) + f"long ago {i}"
    )
    likes = saying(lambda answer, right: len(answer.split()) >= 6)
    found = audited(path, likes)
    assert found.length.longer_passed == 1
    assert found.length.num_pairs > 0
    with serve_judge(likes) as server:
        padded = check_verbosity(judge_at(server), path)
        assert len(server.requests) == 40  # the plain ones are in the ledger
    assert padded.to_yes == padded.changed.count == 20
    assert padded.to_no == 0
    assert "20 of 40 = 50%" in str(padded)


def test_a_judge_that_does_not_care_is_cleared(tmp_path: Path) -> None:
    path = labels(tmp_path / "labels.json")
    with serve_judge(honest) as server:
        found = check_verbosity(judge_at(server), path)
        assert len(server.requests) == 80
        assert all(
            body["messages"][-1]["content"].count("written after careful reading") in (0, 1)
            for body in server.requests
        )
    assert (found.n, found.unscored, found.changed.count) == (40, 0, 0)
    assert 0 < found.changed.high < 0.1
    # One that fails the wrong ones at random by length: half of the pairs
    random = audited(path, saying(lambda a, right: right or number_of(a) < 20), "random")
    assert random.length.longer_passed == 0.5


# --- self-preference -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o-mini", {"gpt"}),
        ("o3-mini", {"gpt"}),
        ("openai/o1", {"gpt"}),
        ("meta-llama/Llama-3.1-8B-Instruct", {"llama"}),
        ("Meta-Llama-3-8B", {"llama"}),
        ("DeepSeek-R1-Distill-Qwen-7B", {"deepseek", "qwen"}),
        ("qwen2.5:7b", {"qwen"}),
        ("Mixtral-8x7B", {"mistral"}),
        ("gemma-2-9b", {"gemini"}),
        ("phi-4", {"phi"}),
        ("our-own-model", set()),
        ("7", set()),
        ("", set()),
    ],
)
def test_families_are_read_off_names(model: str, family: set[str]) -> None:
    assert families(model) == family


def test_a_judge_of_ones_own_family_is_warned_of() -> None:
    models = {"student": "llama-3-8b-raft", "baseline": "gpt-4o", "teacher": "qwen2-72b"}
    (warning,) = self_preference_warnings("gpt-4o-mini", models)
    assert "answers of baseline (gpt-4o), of gpt-4o-mini's own family." in warning
    (same,) = self_preference_warnings("qwen2-72b", models)
    assert "answers of teacher (qwen2-72b), the judge's own model." in same
    assert self_preference_warnings("claude-opus-4", models) == []
    assert self_preference_warnings("7", {"student": "8"}) == []
    assert len(self_preference_warnings("7", {"student": "7"})) == 1


def test_milder_with_its_own_family(tmp_path: Path) -> None:
    # Of the 20 wrong answers each second is llama's; the judge passes all of these.
    path = labels(
        tmp_path / "labels.json",
        model=lambda i: "" if i >= 36 else ("llama-3-8b" if i % 4 == 1 else "gpt-4o"),
    )
    partial = saying(lambda answer, right: right or number_of(answer) % 4 == 1)
    found = audited(path, partial, "llama-3-70b").self_preference
    assert found is not None
    assert (found.same_family.count, found.same_family.n) == (9, 9)
    assert (found.others.count, found.others.n) == (0, 9)
    assert found.difference == 1
    assert 0.5 < found.low < 1 == found.high
    other = audited(path, partial, "claude-opus-4").self_preference
    assert other is None  # it has no answers of its own family
    (warning,) = audited(path, partial, "llama-3-70b").warnings
    assert "answers of llama-3-8b, of llama-3-70b's own family" in warning
    fair = audited(path, honest, "gpt-4o-mini").self_preference
    assert fair is not None
    assert fair.difference == 0
    assert fair.low < 0 < fair.high
    assert not math.isnan(fair.low)
