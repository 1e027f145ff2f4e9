"""Train the embedded base student from text that ships with the project.

    python -m offline.build --steps 8500 --out offline/student

A stopped run continues from its last checkpoint. A plan with more steps continues from the step at
which the shorter plan began to lower its learning rates. The same options give the same bytes on
the same machine with the same number of threads, if the run was not stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offline.build.model import make_model
from offline.build.rows import ROLES, train_tokenizer
from offline.build.training import Plan, train

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

WORK_DIR = Path("artefacts/build_student")


def save_model(model: LlamaForCausalLM, tokenizer: Any, out_dir: Path) -> None:
    """Write the folder: weights as fp16 (loaded as float32), tokenizer, greedy settings."""
    import copy

    import torch
    from transformers import GenerationConfig

    small = copy.deepcopy(model).to("cpu", torch.float16)
    out_dir.mkdir(parents=True, exist_ok=True)
    small.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    small.save_pretrained(out_dir)
    tokenizer.save_pretrained(out_dir)
    # A CPU multiplies float32 much faster than float16: dtype "auto" must give float32.
    _edit_json(out_dir / "config.json", {"dtype": "float32"})
    # Older versions of transformers read these names.
    changes = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "additional_special_tokens": list(ROLES),
    }
    _edit_json(
        out_dir / "tokenizer_config.json", changes, without=("extra_special_tokens", "backend")
    )
    for path in out_dir.iterdir():
        path.chmod(0o644)


def _edit_json(path: Path, changes: dict[str, Any], *, without: tuple[str, ...] = ()) -> None:
    """Set some keys of a JSON file and drop others."""
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in content.items() if key not in without}
    path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def build(plan: Plan, *, out_dir: Path, work_dir: Path) -> LlamaForCausalLM:
    """Tokenizer, model, training and the saved folder; prints a line of progress at times."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = train_tokenizer(seed=plan.seed, num_examples=plan.tokenizer_examples)
    model = make_model(tokenizer, shape=plan.shape, seed=plan.seed, start=plan.start)
    model = model.to(device)
    for line in train(model, tokenizer, plan, work_dir=work_dir, device=device):
        print(json.dumps(line), flush=True)
    save_model(model, tokenizer, out_dir)
    return model


def main() -> int:
    """The command line."""
    plan = Plan()
    parser = argparse.ArgumentParser(
        description="Train the embedded base student.", prog="python -m offline.build"
    )
    parser.add_argument("--steps", type=int, default=plan.steps, help=f"default {plan.steps}")
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--start", choices=("induction", "plain"), default=plan.start)
    parser.add_argument("--out", type=Path, default=Path("offline/student"))
    parser.add_argument("--work", type=Path, default=WORK_DIR, help="where checkpoints go")
    options = parser.parse_args()
    plan = Plan(steps=options.steps, seed=options.seed, start=options.start)
    build(plan, out_dir=options.out, work_dir=options.work)
    print(f"The model is in {options.out}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
