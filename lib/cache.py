"""Results of earlier runs, as JSON values in artefacts/cache.sqlite.

A run that is resumed, or repeated with other parameters, need not read and cut its documents again.
The file may be deleted at any time, and no fault of it stops a run.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lib.settings import home
from lib.store import file_sha256, fingerprint

_BUSY_TIMEOUT_S = 1.0


class Cache:
    """Values by key, of this version of the source files and packages that made them. Close it."""

    def __init__(
        self, *, code: Iterable[Path], packages: Iterable[str] = (), path: Path | None = None
    ) -> None:
        self._version = [*map(file_sha256, sorted(code)), *map(version, packages)]
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        path = path or home() / "artefacts" / "cache.sqlite"
        with suppress(OSError, sqlite3.Error):
            path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(
                path, check_same_thread=False, timeout=_BUSY_TIMEOUT_S, isolation_level=None
            )
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=OFF")
            db.execute("CREATE TABLE IF NOT EXISTS cache (key TEXT PRIMARY KEY, value TEXT)")
            self._db = db

    def get(self, *key: Any) -> Any:
        """The value; None = there is none."""
        with suppress(sqlite3.Error, ValueError), self._lock:
            if self._db:
                row = self._db.execute("SELECT value FROM cache WHERE key = ?", (self._hash(key),))
                if found := row.fetchone():
                    return json.loads(found[0])
        return None

    def put(self, value: Any, *key: Any) -> None:
        text = json.dumps(value, ensure_ascii=False)
        with suppress(sqlite3.Error, UnicodeEncodeError), self._lock:
            if self._db:
                row = (self._hash(key), text)
                self._db.execute("INSERT OR REPLACE INTO cache VALUES (?, ?)", row)

    def close(self) -> None:
        with self._lock:
            if self._db:
                self._db.close()
            self._db = None

    def _hash(self, key: tuple[Any, ...]) -> str:
        return fingerprint([self._version, key], length=40)
