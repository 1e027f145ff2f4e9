"""The ledger's writer: a thread that commits all waiting replies in one transaction."""

import os
import queue
import sqlite3
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from lib.settings import SetupError, home, portable

_BUSY_TIMEOUT_S = 600.0  # another run is writing, for milliseconds at a time
_TOGETHER_S = 0.02  # replies that come within this time share a commit; no slot waits for it
_RESERVE_BYTES = 4 * 2**20  # room for some 300 replies
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_VERSION = 2

Row = tuple[Any, ...]  # in the order of _insert
Commit = tuple[list[Row], Future[None]]


class Writer:
    """Replies that come together share one sync to the disk; the event loop never waits for it.

    A reserve file beside the ledger is deleted when the disk is full: its space is for the replies
    that are paid by then.
    """

    def __init__(self, path: Path) -> None:
        self.error: SetupError | None = None  # why nothing more should be sent
        self._path, self._reserve_path = path, path.with_suffix(".reserve")
        self._db, self._lock = connect(path), threading.Lock()
        self._commits: queue.SimpleQueue[Commit | None] = queue.SimpleQueue()
        self._open: Commit | None = None  # the one that takes more rows
        # Not an executor's: while the interpreter ends, that would take no more commits.
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def write(self, row: Row) -> Future[None]:
        """Done when the row is on the disk, else a SetupError; all rows of a commit share it."""
        with self._lock:
            if self._open is None:
                self._open = [], Future()
                self._open[1].set_running_or_notify_cancel()  # a row that waits is written
                self._commits.put(self._open)
            rows, done = self._open
            rows.append(row)
        return done

    def close(self) -> None:
        self._commits.put(None)
        self._thread.join()
        self._db.close()

    def reserve_space(self) -> None:
        path = self._reserve_path
        try:
            if not path.exists() or path.stat().st_size < _RESERVE_BYTES:
                path.write_bytes(os.urandom(_RESERVE_BYTES))  # zeros could be stored as a hole
        except OSError as error:
            path.unlink(missing_ok=True)
            raise SetupError(
                f"No room for replies: {portable(path)} of {_RESERVE_BYTES // 2**20} MiB cannot be "
                f"written ({error.strerror}). Free some space on that disk."
            ) from error

    def _run(self) -> None:
        while (commit := self._commits.get()) is not None:
            time.sleep(_TOGETHER_S)
            with self._lock:
                self._open = None
            rows, done = commit
            try:
                self._commit(rows)
            except Exception as error:  # raised to those who wait; this thread goes on
                done.set_exception(error)
            else:
                done.set_result(None)

    def _commit(self, rows: list[Row]) -> None:
        """One transaction; on a full disk a second one, in the reserve."""
        try:
            return self._insert(rows)
        except sqlite3.Error as error:
            problem = error
        full = getattr(problem, "sqlite_errorcode", 0) & 0xFF in _FULL
        if full and self._reserve_path.exists():
            self._reserve_path.unlink(missing_ok=True)
            self.error = SetupError(
                f"The disk of {portable(self._path)} is full ({problem}). Nothing more is sent; "
                "the replies in flight are still written. Free some space, then run this again."
            )
            try:
                return self._insert(rows)
            except sqlite3.Error as error:
                problem = error
        self.error = SetupError(
            f"{len(rows)} paid replies could not be written to {portable(self._path)} ({problem}). "
            "Nothing more is sent. Free some space there, or mend the file, and run this again."
        )
        raise self.error from problem

    def _insert(self, rows: list[Row]) -> None:
        with self._db:
            self._db.executemany(
                "INSERT OR IGNORE INTO replies (key, role, model, request, reply, prompt_tokens,"
                " cached_tokens, completion_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )


def unusable(path: Path, error: sqlite3.Error) -> SetupError:
    """SQLite finds that the ledger is damaged, or cannot be opened."""
    fix = "Check that you may write to its folder, and that there is space."
    if type(error) is sqlite3.DatabaseError:  # not one of its subclasses
        fix = (
            "It is damaged: put a copy of yours in its place, or rename it to start a new one "
            "(replies that are in no other copy are paid for again)."
        )
    return SetupError(f"{home() / path} cannot be used ({error}). {fix}")


def connect(path: Path) -> sqlite3.Connection:
    """Open the ledger's database, made or upgraded if need be; each commit is synced."""
    try:
        db = sqlite3.connect(path, check_same_thread=False, timeout=_BUSY_TIMEOUT_S)
        db.execute("PRAGMA synchronous=FULL")
        if (version := db.execute("PRAGMA user_version").fetchone()[0]) < _VERSION:
            _use_wal(db)
            with db:
                db.execute("BEGIN IMMEDIATE")
                _upgrade(db)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    if version > _VERSION:
        db.close()
        raise SetupError(
            f"{home() / path} is a ledger of version {version}, and this checkout knows version "
            f"{_VERSION}: a newer one made it. Update this checkout, or set OPENBOOK_LEDGER or "
            "OPENBOOK_HOME to another place. Nothing in it was changed."
        )
    return db


def _use_wal(db: sqlite3.Connection) -> None:
    """It stays with the file. SQLite does not wait here while another first run does the same."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _upgrade(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, role TEXT NOT NULL,"
        " model TEXT NOT NULL, request TEXT NOT NULL, reply TEXT NOT NULL,"
        " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,"
        " created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"
    )
    columns = [row[1] for row in db.execute("PRAGMA table_info(replies)")]
    if "cached_tokens" not in columns:
        db.execute("ALTER TABLE replies ADD COLUMN cached_tokens INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE TABLE IF NOT EXISTS failures (key TEXT PRIMARY KEY)")
    # Sums are read from the index alone: the replies themselves may be gigabytes.
    db.execute(
        "CREATE INDEX IF NOT EXISTS usage ON replies"
        " (role, model, created, prompt_tokens, completion_tokens, cached_tokens)"
    )
    db.execute(f"PRAGMA user_version = {_VERSION}")
