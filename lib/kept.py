"""What was worked out before from the same inputs: JSON values in artefacts/kept.sqlite.

A run that is resumed, or done again with other parameters, need not read and cut its documents
anew. Deleting the file costs time and nothing else, and so does a fault of it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lib.settings import home
from lib.store import file_sha256, fingerprint

_BUSY_TIMEOUT_S = 1.0


class Kept:
    """Values by key. Another version of what made them, or another key, finds none of them.

    Args:
        made_by: the source files, and
        packages: the names of the packages, whose versions decide what is made.
    """

    def __init__(
        self, *, made_by: Iterable[Path], packages: Iterable[str] = (), path: Path | None = None
    ) -> None:
        self._version = [
            *(file_sha256(source) for source in sorted(made_by)),
            *(_version(package) for package in packages),
        ]
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        path = path or home() / "artefacts" / "kept.sqlite"
        with suppress(OSError, sqlite3.Error):
            path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(
                path, check_same_thread=False, timeout=_BUSY_TIMEOUT_S, isolation_level=None
            )
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=OFF")
            db.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT)")
            self._db = db

    def get(self, *key: Any) -> Any:
        """The value; None: there is none."""
        with suppress(sqlite3.Error, ValueError), self._lock:
            if self._db:
                row = self._db.execute("SELECT value FROM kept WHERE key = ?", (self._of(key),))
                if found := row.fetchone():
                    return json.loads(found[0])
        return None

    def put(self, value: Any, *key: Any) -> None:
        """Keep it, if that can be done."""
        text = json.dumps(value, ensure_ascii=False)
        with suppress(sqlite3.Error, UnicodeEncodeError), self._lock:
            if self._db:
                self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (self._of(key), text))

    def close(self) -> None:
        with self._lock:
            if self._db:
                self._db.close()
            self._db = None

    def _of(self, key: tuple[Any, ...]) -> str:
        return fingerprint([self._version, key], length=40)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
