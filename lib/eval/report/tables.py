"""The verdict and the figures as HTML that reads in light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.eval.conditions import meaning
from lib.eval.metrics import METRICS, RETRIEVAL, RETRIEVER
from lib.eval.metrics.refusals import REFUSED_RIGHTLY, REFUSED_WRONGLY
from lib.eval.report.markup import escaped, fold, group, note, page, row, small, table
from lib.eval.results import Comparison, Estimate, Results
from lib.eval.runs.runs import main_condition
from lib.eval.statistics import BETTER, CANNOT_TELL, WORSE
from lib.eval.summaries import HEADLINE, STRICT
from lib.eval.verdict import claim_of, main_comparison, plain_comparison, verdict_of
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
        word = CANNOT_TELL  # in the colour: the claim above says which of the two
    kind = {BETTER: "better", WORSE: "worse"}.get(word, "cannot")
    figures = _figures(one, plain) if one and one.n else ""
    return page(
        f'<section class="ob-verdict ob-{kind}" aria-label="Verdict">'
        f'<p class="ob-claim">{escaped(claim_of(results))}</p>{figures}'
        f"<p>{escaped(verdict_of(results))}</p></section>"
    )


def _figures(one: Comparison, plain: Comparison | None) -> str:
    sure = f"difference; 95% interval {points(one)}"
    shown = [
        (one.model, f"{percent(one.value)}%"),
        (one.against, f"{percent(one.against_value)}%"),
        (sure, f"{signed(one.difference)} points"),
    ]
    if plain and plain.n:
        shown.append((plain.against, f"{percent(plain.against_value)}%"))
    needed = f"; about {one.questions_needed:,} needed" if one.questions_needed else ""
    shown.append((f"questions{needed}", f"{one.n:,}"))
    items = (f"<div><dt>{escaped(name)}</dt><dd>{value}</dd></div>" for name, value in shown)
    what = f"{metric_name(one.metric)} under {one.condition} ({meaning(one.condition)}):"
    return f'<p class="ob-note">{escaped(what)}</p><dl class="ob-figures">{"".join(items)}</dl>'


# --- who is right, how often ---------------------------------------------------------------------


def show_table(results: Results) -> HTML:
    """Exact match and F1 of each model under each condition, and the first against each other.

    Percent with 95% intervals; differences in points. `distractors_only`, where no answer is
    right, stands in `show_metrics`.
    """
    first = escaped(results.models[0]) if results.models else ""
    head = ["Model", "n", "Un&shy;scored", "Exact match, %", "Strict, %", "F1, %"]
    if len(results.models) > 1:
        head += [f"{first} minus it, points", "Rela&shy;tive", "Won – lost", "p (Holm)"]
        head += [f"{first} is"]
    shown = [c for c in results.conditions if _has(results, c, HEADLINE)]
    if not shown:
        return page(note("No reply was scored for exact match."))
    groups = [_condition_group(results, condition, len(head)) for condition in shown]
    return page(table("Exact match and F1 under each condition", head, groups), note(_NOTE))


_NOTE = (
    "Each figure with its 95% interval; those of differences are of pairs on the same questions, "
    "clustered by chunk. n = scored replies. Unscored replies hold no final answer and are in no "
    "mean; “strict” counts them as wrong. Won – lost: questions that one of the two alone has "
    "right. p: exact, corrected by Holm over all comparisons of this table. Relative to a figure "
    "of 0 nothing is: n/a. The verdict’s own condition is tinted."
)


def _has(results: Results, condition: str, metric: str) -> bool:
    return any(e.condition == condition and e.metric == metric for e in results.estimates)


def _condition_group(results: Results, condition: str, columns: int) -> str:
    title = f"{escaped(condition)}: {escaped(meaning(condition))}"
    if hits := results.estimate(RETRIEVER, condition, "hit_rate"):
        title += f"; the answer among them for {percent(hits.value)}% ({interval(hits)})"
    rows = [_model_row(results, condition, model) for model in results.models]
    main = condition == main_condition(results)
    return group(rows, title=title, columns=columns, main=main)


def _model_row(results: Results, condition: str, model: str) -> str:
    def found(metric: str) -> Estimate | None:
        return results.estimate(model, condition, metric)

    exact = found(HEADLINE)
    cells = [
        f"{exact.n:,}" if exact else NONE,
        f"{exact.unscored:,}" if exact else NONE,
        _value(exact),
        percent(strict.value) if (strict := found(HEADLINE + STRICT)) else NONE,
        _value(found("f1")),
    ]
    if model != results.models[0]:
        cells += _compared(results.comparison(model, condition, HEADLINE))
    elif len(results.models) > 1:
        cells += [""] * 5
    return row(escaped(model), cells)


def _compared(one: Comparison | None) -> list[str]:
    if one is None or not one.n:
        return [NONE] * 5
    word = escaped(one.verdict)
    needed = f"{one.questions_needed:,} needed" if one.questions_needed else ""
    return [
        f"{signed(one.difference)}{small(points(one))}",
        f"{signed(one.ratio)}%" if one.ratio is not None else "n/a",
        f"{one.won} – {one.lost}{small(f'of {one.n:,}')}",
        escaped(p_value(one.p_holm)),
        f"{word if one.verdict == CANNOT_TELL else f'<b>{word}</b>'}{small(needed)}",
    ]


def _value(one: Estimate | None) -> str:
    if one is None or is_absent(one.value):
        return NONE
    return f"{percent(one.value)}{small(interval(one))}"


# --- what else was measured ----------------------------------------------------------------------

_REFUSALS = (REFUSED_RIGHTLY, REFUSED_WRONGLY)
_QUOTES = ("quotes_in_context", "quotes_in_oracle")
_JUDGE = "judge_"
_APART = {HEADLINE, HEADLINE + STRICT, "f1"}  # in show_table


def show_metrics(results: Results) -> HTML:
    """Every other metric, grouped, a column a model: the verdict's condition, the others folded."""
    if not results.conditions:
        return page(note("Nothing was scored."))
    main = main_condition(results)
    others = [condition for condition in results.conditions if condition != main]
    return page(
        _metrics_table(results, main),
        *(fold(f"{escaped(c)}: {escaped(meaning(c))}", _metrics_table(results, c)) for c in others),
        note(
            "Percent with 95% intervals; n = replies that have a value. “better” and “worse” are "
            f"said of {escaped(results.models[0])} against that model, each by its own interval: "
            "they are not corrected for how many there are; where nothing is said it cannot be "
            "told. Ratings of a judge, 1 to 5, are shown as 0 to 100%."
        ),
    )


def _groups(results: Results) -> list[tuple[str, list[str]]]:
    known = dict.fromkeys(e.metric for e in results.estimates if e.metric not in _APART)
    kinds = {
        "Overlap with the right answer": [
            m for m in METRICS if m not in (*_QUOTES, *_REFUSALS, *_APART)
        ],
        "Quotes": list(_QUOTES),
        "Refusals": list(_REFUSALS),
        "Retrieval": list(RETRIEVAL),
        "Judge": [m for m in known if m.startswith(_JUDGE) and not m.endswith(STRICT)],
    }
    listed = {metric for metrics in kinds.values() for metric in metrics}
    kinds["Others"] = [m for m in known if m not in listed]
    return [(name, [m for m in metrics if m in known]) for name, metrics in kinds.items()]


def _metrics_table(results: Results, condition: str) -> str:
    groups = []
    for name, metrics in _groups(results):
        rows = [
            _metric_row(results, condition, metric)
            for metric in metrics
            if _has(results, condition, metric)
        ]
        if rows:
            groups.append(group(rows, title=name, columns=len(results.models) + 1))
    if not groups:
        return note(f"Under {escaped(condition)} nothing else was measured.")
    caption = f"What else was measured under {condition}, %"
    return table(caption, ["Metric", *map(escaped, results.models)], groups)


def _metric_row(results: Results, condition: str, metric: str) -> str:
    name = f"{escaped(metric_name(metric))}{small(escaped(METRIC_NAMES.get(metric, ('', ''))[1]))}"
    if found := results.estimate(RETRIEVER, condition, metric):
        span = len(results.models)
        said = (
            f"{percent(found.value)}{small(f'{interval(found)} · n {found.n:,}, for all models')}"
        )
        return f'<tr><th scope="row">{name}</th><td colspan="{span}">{said}</td></tr>'
    return row(name, (_metric_cell(results, condition, metric, m) for m in results.models))


def _metric_cell(results: Results, condition: str, metric: str, model: str) -> str:
    one = results.estimate(model, condition, metric)
    if one is None or is_absent(one.value):
        return f"{NONE}{small('unscored' if one else '')}"
    compared = results.comparison(model, condition, metric)
    word = f" · {compared.verdict}" if compared and compared.verdict != CANNOT_TELL else ""
    return f"{percent(one.value)}{small(f'{interval(one)} · n {one.n:,}{word}')}"
