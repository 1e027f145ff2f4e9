"""Secrets, endpoints and state: the process environment, `.env`, then `.env.state`.

`.env` is the user's; `.env.state` is ours: what one notebook passes to the next.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import ChainMap
from dataclasses import dataclass, field
from io import StringIO
from itertools import chain
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

PROJECT_DIR = Path(__file__).resolve().parent.parent


class SetupError(Exception):
    """A mistake that the user can correct: value seen → expected → what to do, on one line."""

    def _render_traceback_(self) -> list[str]:  # IPython shows this in place of a traceback
        return [f"SetupError: {self}"]


def home() -> Path:
    """The folder of `.env`, `artefacts/` and `runs/`: the project's own, or $OPENBOOK_HOME."""
    return Path(os.environ.get("OPENBOOK_HOME") or PROJECT_DIR)


def portable(path: Path) -> str:
    """The path relative to home() where it lies inside, so that state and outputs can move."""
    path = Path(path)
    absolute = path if path.is_absolute() else home() / path
    return absolute.relative_to(home()).as_posix() if absolute.is_relative_to(home()) else str(path)


# --- the environment -----------------------------------------------------------------------------


def _layers() -> list[dict[str, str]]:
    """Process environment, `.env`, `.env.state`; empty and blank values count as unset."""
    process = {name: value for name, value in os.environ.items() if value.strip()}
    return [process, _read_env(".env"), read_state()]


def _read_env(name: str) -> dict[str, str]:
    """The names of a dotenv file with their values; {} when there is none.

    Raises:
        SetupError: it is not UTF-8, as files of some Windows editors.
    """
    from dotenv import dotenv_values

    path = home() / name
    if not path.is_file():
        return {}
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # UTF-16 without its mark is UTF-8 full of zeros
        raise SetupError(
            f"{path} is not a text in UTF-8. Save it as UTF-8 (your editor's “Save as”)."
        )
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    return {key: value for key, value in values.items() if value and value.strip()}


def environment() -> dict[str, str]:
    """Every name with its value: the one place where precedence is decided."""
    return dict(ChainMap(*_layers()))


# --- endpoints -----------------------------------------------------------------------------------

PREFIXES = {  # role → its prefix, then accepted aliases; see `prefixes_of` for other roles
    "teacher": ("COMPLETION_", "TEACHER_"),
    "embedding": ("EMBEDDING_",),
    "baseline": ("BASELINE_",),
    "student": ("STUDENT_", "FINETUNED_"),
    "judge": ("JUDGE_", "SCORE_"),
}
_NAMES: dict[str, dict[str, tuple[str, ...]]] = {  # style → field → names, the first set one wins
    "openai": {
        "api_key": ("OPENAI_API_KEY",),
        "base_url": ("OPENAI_BASE_URL",),
        "deployment": ("OPENAI_DEPLOYMENT",),
    },
    "azure": {
        "api_key": ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_KEY"),
        "base_url": ("AZURE_OPENAI_ENDPOINT",),
        "deployment": ("AZURE_OPENAI_DEPLOYMENT",),
        "api_version": ("OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION"),
        "use_entra_id": ("AZURE_OPENAI_USE_ENTRA_ID",),  # a login in place of a key
    },
}
_YES = ("1", "true", "yes", "on")


@dataclass(frozen=True)
class EndpointSettings:
    """The endpoint of a model role."""

    role: str
    style: str  # "openai" or "azure"
    base_url: str
    deployment: str  # the model's name there
    api_key: str = field(default="", repr=False)
    api_version: str = ""
    use_entra_id: bool = False  # Azure style: Entra ID in place of the key

    @property
    def address(self) -> str:
        """The base URL as it may be shown: without the password and the values of its query."""
        return without_secrets(self.base_url)


def without_secrets(url: str) -> str:
    """`https://me:secret@host/v1?key=abc` → `https://***@host/v1?key=***`; else the text itself."""
    hidden = re.sub(r"(?<=://)[^/?#]*@", "***@", url)
    return re.sub(r"(?<=[?&])((?!api-version)[^=&#]+)=[^&#]*", r"\1=***", hidden)


def prefixes_of(role: str) -> tuple[str, ...]:
    """`gpt-4o` → `("GPT_4O_",)`: a role outside of PREFIXES uses its own name as prefix.

    In upper case, with an underscore for every character but A to Z and 0 to 9.
    """
    return PREFIXES.get(role) or (re.sub(r"[^A-Z0-9]", "_", role.upper()) + "_",)


def endpoint_settings(role: str) -> EndpointSettings | None:
    """The endpoint of a role, or None when no name with its prefix is set.

    A prefixed name beats the same name unprefixed, which fills gaps only; names of other prefixes
    never leak in. The style is that of the prefixed names in the first layer that has any. The
    address of a request (`…/chat/completions?api-version=…`) is understood as its base URL.

    Raises:
        SetupError: a needed name is missing, or a key holds what no key can.
    """
    prefixes, merged = prefixes_of(role), environment()
    style = _style_of(prefixes, _layers())
    if style is None:
        return None
    values = {}
    for name_of, names in _NAMES[style].items():
        candidates = [p + n for p in prefixes for n in names] + list(names)
        values[name_of] = next((merged[name] for name in candidates if name in merged), "").strip()
    values |= _parts_of_address(style, values)
    if style == "openai" and not values["base_url"]:
        values["base_url"] = "https://api.openai.com/v1"
    if use_entra_id := values.pop("use_entra_id", "").lower() in _YES:
        del values["api_key"]
    if missing := [name_of for name_of, value in values.items() if not value]:
        needed = ", ".join(prefixes[0] + _NAMES[style][name_of][0] for name_of in missing)
        raise SetupError(
            f"{needed} not set, and the {role} is configured {style} style. "
            "Put it into .env (cp .env.sample .env; a local server takes any key)."
        )
    if not re.fullmatch("[ -~]*", values.get("api_key", "")):
        raise SetupError(
            f"The key of the {role} holds a line break or a character that is not ASCII, so it is "
            f"not a key. Copy it again into {prefixes[0]}{_NAMES[style]['api_key'][0]}."
        )
    return EndpointSettings(role=role, style=style, use_entra_id=use_entra_id, **values)


def _parts_of_address(style: str, values: dict[str, str]) -> dict[str, str]:
    """`https://host/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21` → what each
    part of it sets; deployment and version only fill gaps.
    """
    base_url = re.sub(
        r"/(chat/completions|completions|embeddings)/?(?=$|\?)", "", values["base_url"]
    )
    if style == "openai":
        return {"base_url": base_url}
    host, _, path = base_url.partition("/openai/deployments/")
    versions = parse_qs(urlsplit(base_url).query).get("api-version", [""])
    return {
        "base_url": re.sub(r"/openai/?$", "", host.partition("?")[0].rstrip("/")),
        "deployment": values["deployment"] or unquote(re.split("[/?]", path)[0]),
        "api_version": values["api_version"] or versions[0],
    }


def is_set_by_user(role: str) -> bool:
    """Whether the process environment or `.env` names an endpoint; `.env.state` does not count."""
    return _style_of(prefixes_of(role), _layers()[:2]) is not None


def _style_of(prefixes: tuple[str, ...], layers: list[dict[str, str]]) -> str | None:
    for layer in layers:
        for style in ("azure", "openai"):
            names = chain.from_iterable(_NAMES[style].values())
            if any(prefix + name in layer for name in names for prefix in prefixes):
                return style
    return None


# --- state ---------------------------------------------------------------------------------------

STATE_KEYS = {  # key → the notebook that writes it
    "RUN_NAME": "1_gen",
    "DATASET_DIR": "1_gen",
    "STUDENT_MODEL_DIR": "2_finetune",
    "BASELINE_MODEL_DIR": "2_finetune",
    "STUDENT_OPENAI_BASE_URL": "3_deploy",
    "STUDENT_OPENAI_DEPLOYMENT": "3_deploy",
    "STUDENT_OPENAI_API_KEY": "3_deploy",
    "BASELINE_OPENAI_BASE_URL": "3_deploy",
    "BASELINE_OPENAI_DEPLOYMENT": "3_deploy",
    "BASELINE_OPENAI_API_KEY": "3_deploy",
}
SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)


def read_state() -> dict[str, str]:
    """The content of `.env.state`; {} when there is none."""
    return _read_env(".env.state")


def save_state(**values: str | None) -> None:
    """Set keys of `.env.state` (None removes one): atomic, mode 600.

    Raises:
        KeyError: a key that STATE_KEYS does not declare.
    """
    if undeclared := values.keys() - STATE_KEYS.keys():
        raise KeyError(f"not declared in STATE_KEYS: {sorted(undeclared)}")
    merged: dict[str, str | None] = {**read_state(), **values}
    escape = str.maketrans({"\\": "\\\\", "'": "\\'"})
    lines = [f"{key}='{value.translate(escape)}'\n" for key, value in merged.items() if value]
    handle, temporary = tempfile.mkstemp(dir=home(), prefix=".env.state.")  # made with mode 600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("# Written by the notebooks; your own settings belong into .env\n")
        file.writelines(lines)
    Path(temporary).replace(home() / ".env.state")


def require_path(key: str, *, run_name: str = "") -> Path:
    """The folder or file that an earlier notebook passed on; with run_name, it must be of that run.

    Raises:
        SetupError: there is none, or it is of another run; says which notebook makes it.
    """
    state, value = read_state(), environment().get(key)
    if not value:
        raise SetupError(f"{key} is not in .env.state. {STATE_KEYS[key]}.ipynb writes it: run it.")
    if run_name and state.get("RUN_NAME", run_name) != run_name:
        raise SetupError(
            f".env.state holds the run '{state['RUN_NAME']}', and this notebook runs '{run_name}'. "
            f"Run 1_gen.ipynb first with run_name = '{run_name}'."
        )
    path = home() / value
    if not path.exists():
        raise SetupError(
            f"{key} names {portable(path)}, which is not there. Run {STATE_KEYS[key]}.ipynb again."
        )
    return path


def optional_path(key: str) -> Path | None:
    """The folder that an earlier notebook passed on, or None."""
    value = environment().get(key)
    return home() / value if value else None


def forget_endpoint(role: str) -> None:
    """Remove what 3_deploy wrote about a role's endpoint."""
    save_state(**{key: None for key in STATE_KEYS if key.startswith(f"{role.upper()}_OPENAI_")})


def show_state() -> None:
    """Print `.env.state`, secrets redacted whole."""
    for key, value in sorted(read_state().items()):
        print(f"{key:26} {'***' if SECRET_NAME.search(key) else without_secrets(value)}")
