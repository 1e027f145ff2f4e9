"""Locks on the requests that a process is sending, seen by every process on the machine."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: two runs at once may pay a request twice there
    fcntl = None  # type: ignore[assignment]


class RequestLocks:
    """One byte of a lock file for each request, locked while the request is sent.

    The kernel frees the locks of a process that dies, however it dies: nothing has to expire or be
    cleaned up, and nothing is written. A process is not kept out by its own locks.
    """

    def __init__(self, path: Path) -> None:
        self._file = _lock_file(path) if fcntl else -1

    def acquire(self, key: str) -> bool:
        """False: another process has it."""
        if fcntl is None:
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(key))
        except (BlockingIOError, PermissionError):
            return False
        except OSError:  # a file system without locks: rather pay twice than never
            return True
        return True

    def release(self, key: str) -> None:
        if fcntl is not None:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _offset(key))
            except OSError:
                return


@cache
def _lock_file(path: Path) -> int:
    """Opened once and never closed: closing it would free the locks of the process's other ledgers
    (POSIX)."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _offset(key: str) -> int:
    return int(key[:15], 16)
