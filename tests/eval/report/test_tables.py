"""The tables: the figures of the results, escaped, whatever was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from lib.eval.report.page import STYLE
from lib.eval.report.tables import show_metrics, show_table, show_verdict
from lib.eval.results import Results
from lib.eval.verdict import claim_of, verdict_of
from lib.eval.wording import METRIC_NAMES, interval, p_value, percent, points, signed
from lib.prompts.student import REFUSAL
from tests.eval.toy import Page, evaluated, results_of
from tests.plain_html import glued

ATTACK = "<script>alert(1)</script>"
MODELS = ("student", "baseline", "baseline, plain prompt", "teacher")
CONDITIONS = ("closed_book", "oracle", "distractors_only", "top_3", "top_5")
SHOWN = (show_verdict, show_table, show_metrics)


@pytest.fixture(scope="module")
def results() -> Results:
    def replies(model: int) -> Callable[[int, Any, str], str]:
        def reply(i: int, case: Any, right: str) -> str:
            if case.condition == "distractors_only":
                return REFUSAL if i % (model + 1) == 0 else right
            if i % 5 == 4:
                return "mute" if model == 0 else REFUSAL
            half = "" if i % (model + 1) == 0 else " and something else"  # F1 is not exact match
            return right + half

        return reply

    of_models = {name: replies(place) for place, name in enumerate(MODELS)}
    return evaluated(of_models, count=20, conditions=CONDITIONS).results


def test_the_table_holds_the_figures_of_the_results(results: Results) -> None:
    rows = Page(show_table(results).data).rows[1:]
    shown = [c for c in CONDITIONS if c != "distractors_only"]
    size = 2 * len(MODELS)  # a title, the models, the first minus each other
    assert len(rows) == len(shown) * size
    for place, condition in enumerate(shown):
        title, *others = rows[place * size : (place + 1) * size]
        of_models, differences = others[: len(MODELS)], others[len(MODELS) :]
        assert title[0].startswith(f"{condition}: ")
        hits = results.estimate("retriever", condition, "hit_rate")
        assert (f"for {percent(hits.value)}%" in title[0]) if hits else ("%" not in title[0])
        for model, cells in zip(MODELS, of_models, strict=True):
            exact = results.estimate(model, condition, "exact_match")
            f1 = results.estimate(model, condition, "f1")
            assert exact
            assert f1
            silent = f" ({exact.no_answer} without an answer)" if exact.no_answer else ""
            assert bool(silent) == (model == "student")
            assert cells == [
                model,
                f"{exact.n}{silent}",
                f"{percent(exact.value)} ({interval(exact)})",
                f"{percent(f1.value)} ({interval(f1)})",
                *([""] * 3),  # no word about a difference is in the row of a model
            ]
        for against, cells in zip(MODELS[1:], differences, strict=True):
            one = results.comparison(against, condition, "exact_match")
            assert one
            decides = one is results.deciding
            assert cells[:-1] == [
                f"student minus {against} (points{', decides' if decides else ''})",
                f"{one.n}",
                f"{signed(one.difference)} ({points(one)})",
                "",
                f"{one.won} – {one.lost}",
                p_value(one.p if decides else one.p_holm),
            ]
            assert cells[-1].startswith(one.verdict)
    assert sum("decides" in cell for row in rows for cell in row) == 1


@pytest.mark.parametrize("first", ["dense", "keywords + rerank"])
@pytest.mark.parametrize("models", [MODELS[:1], MODELS[:2]])
def test_retrieval_settings_stand_beside_each_other(first: str, models: Sequence[str]) -> None:
    def reply(i: int, case: Any, right: str) -> str:
        return right if i % (2 if case.condition == "top_3" else 5) else "mute"

    conditions = ("oracle", "top_5", "top_3_hybrid_rerank", "top_3_dense", "top_3")
    found = evaluated(dict.fromkeys(models, reply), count=20, conditions=conditions).results
    found = replace(found, primary=replace(found.primary, retrieval=first))
    html = show_table(found).data
    several, settings = html.split('<div class="ob-scroll"')[1:]
    assert "Retrieval settings" not in several
    header, *rows = Page("<div" + settings).rows
    assert [row[0] for row in rows] == [first, "hybrid + rerank", "dense"]
    assert header.count(f"Minus {first}") == 2
    for condition, row in zip(("top_3", "top_3_hybrid_rerank", "top_3_dense"), rows, strict=True):
        one = found.estimate("student", condition, "exact_match")
        hits = found.estimate("retriever", condition, "hit_rate")
        assert one
        assert hits
        assert row[1:3] == ["20", f"{percent(one.value)} ({interval(one)})"]
        assert row[7] == f"{percent(hits.value)} ({interval(hits)})"
        pair = found.setting("student", condition, "exact_match")
        change = found.setting("retriever", condition, "hit_rate")
        assert bool(pair) == bool(change) == (condition != "top_3")
        if pair and change:
            assert row[3:6] == [
                f"{signed(pair.difference)} ({points(pair)})",
                f"{pair.won} – {pair.lost}",
                p_value(pair.p_holm),
            ]
            assert row[6].startswith(pair.verdict)
            assert row[8] == f"{signed(change.difference)} ({points(change)})"
        else:
            assert row[3:7] + row[8:] == [""] * 5
    by_first = "" if first == "dense" else f" by {first}"
    assert f"top_3: the 3 nearest chunks{by_first};" in several
    assert "top_3_hybrid_rerank: the 3 nearest chunks by hybrid + rerank;" in several
    assert f"under top_3 (the 3 nearest chunks{by_first})" in show_verdict(found).data
    one_setting = replace(found, conditions=("oracle", "top_3"))
    assert show_table(one_setting).data.count("<table") == 1


@pytest.mark.parametrize("metric", ["f1", "judge_correct"])
def test_another_metric_may_decide_the_table(metric: str) -> None:
    values: dict[str, list[float | None]] = {
        "student": [1.0, 0.5, None],
        "baseline": [0.5, 0.5, 0.0],
    }
    results = results_of(values, more={"f1": values, "judge_correct": values}, metric=metric)
    html = show_table(results).data
    header = Page(html).rows[0]
    assert header[2] == METRIC_NAMES[metric][0]
    assert {"Exact match", "Token F1"} <= set(header)
    assert METRIC_NAMES[metric][0] in show_verdict(results).data


def test_every_other_figure_stands_in_the_metrics_once(results: Results) -> None:
    html = show_metrics(results).data
    tables = html.split("<table")[1:]
    assert len(tables) == len(CONDITIONS)
    assert html.count("<details") == len(CONDITIONS) - 1
    main = Page("<table" + tables[0])
    assert "under top_5" in tables[0]
    assert "refused_rightly" not in html
    assert sum("Refused rightly" in one for one in tables) == 1  # of distractors_only
    names = {row[0].split(" ")[0]: row for row in main.rows}
    for model, cell in zip(MODELS, names["chrF"][1:], strict=True):
        one = results.estimate(model, "top_5", "chrf")
        assert one
        assert cell.startswith(f"{percent(one.value)} ({interval(one)} · n {one.n})")
    assert not re.search(
        "better|worse", re.sub("more is better|less is better", "", "".join(tables))
    )  # what is not tested has no word
    assert len(set(names["MRR"][1:])) == 1  # the same documents for all models
    assert not any(name.startswith("Judge") for name in names)  # absent without one, not 0


def test_judge_and_unknown_metrics_have_their_place() -> None:
    values = {"student": [1.0, 0.5], "baseline": [0.5, 0.5]}
    more = {"judge_correct": values, "my_metric": values}
    html = show_metrics(results_of(values, more=more)).data
    assert "Judge: correct" in html
    assert "my metric" in html


def test_the_verdict_shows_claim_figures_and_sentence(results: Results) -> None:
    html = show_verdict(results).data
    assert claim_of(results) in html
    assert verdict_of(results).replace("'", "&#39;") in html
    good, poor = [1.0] * 30, [0.0] * 30
    kinds = {
        "better": results_of({"student": good, "baseline": poor}),
        "worse": results_of({"student": poor, "baseline": good}),
        "cannot": results_of({"student": good, "baseline": good}),
    }
    for kind, of_kind in kinds.items():
        assert f'class="ob-verdict ob-{kind}"' in show_verdict(of_kind).data
    mixed = results_of({"student": good, "baseline": poor, "baseline, plain prompt": good})
    assert 'class="ob-verdict ob-cannot"' in show_verdict(mixed).data


@pytest.mark.parametrize("show", SHOWN)
@pytest.mark.parametrize(
    "odd",
    [
        results_of({"student": [1.0, 0.0, None]}),
        results_of({"student": [None, None], "baseline": [None, 1.0]}),
        results_of({"student": [1.0], "baseline": []}),
        results_of({ATTACK: [1.0, 0.0], f"{ATTACK}, plain prompt": [0.0, 0.0]}),
        results_of({f"a model with a name of its own, number {i}": [1.0] for i in range(9)}),
        Results(("student",), (), [], []),
        Results((), (), [], []),
        results_of({"student": [None, None]}, conditions=("top_5_hybrid", "top_5")),
    ],
    ids=["one", "unscored", "no answers", "attack", "nine", "no scores", "nothing", "setting"],
)
def test_odd_inputs_are_shown(show: Callable[[Results], Any], odd: Results) -> None:
    html = show(odd).data.replace(STYLE, "")
    assert "<script" not in html
    assert not re.search(r"\bnan\b|None", html, re.IGNORECASE)
    assert html.count("<table") == html.count("<caption>") == html.count("<thead>")
    for one in html.split("<table")[1:]:
        assert len({len(row) for row in Page(f"<table{one}").rows if len(row) > 2}) <= 1
    assert glued(html) == []


def test_every_cell_that_names_others_says_which(results: Results) -> None:
    for show in (show_table, show_metrics):
        html = show(results).data
        assert not re.search(r"<th(?!ead| scope=)", html)
        assert html.count('tabindex="0"') == html.count("<table")


def test_the_style_is_of_no_paper() -> None:
    """Tints alone: a fixed background would be wrong on light paper or on dark."""
    for colour in re.findall(r"background: ([^;}]+)", STYLE):
        assert colour == "none" or re.fullmatch(r"rgba\(.*,\s*\.\d+\)", colour), colour
    assert not re.search(r"[^-]color: (?!inherit)", STYLE)
