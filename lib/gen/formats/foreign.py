"""Rows of other tools in the published RAFT layout, and rows that `convert` wrote: read from their
files and folders, to convert them; and as a dataset of ours, to check and to train on."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from lib.dataset import BETWEEN_ORACLES, SPLITS, Row, oracle_places, write_dataset
from lib.gen.formats import rows as formats
from lib.prompts.student import parse_answer
from lib.reading.tables import iter_records
from lib.records import Chunk, Document, Page, Question, RaftExample, Rejected
from lib.settings import SetupError
from lib.store import fingerprint
from lib.text import find_quote, one_line

PUBLISHED = ("id", "type", "question", "context", "oracle_context", "cot_answer", "instruction")
_TEXTS = ("id", "question", "oracle_context", "cot_answer", "instruction")
BY_PROMPT = (
    "rows in the form of convert's chat, completion, alpaca, sharegpt or preference whose prompt "
    "is a <DOCUMENT>…</DOCUMENT> line for each document and then the question"
)
_SUFFIXES = (".jsonl", ".parquet", ".arrow")  # of a split in several, the first is read
# `train.jsonl`, `validation-00000-of-00002.parquet`
_SPLIT = re.compile(r"(train|val|dev|eval|test)(?:id|idation|uation)?(?![^\W_])")
_PIECE = re.compile(r"-\d+-of-\d+$")


@dataclass(frozen=True)
class LeftOut:
    split: str
    row_id: str
    reason: str


def print_left_out(left_out: Sequence[LeftOut]) -> None:
    reasons = Counter((item.split, item.reason) for item in left_out)
    for (split, reason), count in sorted(reasons.items()):
        print(f"{'left out':10} {split} {count}: {reason}")


def split_of(name: str) -> str:
    """The split that a file or a folder is named after; "" = none."""
    match = _SPLIT.match(name)
    found = match[1] if match else ""
    return {"val": "valid", "dev": "valid", "test": "eval"}.get(found, found)


def read_foreign(path: Path, *, unsaid: str) -> tuple[dict[str, list[Row]], list[LeftOut]]:
    """Usable rows by split (that a row names, else that of its file, else `unsaid`), and the others
    with the reason."""
    rows: dict[str, list[Row]] = {split: [] for split in SPLITS}
    left_out = []
    for found, of_split in read_rows(path).items():
        for number, given in enumerate(of_split, start=1):
            row = formats.published(given, row_id=f"{found or 'row'}/{number}")
            split = split_of(str(given.get("split") or "")) or found or unsaid
            if isinstance(row, str) or (unusable := _unusable(row)):
                reason = row if isinstance(row, str) else unusable
                left_out.append(LeftOut(split, str(given.get("id", number)), reason))
                continue
            row |= {"id": str(row["id"])}
            if "chosen" not in given or row not in rows[split][-1:]:  # a row has several pairs
                rows[split].append(row)
    _find_oracles([row for of_split in rows.values() for row in of_split])
    no_oracle = "its oracle is unknown: it names no chunk, and no document holds its label's quotes"
    for split, of_split in rows.items():
        unknown = [row for row in of_split if row["oracle_context"] is None]
        left_out += [LeftOut(split, row["id"], no_oracle) for row in unknown]
        rows[split] = [row for row in of_split if row["oracle_context"] is not None]
    return rows, left_out


def _find_oracles(rows: Sequence[Row]) -> None:
    """Set an oracle_context that is None: to the text of the chunk that the row names, or to the
    document that holds what the label quotes, of the row or else of any."""
    unknown = [row for row in rows if row["oracle_context"] is None]
    if not unknown:
        return
    texts = list(dict.fromkeys(text for row in rows for text in formats.context_texts(row)))
    lines = "\n".join(map(one_line, texts))
    by_id = {
        place["chunk_id"]: text
        for row in filter(formats.is_ours, rows)
        for place, text in zip(row["context_chunks"], formats.context_texts(row), strict=True)
    }
    for row in unknown:
        quotes = parse_answer(row["cot_answer"]).quotes
        likely = formats.context_texts(row)
        if quotes and (at := lines.find(quotes[0])) >= 0:
            likely = [*likely, texts[lines.count("\n", 0, at)]]
        held = (text for text in likely if quotes and all(find_quote(q, text) for q in quotes))
        ids = [place["chunk_id"] for place in oracle_places(row)] if formats.is_ours(row) else []
        named = BETWEEN_ORACLES.join(by_id[i] for i in ids) if {*ids} <= by_id.keys() else ""
        row["oracle_context"] = named or next(held, None)


def _unusable(row: Row) -> str:
    """Why a row cannot be converted; "" = it can."""
    if missing := [column for column in PUBLISHED if column not in row]:
        return f"it lacks {', '.join(missing)}"
    for column in _TEXTS:
        found = isinstance(row[column], str) and bool(row[column].strip())
        found |= column == "id" and isinstance(row["id"], int)
        found |= column == "oracle_context" and row[column] is None  # it may be found
        if not found:
            return f"{column} is not a text, or is empty"
    context = row["context"]
    sentences = context.get("sentences") if isinstance(context, dict) else None
    texts = sentences[0] if isinstance(sentences, list) and len(sentences) == 1 else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return "context has no sentences of the form [[text, …]]"
    if formats.is_ours(row) and len(row["context_chunks"]) != len(texts):
        return "context_chunks and the sentences of context differ in number"
    return ""


def read_rows(path: Path) -> dict[str, list[Row]]:
    """All rows by split, "" where neither the file nor its folder is named after one:
    `train.jsonl`, `train-00000-of-00002.parquet`, `train/data-00000-of-00001.arrow` (of
    `save_to_disk`)."""
    if path.is_file():
        return {split_of(path.name): _read_file(path)}
    files = sorted(file for pattern in ("*", "*/*") for file in path.glob(pattern))
    files = [file for file in files if file.suffix in _SUFFIXES]
    by_split: dict[str, list[Path]] = {}
    for file in files:
        split = split_of(file.name) or split_of(file.relative_to(path).parts[0])
        by_split.setdefault(split, []).append(file)
    whole = {_PIECE.sub("", file.stem) for file in files}
    if not files or (len(whole) > 1 and set(by_split) == {""}):
        raise SetupError(
            f"{path} holds {len(files)} files of rows, and none is named after a split. Expected "
            f"train.jsonl, valid.jsonl or eval.jsonl, or {', '.join(_SUFFIXES[1:])}. Name one file."
        )
    found = {}
    for split in [name for name in SPLITS if name in by_split] or [""]:
        suffix = min((file.suffix for file in by_split[split]), key=_SUFFIXES.index)
        pieces = [file for file in by_split[split] if file.suffix == suffix]
        found[split] = [row for file in pieces for row in _read_file(file)]
    return found


def _read_file(path: Path) -> list[Row]:
    try:
        rows = []
        for number, row in iter_records(path):
            if not isinstance(row, dict):
                wrong = row if isinstance(row, ValueError) else "it is not a JSON object"
                raise ValueError(f"row {number}: {wrong}")
            rows.append(row)
        return rows
    except (OSError, ValueError, KeyError, TypeError) as error:  # pyarrow's errors are ValueErrors
        raise SetupError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Expected JSON or "
            f"{', '.join(_SUFFIXES)} with the rows of a dataset."
        ) from error


def import_rows(path: Path) -> Path:
    """Write rows of another tool as a dataset, each document a chunk, instructions as our students
    are asked; returns its folder."""
    rows, left_out = read_foreign(path, unsaid="train")
    if not any(rows.values()):
        reason = left_out[0].reason if left_out else "it is empty"
        raise SetupError(
            f"{path} has no row that can be used ({reason}). Give RAFT rows with labels "
            f"({', '.join(PUBLISHED)}), or {BY_PROMPT}. Questions and answers without labels are "
            "for train_file, in 1_gen."
        )
    print_left_out(left_out)
    every = [row for of_split in rows.values() for row in of_split]
    refusal = next((row["refusal"] for row in every if row.get("refusal")), "")
    examples = [_example(row, split, refusal) for split in SPLITS for row in rows[split]]
    oracles = {chunk.id: chunk for example in examples for chunk in example.oracles}
    chunks = oracles | {chunk.id: chunk for e in examples for chunk in e.context}  # with its title
    documents = {
        c.document_id: Document(c.document_id, c.title, c.text, (Page(1, 0, len(c.text)),), "")
        for c in chunks.values()
    }
    kinds = Counter(example.kind for example in examples if example.split != "eval")
    held_out = {chunk.id: example.split for example in examples for chunk in example.oracles}
    return write_dataset(
        examples,
        run_name=path.stem if path.is_file() else path.name,
        documents=list(documents.values()),
        chunks=list(chunks.values()),
        splits=dict.fromkeys(chunks, "train") | held_out,
        questions=[example.question for example in examples],
        rejected=[Rejected(item.row_id, "", "unusable", item.reason) for item in left_out],
        teacher="unknown",
        parameters={
            "num_distractors": max(len(example.context) for example in examples) - 1,
            "too_few": "fewer",
            "oracle_probability": kinds["oracle"] / max(1, kinds["oracle"] + kinds["memorise"]),
            "refusal_probability": kinds["refuse"] / max(1, kinds.total()),
            "refusal": refusal,
        },
    )


def _example(row: Row, split: str, refusal: str) -> RaftExample:
    texts, titles = formats.context_texts(row), (row["context"].get("title") or [[]])[0]
    places = row["context_chunks"] if formats.is_ours(row) else [None] * len(texts)
    of_oracles = oracle_places(row) if formats.is_ours(row) else [None]
    oracle, *more = map(_chunk, formats.oracle_texts(row), repeat(""), of_oracles)
    titles = [*titles, *[""] * len(texts)]  # other tools may leave some out
    context = tuple(map(_chunk, texts, titles, places))
    ids = [chunk.id for chunk in context]
    label, answer = row["cot_answer"], formats.final_answer(row)
    more_ids = tuple(chunk.id for chunk in more)
    question = Question(row["id"], oracle.id, row["question"], label, answer, more_ids)
    return RaftExample(
        *(row["id"], formats.kind_of(row), split, question, oracle, context),
        oracle_position=ids.index(oracle.id) if oracle.id in ids else None,
        label=label,
        refusal=refusal,
        more_oracles=tuple(more),
    )


def _chunk(text: str, title: str, place: Row | None) -> Chunk:
    if place is None:
        name = fingerprint(text)
        return Chunk(f"{name}#0", name, title, 1, 0, len(text), text)
    ends = place["start"], place["end"]
    return Chunk(place["chunk_id"], place["document"], title, place["page"], *ends, text)
