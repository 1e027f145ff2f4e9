"""Pages of the web, visited politely: robots.txt, a pace for each host, a cache, a few retries."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from lib.reading.fetch import (
    REDIRECTS,
    USER_AGENT,
    FetchError,
    Response,
    check_url,
    get,
    quoted,
)
from lib.settings import home

MAX_REDIRECTS = 5
MAX_ATTEMPTS = 3
MAX_FAILURES = 3  # of a host in a row, before it is left alone
MAX_WAIT_S = 60.0  # a server may ask for, before the next attempt
MAX_CRAWL_DELAY_S = 30.0
MAX_ROBOTS_BYTES = 512_000
_KEPT_HEADERS = ("content-type", "etag", "last-modified")


@dataclass(frozen=True)
class Robots:
    """What a robots.txt asks of us (RFC 9309)."""

    rules: tuple[tuple[int, bool, re.Pattern[str]], ...] = ()  # length, "allow", path
    delay_s: float = 0.0
    closed: str = ""  # why nothing may be asked

    def allows(self, target: str) -> bool:
        """Whether a path (with its query) may be asked: the longest rule decides, "allow" first."""
        matching = ((length, may) for length, may, path in self.rules if path.match(target))
        return max(matching, default=(0, True))[1]


class Visitor:
    """Asks for pages one at a time. Needs no closing: a connection lasts for one request."""

    def __init__(self, *, site: str, allow_loopback: bool, requests_per_second: float) -> None:
        self.site = site  # the only site to visit (see `is_of_site`); "" = any
        self._allow_loopback = allow_loopback
        self._pause_s = 1 / requests_per_second
        self._robots: dict[str, Robots] = {}  # of an origin: "https://example.com:8443"
        self._delays_s: dict[str, float] = {}  # of a host, like the next two
        self._next: dict[str, float] = {}  # when it may be asked again
        self._failures: Counter[str] = Counter()  # in a row

    def get(self, url: str, *, max_bytes: int, content_types: Collection[str] = ()) -> Response:
        """The answer (status 200) behind a URL and its redirects; () means any content type.

        Raises:
            FetchError: there is none, or it must not be asked for.
        """
        return self._follow(check_url(url), max_bytes, content_types, robots=True)

    def _follow(
        self, url: str, max_bytes: int, content_types: Collection[str], *, robots: bool
    ) -> Response:
        start = url
        try:
            for _ in range(MAX_REDIRECTS + 1):
                if robots:
                    self._check(url)
                response = self._ask(url, max_bytes, content_types)
                if response.status not in REDIRECTS:
                    return response
                # http.client reads headers as Latin-1; what is not ASCII in them is UTF-8 today.
                to = response.headers.get("location", "").encode("latin-1").decode(errors="replace")
                before, url = url, _joined(url, to)
                url = check_url(url)
                if before.startswith("https:") and url.startswith("http:"):
                    raise FetchError("it leaves https")
            raise FetchError(f"more than {MAX_REDIRECTS} redirects")
        except FetchError as error:
            if url != start:
                error.args = (f"redirected to {quoted(url)[:200]}: {error}",)
            raise

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if self.site and not is_of_site(url, self.site):
            raise FetchError(f"it is not of the sitemap's site, {self.site}")
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._robots:
            self._robots[origin] = robots = self._read_robots(f"{origin}/robots.txt")
            self._delays_s[parts.netloc] = robots.delay_s
        robots = self._robots[origin]
        if robots.closed:
            raise FetchError(robots.closed)
        if not robots.allows(url.removeprefix(origin)):
            raise FetchError("robots.txt forbids it")

    def _read_robots(self, url: str) -> Robots:
        try:
            response = self._follow(url, MAX_ROBOTS_BYTES, (), robots=False)
        except FetchError as error:
            if 400 <= error.status < 500 and error.status != 429:
                return Robots()  # there is none
            return Robots(closed=f"nothing is asked where robots.txt cannot be read ({error})")
        return parse_robots(response.body.decode(errors="replace"))

    def _ask(self, url: str, max_bytes: int, content_types: Collection[str]) -> Response:
        """One hop: paced, repeated if that may help, from the cache if it has not changed."""
        host = urlsplit(url).netloc
        if self._failures[host] >= MAX_FAILURES:
            raise FetchError(f"{host} failed {MAX_FAILURES} times in a row and is left alone")
        kept = _read_cache(url)
        headers = {"Accept": ", ".join(content_types) or "*/*"}
        if kept and (etag := kept.headers.get("etag")):
            headers["If-None-Match"] = etag
        if kept and (date := kept.headers.get("last-modified")):
            headers["If-Modified-Since"] = date
        for attempt in range(1, MAX_ATTEMPTS + 1):
            self._pace(host)
            try:
                response = get(
                    url,
                    allow_loopback=self._allow_loopback,
                    max_bytes=max_bytes,
                    headers=headers,
                    content_types=content_types,
                )
                break
            except FetchError as error:
                wait_s = error.retry_after_s or 2.0 ** (attempt - 1)
                if error.passing and attempt < MAX_ATTEMPTS and wait_s <= MAX_WAIT_S:
                    time.sleep(wait_s)
                    continue
                self._failures[host] = self._failures[host] + 1 if error.passing else 0
                raise
        self._failures[host] = 0
        if response.status == 304:
            if kept is None:
                raise FetchError("answered 304 to a first request")
            return kept
        _write_cache(response)
        return response

    def _pace(self, host: str) -> None:
        if (wait_s := self._next.get(host, 0.0) - time.monotonic()) > 0:
            time.sleep(wait_s)
        pause_s = max(self._pause_s, self._delays_s.get(host, 0.0))
        self._next[host] = time.monotonic() + pause_s


def _joined(url: str, to: str) -> str:
    try:
        return urljoin(url, to)
    except ValueError:  # of `http://[`, say
        return to


def site_of(url: str) -> str:
    """`https://www.example.com:8443/sitemap.xml` → `example.com`"""
    return (urlsplit(url).hostname or "").removeprefix("www.")


def is_of_site(url: str, site: str) -> bool:
    """Whether the URL's host is the site or a subdomain of it."""
    host = urlsplit(url).hostname or ""
    return host == site or host.endswith(f".{site}")


def parse_robots(text: str) -> Robots:
    """`User-agent: *⏎Disallow: /search⏎Crawl-delay: 2` → one rule, and two seconds.

    The groups that name us count, else those of "*". `*` and a final `$` in a path have their
    usual meaning; a delay counts up to MAX_CRAWL_DELAY_S.
    """
    ours = USER_AGENT.partition("/")[0].lower()
    lines: dict[str, list[tuple[str, str]]] = {}  # of "*" and of our name
    agents: set[str] = set()
    in_rules = False
    for line in text.removeprefix("\ufeff").splitlines():
        name, _, value = line.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if name == "user-agent":
            agents = set() if in_rules else agents
            in_rules = False
            if (agent := value.partition("/")[0].lower()) in (ours, "*"):
                agents.add(agent)
                lines.setdefault(agent, [])
        elif name in ("allow", "disallow", "crawl-delay"):
            in_rules = True
            for agent in agents:
                lines[agent].append((name, value))
    found = lines.get(ours, lines.get("*", []))
    rules = tuple(
        (len(value), name == "allow", _pattern(value))
        for name, value in found
        if value.startswith(("/", "*"))
    )
    delays = [float(v) for n, v in found if n == "crawl-delay" and re.fullmatch(r"\d+(\.\d+)?", v)]
    return Robots(rules, min(max(delays, default=0.0), MAX_CRAWL_DELAY_S))


def _pattern(rule: str) -> re.Pattern[str]:
    """`/*.pdf$` → a pattern that takes linear time, however many asterisks it holds."""
    glob = quoted(rule.removesuffix("$")).replace("?", "[?]")
    return re.compile(fnmatch.translate(glob if rule.endswith("$") else f"{glob}*"))


# --- the cache: one file a URL, a line of JSON, then the body ------------------------------------


def _cache_path(url: str) -> Path:
    return home() / "artefacts" / "web-cache" / hashlib.sha256(url.encode()).hexdigest()[:32]


def _read_cache(url: str) -> Response | None:
    """What was kept of a URL; None if nothing was, or if it is damaged."""
    try:
        line, _, body = _cache_path(url).read_bytes().partition(b"\n")
        entry = json.loads(line)
        whole = entry["url"] == url and entry["sha256"] == hashlib.sha256(body).hexdigest()
        return Response(url, 200, entry["headers"], body) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_cache(response: Response) -> None:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    if response.status != 200 or not headers.keys() & {"etag", "last-modified"}:
        return
    sha256 = hashlib.sha256(response.body).hexdigest()
    line = json.dumps({"url": response.url, "headers": headers, "sha256": sha256})
    path = _cache_path(response.url)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(line.encode() + b"\n" + response.body)
    Path(temporary).replace(path)
