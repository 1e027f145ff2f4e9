"""One HTTP exchange with an OpenAI- or Azure-style endpoint, without waiting or retries."""

import asyncio
import ipaddress
import json
import logging
import ssl
import sys
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from lib.endpoints import EndpointSettings, no_address
from lib.engine.faults import Fault, proxy_login, read_body, short
from lib.settings import SetupError, without_secrets

_CONNECT_TIMEOUT_S = 20.0
_ENTRA_SCOPES = {  # by style; the second is that of /openai/v1/
    "azure": "https://cognitiveservices.azure.com/.default",
    "openai": "https://ai.azure.com/.default",
}
_MOST_FILES = 10_240  # macOS refuses more
_SPARE_FILES = 16  # for documents and their workers
_TOKEN_MARGIN_S = 300.0  # a token is renewed this long before it expires
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class Transport:
    """The connections to one endpoint, kept open between requests; an async context manager.

    Bare aiohttp: 0.2 ms of CPU a request where the openai SDK on aiohttp takes 1.2 ms.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._entra = entra_token(settings) if settings.use_entra_id else None

    async def __aenter__(self) -> Self:
        import aiohttp

        self._proxy = proxy_of(self._settings.base_url)
        with_login = "@" in urlsplit(self._settings.base_url).netloc  # aiohttp sends it as Basic
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self._settings.style == "azure" and self._settings.api_key:
            headers["api-key"] = self._settings.api_key
        elif self._settings.api_key and not with_login:
            headers["Authorization"] = f"Bearer {self._settings.api_key}"
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0, ssl=_certificates()),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def post(self, path: str, payload: dict[str, Any]) -> dict[str, Any]:
        """`post("chat/completions", {...})` → the reply's JSON object; errors of `read_body`."""
        import aiohttp

        headers = {}
        if self._entra is not None:
            headers["Authorization"] = f"Bearer {await self._entra.get()}"
        where, response = self._settings.where, None
        url = url_of(self._settings, path)
        try:
            response = await self._session.post(
                url,
                allow_redirects=False,  # else the key goes along, to wherever
                data=aiohttp.BytesPayload(json.dumps(payload).encode()),
                headers=headers,
                proxy=self._proxy,
            )
            body = await response.read()  # it releases the connection, or closes it
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise no_address(where) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise SetupError(
                f"The certificate of the {where} is not trusted: {short(error.certificate_error)}. "
                "If it is your own, name the file of its authority: SSL_CERT_FILE=/path/to/ca.pem."
            ) from error
        except aiohttp.ClientHttpProxyError as error:
            if error.status == 407:
                raise proxy_login(where, short(error.message)) from error
            proxy = without_secrets(self._proxy or "")
            message = f"the proxy {proxy} says {error.status} {short(error.message)}"
            raise Fault(f"the {where} cannot be reached: {message}", kind="unreachable") from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            message = f"the {where} cannot be reached: {short(error).replace(' ssl:default', '')}"
            raise Fault(message, kind="unreachable") from error
        except (aiohttp.ClientError, OSError) as error:
            how = "cut its reply" if response else "broke the connection"
            message = f"the {where} {how}: {short(error) or type(error).__name__}"
            raise Fault(message, kind="cut" if response and response.ok else "server") from error
        return read_body(response.status, response.headers, body, self._settings, url)


def allow_connections(count: int) -> None:
    """Raise this process's limit of open files (256 on macOS), so that so many more can be open."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard % 2**63, _MOST_FILES)  # without a limit it is -1, or all bits
    if soft % 2**63 < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    left = max(soft % 2**63, most) - len(list(Path("/dev/fd").iterdir())) - _SPARE_FILES
    if left < count:
        raise SetupError(
            f"{count} requests at a time need as many open files, and this process may open "
            f"{max(left, 0)} more. Lower concurrency, or raise the limit: ulimit -n {count + 256}."
        )


def url_of(settings: EndpointSettings, path: str) -> str:
    """`chat/completions` → its URL in the endpoint's style."""
    base, _, query = settings.base_url.partition("?")
    if settings.style == "openai":
        return f"{base.rstrip('/')}/{path}" + (f"?{query}" if query else "")
    deployment = f"{base.rstrip('/')}/openai/deployments/{quote(settings.deployment, safe='')}"
    return f"{deployment}/{path}?api-version={settings.api_version}"


def proxy_of(base_url: str) -> str | None:
    """The proxy that the environment names for this host, as curl reads it."""
    parts, proxies = urlsplit(base_url), getproxies()
    host, proxy = parts.hostname, proxies.get(parts.scheme) or proxies.get("all")
    if not host or not proxy or host in LOCAL_HOSTS or proxy_bypass(host):
        return None
    if any(_in_network(host, name.strip()) for name in proxies.get("no", "").split(",")):
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if not proxy.lower().startswith("http"):
        raise SetupError(
            f"The environment names the proxy {without_secrets(proxy)}, and only HTTP proxies are "
            f"supported. Set {parts.scheme.upper()}_PROXY=http://host:port, or NO_PROXY={host}."
        )
    return proxy


def _in_network(host: str, network: str) -> bool:
    """`10.1.2.3` is in `10.0.0.0/8`; a name is in none."""
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _certificates() -> ssl.SSLContext | bool:
    """The machine's certificates, which Python does not find itself on macOS and Windows."""
    if sys.platform in ("darwin", "win32"):
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return True


def entra_token(settings: EndpointSettings) -> "EntraToken":
    return EntraToken(settings.role, _ENTRA_SCOPES[settings.style])


class EntraToken:
    """A bearer token of a service (`scope`) from this machine's login (`az login`, …)."""

    def __init__(self, role: str, scope: str) -> None:
        try:
            from azure.identity import DefaultAzureCredential
        except ImportError as error:
            raise SetupError(
                f"The {role} is set to use Entra ID, which needs the package azure-identity. Run "
                "`pip install azure-identity`, or set a key in place of …OPENAI_USE_ENTRA_ID."
            ) from error
        logging.getLogger("azure.identity").setLevel(logging.ERROR)  # our message says it once
        self._role, self._scope, self._credential = role, scope, DefaultAzureCredential()
        self._token, self._expires = "", 0.0
        self._renewing = asyncio.Lock()

    def get_now(self) -> str:
        return asyncio.run(self.get())

    async def get(self) -> str:
        """A token that stays valid for some minutes; Entra ID is asked once for all requests."""
        from azure.core.exceptions import AzureError

        async with self._renewing:
            if time.time() > self._expires - _TOKEN_MARGIN_S:
                try:
                    fresh = await asyncio.to_thread(self._credential.get_token, self._scope)
                except AzureError as error:
                    raise SetupError(
                        f"Entra ID gives no token for the {self._role}: {short(error)}. Log in "
                        "(`az login`), or set a key in place of …OPENAI_USE_ENTRA_ID."
                    ) from error
                self._token, self._expires = fresh.token, float(fresh.expires_on)
        return self._token
