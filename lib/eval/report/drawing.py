"""The style that all plots share, and the picture that a plot function returns."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RC = {
    "axes.labelsize": 9,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "font.size": 9,
    "grid.alpha": 0.2,
    "legend.frameon": False,
    "svg.fonttype": "path",  # outlines: the picture needs no font
    "svg.hashsalt": "openbook",  # the same figure gives the same bytes
    "text.parse_math": False,  # a dollar sign in a model's name is a dollar sign
    "ytick.major.size": 0,
}
# Okabe and Ito's colours, darker: contrast above 3 on white. The report inverts them on dark paper.
_COLOURS = ("#2b7fc4", "#d55e00", "#009e73", "#c86fa0", "#bd8100", "#808080")
_MARKERS = "os^DvP"

P = ParamSpec("P")


def style_of(place: int) -> dict[str, str]:
    """Colour and marker of the model at that place, counted from 0: each tells it apart."""
    return {
        "color": _COLOURS[place % len(_COLOURS)],
        "marker": _MARKERS[place % len(_MARKERS)],
    }


@dataclass(frozen=True)
class Picture:
    """A figure as SVG with its alt text; without SVG the text says why there is nothing to draw."""

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
            if isinstance(made, str):
                return Picture("", made)
            figure, alt = made
            file = io.StringIO()
            figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
            svg = file.getvalue()
            return Picture(svg[svg.index("<svg") :], alt)

    return draw


def new_figure(height: float, *, width: float = 8.6) -> tuple[Figure, Any]:
    """A figure of so many inches and its axes; nothing of it is global (no pyplot)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()
