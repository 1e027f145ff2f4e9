"""A website on loopback, with the faults that websites have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Page = Reply | str | Callable[[BaseHTTPRequestHandler], Reply | str | None]


@dataclass
class Website:
    """What it serves, and what it was asked. A page is a reply, HTML, or a function: of the request
    to a reply, or to None if it wrote to `wfile` itself."""

    pages: dict[str, Page] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        """What was asked for, without robots.txt."""
        return [path for path, _ in self.requests if path != "/robots.txt"]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append((request.path, {k.lower(): v for k, v in request.headers.items()}))
        page = self.pages.get(request.path, Reply(status=404))
        reply = page(request) if callable(page) else page
        if reply is None:
            return
        reply = Reply(reply) if isinstance(reply, str) else reply
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        usual = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body))}
        request.send_response(reply.status)
        for name, value in (usual | dict(reply.headers)).items():
            if value:
                request.send_header(name, value)
        request.end_headers()
        if reply.status != 304:
            request.wfile.write(body)


def redirect(to: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": to})


def html(text: str, *, title: str = "A page") -> str:
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title></head>"
        f"<body><main><h1>{title}</h1><p>{text}</p></main></body></html>"
    )


def urlset(*urls: str) -> str:
    inside = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inside}</urlset>'


def index(*urls: str) -> str:
    inside = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f"<sitemapindex>{inside}</sitemapindex>"


@contextmanager
def website(**settings: Any) -> Iterator[Website]:
    site = Website(**settings)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that hangs up is part of the tests

    server = Server(("127.0.0.1", 0), Handler)
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
