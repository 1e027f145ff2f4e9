"""Scores → one row a condition, the plain-text table, and one sentence of verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from lib.eval.conditions import Case, is_retrieved
from lib.eval.metrics import CORRECTNESS, QUOTES
from lib.eval.questions import EvalQuestion
from lib.eval.statistics import BETTER, CANNOT_TELL, paired_difference
from lib.records import Answer, Score

if TYPE_CHECKING:
    import pandas

STUDENT, BASELINE = "student", "baseline"
Key = tuple[str, str]  # model, question id


def compare(
    scores: Sequence[Score],
    answers: Sequence[Answer],
    cases: Sequence[Case],
    questions: Sequence[EvalQuestion],
    *,
    seed: int = 0,
) -> pandas.DataFrame:
    """One row per condition, in the cases' order; rates 0–1, latencies in seconds.

    `exact_match_student` and its kin are means over the questions scored for both models
    (`scored_both`), so that their difference is `exact_match_difference`, with the bounds of its
    95% interval, `exact_match_low` and `exact_match_high`, and the word in `exact_match_verdict`.
    `exact_match_difference_strict` and `…_verdict_strict` count what is unscored as wrong,
    over all n: where they tell another story, the format decides the result, not the reading.
    """
    import pandas

    clusters = {q.id: q.oracle.id or q.id for q in questions}
    rows = []
    for condition in dict.fromkeys(case.condition for case in cases):
        mine = [case for case in cases if case.condition == condition]
        found = {(a.model, a.question_id): a for a in answers if a.condition == condition}
        row: dict[str, Any] = {"condition": condition, "n": len(mine)}
        row["hit_rate"] = (
            _share([c.oracle_in_context for c in mine]) if is_retrieved(condition) else None
        )
        for metric in CORRECTNESS:
            values = _values(scores, condition, metric)
            row |= _compared(metric, values, mine, clusters, seed=seed)
        for model in (STUDENT, BASELINE):
            row |= _of_model(model, [found[model, case.question_id] for case in mine])
            quoted = _values(scores, condition, QUOTES)
            row[f"{QUOTES}_{model}"] = _mean([v for (m, _), v in quoted.items() if m == model])
        rows.append(row)
    return pandas.DataFrame(rows)


def _values(scores: Sequence[Score], condition: str, metric: str) -> dict[Key, float | None]:
    return {
        (score.model, score.question_id): score.value
        for score in scores
        if score.condition == condition and score.metric == metric
    }


def _compared(
    metric: str,
    values: Mapping[Key, float | None],
    cases: Sequence[Case],
    clusters: Mapping[str, str],
    *,
    seed: int,
) -> dict[str, Any]:
    """The columns of one metric under one condition."""
    ids = [case.question_id for case in cases]
    pairs = [(i, values[STUDENT, i], values[BASELINE, i]) for i in ids]
    scored = [(i, s, b) for i, s, b in pairs if s is not None and b is not None]
    difference = paired_difference(
        [s - b for _, s, b in scored], [clusters[i] for i, _, _ in scored], seed=seed
    )
    strict = paired_difference(
        [(s or 0.0) - (b or 0.0) for _, s, b in pairs], [clusters[i] for i in ids], seed=seed
    )
    return {
        "scored_both": len(scored),
        f"{metric}_{STUDENT}": _mean([s for _, s, _ in scored]),
        f"{metric}_{BASELINE}": _mean([b for _, _, b in scored]),
        f"{metric}_difference": difference.mean,
        f"{metric}_low": difference.low,
        f"{metric}_high": difference.high,
        f"{metric}_verdict": difference.verdict,
        f"{metric}_difference_strict": strict.mean,
        f"{metric}_verdict_strict": strict.verdict,
    }


def _of_model(model: str, answers: Sequence[Answer]) -> dict[str, Any]:
    """What one model did under one condition, apart from being right."""
    with_oracle = [a.refused for a in answers if a.oracle_in_context]
    without = [a.refused for a in answers if not a.oracle_in_context]
    latencies = sorted(a.latency_s for a in answers)
    return {
        f"unscored_{model}": sum(a.final_answer is None and not a.refused for a in answers),
        f"cut_{model}": sum(a.finish_reason == "length" for a in answers),
        "num_with_oracle": len(with_oracle),
        f"refused_with_oracle_{model}": sum(with_oracle),
        "num_without_oracle": len(without),
        f"refused_without_oracle_{model}": sum(without),
        f"latency_p50_s_{model}": percentile(latencies, 0.50),
        f"latency_p95_s_{model}": percentile(latencies, 0.95),
    }


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of ascending values, by the nearest rank; NaN of none."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)


# --- in words ------------------------------------------------------------------------------------


def headline(table: pandas.DataFrame) -> str:
    """The table "student against baseline" as plain text, at most 100 characters wide.

    In percent; the interval is that of the difference, 95%.
    """
    lines = [
        "Student against baseline (%; strict = unscored replies counted as wrong)",
        f"{'':18} {'':>4} {'':>4} {'exact match':^50} {'F1':^9} {'unscored':^9}",
        f"{'condition':18} {'n':>4} {'hits':>4} {'stud.':>5} {'base':>4} {'diff.':>5} "
        f"{'95% interval':^13} {'strict':>6} {'':11} {'st.':>4} {'base':>4} {'st.':>4} {'base':>4}",
    ]
    lines += [_headline_row(row) for row in table.to_dict("records")]
    return "\n".join([*(line.rstrip() for line in lines), "", fill(verdict(table), width=100)])


def _headline_row(row: Mapping[str, Any]) -> str:
    interval = f"{signed(row['exact_match_low'])} to {signed(row['exact_match_high'])}"
    return (
        f"{row['condition']:18} {row['n']:>4} {percent(row['hit_rate']):>4} "
        f"{percent(row['exact_match_student']):>5} {percent(row['exact_match_baseline']):>4} "
        f"{signed(row['exact_match_difference']):>5} {interval:^13} "
        f"{signed(row['exact_match_difference_strict']):>6} {row['exact_match_verdict']:11} "
        f"{percent(row['f1_student']):>4} {percent(row['f1_baseline']):>4} "
        f"{row['unscored_student']:>4} {row['unscored_baseline']:>4}"
    )


def percent(value: float | None) -> str:
    """0.345 → "34" ("–" = there is none)."""
    return "–" if _absent(value) else f"{100 * value:.0f}"  # type: ignore[operator]


def signed(value: float | None) -> str:
    """-0.05 → "-5", 0.05 → "+5", 0 → "0"."""
    return "–" if _absent(value) else f"{round(100 * value):+d}".replace("+0", "0")  # type: ignore[operator]


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def main_condition(table: pandas.DataFrame) -> str:
    """The condition of the verdict, fixed before any result is seen: the product's own situation.

    The middle of the retrieved conditions (top_5 of 3, 5, 7), else `oracle_distractors`, else the
    last.
    """
    names = list(table["condition"])
    retrieved = [name for name in names if is_retrieved(name)]
    if retrieved:
        return str(retrieved[len(retrieved) // 2])
    return "oracle_distractors" if "oracle_distractors" in names else str(names[-1])


def verdict(table: pandas.DataFrame) -> str:
    """One honest sentence: better, worse, or that this evaluation cannot tell."""
    row = table.set_index("condition").loc[main_condition(table)].to_dict()
    name, n = main_condition(table), int(row["scored_both"])
    if n == 0:
        return f"Cannot tell: under {name} no question was scored for both models."
    figures = (
        f"exact match {percent(row['exact_match_student'])}% against "
        f"{percent(row['exact_match_baseline'])}%, difference "
        f"{signed(row['exact_match_difference'])} points, 95% interval "
        f"{signed(row['exact_match_low'])} to {signed(row['exact_match_high'])}, {n} questions"
    )
    word = row["exact_match_verdict"]
    if word == CANNOT_TELL:
        said = "Cannot tell whether the student beats the baseline"
    else:
        said = f"The student is {'better' if word == BETTER else 'worse'} than the baseline"
    strict, warning = row["exact_match_verdict_strict"], ""
    if strict != word:
        points = signed(row["exact_match_difference_strict"])
        warning = f"; with unscored replies counted as wrong: {strict} ({points} points)"
    return f"{said} under {name}: {figures}{warning}."
