"""Records ↔ files: atomic writes, and artefacts named after what made them."""

import dataclasses
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lib.settings import SetupError, home, unwritable, write_text


def fingerprint(made_of: Any, *, length: int = 12) -> str:
    """The first hex digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(made_of, sort_keys=True, ensure_ascii=False, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def file_sha256(path: Path) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_fingerprint(folder: Path) -> str:
    """Of every file's name and bytes below a folder (a model, say)."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return fingerprint([(path.relative_to(folder).as_posix(), file_sha256(path)) for path in files])


def artefact_dir(kind: str, name: str, made_of: Mapping[str, Any]) -> Path:
    """`artefacts/<kind>/<name>-<fingerprint>`: the same inputs find the same folder."""
    return home() / "artefacts" / kind / f"{name}-{fingerprint(made_of)}"


@contextmanager
def building(target: Path) -> Iterator[Path]:
    """Yield a scratch folder that becomes `target` when the block ends well, else vanishes.

    So a folder that exists is complete, whatever killed the run that began it.
    """
    scratch = target.parent
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        scratch.chmod(0o755)
        yield scratch
        if target.exists():
            shutil.rmtree(target)
        scratch.replace(target)
    except Exception as error:
        if said := unwritable(target, error):
            raise said from None
        raise
    finally:
        if scratch != target.parent:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def alone(lock_path: Path, busy: str, *, place: int = 0) -> Iterator[None]:
    """Hold the lock of a file, at one place in it, until the block ends.

    The kernel frees the locks of a process that dies. SetupError(busy): another process has it.
    """
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    with lock_path.open("w") as file:
        try:
            import fcntl

            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):
            raise SetupError(busy) from None
        except (OSError, ImportError):  # a disk without locks; Windows
            pass
        yield


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """One record (dataclass or dict) a line, keys in their order, UTF-8 as it is."""
    encode = partial(json.dumps, ensure_ascii=False, default=_plain)
    write_text(path, (f"{encode(_plain(row))}\n" for row in rows))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    # split("\n"), not splitlines(): U+2028 and its kin stand inside JSON strings.
    text = Path(path).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value, dict_factory=_said)
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, dict):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _said(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """A record's fields; an empty `more_…` is left out: most rows need none."""
    return {name: value for name, value in items if value or not name.startswith("more_")}
