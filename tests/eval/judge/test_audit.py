"""`python -m lib.eval audit LABELS`: what it prints, and what it asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lib.eval.__main__ import main
from lib.eval.judge.audit import audit
from lib.eval.judge.grading import WITHOUT_DOCUMENTS
from tests.eval.judge.honest import honest, prompt_of, use
from tests.eval.judge.make import judge_at, serve_judge
from tests.eval.judge.people import labels, number_of, saying
from tests.server import Body


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """One line of it all, once it is narrow enough."""
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    return " ".join(out.split())


def mistaken(path: Path) -> tuple[Path, Callable[[Body], str]]:
    """A judge that passes the wrong answers 1, 3 and 5, and fails the right answer 2."""
    return labels(path), saying(lambda a, right: right != (number_of(a) in (1, 2, 3, 5)))


def test_all_figures_are_printed_with_their_intervals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, reply = mistaken(tmp_path / "labels.json")
    with serve_judge(reply) as server:
        use(monkeypatch, server, "gpt-4o-mini")
        assert main(["audit", str(path)]) == 0
        assert len(server.requests) == 40
    said = printed(capsys)
    assert "Judge gpt-4o-mini against people, on 40 answers" in said
    assert "Same verdict: 36 of 40 = 90% (77–96%) (95% interval); 0 unread" in said
    assert "Kappa: 0.80;" in said
    assert "The judge alone says yes: 3; people alone say yes: 1" in said
    assert "Row 4: people no, judge yes: When did pier 3 open? reference: 1903" in said
    assert "answer: long ago 3 judge: So it seems." in said


def test_the_prompts_can_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("system: Be strict.\n")
    with serve_judge(honest) as server:
        use(monkeypatch, server)
        path = labels(tmp_path / "labels.json")
        assert main(["audit", str(path), "--prompts", str(mine)]) == 0
    assert len(server.requests) == 40
    assert {body["messages"][0]["content"] for body in server.requests} == {"Be strict."}
    asked = [body["messages"][-1]["content"] for body in server.requests]
    assert all(field in text for text in asked for field in WITHOUT_DOCUMENTS)
    said = printed(capsys)
    assert "Row" not in said


def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", str(labels(tmp_path / "labels.json"))]) == 2
    with serve_judge(honest) as server:
        use(monkeypatch, server)
        assert main(["audit", str(labels(tmp_path / "few.json", 19))]) == 2
        assert server.requests == []
    said = capsys.readouterr()
    assert said.out == ""
    none, few = said.err.splitlines()
    assert "no judge to check. Set JUDGE_OPENAI" in none
    assert "holds 19 labelled answers" in few


def test_a_judge_that_people_agree_with(tmp_path: Path) -> None:
    with serve_judge(honest) as server:
        said = audit(judge_at(server), labels(tmp_path / "labels.json"))
    assert "Same verdict: 40 of 40 = 100% (91–100%) (95% interval); 0 unread" in said
    assert "Kappa: 1.00;" in said
    assert "The judge alone says yes: 0; people alone say yes: 0" in said
    assert "Row" not in said


def test_what_cannot_be_read_is_in_no_figure(tmp_path: Path) -> None:
    def mumbling(body: Body) -> str:
        return "Yes and no." if "pier 7 " in prompt_of(body) else honest(body)

    with serve_judge(mumbling) as server:
        said = audit(judge_at(server), labels(tmp_path / "labels.json"))
    assert "on 40 answers" in said
    assert "Same verdict: 39 of 39 = 100%" in said
    assert "1 unread" in said


def test_where_nothing_can_be_read_it_says_so(tmp_path: Path) -> None:
    with serve_judge(lambda body: "Hm.") as server:
        said = audit(judge_at(server), labels(tmp_path / "labels.json"))
    assert "Same verdict: none (95% interval); 40 unread" in said
    assert "Kappa: undefined" in said


def test_kappa_is_of_people_and_judge(tmp_path: Path) -> None:
    people = [True] * 25 + [False] * 25
    judge = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    path = labels(
        tmp_path / "labels.json",
        len(people),
        answer=lambda i: f"number {i}",
        label=lambda i: "yes" if people[i] else "no",
    )
    with serve_judge(saying(lambda answer, _: judge[int(answer.split()[-1])])) as server:
        assert "Kappa: 0.40;" in audit(judge_at(server), path)
