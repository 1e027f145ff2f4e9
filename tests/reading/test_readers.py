"""The worker process: what it survives, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from lib.reading import readers as module
from lib.reading.readers import Readers
from tests.gen.docx import write_docx
from tests.gen.make import lines, write_pdf

TEXT = "The lamp of the lighthouse burns from dusk to dawn."


def kill_worker(readers: Readers) -> None:
    process = readers._all[0]._process
    assert process
    process.kill()
    process.wait()


def pids(readers: Readers) -> list[int | None]:
    return [worker._process.pid if worker._process else None for worker in readers._all]


def test_one_process_reads_every_kind_and_ends_with_its_owner(tmp_path: Path) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", [lines([TEXT]), lines(["Page two."])], title="The Lamp")
    docx = write_docx(tmp_path / "b.docx", heading="Lamps", texts=[TEXT])
    (tmp_path / "c.html").write_text(f"<title>Lamp</title><body><p>{TEXT}")
    with Readers(2) as readers:
        assert pids(readers) == [None, None]  # none is started before it is needed
        found = readers.read("pdf", pdf)
        assert (found.title, found.pages, found.pictures) == ("The Lamp", [TEXT, "Page two."], [])
        (pid,) = [pid for pid in pids(readers) if pid]
        assert readers.read("docx", docx).pages == [f"# Lamps\n\n{TEXT}"]
        assert readers.read("html", tmp_path / "c.html").pages == [TEXT]
        assert readers.read_page("등대 phở".encode(), "text/plain").pages == ["등대 phở"]
        assert readers.draw(pdf, page=2).startswith(b"\x89PNG")
        assert [p for p in pids(readers) if p] == [pid]  # the same process all along
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_reader_that_died_between_two_files_is_replaced(tmp_path: Path) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", [lines([TEXT])])
    with Readers() as readers:
        readers.read("pdf", pdf)
        kill_worker(readers)
        assert readers.read("pdf", pdf).pages == [TEXT]


def test_a_reader_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", [lines([TEXT])])
    with Readers() as readers:
        monkeypatch.setattr(module, "TIMEOUT_S", 0.001)
        with pytest.raises(ValueError, match=r"more than 0\.001 s"):
            readers.read("pdf", pdf)
        monkeypatch.setattr(module, "TIMEOUT_S", 60)
        assert readers.read("pdf", pdf).pages == [TEXT]


def test_a_reader_that_crashes_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROJECT_DIR", tmp_path)  # where no lib is to be found
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with Readers() as readers, pytest.raises(ValueError, match=r"its reader crashed.*lib"):
        readers.read("pdf", tmp_path / "a.pdf")


def test_what_cannot_be_read_says_why_and_keeps_the_process(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK and then nothing")
    (tmp_path / "b.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    (tmp_path / "c.html").write_bytes(b"Fj\xe6re \xff")
    cases = {"a.docx": "no readable DOCX", "b.docx": "old .doc, or encrypted", "c.html": "UTF-8"}
    with Readers() as readers:
        for name, words in cases.items():
            with pytest.raises(ValueError, match=words):
                readers.read(name.partition(".")[2], tmp_path / name)
        with pytest.raises(ValueError, match=r"\ANo such file or directory\Z"):
            readers.read("html", tmp_path / "missing.html")
        (pid,) = pids(readers)
        with pytest.raises(ValueError, match="encrypted"):
            readers.read("docx", tmp_path / "b.docx")
        assert pids(readers) == [pid]


@pytest.mark.skipif(os.name != "posix", reason="this limit is POSIX's")
def test_memory_is_bounded(tmp_path: Path) -> None:
    """A small Word file that unpacks to 600 MiB costs one file, not the machine."""
    path = tmp_path / "bomb.docx"
    with (
        ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as file,
        file.open("word/document.xml", "w") as part,
    ):
        for _ in range(600):
            part.write(bytes(1 << 20))
    request = f'{{"kind": "docx", "path": "{path}"}}\n'
    code = "from lib.reading import readers as r; r.MEMORY_BYTES = 1 << 29; r.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=module.PROJECT_DIR,
        input=request.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"GiB of memory" in done.stderr.splitlines()[-1]


def test_what_libraries_print_does_not_stand_between_the_answers() -> None:
    code = (
        "from lib.reading import readers as r\n"
        "def noisy(request):\n    import os; print('hello'); os.write(1, b'noise\\n')\n"
        "    return {'title': 'ở'}\n"
        "r.answer_to = noisy; r.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=module.PROJECT_DIR,
        input=b"{}\n{}\n",
        capture_output=True,
        check=True,
    )
    assert done.stdout == b'{"title": "\\u1edf"}\n' * 2
