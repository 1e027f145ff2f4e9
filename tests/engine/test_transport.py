"""Where requests go, and with whose key."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lib.endpoints import EndpointSettings, endpoint_settings
from lib.engine.endpoint import Endpoint, gather_all, run
from lib.engine.faults import Fault
from lib.engine.ledger import Ledger
from lib.engine.sdk import sdk_client
from lib.engine.transport import Transport, proxy_of, url_of
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError
from tests.entra import stand_in
from tests.server import Loopback, error, serve


def azure(server: Loopback, **changed: Any) -> EndpointSettings:
    options = {"api_key": "k-1", "api_version": "2024-10-21", **changed}
    base_url = server.base_url.removesuffix("/v1")
    return EndpointSettings("teacher", "azure", base_url, "gpt 4", **options)


async def ask(settings: EndpointSettings, texts: str = "a") -> list[Any]:
    async with Endpoint(settings, Recipe(max_retries=0), ledger=Ledger()) as endpoint:

        async def one(text: str) -> str:
            messages = [{"role": "user", "content": text}]
            return (await endpoint.ask(messages, max_tokens=9)).text

        return await gather_all(texts, one)


def test_addresses_of_both_styles() -> None:
    ours = EndpointSettings("teacher", "openai", "https://host/v1/", "m", "k")
    assert url_of(ours, "chat/completions") == "https://host/v1/chat/completions"
    queried = EndpointSettings("teacher", "openai", "https://host/v1?api-version=preview", "m", "k")
    assert url_of(queried, "embeddings") == "https://host/v1/embeddings?api-version=preview"
    azures = EndpointSettings("teacher", "azure", "https://host/", "gpt 4/o", "k", "2024-10-21")
    assert url_of(azures, "embeddings") == (
        "https://host/openai/deployments/gpt%204%2Fo/embeddings?api-version=2024-10-21"
    )


def test_each_style_shows_its_key_in_its_own_way() -> None:
    with serve() as server:
        run(ask(EndpointSettings("teacher", "openai", server.base_url, "m", "k-1")))
        run(ask(azure(server)))
        assert server.authorizations == ["Bearer k-1", ""]
        assert server.api_keys == ["", "k-1"]
        assert {body["stream"] for body in server.requests} == {False}  # some stream by default


@pytest.mark.parametrize("base_url", ["no address", "http://", "ftp://127.0.0.1/v1"])
def test_a_base_url_that_is_none_is_a_setup_error(base_url: str) -> None:
    with pytest.raises(SetupError, match="base URL"):
        run(ask(EndpointSettings("teacher", "openai", base_url, "m", "k")))


def test_a_proxy_of_the_environment_is_used_and_no_proxy_is_honoured(
    no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = EndpointSettings("teacher", "openai", "http://teacher.example/v1", "m", "k")
    with serve() as server:
        monkeypatch.setenv("http_proxy", server.base_url.removesuffix("/v1"))
        run(ask(settings))
        assert len(server.requests) == 1  # of an address that does not exist
        monkeypatch.setenv("no_proxy", "teacher.example")
        with pytest.raises(SetupError, match="cannot be reached"):
            run(ask(settings, "b"))
        monkeypatch.delenv("no_proxy")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        run(ask(EndpointSettings("teacher", "openai", server.base_url, "m", "k"), "c"))
        assert len(server.requests) == 2  # this machine needs no proxy


def test_a_proxy_that_wants_a_login_is_named(
    no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def scenario(scheme: str) -> None:
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as proxy:
            port = proxy.sockets[0].getsockname()[1]
            monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{port}")
            await ask(EndpointSettings("teacher", "openai", f"{scheme}://a.example/v1", "m", "k"))

    for scheme in ("http", "https"):
        with pytest.raises(SetupError, match=r"proxy .* wants a login \(407: .*user:password"):
            run(scenario(scheme))


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "proxy:3128"}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://me:secret@proxy:3128"}, "http://me:secret@proxy:3128"),
        ({"ALL_PROXY": "proxy"}, "http://proxy"),
        ({"http_proxy": "proxy"}, None),  # of another scheme
        ({"https_proxy": "proxy", "no_proxy": "10.0.0.0/8, 192.168.1.7"}, None),
        ({"https_proxy": "proxy", "no_proxy": "10.1.2.3"}, None),
        ({"https_proxy": "proxy", "no_proxy": "*"}, None),
        ({"https_proxy": "proxy", "no_proxy": "10.9.0.0/16,host"}, "http://proxy"),
    ],
)
def test_proxies_as_curl_reads_them(
    variables: dict[str, str],
    proxy: str | None,
    no_proxies: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_of("https://10.1.2.3/v1") == proxy


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS4"])
def test_a_socks_proxy_is_refused_clearly(
    scheme: str, no_proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://me:secret@proxy:1080")
    settings = EndpointSettings("teacher", "openai", "https://teacher.example/v1", "m", "k")
    with pytest.raises(SetupError, match=r"only HTTP proxies.*HTTPS_PROXY=http://") as caught:
        run(ask(settings))
    assert "secret" not in str(caught.value)
    with pytest.raises(SetupError, match="only HTTP proxies"):
        sdk_client(settings)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("style", ["openai", "azure"])
def test_a_redirect_is_not_followed_and_its_base_url_is_named(status: int, style: str) -> None:
    with serve() as other:
        to = f"{other.base_url}/chat/completions"
        fault = lambda number, body: error(status, "", Location=to)  # noqa: E731
        with serve(Loopback(fault=fault)) as server:
            openai = EndpointSettings("teacher", "openai", server.base_url, "m", "k-1")
            settings = openai if style == "openai" else azure(server)
            with pytest.raises(SetupError, match=rf"redirects to {other.base_url}\. Set that"):
                run(ask(settings, "abc"))
        assert (other.requests, other.pings) == ([], 0)


def test_a_login_in_the_address_is_sent_and_never_shown() -> None:
    fault = lambda number, body: error(500, "boom") if number > 1 else None  # noqa: E731
    with serve(Loopback(fault=fault)) as server:
        base_url = server.base_url.replace("//", "//me:secret@")
        settings = EndpointSettings("teacher", "openai", base_url, "m", "k-1")
        run(ask(settings))
        assert server.authorizations == ["Basic bWU6c2VjcmV0"]
        with pytest.raises(SetupError, match=r"\*\*\*@127\.0\.0\.1") as caught:
            run(ask(settings, "b"))
        assert "secret" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_named_with_its_remedy(tmp_path: Path) -> None:
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -keyout k -out c"
    if subprocess.run(make.split(), cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip("no openssl here to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")

    async def main() -> None:
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        url = f"https://127.0.0.1:{port}/v1"
        async with server:
            await ask(EndpointSettings("teacher", "openai", url, "m", "k"))

    with pytest.raises(SetupError, match=r"certificate .* not trusted.*SSL_CERT_FILE="):
        run(main())


# --- Entra ID ------------------------------------------------------------------------------------


@pytest.fixture
def entra(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    return stand_in(monkeypatch)


def test_entra_id_gives_one_token_for_all_until_it_expires(entra: SimpleNamespace) -> None:
    with serve() as server:
        run(ask(azure(server, api_key="", use_entra_id=True), "abcdef"))
        assert set(server.authorizations) == {"Bearer token-1"}
        assert set(server.api_keys) == {""}
        entra.life_s = 100.0  # less than the margin: each request needs a new one
        run(ask(azure(server, api_key="", use_entra_id=True), "ghi"))
        assert entra.issued == 4
        with sdk_client(azure(server, api_key="", use_entra_id=True)) as client:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "a"}])
        assert server.authorizations[-1] == "Bearer token-5"
    assert entra.scopes == {"https://cognitiveservices.azure.com/.default"}


def test_a_missing_login_or_package_is_said(
    entra: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve() as server:
        settings = azure(server, api_key="", use_entra_id=True)
        entra.refuses = True
        with pytest.raises(SetupError, match=r"Entra ID gives no token.*az login"):
            run(ask(settings))
        monkeypatch.setitem(sys.modules, "azure.identity", None)
        with pytest.raises(SetupError, match="pip install azure-identity"):
            run(ask(settings))
        assert server.requests == []


def test_entra_id_is_set_in_place_of_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ENDPOINT": "https://us.openai.azure.com",
        "DEPLOYMENT": "gpt-4o",
        "API_VERSION": "2024-10-21",
    }.items():
        monkeypatch.setenv(f"COMPLETION_AZURE_OPENAI_{name}", value)
    with pytest.raises(SetupError, match="COMPLETION_AZURE_OPENAI_API_KEY not set"):
        endpoint_settings("teacher")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "left over")
    monkeypatch.setenv("COMPLETION_AZURE_OPENAI_USE_ENTRA_ID", "true")
    settings = endpoint_settings("teacher")
    assert settings is not None
    assert settings.use_entra_id
    assert settings.api_key == ""


def test_a_refused_token_is_a_setup_error(entra: SimpleNamespace) -> None:
    with (
        serve(Loopback(fault=lambda number, body: error(401, "wrong tenant"))) as server,
        pytest.raises(SetupError, match="wrong tenant"),
    ):
        run(ask(azure(server, api_key="", use_entra_id=True)))


@pytest.mark.parametrize(("status", "kind"), [("200 OK", "cut"), ("500 No", "server")])
def test_of_replies_that_are_cut_an_error_is_not_counted_as_paid(status: str, kind: str) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 9\r\n\r\n{{".encode())
        writer.close()

    async def main() -> str:
        async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            async with Transport(EndpointSettings("teacher", "openai", address, "m")) as transport:
                with pytest.raises(Fault, match="cut its reply") as caught:
                    await transport.post("chat/completions", {})
                return caught.value.kind

    assert asyncio.run(main()) == kind


def test_a_session_is_closed_on_leaving() -> None:
    async def main() -> bool:
        transport = Transport(EndpointSettings("teacher", "openai", "http://127.0.0.1:9", "m"))
        async with transport:
            pass
        return bool(transport._session.closed)

    assert asyncio.run(main())


@pytest.mark.parametrize(
    ("hard", "says"), [(4096, "4096"), (64, "SetupError: 100 requests .*ulimit")]
)
def test_as_many_files_may_be_open_as_there_are_connections(hard: int, says: str) -> None:
    """macOS allows 256; without them documents were left out: "too many open files"."""
    code = (
        "import resource as r; from lib.engine.transport import allow_connections\n"
        f"r.setrlimit(r.RLIMIT_NOFILE, (64, {hard})); allow_connections(100)\n"
        "print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True)
    assert re.search(says, done.stdout + done.stderr)
