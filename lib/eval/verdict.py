"""Results → the headline: what is sure, what cannot be told, and what would settle it."""

import os

from lib.eval.conditions import is_retrieved, meaning
from lib.eval.models import BASELINE, PLAIN
from lib.eval.results import Comparison, Results
from lib.eval.statistics.pairs import BETTER, CANNOT_TELL
from lib.eval.wording import (
    called,
    counted,
    difference,
    is_absent,
    needed,
    p_value,
    percent,
    points,
    signed,
)
from lib.run_folder import COMMAND

READING = "oracle_distractors"  # the task of the training: reading, without retrieval
_CONTAINMENT = "answer_containment"


def verdict_of(results: Results) -> str:
    """What is sure comes first: the primary comparison, unless only the reading can be told.

    Training changes how documents are read, not which are found, so beside a retrieved condition
    the oracle among distractors is compared, too. A model that is not better than the baseline with
    its plain prompt is not called better without saying so.
    """
    one = results.deciding
    if one is None:
        return _of_one_model(results)
    plain, reading = plain_comparison(results), reading_comparison(results)
    parts = [_main_sentence(one, results)]
    if reading:
        told, said = reading.verdict != CANNOT_TELL, f"With {meaning(READING)}: cannot tell,"
        if told:
            said = f"{_claim(reading, 'reads')}, with {meaning(READING)}:"
        sure = told and one.verdict == CANNOT_TELL
        parts.insert(0 if sure else 1, f"{said} {_figures(reading, results)}.")
    if plain and plain.n:
        parts.append(_plain_sentence(plain, results))
    elif not plain and one.verdict == BETTER and one.against == BASELINE:
        parts.append("The baseline was not asked with a plain prompt of its own.")
    parts += [_no_answers(one, results), results.primary.why, settling(results)]
    return " ".join(filter(None, parts))


def claim_of(results: Results) -> str:
    """The verdict in a few words: the heading above the sentence."""
    one, reading = results.deciding, reading_comparison(results)
    if one is None:
        return "Nothing to compare with"
    if plain := falls_short(results):
        return f"{_claim(one)}, but not than {called(plain.against)}"
    if one.verdict == CANNOT_TELL and reading and reading.verdict != CANNOT_TELL:
        fairer = results.comparison(results.primary.against + PLAIN, READING, reading.metric)
        if reading.verdict != BETTER or not fairer or fairer.verdict == BETTER:
            return f"{_claim(reading, 'reads')}; with retrieval it cannot be told"
    return _claim(one)


def settling(results: Results) -> str:
    """How to settle a verdict that is open; "" = it is not."""
    one, available = falls_short(results) or results.deciding, results.primary.available
    if one is None or one.verdict != CANNOT_TELL or not one.n:
        return ""
    if not one.questions_needed:
        return "No difference was seen that more questions could show."
    said = f"To settle this, about {needed(one, results.primary)} are needed: "
    if not 0 < available < one.questions_needed:
        command = os.environ.get(COMMAND, "./run_all.sh as before, with")
        return f"{said}{command} --from 4 -r max_questions {one.questions_needed}"
    said += "add documents or raise eval_share (if people wrote the questions: add rows to "
    said += "eval_file), and run ./run_all.sh again"
    more = f"; --from 4 -r max_questions 0 asks all {available:,}" if one.n < available else ""
    return f"{said}{more}."


def plain_comparison(results: Results) -> Comparison | None:
    """Against the same model with its plain prompt; None: it was not asked with it."""
    one = results.primary
    return results.comparison(one.against + PLAIN, one.condition, one.metric)


def falls_short(results: Results) -> Comparison | None:
    """Against the plain prompt of the other model, where the first is only better without it."""
    one, plain = results.deciding, plain_comparison(results)
    return plain if one and plain and one.verdict == BETTER != plain.verdict else None


def reading_comparison(results: Results) -> Comparison | None:
    """With the oracle among distractors; None unless the verdict is about retrieved documents."""
    primary = results.primary
    one = results.comparison(primary.against, READING, primary.metric)
    return one if one and one.n and is_retrieved(primary.condition) else None


def better_settings(results: Results) -> list[Comparison]:
    """Other retrieval settings by which the first model is shown to be better, the best first."""
    found = [c for c in results.secondary if c.against_condition and c.verdict == BETTER]
    return sorted(found, key=lambda one: -one.difference)


def _claim(one: Comparison, verb: str = "is") -> str:
    if one.verdict == CANNOT_TELL:
        return f"Cannot tell whether {called(one.model)} beats {called(one.against)}"
    said = f"{called(one.model)} {verb} {one.verdict} than {called(one.against)}"
    return said[:1].upper() + said[1:]


def _main_sentence(one: Comparison, results: Results) -> str:
    said = _claim(one)
    if plain := falls_short(results):
        said += f", but not shown to be better than {called(plain.against)},"
    figures = _figures(one, results) if one.n else "no question was scored for both"
    where = meaning(one.condition, results.primary.retrieval)
    return f"{said} under {one.condition} ({where}): {figures}."


def _figures(one: Comparison, results: Results) -> str:
    p = f"p = {p_value(one.p if is_absent(one.p_holm) else one.p_holm)}".replace("= <", "< ")
    if not is_absent(one.p_holm):
        p += f" after Holm's correction over {counted(len(results.secondary), 'comparison')}"
    covers = percent(one.coverage, places=1).removesuffix(".0")
    return (
        f"{one.metric.replace('_', ' ')} {percent(one.value)}% against "
        f"{percent(one.against_value)}%, {difference(one)} ({covers}% interval "
        f"{points(one)}, {p}), {counted(one.n, 'question')}"
    )


def _plain_sentence(plain: Comparison, results: Results) -> str:
    said = f"Against {called(plain.against)}: {plain.verdict}, {_figures(plain, results)}"
    held = results.comparison(plain.against, plain.condition, _CONTAINMENT)
    if plain.verdict == BETTER and held and held.n and held.low <= 0:
        said += (
            f"; but {percent(held.against_value)}% of its answers hold the right one among other "
            f"words, against {percent(held.value)}%: so counted, {signed(held.difference)} points "
            f"({points(held)}, not tested)"
        )
    return f"{said}."


def _no_answers(one: Comparison, results: Results) -> str:
    """Under the condition that decides; "" = every reply has a final answer."""
    found = (results.estimate(name, one.condition, one.metric) for name in (one.model, one.against))
    some = [figure for figure in found if figure and figure.no_answer]
    counts = [f"{each.no_answer:,} of {each.n:,} of {called(each.model)}" for each in some]
    return f"Replies without a final answer count as wrong: {', '.join(counts)}." if counts else ""


def _of_one_model(results: Results) -> str:
    model = "".join(results.models[:1])
    where, metric = results.primary.condition, results.primary.metric
    found = results.estimate(model, where, metric)
    if found is None or not found.n:
        return f"No reply was scored under {where}, so there is no verdict."
    interval = f"95% interval {percent(found.low)} to {percent(found.high)}"
    documents = meaning(where, results.primary.retrieval)
    return (
        f"There is nothing to compare it with: under {where} ({documents}) {called(model)} "
        f"has {metric.replace('_', ' ')} {percent(found.value)}% ({interval}, "
        f"{counted(found.n, 'question')})."
    )
