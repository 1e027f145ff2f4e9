"""Train the base student: plan, rates, loss, checkpoints."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.settings import SetupError
from offline.build.model import Shape
from offline.build.rows import Batch, draw_batches

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

DEFAULT_SHAPE = Shape()
CHECKPOINT, BEFORE_DECAY = "checkpoint.pt", "before_decay.pt"
CHECKPOINT_SECONDS = 180.0
WARM_UP = 60  # steps
DECAY = 0.35  # share of the steps


@dataclass(frozen=True)
class Plan:
    """How to train; everything that a checkpoint must agree with."""

    steps: int = 8500
    seed: int = 0
    batch_tokens: int = 8192
    hardest_from_step: int = 2000  # the step from which on the examples are as hard as they get
    muon_rate: float = 0.006
    adamw_rate: float = 1.5e-3
    start: str = "induction"  # or "plain" (see make_model)
    shape: Shape = DEFAULT_SHAPE
    tokenizer_examples: int = 12000

    @property
    def decay_from(self) -> int:
        """The step from which on the rates fall."""
        return round(self.steps * (1 - DECAY))

    def rate_factor(self, step: int) -> float:
        """A short warm-up, the full rate, then linearly to zero over the last third.

        Up to `decay_from` a longer plan does the same: it can go on from there.
        """
        left = (self.steps - step) / max(1, self.steps - self.decay_from)
        return min(1.0, (step + 1) / WARM_UP, max(0.0, left))


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
    """Weighted mean cross-entropy of the learned tokens, in bf16 autocast.

    Logits are computed only for those positions. A query sees the earlier tokens of its own segment
    and of segment 0; padding sees itself, so that no row of the mask is empty.
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
    """How far a run is."""

    step: int = 0
    group: int = 0  # the next group of batches
    seconds: float = 0.0  # spent in training, over all runs
    tokens: int = 0


def train(
    model: LlamaForCausalLM, tokenizer: Any, plan: Plan, *, work_dir: Path, device: str
) -> Iterator[dict[str, float]]:
    """Train to the end of the plan, from the last checkpoint if there is one; yields log lines."""
    optimizers = make_optimizers(model, plan)
    progress = load_checkpoint(work_dir, plan, model, optimizers)
    last_saved = last_logged = time.monotonic()
    losses: list[float] = []
    model.train()
    # In float32 the rotations alone would take a tenth of the time.
    hook = model.model.rotary_emb.register_forward_hook(_as_bf16)
    if shutil.which("g++") and plan.steps > 500:  # a quarter faster, after a minute of compiling
        for layer in model.model.layers:
            layer.compile(dynamic=True)
    while progress.step < plan.steps:
        batches = draw_batches(
            tokenizer,
            seed=plan.seed,
            number=progress.group,
            progress=min(1.0, progress.step / plan.hardest_from_step),
            tokens=plan.batch_tokens,
        )
        if progress.step <= plan.decay_from < progress.step + len(batches):
            save_checkpoint(work_dir / BEFORE_DECAY, plan, model, optimizers, progress)
        for batch in batches[: plan.steps - progress.step]:
            started = time.monotonic()
            losses.append(_step(model, optimizers, batch, plan, progress.step, device=device))
            progress.step += 1
            progress.tokens += int((batch.segments >= 0).sum())
            progress.seconds += time.monotonic() - started
        progress.group += 1
        now = time.monotonic()
        if now - last_logged > 20 or progress.step == plan.steps:
            yield {
                "step": progress.step,
                "minutes": round(progress.seconds / 60, 2),
                "tokens": progress.tokens,
                "tokens_per_s": round(progress.tokens / max(progress.seconds, 1e-9)),
                "loss": round(sum(losses) / len(losses), 4),
            }
            losses.clear()
            last_logged = now
        if now - last_saved > CHECKPOINT_SECONDS:
            save_checkpoint(work_dir / CHECKPOINT, plan, model, optimizers, progress)
            last_saved = now
    hook.remove()
    model.eval()


def _step(
    model: LlamaForCausalLM,
    optimizers: list[torch.optim.Optimizer],
    batch: Batch,
    plan: Plan,
    step: int,
    *,
    device: str,
) -> float:
    """One update; returns the loss."""
    import torch

    for optimizer, rate in zip(optimizers, (plan.muon_rate, plan.adamw_rate), strict=True):
        optimizer.param_groups[0]["lr"] = rate * plan.rate_factor(step)
    loss = batch_loss(model, batch, device=device)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return loss.item()


def _as_bf16(_module: Any, _inputs: Any, phases: tuple[torch.Tensor, ...]) -> tuple[Any, ...]:
    """The sines and cosines as bf16, like the rest of an autocast layer."""
    return tuple(phase.bfloat16() for phase in phases)


def save_checkpoint(
    path: Path,
    plan: Plan,
    model: LlamaForCausalLM,
    optimizers: list[torch.optim.Optimizer],
    progress: Progress,
) -> None:
    """Everything that a resumed run needs, replacing the last one whole."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "plan": json.dumps(asdict(plan)),
        "progress": asdict(progress),
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def load_checkpoint(
    work_dir: Path, plan: Plan, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer]
) -> Progress:
    """Put the checkpoint's state into model and optimizers; a fresh Progress if there is none.

    A plan of other length goes on from where the rates had not yet begun to fall.

    Raises:
        SetupError: the checkpoints are of another plan.
    """
    import torch

    found = [path for path in (work_dir / CHECKPOINT, work_dir / BEFORE_DECAY) if path.exists()]
    for path in found:
        state = torch.load(path, weights_only=True)
        made_by, step = json.loads(state["plan"]), state["progress"]["step"]
        shorter = replace(plan, steps=made_by["steps"])
        same_so_far = step <= min(shorter.decay_from, plan.decay_from)
        if made_by == asdict(plan) or (made_by == asdict(shorter) and same_so_far):
            model.load_state_dict(state["model"])
            for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            return Progress(**state["progress"])
    if found:
        raise SetupError(
            f"{found[0]} belongs to a run with other settings ({made_by}). Use the same options "
            "to go on with it, or delete it to start anew."
        )
    return Progress()
