"""`python -m lib.gen review [DATASET]`: a page on this machine to accept and reject rows."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from lib.dataset import find_dataset
from lib.gen.review.page import CSS, build_page, head_html
from lib.gen.review.review import Review, review_path
from lib.settings import SetupError, portable

HOST = "127.0.0.1"
FIRST_PORT = 7860
# Whatever a page or a document says, the browser asks no other host for anything.
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'"
)


def add_command(commands: Any) -> None:
    parser = commands.add_parser(
        "review",
        help="accept and reject a dataset's rows on a local page",
        description="Opens a page on this machine to accept and reject a dataset's rows, and to "
        "pick rows for the evaluation. Decisions are kept beside the dataset; --apply writes the "
        "reviewed dataset, as the page's button does.",
    )
    parser.add_argument(
        "dataset", nargs="?", default="", help="its folder or name; else the latest run's"
    )
    parser.add_argument(
        "--apply", action="store_true", help="write the reviewed dataset, open no page"
    )
    parser.add_argument("--port", type=int, default=0, help=f"default: free, {FIRST_PORT} or later")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C, or write the reviewed dataset; 0."""
    review = Review(find_dataset(options.dataset))
    folder, path = review.dataset.folder, portable(review_path(review.dataset.folder))
    if review.unreadable:
        print(f"{path}: {review.unreadable} unreadable lines are ignored")
    for problem in review.not_applied:
        print(f"{path}: not applied: {problem}")
    if options.apply:
        print(portable(review.write()))
        return 0
    with (
        serving(review, port=options.port, open_browser=not options.no_browser) as url,
        suppress(KeyboardInterrupt),  # before the line that promises it is printed
    ):
        print(f"Review of {portable(folder)}: {url} (Ctrl-C ends it)", flush=True)
        threading.Event().wait()
    print(f"\nReview ended: {review.summary() or 'no row changes'}; decisions are kept in {path}")
    if review.summary():
        print(f"Not written on the page? python -m lib.gen review {folder.name} --apply")
    return 0


@contextmanager
def serving(review: Review, *, port: int = 0, open_browser: bool = False) -> Iterator[str]:
    """Serve the page on loopback; yields its address. port 0 = the first free one from 7860 on."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import gradio as gr
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    page = build_page(review)
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]),
        Middleware(BaseHTTPMiddleware, dispatch=_with_policy),
    ]
    try:
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
            css=CSS.read_text(encoding="utf-8"),
            head=head_html(),
        )
    except (OSError, OverflowError) as error:
        wanted = f"Port {port}" if port else f"Every port from {FIRST_PORT} on"
        raise SetupError(f"{wanted} is taken or is not a port. Give another: --port N.") from error
    try:
        yield url
    finally:
        page.close(verbose=False)


async def _with_policy(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    reply = await call_next(request)
    reply.headers["content-security-policy"] = POLICY
    return reply
