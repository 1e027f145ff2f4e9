"""What an evaluation found comes back from its files exactly, and they say what is not there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from lib.eval.conditions import Case
from lib.eval.metrics.losses import LOSSES
from lib.eval.metrics.scoring import score_answers
from lib.eval.models import eval_models
from lib.eval.questions import EVAL_SPLIT, EvalQuestion
from lib.eval.results import Comparison, Estimate, Primary, Results
from lib.eval.runs.files import (
    METRICS_FILE,
    describe_run,
    read_answers,
    read_metrics,
    read_results,
    write_results,
)
from lib.prompts.student import REFUSAL
from lib.recipe import Recipe
from lib.records import Answer, Score
from lib.settings import SetupError
from lib.store import read_jsonl
from tests.eval.toy import answer, make_chunks, question_of, right

NAN = float("nan")
DATE = "2026-11-20T10:00:00+00:00"


@pytest.fixture
def parts() -> dict[str, Any]:
    """Three questions under two conditions: right, refused and mute, and one extra metric."""
    questions = [replace(question_of(one), provenance=EVAL_SPLIT) for one in make_chunks(3)]
    by_id = {question.id: question for question in questions}
    cases = [
        Case(q.id, q.text, name, (q.oracle,) if name == "oracle" else (), rank)
        for name, rank in (("closed_book", None), ("oracle", 0))
        for q in questions
    ]
    texts = [lambda case: right(case, by_id), lambda case: REFUSAL, lambda case: "mute"]
    answers = [answer(case, "student", texts[i % 3](case)) for i, case in enumerate(cases)]
    scores = score_answers(answers, questions, cases)
    scores.append(Score(questions[0].id, "retriever", "oracle", "hit_rate", 1.0))
    scores.append(Score(questions[2].id, "student", "oracle", "judge", None))
    return {"questions": questions, "cases": cases, "answers": answers, "scores": scores}


def results() -> Results:
    """Every kind of value that a figure may have."""
    third = Estimate("student", "oracle", "exact_match", 3, 1, 1 / 3, 0.1, 0.7, "wilson", 2)
    none = Estimate("baseline, plain prompt", "oracle", "judge", 0, 3, NAN, NAN, NAN, "")
    first = Comparison(
        model="student",
        against="baseline, plain prompt",
        condition="oracle",
        metric="exact_match",
        n=3,
        value=2 / 3,
        against_value=0.0,
        difference=2 / 3,
        low=0.1 + 0.2,
        high=0.9,
        won=2,
        lost=0,
        p=0.5,
        p_holm=0.75,
        verdict="cannot tell",
        questions_needed=12,
        coverage=0.99,
    )
    other = replace(first, metric="f1", p_holm=NAN, questions_needed=None, low=1e-17)
    last = replace(first, condition="closed_book", p_holm=1.0)
    models = ("student", "baseline, plain prompt")
    primary = Primary(models[1], "oracle", "exact_match", "Why not.", 140)
    return Results(models, ("closed_book", "oracle"), [third, none], [first, other, last], primary)


def write(run_dir: Path, parts: dict[str, Any], **more: Any) -> Path:
    names = ("answers", "scores", "questions", "cases")
    given = {"made_of": {"dataset": "d"}, "date": DATE} | more
    found = given.pop("results", results())
    write_results(run_dir, found, *(parts[name] for name in names), **given)
    return run_dir / METRICS_FILE


def test_figures_come_back_exactly(parts: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, parts)
    assert repr(read_results(tmp_path)) == repr(results())


def test_no_value_is_null_and_numbers_are_plain(parts: dict[str, Any], tmp_path: Path) -> None:
    cost = [{"model": "m", "cost": NAN, "seconds": numpy.float64(0.5)}]
    text = write(tmp_path, parts, cost=cost).read_text()
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert document["schema"] == 2
    losses = {row["condition"]: row["outcomes"] for row in document["losses"]}
    assert losses["oracle"] == dict.fromkeys(LOSSES, 0) | {
        "right": 1,
        "wrong refusal": 1,
        "format": 1,
    }
    assert document["verdict"].startswith("Cannot tell whether")
    assert document["cost"] == [{"model": "m", "cost": None, "seconds": 0.5}]
    assert document["leakage"] is None
    assert document["estimates"][1]["value"] is None
    assert document["primary"]["available"] == 140
    assert document["metrics"][-2:] == ["hit_rate", "judge"]
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path, parts, cost=[float("inf")])


def test_answers_say_value_and_why_there_is_none(parts: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, parts)
    rows = read_answers(tmp_path)
    assert rows == read_jsonl(tmp_path / "answers.jsonl")
    assert [row["question_id"] for row in rows] == [a.question_id for a in parts["answers"]]
    first, refused, mute = rows[3:]
    assert first["gold_answer"] == parts["questions"][0].answer
    assert first["context_ids"] == [parts["questions"][0].oracle.id] == [first["oracle_id"]]
    assert first["provenance"] == parts["questions"][0].provenance == "eval split"
    assert first["source"] == parts["questions"][0].source
    assert (first["exact_match"], first["exact_match_explanation"]) == (1.0, None)
    assert first["hit_rate"] == 1.0  # of the retriever: about its documents
    assert (refused["exact_match"], refused["exact_match_explanation"]) == (0.0, "refused")
    assert (mute["f1"], mute["f1_explanation"]) == (0.0, "no final answer")
    assert (mute["judge"], mute["judge_explanation"]) == (None, "unscored")
    assert (first["judge"], first["judge_explanation"]) == (None, None)  # it does not apply


def test_a_column_has_its_type_though_it_is_empty(parts: dict[str, Any], tmp_path: Path) -> None:
    import pyarrow.parquet

    mute = [replace(a, text="", final_answer=None, quotes=()) for a in parts["answers"]]
    parts |= {"answers": mute, "scores": [replace(s, value=None) for s in parts["scores"]]}
    write(tmp_path, parts)
    types = {f.name: str(f.type) for f in pyarrow.parquet.read_schema(tmp_path / "answers.parquet")}
    assert types["exact_match"] == types["judge"] == "double"
    assert types["exact_match_explanation"] == types["final_answer"] == "string"
    assert types["quotes"] == "list<element: string>"


def test_no_answer_at_all_is_written_and_read(parts: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, parts | {"answers": [], "scores": []})
    assert read_answers(tmp_path) == []


def test_a_metric_may_not_hide_a_column(parts: dict[str, Any], tmp_path: Path) -> None:
    parts["scores"].append(Score(parts["questions"][0].id, "student", "oracle", "refused", 1.0))
    with pytest.raises(ValueError, match="refused"):
        write(tmp_path, parts)


def test_the_same_evaluation_gives_the_same_bytes(parts: dict[str, Any], tmp_path: Path) -> None:
    def files() -> dict[str, bytes]:
        return {
            path.name: path.read_bytes() for path in sorted(tmp_path.iterdir()) if path.is_file()
        }

    write(tmp_path, parts)
    before = files()
    assert set(before) == {"answers.jsonl", "answers.parquet", METRICS_FILE}
    write(tmp_path, parts, date="")  # run again, later: the figures keep their date
    assert files() == before
    write(tmp_path, parts, date="", cost=[1])
    assert read_metrics(tmp_path)["date"] > DATE
    (tmp_path / METRICS_FILE).write_text("{")
    write(tmp_path, parts, date="")
    assert read_metrics(tmp_path)["cost"] is None


def test_the_fingerprint_is_of_the_questions(parts: dict[str, Any], tmp_path: Path) -> None:
    def fingerprint(name: str, questions: list[EvalQuestion]) -> str:
        write(tmp_path / name, parts | {"questions": questions})
        return str(read_metrics(tmp_path / name)["questions"]["fingerprint"])

    asked = parts["questions"]
    assert fingerprint("a", asked) == fingerprint("b", asked[::-1])
    assert fingerprint("a", asked) != fingerprint("b", [replace(asked[0], answer="x"), *asked[1:]])


def test_secrets_are_masked(
    parts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_OPENAI_API_KEY", "sk-judge-0123456789")
    monkeypatch.setenv("TEACHER_OPENAI_API_KEY", "sk-judge-")  # the beginning of the other one
    monkeypatch.setenv("STUDENT_OPENAI_API_KEY", "none")
    made_of = {
        "dataset": "nonesuch",
        "models": [{"name": "student", "url": "https://me:pass@models.example/v1"}],
        "parameters": {"max_answer_tokens": 128, "header": "Bearer sk-judge-0123456789"},
    }
    text = write(tmp_path, parts, made_of=made_of).read_text()
    assert "sk-judge" not in text
    assert "pass@" not in text
    made = json.loads(text)["made_of"]
    assert made["dataset"] == "nonesuch"  # "none" is no secret
    assert made["parameters"] == {"max_answer_tokens": 128, "header": "Bearer ***"}
    assert made["models"][0]["url"] == "https://***@models.example/v1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"metrics\.json cannot be read.*No such file.*4_eval"),
        ("{", "cannot be read"),
        ("[]", "schema None"),
        ('{"conditions": []}', "schema None.*reads schema 2"),
        ('{"schema": 1}', "schema 1"),
        ('{"schema": 2, "models": []}', "is damaged.*conditions"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    tmp_path: Path, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / METRICS_FILE).write_text(text)
    with pytest.raises(SetupError, match=said) as raised:
        read_results(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_run_says_what_it_was_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDENT_OPENAI_DEPLOYMENT", "tiny")
    monkeypatch.setenv("STUDENT_OPENAI_API_KEY", "secret")
    recipe = Recipe(models=["student"], seed=1, top_k=[5])
    made_of = describe_run(Path("datasets/d-1"), eval_models(recipe), recipe)
    assert made_of["dataset"] == "d-1"
    assert [model["deployment"] for model in made_of["models"]] == ["tiny"]
    assert made_of["parameters"]["top_k"] == [5]
    assert made_of["version"][0].isdigit()


def test_every_column_of_an_answer_is_there(parts: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, parts)
    names = set(Answer.__annotations__)
    assert names <= read_answers(tmp_path)[0].keys()
