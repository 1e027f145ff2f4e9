"""Each plot shows the figures it was given; where there is nothing to draw it says so."""

from __future__ import annotations

import inspect
import math
import xml.etree.ElementTree as ET
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from io import BytesIO
from typing import Any

import pytest
from markupsafe import escape
from PIL import Image

from lib.drawing import COLOURS, INK, Picture, style_of
from lib.eval import plot_differences, plot_losses, plot_top_k
from lib.eval.metrics.losses import LOSSES
from lib.eval.results import Results
from tests.eval.report.made import CONDITIONS, MODELS, ODD, comparison, estimate, losses, results

JUPYTER_DARK = (0x11, 0x11, 0x11)
DARK = (0x15, 0x18, 0x1C)  # the report's dark paper
PLOTS: dict[str, Callable[..., Picture]] = {
    "differences": lambda models: plot_differences(results(models)),
    "top_k": lambda models: plot_top_k(results(models)),
    "losses": lambda models: plot_losses(losses(models), results(models)),
}
every_plot = pytest.mark.parametrize("name", PLOTS)


@cache
def picture(name: str, count: int) -> Picture:
    """Of so many models."""
    return PLOTS[name](MODELS[:count])


def axes_of(plot: Callable[..., Any], *shown: Any) -> Any:
    """The axes behind a picture."""
    figure, *_ = inspect.unwrap(plot)(*shown)
    return figure.axes[0]


def reading_of(plot: Callable[..., Any], *shown: Any) -> str:
    """What is said below the picture, which is not drawn."""
    return str(inspect.unwrap(plot)(*shown)[2])


def marks_of(axes: Any) -> dict[str, list[float]]:
    """Label in the legend → the values of its marks, from left to right or from the top."""
    sideways = axes.yaxis_inverted()
    return {
        line.get_label(): [float(v) for v in (line.get_xdata() if sideways else line.get_ydata())]
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


# --- what all plots share ------------------------------------------------------------------------


def test_a_users_own_style_changes_no_picture() -> None:
    import matplotlib

    own = {"text.usetex": True, "axes.facecolor": "black", "font.size": 30}
    with matplotlib.rc_context(own):
        assert PLOTS["top_k"](MODELS[:1]) == picture("top_k", 1)


@every_plot
@pytest.mark.parametrize("count", [2, 6])
def test_a_plot_is_one_svg_that_loads_nothing_with_a_short_alt_text(name: str, count: int) -> None:
    made = picture(name, count)
    for element in ET.fromstring(made.svg).iter():
        for key, value in element.attrib.items():
            assert not key.endswith("href") or value.startswith("#"), value
    assert 20 < len(made.alt) < (100 if name != "losses" else 800)  # no table has these counts
    assert made._repr_mimebundle_() == {
        **{"image/svg+xml": made.svg, "image/png": b64encode(made.png).decode()},
        "text/plain": made.alt,
    }


@every_plot
def test_the_same_input_gives_the_same_bytes(name: str) -> None:
    assert PLOTS[name](MODELS[:2]) == picture(name, 2) != picture(name, 6)


@every_plot
def test_the_png_is_small_and_has_no_paper(name: str) -> None:
    made = picture(name, 2)
    assert len(made.png) < 20_000
    image = Image.open(BytesIO(made.png)).convert("RGBA")
    assert image.getpixel((0, 0))[3] == 0
    assert image.width > 700


@every_plot
def test_the_reading_names_every_model_and_escapes_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda output, **_: shown.append(output))
    odd = rf"{ODD} $\nosuch{{$"  # as mathematics it could not be read
    PLOTS[name]([MODELS[0], odd])._ipython_display_()
    bundle, reading = shown
    assert set(bundle) == {"image/svg+xml", "image/png", "text/plain"}
    assert "<b>" not in reading.data
    assert MODELS[0] in reading.data
    assert str(escape(odd)) in reading.data


@every_plot
def test_every_model_is_in_the_legend(name: str) -> None:
    of_name: dict[str, tuple[Any, ...]] = {
        "differences": (plot_differences, results(MODELS)),
        "top_k": (plot_top_k, results(MODELS)),
        "losses": (plot_losses, losses(MODELS), results()),
    }
    _, labels = axes_of(*of_name[name]).get_legend_handles_labels()
    for model in MODELS[1:]:
        assert any(model in label for label in labels)


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """WCAG 2.2."""

    def luminance(colour: tuple[int, ...]) -> float:
        parts = [part / 255 for part in colour]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def in_the_dark(colour: tuple[int, ...]) -> tuple[int, ...]:
    """CSS: invert(1) hue-rotate(180deg), then mix-blend-mode: screen on the dark paper."""
    red, green, blue = (255 - part for part in colour)
    grey = 2 * (0.213 * red + 0.715 * green + 0.072 * blue)
    turned = [min(255.0, max(0.0, grey - part)) for part in (red, green, blue)]
    pairs = zip(turned, DARK, strict=True)
    return tuple(round(255 - (255 - a) * (255 - b) / 255) for a, b in pairs)


def test_every_colour_is_seen_on_light_and_on_dark_paper() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert in_the_dark((255, 255, 255)) == DARK  # the paper of a plot becomes the page's
    for code in (*COLOURS, INK):
        colour = tuple(int(code[i : i + 2], 16) for i in (1, 3, 5))
        assert contrast(colour, (255, 255, 255)) >= (4.5 if code == INK else 3), code
        assert contrast(colour, JUPYTER_DARK) >= (4 if code == INK else 3), code
        assert contrast(in_the_dark(colour), DARK) >= 3, code


def test_models_are_told_apart_without_colours() -> None:
    styles = [style_of(place) for place in range(6)]
    assert len({style["color"] for style in styles}) == 6
    assert len({style["marker"] for style in styles}) == 6


# --- differences ---------------------------------------------------------------------------------


def test_differences_have_a_mark_an_interval_and_the_verdict() -> None:
    worse = comparison("ours", "theirs", "oracle", -0.2, verdict="worse")
    refusals = comparison("ours", "theirs", "distractors_only", 0.1)
    shown = Results(("ours", "theirs"), ("oracle", "distractors_only"), [], [worse, refusals])
    axes = axes_of(plot_differences, shown)
    assert marks_of(axes)["minus theirs"] == pytest.approx([-20, 10])
    (bars,) = axes.collections
    ends = [sorted(float(x) for x, _ in bar) for bar in bars.get_segments()]
    assert ends == [pytest.approx([-30, -10]), pytest.approx([0, 20])]
    assert [text.get_text() for text in axes.texts] == ["worse", "cannot tell"]
    assert [text.get_weight() for text in axes.texts] == ["bold", "normal"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["oracle", "distractors_only\n(right refusals)"]


def test_no_two_differences_share_a_place() -> None:
    axes = axes_of(plot_differences, results(MODELS))
    ys = [round(float(y), 6) for line in axes.lines[:-1] for y in line.get_ydata()]  # last: the 0
    assert len(ys) == len(set(ys)) == len(CONDITIONS) * (len(MODELS) - 1)


def test_differences_without_a_value_do_no_harm() -> None:
    known = comparison("ours", "theirs", "oracle", 0.1)
    unknown = comparison("ours", "theirs", "top_3", math.nan)
    empty = replace(known, condition="top_5", n=0)
    found = [known, unknown, empty]
    made = plot_differences(Results(("ours", "theirs"), ("oracle", "top_3", "top_5"), [], found))
    assert made.svg
    assert "nan" not in made.svg.lower()


def test_without_a_difference_there_is_a_sentence() -> None:
    for nothing in (results(MODELS[:1]), Results(("a", "b"), CONDITIONS, [], [])):
        assert says_only(plot_differences(nothing), "no two models have scored questions in common")
    assert says_only(plot_differences(Results((), (), [], [])), "no two models")


# --- top k ---------------------------------------------------------------------------------------


def test_curves_are_the_estimates() -> None:
    found = results()
    shown = [name for name in CONDITIONS if name != "distractors_only"]
    axes = axes_of(plot_top_k, found)
    assert [label.get_text() for label in axes.get_xticklabels()] == shown
    for model, values in marks_of(axes).items():
        ones = [found.estimate(model, name, "exact_match") for name in shown]
        assert values == pytest.approx([100 * one.value for one in ones if one])
    bars = [bar for group in axes.collections for bar in group.get_segments()]
    heights = sorted(round(float(bar[1][1] - bar[0][1])) for bar in bars)
    assert heights == [0] * 3 + [20] * 12  # the hit rates, the intervals


def test_lines_join_the_retrieved_conditions_alone() -> None:
    joined = [line for line in axes_of(plot_top_k, results()).lines if line.get_ls() == "-"]
    assert len(joined) == 2
    for line in joined:
        assert [math.isnan(y) for y in line.get_ydata()] == [True] * 3 + [False] * 3


def test_other_retrieval_settings_are_not_of_the_curve() -> None:
    among = results(conditions=(*CONDITIONS, "top_5_hybrid", "top_5_dense_rerank"))
    assert plot_top_k(among) == picture("top_k", 2)
    assert "top_5_dense_rerank" in reading_of(plot_differences, among)


def test_a_figure_without_a_value_is_left_out() -> None:
    values = {"top_3": 0.4, "top_5": math.nan, "top_7": 0.2}
    estimates = [estimate("ours", name, value) for name, value in values.items()]
    found = Results(("ours", "ghost"), tuple(values), estimates, [])
    assert marks_of(axes_of(plot_top_k, found))["ours"] == pytest.approx([40, 20])
    assert "nan" not in plot_top_k(found).svg.lower()


def test_without_scores_there_is_no_curve() -> None:
    assert says_only(plot_top_k(replace(results(), estimates=[])), "no reply has a value")
    assert plot_top_k(results(conditions=("oracle",))).svg


# --- losses --------------------------------------------------------------------------------------


def test_losses_are_shares_of_each_models_answers() -> None:
    found = losses(conditions=["top_5"])
    found["theirs", "top_5"]["right"] = 0
    axes = axes_of(plot_losses, found, results())
    ours, theirs = ([float(bar.get_width()) for bar in bars] for bars in axes.containers)
    assert ours == pytest.approx([90, 0.1, 0.1, 0.1, 0.1, 9.6])
    assert theirs == pytest.approx([0, 1, 1, 1, 1, 96])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(LOSSES)
    assert [text.get_text() for text in axes.texts][:2] == ["900 (90%)", "1 (0%)"]
    _, labels = axes.get_legend_handles_labels()
    assert labels == ["ours, 1,000 answers", "theirs, 100 answers"]


def test_readings_say_what_the_figures_say() -> None:
    mixed = [comparison("ours", "theirs", "oracle", 0.2, verdict="better")]
    mixed += [comparison("ours", "theirs", name, 0.1) for name in ("top_3", "top_5")]
    found = replace(results(), comparisons=mixed)
    said = "ours against theirs: better under oracle; cannot tell under top_3, top_5."
    assert reading_of(plot_differences, found) == said
    said = "Under top_3 the answer is found for 95%; exact match: ours 66%, theirs 57%. "
    assert reading_of(plot_top_k, found).startswith(said)
    counts = {("ours", "top_5"): dict(zip(LOSSES, (6, 0, 3, 1, 0, 0), strict=True))}
    said = "ours: 4 of 10 answers are lost, most often by wrong quote (3)."
    assert reading_of(plot_losses, counts, results()) == said
    counts["ours", "top_5"] = {"right": 10}
    assert reading_of(plot_losses, counts, results()) == "ours: none of 10 answers is lost."


def test_losses_are_of_the_condition_that_decides() -> None:
    assert "top_5" in axes_of(plot_losses, losses(), results()).get_title()


def says_only(picture: Picture, sentence: str) -> bool:
    """Whether it is one sentence in place of a picture."""
    assert picture.svg == ""
    assert picture._repr_mimebundle_() == {"text/plain": picture.alt}
    assert picture.alt.startswith("There is no ")
    return sentence in picture.alt
