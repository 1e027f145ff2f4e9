"""A model's folder: whether it is whole, as far as names, sizes and starts of files tell."""

import re
from pathlib import Path
from typing import Any

from lib.settings import PROJECT_DIR, portable
from lib.store import read_json

EMBEDDED_MODEL_DIR = PROJECT_DIR / "offline" / "student"


def missing_in_folder(folder: Path) -> str:
    """What the model lacks, and the remedy; "" = nothing."""
    if not (folder / "config.json").is_file():
        if folder == EMBEDDED_MODEL_DIR:
            return (
                f"The embedded student is not in {portable(folder)}. "
                "Build it: python -m offline.build."
            )
        return f"{folder} holds no config.json, so it is not a model. Give the folder of a model."
    if not any(folder.glob("*.safetensors")):
        return (
            f"{folder} holds no *.safetensors, and only those are loaded. Convert its weights: "
            "load it with transformers and save_pretrained() it."
        )
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
        return f"{folder} holds no tokenizer.json or tokenizer.model. Put its tokenizer there."
    try:
        weights = _weight_files(folder)
    except (ValueError, TypeError, AttributeError) as error:
        return (
            f"An index of weights in {folder} (*.safetensors.index.json) cannot be read "
            f"({type(error).__name__}). Copy or download it again."
        )
    if absent := [path.name for path in weights if not path.is_file()]:
        return (
            f"{folder} lacks {len(absent)} of {len(weights)} files of its weights ({absent[0]} …). "
            "Copy or download the model again."
        )
    for path in (*weights, folder / "tokenizer.json", folder / "tokenizer.model"):
        if path.is_file() and (wrong := wrong_content(path)):
            return f"{path} {wrong}."
    return ""


def _weight_files(folder: Path) -> list[Path]:
    """The safetensors that there are, and those that an index or `-00001-of-00003` promises."""
    names = {path.name for path in folder.glob("*.safetensors")}
    for name in list(names):
        if numbered := re.fullmatch(r"(.+-)\d{5}-of-(\d{5})(\.safetensors)", name):
            start, count, end = numbered.groups()
            names |= {f"{start}{n:05}-of-{count}{end}" for n in range(1, int(count) + 1)}
    for index in folder.glob("*.safetensors.index.json"):
        names |= set(read_json(index).get("weight_map", {}).values())
    return [folder / name for name in sorted(names)]


def wrong_content(path: Path) -> str:
    """What is wrong with a file of a model; "" = nothing that is seen from its size and start."""
    from safetensors import SafetensorError

    with path.open("rb") as file:
        if file.read(8) == b"version ":
            return (
                "is a pointer of Git LFS, not the file. Run `git lfs pull` in that folder, or "
                "download the file"
            )
    try:
        if path.suffix == ".safetensors":
            _shapes(path)
    except SafetensorError as error:
        wrong = "is cut off" if "not fully covered" in str(error) else "is not a file of weights"
        return f"{wrong}: {path.stat().st_size:,} bytes. Copy or download it again"
    return ""


def weight_shapes(model_dir: Path) -> dict[str, list[int]]:
    """The shape of every tensor by its name, from the headers of the safetensors."""
    files = sorted(model_dir.glob("*.safetensors"))
    return {name: shape for path in files for name, shape in _shapes(path).items()}


def _shapes(path: Path) -> dict[str, list[int]]:
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118


def load_weights(model_dir: Path, **options: Any) -> Any:
    """The causal language model of a folder: no pickle and no code of it is run."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        str(model_dir), use_safetensors=True, trust_remote_code=False, **options
    )
