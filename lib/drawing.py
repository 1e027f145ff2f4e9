"""Plots: the style that all share, and the picture that a plot function returns."""

import io
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

# Pictures have no paper: ink and colours are seen on a light page and on a dark one.
INK = "#767676"
COLOURS = ("#2b7fc4", "#d55e00", "#009e73", "#c86fa0", "#bd8100", "#808080")  # Okabe, Ito; darker
_MARKERS = "os^DvP"
_INKED = ("axes.edgecolor", "axes.labelcolor", "grid.color", "text.color", "xtick.color")
_RC = {
    **dict.fromkeys((*_INKED, "ytick.color"), INK),
    "axes.labelsize": 9,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "font.sans-serif": ["DejaVu Sans"],  # wider than what replaces it elsewhere, so nothing is cut
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "savefig.bbox": "tight",
    "savefig.transparent": True,
    "svg.fonttype": "none",  # letters, not outlines: a fifth of the bytes
    "svg.hashsalt": "openbook",  # the same figure gives the same bytes
    "text.parse_math": False,  # a dollar sign in a model's name is a dollar sign
    "ytick.major.size": 0,
}
_PNG_DPI = 100
_PNG_COLOURS = 32  # with alpha; a plot has few, so a palette is a third of the size

P = ParamSpec("P")
Figure = Any  # matplotlib.figure.Figure, which is imported late


def style_of(place: int) -> dict[str, str]:
    """Colour and marker of the model at that place, counted from 0: each tells it apart."""
    return {"color": COLOURS[place % len(COLOURS)], "marker": _MARKERS[place % len(_MARKERS)]}


@dataclass(frozen=True)
class Picture:
    """A figure as SVG and as PNG, its alt text, and a sentence that reads it.

    JupyterLab shows the PNG where it does not trust a notebook. Without a figure the alt text says
    why there is nothing to draw.
    """

    svg: str
    alt: str
    png: bytes = b""
    reading: str = ""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        shown = {"image/svg+xml": self.svg} if self.svg else {}
        if self.png:
            shown["image/png"] = b64encode(self.png).decode()
        return {**shown, "text/plain": self.alt}

    def _ipython_display_(self) -> None:
        """The figure, and below it the sentence."""
        from IPython.display import HTML, display
        from markupsafe import Markup

        display(self._repr_mimebundle_(), raw=True)
        if self.reading:
            display(HTML(Markup("<p>{}</p>").format(self.reading)))


def drawn(
    plot: Callable[P, tuple[Figure, str] | tuple[Figure, str, str] | str],
) -> Callable[P, Picture]:
    """Decorate a plot function: a figure, its alt text and perhaps its reading, or why none."""

    @wraps(plot)
    def draw(*args: P.args, **kwargs: P.kwargs) -> Picture:
        from matplotlib import style

        with style.context(["default", _RC]):  # whatever a user's matplotlibrc sets
            made = plot(*args, **kwargs)
            if isinstance(made, str):
                return Picture("", made)
            figure, alt, *reading = made
            return Picture(_svg(figure), alt, _png(figure), *reading)

    return draw


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    unsaid = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # differs from run to run
    figure.savefig(file, format="svg", metadata=unsaid)
    svg = " ".join(file.getvalue().split())  # one line: in a notebook each costs a dozen bytes
    return svg[svg.index("<svg") :]


def _png(figure: Figure) -> bytes:
    from PIL import Image

    drawing, file = io.BytesIO(), io.BytesIO()
    figure.savefig(drawing, format="png", dpi=_PNG_DPI)
    Image.open(drawing).quantize(_PNG_COLOURS, Image.Quantize.FASTOCTREE).save(
        file, "PNG", optimize=True
    )
    return file.getvalue()


def new_figure(height: float, *, width: float = 8.6, columns: int = 1) -> tuple[Figure, Any]:
    """A figure of so many inches and its axes; nothing of it is global (no pyplot)."""
    from matplotlib import figure as figures

    figure = figures.Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns)
