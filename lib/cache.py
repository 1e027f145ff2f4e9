"""Results of earlier runs, each a JSON file in artefacts/cache/.

A run that is resumed, or repeated with other parameters, need not read and cut its documents again.
The folder may be deleted at any time, and no fault of it stops a run.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lib.settings import SetupError, home, write_text
from lib.store import file_sha256, fingerprint, read_json


class Cache:
    """Values by key, of this version of the source files and packages that made them."""

    def __init__(
        self, *, code: Iterable[Path], packages: Iterable[str] = (), folder: Path | None = None
    ) -> None:
        self._version = [*map(file_sha256, sorted(code)), *map(version, packages)]
        self._folder = folder or home() / "artefacts" / "cache"

    def get(self, *key: Any) -> Any:
        """The value; None = there is none."""
        with suppress(OSError, ValueError):
            return read_json(self._path(key))
        return None

    def put(self, value: Any, *key: Any) -> None:
        with suppress(OSError, SetupError, UnicodeEncodeError):
            write_text(self._path(key), json.dumps(value, ensure_ascii=False))

    def _path(self, key: tuple[Any, ...]) -> Path:
        return self._folder / f"{fingerprint([self._version, key], length=40)}.json"
