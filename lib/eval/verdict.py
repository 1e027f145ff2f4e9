"""Results → one honest sentence: better, worse, or that this evaluation cannot tell."""

from __future__ import annotations

from lib.eval.conditions import is_retrieved, meaning
from lib.eval.metrics import REFUSED_RIGHTLY
from lib.eval.models import BASELINE, PLAIN
from lib.eval.results import Comparison, Results
from lib.eval.statistics import BETTER, CANNOT_TELL, WORSE
from lib.eval.summaries import HEADLINE, STRICT
from lib.eval.wording import called, counted, is_absent, p_value, percent, points, signed

READING = "oracle_distractors"  # the task of the training: reading, without retrieval
_CONTAINMENT = "answer_containment"


def verdict_of(results: Results) -> str:
    """Whether the first model beats the baseline under the main condition, with the figures.

    Under a retrieved condition, a second sentence is about the oracle among distractors: training
    changes how documents are read, not which are found. The last sentence is about the baseline
    with its plain prompt; a model that is not better than this one is not called better without
    saying so. Two warnings: the word would differ if replies without a final answer counted as
    wrong; plain replies are right but for the words around the answer.
    """
    one = main_comparison(results)
    if one is None:
        return _of_one_model(results)
    plain = plain_comparison(results)
    parts = [_main_sentence(one, plain, results)]
    if reading := reading_comparison(results):
        figures = f"{_figures(reading, results)}{_needed(reading)}{_strict(reading, results)}"
        parts.append(f"With {meaning(READING)}: {reading.verdict}, {figures}.")
    if plain:
        parts.append(_plain_sentence(plain, results))
    elif one.verdict == BETTER and one.against == BASELINE:
        parts.append("The baseline was not asked with a plain prompt of its own.")
    return " ".join(parts)


def claim_of(results: Results) -> str:
    """The verdict in a few words: the heading above the sentence."""
    one, plain = main_comparison(results), plain_comparison(results)
    if one is None:
        return "Nothing to compare with"
    first, other = called(one.model), called(one.against)
    if one.verdict == BETTER and plain and plain.verdict != BETTER:
        return f"{_capital(first)} is better than {other}, but not than {called(plain.against)}"
    if one.verdict != CANNOT_TELL:
        return f"{_capital(first)} is {one.verdict} than {other}"
    reading = reading_comparison(results)
    if reading and reading.verdict != CANNOT_TELL:
        fairer = results.comparison(results.against + PLAIN, READING, reading.metric)
        if reading.verdict != BETTER or not fairer or fairer.verdict == BETTER:
            said = f"{_capital(first)} reads {reading.verdict} than {other}"
            return f"{said}; with retrieval it cannot be told"
    return f"Cannot tell whether {first} beats {other}"


# --- which figures -------------------------------------------------------------------------------


def main_condition(results: Results) -> str:
    """The product's own situation: the middle of the retrieved conditions (top_5 of 3, 5, 7).

    Else `oracle_distractors`, else the last; "" = there is none. Fixed before any result is seen.
    """
    retrieved = [name for name in results.conditions if is_retrieved(name)]
    if retrieved:
        return retrieved[len(retrieved) // 2]
    return READING if READING in results.conditions else "".join(results.conditions[-1:])


def main_comparison(results: Results) -> Comparison | None:
    """The comparison that the verdict is about."""
    return results.comparison(results.against, main_condition(results), main_metric(results))


def plain_comparison(results: Results) -> Comparison | None:
    """Against the same model with its plain prompt; None: it was not asked with it."""
    plain = results.against + PLAIN
    return results.comparison(plain, main_condition(results), main_metric(results))


def reading_comparison(results: Results) -> Comparison | None:
    """With the oracle among distractors; None unless the verdict is about retrieved documents."""
    one = results.comparison(results.against, READING, main_metric(results))
    return one if one and one.n and is_retrieved(main_condition(results)) else None


def main_metric(results: Results) -> str:
    """The metric of the headline comparisons, else exact match; of distractors_only refusals."""
    metric = results.headline[0].metric if results.headline else HEADLINE
    known = {e.metric for e in results.estimates if e.condition == main_condition(results)}
    return REFUSED_RIGHTLY if metric not in known and REFUSED_RIGHTLY in known else metric


# --- sentences -----------------------------------------------------------------------------------


def _main_sentence(one: Comparison, plain: Comparison | None, results: Results) -> str:
    first, other = called(one.model), called(one.against)
    where = f"{one.condition} ({meaning(one.condition)})"
    said = f"{_capital(first)} is {one.verdict} than {other}"
    if one.verdict == CANNOT_TELL:
        said = f"Cannot tell whether {first} beats {other}"
    elif one.verdict == BETTER and plain and plain.verdict != BETTER:
        said += f", but not shown to be better than {called(plain.against)},"
    if one.n == 0:
        return f"{said} under {where}: no question was scored for both models."
    needed = _needed(one, "; ")
    if one.verdict == CANNOT_TELL and not needed:
        needed = "; no difference was seen that more questions could show"
    return f"{said} under {where}: {_figures(one, results)}{needed}{_strict(one, results)}."


def _figures(one: Comparison, results: Results) -> str:
    corrected = ""
    if not is_absent(one.p_holm):
        number = counted(len(results.headline), "comparison")
        corrected = f", p = {p_value(one.p_holm)} after Holm's correction over {number}"
    return (
        f"{one.metric.replace('_', ' ')} {percent(one.value)}% against "
        f"{percent(one.against_value)}%, {signed(one.difference)} points (95% interval "
        f"{points(one)}{corrected.replace('p = <', 'p < ')}), {counted(one.n, 'question')}"
    )


def _strict(one: Comparison, results: Results) -> str:
    """A warning if the verdict depends on replies without a final answer.

    A strict comparison is uncorrected. No warning if this one gives the same verdict uncorrected:
    then the correction makes the difference.
    """
    strict = results.comparison(one.against, one.condition, one.metric + STRICT)
    pair = (results.estimate(m, one.condition, one.metric) for m in (one.model, one.against))
    unscored = sum(estimate.unscored for estimate in pair if estimate)  # replies of both models
    uncorrected = BETTER if one.low > 0 else WORSE if one.high < 0 else CANNOT_TELL
    if strict is None or not unscored or strict.verdict in (one.verdict, uncorrected):
        return ""
    return (
        f"; with the {counted(unscored, 'reply', 'replies')} without a final answer as wrong: "
        f"{strict.verdict} ({signed(strict.difference)} points, {points(strict)}, uncorrected)"
    )


def _plain_sentence(plain: Comparison, results: Results) -> str:
    other = called(plain.against)
    if plain.n == 0:
        return f"Against {other}: cannot tell, no question was scored for both."
    said = f"Against {other}: {plain.verdict}, {percent(plain.value)}% against "
    said += f"{percent(plain.against_value)}%, {signed(plain.difference)} points ({points(plain)}"
    said += f", {counted(plain.n, 'question')}){_needed(plain)}{_strict(plain, results)}"
    held = results.comparison(plain.against, plain.condition, _CONTAINMENT)
    if plain.verdict == BETTER and held and held.n and held.verdict != BETTER:
        said += (
            f"; but {percent(held.against_value)}% of its answers hold the right one among other "
            f"words, against {percent(held.value)}%: so counted, {held.verdict} "
            f"({signed(held.difference)} points, {points(held)})"
        )
    return f"{said}."


def _needed(one: Comparison, joint: str = ", ") -> str:
    if one.verdict != CANNOT_TELL or not one.questions_needed:
        return ""
    return f"{joint}about {counted(one.questions_needed, 'question')} would be needed"


def _of_one_model(results: Results) -> str:
    if not results.models or not results.conditions:
        return "Nothing was scored, so there is no verdict."
    model, where, metric = results.models[0], main_condition(results), main_metric(results)
    found = results.estimate(model, where, metric)
    if found is None or not found.n:
        return f"{_capital(called(model))} has no scored reply under {where}, so no verdict."
    why = "no figure of both models to compare" if results.against else "nothing to compare it with"
    return (
        f"There is {why}: under {where} ({meaning(where)}) {called(model)} has "
        f"{metric.replace('_', ' ')} {percent(found.value)}% (95% interval "
        f"{percent(found.low)} to {percent(found.high)}, {counted(found.n, 'question')})."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
