"""`python -m lib.gen convert`: a dataset, ours or another tool's, in another format."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lib.dataset import read_examples
from lib.gen.check import find_dataset
from lib.gen.formats.files import FORMATS, Source, convert_rows, source_of, write_converted
from lib.gen.formats.row import SPLITS, Converted, LeftOut, Row, is_ours
from lib.gen.formats.row_files import FILE_TYPES, read_rows, split_of
from lib.records import Rejected
from lib.settings import SetupError, portable
from lib.store import artefact_dir, building, fingerprint, read_jsonl

PUBLISHED = ("id", "type", "question", "context", "oracle_context", "cot_answer", "instruction")
_TEXTS = ("id", "question", "oracle_context", "cot_answer", "instruction")


def add_command(commands: Any) -> None:
    """The command's arguments; `run` is what it does."""
    parser = commands.add_parser(
        "convert",
        help="write a dataset in another format",
        description="A dataset of 1_gen, or rows in the published RAFT layout, in another format.",
    )
    parser.add_argument(
        "dataset",
        nargs="?",
        default="",
        help="its folder or name, or a file or folder of another tool's rows; else the dataset in "
        ".env.state",
    )
    parser.add_argument("--to", required=True, choices=FORMATS, help="the format")
    parser.add_argument("--out", help="a new folder; else one in artefacts/converted")
    parser.add_argument("--file-type", choices=FILE_TYPES, default="jsonl", help="default: jsonl")
    only = parser.add_argument_group("only with --to completion")
    only.add_argument("--prompt-column", metavar="NAME", help="default: prompt")
    only.add_argument("--completion-column", metavar="NAME", help="default: completion")
    only.add_argument("--stop", metavar="TEXT", help="ends every completion; default: nothing")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0: written; 1: no row fits the format, so nothing was.

    Raises:
        SetupError: the dataset cannot be read, or the options contradict each other.
    """
    shape = {
        name: value
        for name in ("prompt_column", "completion_column", "stop")
        if (value := getattr(options, name)) is not None
    }
    if shape and options.to != "completion":
        given = ", ".join("--" + name.replace("_", "-") for name in shape)
        raise SetupError(f"{given} shapes --to completion alone, not --to {options.to}. Leave it.")
    target = Path(options.out) if options.out else None
    if target is not None and target.exists():
        raise SetupError(f"{target} is there already. Delete it, or give --out another folder.")
    name, source, unread = read_source(options.dataset, to=options.to)
    converted = convert_rows(source, to=options.to, **shape)
    converted.left_out[:0] = unread
    _print_counts(name, source, options.to, converted)
    if not any(converted.rows.values()):
        print("Nothing is written: no row fits.", file=sys.stderr)
        return 1
    if target is None:
        made_of = {"rows": fingerprint(vars(converted)), "file_type": options.file_type}
        target = artefact_dir("converted", f"{name}-{options.to}", made_of)
        if target.exists():
            print(f"Already written: {portable(target)}")
            return 0
    try:
        with building(target) as folder:
            write_converted(folder, converted, file_types=[options.file_type])
    except OSError as error:
        raise SetupError(f"{target} cannot be written ({error}). Give another --out.") from error
    print(f"Written: {portable(target)}")
    return 0


def _print_counts(name: str, source: Source, to: str, converted: Converted) -> None:
    print(name)
    print(f"{'rows':10} {_counted(source.rows)}")
    print(f"{to:10} {_counted(converted.rows)}")
    reasons = Counter((item.split, item.reason) for item in converted.left_out)
    for (split, reason), count in sorted(reasons.items()):
        print(f"{'left out':10} {split} {count}: {reason}")


def _counted(rows: Mapping[str, Sequence[Row]]) -> str:
    return ", ".join(f"{split} {len(of_split)}" for split, of_split in rows.items())


# --- reading -------------------------------------------------------------------------------------


def read_source(name: str, *, to: str) -> tuple[str, Source, list[LeftOut]]:
    """A dataset's name and rows, and those of another tool's that cannot be used.

    Raises:
        SetupError: there is no such dataset, or it cannot be read.
    """
    path = Path(name) if name and Path(name).is_file() else find_dataset(name)
    if (path / "manifest.json").is_file():
        return path.name, _read_ours(path), []
    # Published files do not say their split: an evaluation is made of what is given for it.
    rows, left_out = _read_published(path, "eval" if to == "eval" else "train")
    return path.stem if path.is_file() else path.name, Source(rows), left_out


def _read_published(path: Path, unsaid: str) -> tuple[dict[str, list[Row]], list[LeftOut]]:
    """Rows by split: the one that a row names, else its file, else `unsaid`."""
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


def _read_ours(folder: Path) -> Source:
    try:
        examples = [e for split in SPLITS for e in read_examples(folder, split)]
        rejected = [Rejected(**row) for row in read_jsonl(folder / "rejected.jsonl")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"{folder.name} cannot be read ({type(error).__name__}: {error}). "
            "Delete the folder and run 1_gen.ipynb again."
        ) from error
    return source_of(examples, rejected)


def _unusable(row: Row) -> str:
    """Why another tool's row cannot be converted; "" = it can."""
    for column in _TEXTS:
        if not isinstance(row[column], str) or not row[column].strip():
            return f"{column} is no text, or is empty"
    context = row["context"]
    sentences = context.get("sentences") if isinstance(context, dict) else None
    texts = sentences[0] if isinstance(sentences, list) and len(sentences) == 1 else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return "context has no sentences of the form [[text, …]]"
    if is_ours(row) and len(row["context_chunks"]) != len(texts):
        return "context_chunks and the sentences of context differ in number"
    return ""
