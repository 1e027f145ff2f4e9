"""Documents of the pages that a sitemap names (sitemaps.org): XML, may be gzip-ed and nested.

Of a remote sitemap only pages and sitemaps of its own host (without a leading "www.") and of that
host's subdomains are asked for. A local file may name any public host.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from lib.engine.faults import short
from lib.progress import Progress
from lib.reading.assemble import Skipped, assemble, reason_of
from lib.reading.sources import find_path
from lib.reading.web.fetch import FetchError, check_url, gunzip, too_large
from lib.reading.web.page import CONTENT_TYPES, main_text
from lib.reading.web.visitor import Visitor
from lib.reading.workers import Workers
from lib.recipe import Recipe
from lib.records import Document
from lib.settings import SetupError

MAX_SITEMAP_BYTES = 50 << 20  # the protocol's own limit
MAX_PAGE_BYTES = 5_000_000
MAX_SITEMAPS = 500
MAX_TAGS = 2_000_000  # a sitemap has at most 50,000 addresses; more tags would fill the memory
_ITEMS = {"urlset": "url", "sitemapindex": "sitemap"}


def iter_sitemap(location: str, recipe: Recipe) -> Iterator[Document | Skipped]:
    """Every page of a sitemap (a file or an http(s) URL), each read when it is asked for."""
    visitor = Visitor(recipe)
    with Workers() as workers:
        try:
            is_remote = "://" in location
            host = urlsplit(check_url(location)).hostname if is_remote else None
            visitor.site = (host or "").removeprefix("www.")
            where = location if is_remote else find_path(location) or Path(location)
            entries = _entries(where, visitor, recipe.max_pages)
        except FetchError as error:
            raise SetupError(
                f"The sitemap {location} cannot be read: {error}. "
                "Check its address, an http(s) URL or the path of an XML file."
            ) from error
        progress = Progress("pages", sum(isinstance(entry, str) for entry in entries))
        for entry in entries:
            found = _read_page(entry, visitor, workers) if isinstance(entry, str) else entry
            progress.advance(isinstance(entry, str))
            yield found
    progress.close()


def document_id(url: str) -> str:
    """`https://example.vn/ph%E1%BB%9F/a%20b?c=1` → `example.vn/phở/a%20b?c=1`

    The URL is one that check_url returned. Only letters beyond ASCII are decoded: two URLs of one
    scheme never share an id, and no id holds a space, a "#" or "..".
    """

    def decoded(match: re.Match[str]) -> str:
        text = unquote_to_bytes(match.group()).decode(errors="replace")
        return text if text.isprintable() and "\ufffd" not in text else match.group()

    address = url.partition("://")[2]
    readable = re.sub(r"(?:%[89A-F][0-9A-F])+", decoded, address)
    return readable if unicodedata.is_normalized("NFC", readable) else address


def parse_sitemap(data: bytes) -> tuple[str, list[str]]:
    """`<urlset><url><loc>https://…</loc></url></urlset>` → `("urlset", ["https://…"])`

    The root is "urlset" (pages) or "sitemapindex" (sitemaps); namespaces do not matter.
    """
    from lxml import etree

    if data.count(b"<") > MAX_TAGS:
        raise FetchError(f"it has more than {MAX_TAGS:,} tags")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data.lstrip(), parser)
    except (etree.XMLSyntaxError, LookupError, ValueError) as error:
        raise FetchError(f"it is not XML ({short(error)})") from error
    if root.getroottree().docinfo.doctype:
        raise FetchError("it has a DTD, which no sitemap needs")  # entities could fill the memory
    name = etree.QName(root).localname
    if name not in _ITEMS:
        raise FetchError(f"its root is <{name[:40]}>, not <urlset> or <sitemapindex>")
    locations = root.iterfind(f"{{*}}{_ITEMS[name]}/{{*}}loc")
    return name, ["".join(location.itertext()).strip() for location in locations]


def _entries(location: str | Path, visitor: Visitor, max_pages: int) -> list[str | Skipped]:
    """The addresses of at most max_pages pages in order; in between, the sitemaps not read."""
    entries: list[str | Skipped] = []
    seen: set[str] = set()
    waiting: list[tuple[str, str | Path]] = [("", location)]  # the root that names it; it
    num_sitemaps = 0
    while waiting:
        named_in, where = waiting.pop()
        is_page = named_in == "urlset"
        if len(entries) >= max_pages or (num_sitemaps >= MAX_SITEMAPS and not is_page):
            most = f"at most {max_pages:,} pages (max_pages) and {MAX_SITEMAPS} sitemaps are read"
            reason = f"not read, nor {len(waiting):,} more: {most}"
            return [*entries, Skipped(short(where), reason)]
        try:
            if isinstance(where, str):
                where = check_url(where)
                if document_id(where) in seen:
                    raise FetchError("it is named twice")
                seen.add(document_id(where))
            if is_page:
                entries.append(str(where))
                continue
            num_sitemaps += 1
            root, urls = parse_sitemap(_read_sitemap(where, visitor))
            waiting += [(root, url) for url in reversed(urls)]
        except FetchError as error:
            if not named_in:
                raise
            entries.append(Skipped(short(where), str(error)))
    return entries


def _read_sitemap(where: str | Path, visitor: Visitor) -> bytes:
    if isinstance(where, str):
        data = visitor.get(where, max_bytes=MAX_SITEMAP_BYTES).body
    else:
        try:
            data = where.read_bytes()
        except OSError as error:
            raise FetchError(reason_of(error)) from error
    if len(data) > MAX_SITEMAP_BYTES:
        raise too_large(MAX_SITEMAP_BYTES)
    return gunzip(data, MAX_SITEMAP_BYTES) if data.startswith(b"\x1f\x8b") else data


def _read_page(url: str, visitor: Visitor, workers: Workers) -> Document | Skipped:
    try:
        response = visitor.get(url, max_bytes=MAX_PAGE_BYTES, content_types=CONTENT_TYPES)
        text = workers.read(main_text, response.body, response.headers["content-type"].lower())
        sha256 = hashlib.sha256(response.body).hexdigest()
        name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or urlsplit(url).netloc
        return assemble(text, id=document_id(url), name=name, sha256=sha256)
    except (FetchError, ValueError) as error:
        return Skipped(url, str(error))
