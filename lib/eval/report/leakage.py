"""What the questions share with training, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.eval.leakage import KINDS, Leakage, example
from lib.eval.report.page import Table, show, table_of

if TYPE_CHECKING:
    from IPython.display import HTML


def show_leakage(leakage: Leakage) -> HTML:
    """For each kind how many questions it concerns, of how many, and the first of them."""
    rows = []
    for kind, meaning in KINDS.items():
        found = leakage.of(kind)
        total = leakage.num_with_oracle if kind == "chunks" else leakage.num_questions
        first = example(found[0]) if found else ""
        verdict = "allowed by name" if found else "none"
        rows.append(_row(f"{kind}\n{meaning}\n{first}", len(found), total, verdict))
    alone, total = leakage.num_shared_answers, leakage.num_questions
    name = "answer alone\nsome training question has this answer"
    rows.append(_row(name, alone, total, "no leak"))
    caption = f"Shared with the {leakage.num_rows:,} rows of training and validation"
    return show("tables.html.j2", one=Table(caption, table_of(rows, "Shared")))


def _row(name: str, count: int, total: int, verdict: str) -> dict[str, str]:
    return {"Shared": name, "Questions": f"{count:,} of {total:,}", "Verdict": verdict}
