"""A student's base model: where its files are, and what a machine lacks to train it."""

from __future__ import annotations

import re
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from lib.endpoints import is_set_by_user
from lib.finetune.model_files import EMBEDDED_MODEL_DIR, missing_in_folder
from lib.finetune.tokens import load_tokenizer
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError, home
from lib.state import environment, read_state, require_path
from lib.store import folder_fingerprint

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
# Weights in safetensors only: a pickle runs code when it is loaded.
_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model", "README.md", "LICENSE*"]
_HUB_WAIT_S = 8.0
_SMALL_FILES_GIB = 0.5  # the dataset, answers, logs


@dataclass(frozen=True)
class Base:
    """The model that training starts from, on this machine's disk."""

    name: str  # "embedded", a hub name or a folder's name
    folder: Path
    fingerprint: str  # of its files, or hub name and commit


def find_student(student_model: str) -> Path | str:
    """The folder of `embedded` or of a local model; a name on the model hub as it is."""
    if student_model == "embedded":
        return EMBEDDED_MODEL_DIR
    path = Path(student_model).expanduser()
    for folder in (path, home() / path, PROJECT_DIR / path):
        if folder.is_dir():
            return folder
    if student_model.startswith((".", "/", "~")) or not _HUB_NAME.fullmatch(student_model):
        raise SetupError(
            f"student_model is '{student_model}': there is no such folder, and it is not a hub "
            "name either. Give 'embedded', a folder with a model, or a name like 'org/model'."
        )
    return student_model


def fetch_student(student_model: str) -> Base:
    """The base model; a hub model is first downloaded into the hub's cache."""
    found = find_student(student_model)
    if missing := _missing_model(found):
        raise SetupError(missing)
    if isinstance(found, Path):
        name = "embedded" if found == EMBEDDED_MODEL_DIR else found.resolve().name
        return Base(name, found, folder_fingerprint(found))
    from huggingface_hub import constants, snapshot_download

    token, offline = environment().get("HF_TOKEN"), constants.HF_HUB_OFFLINE
    downloaded = snapshot_download(
        found, allow_patterns=_HUB_FILES, token=token, local_files_only=offline
    )
    folder = Path(downloaded)
    if missing := missing_in_folder(folder):
        raise SetupError(missing.replace(str(folder), found))
    return Base(found.rpartition("/")[2], folder, f"{found}@{folder.name}")


def require_machine(recipe: Recipe) -> None:
    """Stop within seconds when this machine cannot train the student, also without a network."""
    found = find_student(recipe.student_model)
    missing = [_missing_gpu(recipe), _missing_model(found), _missing_space(recipe, found)]
    if any(missing):
        raise SetupError(" ".join(filter(None, missing)))
    if isinstance(found, Path) and found != EMBEDDED_MODEL_DIR:
        load_tokenizer(found, recipe.dataset_format)


def _missing_space(recipe: Recipe, found: Path | str) -> str:
    """Room for the merged student, in float32 on a CPU, and for what is beside it."""
    need_gib = recipe.student_memory_gib  # about twice the weights: of a model that is not here yet
    if isinstance(found, Path):
        need_gib = 2 * sum(path.stat().st_size for path in found.glob("*.safetensors")) / 2**30
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
    if is_set_by_user("student"):
        return
    require_path("STUDENT_MODEL_DIR", recipe.run_name)
    found = find_student(recipe.student_model)
    wanted = folder_fingerprint(found) if isinstance(found, Path) else f"{found}@"
    seen = read_state(recipe.run_name).get("STUDENT_BASE", "")
    if seen and not seen.startswith(wanted):
        raise SetupError(
            f"Run '{recipe.run_name}': its student started from another model than student_model = "
            f"'{recipe.student_model}'. Run 2_finetune.ipynb again (./run_all.sh --from 2)."
        )


def _missing_gpu(recipe: Recipe) -> str:
    if not recipe.student_memory_gib:
        return ""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    sizes = [torch.cuda.get_device_properties(i).total_memory / 2**30 for i in range(count)]
    if max(sizes, default=0) >= recipe.student_memory_gib:
        return ""
    found = "PyTorch sees no GPU here (nvidia-smi lists them)"
    if sizes:
        found = f"the largest GPU here has {max(sizes):.0f} GiB"
    return (
        f"Training {recipe.student_model} takes about {recipe.student_memory_gib:g} GiB of GPU "
        f"memory, and {found}. Take a machine with such a GPU, or -p parameters/tiny.yaml."
    )


def _missing_model(found: Path | str) -> str:
    return missing_in_folder(found) if isinstance(found, Path) else _missing_on_hub(found)


def _missing_on_hub(name: str) -> str:
    from huggingface_hub import constants, try_to_load_from_cache

    config_path = try_to_load_from_cache(name, "config.json")
    if isinstance(config_path, str) and not missing_in_folder(Path(config_path).parent):
        return ""
    if constants.HF_HUB_OFFLINE:
        return (
            f"{name} is not in the hub cache, and HF_HUB_OFFLINE is set. Unset it to download the "
            "model, or give the folder of a local copy as student_model."
        )
    answers: list[str] = []
    # A daemon thread, which the process does not wait for: a name server can hang for minutes.
    thread = threading.Thread(target=lambda: answers.append(_hub_refusal(name)), daemon=True)
    thread.start()
    thread.join(_HUB_WAIT_S)
    return answers[0] if answers else _no_hub(name, f"no answer in {_HUB_WAIT_S:.0f} s")


def _hub_refusal(name: str) -> str:
    """Why the hub would not give us a model; "" = it would."""
    import httpx2
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(name, "config.json")
    try:
        get_hf_file_metadata(url, token=environment().get("HF_TOKEN"), timeout=5)
    except errors.GatedRepoError:
        return (
            f"{name} is a gated model and your access is not granted. Accept its licence at "
            f"https://huggingface.co/{name} and set HF_TOKEN in .env."
        )
    except (errors.RepositoryNotFoundError, errors.EntryNotFoundError):
        return (
            f"The model hub has no model '{name}' for you. Check the name; a private one needs "
            "HF_TOKEN in .env."
        )
    except (errors.HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        return _no_hub(name, type(error).__name__)
    return ""


def _no_hub(name: str, reason: str) -> str:
    return (
        f"{name} is not in the hub cache, and the model hub cannot be reached ({reason}). Check "
        "the network, or give the folder of a local copy as student_model."
    )
