"""A model's folder: whether it is whole, as far as names, sizes and starts of files tell."""

from pathlib import Path
from typing import Any

from lib.settings import SetupError, portable
from lib.store import read_json

WEIGHT_FILES = _WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_TOKENIZERS = "tokenizer.json", "tokenizer.model"
NEEDED = (("config.json",), WEIGHT_FILES, _TOKENIZERS)  # of each one
_OBJECTS = ("config.json", "generation_config.json", _INDEX)


def missing_in_folder(folder: Path) -> str:
    """What the model lacks, and the remedy; "" = nothing."""
    for names in NEEDED:
        if not any((folder / name).is_file() for name in names):
            return (
                f"{folder} holds no {' or '.join(names)}. Give the folder of a whole model (of an "
                "adapter its merged one); convert weights of another format: load them with "
                "transformers and save_pretrained() them."
            )
    if (folder / "adapter_config.json").is_file():
        return (
            f"{folder} holds an adapter beside its model (adapter_config.json), which transformers "
            "would load on top of it. Move the adapter's files into a folder of their own."
        )
    small = [folder / name for name in (*_OBJECTS, *_TOKENIZERS) if (folder / name).is_file()]
    return _first_wrong(small) or _first_wrong(_weight_files(folder))


def _first_wrong(paths: list[Path]) -> str:
    return next((f"{path} {said}" for path in paths if (said := wrong_content(path))), "")


def _weight_files(folder: Path) -> list[Path]:
    """Those that transformers loads; an index may promise some that are not there."""
    if (folder / _WEIGHTS).is_file():
        return [folder / _WEIGHTS]
    return [folder / name for name in sorted({*read_json(folder / _INDEX)["weight_map"].values()})]


def wrong_content(path: Path) -> str:
    """What is wrong with a file of a model, as far as its size and start tell; "" = nothing."""
    from safetensors import SafetensorError

    if not path.is_file():
        return "is not there. Copy or download the model again."
    with path.open("rb") as file:
        if file.read(8) == b"version ":
            return "is a pointer of Git LFS. Run `git lfs pull` in that folder, or download it."
    try:
        if path.suffix == ".safetensors":
            _shapes(path)
        elif path.name in _OBJECTS:
            found = read_json(path)
            (found["weight_map"] if path.name == _INDEX else found).items()
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError):
        size = f"{path.stat().st_size:,} bytes"
        return f"is cut off or damaged ({size}). Copy or download it again."
    return ""


def weight_shapes(model_dir: Path) -> dict[str, list[int]]:
    """The shape of every tensor by its name, from the headers of the safetensors."""
    files = _weight_files(model_dir)
    return {name: shape for path in files for name, shape in _shapes(path).items()}


def _shapes(path: Path) -> dict[str, list[int]]:
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118


def text_config(model_dir: Path) -> dict[str, Any]:
    """config.json; of a model that also sees, its part that is a language model."""
    config: dict[str, Any] = read_json(model_dir / "config.json")
    return config.get("text_config") or config


def load_weights(model_dir: Path, **options: Any) -> Any:
    """The causal language model of a folder: no pickle and no code of it is run.

    Of a weight that is not in the files transformers only warns, and draws it at random.
    """
    from transformers import AutoModelForCausalLM

    model, report = AutoModelForCausalLM.from_pretrained(
        str(model_dir),
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are in the report, too
        **options,
    )
    absent = [*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])]
    if absent:
        raise SetupError(
            f"{portable(model_dir)}: {len(absent):,} of the weights that its config.json asks for "
            f"are not in its files, or of another size (such as {min(absent)}). Copy or download "
            "the model again."
        )
    return model
