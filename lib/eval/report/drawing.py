"""The style that all pictures share, and the picture that a plot function returns.

Texts become outlines, so a picture looks the same everywhere. It is drawn in PAPER and INK, which
the report exchanges for the colours of its page, light or dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from textwrap import fill
from typing import TYPE_CHECKING, Any, ParamSpec

from lib.eval.conditions import RETRIEVED, is_retrieved
from lib.eval.wording import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER, INK = "#fefefe", "#262626"
WIDTH = 8.6  # inches
ABOVE = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 2}  # a legend above its axes
_NOTE_CHARS, _NAME_CHARS = 122, 26
_RC = {
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": PAPER,
    "figure.titlesize": 10,
    "figure.titleweight": "bold",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.alpha": 0.15,
    "grid.color": INK,
    "legend.frameon": False,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "path",
    "svg.hashsalt": "openbook",  # the same figure gives the same bytes
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a model's name is a dollar sign
    "xtick.color": INK,
    "xtick.labelsize": 9,
    "ytick.color": INK,
    "ytick.labelsize": 9.5,
    "ytick.major.size": 0,
}

P = ParamSpec("P")


@dataclass(frozen=True)
class Style:
    """How one model is drawn: colour, marker and line each tell it apart."""

    colour: str
    marker: str
    line: Any


# Okabe and Ito's colours, three of them darker: contrast above 3 on white and on near-black.
STYLES = (
    Style("#2b7fc4", "o", "-"),
    Style("#d55e00", "s", (0, (6, 1.5))),
    Style("#009e73", "^", (0, (6, 1.5, 1, 1.5))),
    Style("#c86fa0", "D", (0, (2.5, 1))),
    Style("#bd8100", "v", (0, (6, 1.5, 1, 1.5, 1, 1.5))),
    Style("#808080", "P", (0, (1, 1))),
)


def style_of(place: int) -> Style:
    """The style of the model at that place, counted from 0."""
    return STYLES[place % len(STYLES)]


@dataclass(frozen=True)
class Picture:
    """A figure as SVG, and the sentences that say the same; no SVG = there is nothing to draw."""

    svg: str
    alt: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        shown = {"image/svg+xml": self.svg} if self.svg else {}
        return {**shown, "text/plain": self.alt}


def drawn(plot: Callable[P, tuple[Figure, str] | str]) -> Callable[P, Picture]:
    """Decorate a plot function, which returns a figure with its alt text, or why there is none."""

    @wraps(plot)
    def draw(*args: P.args, **kwargs: P.kwargs) -> Picture:
        import matplotlib

        with matplotlib.rc_context(_RC):
            made = plot(*args, **kwargs)
            return Picture("", made) if isinstance(made, str) else Picture(_svg(*made), made[1])

    return draw


def _svg(figure: Figure, alt: str) -> str:
    from markupsafe import escape

    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=no_metadata)
    svg = buffer.getvalue()
    svg = re.sub("<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" ', 1)


def new_figure(
    height: float, *, title: str = "", note: str = "", width: float = WIDTH, **grid: Any
) -> tuple[Figure, Any]:
    """A figure and its axes, laid out by matplotlib; nothing of it is global (no pyplot).

    Args:
        height: inches, without the lines of title and note.
        grid: of `Figure.subplots`.
    """
    from matplotlib.figure import Figure

    title, note = fill(title, 95), fill(note, _NOTE_CHARS)
    num_lines = len(title.splitlines()) + len(note.splitlines())
    figure = Figure(figsize=(width, height + 0.2 * num_lines), layout="constrained")
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    if note:
        figure.supxlabel(note, x=0.01, ha="left", fontsize=9)
    return figure, figure.subplots(**grid)


def right_labels(axes: Any, ys: Sequence[float], texts: Sequence[str]) -> Any:
    """Write a text at the right of the axes at each y; returns the tick labels."""
    right = axes.secondary_yaxis("right")
    right.set_yticks(ys, texts)
    right.spines[:].set_visible(False)
    return right.get_yticklabels()


# --- texts ---------------------------------------------------------------------------------------


def in_sentences(head: str, parts: Mapping[str, str], note: str = "") -> str:
    """A picture in words: `Head. student: 40%, 50%. baseline: 30%, 40%. Note.`"""
    said = (f"{name}: {text}." for name, text in parts.items() if text)
    return " ".join(filter(None, (head, *said, note)))


def short(name: str) -> str:
    """A name in at most three lines."""
    return fill(name, _NAME_CHARS, max_lines=3, placeholder="…")


def in_words(condition: str) -> str:
    """`oracle_distractors` → "oracle + distractors", `top_5` → "top 5"."""
    if is_retrieved(condition):
        return f"top {condition.removeprefix(RETRIEVED)}"
    return {"oracle_distractors": "oracle + distractors"}.get(
        condition, condition.replace("_", " ")
    )


def minus(text: str) -> str:
    """A hyphen before a number → a minus sign."""
    return re.sub(r"-(?=\d)", "−", text)


def share(part: int, whole: int) -> str:
    """`45%`; a few of many are "<1%" and not 0%, nearly all are ">99%"."""
    if not whole:
        return "–"
    text = percent(part / whole)
    if part and text == "0":
        return "<1%"
    return ">99%" if part < whole and text == "100" else f"{text}%"


def span(counts: Sequence[int]) -> str:
    """`60`, or `41 to 60`"""
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
