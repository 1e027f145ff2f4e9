"""What a reader sees is escaped, and marks what the loss counts."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from lib.finetune import (
    Trained,
    plot_loss,
    prepare_rows,
    show,
    show_learned,
    show_trained_tokens,
)
from lib.finetune.show import trained_pieces
from lib.recipe import Recipe
from tests.finetune.tiny import answer
from tests.plain_html import glued


def test_pieces_follow_the_labels(model_dir: Path, dataset_dir: Path) -> None:
    rows = prepare_rows(dataset_dir, Recipe(student_model=str(model_dir)))
    row = rows.train[2]
    (prompt, no), (completion, yes) = trained_pieces(row.input_ids, row.labels, rows.tokenizer)
    assert (no, yes) == (False, True)
    assert completion == answer(2) + "</s>"
    assert prompt.endswith("<|assistant|>")


def test_the_html_escapes_tags_and_shortens_the_prompt(
    model_dir: Path, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "_PROMPT_CHARS", 40)
    rows = prepare_rows(dataset_dir, Recipe(student_model=str(model_dir)))
    page = show_trained_tokens(rows, row=1).data
    assert "&lt;ANSWER&gt;:" in page
    assert page.count("<mark>⟦") == page.count("⟧</mark>") == 1
    assert "<ANSWER>" not in page
    assert glued(page) == []
    assert "<DOCUMENT>" not in page
    assert "characters) …" in page


def test_the_curve_stands_without_validation() -> None:
    history = [{"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.0}]
    axes = inspect.unwrap(plot_loss)(history)[0].axes[0]
    assert [(line.get_label(), list(line.get_ydata())) for line in axes.lines] == [
        ("training", [2.5, 2.0])
    ]


def test_the_curve_has_both_losses() -> None:
    history = [
        {"step": 0, "epoch": 0.0, "validation_loss": 3.0},
        {"step": 1, "epoch": 0.5, "loss": 2.5, "learning_rate": 0.1},
        {"step": 2, "epoch": 1.0, "loss": 2.0, "learning_rate": 0.1},
        {"step": 2, "epoch": 1.0, "validation_loss": 2.2},
    ]
    axes = inspect.unwrap(plot_loss)(history)[0].axes[0]
    drawn = {str(line.get_label()): list(line.get_ydata()) for line in axes.lines}
    assert drawn == {"training": [2.5, 2.0], "validation": [3.0, 2.2]}


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (
            [3.0, 2.0, 1.0],
            "went from 3.000 to 1.000 nats per completion token, and was never lower",
        ),
        (
            [3.0, 1.0, 2.0],
            "went from 3.000 to 2.000 nats per completion token; it was lowest, 1.000, at step 1",
        ),
        ([1.0, 2.0], "nats per completion token: training made it worse, lower learning_rate."),
        ([3.0], "There are no validation rows"),
    ],
)
def test_the_reading_of_the_curve_is_what_it_did(losses: list[float], said: str) -> None:
    history = [{"step": float(i), "validation_loss": loss} for i, loss in enumerate(losses)]
    assert said in plot_loss([*history, {"step": 1, "loss": 2.0}]).reading


@pytest.mark.parametrize("losses", [[], [3.0, 2.25], [3.0, 3.5]])
def test_what_was_learnt_are_the_figures_of_the_training(
    model_dir: Path, dataset_dir: Path, losses: list[float]
) -> None:
    rows = prepare_rows(dataset_dir, Recipe(student_model=str(model_dir)))
    history = [{"step": float(i), "validation_loss": loss} for i, loss in enumerate(losses)]
    trained = Trained(model_dir, model_dir, history, 83.4, rows, reused=False)
    said = show_learned(trained).data
    assert f"{len(rows.train)} rows were trained in 1:23" in said
    assert str(rows.lengths) in said
    assert ("went from 3.000 to" in said) is bool(losses)
    assert ("made it worse, lower learning_rate" in said) is (losses[-1:] == [3.5])
