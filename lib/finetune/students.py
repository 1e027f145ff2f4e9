"""Where a student's base model lies, and what a machine lacks to train it."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path

from lib.settings import PROJECT_DIR, SetupError, environment, home, portable
from lib.store import folder_fingerprint

EMBEDDED_MODEL_DIR = PROJECT_DIR / "offline" / "student"

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
# Weights in safetensors only: a pickle runs code when it is loaded.
_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model", "README.md", "LICENSE*"]
_HUB_WAIT_S = 8.0


@dataclass(frozen=True)
class Base:
    """The model that training starts from, on this machine's disk."""

    name: str  # "embedded", a hub name or a folder's name
    folder: Path
    fingerprint: str  # of its files, or hub name and commit


def find_student(student_model: str) -> Path | str:
    """`embedded`, a local folder, or a name on the model hub (returned as it is).

    Raises:
        SetupError: a path that is not there, or a text that is no name.
    """
    if student_model == "embedded":
        return EMBEDDED_MODEL_DIR
    path = Path(student_model).expanduser()
    for folder in (path, home() / path, PROJECT_DIR / path):
        if folder.is_dir():
            return folder
    if student_model.startswith((".", "/", "~")) or not _HUB_NAME.fullmatch(student_model):
        raise SetupError(
            f"student_model is '{student_model}': there is no such folder, and it is no hub name "
            "either. Give 'embedded', a folder with a model, or a name like 'org/model'."
        )
    return student_model


def fetch_student(student_model: str) -> Base:
    """The base model's folder; a hub model is downloaded into the hub's cache first.

    Raises:
        SetupError: it cannot be had, with what to do.
    """
    found = find_student(student_model)
    if isinstance(found, Path):
        if missing := _missing_in_folder(found):
            raise SetupError(missing)
        name = "embedded" if found == EMBEDDED_MODEL_DIR else found.resolve().name
        return Base(name, found, folder_fingerprint(found))
    if missing := _missing_on_hub(found):
        raise SetupError(missing)
    from huggingface_hub import constants, snapshot_download

    folder = Path(
        snapshot_download(
            found,
            allow_patterns=_HUB_FILES,
            token=environment().get("HF_TOKEN"),
            local_files_only=constants.HF_HUB_OFFLINE,
        )
    )
    if missing := _missing_in_folder(folder):
        raise SetupError(missing.replace(str(folder), found))
    return Base(found.rpartition("/")[2], folder, f"{found}@{folder.name}")


def missing_requirements(student_model: str, *, student_memory_gib: float = 0.0) -> list[str]:
    """What this machine lacks to train a student, one sentence each; [] = it can start.

    Answers within seconds, also where no network is.
    """
    try:
        found = find_student(student_model)
    except SetupError as error:
        return [str(error)]
    model = _missing_in_folder(found) if isinstance(found, Path) else _missing_on_hub(found)
    return [line for line in (_missing_gpu(student_model, student_memory_gib), model) if line]


def require_machine(student_model: str, *, student_memory_gib: float = 0.0) -> None:
    """Stop before anything runs when this machine cannot train the student.

    Raises:
        SetupError: what is missing, and what to do.
    """
    if missing := missing_requirements(student_model, student_memory_gib=student_memory_gib):
        raise SetupError(" ".join(missing))


def _missing_gpu(student_model: str, memory_gib: float) -> str:
    if memory_gib <= 0:
        return ""
    import torch

    needed = f"Training {student_model} takes about {memory_gib:g} GiB of GPU memory"
    advice = "Run it on a machine with such a GPU, or take -p parameters/tiny.yaml."
    if not torch.cuda.is_available():
        return f"{needed}, and PyTorch sees no GPU here (nvidia-smi lists them). {advice}"
    sizes = [
        torch.cuda.get_device_properties(i).total_memory for i in range(torch.cuda.device_count())
    ]
    if (largest_gib := max(sizes) / 2**30) < memory_gib:
        return f"{needed}, and the largest GPU here has {largest_gib:.0f} GiB. {advice}"
    return ""


def _missing_in_folder(folder: Path) -> str:
    if folder == EMBEDDED_MODEL_DIR and not (folder / "config.json").is_file():
        return (
            f"The embedded student is not in {portable(folder)}. "
            "Build it: python -m offline.build."
        )
    if not (folder / "config.json").is_file():
        return f"{folder} holds no config.json, so it is no model. Give the folder of one."
    if not any(folder.glob("*.safetensors")):
        return (
            f"{folder} holds no *.safetensors, and only those are loaded. Convert its weights: "
            "load it with transformers and save_pretrained() it."
        )
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
        return f"{folder} holds no tokenizer.json or tokenizer.model. Put its tokenizer there."
    return ""


def _missing_on_hub(name: str) -> str:
    if _in_hub_cache(name):
        return ""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return (
            f"{name} is not in the hub cache, and HF_HUB_OFFLINE is set. Unset it to download the "
            "model, or give the folder of a local copy as student_model."
        )
    return _hub_refusal(name)


def _in_hub_cache(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    config_path = try_to_load_from_cache(name, "config.json")
    return isinstance(config_path, str) and not _missing_in_folder(Path(config_path).parent)


def _unreachable(name: str) -> str:
    """Why the hub would not give us a model; "" when it would."""
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


def _hub_refusal(name: str) -> str:
    """_unreachable() within _HUB_WAIT_S seconds: a name server can hang for minutes."""
    answers: list[str] = []
    # A daemon thread: nobody waits for it at the end of the process.
    thread = threading.Thread(target=lambda: answers.append(_unreachable(name)), daemon=True)
    thread.start()
    thread.join(_HUB_WAIT_S)
    return answers[0] if answers else _no_hub(name, f"no answer in {_HUB_WAIT_S:.0f} s")


def _no_hub(name: str, reason: str) -> str:
    return (
        f"{name} is not in the hub cache, and the model hub cannot be reached ({reason}). Check "
        "the network, or give the folder of a local copy as student_model."
    )
