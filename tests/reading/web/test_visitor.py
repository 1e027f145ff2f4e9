from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lib.reading.web import visitor as module
from lib.reading.web.fetch import FetchError, Response
from lib.reading.web.visitor import Visitor
from lib.recipe import Recipe
from tests.gen.website import Reply, Website, redirect, website

MAX_BYTES = 10_000


@pytest.fixture
def site() -> Iterator[Website]:
    with website(pages={"/": "hello"}) as site:
        yield site


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept, in place of sleeping."""
    naps: list[float] = []
    monkeypatch.setattr(module.time, "sleep", naps.append)
    return naps


def visitor(**options: Any) -> Visitor:
    return Visitor(Recipe(**{"allow_loopback": True, "requests_per_second": 1e9} | options))


def body(url: str, *, site: str = "") -> bytes:
    us = visitor()
    us.site = site
    return us.get(url, max_bytes=MAX_BYTES).body


# --- robots.txt ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "target", "may"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow: /a", "/ab?c", False),
        ("User-agent: *\nDisallow: /a", "/b", True),
        ("\ufeffuser-AGENT : *  # all\r\nDISALLOW: /a # no", "/a", False),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /\nAllow: /a", "/a", True),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),
        ("User-agent: *\nAllow: /\nDisallow: /a/", "/a/b", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/a.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/a.pdf?b", True),
        ("User-agent: *\nDisallow: /a$", "/a/b", True),
        ("User-agent: *\nDisallow: /*?sort=", "/a?sort=1", False),
        ("User-agent: *\nDisallow: /*?sort=", "/axsort=1", True),
        ("User-agent: *\nDisallow: /phở", "/ph%E1%BB%9F", False),
        ("User-agent: *\nDisallow: /ph%e1%bb%9f", "/ph%E1%BB%9F", False),
        ("User-agent: Openbook\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/a", False),
        ("User-agent: openbook\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/b", True),
        ("User-agent: x\nUser-agent: *\nDisallow: /a", "/a", False),
        ("User-agent: *\nUser-agent: x\nDisallow: /a\nUser-agent: y\nDisallow: /b", "/b", True),
        ("User-agent: *\nUser-agent: x\nDisallow: /a", "/a", False),
        ("User-agent: x\nDisallow: /", "/a", True),
        ("User-agent: *\nDisallow: /a\nSitemap: s\nUser-agent: x\nDisallow: /", "/b", True),
        ("<html>not found</html>", "/a", True),
    ],
)
def test_rules_of_robots_txt(site: Website, text: str, target: str, may: bool) -> None:
    site.pages |= {"/robots.txt": text, target: "hello"}
    if may:
        assert body(f"{site.url}{target}") == b"hello"
    else:
        with pytest.raises(FetchError, match=r"robots\.txt forbids"):
            body(f"{site.url}{target}")


def test_robots_txt_cannot_hang_us(site: Website) -> None:
    rules = ["/" + "*a" * 500 + "b$", *(f"/*a*b{i}*c" for i in range(10_000))]
    site.pages["/robots.txt"] = "User-agent: *\n" + "".join(f"Disallow: {r}\n" for r in rules)
    target = "/" + "a" * 2000
    site.pages[target] = "hello"
    began = time.process_time()
    assert body(f"{site.url}{target}") == b"hello"
    assert time.process_time() - began < 60


@pytest.mark.parametrize(
    ("line", "nap_s"),
    [("7", 7), ("7.5", 7.5), ("9999", module.MAX_CRAWL_DELAY_S), ("nan", 0), ("-1", 0)],
)
def test_the_crawl_delay_is_kept_up_to_a_bound(
    site: Website, naps: list[float], line: str, nap_s: float
) -> None:
    site.pages["/robots.txt"] = f"User-agent: *\nCrawl-delay: {line}"
    us = visitor()
    for _ in range(3):
        us.get(site.url, max_bytes=MAX_BYTES)
    assert [round(nap, 1) for nap in naps if nap > 0.1] == [nap_s] * 2 * bool(nap_s)


def test_what_robots_txt_forbids_is_not_asked(site: Website) -> None:
    site.pages["/robots.txt"] = "User-agent: *\nDisallow: /private"
    site.pages["/private/a"] = "secret"
    us = visitor()
    assert us.get(site.url, max_bytes=MAX_BYTES).body == b"hello"
    with pytest.raises(FetchError, match=r"robots\.txt forbids"):
        us.get(f"{site.url}/private/a", max_bytes=MAX_BYTES)
    assert [path for path, _ in site.requests] == ["/robots.txt", "/"]


def test_a_missing_robots_txt_allows_all(site: Website) -> None:
    for status in (401, 403, 404, 410):
        site.pages["/robots.txt"] = Reply(status=status)
        assert body(site.url) == b"hello"


def test_a_broken_robots_txt_allows_nothing(site: Website, naps: list[float]) -> None:
    for status in (429, 500, 503):
        site.pages["/robots.txt"] = Reply(status=status)
        with pytest.raises(FetchError, match=rf"robots\.txt cannot be read \(answered {status}"):
            body(site.url)
    assert site.paths == []


def test_robots_txt_may_stand_elsewhere(site: Website) -> None:
    site.pages["/robots.txt"] = redirect("/rules.txt", 301)
    site.pages["/rules.txt"] = "User-agent: *\nDisallow: /"
    with pytest.raises(FetchError, match=r"robots\.txt forbids"):
        body(site.url)


# --- redirects -----------------------------------------------------------------------------------


def test_redirects_are_followed_five_times(site: Website) -> None:
    ways = ["0", "/2", "3", f"{site.url}/4", f"//127.0.0.1:{site.port}/5", "/"]
    for step, (to, status) in enumerate(zip(ways[1:], (301, 302, 303, 307, 308), strict=True), 1):
        site.pages[f"/{step}"] = redirect(to, status)
    site.pages["/0"] = redirect("1")
    assert body(f"{site.url}/1") == b"hello"
    with pytest.raises(FetchError, match="more than 5 redirects"):
        body(f"{site.url}/0")


def test_a_redirect_may_hold_letters(site: Website) -> None:
    site.pages["/old"] = redirect("/phở".encode().decode("latin-1"))  # as UTF-8 on the wire
    site.pages["/ph%E1%BB%9F"] = "soup"
    assert body(f"{site.url}/old") == b"soup"


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("http://10.0.0.1/", r"redirected to http://10\.0\.0\.1/.*only public"),
        ("http://169.254.169.254/latest/meta-data/", "only public"),
        ("http://[::ffff:127.0.0.1]/", "only public"),
        ("file:///etc/passwd", "neither http"),
        ("http://me:secret@127.0.0.1/", "user name"),
        ("/loop", "more than 5"),
        ("/ph\xf6", "answered 404"),  # neither ASCII nor UTF-8
        ("http://[", "redirected to http://%5B: it is not a valid URL"),
        ("//\x1b[2J", "redirected to .*%1B.*not a valid URL"),
        ("/private", r"robots\.txt forbids"),
    ],
)
def test_each_redirect_is_checked_anew(site: Website, to: str, words: str) -> None:
    site.pages["/robots.txt"] = "User-agent: *\nDisallow: /private"
    site.pages["/loop"] = redirect(to)
    site.pages["/private"] = "secret"
    with pytest.raises(FetchError, match=words):
        body(f"{site.url}/loop")
    assert "/private" not in site.paths


def test_a_redirect_never_leaves_https(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(url: str, **_: object) -> Response:
        if url.endswith("/robots.txt"):
            return Response(200, {}, b"")
        to = {"http://a.example/": "https://a.example/", "https://a.example/": "http://a.example/b"}
        return Response(302, {"location": to[url]}, b"")

    monkeypatch.setattr(module, "get", answer)
    with pytest.raises(FetchError, match="it leaves https"):
        body("http://a.example/")


def test_a_site_is_not_left(site: Website) -> None:
    with website(pages={"/": "elsewhere"}) as other:
        site.pages["/away"] = redirect(f"http://localhost:{other.port}/")
        with pytest.raises(FetchError, match=r"not on the sitemap's site, 127\.0\.0\.1"):
            body(f"{site.url}/away", site="127.0.0.1")
        assert other.requests == []


@pytest.mark.parametrize(
    ("host", "of_site"),
    [(host, True) for host in ("localhost", "www.localhost", "a.b.localhost")]
    + [(host, False) for host in ("notlocalhost", "localhost.evil.example", "host")],
)
def test_a_site_is_its_host_and_its_subdomains(
    site: Website, monkeypatch: pytest.MonkeyPatch, host: str, of_site: bool
) -> None:
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", site.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
    if of_site:
        assert body(f"http://{host}:{site.port}/", site="localhost") == b"hello"
    else:
        with pytest.raises(FetchError, match="not on the sitemap's site, localhost"):
            body(f"http://{host}:{site.port}/", site="localhost")


# --- pace and patience ---------------------------------------------------------------------------


def test_requests_keep_their_pace(site: Website) -> None:
    us = visitor(requests_per_second=20.0)
    began = time.monotonic()
    for _ in range(4):
        us.get(site.url, max_bytes=MAX_BYTES)
    assert len(site.requests) == 5  # with robots.txt
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(site: Website, naps: list[float], status: int) -> None:
    replies: list[Reply | str] = [
        Reply(status=status, headers={"Retry-After": "9"}),
        Reply(status=status),
        "hello",
    ]
    site.pages["/busy"] = lambda _: replies.pop(0)
    assert body(f"{site.url}/busy") == b"hello"
    assert naps == [9, 2]


def test_asking_again_has_an_end(site: Website, naps: list[float]) -> None:
    site.pages["/busy"] = Reply(status=503)
    site.pages["/closed"] = Reply(status=503, headers={"Retry-After": "86400"})
    for path, times in (("/busy", module.MAX_ATTEMPTS), ("/closed", 1), ("/missing", 1)):
        with pytest.raises(FetchError, match="answered"):
            body(f"{site.url}{path}")
        assert site.paths.count(path) == times


def test_a_host_that_fails_and_fails_is_left_alone(site: Website, naps: list[float]) -> None:
    site.pages["/busy"] = Reply(status=503)
    us = visitor()
    site.pages["/text"] = Reply("ok", headers={"Content-Type": "text/plain"})
    for path in "/ / / / /busy /busy /missing /busy /busy ok /busy /busy /busy".split():
        if path == "ok":
            us.get(f"{site.url}/text", max_bytes=MAX_BYTES, content_types=("text/plain",))
            continue
        with pytest.raises(FetchError, match=r"content type|answered"):
            us.get(f"{site.url}{path}", max_bytes=MAX_BYTES, content_types=("text/plain",))
    asked = len(site.requests)
    with pytest.raises(FetchError, match="not asked again"):
        us.get(site.url, max_bytes=MAX_BYTES)
    assert len(site.requests) == asked
