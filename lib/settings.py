"""Where files are, how they are written whole, and the errors that users see."""

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent
SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)


class SetupError(Exception):
    """A mistake that the user can correct: value seen → expected → what to do, on one line.

    Any function may raise it; a docstring names only other exceptions.
    """

    def _render_traceback_(self) -> list[str]:  # IPython shows this in place of a traceback
        return [f"{type(self).__name__}: {self}"]


class CheckFailed(SetupError):
    """A result that does not hold what it promises; a command ends with exit code 1."""


def home() -> Path:
    """The folder of `.env`, `artefacts/` and `runs/`: the project's own, or $OPENBOOK_HOME."""
    path = expanded(os.environ.get("OPENBOOK_HOME") or PROJECT_DIR)
    if not path.is_absolute():  # commands and kernels are in different folders
        raise SetupError(f"OPENBOOK_HOME is '{path}'; expected an absolute path. Change it.")
    return path


def portable(path: Path) -> str:
    """The path relative to home() where it lies inside, so that state and outputs can move."""
    path = Path(path)
    absolute = path if path.is_absolute() else home() / path
    return absolute.relative_to(home()).as_posix() if absolute.is_relative_to(home()) else str(path)


def expanded(path: str | Path) -> Path:
    """`~/docs` → `/home/ada/docs`; of a user who is not there, the path as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path's own raises an error for no user)


_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
_NO_PLACE = (
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EFBIG,
)


def unwritable(path: Path, error: BaseException) -> SetupError | None:
    """What to say of a full disk, missing rights or a path that cannot be; None: another error."""
    number = getattr(error, "errno", None)
    # safetensors and torch have errors of their own, torch's without a reason
    full = "No space left" in str(error) or "inline_container" in str(error)
    if not full and number not in (*_FULL, *_FORBIDDEN, *_NO_PLACE):
        return None
    why = os.strerror(errno.ENOSPC) if full else getattr(error, "strerror", error)
    fix = "Free space on that disk"
    if number in _FORBIDDEN:
        fix = "Change its rights, or set OPENBOOK_HOME to a folder that you may write to"
    elif number in _NO_PLACE:
        fix = "Give another path, or move away what is there"
    return SetupError(
        f"{home() / path} cannot be used: {why}. {fix}, and run it again: finished work is reused."
    )


def write_text(path: Path, text: str | Iterable[str], *, mode: int = 0o644) -> None:
    """Write a file whole or not at all; of an iterable, one part after another."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.writelines([text] if isinstance(text, str) else text)
        Path(temporary).chmod(mode)  # it was made with 600
        Path(temporary).replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        if said := unwritable(path, error):
            raise said from None
        raise


# Of a password with # / ? or @, and where the scheme was left out, more is hidden rather than less.
_LOGIN = re.compile(
    r"(?:^|(?<=://))[^/?#@\s]*:(?!//|\d+(?:[/?#]|$))\S*@|(?<=://)[^/?#\s]*@",
)


def without_secrets(url: str) -> str:
    """`https://me:secret@host/v1?key=abc` → `https://***@host/v1?key=***`; else the text itself."""
    hidden = _LOGIN.sub("***@", url)
    return re.sub(r"(?<=[?&])((?!api-version)[^=&#]+)=[^&#]*", r"\1=***", hidden)
