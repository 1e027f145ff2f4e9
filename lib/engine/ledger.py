"""Every paid reply, once: resume, cache, usage and cost are one SQLite table."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lib.engine.ledger_writer import Writer, connect
from lib.engine.locks import RequestLocks
from lib.settings import SetupError, home
from lib.store import fingerprint


@dataclass(frozen=True)
class Usage:
    """Sums over replies."""

    requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0  # of the prompt tokens: from the provider's prefix cache


class Ledger:
    """Replies keyed by a hash of what was sent; committed before anyone sees them.

    A committed reply survives `kill -9` and, being synced, a power cut. Several processes can use
    one ledger at once.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "artefacts" / "ledger.sqlite"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._db, self._lock = connect(self.path), threading.Lock()
        self._locks = RequestLocks(self.path.with_suffix(".locks"))
        self._writer: Writer | None = None

    @staticmethod
    def key(request: Mapping[str, Any]) -> str:
        """The hash of role, model, messages and sampling settings; the address does not count."""
        return fingerprint(request, length=64)

    def get(self, key: str) -> dict[str, Any] | None:
        with self._lock:
            row = self._db.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def has(self, key: str) -> bool:
        return self.position(key) is not None

    def position(self, key: str) -> int | None:
        """A number that is larger for later replies; None: there is no reply."""
        with self._lock:
            found = self._db.execute("SELECT rowid FROM replies WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def put(self, key: str, request: Mapping[str, Any], reply: Mapping[str, Any]) -> None:
        """Commit one reply; a key that is there already keeps its first reply."""
        self.write(key, request, reply).result()

    def write(self, key: str, request: Mapping[str, Any], reply: Mapping[str, Any]) -> Future[None]:
        """As put, without waiting: the future is done when the reply is on the disk.

        Raises (the future):
            SetupError: it could not be written.
        """
        row = (
            key,
            request["role"],
            request["model"],
            json.dumps(request, ensure_ascii=False),
            json.dumps(reply, ensure_ascii=False),
            reply.get("prompt_tokens", 0),
            reply.get("cached_tokens", 0),
            reply.get("completion_tokens", 0),
        )
        return self._open_writer().write(row)

    @property
    def write_error(self) -> SetupError | None:
        """Why nothing more should be sent: the disk is full, or the file cannot be written."""
        return self._writer.error if self._writer else None

    def reserve_space(self) -> None:
        """Make sure that there is room for the replies to come.

        Raises:
            SetupError: there is none.
        """
        self._open_writer().reserve_space()

    def lock(self, key: str) -> bool:
        """False: another process is sending this request. True: it is ours until `unlock`."""
        return self._locks.acquire(key)

    def unlock(self, key: str) -> None:
        self._locks.release(key)

    def mark(self) -> int:
        """A mark of this moment, for `usage(since=…)`."""
        with self._lock:
            row = self._db.execute("SELECT COALESCE(MAX(rowid), 0) FROM replies").fetchone()
        return int(row[0])

    def usage(self, role: str, *, since: int = 0) -> Usage:
        """The sums over a role's replies: all of them, or those since a mark."""
        found = [u for (of, _), u in self.usage_by_model(since=since).items() if of == role]
        return Usage(
            sum(usage.requests for usage in found),
            sum(usage.prompt_tokens for usage in found),
            sum(usage.completion_tokens for usage in found),
            sum(usage.cached_tokens for usage in found),
        )

    def usage_by_model(self, *, since: int = 0) -> dict[tuple[str, str], Usage]:
        """(role, model) → its sums."""
        with self._lock:
            rows = self._db.execute(
                "SELECT role, model, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens),"
                " SUM(cached_tokens) FROM replies WHERE rowid > ? GROUP BY role, model",
                (since,),
            ).fetchall()
        return {(role, model): Usage(*sums) for role, model, *sums in rows}

    def tokens_by_minute(self, model: str) -> list[tuple[float, int]]:
        """(seconds since 1970, tokens) of each minute of the last 24 hours that has a reply."""
        with self._lock:
            rows = self._db.execute(
                "SELECT substr(created, 1, 16) AS minute, SUM(prompt_tokens + completion_tokens)"
                " FROM replies WHERE model = ? AND created > datetime('now', '-1 day')"
                " GROUP BY minute ORDER BY minute",
                (model,),
            ).fetchall()
        return [
            (datetime.fromisoformat(minute).replace(tzinfo=UTC).timestamp(), tokens)
            for minute, tokens in rows
        ]

    def close(self) -> None:
        """Write the waiting replies, and close."""
        if self._writer is not None:
            self._writer.close()
        self._db.close()

    def _open_writer(self) -> Writer:
        with self._lock:
            if self._writer is None:
                self._writer = Writer(self.path)
        return self._writer
