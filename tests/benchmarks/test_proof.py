"""The proof's pure parts: its controls' rows, its nested contexts, its figures and gates."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.proof_ablations import ablations_page
from benchmarks.proof_figures import MAIN, Marks, SeedRun, Training, gates, mark
from benchmarks.proof_page import comparison, write_page
from benchmarks.proof_plots import DISTRACTORS_SVG, SHARE_SVG, read_distractors, read_shares
from benchmarks.proof_rows import (
    BASELINE,
    CONDITIONS,
    ORACLE_ONLY,
    RAFT,
    VARIANTS,
    build_variants,
    nested_contexts,
)
from lib.eval.questions import EvalQuestion
from lib.gen.rows import Built
from lib.gen.splits import assign_splits
from lib.prompts.student import REFUSAL, cot_label, parse_answer
from lib.recipe import Recipe
from lib.records import RaftExample
from lib.settings import PROJECT_DIR, SetupError
from tests.gen.make import chunked, questions_on

RECIPE = Recipe(distractors_per="context", no_oracle_mode="refuse", seed=0)


@pytest.fixture(scope="module")
def built() -> dict[str, Built]:
    chunks, same = chunked(documents=6)
    splits = assign_splits(chunks, same, replace(RECIPE, split_by="document"))
    kept = [chunk for chunk in chunks if splits[chunk.id] != "buffer"]
    # Each question shares words with a chunk that is not its oracle: a hard distractor.
    near = {chunk.id: kept[i - 9].text.split()[1:9] for i, chunk in enumerate(kept)}
    questions = [
        replace(question, text=f"What is {' '.join(near[question.chunk_id])}?")
        for question in questions_on(kept)
    ]
    return build_variants(VARIANTS, questions, chunks, splits, same, RECIPE)


def trained_on(built: Built) -> list[RaftExample]:
    return [example for example in built.examples if example.split == "train"]


# --- rows ----------------------------------------------------------------------------------------


def test_every_variant_trains_on_the_same_questions_in_the_same_order(
    built: dict[str, Built],
) -> None:
    ids = {name: [(e.id, e.split) for e in of.examples] for name, of in built.items()}
    assert set(ids) == {variant.name for variant in VARIANTS}
    assert len(trained_on(built[RAFT])) > 20
    assert all(of_variant == ids[RAFT] for of_variant in ids.values())


def test_a_variant_that_cannot_fill_its_rows_stops_the_proof() -> None:
    chunks, same = chunked(documents=2, sentences=30)
    splits = {chunk.id: "train" for chunk in chunks}
    many = replace(VARIANTS[0], name="many", options={"num_distractors": len(chunks) - 2})
    with pytest.raises(SetupError, match="steps"):
        build_variants(
            [VARIANTS[0], many],
            questions_on(chunks),
            chunks,
            splits,
            same,
            RECIPE,
        )


def test_controls_differ_as_they_say(built: dict[str, Built]) -> None:
    kinds = {name: Counter(e.kind for e in trained_on(of)) for name, of in built.items()}
    assert kinds[RAFT]["refuse"] == pytest.approx(0.24 * kinds[RAFT].total(), abs=1)
    for name in (ORACLE_ONLY, "oracle in every row"):
        assert set(kinds[name]) == {"oracle"}
    assert all(e.context == (e.oracle,) for e in trained_on(built[ORACLE_ONLY]))
    assert {len(e.context) for e in trained_on(built["oracle in every row"])} == {5}
    assert {len(e.context) for e in trained_on(built["2 distractors"])} == {3}
    shares = [kinds[f"oracle probability {p}"]["oracle"] for p in (0.4, 0.6)]
    assert shares[0] < shares[1] < kinds[RAFT]["oracle"]
    own, raft = (trained_on(built[name]) for name in ("a context for each chunk", RAFT))
    assert [e.kind for e in own] == [e.kind for e in raft]
    assert 2 * len({e.context for e in raft}) < len({e.context for e in own})


def test_rows_without_documents_keep_their_label(built: dict[str, Built]) -> None:
    with_documents = trained_on(built["oracle in every row"])
    for row, other in zip(trained_on(built["no documents"]), with_documents, strict=True):
        assert (row.context, row.oracle_position, row.kind) == ((), None, "memorise")
        assert row.label == other.label != REFUSAL
    evaluated = [e for e in built["no documents"].examples if e.split == "eval"]
    assert evaluated
    assert all(e.oracle in e.context for e in evaluated)


def test_labels_without_cot_hold_the_answer_alone(built: dict[str, Built]) -> None:
    for row, raft in zip(trained_on(built["without CoT"]), trained_on(built[RAFT]), strict=True):
        parsed = parse_answer(row.label)
        assert row.context == raft.context
        assert not parsed.quotes
        assert parsed.refused is (raft.kind == "refuse")
        if not parsed.refused:
            assert parsed.final_answer == row.question.answer


# --- contexts ------------------------------------------------------------------------------------


def wide_rows() -> list[RaftExample]:
    chunks, same = chunked(documents=6)
    splits = {chunk.id: "eval" for chunk in chunks}
    wide = replace(VARIANTS[0], options={"num_distractors": 6})
    of = build_variants([wide], questions_on(chunks), chunks, splits, same, RECIPE)
    return of[RAFT].examples


def test_contexts_are_nested_and_keep_their_order() -> None:
    for row in wide_rows():
        contexts = nested_contexts(row, (0, 2, 4, 6), seed=0)
        assert contexts[6] == row.context
        assert contexts[0] == (row.oracle,)
        for k, context in contexts.items():
            ids = [chunk.id for chunk in context]
            assert len(ids) == k + 1
            assert row.oracle.id in ids
            assert ids == [chunk.id for chunk in row.context if chunk.id in ids]
        assert set(contexts[2]) < set(contexts[4]) < set(contexts[6])


def test_the_oracle_stands_anywhere_in_a_cut_context() -> None:
    rows = wide_rows()
    places = Counter(nested_contexts(row, (2,), seed=0)[2].index(row.oracle) for row in rows)
    assert len(rows) > 100
    assert all(0.2 < places[place] / len(rows) < 0.47 for place in range(3))


def test_a_row_without_its_oracle_cannot_be_cut() -> None:
    row = wide_rows()[0]
    with pytest.raises(ValueError, match="oracle"):
        nested_contexts(replace(row, oracle_position=None), (2,), seed=0)
    with pytest.raises(ValueError, match="7 distractors"):
        nested_contexts(row, (2, 7), seed=0)


# --- figures -------------------------------------------------------------------------------------


def test_marks_of_replies() -> None:
    chunk = chunked()[0][0]
    quote = " ".join(chunk.text.split()[:4])
    question = EvalQuestion("q", "Who?", "red fox", (quote,), chunk, (chunk,))
    replies = [
        cot_label("It says:", quote, "The red fox."),
        cot_label("It says:", "nowhere at all", "red hen"),
        "<ANSWER>: red fox",
        REFUSAL,
        "no answer here",
    ]
    marks = mark(replies, [question] * 5)
    assert marks.exact_match == (1, 0, 1, 0, 0)
    assert marks.f1 == pytest.approx((1, 0.5, 1, 0, 0))
    assert marks.quotes == (True, False, None, None, None)
    assert marks.refused == (False, False, False, True, False)


def marks_of(rate: float, *, refused: float = 0.0, n: int = 200) -> Marks:
    """The first ones right, the last ones refused."""
    exact = tuple(float(i < round(rate * n)) for i in range(n))
    refusals = tuple(i >= n - round(refused * n) for i in range(n))
    quotes = tuple(
        None if gone else bool(right) for gone, right in zip(refusals, exact, strict=True)
    )
    return Marks(exact, exact, quotes, refusals)


def run_of(seed: int = 0, **changed: Marks) -> SeedRun:
    """A seed that meets every gate; `changed` by "RAFT_oracle_4" or "baseline_oracle"."""
    models = [BASELINE, *(variant.name for variant in VARIANTS)]
    marks = {(m, c): marks_of(0.3) for m in models for c in CONDITIONS}
    marks |= {(BASELINE, "oracle"): marks_of(0.5), (RAFT, "oracle"): marks_of(0.9)}
    marks[RAFT, MAIN] = replace(
        marks_of(0.8), quotes=(True,) * 190 + (None,) * 10, refused=(False,) * 190 + (True,) * 10
    )
    marks[RAFT, "distractors"] = marks_of(0.0, refused=0.7)
    for name, given in changed.items():
        model, _, condition = name.partition("_")
        assert (model, condition) in marks
        marks[model, condition] = given
    shares = (0.76, 1, 0, 0.76, 1, 0.76, 0.76, 0.38, 0.57, 0.76)
    trainings = {
        variant.name: Training(700, share, 200, 400_000, 120.0)
        for variant, share in zip(VARIANTS, shares, strict=True)
    }
    chunks = tuple(f"c{i}" for i in range(200))
    return SeedRun(seed, chunks, 12, 0, 0.9, trainings, marks)


def test_gates_are_reached_and_say_their_numbers() -> None:
    found = gates([run_of(0), run_of(1)])
    assert [gate.demand for gate in found if not gate.reached] == []
    figures = {gate.demand: gate.found for gate in found}

    def of(start: str) -> tuple[float, ...]:
        return next(figures[demand] for demand in figures if demand.startswith(start))

    assert of("RAFT − baseline") == (50, 50)
    assert of("RAFT, refusals that are right") == pytest.approx((100 * 140 / 150,) * 2)
    assert of("RAFT, questions refused") == (70, 70)


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({"RAFT_oracle_4": marks_of(0.64)}, {"RAFT, exact match"}),
        (
            {"RAFT_oracle_4": marks_of(0.3)},
            {"RAFT − base", "the same", "RAFT, exact", "RAFT − the"},
        ),
        ({"baseline_oracle_4": marks_of(0.5)}, {"baseline, exact match lost"}),
        ({"baseline_oracle": marks_of(0.39)}, {"baseline, exact match, the oracle"}),
        ({"oracle only_oracle_4": marks_of(0.8)}, {"RAFT − the oracle-only"}),
        ({"RAFT_distractors": marks_of(0, refused=0.5)}, {"RAFT, questions refused"}),
        ({"RAFT_distractors": marks_of(0, refused=0.0)}, {"RAFT, refusals", "RAFT, questions"}),
    ],
)
def test_one_seed_that_misses_a_gate_misses_it(changed: dict[str, Marks], missed: set[str]) -> None:
    quoting = {
        name: replace(marks, quotes=(True,) * 200) if name == "RAFT_oracle_4" else marks
        for name, marks in changed.items()
    }
    found = [gate.demand for gate in gates([run_of(0), run_of(1, **quoting)]) if not gate.reached]
    assert len(found) == len(missed)
    assert all(any(demand.startswith(start) for demand in found) for start in missed)


def test_bounds_of_the_gates() -> None:
    exactly = replace(marks_of(0.65), quotes=(True,) * 170 + (False,) * 30)
    found = {gate.demand: gate for gate in gates([run_of(0, RAFT_oracle_4=exactly)])}
    assert [gate.demand for gate in found.values() if not gate.reached] == []
    worse = replace(exactly, quotes=(True,) * 169 + (False,) * 31)
    missed = [gate for gate in gates([run_of(0, RAFT_oracle_4=worse)]) if not gate.reached]
    assert [gate.found for gate in missed] == [(84.5,)]


def test_documents_that_were_trained_on_and_few_questions_are_missed_gates() -> None:
    run = replace(run_of(), num_shared=1)
    assert [gate.found for gate in gates([run]) if not gate.reached] == [(1,)]
    few = {
        key: Marks(*(values[:149] for values in vars(marks).values()))
        for key, marks in run_of().marks.items()
    }
    short = replace(run_of(), clusters=run_of().clusters[:149], marks=few)
    assert (149,) in [gate.found for gate in gates([short]) if not gate.reached]


def test_no_refusal_at_all_has_no_precision() -> None:
    run = run_of(RAFT_oracle_4=marks_of(0.8), RAFT_distractors=marks_of(0))
    precision, recall = run.refusals(RAFT)
    assert math.isnan(precision)
    assert recall == 0


# --- the page ------------------------------------------------------------------------------------


def test_the_reading_follows_the_figures() -> None:
    better, even = run_of(0), run_of(1, RAFT_oracle_4=marks_of(0.3))
    worse = run_of(2, RAFT_oracle_4=marks_of(0.1))
    assert "is better than “baseline” in each of 2 seeds" in comparison(
        [better] * 2, BASELINE, MAIN
    )
    assert "is worse than “baseline” in one seed" in comparison([worse], BASELINE, MAIN)
    assert "cannot be told apart in one seed" in comparison([even], BASELINE, MAIN)
    mixed = comparison([better, even, worse], BASELINE, MAIN)
    assert "better in 1 of 3 seeds, worse in 1, and cannot be told apart in 1" in mixed
    assert "40% against 30%, +50, 0, -20 points" in mixed


def test_the_plots_are_read_by_rule() -> None:
    run = run_of(0, **{"oracle probability 0.6_oracle": marks_of(0.95)})
    said = read_shares(run)
    assert "with the oracle alone exact match is highest, 95%, at 57%" in said
    assert "with 4 distractors beside it exact match is highest, 80%, at 76%" in said
    assert "-20 (not trained), 0 (trained with 0)" in read_distractors(run)
    assert "-60 (trained with 4, RAFT)" in read_distractors(run)


def test_the_page_states_every_gate(tmp_path: Path) -> None:
    runs = [run_of(0), run_of(1, RAFT_oracle_4=marks_of(0.6))]
    found = gates(runs)
    path = write_page(runs, VARIANTS, found, Recipe(num_epochs=2.5), docs_dir=tmp_path)
    page = path.read_text()
    assert page.count("**not reached**") == sum(not gate.reached for gate in found) > 0
    assert page.count("| reached |") == sum(gate.reached for gate in found) > 0
    for line in page.splitlines():
        if line.startswith("|"):
            assert "nan" not in line


def test_the_page_of_the_ablations_shows_both_plots(tmp_path: Path) -> None:
    page = ablations_page(run_of(), VARIANTS, Recipe(), tmp_path)
    assert all(f"“{variant.name}”" in page for variant in VARIANTS if variant.name != RAFT)
    for name in (SHARE_SVG, DISTRACTORS_SVG):
        assert f"]({name})" in page
        assert (tmp_path / name).read_text().startswith("<svg")


def test_the_readme_says_what_the_proof_says() -> None:
    def rows(text: str) -> dict[str, list[str]]:
        lines = [line.strip("|").split("|") for line in text.splitlines() if line[:1] == "|"]
        return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}

    proof = (PROJECT_DIR / "docs" / "proof.md").read_text(encoding="utf-8")
    overview = rows(proof.partition("\n## Exact match\n")[2].partition("\n## ")[0])
    said = rows((PROJECT_DIR / "README.md").read_text(encoding="utf-8"))
    places = {name: place for place, name in enumerate(CONDITIONS.values())}
    places["the oracle among 4 distractors"] = places[CONDITIONS[MAIN]]
    checked = [condition for condition in said if condition in places]
    assert len(checked) == 4
    for condition in checked:
        models = (BASELINE, RAFT, ORACLE_ONLY)
        assert said[condition][:3] == [overview[model][places[condition]] for model in models]
