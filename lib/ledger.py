"""Every paid reply, once: resume, cache, usage and cost are one SQLite table."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.settings import home
from lib.store import fingerprint


@dataclass(frozen=True)
class Usage:
    """What a role's replies have cost in tokens, over all time or since a mark."""

    requests: int
    prompt_tokens: int
    completion_tokens: int


class Ledger:
    """Replies keyed by a hash of what was sent; committed before anyone sees them.

    A reply outlives `kill -9` (and, being synced, a power cut) from the moment `put` returns.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "artefacts" / "ledger.sqlite"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(self.path, check_same_thread=False, timeout=60)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        with self._db:
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, role TEXT NOT NULL,"
                " model TEXT NOT NULL, request TEXT NOT NULL, reply TEXT NOT NULL,"
                " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,"
                " created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"
            )

    @staticmethod
    def key(request: Mapping[str, Any]) -> str:
        """The hash of role, model, messages and sampling settings: of what is sent, not where."""
        return fingerprint(request, length=64)

    def get(self, key: str) -> dict[str, Any] | None:
        with self._lock:
            row = self._db.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, key: str, request: Mapping[str, Any], reply: Mapping[str, Any]) -> None:
        """Commit one reply; a key that is there already keeps its first reply."""
        row = (
            key,
            request["role"],
            request["model"],
            json.dumps(request, ensure_ascii=False),
            json.dumps(reply, ensure_ascii=False),
            reply.get("prompt_tokens", 0),
            reply.get("completion_tokens", 0),
        )
        with self._lock, self._db:
            self._db.execute(
                "INSERT OR IGNORE INTO replies (key, role, model, request, reply, prompt_tokens,"
                " completion_tokens) VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def usage(self, role: str) -> Usage:
        """The sums over every reply of a role."""
        with self._lock:
            row = self._db.execute(
                "SELECT COUNT(*), TOTAL(prompt_tokens), TOTAL(completion_tokens)"
                " FROM replies WHERE role = ?",
                (role,),
            ).fetchone()
        return Usage(int(row[0]), int(row[1]), int(row[2]))

    def close(self) -> None:
        self._db.close()
