"""The judge as HTML: which one, how many of its verdicts could not be read, whom it may favour."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lib.eval.judge import JUDGE_METRICS, Judge, UnparsedRate, unparsed_rates
from lib.eval.judge.verdicts import UNPARSED
from lib.eval.models import EvalModel
from lib.eval.report.markup import STYLE
from lib.records import Score
from lib.settings import EndpointSettings

if TYPE_CHECKING:
    from IPython.display import HTML

MANY_UNREAD = 0.05  # of a model's verdicts: more is said

_NO_JUDGE = (
    "There is no judge, so its metrics are absent, not zero; to have them, set "
    "JUDGE_OPENAI_BASE_URL, JUDGE_OPENAI_DEPLOYMENT and JUDGE_OPENAI_API_KEY (or JUDGE_AZURE_…) "
    "in .env."
)
_MANY = (
    "The judge's figures are of the verdicts that were read. Many were not: if that hangs on the "
    "answer, the figures mislead. A larger judge, or a larger max_judge_tokens where its replies "
    "are cut, leaves fewer."
)
_AUDIT = "How far it agrees with people: python -m lib.eval audit LABELS (docs/evaluation.md)."


def show_judge(judge: Judge | None, scores: Sequence[Score], asked: Sequence[EvalModel]) -> HTML:
    """The judge's model and host, its unread verdicts by metric and model, and warnings.

    Without a judge: one sentence that says so, and how to set one.

    Raises:
        SetupError: a model of `asked` has no endpoint, which says what it is called there.
    """
    from IPython.display import HTML

    if judge is None:
        return HTML(STYLE + _note(_NO_JUDGE))
    rates = unparsed_rates(scores)
    notes = [_example(scores, rate) for rate in _worst_of_each(rates)]
    notes += [_MANY] if any(rate.value > MANY_UNREAD for rate in rates) else []
    return HTML(STYLE + _table(judge, rates) + "".join(map(_note, [*notes, _AUDIT])))


def _table(judge: Judge, rates: Sequence[UnparsedRate]) -> str:
    where = f"{judge.name} at {host_of(judge.settings)}"
    if not rates:
        return _note(f"The judge is {where}; it was asked nothing.")
    models = list(dict.fromkeys(rate.model for rate in rates))
    cells = {(rate.metric, rate.model): _share(rate) for rate in rates}
    head = "".join(f'<th scope="col">{html.escape(model)}</th>' for model in models)
    body = "".join(
        f'<tr><th scope="row">{metric}</th>'
        + "".join(f"<td>{cells.get((metric, model), '–')}</td>" for model in models)
        + "</tr>"
        for metric in JUDGE_METRICS
        if any((metric, model) in cells for model in models)
    )
    return (
        '<table class="ob-table"><caption>'
        f"The judge is <b>{html.escape(where)}</b>. {_CAPTION}</caption>"
        f'<thead><tr><th scope="col">Unread verdicts</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


_CAPTION = (
    "Verdicts that could not be read, of those asked for, with their 95% interval: such an answer "
    "is unscored, and in no mean. Refusals and replies without a final answer are not sent."
)


def _share(rate: UnparsedRate) -> str:
    low, high = (f"{100 * bound:.0f}" for bound in (rate.low, rate.high))
    return f"{rate.unparsed} of {rate.asked}<small>{100 * rate.value:.1f}% ({low}–{high})</small>"


def _worst_of_each(rates: Sequence[UnparsedRate]) -> list[UnparsedRate]:
    """Each model's rate with the most unread verdicts, if there are any."""
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


def _note(text: str) -> str:
    return f'<p class="ob-note">{html.escape(text)}</p>'
