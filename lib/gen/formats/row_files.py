"""Rows ↔ files: JSONL, Parquet, and the folders of `datasets`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.gen.formats.row import SPLITS, Row, Rows
from lib.settings import SetupError
from lib.store import read_jsonl, write_jsonl

FILE_TYPES = ("jsonl", "parquet", "arrow")

_SUFFIXES = (".jsonl", ".json", ".parquet", ".arrow")  # of a split in several, the first is read
# `train.jsonl`, `validation-00000-of-00002.parquet`
_SPLIT = re.compile(r"(train|val|dev|eval|test)(?:id|idation|uation)?(?![^\W_])")


def split_of(name: str) -> str:
    """The split that a file or a folder is named after; "" = none."""
    match = _SPLIT.match(name)
    if match is None:
        return ""
    return {"val": "valid", "dev": "valid", "test": "eval"}.get(match.group(1), match.group(1))


# --- writing -------------------------------------------------------------------------------------


def write_rows(
    folder: Path, rows: Rows, *, file_types: Sequence[str] = ("jsonl", "parquet")
) -> None:
    """`<split>.jsonl` to read, `<split>.parquet`, or the folder that `load_from_disk` takes.

    One schema for all splits: a column that is empty in one of them keeps its type.
    """
    for split, of_split in rows.items():
        if "jsonl" in file_types:
            write_jsonl(folder / f"{split}.jsonl", of_split)
    if {"parquet", "arrow"} & set(file_types):
        tables = _tables(rows)
        if "parquet" in file_types:
            import pyarrow.parquet

            folder.mkdir(parents=True, exist_ok=True)
            for split, table in tables.items():
                pyarrow.parquet.write_table(table, folder / f"{split}.parquet")
        if "arrow" in file_types:
            _save_to_disk(folder, tables)


def _tables(rows: Rows) -> dict[str, Any]:
    import pyarrow

    everything = [row for of_split in rows.values() for row in of_split]
    columns = dict.fromkeys(name for row in everything for name in row)
    try:
        table = pyarrow.table({name: [row.get(name) for row in everything] for name in columns})
    except pyarrow.ArrowException as error:
        raise SetupError(
            f"The rows do not agree on the type of a column ({error}), and Parquet and arrow want "
            "one. Convert to jsonl, or make them agree."
        ) from error
    return {
        split: pyarrow.Table.from_pylist(list(of_split), schema=table.schema)
        for split, of_split in rows.items()
    }


def _save_to_disk(folder: Path, tables: dict[str, Any]) -> None:
    import datasets

    datasets.disable_progress_bars()
    splits = {split: datasets.Dataset(table) for split, table in tables.items()}
    datasets.DatasetDict(splits).save_to_disk(folder)


# --- reading -------------------------------------------------------------------------------------


def read_rows(path: Path) -> dict[str, list[Row]]:
    """Rows by split, "" where it is not said, of a file or of a folder.

    A folder is what `save_to_disk` wrote, or holds `<split>.jsonl` (.json, .parquet, .arrow), in
    one piece or in numbered ones, or a single file.

    Raises:
        SetupError: it cannot be read.
    """
    try:
        if path.is_file():
            return {split_of(path.name): _read_file(path)}
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            return _load_from_disk(path)
        return _read_folder(path)
    except (OSError, ValueError, KeyError, TypeError) as error:  # pyarrow's errors are ValueErrors
        raise SetupError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Expected "
            f"{', '.join(_SUFFIXES)} with a row of a dataset each."
        ) from error


def _read_folder(folder: Path) -> dict[str, list[Row]]:
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    named = [path for path in files if split_of(path.name)]
    if not named and len(files) != 1:
        raise SetupError(
            f"{folder} holds {len(files)} files of rows, and none is named after a split. Expected "
            f"train.jsonl, valid.jsonl or eval.jsonl, or {', '.join(_SUFFIXES[1:])}. Name one file."
        )
    found: dict[str, list[Row]] = {}
    for split in SPLITS if named else ("",):
        pieces = [path for path in files if split_of(path.name) == split]
        suffix = min((path.suffix for path in pieces), key=_SUFFIXES.index, default="")
        rows = [row for path in pieces if path.suffix == suffix for row in _read_file(path)]
        if pieces:
            found[split] = rows
    return found


def _read_file(path: Path) -> list[Row]:
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).to_pylist()
    if path.suffix == ".arrow":
        import datasets

        return datasets.Dataset.from_file(str(path)).to_list()
    rows = read_jsonl(path)
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a line is no JSON object")
    return rows


def _load_from_disk(folder: Path) -> dict[str, list[Row]]:
    import datasets

    loaded = datasets.load_from_disk(str(folder))
    if not isinstance(loaded, datasets.DatasetDict):
        return {"": loaded.to_list()}
    found: dict[str, list[Row]] = {}
    for name, rows in loaded.items():
        found.setdefault(split_of(name), []).extend(rows.to_list())
    return found
