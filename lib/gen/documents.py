"""Documents from files: PDF, plain text and Markdown; what cannot be read is named, with why."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from lib.gen.wording import clean
from lib.prompts import neutralise
from lib.records import Document, Page
from lib.settings import PROJECT_DIR, SetupError
from lib.store import file_sha256

ENDINGS = (".pdf", ".txt", ".md", ".markdown")
PDF_TIMEOUT_S = 120.0
_BETWEEN_PAGES = "\n\n"
_SHOWN_CHARS = 700  # of a text file


@dataclass(frozen=True)
class Skipped:
    """A file, or some of its pages, that gave no text."""

    path: str  # relative to the folder, as a document's id
    reason: str


@dataclass(frozen=True)
class Loaded:
    """What a folder gave."""

    documents: list[Document]
    skipped: list[Skipped]


def load_documents(doc_path: str | Path) -> Loaded:
    """Read a file, or every file of a folder and its subfolders, in the order of their names.

    Hidden files are passed over; every other file that gives no text is in `skipped` with its
    reason. A relative path is looked up from the current folder, then from the project's.

    Raises:
        SetupError: the path does not exist, or nothing below it can be read.
    """
    found = find_documents(doc_path)
    files = [found] if found.is_file() else _files(found)
    root = found.parent if found.is_file() else found
    with ThreadPoolExecutor(max_workers=2) as pool:  # each PDF keeps a process of its own busy
        results = list(pool.map(lambda path: _load(path, root), files))
    documents = [document for document, _ in results if document]
    skipped = [skip for _, skips in results for skip in skips]
    if not documents:
        reasons = "; ".join(f"{skip.path}: {skip.reason}" for skip in skipped[:3])
        raise SetupError(
            f"Nothing readable in {doc_path} ({reasons or 'it holds no files'}). "
            "Set doc_path to a PDF, TXT or Markdown file, or to a folder of them."
        )
    return Loaded(documents, skipped)


def pick_document(documents: Sequence[Document]) -> Document:
    """The one to look at: the first PDF, whose pages can be seen, else the first of all."""
    pdfs = (document for document in documents if document.id.lower().endswith(".pdf"))
    return next(pdfs, documents[0])


def show_page(doc_path: str | Path, document: Document, *, page: int = 1) -> Any:
    """A PDF's page as a picture (PIL), to look at beside its text; a text file's beginning (HTML).

    Raises:
        SetupError: the page cannot be drawn.
    """
    from io import BytesIO

    from IPython.display import HTML
    from PIL import Image

    found = find_documents(doc_path)
    path = found if found.is_file() else found / document.id
    if path.suffix.lower() != ".pdf":
        more = " …" * (len(document.text) > _SHOWN_CHARS)
        beginning = escape(document.text[:_SHOWN_CHARS]) + more
        return HTML(f'<pre style="white-space: pre-wrap">{beginning}</pre>')
    output = _run_worker(path, "--picture", str(page))
    if isinstance(output, str) or not output.startswith(b"\x89PNG"):
        reason = output if isinstance(output, str) else json.loads(output)["error"]
        raise SetupError(f"Page {page} of {document.id} cannot be shown: {reason}.")
    return Image.open(BytesIO(output)).quantize(32)  # a tenth of the bytes in the notebook


def find_documents(doc_path: str | Path) -> Path:
    """The file or folder: as given, or from the current folder, then from the project's.

    Raises:
        SetupError: it does not exist.
    """
    path = Path(doc_path).expanduser()
    for candidate in (path, PROJECT_DIR / path):
        if candidate.exists():
            return candidate
    raise SetupError(
        f"{doc_path} does not exist. Set doc_path to a file or folder of PDF, TXT or Markdown."
    )


def _files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    visible = (p for p in files if not any(n[0] == "." for n in p.relative_to(folder).parts))
    return sorted(visible, key=lambda path: path.relative_to(folder).as_posix())


def _load(path: Path, root: Path) -> tuple[Document | None, list[Skipped]]:
    name = unicodedata.normalize("NFC", path.relative_to(root).as_posix())
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        reason = f"{ending or 'no'} ending: only PDF, TXT and Markdown are read"
        return None, [Skipped(name, reason)]
    try:
        if ending == ".pdf":
            title, texts, pictures = _read_pdf(path)
        else:
            text = _read_text(path)
            title, texts, pictures = _first_heading(text, ending), [text], []
        document = _document(path, name, title, texts)
    except (ValueError, OSError) as error:
        return None, [Skipped(name, str(error))]
    if not pictures:
        return document, []
    numbers = ", ".join(map(str, pictures))
    return document, [Skipped(f"{name}, page {numbers}", "a picture without a text layer")]


def _document(path: Path, name: str, title: str, texts: Sequence[str]) -> Document:
    text, pages = "", []
    for number, page_text in enumerate(texts, start=1):
        page_text = unicodedata.normalize("NFC", neutralise(page_text)).strip()
        if page_text and text:
            text += _page_break(text, page_text)
        pages.append(Page(number, len(text), len(text) + len(page_text)))
        text += page_text
    if not re.search(r"\w", text):
        scanned = path.suffix.lower() == ".pdf"
        raise ValueError("no text layer: is it scanned?" if scanned else "the file is empty")
    return Document(name, _title(title, path), text, tuple(pages), file_sha256(path))


def _page_break(before: str, after: str) -> str:
    """A space where a sentence runs on over the page's end, else an empty line."""
    runs_on = re.search(r"[\w,;–—-]$", before) and re.match(r"[a-zß-ÿ(]", after)
    long = len(before.rsplit("\n", 1)[-1]) > 60  # a paragraph, not a heading or a cell
    return " " if runs_on and long else _BETWEEN_PAGES


def _title(title: str, path: Path) -> str:
    """What the document calls itself, if that is fit to print; else its file's stem."""
    title = " ".join(clean(neutralise(title)).split())
    poor = re.search(r"(?i)\.(?:docx?|pdf|tex|indd|pptx?)$|^(?:untitled|microsoft word)", title)
    if 3 <= len(title) <= 160 and not poor and re.search(r"[^\W\d_]{2}", title):
        return title
    stem = unicodedata.normalize("NFC", path.stem)
    return neutralise(" ".join(re.sub(r"[_\s]+|(?<=[a-z])-(?=[a-z])", " ", stem).split())) or stem


def _first_heading(text: str, ending: str) -> str:
    """Markdown's first heading; of a plain text, a first line that stands alone."""
    pattern = r"^#{1,2}[ \t]+(.+?)[ \t]*#*$|^(?=\S)(.+)\n=+[ \t]*$"
    if ending == ".txt":
        pattern = r"\A\s*(\S.{2,98}[^\s.;,])()[ \t]*\n[ \t]*\n"
    match = re.search(pattern, text, re.MULTILINE)
    return (match.group(1) or match.group(2)) if match else ""


def _read_text(path: Path) -> str:
    data = path.read_bytes()
    if not data.strip():
        raise ValueError("the file is empty")
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    if "\0" in text:
        raise ValueError("it holds NUL bytes: is it a text file?")
    return clean(text)


def _read_pdf(path: Path) -> tuple[str, list[str], list[int]]:
    output = _run_worker(path)
    if isinstance(output, str):
        raise ValueError(output)
    result = json.loads(output)
    if "error" in result:
        raise ValueError(result["error"])
    return result["title"], result["pages"], result["pictures"]


def _run_worker(path: Path, *options: str) -> bytes | str:
    """The worker's output, or the reason why there is none."""
    command = [sys.executable, "-m", "lib.gen.pdf_worker", str(path.resolve()), *options]
    try:
        done = subprocess.run(
            command, cwd=PROJECT_DIR, capture_output=True, timeout=PDF_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"reading it took more than {PDF_TIMEOUT_S:.0f} s"
    if done.returncode == 0 and done.stdout:
        return done.stdout
    last_line = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"its reader crashed ({last_line or f'exit status {done.returncode}'})"
