"""The judge against people: known mistakes are found, and none is made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from lib.eval.judge.audit import Audit, audit
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
    assert found.ratings == []


def test_its_mistakes_are_counted_and_shown(tmp_path: Path) -> None:
    path = labels(tmp_path / "labels.json")
    # It passes wrong answers 1, 3 and 5, and fails the right answer 2.
    found = audited(path, saying(lambda a, right: right != (number_of(a) in (1, 2, 3, 5))))
    assert (found.both_yes, found.both_no, found.wrongly_yes, found.wrongly_no) == (19, 17, 3, 1)
    assert found.agreement.value == 0.9
    assert found.kappa.value == pytest.approx(0.8)
    assert found.kappa.low < 0.8 < found.kappa.high < 1
    assert [d.label.row for d in found.differences] == [2, 3, 4, 6]
    assert [(d.label.correct, d.judge) for d in found.differences][:2] == [
        (False, True),
        (True, False),
    ]
    assert found.differences[0].why == "judge: So it seems."
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
