"""The verdict and the figures as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.eval.conditions import meaning
from lib.eval.metrics import METRICS, RETRIEVAL, RETRIEVER
from lib.eval.metrics.refusals import REFUSED_RIGHTLY, REFUSED_WRONGLY
from lib.eval.report.page import Table, show, show_note, table_of
from lib.eval.results import Comparison, Estimate, Results
from lib.eval.statistics import BETTER, CANNOT_TELL, WORSE
from lib.eval.summaries import HEADLINE, STRICT
from lib.eval.verdict import claim_of, main_comparison, main_condition, plain_comparison, verdict_of
from lib.eval.wording import (
    METRIC_NAMES,
    NONE,
    interval,
    is_absent,
    metric_name,
    p_value,
    percent,
    points,
    signed,
)

if TYPE_CHECKING:
    from IPython.display import HTML


# --- the verdict ---------------------------------------------------------------------------------


def show_verdict(results: Results) -> HTML:
    """The claim in large, its figures, and the sentence of `verdict_of`."""
    one = main_comparison(results)
    plain = plain_comparison(results) if one else None
    word = one.verdict if one else CANNOT_TELL
    if word == BETTER and plain and plain.verdict != BETTER:
        word = CANNOT_TELL  # in the colour: the claim says which of the two
    return show(
        "verdict.html.j2",
        kind={BETTER: "better", WORSE: "worse"}.get(word, "cannot"),
        claim=claim_of(results),
        sentence=verdict_of(results),
        one=one,
        plain=plain,
    )


# --- who is right, how often ---------------------------------------------------------------------

_TABLE_NOTE = (
    "Each figure with its 95% interval; those of differences are of pairs on the same questions, "
    "clustered by chunk. n = scored replies. Unscored replies hold no final answer and are in no "
    "mean; “strict” counts them as wrong. Won – lost: questions that only one of the two has "
    "right. p: exact, corrected by Holm over all comparisons of this table. Relative to 0: n/a. "
    "The verdict’s own condition is tinted."
)


def show_table(results: Results) -> HTML:
    """Exact match and F1 of each model under each condition, and the first against each other.

    Percent with 95% intervals; differences in points. `distractors_only`, where no answer is
    right, is in `show_metrics`.
    """
    titles = {c: _title(results, c) for c in results.conditions if _has(results, c, HEADLINE)}
    if not titles:
        return show_note("No reply was scored for exact match.")
    rows = [
        {"Condition": title, "Model": model, **_figures(results, condition, model)}
        for condition, title in titles.items()
        for model in results.models
    ]
    table = Table(
        "Exact match and F1 under each condition",
        table_of(rows, "Condition", "Model"),
        _TABLE_NOTE,
        main=titles.get(main_condition(results), ""),
    )
    return show("tables.html.j2", one=table)


def _title(results: Results, condition: str) -> str:
    title = f"{condition}: {meaning(condition)}"
    if hits := results.estimate(RETRIEVER, condition, "hit_rate"):
        title += f"; the answer among them for {percent(hits.value)}% ({interval(hits)})"
    return title


def _has(results: Results, condition: str, metric: str) -> bool:
    return any(e.condition == condition and e.metric == metric for e in results.estimates)


def _figures(results: Results, condition: str, model: str) -> dict[str, str]:
    first = results.models[0]
    exact, strict, f1 = (
        results.estimate(model, condition, metric) for metric in (HEADLINE, HEADLINE + STRICT, "f1")
    )
    cells = {
        "n": f"{exact.n:,}" if exact else NONE,
        "Un\u00adscored": f"{exact.unscored:,}" if exact else NONE,
        "Exact match, %": _value(exact),
        "Strict, %": percent(strict.value) if strict else NONE,
        "F1, %": _value(f1),
    }
    names = (f"{first} minus it, points", "Rela\u00adtive", "Won – lost", "p (Holm)", f"{first} is")
    if model != first:
        compared = _compared(results.comparison(model, condition, HEADLINE))
        cells |= dict(zip(names, compared, strict=True))
    elif len(results.models) > 1:
        cells |= dict.fromkeys(names, "")
    return cells


def _compared(one: Comparison | None) -> list[str]:
    if one is None or not one.n:
        return [NONE] * 5
    needed = f"\n{one.questions_needed:,} needed" if one.questions_needed else ""
    return [
        f"{signed(one.difference)}\n{points(one)}",
        f"{signed(one.ratio)}%" if one.ratio is not None else "n/a",
        f"{one.won} – {one.lost}\nof {one.n:,}",
        p_value(one.p_holm),
        one.verdict + needed,
    ]


def _value(one: Estimate | None) -> str:
    if one is None or is_absent(one.value):
        return NONE
    return f"{percent(one.value)}\n{interval(one)}"


# --- what else was measured ----------------------------------------------------------------------

_REFUSALS = (REFUSED_RIGHTLY, REFUSED_WRONGLY)
_QUOTES = ("quotes_in_context", "quotes_in_oracle")
_JUDGE = "judge_"
_IN_TABLE = {HEADLINE, HEADLINE + STRICT, "f1"}  # shown by show_table


def show_metrics(results: Results) -> HTML:
    """Every other metric, grouped, a column a model: the verdict's condition, the others folded."""
    if not results.conditions:
        return show_note("Nothing was scored.")
    main = main_condition(results)
    tables = {c: found for c in results.conditions if (found := _metrics_table(results, c))}
    note = (
        "Percent with 95% intervals; n = replies that have a value. “better” and “worse” compare "
        f"{results.models[0] if results.models else 'the first model'} with that model, each by "
        "its own interval, not corrected for how many there are; no word = cannot tell. Ratings of "
        "a judge, 1 to 5, are shown as 0 to 100%."
    )
    folds = [(f"{c}: {meaning(c)}", found) for c, found in tables.items() if c != main]
    if main in tables:
        return show("tables.html.j2", one=tables[main], folds=folds, notes=[note])
    return show_note(f"Under {main} nothing else was measured.")


def _metrics_table(results: Results, condition: str) -> Table | None:
    rows = [
        {"Group": group, "Metric": name} | dict(zip(results.models, cells, strict=True))
        for group, metrics in _groups(results).items()
        for metric in metrics
        if _has(results, condition, metric)
        for name, cells in [_metric_row(results, condition, metric)]
    ]
    if not rows:
        return None
    caption = f"What else was measured under {condition}, %"
    return Table(caption, table_of(rows, "Group", "Metric"))


def _groups(results: Results) -> dict[str, list[str]]:
    known = dict.fromkeys(e.metric for e in results.estimates if e.metric not in _IN_TABLE)
    groups = {
        "Overlap with the right answer": [m for m in METRICS if m not in (*_QUOTES, *_REFUSALS)],
        "Quotes": list(_QUOTES),
        "Refusals": list(_REFUSALS),
        "Retrieval, the same for all models": list(RETRIEVAL),
        "Judge": [m for m in known if m.startswith(_JUDGE) and not m.endswith(STRICT)],
    }
    listed = {metric for metrics in groups.values() for metric in metrics}
    groups["Others"] = [m for m in known if m not in listed]
    return {group: [m for m in metrics if m in known] for group, metrics in groups.items()}


def _metric_row(results: Results, condition: str, metric: str) -> tuple[str, list[str]]:
    name = f"{metric_name(metric)}\n{METRIC_NAMES.get(metric, ('', ''))[1]}"
    if found := results.estimate(RETRIEVER, condition, metric):
        same = f"{percent(found.value)}\n{interval(found)} · n {found.n:,}"
        return name, [same] * len(results.models)
    return name, [_metric_cell(results, condition, metric, model) for model in results.models]


def _metric_cell(results: Results, condition: str, metric: str, model: str) -> str:
    one = results.estimate(model, condition, metric)
    if one is None or is_absent(one.value):
        return f"{NONE}\nunscored" if one else NONE
    compared = results.comparison(model, condition, metric)
    word = f" · {compared.verdict}" if compared and compared.verdict != CANNOT_TELL else ""
    return f"{_value(one)} · n {one.n:,}{word}"
