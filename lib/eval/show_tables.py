"""The verdict and the figures as HTML tables that read in light and dark."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lib.eval.conditions import meaning
from lib.eval.statistics import CANNOT_TELL
from lib.eval.tables import BASELINE, STUDENT, percent, signed, verdict

if TYPE_CHECKING:
    import pandas
    from IPython.display import HTML

# Tints over whatever background there is, so that dark and light both work.
STYLE = """<style>
.ob-pair { border: 1px solid rgba(128,128,128,.45); border-radius: 8px; padding: .8em 1em;
  margin: .8em 0; }
.ob-pair h4 { margin: 0 0 .4em; font-size: 1em; }
.ob-pair p { margin: .3em 0; }
.ob-two { display: grid; grid-template-columns: repeat(auto-fit, minmax(17em, 1fr)); gap: 1em; }
.ob-reply { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid #d55e00;
  padding: .2em .8em; }
.ob-student .ob-reply { border-color: #3a86c8; }
.ob-pair .ob-oracle { border-color: rgba(128,128,128,.6); }
.ob-pair mark { background: rgba(255,196,0,.35); color: inherit; border-radius: 3px; }
.ob-pair i { opacity: .6; font-style: normal; font-size: .85em; }
.ob-note { opacity: .8; font-size: .9em; }
.ob-verdict { font-size: 1.15em; border-left: 4px solid #3a86c8; padding: .3em 1em; }
.ob-table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.ob-table th, .ob-table td { padding: .35em .5em; text-align: right; white-space: nowrap;
  vertical-align: top; border-bottom: 1px solid rgba(128,128,128,.35); }
.ob-table thead th { text-align: center; }
.ob-table tbody th { text-align: left; font-weight: 500; white-space: normal; }
.ob-table small { display: block; font-weight: 400; opacity: .8; }
.ob-table caption { text-align: left; padding: .4em 0; white-space: normal; }
</style>"""


def show_verdict(table: pandas.DataFrame) -> HTML:
    """The one sentence of `verdict`, as the first thing that a reader sees."""
    from IPython.display import HTML

    return HTML(f'{STYLE}<p class="ob-verdict">{html.escape(verdict(table))}</p>')


def show_table(table: pandas.DataFrame) -> HTML:
    """`compare`'s main columns; percent, differences in points with their 95% interval."""
    from IPython.display import HTML

    body = "".join(_table_row(row) for row in table.to_dict("records"))
    return HTML(
        f'{STYLE}<table class="ob-table"><caption>{_CAPTION}</caption>'
        f"<thead>{_HEAD}</thead><tbody>{body}</tbody></table>"
    )


_CAPTION = (
    "Percent; differences student − baseline in points, with their 95% interval (paired bootstrap, "
    "clustered by oracle chunk). Hits = a document that holds the answer was retrieved. Unscored "
    "replies (student / baseline) hold no final answer and are in no mean; “strict” counts them as "
    "wrong."
)
_HEAD = (
    '<tr><th rowspan="2" scope="col">Condition</th><th rowspan="2" scope="col">n</th>'
    '<th rowspan="2" scope="col">Hits</th><th colspan="4" scope="colgroup">Exact match</th>'
    '<th colspan="3" scope="colgroup">Token F1</th>'
    '<th rowspan="2" scope="col">Unscored</th></tr><tr>'
    + "".join(
        f'<th scope="col">{name}</th>'
        for name in ("student,base,difference,strict,student,base,difference").split(",")
    )
    + "</tr>"
)


def _table_row(row: Mapping[str, Any]) -> str:
    cells = (
        row["n"],
        percent(row["hit_rate"]),
        percent(row["exact_match_student"]),
        percent(row["exact_match_baseline"]),
        _difference(row, "exact_match"),
        signed(row["exact_match_difference_strict"]),
        percent(row["f1_student"]),
        percent(row["f1_baseline"]),
        _difference(row, "f1"),
        f"{row['unscored_student']} / {row['unscored_baseline']}",
    )
    return _row(row["condition"], cells)


def _difference(row: Mapping[str, Any], metric: str) -> str:
    low, high = signed(row[f"{metric}_low"]), signed(row[f"{metric}_high"])
    word = row[f"{metric}_verdict"]
    word = word if word == CANNOT_TELL else f"<b>{word}</b>"
    return f"{signed(row[f'{metric}_difference'])} ({low} to {high})<br>{word}"


def _row(condition: str, cells: Sequence[object]) -> str:
    name = f"{condition}<small>{meaning(condition)}</small>"
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


# --- what else was measured ----------------------------------------------------------------------


def show_details(table: pandas.DataFrame) -> HTML:
    """ROUGE-L, verbatim quotes, refusals by whether the oracle was there, cut replies, latency."""
    from IPython.display import HTML

    head = "".join(f'<th scope="col">{name}</th>' for name in _DETAILS)
    body = "".join(_details_row(row) for row in table.to_dict("records"))
    return HTML(
        f'{STYLE}<table class="ob-table"><caption>{_DETAILS_CAPTION}</caption><thead><tr>'
        f"{head}</tr></thead><tbody>{body}</tbody></table>"
    )


_DETAILS = (
    "Condition,ROUGE-L,difference,Quotes<br>verbatim,Refused with<br>the oracle,"
    "Refused without<br>the oracle,Cut,Latency (s)<br>median,Latency (s)<br>p95"
).split(",")
_DETAILS_CAPTION = (
    "Each pair is student / baseline. Refused with the oracle among the documents: less is "
    "better; without it: more is. Quotes verbatim = percent of quotes "
    "that stand in the documents word for word. Cut = replies that reached the token limit."
)


def _details_row(row: Mapping[str, Any]) -> str:
    def both(text: Callable[[str], str]) -> str:
        return f"{text(STUDENT)} / {text(BASELINE)}"

    def refused(where: str) -> str:
        total = row[f"num_{where}_oracle"]
        of = both(lambda model: str(row[f"refused_{where}_oracle_{model}"]))
        return f"{of} of {total}" if total else "–"

    cells = (
        both(lambda model: percent(row[f"rouge_l_{model}"])),
        _difference(row, "rouge_l"),
        both(lambda model: percent(row[f"quotes_in_context_{model}"])),
        refused("with"),
        refused("without"),
        both(lambda model: str(row[f"cut_{model}"])),
        both(lambda model: f"{row[f'latency_p50_s_{model}']:.2f}"),
        both(lambda model: f"{row[f'latency_p95_s_{model}']:.2f}"),
    )
    return _row(row["condition"], cells)
