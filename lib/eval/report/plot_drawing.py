"""What the pictures share: paper and ink, a model's colour and marker, texts that fit.

Everything is placed in inches from the upper left corner, by the measured width of its texts, so
that nothing overlaps however long a name is. Texts become outlines: a picture looks the same
wherever it is shown.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lib.eval.conditions import RETRIEVED, is_retrieved
from lib.eval.runs.text import percent

# Drawn in these two, so that a page with a dark background can exchange them.
PAPER, INK = "#fefefe", "#262626"
WIDTH = 8.6  # inches, of every picture
SIZE, SMALL = 10.0, 9.0  # points
LINE = 0.175  # inches, from one line of text to the next


@dataclass(frozen=True)
class Picture:
    """One figure as SVG text, with the sentences that stand for it where it cannot be seen."""

    svg: str
    alt: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self.alt}


@dataclass(frozen=True)
class Style:
    """How one model is drawn: told apart by any one of the three."""

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
    """Of the model at that place, from 0."""
    return STYLES[place % len(STYLES)]


def in_words(condition: str) -> str:
    """`oracle_distractors` → "oracle + distractors", `top_5` → "top 5"."""
    if is_retrieved(condition):
        return f"top {condition.removeprefix(RETRIEVED)}"
    return {"oracle_distractors": "oracle + distractors"}.get(
        condition, condition.replace("_", " ")
    )


# --- texts ---------------------------------------------------------------------------------------


@cache
def text_width(text: str, size: float = SIZE, *, bold: bool = False) -> float:
    """Inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    width, _, _ = TextToPath().get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def wrap(
    text: str, width: float, size: float = SIZE, *, bold: bool = False, max_lines: int = 3
) -> str:
    """In lines of at most `width` inches; a word that is wider is broken, the rest becomes "…"."""

    def fits(line: str) -> bool:
        return text_width(line, size, bold=bold) <= width

    lines, line = [], ""
    for word in text.split():
        if line and fits(f"{line} {word}"):
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        while not fits(word) and len(word) > 1 and len(lines) < max_lines:
            cut = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or fits(word[:n]))
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    lines.append(line)
    if len(lines) > max_lines:
        lines = lines[:max_lines]
        while lines[-1] and not fits(lines[-1] + "…"):
            lines[-1] = lines[-1][:-1]
        lines[-1] += "…"
    return "\n".join(lines)


def num_lines(text: str) -> int:
    return text.count("\n") + 1


def widest(texts: Iterable[str], size: float = SIZE, *, bold: bool = False) -> float:
    """Inches, of the widest line."""
    lines = [line for text in texts for line in text.split("\n")]
    return max((text_width(line, size, bold=bold) for line in lines), default=0.0)


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


def spread(
    wanted: Sequence[float], sizes: Sequence[float], *, low: float, high: float
) -> list[float]:
    """Centres near the wanted ones, which ascend: no two overlap, all between low and high."""
    places, edge = [], low
    for centre, size in zip(wanted, sizes, strict=True):
        places.append(max(centre, edge + size / 2))
        edge = places[-1] + size / 2
    edge = high
    for i in reversed(range(len(places))):
        places[i] = min(places[i], edge - sizes[i] / 2)
        edge = places[i] - sizes[i] / 2
    return places


# --- sheets --------------------------------------------------------------------------------------


class Sheet:
    """A figure outside pyplot: nothing global, nothing shown twice in a notebook. Inches."""

    def __init__(self, height: float, *, width: float = WIDTH) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), facecolor=PAPER)

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """Axes without a frame but the lower line; `top` is their upper edge."""
        share = (
            left / self.width,
            1 - (top + height) / self.height,
            width / self.width,
            height / self.height,
        )
        axes = self.figure.add_axes(share, facecolor="none")
        axes.spines[["left", "top", "right"]].set_visible(False)
        axes.spines["bottom"].set_color(INK)
        axes.tick_params(colors=INK, labelsize=SMALL, length=3)
        axes.tick_params(axis="y", length=0)
        return axes

    def text(self, x: float, y: float, text: str, size: float = SIZE, **more: Any) -> None:
        """Its vertical centre at y (`va` says otherwise)."""
        more = {"ha": "left", "va": "center", "linespacing": 1.15, **more}
        self.figure.text(x / self.width, 1 - y / self.height, text, fontsize=size, **more)

    def band(self, top: float, height: float) -> None:
        """A faint stripe over the whole width."""
        from matplotlib.patches import Rectangle

        corner = (0.0, 1 - (top + height) / self.height)
        stripe = Rectangle(
            corner,
            1.0,
            height / self.height,
            transform=self.figure.transFigure,
            color=INK,
            alpha=0.05,
            lw=0,
        )
        self.figure.add_artist(stripe)

    def picture(self, alt: str) -> Picture:
        return picture(self.figure, alt)


def picture(figure: Any, alt: str) -> Picture:
    """A matplotlib figure as a Picture: the same figure gives the same bytes."""
    import matplotlib
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a dollar sign in a name is a dollar sign
        text.set_fontfamily("DejaVu Sans")  # the one that text_width measures
        if text.get_color() == "black":
            text.set_color(INK)
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "openbook", "svg.fonttype": "path"}):
        figure.savefig(
            buffer, format="svg", metadata={"Date": None, "Creator": None}, facecolor=PAPER
        )
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", buffer.getvalue(), flags=re.DOTALL)
    # Several pictures share a page, whose ids must differ: those that nothing refers to go.
    svg = re.sub(r' id="[\w.]+_\d+"', "", svg[svg.index("<svg") :])
    label = html.escape(alt, quote=True)
    return Picture(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1), alt)


def nothing_to_draw(sentence: str) -> Picture:
    """In place of a picture that would show nothing: why."""
    lines = wrap(sentence, WIDTH - 0.4, max_lines=8)
    height = LINE * num_lines(lines) + 0.4
    sheet = Sheet(height)
    sheet.text(0.2, height / 2, lines)
    return sheet.picture(sentence)
