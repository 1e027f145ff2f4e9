"""One GET over http or https, to the very address that was checked; bounded in time and size.

The client is told the addresses: a second look-up of the name could lead to another one (DNS
rebinding). No proxy, cookie, `.netrc` or credential is ever used. Whatever is wrong with a URL or
its answer is a FetchError.
"""

import gzip
import ipaddress
import re
import socket
import ssl
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from lib.engine.faults import retry_after_s, short

USER_AGENT = "Openbook/0.1.0"
CONNECT_TIMEOUT_S = 10.0  # and of each silence after it
TOTAL_TIMEOUT_S = 60.0
MAX_URL_CHARS = 2048
_PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)
# IPv6 ranges that hide an IPv4 address (mapped, NAT64 twice, 6to4, Teredo), and site-local ones.
_HIDING = "::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16 2001::/32 fec0::/10"
_CLOSED = tuple(map(ipaddress.ip_network, _HIDING.split()))


class FetchError(Exception):
    """Why a URL gave nothing; the message can be shown to users."""

    status = 0  # of the answer; 0 = there was none
    retry_after_s: float | None = None  # how long the server asks us to wait

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing  # another attempt may succeed


@dataclass(frozen=True)
class Response:
    """An answer with status 200 or one of REDIRECTS."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes  # decompressed; b"" unless the status is 200


def check_url(url: str, base: str = "") -> str:
    """`HTTPS://Example.com:443/phở 1#top` → `https://example.com/ph%E1%BB%9F%201`

    base: the page that a relative one is on.
    """
    url = url.strip()
    if len(url) > MAX_URL_CHARS:
        raise FetchError(f"its address is longer than {MAX_URL_CHARS:,} characters")
    try:
        parts = urlsplit(urljoin(base, url))
        host = (parts.hostname or "").rstrip(".").encode("idna").decode()
        port = parts.port
        path, query = quoted(parts.path or "/"), quoted(parts.query)
    except ValueError as error:
        raise FetchError(f"it is not a valid URL ({error})") from error
    if parts.scheme not in _PORTS:
        raise FetchError("its address begins with neither http:// nor https://")
    if "@" in parts.netloc:
        raise FetchError("its address holds a user name or password")
    dots = any(segment in (".", "..") for segment in unquote(path).split("/"))
    if dots or not re.fullmatch(r"[\w.:-]+", host) or re.search(r"[\x00-\x1f\x7f\\]", url):
        raise FetchError("it is not a valid URL")
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS[parts.scheme]:
        netloc += f":{port}"
    return f"{parts.scheme}://{netloc}{path}" + (f"?{query}" if query else "")


def quoted(address: str) -> str:
    """`/phở %e1` → `/ph%E1%BB%9F%20%E1`: one form of each path or query."""
    address = quote(address, safe="/%:@!$&'()*+,;=~?")
    return re.sub("%[0-9a-fA-F]{2}", lambda match: match.group().upper(), address)


async def get(
    url: str, *, allow_loopback: bool, max_bytes: int, content_types: Collection[str] = ()
) -> Response:
    """One request, without following redirects; () as content_types means any."""
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult

    parts = urlsplit(url := check_url(url))
    port = parts.port or _PORTS[parts.scheme]
    addresses = checked_addresses(parts.hostname or "", port, allow_loopback=allow_loopback)

    class Checked(AbstractResolver):
        async def resolve(self, host: str, *_: Any, **__: Any) -> list[ResolveResult]:
            return [
                ResolveResult(
                    hostname=host, host=at[0], port=at[1], family=family, proto=protocol, flags=0
                )
                for family, _, protocol, _, at in addresses
            ]

        async def close(self) -> None:
            pass

    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}
    headers["Accept"] = ", ".join(content_types) or "*/*"
    silence = dict.fromkeys(("sock_connect", "sock_read"), CONNECT_TIMEOUT_S)
    limits: dict[str, Any] = {"timeout": aiohttp.ClientTimeout(total=TOTAL_TIMEOUT_S, **silence)}
    limits["max_field_size"] = limits["max_line_size"] = 1 << 16  # policies of sites are long
    connector = aiohttp.TCPConnector(resolver=Checked(), ssl=_tls_context(), force_close=True)
    try:
        async with (
            # aiohttp takes a gzip stream that was cut off for a whole one.
            aiohttp.ClientSession(connector=connector, auto_decompress=False, **limits) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            found = {  # what is not UTF-8 in them is halves of UTF-16 pairs, which nothing encodes
                name.lower(): value.encode(errors="replace").decode()
                for name, value in answer.headers.items()
            }
            _check_answer(answer.status, found, content_types)
            body = bytearray()
            while answer.status == 200 and (piece := await answer.content.readany()):
                body += piece
                if len(body) > max_bytes:
                    raise too_large(max_bytes)
    except aiohttp.ClientConnectorCertificateError as error:
        reason = short(getattr(error.certificate_error, "verify_message", error))
        raise FetchError(f"its certificate is not trusted ({reason})") from error
    except aiohttp.ServerTimeoutError as error:
        raise FetchError(f"no answer within {CONNECT_TIMEOUT_S:g} s", passing=True) from error
    except TimeoutError as error:
        raise FetchError(f"it took more than {TOTAL_TIMEOUT_S:g} s", passing=True) from error
    except (aiohttp.ClientError, OSError) as error:
        raise FetchError(f"the connection failed ({short(error)})", passing=True) from error
    zipped = body and found.get("content-encoding", "").lower() in ("gzip", "x-gzip")
    return Response(answer.status, found, gunzip(body, max_bytes) if zipped else bytes(body))


def checked_addresses(host: str, port: int, *, allow_loopback: bool) -> list[Any]:
    """What getaddrinfo gives for a host; a FetchError if an address of it may not be asked."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"{host} cannot be resolved ({short(error)})", passing=True) from error
    for *_, address in found:
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
        closed = any(ip in network for network in _CLOSED)
        if allow_loopback and ip.is_loopback and not closed:
            continue
        # Several tests: is_global of multicast and tunnels differs between Pythons.
        if closed or not ip.is_global or ip.is_multicast or ip.is_reserved:
            hint = "; allow_loopback opens this one" if ip.is_loopback else ""
            raise FetchError(f"{host} is {ip}, and only public addresses are allowed{hint}")
    return found


def gunzip(data: bytes | bytearray, max_bytes: int) -> bytes:
    """Decompress, keeping at most max_bytes in memory; a FetchError if it is broken or larger."""
    try:
        plain = gzip.GzipFile(fileobj=BytesIO(data)).read(max_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FetchError(f"its gzip data is broken ({short(error)})") from error
    if len(plain) > max_bytes:
        raise too_large(max_bytes)
    return plain


def too_large(max_bytes: int) -> FetchError:
    return FetchError(f"it is larger than {max_bytes / 1e6:g} MB")


def _check_answer(status: int, headers: Mapping[str, str], content_types: Collection[str]) -> None:
    if status not in (200, *REDIRECTS):
        error = FetchError(f"answered {status}", passing=status in (429, 500, 502, 503, 504))
        error.status, error.retry_after_s = status, retry_after_s(headers)
        raise error
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if status == 200 and content_types and content_type not in content_types:
        shown = quoted(content_type)[:60] or "not given"
        raise FetchError(f"its content type is {shown}, which is not read")
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding not in ("gzip", "x-gzip", "identity"):
        raise FetchError(f"its encoding {quoted(encoding)[:60]} is not read")


@cache
def _tls_context() -> ssl.SSLContext:
    import certifi

    context = ssl.create_default_context()  # verifies certificates and names
    context.load_verify_locations(certifi.where())  # some Pythons find no authorities by themselves
    return context
