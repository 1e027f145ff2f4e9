"""A trainer whose rows share contexts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from lib.finetune import prepare_rows
from lib.finetune.trainer import make_trainer
from tests.finetune.tiny import answer, losses, recipe_of, train, write_dataset


def write_dataset_of_contexts(folder: Path, *, train: int = 24) -> Path:
    """Rows with a context for each three, beside which a question is short."""
    write_dataset(folder, train=train)
    path = folder / "chat" / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        context = f"<DOCUMENT>{number // 3}. {'Much is kept by many. ' * 20}</DOCUMENT>\n"
        row["messages"][1]["content"] = f"{context}Who keeps lamp {number}?"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_rows_that_share_contexts_are_trained_as_one_sequence(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = train(model_dir, write_dataset_of_contexts(tmp_path), num_epochs=3.0)
    said = capsys.readouterr().out
    assert "24 training rows: expect no measurable effect" in said
    assert "24 rows share 8 contexts: 2." in said
    assert [point["step"] for point in trained.history][-1] == 18  # as many as of separate rows
    assert losses(trained, "loss")[-1] < 0.7 * losses(trained, "loss")[0]
    text = (trained.model_dir.parent / "trained_row.txt").read_text()
    assert [part.partition("⟧")[0] for part in text.split("⟦")[1:]] == [
        f"{answer(number)}</s>" for number in range(3)
    ]
    assert text.count("</DOCUMENT>") == 1


@pytest.mark.parametrize("method", ["full", "lora"])
def test_an_update_of_shared_contexts_learns_what_one_of_separate_rows_learns(
    model_dir: Path, tmp_path: Path, method: str
) -> None:
    """All rows are one update: the mean over its completion tokens, however it is cut."""
    dataset_dir = write_dataset_of_contexts(tmp_path)
    found = []
    for shared in (False, True):
        recipe = recipe_of(model_dir, method=method, share_contexts=shared)
        rows = prepare_rows(dataset_dir, recipe)
        trainer = make_trainer(rows, recipe, output_dir=tmp_path / "out", callbacks=[])
        trainer.model.train()
        steps, device = iter(trainer.get_train_dataloader()), trainer.args.device
        batches, num_items = trainer.get_batch_samples(steps, 6, device)
        assert any("branches" in batch for batch in batches) == shared
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for weight in trainer.model.parameters():
                if weight.requires_grad and not weight.any():
                    torch.nn.init.normal_(weight, std=0.1)  # the half of an adapter that is zero
        loss = sum(
            trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=num_items)
            for batch in batches
        )
        loss.backward()
        gradients = [p.grad.flatten() for p in trainer.model.parameters() if p.requires_grad]
        found.append((loss.item(), torch.cat(gradients), next(steps, None)))
    (expected_loss, expected, _), (loss, gradients, further) = found
    assert further is None
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert (gradients - expected).norm() <= 1e-4 * expected.norm()


def test_the_validation_loss_is_the_mean_over_the_completion_tokens(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.finetune.trainer.has_bf16", lambda: False)
    dataset_dir = write_dataset_of_contexts(tmp_path)
    found = []
    for shared in (False, True):
        recipe = recipe_of(model_dir, method="full", batch_size=5, share_contexts=shared)
        rows = prepare_rows(dataset_dir, recipe)
        rows = replace(rows, valid=rows.train[:-1])  # the last step of either has fewer sequences
        trainer = make_trainer(rows, recipe, output_dir=tmp_path / "out", callbacks=[])
        assert any("branches" in step for step in trainer.get_eval_dataloader()) == shared
        found.append(trainer.evaluate()["eval_loss"])
    model = AutoModelForCausalLM.from_pretrained(model_dir).eval()
    losses, tokens = 0.0, 0
    for row in rows.valid:
        ids, labels = torch.tensor([row.input_ids]), torch.tensor([row.labels])
        learned = sum(label != -100 for label in row.labels)
        losses += model(input_ids=ids, labels=labels).loss.item() * learned
        tokens += learned
    assert found == pytest.approx([losses / tokens] * 2, rel=1e-5)
