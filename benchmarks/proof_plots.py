"""The paper's two ablations in our numbers: the share of oracles, the number of distractors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.proof_figures import ABSENT, MAIN, SeedRun
from benchmarks.proof_rows import BASELINE, ORACLE_ONLY, RAFT
from lib.drawing import Picture, drawn, new_figure
from lib.eval.wording import percent, signed
from lib.settings import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARE_SVG, DISTRACTORS_SVG = "proof_oracle_share.svg", "proof_distractors.svg"
SHARES = ("oracle probability 0.4", "oracle probability 0.6", RAFT, "oracle in every row")
TRAINED_WITH = {  # model → distractors in its training rows
    BASELINE: "not trained",
    ORACLE_ONLY: "0",
    "2 distractors": "2",
    RAFT: "4, RAFT",
    "random distractors": "4, random",
}
TESTED_WITH = {0: "oracle", 2: "oracle_2", 4: MAIN, 6: "oracle_6"}
# Contrast near 3 on white; told apart by the colour-blind (Okabe and Ito), and by their markers.
STYLES = (("#808080", "x"), ("#d55e00", "s"), ("#009e73", "^"), ("#2b7fc4", "o"), ("#cc79a7", "D"))

Line = tuple[str, list[float], list[float]]  # what it is, x, y in percent


def write_plots(run: SeedRun, docs_dir: Path) -> dict[str, str]:
    """Write both plots; returns for each file the Markdown that shows it and says what it shows."""
    made = {
        SHARE_SVG: (plot_shares(run), read_shares(run)),
        DISTRACTORS_SVG: (plot_distractors(run), read_distractors(run)),
    }
    for name, (picture, _) in made.items():
        write_text(docs_dir / name, picture.svg)
    return {name: f"![{picture.alt}]({name})\n\n{said}" for name, (picture, said) in made.items()}


def read_shares(run: SeedRun) -> str:
    """Which share does best, in words; differences between shares have no interval here."""
    names = [name for name in SHARES if name in run.trainings]
    said = []
    for condition, what in (("oracle", "the oracle alone"), (MAIN, "4 distractors beside it")):
        best = max(names, key=lambda name: run.exact(name, condition))
        said.append(
            f"with {what} exact match is highest, {percent(run.exact(best, condition))}%, at "
            f"{percent(run.trainings[best].oracle_share)}%"
        )
    return (
        f"Of {len(names)} shares of rows that show their oracle, {' and '.join(said)}. One "
        f"student each, seed {run.seed}; the other rows are refused, and “oracle in every row” has "
        "none of them."
    )


def read_distractors(run: SeedRun) -> str:
    """What six distractors cost each student, in words."""
    names = [name for name in TRAINED_WITH if name == BASELINE or name in run.trainings]
    changes = ", ".join(
        f"{signed(run.exact(name, TESTED_WITH[6]) - run.exact(name, TESTED_WITH[0]))} "
        f"({_label(name)})"
        for name in names
    )
    return (
        f"From no distractor at test to 6, exact match changes by these points: {changes}. One "
        f"student each, seed {run.seed}; the one trained with 0 had its oracle in every row."
    )


def _label(name: str) -> str:
    trained_with = TRAINED_WITH[name]
    return trained_with if name == BASELINE else f"trained with {trained_with}"


def plot_shares(run: SeedRun) -> Picture:
    """What a student can do by the share of its training rows that show their oracle."""
    names = [name for name in SHARES if name in run.trainings]
    shares = [100 * run.trainings[name].oracle_share for name in names]
    lines: list[Line] = [
        ("exact match, oracle alone", shares, [100 * run.exact(n, "oracle") for n in names]),
        ("exact match, oracle + 4 distractors", shares, [100 * run.exact(n, MAIN) for n in names]),
        ("refused, oracle absent", shares, [100 * run.refused(n, ABSENT) for n in names]),
    ]
    return _plot(
        lines,
        styles=[STYLES[2], STYLES[3], STYLES[1]],
        x_label="training rows that show their oracle, %",
        y_label="of the questions, %",
        what=f"Lines over the share of training rows that show their oracle, seed {run.seed}",
    )


def plot_distractors(run: SeedRun) -> Picture:
    """Exact match by the number of distractors at test, one line for each way of training."""
    names = [n for n in TRAINED_WITH if n == BASELINE or n in run.trainings]
    lines: list[Line] = [
        (
            _label(name),
            [float(k) for k in TESTED_WITH],
            [100 * run.exact(name, condition) for condition in TESTED_WITH.values()],
        )
        for name in names
    ]
    return _plot(
        lines,
        styles=[STYLES[list(TRAINED_WITH).index(name)] for name in names],
        x_label="distractors beside the oracle, at test",
        y_label="exact match, %",
        what=f"Lines of exact match over the number of distractors at test, seed {run.seed}",
    )


@drawn
def _plot(
    lines: Sequence[Line],
    *,
    styles: Sequence[tuple[str, str]],
    x_label: str,
    y_label: str,
    what: str,
) -> tuple[Figure, str]:
    figure, axes = new_figure(4.1, width=7.5)
    for (label, xs, ys), (colour, marker) in zip(lines, styles, strict=True):
        axes.plot(xs, ys, marker, color=colour, linestyle="-", label=label, clip_on=False)
    axes.set_xticks(sorted({x for _, xs, _ in lines for x in xs}))
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set_ylim(0, 100)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(axis="y")
    figure.legend(loc="outside upper center", ncols=3, fontsize=9)
    said = "; ".join(
        f"{label}: "
        + ", ".join(f"{percent(y / 100)}% at {x:.0f}" for x, y in zip(xs, ys, strict=True))
        for label, xs, ys in lines
    )
    return figure, f"{what}. {said}."
