"""What the benchmark of API calls reads, trains on, asks and counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.apibench import (
    FILES,
    Bench,
    bench_recipe,
    evaluation_cases,
    is_right,
    made_up,
    read_bench,
    share_right,
    write_rows,
)
from lib.dataset import read_dataset
from lib.prompts.student import cot_label, parse_answer
from lib.records import Question
from lib.settings import SetupError
from lib.store import read_jsonl, write_jsonl
from lib.text import find_quote

GOLD = "torch.hub.load(repo_or_dir='a/b', model='net', pretrained=True)"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made_up(tmp_path)
    return read_bench(tmp_path)


def test_both_forms_of_an_instruction_are_read(bench: Bench) -> None:
    texts = [question.text for question in bench.train]
    assert len(bench.documents) == 12
    assert (len(texts), len(bench.test)) == (24, 4)
    assert all(text.startswith("Solve ") and text.endswith(".") for text in texts[:12])
    assert all(text.startswith("Find an API for ") and "#" not in text for text in texts[12:])


def test_an_instruction_without_its_record_is_named(tmp_path: Path) -> None:
    made_up(tmp_path)
    rows = read_jsonl(tmp_path / FILES[2])
    write_jsonl(tmp_path / FILES[2], [*rows[:2], rows[2] | {"api_call": "other()"}])
    with pytest.raises(SetupError, match="test-3 of APIBench has no known api_call"):
        read_bench(tmp_path)
    (tmp_path / FILES[1]).unlink()
    with pytest.raises(SetupError, match=f"no {FILES[1]}"):
        read_bench(tmp_path)


def test_rows_are_the_paper_s_and_quote_the_record(bench: Bench) -> None:
    recipe = bench_recipe()
    dataset = read_dataset(write_rows(bench, recipe))
    rows = dataset.examples("train")
    assert len(rows) + len(dataset.examples("valid")) == len(bench.train)
    kinds = Counter(row.kind for row in rows)
    assert set(kinds) == {"oracle", "memorise"}
    assert kinds["oracle"] == pytest.approx(0.8 * len(rows), abs=2)
    for row in rows:
        assert len({chunk.id for chunk in row.context}) == 5
        assert (row.oracle in row.context) == (row.kind == "oracle")
        parsed = parse_answer(row.label)
        assert parsed.final_answer == row.question.answer
        assert all(find_quote(quote, row.oracle.text) for quote in parsed.quotes)


def test_every_test_instruction_is_asked_in_each_way(bench: Bench) -> None:
    cases = evaluation_cases(bench, bench_recipe())
    assert list(cases) == ["closed_book", "oracle_distractors", "top_5"]
    shown = {"closed_book": 0, "oracle_distractors": 5, "top_5": 5}
    for condition, asked in cases.items():
        assert [case.question_id for case in asked] == [q.id for q in bench.test]
        assert {len(case.chunks) for case in asked} == {shown[condition]}
    assert all(case.oracle_in_context for case in cases["oracle_distractors"])


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        (cot_label("It says:", "x", GOLD), True),
        (f"<ANSWER>: model = {GOLD}", True),
        ("<ANSWER>: torch.hub.load(model='net', pretrained=True, repo_or_dir=\"a/b\")", True),
        (f"<<<domain>>>: x <<<api_call>>>: {GOLD}, <<<code>>>: y", True),
        ("<ANSWER>: torch.hub.load(repo_or_dir='a/b', model='other', pretrained=True)", False),
        ("<ANSWER>: torch.hub.load(repo_or_dir='a/b', model='net')", False),
        (f"Use {GOLD}", False),
        ("", False),
    ],
)
def test_a_reply_is_right_by_its_syntax_tree(reply: str, right: bool) -> None:
    assert is_right(reply, GOLD) is right


def test_a_call_that_is_not_python_must_be_the_same_text() -> None:
    gold = "torch.hub.load(repo_or_dir='a/b', 'net', pretrained=True)"
    assert is_right(f"<ANSWER>: {gold.replace(', ', ',')}", gold)
    assert not is_right(f"<ANSWER>: {gold.replace('net', 'other')}", gold)


def test_shares_are_percent_of_all() -> None:
    questions = [Question(f"q{n}", "c", "?", "", GOLD) for n in range(4)]
    assert share_right([f"<ANSWER>: {GOLD}", "", "x", "<ANSWER>: y()"], questions) == 25
