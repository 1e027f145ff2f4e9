"""A page on this machine to ask a run's student and baseline, with the documents that they get."""

import argparse
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from lib.cli import Parser, run_command
from lib.deploy.chat import add_options, append_rows, open_conversation
from lib.deploy.conversation import ROLES, Conversation, Part, as_asked, row_of
from lib.local_page import add_page_options, serving_page
from lib.settings import SetupError, home
from lib.store import read_jsonl, write_jsonl
from lib.text import divided_at

ASSETS = Path(__file__).parent / "assets"
STYLE = (ASSETS / "chat_page.css").read_text(encoding="utf-8")
_PAGES = Environment(loader=FileSystemLoader(ASSETS), autoescape=True)
_SETTINGS = ("dense", "keywords", "hybrid", "hybrid + rerank", "hybrid + rerank + neighbours")
_MOST_DOCUMENTS, _EXAMPLES = 20, 200
_STOPPED = "<p role=status>Stopped. The replies are finished and kept: ask again to see them.</p>"
_THUMBS = {"up": "The {} is right", "down": "The {} is wrong"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m lib.deploy.chat_page", description=__doc__)
    add_options(parser)
    add_page_options(parser)
    parser.set_defaults(run=_run)
    return run_command(parser, arguments)


def _run(options: argparse.Namespace) -> None:
    shown = {"style": STYLE, "port": options.port, "open_browser": not options.no_browser}
    with (
        closing(open_conversation(options)) as conversation,
        serving_page(partial(build_page, conversation), **shown) as url,
        suppress(KeyboardInterrupt),
    ):
        print(f"Ask run '{conversation.recipe.run_name}': {url} (Ctrl-C ends it)", flush=True)
        threading.Event().wait()


def build_page(conversation: Conversation) -> Any:
    """The page (gradio.Blocks)."""
    import gradio as gr

    recipe, roles = conversation.recipe, conversation.roles
    run_dir = home() / "runs" / recipe.run_name
    chunks = len(conversation.dataset.chunks)
    examples = conversation.examples()[:_EXAMPLES]
    settings = list(dict.fromkeys([*recipe.retrieval, *_SETTINGS]))
    most = min(chunks, max(_MOST_DOCUMENTS, recipe.top_k[0]))
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    with gr.Blocks(title=f"Ask run {recipe.run_name}", analytics_enabled=False) as page:
        gr.HTML(html_of("<h1>{{ name }}: {{ n }} chunks</h1>", name=recipe.run_name, n=chunks))
        question = gr.Textbox(label="Question", autofocus=True, elem_id="question")
        example = gr.Dropdown(examples, value=None, label="Questions of the evaluation")
        with gr.Row():
            setting = gr.Dropdown(settings, value=recipe.retrieval[0], label="Retrieval")
            top_k = gr.Number(
                min(recipe.top_k[0], most), minimum=1, maximum=most, precision=0, label="Documents"
            )
            asked = gr.CheckboxGroup(list(roles), value=list(roles), label="Models")
        send = gr.Button("Ask", variant="primary")
        stop = gr.Button("Stop", visible=False)
        shown = gr.HTML(elem_id="shown", js_on_load=None)
        with gr.Row():
            thumbs = [
                (role, thumb, gr.Button(label.format(role), visible=False, size="sm"))
                for role in roles
                for thumb, label in _THUMBS.items()
            ]
        rows, stops, said = gr.State({}), gr.State([]), gr.HTML(js_on_load=None)
        documents = gr.HTML(elem_id="documents", js_on_load=None)
        buttons = [button for _, _, button in thumbs]

        def shown_if(*visible: bool) -> list[Any]:
            return [gr.Button(visible=one) for one in visible]

        def respond(stops: list[bool], *given: Any) -> Iterator[list[Any]]:
            stops.clear()
            for *html, found in answers(conversation, *given):
                rated = [role in found for role, _, _ in thumbs]
                end = html_of(_STOPPED) if stops else ""
                yield [*html, found, end, *shown_if(*rated, False, True)]
                if end:
                    return

        def save(role: str, thumb: str, found: Mapping[str, Any]) -> str:
            try:
                save_thumb(run_dir, found[role], thumb)
            except (OSError, SetupError) as error:
                return html_of("<p role=alert>{{ said }}</p>", said=error)
            return html_of("<p role=status>Saved: {{ said }}</p>", said=_THUMBS[thumb].format(role))

        example.input(lambda text: text, example, question, **private)
        asking = gr.on(
            [question.submit, send.click],
            respond,
            [stops, question, setting, top_k, asked],
            [shown, documents, rows, said, *buttons, send, stop],
            concurrency_limit=8,
            **private,
        )
        # Only now: a click while the event of the last question is open would be lost.
        asking.then(partial(shown_if, True, False), None, [send, stop], **private)
        stop.click(lambda stops: stops.append(True), stops, None, **private)
        for role, thumb, button in thumbs:
            button.click(partial(save, role, thumb), rows, said, concurrency_id="thumb", **private)
    return page


def answers(
    conversation: Conversation, question: str, setting: str, k: int, roles: Sequence[str]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The answers and the documents as HTML, again and again; at the end the rows for thumbs."""
    question, k = as_asked(question or ""), int(k or 1)
    parts = {role: Part(role) for role in ROLES if role in roles}
    if not (question and parts):
        yield html_of(error="Type a question, and choose a model."), "", {}
        return
    try:
        documents = conversation.find(question, setting, k)
    except SetupError as error:
        yield html_of(error=error), "", {}
        return

    def pieces(document: Any) -> list[str]:
        cited = [c for part in parts.values() if part.answer for c in part.answer.citations]
        quotes = [c.quote for c in cited if c.chunk and c.chunk.id == document.id]
        return divided_at(document.page_content, quotes)

    def drawn() -> tuple[str, str]:
        return html_of(parts=parts.values()), html_of(documents=documents, pieces=pieces)

    yield *drawn(), {}
    for latest in conversation.ask(question, documents, *parts):
        parts = latest
        yield *drawn(), {}
    given = [part for part in parts.values() if part.answer]
    how = f"{setting}, top {k}"
    yield *drawn(), {part.role: row_of(question, documents, part, how) for part in given}


def html_of(template: str = "", **values: Any) -> str:
    """Every text of a model, a document or a user goes through here, and is escaped."""
    made = _PAGES.from_string(template) if template else _PAGES.get_template("chat_page.html")
    return made.render(**values)


def save_thumb(run_dir: Path, row: Mapping[str, Any], thumb: str) -> None:
    """Add it to thumbs.jsonl, and write vetted.jsonl anew: a train_file of what people found right.

    The last thumb on a model's reply to a question counts. Vetted are answers that a document
    supports, one a question.
    """
    given = datetime.now(UTC).isoformat(timespec="seconds")
    append_rows(run_dir / "thumbs.jsonl", [{"thumb": thumb, "time": given, **row}])
    last = {(r["question"], r["role"]): r for r in read_jsonl(run_dir / "thumbs.jsonl")}
    right = [r for r in last.values() if r["thumb"] == "up" and r["answer"] and r["supported"]]
    write_jsonl(run_dir / "vetted.jsonl", {r["question"]: r for r in right}.values())


if __name__ == "__main__":
    sys.exit(main())
