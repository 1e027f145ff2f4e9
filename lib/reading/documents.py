"""Documents from files and sitemaps; what cannot be read is named, with why."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from lib.kept import Kept
from lib.reading import wording
from lib.reading.assemble import assemble, first_heading, read_text
from lib.reading.json_records import iter_json_documents
from lib.reading.readers import Readers, Text
from lib.reading.sources import READABLE, Skipped, Source, find_documents
from lib.reading.wording import clean
from lib.recipe import Recipe
from lib.records import Document
from lib.settings import SetupError
from lib.store import file_sha256

_WORKERS = 2
_AHEAD = 8  # files read before they are asked for
_SHOWN_CHARS = 700  # of a document that is no PDF

# What decides the text of a file that a worker reads.
_MADE_BY = [
    *(Path(__file__).with_name(f"{name}.py") for name in ("layout", "page_text", "pdf_text")),
    Path(wording.__file__),
]
_PACKAGES = ("pypdfium2", "markitdown", "trafilatura")


@dataclass(frozen=True)
class Loaded:
    """What was read."""

    documents: list[Document]
    skipped: list[Skipped]

    @property
    def held_out(self) -> set[str]:
        """The ids of the documents that only evaluate."""
        return {document.id for document in self.documents if document.held_out}


def load_documents(recipe: Recipe) -> Loaded:
    """Everything that `iter_documents` gives.

    Raises:
        SetupError: as there.
    """
    found = list(iter_documents(recipe))
    return Loaded(
        [entry for entry in found if isinstance(entry, Document)],
        [entry for entry in found if isinstance(entry, Skipped)],
    )


def iter_documents(recipe: Recipe) -> Iterator[Document | Skipped]:
    """Each document, and what gave no text, as soon as it is read; always in the same order.

    `doc_path` is a folder, a file, a glob, the address or file of a sitemap, or a list of these.
    Documents of `eval_doc_path` come first, `held_out`; what both name is held out. `doctype`
    reads every file as one kind (see sources.DOCTYPES). The last three are for sitemaps.

    Raises:
        SetupError: a path does not exist, or nothing can be read.
    """
    sources = find_documents(recipe)
    web = {
        "allow_loopback": recipe.allow_loopback,
        "max_pages": recipe.max_pages,
        "requests_per_second": recipe.requests_per_second,
    }
    seen: set[str] = set()
    skipped: list[Skipped] = []
    for entry in _read(sources, web):
        if isinstance(entry, Document) and entry.id in seen:
            entry = Skipped(entry.id, "another document has the same name")
        if isinstance(entry, Document):
            seen.add(entry.id)
        elif len(skipped) < 3:
            skipped.append(entry)
        yield entry
    if not seen:
        reasons = "; ".join(f"{skip.path}: {skip.reason}" for skip in skipped)
        raise SetupError(
            f"Nothing readable in {recipe.doc_path} ({reasons or 'it is empty'}). "
            f"Set doc_path to files of {READABLE}, to a folder of them, or to a sitemap."
        )


def pick_document(documents: Sequence[Document]) -> Document:
    """The one to look at: the first PDF, whose pages can be seen, else the first of all."""
    pdfs = (document for document in documents if document.id.lower().endswith(".pdf"))
    return next(pdfs, documents[0])


def show_page(recipe: Recipe, document: Document, *, page: int = 1) -> Any:
    """A PDF's page as a picture (PIL), to look at beside its text; else the beginning (HTML).

    The paths are those that the document was loaded with.

    Raises:
        SetupError: the page cannot be drawn.
    """
    from io import BytesIO

    from IPython.display import HTML
    from PIL import Image

    sources = find_documents(recipe)
    place = next((source.place for source in sources if source.name == document.id), None)
    if not isinstance(place, Path) or place.suffix.lower() != ".pdf":
        more = " …" * (len(document.text) > _SHOWN_CHARS)
        beginning = escape(document.text[:_SHOWN_CHARS]) + more
        return HTML(f'<pre style="white-space: pre-wrap">{beginning}</pre>')
    try:
        with Readers() as readers:
            picture = readers.draw(place, page=page)
    except ValueError as error:
        raise SetupError(f"Page {page} of {document.id} cannot be shown: {error}.") from error
    return Image.open(BytesIO(picture)).quantize(32)  # a tenth of the bytes in the notebook


# --- reading -------------------------------------------------------------------------------------


def _read(sources: Sequence[Source], web: dict[str, Any]) -> Iterator[Document | Skipped]:
    """Workers read a few files ahead of whoever asks; everything else is read in its turn."""
    waiting: deque[tuple[Source, Future[Text] | None]] = deque()
    pool = ThreadPoolExecutor(max_workers=_WORKERS)
    readers = Readers(_WORKERS)  # each keeps a process busy
    kept = Kept(made_by=_MADE_BY, packages=_PACKAGES)
    try:
        for source in sources:
            future = None
            if source.kind in ("pdf", "docx", "html") and isinstance(source.place, Path):
                future = pool.submit(_read_once, readers, kept, source.kind, source.place)
            waiting.append((source, future))
            if len(waiting) > _AHEAD:
                yield from _read_one(*waiting.popleft(), web)
        while waiting:
            yield from _read_one(*waiting.popleft(), web)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        readers.close()
        kept.close()


def _read_once(readers: Readers, kept: Kept, kind: str, path: Path) -> Text:
    """By a worker, unless these bytes were read before."""
    key = "text", kind, file_sha256(path)
    if (known := kept.get(*key)) is not None:
        return Text(**known)
    text = readers.read(kind, path)
    kept.put(asdict(text), *key)
    return text


def _read_one(
    source: Source, future: Future[Text] | None, web: dict[str, Any]
) -> Iterator[Document | Skipped]:
    for entry in _entries(source, future, web):
        if isinstance(entry, Document) and source.held_out:
            entry = replace(entry, held_out=True)
        yield entry


def _entries(
    source: Source, future: Future[Text] | None, web: dict[str, Any]
) -> Iterator[Document | Skipped]:
    place, name = source.place, source.name
    if isinstance(place, str):
        from lib.reading.sitemap import iter_sitemap

        yield from iter_sitemap(place, **web)
        return
    if not source.kind:
        yield Skipped(name, f"{place.suffix.lower() or 'no'} ending: only {READABLE} are read")
        return
    try:
        if source.kind in ("json", "api"):
            yield from iter_json_documents(place, name=name, api=source.kind == "api")
            return
        if future:
            text = future.result()
        else:
            plain = clean(read_text(place))
            title = first_heading(plain, markdown=source.kind == "md")
            text = Text(title, [plain], [])
        yield assemble(text, name=name, path=place, sha256=file_sha256(place))
    except OSError as error:
        yield Skipped(name, str(error.strerror))
        return
    except ValueError as error:
        yield Skipped(name, str(error))
        return
    if text.pictures:
        numbers = ", ".join(map(str, text.pictures))
        yield Skipped(f"{name}, page {numbers}", "a picture without a text layer")
