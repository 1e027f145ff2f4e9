"""Train the base student: plan, rates, loss, checkpoints."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.embedded.base_model import Shape
from lib.embedded.rows import Batch, draw_batches
from lib.settings import SetupError

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

DEFAULT_SHAPE = Shape()
CHECKPOINT_SECONDS = 180.0


@dataclass(frozen=True)
class Plan:
    """How to train; everything that a checkpoint must agree with."""

    minutes: float = 60.0
    steps: int = 0  # 0 = by the clock
    seed: int = 0
    batch_tokens: int = 4096
    muon_rate: float = 0.005
    adamw_rate: float = 1.2e-3
    shape: Shape = DEFAULT_SHAPE
    tokenizer_examples: int = 12000


def rate_factor(progress: float) -> float:
    """A short warm-up, full rate for the first third, then linearly to zero."""
    return min(1.0, progress / 0.01 + 0.02) * min(1.0, max(0.0, (1.0 - progress) * 1.5))


def make_optimizers(model: LlamaForCausalLM, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embedding, biases and norms."""
    import torch

    inside = [p for p in model.model.layers.parameters() if p.dim() == 2]
    known = {id(p) for p in inside}
    rest = [p for p in model.parameters() if id(p) not in known]
    return [
        torch.optim.Muon(inside, lr=plan.muon_rate, momentum=0.95, weight_decay=0.02),
        torch.optim.AdamW(rest, lr=plan.adamw_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def batch_loss(model: LlamaForCausalLM, batch: Batch, *, device: str) -> torch.Tensor:
    """Weighted mean cross-entropy of the tokens to be learned, in bf16 autocast.

    Only those positions meet the vocabulary. A query sees what stands before it in its own segment
    and in segment 0; padding sees itself, so that no row of the mask is empty.
    """
    import torch
    from torch.nn import functional

    ids = torch.from_numpy(batch.ids).to(device)
    segments = torch.from_numpy(batch.segments).to(device)
    length = ids.shape[1]
    same = segments[:, :, None] == segments[:, None, :]
    shared = (segments == 0)[:, None, :] & (segments >= 0)[:, :, None]
    before = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    mask = torch.zeros(same.shape, dtype=torch.bfloat16, device=device)
    mask.masked_fill_(~((same | shared) & before), float("-inf"))
    weights = torch.from_numpy(batch.learn).to(device)
    learned = weights > 0
    with torch.autocast(device, dtype=torch.bfloat16):
        states = model.model(
            input_ids=ids,
            attention_mask=mask[:, None],
            position_ids=torch.from_numpy(batch.positions).to(device),
            use_cache=False,
        ).last_hidden_state
        logits = model.lm_head(_before(states, learned))
    losses = functional.cross_entropy(logits.float(), ids[learned], reduction="none")
    return (losses * weights[learned]).sum() / weights.sum()


def _before(states: torch.Tensor, learned: torch.Tensor) -> torch.Tensor:
    """The states that predict the learned tokens: one place to the left of each.

    A question's first token is never learned, so the left neighbour is always of the same segment.
    """
    shifted = learned.roll(-1, dims=1)
    shifted[:, -1] = False
    return states[shifted]


@dataclass
class Progress:
    """Where a run stands."""

    step: int = 0
    group: int = 0  # the next group of batches
    seconds: float = 0.0  # spent in training, over all runs
    tokens: int = 0

    def share(self, plan: Plan) -> float:
        """0–1 of the plan."""
        done = self.step / plan.steps if plan.steps else self.seconds / (plan.minutes * 60)
        return min(1.0, done)


class Pacer:
    """Choose between one thread and two or more, on a machine that others use too.

    Threads wait for the slowest of them: beside other work, one can be faster than two. With
    threads = 0 each number is tried for one group in turn, and the best kept for a while.
    """

    def __init__(self, threads: int, *, every: int = 30) -> None:
        import torch

        self.numbers = [threads] if threads else list(range(1, (os.cpu_count() or 1) + 1))
        self.speeds = dict.fromkeys(self.numbers, 0.0)
        self.every, self.count, self.began = every, 0, 0.0
        torch.set_num_threads(self.numbers[-1])

    def start(self) -> None:
        """Before a group of batches."""
        import torch

        place = self.count % self.every
        best = max(self.speeds, key=lambda number: self.speeds[number])
        if len(self.numbers) > 1:
            torch.set_num_threads(self.numbers[place] if place < len(self.numbers) else best)
        self.began = time.monotonic()

    def done(self, tokens: int) -> None:
        """Behind it."""
        import torch

        self.speeds[torch.get_num_threads()] = tokens / (time.monotonic() - self.began)
        self.count += 1


def train(
    model: LlamaForCausalLM,
    tokenizer: Any,
    plan: Plan,
    *,
    work_dir: Path,
    device: str,
    threads: int = 1,
) -> Iterator[dict[str, float]]:
    """Train to the end of the plan, from the last checkpoint if there is one; yields log lines."""
    import torch

    optimizers = make_optimizers(model, plan)
    pacer = Pacer(threads)
    progress = load_checkpoint(work_dir, plan, model, optimizers)
    last_saved = last_logged = time.monotonic()
    losses: list[float] = []
    model.train()
    # In float32 the rotations alone would take a tenth of the time.
    hook = model.model.rotary_emb.register_forward_hook(_as_bf16)
    while progress.share(plan) < 1.0:
        share = progress.share(plan)
        batches = draw_batches(
            tokenizer,
            seed=plan.seed,
            number=progress.group,
            progress=share,
            tokens=plan.batch_tokens,
        )
        pacer.start()
        for batch in batches:
            started = time.monotonic()
            share = progress.share(plan)
            if share >= 1.0:
                break
            for optimizer, rate in zip(optimizers, (plan.muon_rate, plan.adamw_rate), strict=True):
                optimizer.param_groups[0]["lr"] = rate * rate_factor(share)
            loss = batch_loss(model, batch, device=device)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            losses.append(loss.item())
            progress.step += 1
            progress.tokens += int((batch.segments >= 0).sum())
            progress.seconds += time.monotonic() - started
        pacer.done(sum(int((batch.segments >= 0).sum()) for batch in batches))
        progress.group += 1
        now = time.monotonic()
        if now - last_logged > 20 or progress.share(plan) >= 1.0:
            yield {
                "step": progress.step,
                "share": round(progress.share(plan), 4),
                "minutes": round(progress.seconds / 60, 2),
                "tokens_per_s": round(progress.tokens / max(progress.seconds, 1e-9)),
                "loss": round(sum(losses) / max(len(losses), 1), 4),
            }
            losses.clear()
            last_logged = now
        if now - last_saved > CHECKPOINT_SECONDS:
            save_checkpoint(work_dir, plan, model, optimizers, progress)
            last_saved = now
    hook.remove()
    model.eval()


def _as_bf16(_module: Any, _inputs: Any, turns: tuple[torch.Tensor, ...]) -> tuple[Any, ...]:
    """The sines and cosines as bf16, as the rest of an autocast layer is."""
    return tuple(turn.bfloat16() for turn in turns)


def save_checkpoint(
    work_dir: Path,
    plan: Plan,
    model: LlamaForCausalLM,
    optimizers: list[torch.optim.Optimizer],
    progress: Progress,
) -> None:
    """Everything that a resumed run needs, replacing the last one whole."""
    import torch

    work_dir.mkdir(parents=True, exist_ok=True)
    state = {
        "plan": json.dumps(asdict(plan)),
        "progress": asdict(progress),
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    part = work_dir / "checkpoint.pt.part"
    torch.save(state, part)
    part.replace(work_dir / "checkpoint.pt")


def load_checkpoint(
    work_dir: Path, plan: Plan, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer]
) -> Progress:
    """Put the checkpoint's state into model and optimizers; a fresh Progress if there is none.

    Raises:
        SetupError: the checkpoint is of another plan.
    """
    import torch

    path = work_dir / "checkpoint.pt"
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True)
    if state["plan"] != json.dumps(asdict(plan)):
        raise SetupError(
            f"{path} belongs to a run with other settings ({state['plan']}). Use the same options "
            "to go on with it, or delete it to start anew."
        )
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return Progress(**state["progress"])
