"""The reverse proxies of docs/serving.md, run as they are there, if nginx or Caddy is installed."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from lib.deploy.processes import ServerRecord, free_port
from lib.deploy.server import complete, is_healthy
from lib.endpoints import EndpointSettings
from lib.engine.endpoint import Endpoint, run
from lib.engine.ledger import Ledger
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR
from tests.server import Loopback, serving

NAME, KEY, ENGINE_KEY = "student.example.com", "Sk-1_x" * 6, "ek-2"
RIGHT = {"Authorization": f"Bearer {KEY}"}
CHAT = "/v1/chat/completions"
ALLOWED = {CHAT, "/v1/completions", "/v1/models", "/health"}
MESSAGES = [{"role": "user", "content": "Who keeps the lamp?"}]
CHAT_BODY = {"model": "m", "messages": MESSAGES}

REFUSED = [
    *("/", "/invocations", "/metrics", "/tokenize", "/v1/load_lora_adapter", "/v1/embeddings"),
    *("/v1/models/", "//v1/models", "/v1//models", "/V1/models", "/v1/MODELS", "/v1/models?x=1"),
    *("/v1/%6dodels", "/v1%2fmodels", "/v1/models%0a", "/v1/models;x", "/v1/models%00"),
    *("/v1/../invocations", "/v1/%2e%2e/invocations", "/v1/models/../../invocations"),
    *("/invocations/../v1/models", "/v1/x/%2e%2e/models", "/./v1/models", "/health/../metrics"),
]


def text_of(proxy: str) -> str:
    """The proxy's text in docs/serving.md."""
    docs = (PROJECT_DIR / "docs" / "serving.md").read_text(encoding="utf-8")
    (text,) = re.findall(rf"^```\n(# {proxy}.*?)^```$", docs, re.MULTILINE | re.DOTALL)
    return str(text)


@dataclass
class Engine(Loopback):
    """Answers every route, and keeps what reached it."""

    reached: list[str] = field(default_factory=list)

    def add_routes(self, app: web.Application) -> None:
        app.middlewares.append(self.keep)
        super().add_routes(app)
        app.router.add_route("*", "/{rest:.*}", self.say)

    @web.middleware
    async def keep(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.reached.append(request.raw_path)
        return await handler(request)

    async def say(self, request: web.Request) -> web.Response:
        size = len(await request.read())
        return web.json_response({"key": request.headers.get("Authorization"), "size": size})


# --- without a proxy -----------------------------------------------------------------------------


def test_both_let_the_same_four_routes_through() -> None:
    (listed,) = re.findall(r"@allowed vars \{http\.request\.orig_uri\} (.+)", text_of("Caddyfile"))
    assert set(listed.split()) == ALLOWED
    (pattern,) = re.findall(r'map \$request_uri .* "~(\S+)" 1;', text_of("nginx"))
    assert [path for path in [*ALLOWED, *REFUSED] if re.search(pattern, path)] == list(ALLOWED)


def test_what_we_ask_an_engine_for_is_let_through(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # not on the way to this machine
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(Engine()) as engine:
        record = ServerRecord("student", "t", 0, 1.0, engine.port, "m", "", "log")
        assert is_healthy(record)
        complete(record, MESSAGES, max_tokens=1)
        settings = EndpointSettings("student", "openai", record.base_url, "m", "none")

        async def ask() -> None:
            ledger = Ledger(home_dir / "ledger.sqlite")
            async with Endpoint(settings, Recipe(), ledger=ledger) as endpoint:
                await endpoint.ask(MESSAGES, max_tokens=1)

        run(ask())
    assert engine.reached == ["/health", CHAT, CHAT]
    assert set(engine.reached) <= ALLOWED


# --- the proxies ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proxy:
    """One that runs, and the engine behind it."""

    name: str
    port: int
    trusted: ssl.SSLContext
    engine: Engine

    def send(
        self,
        method: str,
        path: str,
        body: str | bytes | Iterator[bytes] | None = None,
        headers: dict[str, str] = RIGHT,
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.connect()
        connection.sock = self.trusted.wrap_socket(connection.sock, server_hostname=NAME)
        connection.request(method, path, body, headers | {"Host": NAME})
        return connection.getresponse()

    def status(self, path: str, headers: dict[str, str] = RIGHT) -> int:
        return self.send("GET", path, headers=headers).status


@pytest.fixture(scope="module", params=["nginx", "Caddyfile"])
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    with running(request.param, tmp_path_factory.mktemp(request.param), KEY) as proxy:
        yield proxy


@contextmanager
def running(name: str, folder: Path, key: str) -> Iterator[Proxy]:
    """A proxy with a certificate of ours, and this key of clients."""
    start = {"nginx": nginx, "Caddyfile": caddy}[name]
    program, openssl = program_of(start.__name__), program_of("openssl")
    made = [openssl, "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", f"/CN={NAME}"]
    made += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    with serving(Engine()) as engine, (folder / "log").open("wb") as log:
        port = free_port()
        command, told = start(folder, port, engine.port, key)
        process = subprocess.Popen(
            [program, *command], cwd=folder, env=os.environ | told, stdout=log, stderr=log
        )
        try:
            wait_for(process, port, folder)
            trusted = ssl.create_default_context(cafile=folder / "cert.pem")
            yield Proxy(name, port, trusted, engine)
        finally:
            process.kill()  # Caddy would wait for clients
            process.wait()


def program_of(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    return found or pytest.skip(f"{name} is not installed")


Start = tuple[list[str], dict[str, str]]  # arguments, environment


def nginx(folder: Path, port: int, upstream: int, key: str) -> Start:
    """In one process, with folders of its own."""
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/student.pem": f"{folder}/cert.pem",
        "/etc/ssl/student.key": f"{folder}/key.pem",
        "127.0.0.1:8000": f"127.0.0.1:{upstream}",
        "STUDENT_KEY": key,
        "ENGINE_KEY": ENGINE_KEY,
    }
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{name}_temp_path {name};" for name in names)
    text = changed(text_of("nginx"), changes)
    (folder / "conf").write_text(
        "daemon off; master_process off; pid pid; events {}\n"
        f"http {{ access_log off; {folders}\n{text}\n}}\n"
    )
    return ["-p", str(folder), "-c", "conf", "-e", "stderr"], {}


def caddy(folder: Path, port: int, upstream: int, key: str) -> Start:
    """With our certificate in place of one from an authority, and no port but one."""
    changes = {
        f"{NAME} {{": f"{NAME} {{\n    tls {folder}/cert.pem {folder}/key.pem",
        "127.0.0.1:8000": f"127.0.0.1:{upstream}",
    }
    options = ("admin off", "default_bind 127.0.0.1", "auto_https disable_redirects")
    lines = "\n".join([*options, f"https_port {port}"])
    text = changed(text_of("Caddyfile"), changes)
    (folder / "Caddyfile").write_text(f"{{\n{lines}\n}}\n{text}")
    told = {"STUDENT_KEY": key, "ENGINE_KEY": ENGINE_KEY, "HOME": str(folder)}
    told |= {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return ["run", "--config", "Caddyfile", "--adapter", "caddyfile"], told


def changed(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def wait_for(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    while process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    pytest.fail((folder / "log").read_text())


def test_the_four_routes_answer_with_the_key_and_the_engine_gets_its_own(proxy: Proxy) -> None:
    for path in sorted(ALLOWED - {CHAT}):
        assert json.load(proxy.send("GET", path))["key"] == f"Bearer {ENGINE_KEY}"
    reply = json.load(proxy.send("POST", CHAT, json.dumps(CHAT_BODY)))
    assert reply["choices"][0]["message"]["content"]
    assert set(proxy.engine.authorizations) == {f"Bearer {ENGINE_KEY}"}


@pytest.mark.parametrize("path", REFUSED)
def test_no_other_route_reaches_the_engine(proxy: Proxy, path: str) -> None:
    before = len(proxy.engine.reached)
    assert proxy.status(path) in (400, 404)
    assert len(proxy.engine.reached) == before


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", f"Bearer {KEY}x", f"Bearer {KEY.lower()}", KEY, "Bearer *"]
)
def test_without_the_key_nothing_reaches_the_engine(proxy: Proxy, given: str) -> None:
    before = len(proxy.engine.reached)
    headers = {"Authorization": given} if given else {}
    assert {proxy.status(path, headers) for path in ALLOWED} == {401}
    assert len(proxy.engine.reached) == before


def test_caddy_without_a_long_key_lets_nobody_through(tmp_path: Path) -> None:
    for key in ("", KEY[:31]):
        with running("Caddyfile", tmp_path, key) as proxy:
            assert proxy.status("/v1/models", {"Authorization": f"Bearer {key}"}) == 401
            assert not proxy.engine.reached


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_request_is_refused(proxy: Proxy, chunked: bool) -> None:
    def send(size: int) -> http.client.HTTPResponse:
        return proxy.send(
            "POST", "/v1/completions", iter([bytes(size)]) if chunked else bytes(size)
        )

    assert json.load(send(900_000))["size"] == 900_000
    with_its_size = send(2**20 + 1)
    assert with_its_size.status in (413, 502)  # Caddy 2.6 says that the engine broke off
    assert "size" not in with_its_size.read().decode()


def test_a_stream_is_sent_on_as_it_is_written(proxy: Proxy) -> None:
    proxy.engine.half = threading.Event()
    response = proxy.send("POST", CHAT, json.dumps(CHAT_BODY | {"stream": True}))
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.readline().startswith(b"data: ")  # else this waits for the second half
    assert not proxy.engine.half.is_set()
    proxy.engine.half.set()
    assert response.read().endswith(b"data: [DONE]\n\n")


def test_a_stream_that_breaks_off_has_no_end(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy.engine, "fault", lambda number, body: "cut")
    response = proxy.send("POST", CHAT, json.dumps(CHAT_BODY | {"stream": True}))
    try:
        whole = response.read()
        assert proxy.name == "Caddyfile", "Caddy 2.6 ends it as if it were whole"
    except http.client.IncompleteRead as broken:
        whole = broken.partial
    assert whole.startswith(b"data: ")
    assert b"[DONE]" not in whole
