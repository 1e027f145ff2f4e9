"""Ask a run's student and baseline in a terminal; their answers with quotes and where these are."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from lib.cli import Parser, run_command
from lib.deploy.conversation import ROLES, Conversation, Part, as_asked, row_of
from lib.engine.faults import short
from lib.parameters import DEFAULT_PARAMETERS, add_parameters, overrides
from lib.progress import Progress, is_terminal
from lib.reading.sources import find_path
from lib.reading.tables import read_table, read_text, text_value
from lib.recipe import Recipe
from lib.settings import CheckFailed, SetupError, portable, write_text
from lib.state import latest_run

_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xlsx")
_MOST_FAILED = 20  # answers to a file of questions, before it is given up


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m lib.deploy.chat", description=__doc__)
    add_options(parser)
    parser.add_argument("--ask", metavar="QUESTION", help="one question; else you are asked for it")
    file: dict[str, Any] = {"type": Path, "metavar": "FILE"}
    said = "one a line, or a table with a column question"
    parser.add_argument("--questions", **file, help=said)
    parser.add_argument("--log", **file, help="their answers, as JSONL; goes on after a kill")
    parser.set_defaults(run=_run)
    return run_command(parser, arguments)


def add_options(parser: Parser) -> None:
    """What `open_conversation` reads."""
    parser.add_argument("run_name", nargs="?", default="", metavar="RUN", help="else the latest")
    add_parameters(parser, default="RUN.yaml, else tiny.yaml,")
    parser.add_argument("--role", choices=ROLES, nargs="+", default=ROLES, help="default: both")
    parser.add_argument("--retrieval", metavar="SETTING", help="such as 'hybrid + rerank'")
    parser.add_argument("--top-k", metavar="N", help="documents that are retrieved")


def open_conversation(options: argparse.Namespace) -> Conversation:
    """The run that is named, with its parameters: -p FILE, else parameters/RUN.yaml if any."""
    is_set = options.file or options.overrides
    run_name = options.run_name or ("" if is_set else latest_run())
    own = DEFAULT_PARAMETERS.with_name(f"{run_name}.yaml")
    given = {"run_name": run_name, "retrieval": options.retrieval, "top_k": options.top_k}
    pairs = [*options.overrides, *([name, value] for name, value in given.items() if value)]
    file = options.file or (own if own.is_file() else None)
    return Conversation(Recipe(**overrides(file, pairs)), options.role)


def _run(options: argparse.Namespace) -> int:
    if bool(options.questions) != bool(options.log):
        raise SetupError("--questions FILE and --log FILE belong together. Give both.")
    questions = read_questions(options.questions) if options.questions else []
    with closing(open_conversation(options)) as conversation:
        if questions:
            answer_file(conversation, questions, options.log)
        elif question := as_asked(options.ask or ""):
            return _answer(conversation, question)
        else:
            with suppress(EOFError):
                print("An empty line ends it.")
                while question := as_asked(input("\n> ")):
                    try:
                        _answer(conversation, question)
                    except SetupError as error:  # a model that retrieval asks; the next may answer
                        print(f"  error   {error}")
    return 0


def _answer(conversation: Conversation, question: str) -> int:
    """Print the answers, on a terminal as they come; 1 = a role failed."""
    [setting, *_], [k, *_] = conversation.recipe.retrieval, conversation.recipe.top_k
    documents, failed = conversation.find(question, setting, k), False
    for role in conversation.roles:
        print(f"\n{role}", flush=True)
        shown = ""
        for parts in conversation.ask(question, documents, role):
            part = parts[role]
            if part.is_last:
                print("\n" * bool(shown), end="")
                print(*(f"  {printable(line)}" for line in lines_of(part)), sep="\n", flush=True)
                failed |= part.answer is None
            elif part.answer and is_terminal(sys.stdout):
                text = printable(part.answer.reply)
                print(text.removeprefix(shown), end="", flush=True)
                shown = text
    return int(failed)


def lines_of(part: Part) -> Iterator[str]:
    """`answer  110 metres`, `quote   “The great slip is …” (Five Boatyards, page 1)`, …"""
    if answer := part.answer:
        if answer.refused:
            yield f"refuses {answer.reply}"
        elif answer.answer is None:
            yield f"reply   {answer.reply}"
            yield "        no final answer"
        else:
            yield f"answer  {answer.answer}"
        yield from (f"quote   “{one.quote}” ({one})" for one in answer.citations)
        if not answer.supported and not answer.refused:
            yield "        no document supports this"
    if part.error:
        yield f"error   {part.error}"


def printable(text: str) -> str:
    """Without what moves a terminal's cursor, colours or renames it: a reply is text."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


# --- a file of questions -------------------------------------------------------------------------


def answer_file(conversation: Conversation, questions: Sequence[str], log: Path) -> None:
    """Append a line for each question and role, in their order, but for those that the log has.

    CheckFailed: some were not answered; they are not in the log.
    """
    recipe = conversation.recipe
    setting, k = recipe.retrieval[0], recipe.top_k[0]
    asked, how = list(dict.fromkeys(questions)), f"{setting}, top {k}"
    done = {(row.get("question"), row.get("role")) for row in _read_log(log) if how in row.values()}
    left = [q for q in asked if any((q, role) not in done for role in conversation.roles)]
    progress = Progress("chat", len(asked), done=len(asked) - len(left))
    failed: list[Part] = []
    pool = ThreadPoolExecutor(recipe.server_concurrency)
    try:
        answered = pool.map(lambda question: conversation.answers(question, setting, k), left)
        for question, (documents, parts) in zip(left, answered, strict=True):
            failed += [part for part in parts if part.answer is None]
            if len(failed) > _MOST_FAILED:
                break
            new = [p for p in parts if p.answer and (question, p.role) not in done]
            append_rows(log, [row_of(question, documents, part, how) for part in new])
            progress.advance()
    finally:
        pool.shutdown(cancel_futures=True)
    progress.close()
    print(f"Written: {portable(log)}")
    if failed:
        raise CheckFailed(
            f"Answers missing: {len(failed)}. The first: {failed[0].error}. Run it again to ask."
        )


def read_questions(given: Path) -> list[str]:
    """`Who lit it?`, one a line; of a table (CSV, JSON, JSONL, XLSX) the column `question`."""
    path = find_path(given) or given
    if path.suffix.lower() in _TABLES:
        names = ("question", "query")
        found = read_table(
            path, lambda _, row: text_value(row, *names), names=names, columns="a question"
        )
    else:
        try:
            found = read_text(path).split("\n")
        except (OSError, ValueError) as error:
            said = f"{path} cannot be read: {short(error)}. Expected a question a line."
            raise SetupError(said) from None
    return [*filter(None, map(as_asked, found))]


def _read_log(path: Path) -> list[dict[str, Any]]:
    """Its rows; a last line that was cut is removed."""
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    try:
        rows = [dict(json.loads(line)) for line in whole.split(b"\n") if line]
    except (ValueError, TypeError) as error:
        raise SetupError(f"{path} is not JSONL ({error}). Name another file.") from None
    if whole != content:
        write_text(path, whole.decode())
    return rows


def append_rows(path: Path, rows: Iterable[Any]) -> None:
    """On the disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    sys.exit(main())
