"""The evaluation's pictures, as SVG: sharp at any size, readable on light and dark paper."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.eval.statistics import wilson_interval
from lib.eval.tables import BASELINE, STUDENT, percent, signed

if TYPE_CHECKING:
    import pandas

# Contrast above 3 on white and on near-black; told apart by the colour-blind too (Okabe and Ito).
COLOURS = {STUDENT: "#2b7fc4", BASELINE: "#d55e00"}
# Drawn in these two, so that a page with a dark background can exchange them.
PAPER, INK = "#fefefe", "#262626"


@dataclass(frozen=True)
class Picture:
    """One figure as SVG text, with the sentence that stands for it where it cannot be seen."""

    svg: str
    alt: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self.alt}


def plot_exact_match(table: pandas.DataFrame) -> Picture:
    """Exact match of both models under each condition, with Wilson's 95% intervals."""
    rows = table.to_dict("records")
    figure, axes = _figure(width=7.5, height=3.4)
    for shift, model in ((-0.2, STUDENT), (0.2, BASELINE)):
        rates = [row[f"exact_match_{model}"] for row in rows]
        places = [i + shift for i in range(len(rows))]
        errors = [_wilson_arms(row, model) for row in rows]
        axes.bar(places, [100 * rate for rate in rates], 0.36, color=COLOURS[model], label=model)
        axes.errorbar(
            places,
            [100 * rate for rate in rates],
            yerr=[[low for low, _ in errors], [high for _, high in errors]],
            fmt="none",
            ecolor=INK,
            elinewidth=1,
            capsize=2,
        )
    axes.set_xticks(range(len(rows)), [row["condition"].replace("_", "\n") for row in rows])
    axes.set_ylabel("exact match, %")
    axes.set_ylim(0, 100)
    axes.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.15))
    said = "; ".join(
        f"{row['condition']}: {percent(row['exact_match_student'])}% against "
        f"{percent(row['exact_match_baseline'])}%"
        for row in rows
    )
    return _picture(figure, f"Bars: exact match of student against baseline. {said}.")


def _wilson_arms(row: dict[str, Any], model: str) -> tuple[float, float]:
    """How far the interval reaches below and above the rate, in points; 0 of no question."""
    n, rate = int(row["scored_both"]), row[f"exact_match_{model}"]
    if n == 0:
        return 0.0, 0.0
    low, high = wilson_interval(rate * n, n)
    return max(0.0, 100 * (rate - low)), max(0.0, 100 * (high - rate))


def plot_differences(table: pandas.DataFrame) -> Picture:
    """Forest plot: student minus baseline under each condition, exact match and F1."""
    rows = table.to_dict("records")
    figure, axes = _figure(width=7.5, height=0.55 * len(rows) + 1.2)
    for shift, metric, marker in ((-0.14, "exact_match", "o"), (0.14, "f1", "s")):
        places = [i + shift for i in range(len(rows))]
        means = [100 * row[f"{metric}_difference"] for row in rows]
        lows = [100 * row[f"{metric}_low"] for row in rows]
        highs = [100 * row[f"{metric}_high"] for row in rows]
        colour = COLOURS[STUDENT] if metric == "exact_match" else "#808080"
        axes.hlines(places, lows, highs, color=colour, linewidth=2)
        axes.plot(means, places, marker, color=colour, label=metric.replace("_", " "))
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(len(rows)), [row["condition"].replace("_", " ") for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("student − baseline, points (95% interval)  →  student better")
    axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    said = "; ".join(
        f"{row['condition']}: {signed(row['exact_match_difference'])} "
        f"({signed(row['exact_match_low'])} to {signed(row['exact_match_high'])}), "
        f"{row['exact_match_verdict']}"
        for row in rows
    )
    return _picture(figure, f"Differences in exact match, in points. {said}.")


def plot_refusals(table: pandas.DataFrame) -> Picture:
    """2 × 2 for each model: refused or not, with the oracle in the context or without.

    Over all conditions with documents. Bold is what one hopes for.
    """
    shown = table[table["condition"] != "closed_book"]
    figure, all_axes = _figure(width=7.5, height=2.9, columns=2)
    said = []
    for axes, model in zip(all_axes, (STUDENT, BASELINE), strict=True):
        counts = []
        for where in ("with", "without"):
            total = int(shown[f"num_{where}_oracle"].sum())
            refused = int(shown[f"refused_{where}_oracle_{model}"].sum())
            counts.append((total - refused, refused))
        _two_by_two(axes, counts, COLOURS[model])
        axes.set_title(model, fontsize=11)
        said.append(
            f"{model}: refused {counts[0][1]} of {sum(counts[0])} with the oracle, "
            f"{counts[1][1]} of {sum(counts[1])} without"
        )
    return _picture(figure, f"Refusals. {'; '.join(said)}.")


def _two_by_two(axes: Any, counts: Sequence[tuple[int, int]], colour: str) -> None:
    from matplotlib.patches import Rectangle

    for row, pair in enumerate(counts):
        for column, count in enumerate(pair):
            share = count / sum(pair) if sum(pair) else 0.0
            tint = 0.08 + 0.5 * share
            axes.add_patch(Rectangle((column, row), 0.96, 0.94, color=colour, alpha=tint, lw=0))
            text = f"{count}\n{100 * share:.0f}%" if sum(pair) else "–"
            weight = "bold" if row == column else "normal"  # what one hopes for
            axes.text(column + 0.48, row + 0.47, text, ha="center", va="center", weight=weight)
    axes.set(xlim=(0, 2), ylim=(2, 0))
    axes.set_xticks([0.48, 1.48], ["not refused", "refused"])
    axes.set_yticks([0.47, 1.47], ["oracle given", "oracle absent"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


# --- drawing -------------------------------------------------------------------------------------


def _figure(*, width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    """A figure (inches) outside pyplot: nothing global, nothing shown twice in a notebook."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor=PAPER)
    axes = figure.subplots(1, columns)
    for one in axes if columns > 1 else [axes]:
        one.set_facecolor("none")
        one.spines[["top", "right"]].set_visible(False)
        one.spines[["left", "bottom"]].set_color(INK)
        one.tick_params(colors=INK, labelsize=9)
        for text in (one.xaxis.label, one.yaxis.label, one.title):
            text.set_color(INK)
    return figure, axes


def _picture(figure: Any, alt: str) -> Picture:
    import matplotlib

    buffer = io.StringIO()
    # A fixed salt and no date: the same table gives the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "openbook", "text.color": INK}):
        for text in figure.findobj(matplotlib.text.Text):
            text.set_color(INK)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    svg = svg[svg.index("<svg") :]
    label = html.escape(alt, quote=True)
    return Picture(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1), alt)
