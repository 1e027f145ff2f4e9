"""Folders that a server loads: the merged student with its model card, and the baseline."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib.finetune.estimate import free_memory_gib
from lib.finetune.methods import load_adapter
from lib.finetune.model_files import WEIGHT_FILES, load_weights, missing_in_folder
from lib.finetune.rows import PreparedRows
from lib.finetune.students import Base
from lib.finetune.watch import HistoryPoint, validation_said
from lib.progress import minutes
from lib.settings import CheckFailed, home, write_text
from lib.store import building, fingerprint, read_json, write_json

_COPY_UP_TO_BYTES = 64 * 2**20
_OF_PICTURES = ("processor_config.json", "preprocessor_config.json")
_OF_WHOLE = (*WEIGHT_FILES, *_OF_PICTURES)
_COMPARED, _COMPARED_TOKENS = 20, 16  # answers of adapter and merged model, and their length


def save_adapter(model: Any, folder: Path, base: Base, *, state: dict[str, Any] | None) -> None:
    """Write an adapter alone, which names its base and not a folder of this machine."""
    model.save_pretrained(folder, state_dict=state)
    (folder / "README.md").unlink(missing_ok=True)  # an unfilled template
    config = read_json(folder / "adapter_config.json") | {"base_model_name_or_path": base.name}
    if isinstance(targets := config["target_modules"], list):  # a set's order differs each time
        config["target_modules"] = sorted(targets)
    write_json(folder / "adapter_config.json", config)


def merge_adapter(base_dir: Path, adapter_dir: Path, *, rows: PreparedRows, dtype: Any) -> Any:
    """Base + adapter as one ordinary model, and how many greedy answers are the same in both.

    Servers do not load adapters, and merged weights generate faster. The base has its full
    precision, also where training had it quantised: merging into 4 bit changes the answers.
    """
    import torch

    adapted = load_adapter(load_weights(base_dir, dtype=dtype), adapter_dir).eval()
    torch.cuda.empty_cache()  # of the training
    needed_gib = 1.2 * adapted.get_memory_footprint() / 2**30  # more than training in 4 or 8 bit
    on_gpu = torch.cuda.is_available() and needed_gib < free_memory_gib(on_gpu=True)
    device = "cuda" if on_gpu else "cpu"
    few = [*rows.train, *rows.valid][:_COMPARED]
    prompts = [torch.tensor([row.input_ids[: row.prompt_tokens]]) for row in few]
    answers = [_greedy(adapted.to(device), prompt) for prompt in prompts]
    merged = adapted.merge_and_unload(safe_merge=True)
    equal = sum(
        _greedy(merged, prompt) == answer for prompt, answer in zip(prompts, answers, strict=True)
    )
    said = f"greedy answers of adapter and merged model: {equal} of {len(few)} are the same"
    # Rounding to bf16 decides near ties in another way.
    if equal < (len(few) if dtype == torch.float32 else len(few) / 2):
        raise CheckFailed(
            f"{adapter_dir.name} was not merged well: {said}. The adapter may have diverged: lower "
            "learning_rate, or set use_dora to False."
        )
    return merged.cpu(), said


def _greedy(model: Any, prompt: Any) -> Any:
    """The first tokens that it answers."""
    made = model.generate(
        input_ids=prompt.to(model.device),
        attention_mask=(prompt == prompt).to(model.device),
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        max_new_tokens=_COMPARED_TOKENS,
        pad_token_id=0,
    )
    return made[0, prompt.shape[1] :].tolist()


def save_model(model: Any, model_dir: Path, *, tokenizer: Any) -> None:
    """Write a whole model (safetensors) with its tokenizer; in bf16 where a GPU trained it.

    Generation stops at the token that ends every trained completion.
    """
    import torch

    stops = model.generation_config.eos_token_id
    stops = stops if isinstance(stops, list) else [] if stops is None else [stops]
    if tokenizer.eos_token_id not in stops:
        model.generation_config.eos_token_id = [*stops, tokenizer.eos_token_id]
    if next(model.parameters()).is_cuda:
        model = model.to(torch.bfloat16)
    model.save_pretrained(model_dir)
    tokenizer.save_pretrained(model_dir)
    sees = hasattr(model.config, "vision_config")  # no server starts it without these
    for name in _OF_PICTURES if sees else ():
        if (path := Path(tokenizer.name_or_path) / name).is_file():
            shutil.copyfile(path, model_dir / name)
    decode_greedily(model_dir)


def decode_greedily(model_dir: Path) -> None:
    """Leave tokens alone in generation_config.json: Qwen2.5's has a repetition penalty, with which
    a model does not quote, and which transformers heeds also where the temperature is 0."""
    path = model_dir / "generation_config.json"
    config = read_json(path) if path.is_file() else {}
    if config != (tokens := {name: it for name, it in config.items() if name.endswith("_id")}):
        write_json(path, tokens)


def prepare_baseline(base: Base, *, chat_template: str) -> Path:
    """The base model under `artefacts/baselines/`, with the student's chat template.

    Another model has another name there, so that the ledger tells their replies apart. Large files
    are linked, not copied. Of a model that also sees and whose text part alone is trained (Qwen
    3.5), it is that part.
    """
    made_of = {"base": base.fingerprint, "chat_template": chat_template}
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", base.name.rpartition("/")[2])  # as it is served
    target = home() / "artefacts" / "baselines" / f"{name}-{fingerprint(made_of)}"
    if missing_in_folder(target):  # also where the base was moved, and a link leads nowhere
        shutil.rmtree(target, ignore_errors=True)
        from transformers import AutoConfig, AutoModelForCausalLM

        config = AutoConfig.from_pretrained(str(base.folder), trust_remote_code=False)
        part = AutoModelForCausalLM._model_mapping[type(config)].config_class is not type(config)
        with building(target) as scratch:
            for path in sorted(base.folder.iterdir()):
                of_whole = path.suffix == ".safetensors" or path.name in _OF_WHOLE
                if path.is_file() and not (part and of_whole):
                    _copy_or_link(path, scratch / path.name)
            if part:
                load_weights(base.folder, dtype="auto").save_pretrained(scratch)
            write_text(scratch / "chat_template.jinja", chat_template)
    # Here, for the folders of earlier versions, too. In models that also see, the JSON beats ours.
    (target / "chat_template.json").unlink(missing_ok=True)
    decode_greedily(target)
    return target


def _copy_or_link(source: Path, target: Path) -> None:
    if source.stat().st_size <= _COPY_UP_TO_BYTES:
        shutil.copyfile(source, target)
        return
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system
        target.symlink_to(source.resolve())


def write_model_card(
    folder: Path,
    rows: PreparedRows,
    settings: Mapping[str, Any],
    history: list[HistoryPoint],
    merged: str,
) -> None:
    """Describe the student in the hub's model-card format; `merged` is what was compared."""
    what = "every weight was trained"
    if (folder / "adapter").is_dir():
        what = f"an adapter was merged into its base\n({merged})"
    elif merged:
        what = f"an adapter was merged\n({merged}), and then {what}"
    first = " of the first training" if settings.get("then") else ""
    base, licence = rows.base, licence_of(rows.base.folder)
    table = "\n".join(f"| `{name}` | {it} |" for name, it in settings.items())
    write_text(
        folder / "README.md",
        f"""---
base_model: {base.name}
library_name: transformers
tags: [raft, {"lora, " if merged else ""}retrieval-augmented-fine-tuning]
license: {licence}
---

# A RAFT student of {base.name}

Fine-tuned to answer a question from a context of one oracle document among distractors, or to say
that the documents do not hold the answer (RAFT, arXiv:2403.10131). An ordinary causal language
model; {what}.

- Dataset: `{rows.dataset_dir.name}`: {rows.lengths}.
- Validation loss{first}: {validation_said(history) or "there are no validation rows"}. It counts
  completions only.
- Training took {minutes(max(point["seconds"] for point in history))} (minutes:seconds).
- Licence: the base model's, `{licence}`; read it before you pass the student on.
- Write prompts with the tokenizer's chat template; decode greedily.

| setting | value |
|---|---|
{table}
""",
    )


def licence_of(base_dir: Path) -> str:
    """The licence that a base model's card names, or "other" when it names none."""
    card = base_dir / "README.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    named = re.search(r"^license:[ \t]*[\"']?([\w.-]+)", text, re.MULTILINE)
    return named.group(1) if named else "other"
