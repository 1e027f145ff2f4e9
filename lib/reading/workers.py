"""Worker processes that run the parsers of untrusted files: `python -m lib.reading.workers`.

A damaged or hostile file may crash, hang or use up memory: then only its worker ends. A request is
a pickled function with its arguments; the reply is a line of JSON (a worker that a file took over
must not send pickles): `{"result": …}` or `{"error": reason}`, which becomes a ValueError.
"""

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from queue import LifoQueue
from tempfile import TemporaryFile
from threading import Timer
from typing import Any

from lib.reading.assemble import Text, reason_of
from lib.settings import PROJECT_DIR
from lib.text import one_line

TIMEOUT_S = 120.0  # for one file
MEMORY_BYTES = 3 << 30


class Workers(AbstractContextManager["Workers"]):
    """A few worker processes, each started when it is first needed. Close them."""

    def __init__(self, count: int = 1) -> None:
        # Last in, first out: a caller that reads one file after another needs one process only.
        self._free: LifoQueue[_Worker] = LifoQueue()
        self._all = [_Worker() for _ in range(count)]
        for worker in self._all:
            self._free.put(worker)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for worker in self._all:
            worker.close()

    def read(self, function: Callable[..., Text], *arguments: Any) -> Text:
        """The text that a function (of a file type, say) returns; raises as `run` does."""
        return Text(**self.run(function, *arguments))

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function returns, as JSON has it; a ValueError with the reason if it failed."""
        worker = self._free.get()
        try:
            answer = worker.ask(pickle.dumps((function, arguments)))
        finally:
            self._free.put(worker)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["result"]


class _Worker:
    """One process. One thread at a time may use it; any thread may close it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def ask(self, request: bytes) -> dict[str, Any]:
        used = self._process is not None
        if not used:
            self._start()
        process, errors = self._process, self._errors
        assert process and process.stdin and process.stdout  # noqa: PT018
        began = time.monotonic()
        timer = Timer(TIMEOUT_S, process.kill)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(request)
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:  # the process has ended
            answer = b""
        timer.cancel()
        if answer.endswith(b"\n"):
            return json.loads(answer)
        self._end()
        if time.monotonic() - began >= TIMEOUT_S:
            return {"error": f"reading it took more than {TIMEOUT_S:g} s"}
        if used and not self._closed:
            return self.ask(request)  # maybe an earlier file's fault: once more in a new process
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
        lines = [line for line in lines if not line.startswith("note: ")]  # Rust's hints
        said = lines[-1] if lines else f"exit status {process.returncode}"
        return {"error": f"its reader crashed ({said})"}

    def _start(self) -> None:
        self._errors = TemporaryFile()  # noqa: SIM115 (a pipe that nobody reads would fill up)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lib.reading.workers"],
            cwd=PROJECT_DIR,
            env=os.environ | {"RUST_BACKTRACE": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
            process.wait()

    def close(self) -> None:
        self._closed = True
        self._end()


# --- inside the worker ---------------------------------------------------------------------------


def main() -> None:
    import faulthandler

    # Some systems have no such limit: there the time limit remains.
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # markitdown imports it for spreadsheets, which no reader gives it: half a second of CPU.
    sys.modules["pandas"] = None  # type: ignore[assignment]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # lines that libraries print must not get between the answers
    while True:
        try:
            function, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        # The process that asked may be gone: end by ourselves, too.
        faulthandler.dump_traceback_later(2 * TIMEOUT_S, exit=True)
        try:
            answer = {"result": function(*arguments)}
        except (OSError, ValueError) as error:
            answer = {"error": reason_of(error)}
        except MemoryError:  # the next file is read by a fresh process
            sys.exit(f"it needs more than {MEMORY_BYTES >> 30} GiB of memory")
        except Exception as error:  # of a parser, on a damaged file
            said = one_line(f"{type(error).__name__}: {error}")[:200]
            answer = {"error": f"it is damaged, or its reader cannot read it ({said})"}
        answers.write(json.dumps(answer, default=asdict).encode() + b"\n")
        answers.flush()
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
