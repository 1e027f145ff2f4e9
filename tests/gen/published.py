"""Rows as other RAFT tools write them, with none of our fields."""

from __future__ import annotations

from typing import Any

from lib.gen.formats.rows import OURS

Row = dict[str, Any]

DOCUMENTS = [
    "Rain fell on the pier for three days, and the harbour master shut its gate at noon.",
    "The lighthouse was painted in red and white stripes when the new keeper came to live there.",
    "A brass bell hangs over the market hall, and it is rung once a year by the oldest butcher.",
    "The ferry to the outer islands leaves on Mondays, weather and the captain's back permitting.",
    "Twelve goats keep the grass of the old fort short; the museum sells a cheese of their milk.",
]


def published_row(number: int = 0, *, oracle_shown: bool = True, **changed: Any) -> Row:
    """A row of the published layout: question `number` is answered by its document."""
    oracle = DOCUMENTS[number % len(DOCUMENTS)]
    texts = [text for text in DOCUMENTS if oracle_shown or text != oracle][:4]
    if oracle_shown and oracle not in texts:
        texts[0] = oracle
    question = f"Question {number}?"
    answer = " ".join(oracle.split()[1:4])
    return {
        "id": f"seed_task_{number}",
        "type": "general",
        "question": question,
        "context": {"sentences": [texts], "title": [["placeholder_title"] * len(texts)]},
        "oracle_context": oracle,
        "cot_answer": f"##begin_quote##{oracle}##end_quote## <ANSWER>: {answer}",
        "instruction": "".join(f"<DOCUMENT>{text}</DOCUMENT>\n" for text in texts) + question,
    } | changed


def stripped(row: Row) -> Row:
    """One of our rows with the published columns alone."""
    return {name: value for name, value in row.items() if name not in (*OURS, "split")}
