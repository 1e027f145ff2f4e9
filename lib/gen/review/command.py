"""`python -m lib.gen review [DATASET]`: a page on this machine to accept and reject rows."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from lib.dataset import find_dataset
from lib.gen.review.decisions import review_path
from lib.gen.review.page import CSS, build_page, head_html
from lib.gen.review.review import Review
from lib.settings import SetupError, portable

HOST = "127.0.0.1"
FIRST_PORT = 7860
# Whatever a page or a document says, the browser asks no other host for anything.
POLICY = (
    b"default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    b"style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'"
)


def add_command(commands: Any) -> None:
    """The command's arguments; `run` is what it does."""
    parser = commands.add_parser(
        "review",
        help="accept and reject a dataset's rows on a local page",
        description="Opens a page on this machine to accept and reject a dataset's rows, and to "
        "pick rows for the evaluation. Decisions are kept beside the dataset; --apply writes a "
        "dataset with the decisions applied, as the page's button does.",
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
    """Serve the page until Ctrl-C, or write the reviewed dataset; 0.

    Raises:
        SetupError: there is no such dataset, the port is taken, or nothing is to be applied.
    """
    review = Review(find_dataset(options.dataset))
    path = portable(review_path(review.dataset_dir))
    if review.unreadable:
        print(f"{path}: {review.unreadable} unreadable lines are ignored")
    for problem in review.outcome.not_applied:
        print(f"{path}: not applied: {problem}")
    if options.apply:
        print(portable(review.write()))
        return 0
    with (
        serving(review, port=options.port, open_browser=not options.no_browser) as url,
        suppress(KeyboardInterrupt),  # from before the line that promises it
    ):
        print(f"Review of {portable(review.dataset_dir)}: {url} (Ctrl-C ends it)", flush=True)
        threading.Event().wait()
    decided, count = len(review.outcome.decided), len(review.rows.by_id)
    print(f"\nReview ended: {decided} of {count} rows decided, kept in {path}")
    if review.outcome.summary():
        command = f"python -m lib.gen review {review.dataset.name} --apply"
        print(f"Unless you wrote the reviewed dataset on the page, write it now: {command}")
    return 0


@contextmanager
def serving(review: Review, *, port: int = 0, open_browser: bool = False) -> Iterator[str]:
    """Serve the page on loopback; yields its address. port 0 = the first free one from 7860 on.

    Raises:
        SetupError: the port cannot be had.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import gradio as gr
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    page = build_page(review)
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
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
            app_kwargs={"middleware": [hosts, Middleware(_WithPolicy)]},
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


class _WithPolicy:
    """Sends POLICY with every reply (ASGI)."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", POLICY)
                message = {**message, "headers": [*message["headers"], policy]}
            await send(message)

        await self.app(scope, receive, send_with_policy)
