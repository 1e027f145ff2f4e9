"""Text out of PDF, DOCX and HTML, in a worker process: `python -m lib.reading.readers`.

A damaged or hostile file may crash, hang or eat memory: it takes only the worker with it, and the
next file gets a new one. A request is a line of JSON, `{"kind": "pdf", "path": …}`; so is the
answer, `{"title": …, "pages": …, "pictures": …}` or `{"error": reason}`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import LifoQueue
from tempfile import TemporaryFile
from threading import Event, Timer
from typing import Any, Self

from lib.settings import PROJECT_DIR

TIMEOUT_S = 120.0  # for one file
MEMORY_BYTES = 3 << 30


@dataclass(frozen=True)
class Text:
    """What a reader found."""

    title: str  # what the document calls itself, "" if it does not
    pages: list[str]
    pictures: list[int]  # the numbers of pages with nothing but a picture, from 1


class Readers:
    """A few worker processes, each started when it is first needed. Close them."""

    def __init__(self, count: int = 1) -> None:
        # Last in, first out: who asks for one file after another needs one process only.
        self._free: LifoQueue[_Worker] = LifoQueue()
        self._all = [_Worker() for _ in range(count)]
        for worker in self._all:
            self._free.put(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for worker in self._all:
            worker.close()

    def read(self, kind: str, path: Path) -> Text:
        """The text of a "pdf", "docx" or "html" file.

        Raises:
            ValueError: it has none, or takes too much time or memory; fit to print.
        """
        return Text(**self._ask(kind=kind, path=str(path.resolve())))

    def read_page(self, body: bytes, content_type: str) -> Text:
        """The main text of a page of the web, as Markdown.

        Raises:
            ValueError: as `read` does.
        """
        return Text(**self._ask(kind="page", body=body.decode("latin-1"), type=content_type))

    def draw(self, path: Path, *, page: int) -> bytes:
        """A page of a PDF, counted from 1, as a PNG.

        Raises:
            ValueError: it cannot be drawn; fit to print.
        """
        return self._ask(kind="picture", path=str(path.resolve()), page=page)["png"].encode(
            "latin-1"
        )

    def _ask(self, **request: Any) -> dict[str, Any]:
        worker = self._free.get()
        try:
            answer = worker.ask(request)
        finally:
            self._free.put(worker)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


class _Crashed(ValueError):
    """The worker ended before it answered."""


class _Worker:
    """One process; for one thread at a time, but for `close`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        used = self._process is not None
        try:
            return self._ask(request)
        except _Crashed:
            if not used or self._closed:
                raise
            return self._ask(request)  # an earlier file may be at fault: once more, in a new one

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._process is None:
            self._start()
        process, errors = self._process, self._errors
        assert process
        assert process.stdin
        assert process.stdout
        late = Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = Timer(TIMEOUT_S, end)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:  # it is gone
            answer = b""
        timer.cancel()
        if answer.endswith(b"\n"):
            return json.loads(answer)
        self._end()
        if late.is_set():
            raise ValueError(f"reading it took more than {TIMEOUT_S:g} s")
        errors.seek(0)
        last_line = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        raise _Crashed(f"its reader crashed ({last_line or f'exit status {process.returncode}'})")

    def _start(self) -> None:
        self._errors = TemporaryFile()  # noqa: SIM115 (a pipe that nobody reads would fill up)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lib.reading.readers"],
            cwd=PROJECT_DIR,
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


def answer_to(request: dict[str, Any]) -> dict[str, Any]:
    """`{"kind": "pdf", "path": "a.pdf"}` → `{"title": …, "pages": […], "pictures": []}`"""
    from lib.reading import page_text, pdf_text

    kind, path = request["kind"], Path(request.get("path", ""))
    try:
        if kind == "picture":
            return {"png": pdf_text.page_picture(path, request["page"]).decode("latin-1")}
        if kind == "pdf":
            return asdict(Text(*pdf_text.read_pdf(path)))
        if kind == "page":
            title, text = page_text.main_text(request["body"].encode("latin-1"), request["type"])
        else:
            title, text = (page_text.read_docx if kind == "docx" else page_text.read_html)(path)
        return asdict(Text(title, [text], []))
    except OSError as error:
        return {"error": str(error.strerror)}
    except ValueError as error:
        return {"error": str(error)}


def limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    except (ImportError, ValueError, OSError):
        pass  # no such limit on this system: the time limit remains


def main() -> None:
    import faulthandler

    limit_memory()
    # What libraries print must not stand between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        faulthandler.dump_traceback_later(2 * TIMEOUT_S, exit=True)  # whoever asked may be gone
        try:
            answer = answer_to(json.loads(line))
        except MemoryError:  # the next file is read by a fresh process
            sys.exit(f"it needs more than {MEMORY_BYTES >> 30} GiB of memory")
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
