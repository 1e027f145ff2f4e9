"""The judge: which model it is, and how many of its verdicts could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lib.eval.judge import JUDGE_METRICS, Judge, UnparsedRate, unparsed_rates
from lib.eval.models import EvalModel, endpoint_of
from lib.eval.report.page import Table, show, show_note, table_of
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
    rates = unparsed_rates(scores)
    own = [model.name for model in asked if endpoint_of(model).deployment == judge.name]
    notes = [
        *(_example(scores, rate) for rate in _worst_of_each(rates)),
        *([_MANY] if any(rate.value > MANY_UNREAD for rate in rates) else []),
        *(f"The judge may prefer the answers of {name}, its own model." for name in own),
        _AUDIT,
    ]
    if not rates:
        return show_note(f"{where}; it was asked nothing. {' '.join(notes)}")
    cells = {(rate.metric, rate.model): _share(rate) for rate in rates}
    models = dict.fromkeys(rate.model for rate in rates)
    rows = [
        {"Unread verdicts": metric} | {m: cells.get((metric, m), NONE) for m in models}
        for metric in JUDGE_METRICS
        if any((metric, model) in cells for model in models)
    ]
    table = Table(where, table_of(rows, "Unread verdicts"), _NOTE)
    return show("tables.html.j2", one=table, notes=notes)


def _share(rate: UnparsedRate) -> str:
    sure = f"{percent(rate.value, places=1)}% ({percent(rate.low)}–{percent(rate.high)})"
    return f"{rate.unparsed} of {rate.asked}\n{sure}"


def _worst_of_each(rates: Sequence[UnparsedRate]) -> list[UnparsedRate]:
    """Each model's metric with the most unread verdicts, if there are any."""
    worst: dict[str, UnparsedRate] = {}
    for rate in rates:
        if rate.unparsed > (worst[rate.model].unparsed if rate.model in worst else 0):
            worst[rate.model] = rate
    return list(worst.values())


def _example(scores: Sequence[Score], rate: UnparsedRate) -> str:
    why = next(
        score.explanation.removeprefix(UNPARSED)
        for score in scores
        if (score.model, score.metric) == (rate.model, rate.metric)
        and score.explanation.startswith(UNPARSED)
    )
    return f"Unread of {rate.model}, for example: {why}."


def host_of(settings: EndpointSettings) -> str:
    """`https://user:secret@api.example.com:8443/v1` → `api.example.com:8443`"""
    url = urlsplit(settings.base_url)
    return f"{url.hostname}:{url.port}" if url.port else str(url.hostname)
