"""What the questions share with training, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.eval.leakage import KINDS, Leakage, example
from lib.eval.report.markup import escaped, group, page, row, small, table

if TYPE_CHECKING:
    from IPython.display import HTML


def show_leakage(leakage: Leakage) -> HTML:
    """A row a kind: how many questions it concerns, of how many; the first of them."""
    rows = []
    for kind, meaning in KINDS.items():
        found = leakage.of(kind)
        total = leakage.num_with_oracle if kind == "chunks" else leakage.num_questions
        first = small(escaped(example(found[0]))) if found else ""
        verdict = "allowed by name" if found else "none"
        rows.append(_row(kind, f"{meaning}{first}", len(found), total, verdict))
    alone, total = leakage.num_shared_answers, leakage.num_questions
    rows.append(
        _row("answer alone", "some training question has this answer", alone, total, "no leak")
    )
    caption = f"Shared with the {leakage.num_rows:,} rows of training and validation"
    return page(table(caption, ["Shared", "Questions", "Verdict"], [group(rows)]))


def _row(kind: str, meaning: str, count: int, total: int, verdict: str) -> str:
    return row(f"{kind}{small(meaning)}", [f"{count:,} of {total:,}", verdict])
