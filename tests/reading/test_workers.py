"""The worker process: what it survives, and what it costs."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from lib.reading import workers as module
from lib.reading.files import docx, html, pdf
from lib.reading.web.page import main_text
from lib.reading.workers import Workers
from tests.gen.docx import write_docx
from tests.gen.make import lines, write_pdf

TEXT = "The lamp of the lighthouse burns from dusk to dawn."


def kill_worker(workers: Workers) -> None:
    process = workers._all[0]._process
    assert process
    process.kill()
    process.wait()


def pids(workers: Workers) -> list[int | None]:
    return [worker._process.pid if worker._process else None for worker in workers._all]


def test_one_process_reads_every_kind_and_ends_with_its_owner(tmp_path: Path) -> None:
    file = write_pdf(tmp_path / "a.pdf", [lines([TEXT]), lines(["Page two."])], title="The Lamp")
    word = write_docx(tmp_path / "b.docx", heading="Lamps", texts=[TEXT])
    (tmp_path / "c.html").write_text(f"<title>Lamp</title><body><p>{TEXT}")
    with Workers(2) as workers:
        assert pids(workers) == [None, None]  # none is started before it is needed
        found = workers.read(pdf.read, file)
        assert (found.title, found.pages, found.notes) == ("The Lamp", [TEXT, "Page two."], {})
        (pid,) = [pid for pid in pids(workers) if pid]
        assert workers.read(docx.read, word).pages == [f"# Lamps\n\n{TEXT}"]
        assert workers.read(html.read, tmp_path / "c.html").pages == [TEXT]
        assert workers.read(main_text, "등대 phở".encode(), "text/plain").pages == ["등대 phở"]
        assert b64decode(workers.run(pdf.first_page, file)).startswith(b"\x89PNG")
        assert [p for p in pids(workers) if p] == [pid]  # the same process all along
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_reader_that_died_between_two_files_is_replaced(tmp_path: Path) -> None:
    file = write_pdf(tmp_path / "a.pdf", [lines([TEXT])])
    with Workers() as workers:
        workers.read(pdf.read, file)
        kill_worker(workers)
        assert workers.read(pdf.read, file).pages == [TEXT]


def test_a_reader_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_pdf(tmp_path / "a.pdf", [lines([TEXT])])
    with Workers() as workers:
        monkeypatch.setattr(module, "TIMEOUT_S", 0.001)
        with pytest.raises(ValueError, match=r"more than 0\.001 s"):
            workers.read(pdf.read, file)
        monkeypatch.setattr(module, "TIMEOUT_S", 60)
        assert workers.read(pdf.read, file).pages == [TEXT]


def test_a_reader_that_crashes_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROJECT_DIR", tmp_path)  # where no lib is to be found
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with Workers() as workers, pytest.raises(ValueError, match=r"its reader crashed.*lib"):
        workers.read(pdf.read, tmp_path / "a.pdf")


def test_what_cannot_be_read_says_why_and_keeps_the_process(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK and then nothing")
    (tmp_path / "b.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    (tmp_path / "c.html").write_bytes(b"Fj\xe6re \xff")
    cases = {"a.docx": "not a readable DOCX", "b.docx": "old .doc, or encrypted", "c.html": "UTF-8"}
    with Workers() as workers:
        for name, words in cases.items():
            with pytest.raises(ValueError, match=words):
                workers.read((docx if "docx" in name else html).read, tmp_path / name)
        with pytest.raises(ValueError, match=r"\ANo such file or directory\Z"):
            workers.read(html.read, tmp_path / "missing.html")
        (pid,) = pids(workers)
        with pytest.raises(ValueError, match="encrypted"):
            workers.read(docx.read, tmp_path / "b.docx")
        assert pids(workers) == [pid]


@pytest.mark.skipif(os.name != "posix", reason="this limit is POSIX's")
def test_memory_is_bounded(tmp_path: Path) -> None:
    """A small Word file that unpacks to 300 MiB costs one file, not the machine."""
    path = tmp_path / "bomb.docx"
    with (
        ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as file,
        file.open("word/document.xml", "w") as part,
    ):
        for _ in range(300):
            part.write(bytes(1 << 20))
    request = pickle.dumps((docx.read, [path]))
    code = "from lib.reading import workers as r; r.MEMORY_BYTES = 1 << 29; r.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=module.PROJECT_DIR,
        input=request,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"GiB of memory" in done.stderr.splitlines()[-1]


def test_what_libraries_print_does_not_get_between_the_answers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lib.reading.workers"],
        cwd=module.PROJECT_DIR,
        input=pickle.dumps((print, ["hello"])) + pickle.dumps((os.write, [1, b"noise\n"])),
        capture_output=True,
        check=True,
    )
    assert done.stdout == b'{"result": null}\n{"result": 6}\n'
