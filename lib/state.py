"""Names and their values: the process environment, `.env`, then the run's `.env.state`.

`.env` is the user's; `runs/<run_name>/.env.state` is ours: what a notebook passes to the next one
of the same run.
"""

import io
import json
import os
from collections import ChainMap
from pathlib import Path
from typing import Any

from lib.settings import SECRET_NAME, SetupError, home, portable, without_secrets, write_text


def layers(run_name: str = "") -> list[dict[str, str]]:
    """Process environment, `.env`, the state of a run if one is named; blank values are unset."""
    process = {name: value for name, value in os.environ.items() if value.strip()}
    return [process, read_env(), read_state(run_name) if run_name else {}]


def read_env() -> dict[str, str]:
    """The names of a dotenv file with their values; {} when there is none."""
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    path = home() / ".env"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read ({error.strerror}). Make it a file of NAME=value lines "
            "that you may read (Docker makes a folder where the file to mount is missing)."
        ) from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # UTF-16 without its mark is UTF-8 full of zeros
        raise SetupError(
            f"{path} is not a text in UTF-8. Save it as UTF-8 (your editor's “Save as”)."
        )
    if wrong := next((line for line in parse_stream(io.StringIO(text)) if line.error), None):
        raise SetupError(
            f"{path}, line {wrong.original.line}, is not NAME=value. Write it so; a value with "
            "blanks or # goes into quotes."
        )
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {key: value for key, value in values.items() if value and value.strip()}


def environment(run_name: str = "") -> dict[str, str]:
    """Every name with its value: the one place where precedence is decided."""
    return dict(ChainMap(*layers(run_name)))


JOB_FILE = "job.json"  # in the folder of a student that a service has trained
STATE_KEYS = {  # key → the notebook that writes it
    "DATASET_DIR": "1_gen",
    "STUDENT_MODEL_DIR": "2_finetune",
    "STUDENT_DATASET_DIR": "2_finetune",  # it was trained on this dataset
    "STUDENT_BASE": "2_finetune",  # it started from this model: a hash, or hub name and commit
    "BASELINE_MODEL_DIR": "2_finetune",
    "STUDENT_SERVED_DIR": "3_deploy",  # the model folder that the endpoint below answers for
    "BASELINE_SERVED_DIR": "3_deploy",
    "STUDENT_SERVED_BY": "3_deploy",  # the engine, and what it ignores
    "BASELINE_SERVED_BY": "3_deploy",
    "STUDENT_OPENAI_BASE_URL": "3_deploy",
    "STUDENT_OPENAI_DEPLOYMENT": "3_deploy",
    "STUDENT_OPENAI_API_KEY": "3_deploy",
    "BASELINE_OPENAI_BASE_URL": "3_deploy",
    "BASELINE_OPENAI_DEPLOYMENT": "3_deploy",
    "BASELINE_OPENAI_API_KEY": "3_deploy",
}
# Key → (what it was made from, in words and as its key; the key that must hold the same). Folders
# are named after what made them.
_ORIGINS = {
    "STUDENT_MODEL_DIR": ("the student was trained on", "STUDENT_DATASET_DIR", "DATASET_DIR"),
    "STUDENT_OPENAI_DEPLOYMENT": (
        "the student's endpoint is of",
        "STUDENT_SERVED_DIR",
        "STUDENT_MODEL_DIR",
    ),
    "BASELINE_OPENAI_DEPLOYMENT": (
        "the baseline's endpoint is of",
        "BASELINE_SERVED_DIR",
        "BASELINE_MODEL_DIR",
    ),
}


def state_path(run_name: str) -> Path:
    return home() / "runs" / run_name / ".env.state"


def latest_run() -> str:
    """The run whose state was written last; "" = there is none."""
    paths = (home() / "runs").glob("*/.env.state")
    return max(paths, key=lambda path: path.stat().st_mtime_ns, default=Path()).parent.name


def read_state(run_name: str) -> dict[str, str]:
    """The content of a run's `.env.state`; {} when there is none."""
    from dotenv.parser import parse_stream

    path = state_path(run_name)
    try:
        lines = list(parse_stream(io.StringIO(path.read_text(encoding="utf-8"))))
        for line in lines:
            if line.error or (line.key and not line.value):
                raise ValueError(f"line {line.original.line} is not NAME='value'")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SetupError(
            f"{portable(path)} cannot be read ({error}). Delete it and run the run's notebooks "
            "again: finished work is found again."
        ) from None
    return {line.key: line.value for line in lines if line.key and line.value}


def save_state(run_name: str, **values: str | None) -> None:
    """Set keys of a run's `.env.state` (None removes one): atomic, mode 600."""
    if undeclared := values.keys() - STATE_KEYS.keys():
        raise KeyError(f"not declared in STATE_KEYS: {sorted(undeclared)}")
    merged: dict[str, str | None] = {**read_state(run_name), **values}
    escape = str.maketrans({"\\": "\\\\", "'": "\\'"})
    lines = [f"{key}='{value.translate(escape)}'\n" for key, value in merged.items() if value]
    text = "# Written by the notebooks; your own settings belong into .env\n" + "".join(lines)
    write_text(state_path(run_name), text, mode=0o600)


def require_path(key: str, run_name: str) -> Path:
    """The folder that an earlier notebook of this run passed on."""
    value = environment(run_name).get(key)
    notebook = f"{STATE_KEYS[key]}.ipynb"
    if not value:
        if not run_name:
            raise SetupError(f"No run here has a {key} yet. Run {notebook} first.")
        known = sorted(path.parent.name for path in (home() / "runs").glob("*/.env.state"))
        raise SetupError(
            f"Run '{run_name}' has no {key} yet. Run {notebook} with run_name = '{run_name}' first "
            f"(runs here: {', '.join(known) or 'none'})."
        )
    check_origin(key, run_name)
    path = home() / value
    if not path.exists():
        raise SetupError(
            f"Run '{run_name}': {key} is {portable(path)}, which is not there. Run {notebook}."
        )
    return path


def hosted_job(run_name: str) -> dict[str, Any]:
    """The job that trained the run's student at a service; {} = it was trained here."""
    path = home() / read_state(run_name).get("STUDENT_MODEL_DIR", "") / JOB_FILE
    if not path.is_file():
        return {}
    require_path("STUDENT_MODEL_DIR", run_name)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def check_origin(key: str, run_name: str) -> None:
    """Raise a SetupError if a notebook's result was made from what the run no longer has.

    What the user names in .env or in the process environment is not checked.
    """
    state, values = read_state(run_name), environment(run_name)
    if key not in _ORIGINS or values.get(key) != state.get(key):
        return
    said, origin, needed = _ORIGINS[key]
    check_origin(needed, run_name)
    made_from = state.get(origin)
    if made_from != values.get(needed):
        raise SetupError(
            f"Run '{run_name}': {said} {made_from}, and {needed} is now "
            f"{values.get(needed, 'not there')}. Run {STATE_KEYS[key]}.ipynb with run_name = "
            f"'{run_name}'."
        )


def forget_endpoint(role: str, run_name: str) -> None:
    """Remove what a run's 3_deploy wrote about a role's endpoint."""
    ours = (f"{role.upper()}_OPENAI_", f"{role.upper()}_SERVED_")
    keys = [key for key in read_state(run_name) if key.startswith(ours)]
    if keys:
        save_state(run_name, **dict.fromkeys(keys))


def show_state(run_name: str) -> None:
    """Print a run's `.env.state`, secrets redacted whole."""
    for key, value in sorted(read_state(run_name).items()):
        print(f"{key:26} {'***' if SECRET_NAME.search(key) else without_secrets(value)}")
