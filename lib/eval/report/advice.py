"""What to try next."""

from collections.abc import Mapping

from lib.eval.conditions import DISTRACTORS_ONLY, is_retrieved
from lib.eval.metrics.losses import RETRIEVAL_MISSED, RIGHT, WRONG_ANSWER
from lib.eval.report.page import HTML, show
from lib.eval.results import Results
from lib.eval.verdict import better_settings, claim_of, settling
from lib.eval.wording import called, difference, points
from lib.progress import show_points

SMALL = 0.05  # a loss below this share of the answers is not worth a parameter


def show_learned(results: Results, losses: Mapping[tuple[str, str], Mapping[str, int]]) -> HTML:
    """The evaluation in three sentences: the claim, how far it carries, and the largest loss."""
    model, main = next(iter(results.models), ""), results.primary.condition
    counts = dict(losses.get((model, main), {}))
    total, right = sum(counts.values()), counts.pop(RIGHT, 0)
    most = max(counts, key=counts.__getitem__, default="")
    said = [f"{claim_of(results)}."]
    if one := results.deciding:
        said.append(
            f"The difference is {difference(one)} on {one.n:,} questions, and may be anything from "
            f"{points(one)}."
        )
    if total and most:
        said.append(
            f"Under {main} {called(model)} answers {right:,} of {total:,} rightly. Most of "
            f"the others, {counts[most]:,}, are lost to: {most}."
        )
    return show_points(*said)


def what_next(results: Results, losses: Mapping[tuple[str, str], Mapping[str, int]]) -> HTML:
    """Where the first model loses answers, the largest loss first, each with what may help.

    Under the condition of the verdict, and where it should refuse. Where the verdict cannot tell,
    what would settle it; where another retrieval setting is better, which.
    """
    model = next(iter(results.models), "")
    main = results.primary.condition
    found = []
    for condition in dict.fromkeys((main, DISTRACTORS_ONLY)):
        counts = losses.get((model, condition), {})
        total = sum(counts.values())
        for loss, count in counts.items():
            if condition == DISTRACTORS_ONLY:
                has_advice = loss == WRONG_ANSWER
            else:  # without retrieval nothing was missed
                has_advice = loss != RIGHT and (loss != RETRIEVAL_MISSED or is_retrieved(condition))
            if has_advice and count > 0 and count >= SMALL * total:
                found.append((count / total, count, total, condition, loss))
    found.sort(key=lambda one: -one[0])
    unsure, better = settling(results), better_settings(results)
    values = {"model": model, "found": found, "better": better, "unsure": unsure, "small": SMALL}
    return show("advice.html.j2", **values)
