"""Secrets, endpoints and state: the process environment, `.env`, then the run's `.env.state`.

`.env` is the user's; `runs/<run_name>/.env.state` is ours: what a notebook passes to the next one
of the same run.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import tempfile
from collections import ChainMap
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

PROJECT_DIR = Path(__file__).resolve().parent.parent


class SetupError(Exception):
    """A mistake that the user can correct: value seen → expected → what to do, on one line."""

    def _render_traceback_(self) -> list[str]:  # IPython shows this in place of a traceback
        return [f"{type(self).__name__}: {self}"]


class CheckFailed(SetupError):
    """A result that does not hold what it promises; a command ends with exit code 1."""


def home() -> Path:
    """The folder of `.env`, `artefacts/` and `runs/`: the project's own, or $OPENBOOK_HOME."""
    return Path(os.environ.get("OPENBOOK_HOME") or PROJECT_DIR)


def portable(path: Path) -> str:
    """The path relative to home() where it lies inside, so that state and outputs can move."""
    path = Path(path)
    absolute = path if path.is_absolute() else home() / path
    return absolute.relative_to(home()).as_posix() if absolute.is_relative_to(home()) else str(path)


_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def unwritable(path: Path, error: BaseException) -> SetupError | None:
    """What to say of a full disk or of missing rights; None: it is another error."""
    full = "No space left" in str(error)  # safetensors has errors of its own
    if not full and getattr(error, "errno", None) not in _UNWRITABLE:
        return None
    why = os.strerror(errno.ENOSPC) if full else getattr(error, "strerror", error)
    fix = "Free space on that disk"
    if getattr(error, "errno", None) in _UNWRITABLE[2:]:
        fix = "Change its rights, or set OPENBOOK_HOME to a folder that you may write to"
    return SetupError(
        f"{home() / path} cannot be used: {why}. {fix}, and run it again: finished work is reused."
    )


def write_whole(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file whole or not at all.

    Raises:
        SetupError: the disk is full, or the folder cannot be written to.
    """
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(temporary).chmod(mode)  # it was made with 600
        Path(temporary).replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        if said := unwritable(path, error):
            raise said from None
        raise


# --- the environment -----------------------------------------------------------------------------


def _layers(run_name: str = "") -> list[dict[str, str]]:
    """Process environment, `.env`, the state of a run if one is named; empty and blank
    values are unset."""
    process = {name: value for name, value in os.environ.items() if value.strip()}
    return [process, _read_env(".env"), read_state(run_name) if run_name else {}]


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
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {key: value for key, value in values.items() if value and value.strip()}


def environment(run_name: str = "") -> dict[str, str]:
    """Every name with its value: the one place where precedence is decided."""
    return dict(ChainMap(*_layers(run_name)))


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


def endpoint_settings(role: str, run_name: str = "") -> EndpointSettings | None:
    """The endpoint of a role, or None when no name with its prefix is set.

    With run_name, student and baseline may also be served by that run's 3_deploy.

    A prefixed name beats the same name unprefixed, which fills gaps only; names of other prefixes
    never leak in. The style is that of the prefixed names in the first layer that has any. The
    address of a request (`…/chat/completions?api-version=…`) is understood as its base URL.

    Raises:
        SetupError: a needed name is missing or misspelt, a key holds what no key can, or the run's
            server has another model.
    """
    prefixes, merged = prefixes_of(role), environment(run_name)
    style = _style_of(prefixes, _layers(run_name))
    if style is None:
        check_names()
        return None
    if not is_set_by_user(role):
        _check_origin(f"{role.upper()}_OPENAI_DEPLOYMENT", run_name)
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


_VALUE_NAME = re.compile("(KEY|DEPLOYMENT|MODEL|URL|ENDPOINT|BASE|VERSION)$")


def check_names() -> None:
    """Raise a SetupError for a name of `.env` that nothing reads and that looks like one of ours.

    `OPENAI_KEY` and `COMPLETION_KEY` do, and so does `OPENAI_API_KEY` where no name has a prefix.
    """
    names, prefixes = _read_env(".env"), tuple(chain.from_iterable(PREFIXES.values()))
    known = [name for style in _NAMES.values() for name in chain.from_iterable(style.values())]
    ends = tuple("_" + name for name in known)
    with_prefix = [n for n in environment() if n.endswith(ends) and n not in known]
    for name in names:
        prefix = next((p for p in prefixes if name.startswith(p)), "")
        rest = name.removeprefix(prefix)
        if rest in known and (prefix or with_prefix):
            continue
        if rest.endswith(ends) and rest not in known:  # a role of `models`, or a misspelt prefix
            end = next(end for end in known if rest.endswith("_" + end))
            close = get_close_matches(rest.removesuffix(end), prefixes, n=1, cutoff=0.8)
            prefix, rest = prefix or next(iter(close), ""), end
            if not prefix:
                continue
        if not _VALUE_NAME.search(rest) or not (prefix or "OPENAI" in rest):
            continue
        rest = rest.replace("MODEL", "DEPLOYMENT").replace("API_BASE", "BASE_URL")
        nearest = (prefix or prefixes[0]) + get_close_matches(rest, known, n=1, cutoff=0)[0]
        raise SetupError(
            f".env sets {name}, which nothing reads. Did you mean {nearest}? Rename it or remove "
            "it (.env.sample has all names)."
        )


# --- state ---------------------------------------------------------------------------------------

STATE_KEYS = {  # key → the notebook that writes it
    "DATASET_DIR": "1_gen",
    "STUDENT_MODEL_DIR": "2_finetune",
    "STUDENT_DATASET_DIR": "2_finetune",  # it was trained on this dataset
    "STUDENT_BASE": "2_finetune",  # it started from this model: a hash, or hub name and commit
    "BASELINE_MODEL_DIR": "2_finetune",
    "STUDENT_OPENAI_BASE_URL": "3_deploy",
    "STUDENT_OPENAI_DEPLOYMENT": "3_deploy",
    "STUDENT_OPENAI_API_KEY": "3_deploy",
    "BASELINE_OPENAI_BASE_URL": "3_deploy",
    "BASELINE_OPENAI_DEPLOYMENT": "3_deploy",
    "BASELINE_OPENAI_API_KEY": "3_deploy",
}
# Key → (what it was made from, in words and as the key that holds it; the key that must hold the
# same). Folders are named after the hash of what made them, and a served model after its folder.
_ORIGINS = {
    "STUDENT_MODEL_DIR": ("the student was trained on", "STUDENT_DATASET_DIR", "DATASET_DIR"),
    "STUDENT_OPENAI_DEPLOYMENT": (
        "the student's server has",
        "STUDENT_OPENAI_DEPLOYMENT",
        "STUDENT_MODEL_DIR",
    ),
    "BASELINE_OPENAI_DEPLOYMENT": (
        "the baseline's server has",
        "BASELINE_OPENAI_DEPLOYMENT",
        "BASELINE_MODEL_DIR",
    ),
}
SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)


def state_path(run_name: str) -> Path:
    return home() / "runs" / run_name / ".env.state"


def latest_run() -> str:
    """The run whose state was written last; "" = there is none."""
    paths = (home() / "runs").glob("*/.env.state")
    return max(paths, key=lambda path: path.stat().st_mtime_ns, default=Path()).parent.name


def read_state(run_name: str) -> dict[str, str]:
    """The content of a run's `.env.state`; {} when there is none.

    Raises:
        SetupError: it is damaged.
    """
    from dotenv.parser import parse_stream

    path = state_path(run_name)
    try:
        lines = list(parse_stream(io.StringIO(path.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from None
    for line in lines:
        if line.error or (line.key and not line.value):
            raise _damaged(path, f"line {line.original.line} is not NAME='value'")
    return {line.key: line.value for line in lines if line.key and line.value}


def _damaged(path: Path, why: str) -> SetupError:
    return SetupError(
        f"{portable(path)} cannot be read ({why}). Delete it and run the run's notebooks again: "
        "finished work is found again."
    )


def save_state(run_name: str, **values: str | None) -> None:
    """Set keys of a run's `.env.state` (None removes one): atomic, mode 600.

    Raises:
        KeyError: a key that STATE_KEYS does not declare.
        SetupError: the file cannot be written.
    """
    if undeclared := values.keys() - STATE_KEYS.keys():
        raise KeyError(f"not declared in STATE_KEYS: {sorted(undeclared)}")
    merged: dict[str, str | None] = {**read_state(run_name), **values}
    escape = str.maketrans({"\\": "\\\\", "'": "\\'"})
    lines = [f"{key}='{value.translate(escape)}'\n" for key, value in merged.items() if value]
    text = "# Written by the notebooks; your own settings belong into .env\n" + "".join(lines)
    write_whole(state_path(run_name), text, mode=0o600)


def require_path(key: str, run_name: str) -> Path:
    """The folder that an earlier notebook of this run passed on.

    Raises:
        SetupError: there is none, or it was made from something else than what the run has now;
            says which notebook makes it.
    """
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
    _check_origin(key, run_name)
    path = home() / value
    if not path.exists():
        raise SetupError(
            f"Run '{run_name}': {key} is {portable(path)}, which is not there. Run {notebook} "
            "again."
        )
    return path


def _check_origin(key: str, run_name: str) -> None:
    """Raise a SetupError if a notebook's result was made from what the run no longer has.

    What the user names in .env or in the process environment is not checked.
    """
    state, values = read_state(run_name), environment(run_name)
    if key not in _ORIGINS or values.get(key) != state.get(key):
        return
    said, origin, needed = _ORIGINS[key]
    _check_origin(needed, run_name)
    if state.get(origin) != values.get(needed):
        raise SetupError(
            f"Run '{run_name}': {said} {state.get(origin)}, and {needed} is now "
            f"{values.get(needed, 'not there')}. Run {STATE_KEYS[key]}.ipynb with run_name = "
            f"'{run_name}'."
        )


def forget_endpoint(role: str, run_name: str) -> None:
    """Remove what a run's 3_deploy wrote about a role's endpoint."""
    keys = [key for key in read_state(run_name) if key.startswith(f"{role.upper()}_OPENAI_")]
    if keys:
        save_state(run_name, **dict.fromkeys(keys))


def show_state(run_name: str) -> None:
    """Print a run's `.env.state`, secrets redacted whole."""
    for key, value in sorted(read_state(run_name).items()):
        print(f"{key:26} {'***' if SECRET_NAME.search(key) else without_secrets(value)}")
