"""The verbs: documents of files and websites, and a look at one. What gives none is reported."""

from base64 import b64decode
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from lib.cache import Cache
from lib.reading.assemble import Skipped, Text, assemble, reason_of
from lib.reading.files import file_types, readable
from lib.reading.sources import Source, find_documents
from lib.reading.tables import iter_records
from lib.reading.workers import Workers
from lib.recipe import Recipe
from lib.records import Document
from lib.settings import PROJECT_DIR, SetupError
from lib.store import file_sha256

_WORKERS = 2
_AHEAD = 8  # files read before they are asked for
_SHOWN_CHARS = 700  # of a document that is no PDF

# What the text of a file depends on, beside the file.
_CODE = [*Path(__file__).with_name("files").rglob("*.py"), PROJECT_DIR / "lib" / "text.py"]
_CODE += map(Path(__file__).with_name, ("assemble.py", "tables.py"))
_PACKAGES = ("pypdfium2", "markitdown", "mammoth")


def iter_documents(recipe: Recipe) -> Iterator[Document | Skipped]:
    """The documents of doc_path and eval_doc_path, each as soon as it is read."""
    seen: set[str] = set()
    reasons: list[str] = []
    for entry in read_sources(find_documents(recipe), recipe):
        if isinstance(entry, Document) and entry.id in seen:
            entry = Skipped(entry.id, "another document has the same name")
        if isinstance(entry, Document):
            seen.add(entry.id)
        else:
            reasons.append(f"{entry.path}: {entry.reason}")
        yield entry
        if isinstance(entry, Document) and (unread := entry.text.count("\ufffd")):
            reason = f"{unread:,} of its characters cannot be read (U+FFFD): save it as UTF-8"
            yield Skipped(entry.id, reason)
    if not seen:
        raise SetupError(
            f"Nothing readable in {recipe.doc_path} ({'; '.join(reasons[:3]) or 'it is empty'}). "
            f"Set doc_path to files ({readable()}), to a folder of them, or to a sitemap."
        )


def pick_document(documents: Sequence[Document]) -> Document:
    """One to look at: the first PDF, whose pages can be shown as pictures, else the first."""
    pdfs = (document for document in documents if document.id.lower().endswith(".pdf"))
    return next(pdfs, documents[0])


def show_page(recipe: Recipe, document: Document) -> Any:
    """The first page of a PDF as a picture (PIL); of any other document its beginning (HTML)."""
    from IPython.display import HTML
    from PIL import Image

    sources = find_documents(recipe)
    place = next((source.place for source in sources if source.name == document.id), None)
    if isinstance(place, Path) and place.suffix.lower() == ".pdf":
        with suppress(ValueError), Workers() as workers:  # damaged: its text tells enough
            picture = b64decode(workers.run(file_types()["pdf"].first_page, place))
            return Image.open(BytesIO(picture)).quantize(32)  # a tenth of the bytes
    more = " …" * (len(document.text) > _SHOWN_CHARS)
    beginning = escape(document.text[:_SHOWN_CHARS]) + more
    return HTML(f'<pre style="white-space: pre-wrap">{beginning}</pre>')


# --- reading -------------------------------------------------------------------------------------


def read_sources(sources: Sequence[Source], recipe: Recipe) -> Iterator[Document | Skipped]:
    """What cannot be read, each reason once; then worker processes read a few files ahead, and
    everything else is read when it is needed."""
    unread = defaultdict[str, list[str]](list)
    for source in sources:
        unread[source.problem].append(source.name)
    unread.pop("", None)
    for reason, (name, *more) in unread.items():
        yield Skipped(f"{name} and {len(more):,} more" if more else name, reason)
    sources = [source for source in sources if not source.problem]
    pool = ThreadPoolExecutor(max_workers=_WORKERS)
    workers = Workers(_WORKERS)  # each keeps one of the threads waiting
    cache = Cache(code=_CODE, packages=_PACKAGES)

    def begin(source: Source) -> Future[Text] | None:
        reader = file_types().get(source.kind)
        if reader is None or not reader.IN_WORKER:
            return None
        return pool.submit(_read_once, workers, cache, reader.read, Path(source.place))

    try:
        waiting = deque(map(begin, sources[:_AHEAD]))
        for number, source in enumerate(sources):
            waiting += map(begin, sources[number + _AHEAD :][:1])
            for entry in _entries(source, waiting.popleft(), recipe):
                if source.held_out and isinstance(entry, Document):
                    entry = replace(entry, held_out=True)
                yield entry
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        workers.close()


def _read_once(workers: Workers, cache: Cache, read: Callable[[Path], Text], path: Path) -> Text:
    """The text of a file, from the cache if these bytes were read before."""
    key = "text", read.__module__, file_sha256(path)
    if (known := cache.get(*key)) is not None:
        return Text(**known)
    text = workers.read(read, path)
    cache.put(asdict(text), *key)
    return text


def _entries(
    source: Source, future: Future[Text] | None, recipe: Recipe
) -> Iterator[Document | Skipped]:
    place, name = source.place, source.name
    if isinstance(place, str):
        from lib.reading.web.sitemap import iter_sitemap

        yield from iter_sitemap(place, recipe)
        return
    reader = file_types()[source.kind]
    try:
        if hasattr(reader, "read_record"):
            yield from _records(place, name, reader.read_record)
            return
        text = future.result() if future else reader.read(place)
        yield assemble(text, id=name, name=Path(name).stem, sha256=file_sha256(place))
    except (OSError, ValueError) as error:
        yield Skipped(name, reason_of(error))
    else:
        for reason, pages in text.notes.items():
            of = f", page {', '.join(map(str, pages))}" if pages else ""
            yield Skipped(f"{name}{of}", reason)


def _records(
    path: Path, name: str, read_record: Callable[[Any], Text]
) -> Iterator[Document | Skipped]:
    """The document of each record, or why there is none."""
    number = -1
    for number, record in iter_records(path):
        id = f"{name}/{number}" if number else name
        try:
            if isinstance(record, ValueError):
                raise record
            yield assemble(read_record(record), id=id, name=path.stem)
        except ValueError as error:
            yield Skipped(id, str(error))
    if number < 0:
        raise ValueError("the file is empty")
