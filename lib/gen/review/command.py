"""`python -m lib.gen review [DATASET]`: a page on this machine to accept and reject rows."""

import argparse
import getpass
import threading
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any

from lib.dataset import find_dataset
from lib.gen.review.decisions import review_path
from lib.gen.review.figures import estimate, report
from lib.gen.review.page import ASSETS, build_page
from lib.gen.review.review import ORDERS, Review
from lib.local_page import add_page_options, serving_page
from lib.settings import SetupError, portable


def add_command(commands: Any) -> None:
    parser = commands.add_parser(
        "review",
        help="accept and reject a dataset's rows on a local page",
        description="Opens a page on this machine to accept and reject a dataset's rows, and to "
        "pick rows for the evaluation. Decisions are kept beside the dataset, by reviewer. --apply "
        "writes the reviewed dataset, as the page's button does: rows that a reviewer rejects are "
        "left out, and of the others those that one picks move to the evaluation.",
    )
    parser.add_argument(
        "dataset", nargs="?", default="", help="its folder or name; else the latest run's"
    )
    parser.add_argument("--reviewer", default="", metavar="NAME", help="default: your login name")
    parser.add_argument(
        "--order", choices=ORDERS, default=ORDERS[0], help="of the rows on the page (%(default)s)"
    )
    parser.add_argument(
        "--sample", type=int, default=0, metavar="N",
        help="show N rows drawn at random, and estimate the share of wrong rows from them",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of sample and random order (%(default)s)"
    )
    parser.add_argument("--report", action="store_true", help="print the figures, open no page")
    parser.add_argument(
        "--apply", action="store_true", help="write the reviewed dataset, open no page"
    )
    add_page_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C, print the figures, or write the reviewed dataset; 0."""
    folder = find_dataset(options.dataset)
    name = " ".join((options.reviewer or login_name()).split())
    review = Review(folder, name, sample=options.sample, seed=options.seed)
    path = portable(review_path(review.dataset.folder))
    if review.unreadable:
        print(f"{path}: {review.unreadable} unreadable lines are ignored")
    for problem in review.not_applied:
        print(f"{path}: not applied: {problem}")
    if options.report or options.apply:
        print(*report(review), sep="\n")
        if options.apply:
            print(portable(review.write()))
        return 0
    shown = {"order": options.order, "port": options.port, "open_browser": not options.no_browser}
    # Ctrl-C is expected before the line that promises it is printed.
    with serving(review, **shown) as url, suppress(KeyboardInterrupt):
        print(f"Review of {portable(folder)}: {url} (Ctrl-C ends it)", flush=True)
        threading.Event().wait()
    print(f"\nReview ended: {review.summary() or 'no row changes'}; decisions are kept in {path}")
    if said := estimate(review):
        print(said)
    if review.summary():
        print(f"Not written on the page? python -m lib.gen review {folder.name} --apply")
    return 0


def login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:  # a container's user may have none
        raise SetupError("Your login name is not known. Give one: --reviewer NAME.") from error


def serving(
    review: Review, *, order: str = ORDERS[0], **options: Any
) -> AbstractContextManager[str]:
    """Serve the page on loopback, with the options of `serving_page`; yields its address."""
    style = (ASSETS / "page.css").read_text(encoding="utf-8")
    return serving_page(partial(build_page, review, order), style=style, **options)
