"""The judge: which model it is, and how many of its verdicts could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lib.eval.judge import JUDGE_METRICS, Judge, unparsed_counts
from lib.eval.models import EvalModel, endpoint_of
from lib.eval.report.page import Table, show, show_note, table_of
from lib.eval.statistics import wilson_interval
from lib.eval.wording import NONE, percent
from lib.prompts.verdicts import UNPARSED
from lib.records import Score
from lib.settings import EndpointSettings

if TYPE_CHECKING:
    from IPython.display import HTML

MANY_UNREAD = 0.05  # of a model's verdicts: a warning is shown

_NO_JUDGE = (
    "There is no judge, so its metrics are absent, not zero; to have them, set "
    "JUDGE_OPENAI_BASE_URL, JUDGE_OPENAI_DEPLOYMENT and JUDGE_OPENAI_API_KEY (or JUDGE_AZURE_…) "
    "in .env."
)
_MANY = (
    "The judge's figures are of the verdicts that were read. Many were not: if that depends on the "
    "answer, the figures mislead. A larger judge, or a larger max_judge_tokens where its replies "
    "are cut, leaves fewer."
)
_NOTE = (
    "Unread verdicts: how many could not be read, of those asked for, with the 95% interval of "
    "their share. Such an answer is unscored, and in no mean. Refusals and replies without a final "
    "answer are not sent."
)
_AUDIT = "How far it agrees with people: python -m lib.eval audit LABELS (docs/evaluation.md)."


def show_judge(judge: Judge | None, scores: Sequence[Score], asked: Sequence[EvalModel]) -> HTML:
    """The judge's model and host, its unread verdicts by metric and model, and warnings.

    Without a judge: one sentence that says so, and how to set one.

    Raises:
        SetupError: a model of `asked` has no endpoint, which says what it is called there.
    """
    if judge is None:
        return show_note(_NO_JUDGE)
    where = f"The judge is {judge.name} at {host_of(judge.settings)}"
    counts = unparsed_counts(scores)
    examples: dict[str, str] = {}  # model → why a verdict on it could not be read
    for score in scores:
        if score.metric in JUDGE_METRICS and score.explanation.startswith(UNPARSED):
            examples.setdefault(score.model, score.explanation.removeprefix(UNPARSED))
    own = [model.name for model in asked if endpoint_of(model).deployment == judge.name]
    notes = [
        *(f"Unread of {model}, for example: {why}." for model, why in examples.items()),
        *([_MANY] if any(part > MANY_UNREAD * whole for part, whole in counts.values()) else []),
        *(f"The judge may prefer the answers of {name}, its own model." for name in own),
        _AUDIT,
    ]
    if not counts:
        return show_note(f"{where}; it was asked nothing. {' '.join(notes)}")
    models = dict.fromkeys(model for model, _ in counts)
    rows = [
        {"Unread verdicts": metric} | {m: _share(counts.get((m, metric))) for m in models}
        for metric in JUDGE_METRICS
        if any((model, metric) in counts for model in models)
    ]
    table = Table(where, table_of(rows, "Unread verdicts"), _NOTE)
    return show("tables.html.j2", one=table, notes=notes)


def _share(count: tuple[int, int] | None) -> str:
    """`2 of 100`, and below it `2.0% (1–7)`"""
    if count is None:
        return NONE
    low, high = wilson_interval(*count)
    sure = f"({percent(low)}–{percent(high)})"
    return f"{count[0]} of {count[1]}\n{percent(count[0] / count[1], places=1)}% {sure}"


def host_of(settings: EndpointSettings) -> str:
    """`https://user:secret@api.example.com:8443/v1` → `api.example.com:8443`"""
    url = urlsplit(settings.base_url)
    return f"{url.hostname}:{url.port}" if url.port else str(url.hostname)
