"""A student's base model: where its files are, and what a machine lacks to train it."""

import math
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lib.endpoints import is_set_by_user
from lib.finetune.model_files import NEEDED, missing_in_folder, weight_shapes
from lib.finetune.services import hosted_base, require_service
from lib.finetune.tokens import end_token_ids, load_tokenizer
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError, expanded, home, portable
from lib.state import environment, read_state, require_path
from lib.store import folder_fingerprint

EMBEDDED_MODEL_DIR = PROJECT_DIR / "offline" / "student"
GEMMA_MODEL_DIR = "artefacts/models/gemma-3-270m"  # offline/gemma.py makes it
# Weights in safetensors only: a pickle runs code when it is loaded.
_SMALL_FILES = ["*.json", "*.jinja", "tokenizer.model", "README.md", "LICENSE*"]
# Copies of the weights in other layouts (gpt-oss, Mistral), and an adapter beside them
_HUB_COPIES = ["*/*", "consolidated*", "params.json", "tekken.json", "adapter_*"]
_HUB_WAIT_S, _DOWNLOAD_WAIT_S = 8.0, 120.0  # for the list of files, for all but the weights
_CHECKPOINT_BYTES = 12  # a weight and Adam's two, in float32
_SMALL_FILES_GIB = 0.5  # the dataset, answers, logs
# Beyond requirements.txt: the package by the value of a parameter, and what to install
_PACKAGES = {
    **dict.fromkeys(("qlora", "lora_8bit"), ("bitsandbytes", "-r requirements/qlora.txt")),
    "zero3": ("deepspeed", "deepspeed"),
    **{name: (name, name) for name in ("tensorboard", "wandb", "mlflow", "trackio")},
}


@dataclass(frozen=True)
class Base:
    """The model that training starts from, on this machine's disk."""

    name: str  # "embedded", a name on the hub with its organisation, or a folder's name
    folder: Path
    fingerprint: str  # of its files, or hub name and commit


def find_student(student_model: str) -> Path | str:
    """The folder of `embedded` or of a local model; a name on the model hub as it is."""
    if student_model == "embedded":
        return EMBEDDED_MODEL_DIR
    path = expanded(student_model)
    for folder in (path, home() / path, PROJECT_DIR / path):
        if folder.is_dir():
            return folder
    if student_model == GEMMA_MODEL_DIR:
        raise SetupError(f"Gemma 3 270M is not in {student_model} yet. Make it: run `make gemma`.")
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(student_model)
    except HFValidationError:
        raise SetupError(
            f"student_model is '{student_model}': there is no such folder, and it is not a hub "
            "name either. Give 'embedded', a folder with a model, or a name like 'org/model'."
        ) from None
    return student_model


def fetch_student(student_model: str) -> Base:
    """The base model; a hub model is first downloaded into the hub's cache."""
    found = find_student(student_model)
    if missing := _files_of(found)[1]:
        raise SetupError(missing)
    if isinstance(found, Path):
        name = "embedded" if found == EMBEDDED_MODEL_DIR else found.resolve().name
        return Base(name, found, folder_fingerprint(found))
    folder = _download(found, [*_SMALL_FILES, "*.safetensors"])
    if missing := missing_in_folder(folder):
        raise SetupError(missing.replace(str(folder), found))
    return Base(found, folder, f"{found}@{folder.name}")


def require_machine(recipe: Recipe) -> None:
    """Stop within seconds when this machine cannot train the student, also without a network.

    Of a model on the hub all but its weights is downloaded.
    """
    if recipe.then == "dpo":
        from lib.finetune.second import preference_pairs

        preference_pairs(recipe)
    if recipe.method == "hosted":
        require_service(recipe)
        return
    if recipe.from_adapter:
        from lib.finetune.methods import adapter_dir

        adapter_dir(recipe.from_adapter)
    found = find_student(recipe.student_model)
    folder, missing_model = _files_of(found)
    missing_space = "" if missing_model else _missing_space(recipe, found)
    missing = (_missing_gpu(recipe), missing_model, missing_space)
    if said := " ".join(filter(None, (*missing, _missing_package(recipe)))):
        raise SetupError(said)
    if found == EMBEDDED_MODEL_DIR and not recipe.chat_template_path:
        return
    try:
        tokenizer = load_tokenizer(folder, recipe.dataset_format, recipe.chat_template_path)
        end_token_ids(folder, tokenizer)
        _require_architecture(folder)
    except SetupError as error:
        raise SetupError(str(error).replace(portable(folder), str(found))) from None


def _require_architecture(folder: Path) -> None:
    """Stop if transformers has no causal language model for the config, without code of its own, or
    if the weights are quantised: an adapter cannot be merged into them."""
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
        known = type(config) in AutoModelForCausalLM._model_mapping
    except (ValueError, OSError, KeyError):
        known = False
    if not known:
        raise SetupError(
            f"{portable(folder)} is of an architecture that this version of transformers cannot "
            "train without code of the model's own (model_type in config.json). Take another model."
        )
    how = (getattr(config, "quantization_config", None) or {}).get("quant_method")
    if how and how != "mxfp4":  # transformers makes it bf16
        raise SetupError(
            f"{portable(folder)} is quantised ({how}), and no student can be merged into such "
            "weights. Take the model in full precision; method 'qlora' loads it in 4 bit."
        )


def _missing_space(recipe: Recipe, found: Path | str) -> str:
    """Room for the merged student, in float32 on a CPU, and for what is beside it: checkpoints."""
    need_gib = recipe.student_memory_gib  # about twice the weights: of a model that is not here yet
    if isinstance(found, Path):
        need_gib = 2 * sum(path.stat().st_size for path in found.glob("*.safetensors")) / 2**30
        if recipe.method == "full" and recipe.save_steps >= 0:  # two checkpoints at a time
            weights = sum(map(math.prod, weight_shapes(found).values()))
            need_gib += 2 * _CHECKPOINT_BYTES * weights / 2**30
    need_gib += _SMALL_FILES_GIB
    folder = next(path for path in (home(), *home().parents) if path.exists())
    free_gib = shutil.disk_usage(folder).free / 2**30
    if free_gib >= need_gib:
        return ""
    return (
        f"The disk of {home()} has {free_gib:.1f} GiB free, and the student takes about "
        f"{need_gib:.1f} GiB. Free space there, or set OPENBOOK_HOME to a folder on another disk."
    )


def require_student(recipe: Recipe) -> None:
    """Stop when 3_deploy would not serve a student of this run's dataset and student_model."""
    if is_set_by_user("student") and recipe.method != "hosted":
        return
    require_path("STUDENT_MODEL_DIR", recipe.run_name)
    if recipe.method == "hosted":
        wanted = hosted_base(recipe.student_model)
    else:
        found = find_student(recipe.student_model)
        wanted = folder_fingerprint(found) if isinstance(found, Path) else f"{found}@"
    seen = read_state(recipe.run_name).get("STUDENT_BASE", "")
    if seen and not seen.startswith(wanted):
        raise SetupError(
            f"Run '{recipe.run_name}': its student started from another model than student_model = "
            f"'{recipe.student_model}'. Run 2_finetune.ipynb again (./run_all.sh --from 2)."
        )


def _missing_package(recipe: Recipe) -> str:
    """What a method or a tracker needs beyond requirements.txt."""
    for knob in ("report_to", "method", "parallel"):
        value = getattr(recipe, knob)
        package, install = _PACKAGES.get(value, ("", ""))
        if package and not find_spec(package):
            return (
                f"{knob} is '{value}', and the package {package} is not installed. Install it: "
                f".venv/bin/pip install {install}."
            )
    return ""


def _missing_gpu(recipe: Recipe) -> str:
    if not recipe.student_memory_gib:
        return ""
    import torch

    cards = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    sizes = [card.total_memory / 2**30 for card in cards]
    if max(sizes, default=0) >= recipe.student_memory_gib:
        return ""
    return (
        f"Training {recipe.student_model} takes about {recipe.student_memory_gib:g} GiB of GPU "
        f"memory, and the largest GPU that PyTorch sees here has {max(sizes, default=0):.0f} GiB "
        "(nvidia-smi lists them). Take a machine with such a GPU, or -p parameters/tiny.yaml."
    )


# --- models on the hub ---------------------------------------------------------------------------


def _files_of(found: Path | str) -> tuple[Path, str]:
    """Where the model's files are, but perhaps for its weights; and why training cannot use it."""
    if isinstance(found, Path):
        return found, missing_in_folder(found)
    from huggingface_hub import constants, try_to_load_from_cache

    config_path = try_to_load_from_cache(found, "config.json")
    if isinstance(config_path, str) and not missing_in_folder(Path(config_path).parent):
        return Path(config_path).parent, ""
    if constants.HF_HUB_OFFLINE:
        return Path(), _no_hub(found, "HF_HUB_OFFLINE is set")
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    answers: list[Path | str] = []

    def ask() -> None:
        try:
            answers.append(_missing_on_hub(found))
            answers.append(answers[0] or _download(found))
        except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
            cause = error if hasattr(error, "response") else error.__cause__ or error
            status = getattr(getattr(cause, "response", None), "status_code", "no answer")
            answers.append(_no_hub(found, f"{type(cause).__name__}: {status}"))

    # A daemon thread, which the process does not wait for: a name server can hang for minutes.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_HUB_WAIT_S)
    if answers:  # the hub is there
        thread.join(_DOWNLOAD_WAIT_S)
    said = (answers or [""])[-1] or _no_hub(found, "no answer in time")
    return (said, "") if isinstance(said, Path) else (Path(), said)


def _missing_on_hub(name: str) -> str:
    """Which of the files that training needs the hub does not list; "" = none."""
    from huggingface_hub import HfApi

    info = HfApi(token=environment().get("HF_TOKEN")).model_info(name, timeout=5)
    files = {file.rfilename for file in info.siblings or ()}
    for needed in NEEDED:
        if files.isdisjoint(needed):
            return (
                f"{name} on the model hub has no {' or '.join(needed)}, so it cannot be trained "
                "here. Take another model, or give the folder of a converted copy as student_model."
            )
    return ""


def _download(name: str, files: Sequence[str] = _SMALL_FILES) -> Path:
    from huggingface_hub import constants, snapshot_download

    folder = snapshot_download(
        name,
        allow_patterns=[*files],
        ignore_patterns=_HUB_COPIES,
        token=environment().get("HF_TOKEN"),
        local_files_only=constants.HF_HUB_OFFLINE,
    )
    return Path(folder)


def _no_hub(name: str, reason: str) -> str:
    return (
        f"{name} is not in the hub's cache, and the model hub does not give it ({reason}). Check "
        "name and network; if it is private or gated, accept its licence at "
        f"https://huggingface.co/{name} and set HF_TOKEN in .env. Or download it elsewhere (`hf "
        f"download {name} --local-dir FOLDER`) and give that folder as student_model."
    )
