"""The results, drawn: differences between models, exact match by condition, lost answers."""

import math
from collections.abc import Iterable, Mapping

from lib.drawing import INK, Figure, drawn, new_figure, style_of
from lib.eval.conditions import DISTRACTORS_ONLY, is_retrieved, setting_of
from lib.eval.metrics.losses import LOSSES, RIGHT
from lib.eval.metrics.scoring import REFUSED_RIGHTLY, RETRIEVER
from lib.eval.results import Comparison, Estimate, Results
from lib.eval.statistics.pairs import BETTER, CANNOT_TELL, WORSE
from lib.eval.wording import counted, metric_name, percent

Losses = Mapping[tuple[str, str], Mapping[str, int]]  # (model, condition) → class → answers


@drawn
def plot_differences(results: Results) -> tuple[Figure, str, str] | str:
    """Forest plot: the first model minus each other, by the metric that decides, by condition.

    Where the right reply is a refusal (`distractors_only`), it is the share of right refusals.
    """
    primary = results.primary
    found = [
        (condition, one)
        for condition in results.conditions
        for against in results.models[1:]
        for metric in [REFUSED_RIGHTLY if condition == DISTRACTORS_ONLY else primary.metric]
        if (one := results.comparison(against, condition, metric)) and one.n
    ]
    if not found:
        return "There is no difference to draw: no two models have scored questions in common."
    shown = list(dict.fromkeys(condition for condition, _ in found))
    step = len(results.models) - 0.4  # from condition to condition; 1 from model to model
    figure, axes = new_figure(0.8 + 0.22 * step * len(shown))
    for place, against in enumerate(results.models[1:]):
        rows = [(step * shown.index(c) + place, one) for c, one in found if one.against == against]
        ys, style = [y for y, _ in rows], style_of(place + 1)
        lows, differences, highs = _percents([one for _, one in rows], "low", "difference", "high")
        axes.hlines(ys, lows, highs, color=style["color"], lw=2)
        axes.plot(differences, ys, ls="", label=f"minus {against}", **style)
        for y, one in rows:
            weight = "normal" if one.verdict == CANNOT_TELL else "bold"
            beside = {"transform": axes.get_yaxis_transform(), "va": "center"}
            axes.text(1.02, y, one.verdict, weight=weight, **beside)
    axes.axvline(0, color=INK, lw=1)
    axes.set_title(f"{metric_name(primary.metric)} of {results.models[0]} minus that of the others")
    axes.set_xlabel("points: left of 0 worse, right of 0 better")
    notes = {DISTRACTORS_ONLY: "\n(right refusals)", primary.condition: "\n(decides)"}
    names = [name + notes.get(name, "") for name in shown]
    axes.set_yticks([step * row + (step - 1.6) / 2 for row in range(len(shown))], names)
    axes.invert_yaxis()
    axes.grid(axis="x")
    figure.legend(loc="outside lower left")
    alt = "Forest plot of the differences, with the intervals of their tests."
    return figure, alt, _of_differences(found, results)


def _of_differences(found: list[tuple[str, Comparison]], results: Results) -> str:
    """`student against baseline: better under oracle, top_3; cannot tell under top_5.`"""
    sentences = []
    for against in results.models[1:]:
        where = {
            word: [name for name, one in found if (one.against, one.verdict) == (against, word)]
            for word in (BETTER, WORSE, CANNOT_TELL)
        }
        parts = [f"{word} under {', '.join(names)}" for word, names in where.items() if names]
        if parts:
            sentences.append(f"{results.models[0]} against {against}: {'; '.join(parts)}.")
    return " ".join(sentences)


@drawn
def plot_top_k(results: Results) -> tuple[Figure, str, str] | str:
    """Right answers under each condition with 95% intervals; lines join the retrieved ones (top_k).

    The dashed hit rate is what a model would reach that reads without a mistake.
    """
    metric = results.primary.metric
    scored = {one.condition for one in results.estimates if one.metric == metric and one.n}
    conditions = [name for name in results.conditions if name in scored and not setting_of(name)]
    if not conditions:
        return f"There is no curve to draw: no reply has a value in {metric_name(metric)}."
    figure, axes = new_figure(3.6)
    for place, model in enumerate(results.models):
        estimates = {name: results.estimate(model, name, metric) for name in conditions}
        found = {name: one for name, one in estimates.items() if one and one.n}
        shift = 0.1 * (place - (len(results.models) - 1) / 2)  # models stand beside each other
        xs, style = [conditions.index(name) + shift for name in found], style_of(place)
        lows, values, highs = _percents(found.values(), "low", "value", "high")
        axes.vlines(xs, lows, highs, color=style["color"], lw=2)
        axes.plot(xs, values, ls="", label=model, **style)
        pairs = zip(found, values, strict=True)
        joined = [value if is_retrieved(name) else math.nan for name, value in pairs]
        axes.plot(xs, joined, color=style["color"])
    rates = {x: results.estimate(RETRIEVER, c, "hit_rate") for x, c in enumerate(conditions)}
    hits = {x: 100 * one.value for x, one in rates.items() if one}
    if hits:
        lefts, rights = [x - 0.35 for x in hits], [x + 0.35 for x in hits]
        axes.hlines([*hits.values()], lefts, rights, color=INK, ls="--", label="hit rate")
    axes.set_title(f"{metric_name(metric)} under each condition")
    axes.set(ylim=(-3, 103), ylabel="%")
    axes.set_xticks(range(len(conditions)), conditions)
    axes.grid(axis="y")
    figure.legend(loc="outside lower left", ncols=2)
    alt = f"{metric_name(metric)} of each model under each condition, with 95% intervals."
    return figure, alt, _of_top_k(filter(is_retrieved, conditions), results)


def _of_top_k(conditions: Iterable[str], results: Results) -> str:
    """`Under top_3 the answer is found for 85%; exact match: student 45%, baseline 35%.`"""
    sentences = []
    for name in conditions:
        found = results.estimate(RETRIEVER, name, "hit_rate")
        hits = f"the answer is found for {percent(found.value)}%; " if found else ""
        values = [
            f"{model} {percent(one.value)}%"
            for model in results.models
            if (one := results.estimate(model, name, results.primary.metric)) and one.n
        ]
        said = f"{results.primary.metric.replace('_', ' ')}: {', '.join(values)}"
        sentences.append(f"Under {name} {hits}{said}.")
    return " ".join(sentences)


@drawn
def plot_losses(losses: Losses, results: Results) -> tuple[Figure, str, str] | str:
    """What became of each model's answers under the condition that decides, by class."""
    main = results.primary.condition
    counts = {model: found for (model, where), found in losses.items() if where == main}
    figure, axes = new_figure(0.7 + len(LOSSES) * (0.15 + 0.2 * len(counts)))
    height = 0.84 / len(counts)
    for place, (model, found) in enumerate(counts.items()):
        total = sum(found.values())
        ys = [row + height * (place - (len(counts) - 1) / 2) for row in range(len(LOSSES))]
        look = {"color": style_of(place)["color"], "label": f"{model}, {total:,} answers"}
        bars = axes.barh(ys, [100 * n / total for n in found.values()], 0.88 * height, **look)
        labels = [f"{n:,} ({percent(n / total)}%)" for n in found.values()]
        axes.bar_label(bars, labels, padding=3)
    axes.set_title(f"What became of the answers under {main}")
    axes.set(xlim=(0, 100), xticks=[])
    axes.spines[:].set_visible(False)
    axes.set_yticks(range(len(LOSSES)), LOSSES)
    axes.invert_yaxis()
    figure.legend(loc="outside lower left", ncols=2)
    said = [", ".join(f"{n:,} {kind}" for kind, n in found.items()) for found in counts.values()]
    alt = "; ".join(map(": ".join, zip(counts, said, strict=True))) + "."
    return figure, alt, " ".join(map(_of_losses, counts, counts.values()))


def _of_losses(model: str, found: Mapping[str, int]) -> str:
    """`student: 92 of 140 answers are lost, most often by wrong quote (38).`"""
    total, lost = sum(found.values()), sum(found.values()) - found[RIGHT]
    if not lost:
        return f"{model}: none of {counted(total, 'answer')} is lost."
    most = max((kind for kind in LOSSES if kind != RIGHT), key=found.__getitem__)
    said = f"{model}: {lost:,} of {counted(total, 'answer')}"
    return f"{said} are lost, most often by {most} ({found[most]:,})."


def _percents(ones: Iterable[Comparison | Estimate], *names: str) -> list[list[float]]:
    """For each field its values in percent."""
    listed = list(ones)
    return [[100 * getattr(one, name) for one in listed] for name in names]
