"""What the figures suggest to try next, and what the run has cost."""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING

from lib.engine.prices import costs, load_prices
from lib.eval.statistics import CANNOT_TELL
from lib.eval.tables import STUDENT, main_condition, percent
from lib.ledger import Ledger
from lib.settings import PREFIXES

if TYPE_CHECKING:
    import pandas
    from IPython.display import Markdown

LOW_HITS, LOW_READING, MANY_UNSCORED, MANY_REFUSALS = 0.8, 0.6, 0.05, 0.1


def what_next(table: pandas.DataFrame) -> Markdown:
    """Where answers are lost, the largest loss first, each with the parameter that bears on it."""
    from IPython.display import Markdown

    rows = table.set_index("condition").to_dict("index")
    main = rows[main_condition(table)]
    advice: list[tuple[float, str]] = []
    if (hits := main["hit_rate"]) is not None and hits < LOW_HITS:
        text = (
            f"Retrieval finds the oracle for only {percent(hits)}% of the questions. Try smaller "
            "chunks (`chunk_chars`), another `embedding_model`, or a larger `top_k`."
        )
        advice.append((1 - hits, text))
    oracle = rows.get("oracle", main)[f"exact_match_{STUDENT}"]
    if oracle < LOW_READING:
        text = (
            f"With the oracle alone the student is right for {percent(oracle)}%: it reads too "
            "poorly. Try more rows (`questions_per_chunk`, more documents), more `num_epochs` "
            "while the validation loss still falls, a larger `lora_rank`, or a larger student."
        )
        advice.append((1 - oracle, text))
    elif "oracle_distractors" in rows:
        lost = oracle - rows["oracle_distractors"][f"exact_match_{STUDENT}"]
        if lost > 0.1:
            text = (
                f"Distractors cost the student {percent(lost)} points. "
                "Try `distractor_mode: hard`, or more rows."
            )
            advice.append((lost, text))
    unscored = main[f"unscored_{STUDENT}"] / main["n"]
    if unscored > MANY_UNSCORED:
        text = (
            f"{percent(unscored)}% of the student's replies hold no final answer. Look at them in "
            "answers.parquet; raise `max_answer_tokens` if they are cut."
        )
        advice.append((unscored, text))
    refused = main[f"refused_with_oracle_{STUDENT}"] / max(1, main["num_with_oracle"])
    if refused > MANY_REFUSALS:
        text = (
            f"The student refuses {percent(refused)}% of the questions whose answer stands before "
            "it. Try a higher `oracle_probability` or a lower `refusal_probability`."
        )
        advice.append((refused, text))
    if main["exact_match_verdict"] == CANNOT_TELL:
        advice.append((0.0, _more_questions(main)))
    advice.sort(key=lambda item: -item[0])
    lines = [f"{i}. {text}" for i, (_, text) in enumerate(advice, start=1)]
    return Markdown(
        "\n".join(lines) or "Nothing stands out: try harder questions, or a real corpus."
    )


def _more_questions(row: dict[str, float]) -> str:
    """The interval narrows with the square root of the number of questions."""
    difference = abs(row["exact_match_difference"])
    half = (row["exact_match_high"] - row["exact_match_low"]) / 2
    if not difference or math.isnan(half):
        return "The difference is too small to see: only a much larger evaluation could show it."
    needed = math.ceil(row["n"] * (half / difference) ** 2)
    return (
        f"The interval holds 0. If the difference is as it was seen, about {needed:,} questions "
        "would show it: add documents, or raise `eval_share` and `max_questions`."
    )


def show_cost() -> pandas.DataFrame:
    """Requests and tokens of each role, of every run so far, as the ledger has them.

    The cost where prices.yaml has the model; models served on this machine cost nothing.
    """
    import pandas

    with closing(Ledger()) as ledger:
        used = ledger.usage_by_model()
    prices = load_prices()
    order = {role: place for place, role in enumerate(PREFIXES)}
    lines = sorted(costs(used, prices), key=lambda line: (order.get(line.role, 9), line.model))
    rows = [
        {
            "role": line.role,
            "model": line.model,
            "requests": line.usage.requests,
            "prompt tokens": line.usage.prompt_tokens,
            "completion tokens": line.usage.completion_tokens,
            prices.currency: "–" if line.cost is None else f"{line.cost:.2f}",
        }
        for line in lines
    ]
    columns = ["role", "model", "requests", "prompt tokens", "completion tokens", prices.currency]
    return pandas.DataFrame(rows, columns=columns).set_index("role")
