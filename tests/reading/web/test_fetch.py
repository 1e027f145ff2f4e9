from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
import tomllib
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from lib.engine.tasks import run
from lib.reading.web import fetch
from lib.reading.web.fetch import FetchError, Response, check_url, checked_addresses, get, gunzip
from lib.settings import PROJECT_DIR
from tests.gen.website import Reply, Website, website


@pytest.fixture
def site() -> Iterator[Website]:
    with website() as site:
        yield site


def fetched(url: str, **options: Any) -> Response:
    return run(get(url, **{"allow_loopback": True, "max_bytes": 1000} | options))


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """A resolver that knows one answer; returns the names it was asked, as they come."""
    asked: list[str] = []

    def resolver(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        kinds = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(kinds[":" in a], socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    monkeypatch.setattr(fetch.socket, "getaddrinfo", resolver)
    return asked


# --- addresses that are written ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://Example.COM:443/a#top", "https://example.com/a"),
        (" http://example.com ", "http://example.com/"),
        ("http://example.com.:8080/?q=a b", "http://example.com:8080/?q=a%20b"),
        ("https://example.vn/phở%e1", "https://example.vn/ph%E1%BB%9F%E1"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://[2606:4700::1]:80/", "http://[2606:4700::1]/"),
    ],
)
def test_addresses_take_one_form(url: str, normal: str) -> None:
    assert check_url(url) == normal
    assert check_url(normal) == normal


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/passwd", "neither http"),
        ("ftp://example.com/", "neither http"),
        ("javascript:alert(1)", "neither http"),
        ("//example.com/", "neither http"),
        ("/page", "neither http"),
        ("http://user:secret@example.com/", "user name"),
        ("http://@example.com/", "user name"),
        ("http://example.com\\@evil.example/", "user name|not a valid"),
        ("http://example.com/a\nb", "not a valid"),
        ("http://example.com/\x00", "not a valid"),
        ("http://example.com/a/%2e%2e/b", "not a valid"),
        ("http://example.com/a/../b", "not a valid"),
        ("http:///page", "not a valid"),
        ("http://exa mple.com/", "not a valid"),
        ("http://example.com:99999/", "not a valid"),
        ("http://[::1/", "not a valid"),
        ("http://a..b/", "not a valid"),
        ("http://example.com/\ud800", "not a valid"),
        ("http://example.com/" + "a" * 3000, "longer than"),
    ],
)
def test_addresses_that_are_refused(url: str, words: str) -> None:
    with pytest.raises(FetchError, match=words):
        check_url(url)


# --- addresses that names stand for --------------------------------------------------------------

CLOSED = """10.0.0.1 172.16.3.4 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 240.0.0.1
255.255.255.255 192.0.2.1 :: fe80::1 fe80::1%eth0 fc00::1 fd00::1 fec0::1 ff02::1 2001:db8::1
::ffff:8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::808:808 64:ff9b:1::1
2002:808:808::1 2001:0:808:808::1""".split()


@pytest.mark.parametrize("allow_loopback", [False, True])
@pytest.mark.parametrize("address", CLOSED)
def test_only_public_addresses_are_asked(
    monkeypatch: pytest.MonkeyPatch, address: str, allow_loopback: bool
) -> None:
    resolve_to(monkeypatch, address)
    with pytest.raises(FetchError, match="only public addresses"):
        checked_addresses("name.example", 80, allow_loopback=allow_loopback)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_is_asked_where_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolve_to(monkeypatch, address)
    assert checked_addresses("name.example", 80, allow_loopback=True)
    with pytest.raises(FetchError, match="allow_loopback"):
        checked_addresses("name.example", 80, allow_loopback=False)


def test_one_closed_address_closes_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    public = ["8.8.8.8", "2606:4700::1"]
    resolve_to(monkeypatch, *public)
    found = checked_addresses("name.example", 80, allow_loopback=False)
    assert [address[0] for *_, address in found] == public
    resolve_to(monkeypatch, *["8.8.4.4"] * 9, "10.0.0.1")
    with pytest.raises(FetchError, match=r"10\.0\.0\.1"):
        checked_addresses("name.example", 80, allow_loopback=False)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]"])
def test_loopback_in_disguise(host: str) -> None:
    with pytest.raises(FetchError, match=r"127\.0\.0\.1|::1"):
        fetched(f"http://{host}/", allow_loopback=False)


def test_a_closed_address_is_never_connected_to(site: Website) -> None:
    with pytest.raises(FetchError, match="only public"):
        fetched(site.url, allow_loopback=False)
    assert site.requests == []


def test_the_address_that_was_checked_is_the_one_that_is_asked(
    site: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is looked up again could mean another address by then (DNS rebinding)."""
    asked = resolve_to(monkeypatch, "127.0.0.1")
    site.pages["/"] = "hello"
    assert fetched(f"http://name.example:{site.port}/").body == b"hello"
    assert asked == ["name.example"]
    assert site.requests[0][1]["host"] == f"name.example:{site.port}"


@pytest.mark.parametrize("name", ["t", "http"])
def test_any_name_may_be_asked(site: Website, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    resolve_to(monkeypatch, "127.0.0.1")
    site.pages["/t?t=t"] = "hello"
    assert fetched(f"http://{name}:{site.port}/t?t=t").body == b"hello"
    assert site.requests[0][1]["host"] == f"{name}:{site.port}"


def test_the_next_address_is_tried(site: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages["/"] = "hello"
    resolve_to(monkeypatch, "127.0.0.2", "127.0.0.1")  # nobody listens at the first
    assert fetched(f"http://name.example:{site.port}/").body == b"hello"


def test_an_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolver(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(fetch.socket, "getaddrinfo", resolver)
    with pytest.raises(FetchError, match=r"name\.example cannot be resolved"):
        fetched("http://name.example/")


# --- answers -------------------------------------------------------------------------------------


def test_a_request_says_who_asks_and_nothing_else(
    site: Website, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    site.pages["/"] = Reply("hello", headers={"Set-Cookie": "a=b"})
    fetched(site.url)
    fetched(site.url)
    names = {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert [set(headers) for _, headers in site.requests] == [names, names]
    version = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]["version"]
    assert site.requests[0][1]["user-agent"] == f"Openbook/{version}"


@pytest.mark.parametrize("length", ["1001", ""])  # "": an answer that does not tell its length
def test_answers_are_bounded_in_size(site: Website, length: str) -> None:
    site.pages["/"] = Reply(b"x" * 1001, headers={"Content-Length": length})
    with pytest.raises(FetchError, match="larger than"):
        fetched(site.url)
    assert len(fetched(site.url, max_bytes=1001).body) == 1001


def test_a_gzip_bomb_is_ended_at_the_limit(site: Website) -> None:
    bomb = gzip.compress(bytes(40_000_000))
    site.pages["/"] = Reply(bomb, headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    with pytest.raises(FetchError, match="larger than 1 MB"):
        fetched(site.url, max_bytes=1_000_000)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 5_000_000


def test_compressed_answers_are_read(site: Website) -> None:
    two_members = gzip.compress(b"hel") + gzip.compress(b"lo")
    for encoding, padding in (("gzip", b""), ("x-gzip", b"\0\0")):
        site.pages["/"] = Reply(two_members + padding, headers={"Content-Encoding": encoding})
        assert fetched(site.url).body == b"hello"
    site.pages["/br"] = Reply(b"x", headers={"Content-Encoding": "br"})
    with pytest.raises(FetchError, match="encoding br"):
        fetched(f"{site.url}/br")
    for broken in (two_members[:-4], b"\x1f\x8b nonsense"):
        with pytest.raises(FetchError, match="gzip"):
            gunzip(broken, 1000)
        site.pages["/"] = Reply(broken, headers={"Content-Encoding": "gzip"})
        with pytest.raises(FetchError, match="gzip data is broken") as caught:
            fetched(site.url)
        assert not caught.value.passing


def test_a_header_may_be_long(site: Website) -> None:
    site.pages["/"] = Reply("hello", headers={"Content-Security-Policy": "a" * 60_000})
    assert fetched(site.url).body == b"hello"


def test_an_answer_cut_short_is_no_answer(site: Website) -> None:
    site.pages["/"] = Reply(b"half", headers={"Content-Length": "8"})
    with pytest.raises(FetchError, match="4 of 8 bytes") as caught:
        fetched(site.url)
    assert caught.value.passing


@pytest.mark.parametrize("status", [403, 404, 410, 206, 429, 503])
def test_other_statuses_are_errors(site: Website, status: int) -> None:
    site.pages["/"] = Reply("no", status=status, headers={"Retry-After": "7"})
    with pytest.raises(FetchError, match=f"answered {status}") as caught:
        fetched(site.url)
    assert caught.value.status == status
    assert caught.value.passing == (status in (429, 503))
    assert caught.value.retry_after_s == 7


def test_other_content_types_are_not_read(site: Website) -> None:
    site.pages["/a.pdf"] = Reply(b"%PDF", headers={"Content-Type": "application/pdf"})
    site.pages["/none"] = Reply(b"?", headers={"Content-Type": ""})
    site.pages["/"] = Reply("hello", headers={"Content-Type": "Text/HTML;charset=utf-8"})
    with pytest.raises(FetchError, match="application/pdf"):
        fetched(f"{site.url}/a.pdf", content_types=("text/html",))
    with pytest.raises(FetchError, match="not given"):
        fetched(f"{site.url}/none", content_types=("text/html",))
    assert fetched(site.url, content_types=("text/html",)).body == b"hello"
    assert fetched(f"{site.url}/a.pdf").body == b"%PDF"


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
    ],
)
def test_a_trickle_is_ended(site: Website, monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    sent: list[float] = []

    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(start)
        for _ in range(100):
            request.wfile.write(b"H")
            sent.append(time.monotonic())
            time.sleep(0.05)

    monkeypatch.setattr(fetch, "TOTAL_TIMEOUT_S", 0.3)
    site.pages["/"] = trickle
    with pytest.raises(FetchError, match=r"more than 0\.3 s"):
        fetched(site.url)
    assert len(sent) < 100


def test_silence_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "CONNECT_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for scheme in ("http", "https"):
            with pytest.raises(FetchError, match=r"no answer within 0\.2 s"):
                fetched(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/")


def test_a_dropped_connection_may_be_tried_again(site: Website) -> None:
    site.pages["/"] = lambda request: request.connection.shutdown(socket.SHUT_RDWR)
    with pytest.raises(FetchError, match="connection failed") as caught:
        fetched(site.url)
    assert caught.value.passing


# --- certificates --------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """For localhost, signed by itself; with its key in one file."""
    if not shutil.which("openssl"):
        pytest.skip("makes its certificate by openssl")
    path = tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(path), "-out", str(tmp_path / "public.pem")]
    subprocess.run([*command.split(), *subject, *files], check=True, capture_output=True)
    path.write_text(path.read_text() + (tmp_path / "public.pem").read_text())
    return path


@pytest.fixture
def tls_port(certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(client, server_side=True) as secure:
                        secure.recv(1000)
                        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                except OSError:
                    client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_certificates_are_verified(
    tls_port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.1")
    fetch._tls_context.cache_clear()
    with pytest.raises(FetchError, match="not trusted") as caught:
        fetched(f"https://localhost:{tls_port}/")
    assert not caught.value.passing
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    fetch._tls_context.cache_clear()
    assert fetched(f"https://localhost:{tls_port}/").body == b"ok"
    with pytest.raises(FetchError, match="not trusted"):
        fetched(f"https://other.example:{tls_port}/")
    fetch._tls_context.cache_clear()
