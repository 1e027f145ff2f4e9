"""Rows of other tools in the published RAFT layout, from their files and folders."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lib.dataset import SPLITS, Row
from lib.gen.formats.rows import is_ours
from lib.settings import SetupError
from lib.store import read_jsonl

PUBLISHED = ("id", "type", "question", "context", "oracle_context", "cot_answer", "instruction")
_TEXTS = ("id", "question", "oracle_context", "cot_answer", "instruction")
_SUFFIXES = (".jsonl", ".parquet", ".arrow")  # of a split in several, the first is read
# `train.jsonl`, `validation-00000-of-00002.parquet`
_SPLIT = re.compile(r"(train|val|dev|eval|test)(?:id|idation|uation)?(?![^\W_])")
_PIECE = re.compile(r"-\d+-of-\d+$")


@dataclass(frozen=True)
class LeftOut:
    """A row, or a part of one, that does not fit the format."""

    split: str
    row_id: str
    reason: str


def split_of(name: str) -> str:
    """The split that a file or a folder is named after; "" = none."""
    match = _SPLIT.match(name)
    if match is None:
        return ""
    return {"val": "valid", "dev": "valid", "test": "eval"}.get(match.group(1), match.group(1))


def read_foreign(path: Path, *, unsaid: str) -> tuple[dict[str, list[Row]], list[LeftOut]]:
    """Usable rows by split, and the others with the reason.

    The split of a row is the one that it names, else that of its file, else `unsaid`.

    Raises:
        SetupError: the path cannot be read, or a row lacks a column of the layout.
    """
    rows: dict[str, list[Row]] = {split: [] for split in SPLITS}
    left_out = []
    for found, of_split in read_rows(path).items():
        for number, row in enumerate(of_split, start=1):
            if missing := [column for column in PUBLISHED if column not in row]:
                raise SetupError(
                    f"{path}: row {number} of {found or 'the file'} lacks {', '.join(missing)}; it "
                    f"has {', '.join(row) or 'nothing'}. A RAFT row has {', '.join(PUBLISHED)}: "
                    "rename or add them."
                )
            split = split_of(str(row.get("split") or "")) or found or unsaid
            if reason := _unusable(row):
                left_out.append(LeftOut(split, str(row["id"]), reason))
            else:
                rows[split].append(row)
    return rows, left_out


def _unusable(row: Row) -> str:
    """Why a row cannot be converted; "" = it can."""
    for column in _TEXTS:
        if not isinstance(row[column], str) or not row[column].strip():
            return f"{column} is not a text, or is empty"
    context = row["context"]
    sentences = context.get("sentences") if isinstance(context, dict) else None
    texts = sentences[0] if isinstance(sentences, list) and len(sentences) == 1 else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return "context has no sentences of the form [[text, …]]"
    if is_ours(row) and len(row["context_chunks"]) != len(texts):
        return "context_chunks and the sentences of context differ in number"
    return ""


def read_rows(path: Path) -> dict[str, list[Row]]:
    """All rows by split, "" where neither the file nor its folder is named after one.

    `train.jsonl`; `train-00000-of-00002.parquet`; `train/data-00000-of-00001.arrow`, as
    `save_to_disk` of `datasets` writes it.

    Raises:
        SetupError: it cannot be read.
    """
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
    import pyarrow.parquet

    try:
        if path.suffix == ".parquet":
            return pyarrow.parquet.read_table(path).to_pylist()
        if path.suffix == ".arrow":
            with pyarrow.memory_map(str(path)) as file:
                return pyarrow.ipc.open_stream(file).read_all().to_pylist()
        rows = read_jsonl(path)
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("a line is not a JSON object")
        return rows
    except (OSError, ValueError, KeyError, TypeError) as error:  # pyarrow's errors are ValueErrors
        raise SetupError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Expected "
            f"{', '.join(_SUFFIXES)} with a row of a dataset each."
        ) from error
