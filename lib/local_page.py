"""A Gradio page on this machine alone: no other host, no other site's page, no telemetry."""

from __future__ import annotations

import argparse
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from lib.settings import SetupError

HOST = "127.0.0.1"
FIRST_PORT = 7860
# Whatever a page or a document says, the browser asks no other host for anything.
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'"
)


def add_page_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help=f"default: free, {FIRST_PORT} or later")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")


@contextmanager
def _without_network_settings() -> Iterator[None]:
    """gradio asks for its own page, which no proxy reaches; and a proxy for SOCKS, or a file of
    certificates that is gone (conda names one), ends it."""
    names = [n for n in os.environ if n.lower().endswith("_proxy") or n.startswith("SSL_CERT_")]
    before = {name: os.environ.pop(name) for name in names}
    os.environ["no_proxy"] = "*"
    try:
        yield
    finally:
        del os.environ["no_proxy"]
        os.environ |= before


@contextmanager
def serving_page(
    build: Callable[[], Any], *, style: str, port: int = 0, open_browser: bool = False
) -> Iterator[str]:
    """Serve what `build` makes (gradio.Blocks) on loopback, with this CSS; yields its address.

    port 0 = the first free one.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    with _without_network_settings():
        import gradio as gr
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    page = build()
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]),
        Middleware(BaseHTTPMiddleware, dispatch=_with_policy),
    ]
    try:
        with _without_network_settings():
            _, url, _ = page.launch(
                server_name=HOST,
                server_port=port or None,
                share=False,
                inbrowser=open_browser,
                prevent_thread_lock=True,
                quiet=True,
                footer_links=[],
                run_history=False,
                enable_monitoring=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                app_kwargs={"middleware": middleware},
                # The reader's own fonts: the theme's would come from the network.
                theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
                css=style,
            )
    except (OSError, OverflowError) as error:
        wanted = f"Port {port}" if port else f"Every port from {FIRST_PORT} on"
        raise SetupError(f"{wanted} is taken or is not a port. Give another: --port N.") from error
    try:
        yield url
    finally:
        page.close(verbose=False)


async def _with_policy(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    from starlette.responses import PlainTextResponse

    origin = request.headers.get("origin")  # of a page of another site, which may ask, but not read
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        return PlainTextResponse("Only the page itself may ask.", status_code=403)
    reply = await call_next(request)
    reply.headers["content-security-policy"] = POLICY
    return reply
