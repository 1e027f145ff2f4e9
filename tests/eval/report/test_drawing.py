"""What all pictures share: they are read on any paper, by anybody, and nothing overlaps."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from lib.eval import plot_differences, plot_latency_and_cost, plot_losses, plot_refusals, plot_top_k
from lib.eval.report import drawing
from lib.eval.report.drawing import INK, PAPER, STYLES, Picture, share, short
from lib.eval.results import Results
from tests.eval.report.made import MODELS, ODD, answers, losses, results

DARK = "#15181c"  # the report's page
PLOTS: dict[str, Callable[..., Picture]] = {
    "differences": lambda models: plot_differences(results(models)),
    "top_k": lambda models: plot_top_k(results(models)),
    "top_k, all alike": lambda models: plot_top_k(alike(models)),
    "refusals": lambda models: plot_refusals(answers(models)),
    "losses": lambda models: plot_losses(losses(models)),
    "latency": lambda models: plot_latency_and_cost(answers(models)),
}


def alike(models: Sequence[str]) -> Results:
    """Every curve ends where the others do."""
    found = results(models)
    return replace(found, estimates=[replace(e, value=0.02) for e in found.estimates])


_NOTHING = ("differences", 1)  # of one model there is no difference to draw
every_plot = pytest.mark.parametrize("name", PLOTS)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures behind the pictures."""
    figures: list[Any] = []
    real = drawing._svg

    def keep(figure: Any, alt: str) -> str:
        figures.append(figure)
        return real(figure, alt)

    monkeypatch.setattr(drawing, "_svg", keep)
    return figures


def texts_of(figure: Any) -> list[tuple[Any, Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    figure.set_dpi(72)
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    found = []
    for text in figure.findobj(Text):
        box = text.get_window_extent(canvas.get_renderer())
        if text.get_text() and text.get_visible() and box.width > 0:
            found.append((text, box))
    return found


@pytest.mark.parametrize(
    ("name", "count"), [(name, n) for name in PLOTS for n in (1, 4, 6) if (name, n) != _NOTHING]
)
def test_no_two_texts_overlap_and_none_leaves_the_paper(
    name: str, count: int, drawn: list[Any]
) -> None:
    PLOTS[name](MODELS[:count])
    width, height = (72 * inches for inches in drawn[0].get_size_inches())
    texts = texts_of(drawn[0])
    for text, box in texts:
        assert min(box.x0, box.y0) >= -0.5, text
        assert max(box.x1 - width, box.y1 - height) <= 0.5, text
    for (one, a), (other, b) in combinations(texts, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 1 or down < 2, (one, other)  # points; the space around lines may touch


@every_plot
def test_all_letters_can_be_read(name: str, drawn: list[Any]) -> None:
    PLOTS[name](MODELS)
    for text, _ in texts_of(drawn[0]):
        assert text.get_fontsize() >= 9
        assert text.get_color() == INK  # which the page exchanges


@every_plot
def test_the_same_input_gives_the_same_bytes(name: str) -> None:
    assert PLOTS[name](MODELS[:3]) == PLOTS[name](MODELS[:3])
    assert PLOTS[name](MODELS[:3]) != PLOTS[name](MODELS[:4])


@every_plot
def test_a_picture_is_alone_in_the_world_and_says_what_it_shows(name: str) -> None:
    made = PLOTS[name](MODELS[:4])
    root = ET.fromstring(made.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == made.alt
    assert ODD in made.alt
    for element in root.iter():
        for key, value in element.attrib.items():
            assert not key.endswith("href") or value.startswith("#"), value
    assert made._repr_mimebundle_() == {"image/svg+xml": made.svg, "text/plain": made.alt}


@every_plot
def test_pages_can_exchange_ink_and_paper(name: str) -> None:
    svg = PLOTS[name](MODELS[:3]).svg
    assert PAPER in svg
    assert INK in svg
    assert "#ffffff" not in svg
    assert "#000000" not in svg


@every_plot
def test_a_dollar_sign_is_a_dollar_sign(name: str, drawn: list[Any]) -> None:
    PLOTS[name](["a", "$b$"])
    texts = [text for text, _ in texts_of(drawn[0])]
    assert any("$b$" in text.get_text() for text in texts)
    assert not any(text.get_parse_math() for text in texts)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_an_old_friend() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("paper", [PAPER, DARK])
def test_every_colour_is_seen_on_light_and_on_dark_paper(paper: str) -> None:
    for colour in [style.colour for style in STYLES]:
        assert contrast(colour, paper) >= 3, colour


def test_models_are_told_apart_without_colours() -> None:
    assert len({style.colour for style in STYLES}) == len(STYLES) == 6
    assert len({style.marker for style in STYLES}) == len(STYLES)
    assert len({str(style.line) for style in STYLES}) == len(STYLES)


def test_long_names_are_short_in_a_picture() -> None:
    assert short("baseline, plain prompt") == "baseline, plain prompt"
    lines = short("w" * 200).split("\n")
    assert len(lines) <= 3
    assert lines[-1].endswith("…")


def test_shares_never_round_to_none_or_all() -> None:
    said = [share(0, 300), share(1, 300), share(150, 300), share(299, 300), share(300, 300)]
    assert said == ["0%", "<1%", "50%", ">99%", "100%"]
    assert share(0, 0) == "–"
