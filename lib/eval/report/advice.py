"""What to try next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lib.eval.conditions import is_retrieved
from lib.eval.metrics.losses import (
    FORMAT,
    RETRIEVAL_MISSED,
    WRONG_ANSWER,
    WRONG_QUOTE,
    WRONG_REFUSAL,
)
from lib.eval.metrics.refusals import DISTRACTORS_ONLY
from lib.eval.results import Results
from lib.eval.statistics import CANNOT_TELL
from lib.eval.verdict import main_comparison, main_condition
from lib.eval.wording import called, percent

if TYPE_CHECKING:
    from IPython.display import Markdown

SMALL = 0.05  # a loss below this share of the answers is not worth a parameter

_ADVICE = {  # where answers are lost → what happens, and which parameters may help
    RETRIEVAL_MISSED: (
        "retrieval finds no document that holds the answer",
        "smaller chunks (`chunk_chars`), another `embedding_model`, or a larger `top_k`",
    ),
    WRONG_QUOTE: (
        "the answer is in a document, and another passage is quoted",
        "`distractor_mode: hard`, as many `num_distractors` as retrieval gives documents, or more "
        "rows (`questions_per_chunk`)",
    ),
    WRONG_ANSWER: (
        "the right document is there, and the answer is not right",
        "more rows (`questions_per_chunk`, more documents), more `num_epochs` while the validation "
        "loss still falls, a larger `lora_rank`, or a larger student",
    ),
    WRONG_REFUSAL: (
        "it refuses though a document holds the answer",
        "a higher `oracle_probability` or a lower `refusal_probability`",
    ),
    FORMAT: (
        "the reply holds no final answer",
        "`max_answer_tokens` if replies are cut (answers.parquet says which), else more "
        "`num_epochs`",
    ),
}
_ANSWERS_ANYWAY = (
    "it answers though no document holds the answer",
    "a higher `refusal_probability`, or `no_oracle_mode: refuse`",
)


def what_next(results: Results, losses: Mapping[tuple[str, str], Mapping[str, int]]) -> Markdown:
    """Where the first model loses answers, the largest loss first, each with what may help.

    Under the condition of the verdict, and what it answers where it should refuse; losses below
    SMALL are left out. Where the verdict cannot tell, how many questions would.
    """
    from IPython.display import Markdown

    lines = [f"1. {text}" for _, text in sorted(_found(results, losses), key=lambda one: -one[0])]
    if more := _more_questions(results):
        lines.append(f"1. {more}")
    return Markdown(
        "\n".join(lines)
        or f"No loss is above {percent(SMALL)}%: try harder questions, or a corpus of your own."
    )


def _found(
    results: Results, losses: Mapping[tuple[str, str], Mapping[str, int]]
) -> list[tuple[float, str]]:
    """(share of the answers that are lost so, what to try)"""
    if not results.models or not results.conditions:
        return []
    model, main = results.models[0], main_condition(results)
    found = []
    for condition in dict.fromkeys((main, DISTRACTORS_ONLY)):
        counts = losses.get((model, condition), {})
        total = sum(counts.values())
        for loss, (seen, fix) in _ADVICE.items():
            if condition == DISTRACTORS_ONLY:
                if loss != WRONG_ANSWER:
                    continue
                seen, fix = _ANSWERS_ANYWAY
            elif loss == RETRIEVAL_MISSED and not is_retrieved(condition):
                continue  # no retrieval had a part in it
            count = counts.get(loss, 0)
            if total and count / total >= SMALL:
                text = (
                    f"**{percent(count / total)}% of {called(model)}’s answers under `{condition}` "
                    f"({count} of {total}): {seen}.** Try {fix}."
                )
                found.append((count / total, text))
    return found


def _more_questions(results: Results) -> str:
    one = main_comparison(results)
    if one is None or one.verdict != CANNOT_TELL:
        return ""
    if one.questions_needed is None:
        return "**No difference was seen** that more questions could show to be real."
    return (
        f"**The verdict cannot tell.** If the difference is as it was seen, about "
        f"{one.questions_needed:,} questions would show it: raise `max_questions`, then "
        "`eval_share`, or add documents."
    )
