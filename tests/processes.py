"""Processes that tests start."""

from __future__ import annotations

import signal


def interruptible() -> None:
    """For Popen's preexec_fn: jobs in a shell's background ignore Ctrl-C, and so their children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
