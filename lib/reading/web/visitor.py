"""Pages of the web, asked for politely: robots.txt, a pace for each host, few retries."""

import time
from collections import Counter
from collections.abc import Collection
from functools import partial
from urllib.parse import urlsplit

from protego import Protego

from lib.engine.tasks import run
from lib.reading.web import fetch
from lib.reading.web.fetch import FetchError, Response, check_url, get
from lib.recipe import Recipe

MAX_REDIRECTS = 5
MAX_ATTEMPTS = 3
MAX_FAILURES = 3  # of a host in a row; then it is not asked again
MAX_WAIT_S = 60.0  # that a server may ask for before the next attempt
MAX_CRAWL_DELAY_S = 30.0
MAX_ROBOTS_BYTES = 512_000


class Visitor:
    """Asks for pages one at a time."""

    def __init__(self, recipe: Recipe) -> None:
        self.site = ""  # the only site to visit, with its subdomains; "" = any
        self._get = partial(get, allow_loopback=recipe.allow_loopback)
        self._pause_s = 1 / recipe.requests_per_second
        self._robots: dict[str, Protego | str] = {}  # by origin, "https://example.com:8443"
        self._delays_s: dict[str, float] = {}  # by host, like the next two
        self._next: dict[str, float] = {}  # when it may be asked again
        self._failures: Counter[str] = Counter()  # in a row

    def get(
        self, url: str, *, max_bytes: int, content_types: Collection[str] = (), robots: bool = True
    ) -> Response:
        """The answer (status 200) behind a URL and its redirects; () means any content type."""
        start = url = check_url(url)
        try:
            for _ in range(MAX_REDIRECTS + 1):
                if robots:
                    self._check(url)
                response = self._ask(url, max_bytes, content_types)
                if response.status not in fetch.REDIRECTS:
                    return response
                before, url = url, response.headers.get("location", "")
                url = check_url(url, before)
                if before.startswith("https:") and url.startswith("http:"):
                    raise FetchError("it leaves https")
            raise FetchError(f"more than {MAX_REDIRECTS} redirects")
        except FetchError as error:
            if url != start:
                error.args = (f"redirected to {fetch.quoted(url)[:200]}: {error}",)
            raise

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if self.site and not f".{parts.hostname}".endswith(f".{self.site}"):
            raise FetchError(f"it is not on the sitemap's site, {self.site}")
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._robots:
            self._robots[origin] = self._read_robots(f"{origin}/robots.txt")
        rules = self._robots[origin]
        if isinstance(rules, str):
            raise FetchError(rules)
        delay_s = rules.crawl_delay(fetch.USER_AGENT) or 0.0
        self._delays_s[parts.netloc] = min(delay_s, MAX_CRAWL_DELAY_S)
        if not rules.can_fetch(url, fetch.USER_AGENT):
            raise FetchError("robots.txt forbids it")

    def _read_robots(self, url: str) -> Protego | str:
        """The rules (RFC 9309), or the reason why nothing may be asked."""
        try:
            text = self.get(url, max_bytes=MAX_ROBOTS_BYTES, robots=False).body
        except FetchError as error:
            if not 400 <= error.status < 500 or error.status == 429:
                return f"its robots.txt cannot be read ({error}), so nothing is asked"
            text = b""  # there is none
        return Protego.parse(text.decode("utf-8-sig", errors="replace"))

    def _ask(self, url: str, max_bytes: int, content_types: Collection[str]) -> Response:
        """One request without redirects: paced, and repeated if that may help."""
        host = urlsplit(url).netloc
        if self._failures[host] >= MAX_FAILURES:
            raise FetchError(f"{host} failed {MAX_FAILURES} times in a row and is not asked again")
        attempt = 0
        while True:
            attempt += 1
            if (wait_s := self._next.get(host, 0.0) - time.monotonic()) > 0:
                time.sleep(wait_s)
            pause_s = max(self._pause_s, self._delays_s.get(host, 0.0))
            self._next[host] = time.monotonic() + pause_s
            try:
                response = run(self._get(url, max_bytes=max_bytes, content_types=content_types))
                self._failures[host] = 0
                return response
            except FetchError as error:
                wait_s = error.retry_after_s or 2.0 ** (attempt - 1)
                if not error.passing or attempt == MAX_ATTEMPTS or wait_s > MAX_WAIT_S:
                    self._failures[host] = self._failures[host] + 1 if error.passing else 0
                    raise
                time.sleep(wait_s)
