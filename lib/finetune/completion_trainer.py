"""TRL's trainer, computing logits only at the tokens of completions."""

from __future__ import annotations

from typing import Any


def completion_trainer(*arguments: Any, **options: Any) -> Any:
    """An SFTTrainer of these arguments whose loss skips the logits of prompts.

    Nine tenths of a RAFT row are prompt. TRL's own loss computes the logits and the entropy of
    every token: more than half of a step of the embedded student on two cores
    (docs/experiments.md). The loss is the same: the summed cross-entropy of the completions over
    their number of tokens.
    """
    import torch
    from torch.nn import functional
    from trl import SFTTrainer

    class CompletionTrainer(SFTTrainer):
        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            labels = inputs["labels"][:, 1:]
            places = (labels != -100).any(dim=0).nonzero().squeeze(1)
            # No attention mask, a seventh of a step: no row attends to the padding after it.
            ids = inputs["input_ids"]
            outputs = model(input_ids=ids, use_cache=False, logits_to_keep=places)
            labels = labels[:, places]
            learned = labels != -100
            logits = outputs.logits[learned].float()
            summed = functional.cross_entropy(logits, labels[learned], reduction="sum")
            if num_items_in_batch is None:
                loss = summed / learned.sum().clamp(min=1)
            else:
                loss = summed / torch.as_tensor(num_items_in_batch, device=summed.device)
                if self.args.average_tokens_across_devices:
                    loss = loss * self.accelerator.num_processes  # DDP averages the gradients
            if self.model.training:
                seen = self.accelerator.gather_for_metrics(inputs["attention_mask"].sum())
                self._total_train_tokens += seen.sum().item()
                self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
            return (loss, outputs) if return_outputs else loss

    return CompletionTrainer(*arguments, **options)
