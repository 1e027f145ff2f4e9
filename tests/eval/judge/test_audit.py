"""`python -m lib.eval audit LABELS`: what it prints, and what it asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lib.eval.__main__ import main
from lib.eval.judge import audit
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
    return labels(path, fluency=lambda i: 4), saying(
        lambda a, right: right != (number_of(a) in (1, 2, 3, 5))
    )


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
    assert "Kappa: 0.80 (0." in said
    assert "It errs: 3 times to yes, 1 to no: too few or too even" in said
    assert "fluency: same 0 of 40 = 0% (0–9%)" in said
    assert "differs from people on 4:" in said
    assert "row 4: people no, judge yes: When did pier 3 open? reference: 1903" in said
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
    said = printed(capsys)
    assert "differs" not in said


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


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (0, "It errs: 0 times to yes, 10 to no: it is too strict"),
        (1, "It errs: 10 times to yes, 0 to no: it is too mild"),
    ],
)
def test_a_judge_that_leans_is_told_apart(tmp_path: Path, wrong: int, words: str) -> None:
    """Every second answer is right: it errs on ten of these, or of the wrong ones."""
    path = labels(tmp_path / "labels.json")
    reply = saying(lambda a, right: right != (number_of(a) in range(wrong, 20, 2)))
    with serve_judge(reply) as server:
        assert words in audit(judge_at(server), path)


def test_a_judge_that_people_agree_with(tmp_path: Path) -> None:
    with serve_judge(honest) as server:
        said = audit(judge_at(server), labels(tmp_path / "labels.json"))
    assert "Same verdict: 40 of 40 = 100% (91–100%) (95% interval); 0 unread" in said
    assert "Kappa: 1.00 (0." in said
    assert "Both yes 20, both no 20" in said
    assert "differs" not in said


def test_what_cannot_be_read_is_in_no_figure(tmp_path: Path) -> None:
    def mumbling(body: Body) -> str:
        return "Yes and no." if "pier 7 " in prompt_of(body) else honest(body)

    with serve_judge(mumbling) as server:
        said = audit(judge_at(server), labels(tmp_path / "labels.json"))
    assert "on 40 answers" in said
    assert "Same verdict: 39 of 39 = 100%" in said
    assert "1 unread" in said


def test_ratings_are_compared_where_people_gave_them(tmp_path: Path) -> None:
    path = labels(
        tmp_path / "labels.json",
        fluency=lambda i: 4 if i % 2 == 0 else 2,
        relevance=lambda i: 3 if i < 10 else "",
        groundedness=lambda i: 5 if i < 4 else "",
        document=lambda i: "A pier." if i < 4 else "",
    )
    with serve_judge(honest) as server:  # it says 5 or 2
        said = " ".join(audit(judge_at(server), path).split())
    assert "fluency: same 20 of 40 = 50%" in said
    assert "within one 40 of 40 = 100% (91–100%), judge - people +0.50, kappa 0." in said
    assert "relevance: same 0 of 10" in said
    assert "groundedness: same 2 of 4" in said
    assert said.index("groundedness") < said.index("relevance") < said.index("fluency")
    assert "similarity" not in said


def test_where_nothing_can_be_read_it_says_so(tmp_path: Path) -> None:
    path = labels(tmp_path / "labels.json", fluency=lambda i: 4)
    with serve_judge(lambda body: "Hm.") as server:
        said = audit(judge_at(server), path)
    assert "Same verdict: none (95% interval); 40 unread" in said
    assert "Kappa: n/a" in said
    assert "fluency: none of 40 ratings could be read" in said
