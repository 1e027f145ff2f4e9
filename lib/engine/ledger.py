"""Every paid reply, once: resume, cache, usage and cost are one SQLite table.

A second one has the keys of requests that failed, so that one which always fails ends only one run.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from lib.engine.ledger_writer import Writer, connect, unusable
from lib.settings import SetupError, home
from lib.store import fingerprint

try:
    import fcntl
except ImportError:  # Windows: two runs at once may pay a request twice there
    fcntl = None  # type: ignore[assignment]


LEDGER = "OPENBOOK_LEDGER"


@dataclass(frozen=True)
class Usage:
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0  # of the prompt tokens: from the provider's prefix cache


class Ledger:
    """Replies keyed by a hash of what was sent; committed before anyone sees them.

    A committed reply survives `kill -9` and, being synced, a power cut. Several processes of one
    machine can use one ledger at once. $OPENBOOK_LEDGER is another file for it.
    """

    def __init__(self, path: Path | None = None) -> None:
        usual = os.environ.get(LEDGER) or home() / "artefacts" / "ledger.sqlite"
        self.path = path or Path(usual)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._db, self._lock = connect(self.path), threading.Lock()
        self._lock_path = self.path.with_suffix(".locks")
        self._writer: Writer | None = None

    @staticmethod
    def key(request: Mapping[str, Any]) -> str:
        """The hash of role, model, messages, sampling and engine; of vectors the address, too."""
        return fingerprint(request, length=64)

    def get(self, key: str) -> dict[str, Any] | None:
        rows = self._select("SELECT reply FROM replies WHERE key = ?", key)
        return json.loads(rows[0][0]) if rows else None

    def position(self, key: str) -> int | None:
        """A number that is larger for later replies; None: there is no reply."""
        rows = self._select("SELECT rowid FROM replies WHERE key = ?", key)
        return rows[0][0] if rows else None

    def write(self, key: str, request: Mapping[str, Any], reply: Mapping[str, Any]) -> Future[None]:
        """Commit one reply; the future is done when it is on the disk (else a SetupError).

        A key that is there already keeps its first reply.
        """
        texts = (json.dumps(said, ensure_ascii=False) for said in (request, reply))
        counts = (reply.get(f"{of}_tokens", 0) for of in ("prompt", "cached", "completion"))
        return self._open_writer().write((key, request["role"], request["model"], *texts, *counts))

    def failed_before(self, key: str) -> bool:
        """Whether this request, which failed after all its attempts, did so once before; noted."""
        return not self._select("INSERT OR IGNORE INTO failures VALUES (?) RETURNING key", key)

    @property
    def write_error(self) -> SetupError | None:
        """Why nothing more should be sent: the disk is full, or the file cannot be written."""
        return self._writer.error if self._writer else None

    def reserve_space(self) -> None:
        """Make sure that there is room for the replies to come."""
        self._open_writer().reserve_space()

    def lock(self, key: str) -> bool:
        """False: another process is sending this request. True: it is ours until `unlock`.

        One byte of a lock file stands for each request; the kernel frees those of a process that
        dies. A process is not kept out by its own.
        """
        with suppress(OSError):  # a file system without locks: rather pay twice than never
            try:
                self._set_lock(key, fcntl.LOCK_EX | fcntl.LOCK_NB if fcntl else 0)
            except (BlockingIOError, PermissionError):
                return False
        return True

    def unlock(self, key: str) -> None:
        with suppress(OSError):
            self._set_lock(key, fcntl.LOCK_UN if fcntl else 0)

    def mark(self) -> int:
        """A mark of this moment, for `usage_by_model(since=…)`."""
        return int(self._select("SELECT COALESCE(MAX(rowid), 0) FROM replies")[0][0])

    def take_in(self, path: Path) -> int:
        """Add the replies of another ledger whose keys are not here; returns how many."""
        connect(path).close()  # upgraded if need be, or said to be damaged
        columns = ", ".join(row[1] for row in self._select("PRAGMA table_info(replies)"))
        self._select("ATTACH ? AS other", str(path))
        before = self._db.total_changes
        try:
            with self._db:
                self._select(
                    f"INSERT OR IGNORE INTO replies ({columns})"
                    f" SELECT {columns} FROM other.replies ORDER BY other.replies.rowid"
                )
        finally:
            self._select("DETACH other")
        return self._db.total_changes - before

    def usage_by_model(self, *, since: int = 0) -> dict[tuple[str, str], Usage]:
        """(role, model) → the sums over its replies: all of them, or those since a mark."""
        rows = self._select(
            "SELECT role, model, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens),"
            " SUM(cached_tokens) FROM replies WHERE rowid > ? GROUP BY role, model",
            since,
        )
        return {(role, model): Usage(*sums) for role, model, *sums in rows}

    def tokens_by_minute(self, model: str) -> list[tuple[float, int]]:
        """(seconds since 1970, tokens) of each minute of the last 24 hours that has a reply."""
        rows = self._select(
            "SELECT substr(created, 1, 16) AS minute, SUM(prompt_tokens + completion_tokens)"
            " FROM replies WHERE model = ? AND created > datetime('now', '-1 day')"
            " GROUP BY minute ORDER BY minute",
            model,
        )
        return [
            (datetime.fromisoformat(f"{minute}Z").timestamp(), tokens) for minute, tokens in rows
        ]

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._db.close()

    def _select(self, query: str, *values: Any) -> list[Any]:
        try:
            with self._lock, self._db:
                return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise unusable(self.path, error) from error

    def _set_lock(self, key: str, operation: int) -> None:
        if fcntl:
            fcntl.lockf(_lock_file(self._lock_path), operation, 1, int(key[:15], 16))

    def _open_writer(self) -> Writer:
        with self._lock:
            if self._writer is None:
                self._writer = Writer(self.path)
        return self._writer


@cache
def _lock_file(path: Path) -> int:
    """Never closed: closing it would free the locks of the process's other ledgers (POSIX)."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
