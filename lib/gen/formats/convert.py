"""`python -m lib.gen convert`: a dataset, ours or another tool's, in another format."""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.dataset import SPLITS, Row, Rows, chat_row, find_dataset, read_dataset, write_rows
from lib.gen.formats import rows as formats
from lib.gen.formats.foreign import LeftOut, print_left_out, read_foreign
from lib.records import Rejected
from lib.settings import CheckFailed, SetupError, portable
from lib.store import artefact_dir, building, fingerprint, write_jsonl

FORMATS = ("hf", "chat", "completion", "eval", "alpaca", "sharegpt", "preference", "triplets")
FILE_TYPES = ("jsonl", "parquet", "arrow")
_SHAPE = {"prompt_column": "prompt", "completion_column": "completion", "stop": ""}  # its defaults


@dataclass(frozen=True)
class Source:
    rows: Rows  # hf rows by split
    answers: Mapping[str, str] = field(default_factory=dict)  # the teacher's, by question id
    rejected: Sequence[Rejected] = ()


@dataclass(frozen=True)
class Converted:
    rows: dict[str, list[Row]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    left_out: list[LeftOut] = field(default_factory=list)


def add_command(commands: Any) -> None:
    parser = commands.add_parser("convert", help="write a dataset in another format")
    parser.add_argument(
        "dataset", nargs="?", default="", help="its folder or name, or a file or folder of another "
        "tool's rows; else the latest run's"
    )  # fmt: skip
    parser.add_argument("--to", required=True, choices=FORMATS, help="the format")
    parser.add_argument("--out", help="a new folder; else one in artefacts/converted")
    parser.add_argument("--file-type", choices=FILE_TYPES, default="jsonl", help="default: jsonl")
    only = parser.add_argument_group("only with --to completion")
    only.add_argument("--prompt-column", metavar="NAME", help="default: prompt")
    only.add_argument("--completion-column", metavar="NAME", help="default: completion")
    only.add_argument("--stop", metavar="TEXT", help="ends every completion; default: nothing")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    shape = {name: value for name in _SHAPE if (value := getattr(options, name)) is not None}
    if shape and options.to != "completion":
        given = ", ".join("--" + name.replace("_", "-") for name in shape)
        raise SetupError(f"{given} is for --to completion, not for --to {options.to}. Remove it.")
    target = Path(options.out) if options.out else None
    if target is not None and target.exists():
        raise SetupError(f"{target} is there already. Delete it, or give --out another folder.")
    name, source, unread = read_source(options.dataset, to=options.to)
    converted = convert_rows(source, to=options.to, **shape)
    converted.left_out[:0] = unread
    print(name)
    for label, rows in (("rows", source.rows), (options.to, converted.rows)):
        counts = ", ".join(f"{split} {len(of_split)}" for split, of_split in rows.items())
        print(f"{label:10} {counts}")
    print_left_out(converted.left_out)
    if not any(converted.rows.values()):
        raise CheckFailed("Nothing is written: no row fits.")
    if target is None:
        made_of = {"rows": fingerprint(vars(converted)), "file_type": options.file_type}
        target = artefact_dir("converted", f"{name}-{options.to}", made_of)
        if target.exists():
            print(f"Already written: {portable(target)}")
            return 0
    try:
        with building(target) as folder:
            written = {split: of_split for split, of_split in converted.rows.items() if of_split}
            write_rows(folder, written, file_types=[options.file_type])
            if converted.left_out:
                write_jsonl(folder / "left_out.jsonl", converted.left_out)
    except OSError as error:
        raise SetupError(f"{target} cannot be written ({error}). Give another --out.") from error
    print(f"Written: {portable(target)}")
    return 0


def read_source(name: str, *, to: str) -> tuple[str, Source, list[LeftOut]]:
    """A dataset's name and rows, and the rows of another tool that cannot be used."""
    path = find_dataset(name)
    if (path / "manifest.json").is_file():
        dataset = read_dataset(path)
        rows = {split: list(dataset.rows(split)) for split in SPLITS}
        answers = {question.id: question.cot_answer for question in dataset.questions}
        return path.name, Source(rows, answers, dataset.rejected), []
    # Files that do not name their split are taken for the split that the format needs.
    published, left_out = read_foreign(path, unsaid="eval" if to == "eval" else "train")
    return path.stem if path.is_file() else path.name, Source(published), left_out


def convert_rows(source: Source, *, to: str, **shape: str) -> Converted:
    """The rows in another format, each in its split; `shape`: options of "completion" (_SHAPE)."""
    columns = _SHAPE | shape
    names = columns["prompt_column"], columns["completion_column"]
    if not all(names) or names[0] == names[1]:
        raise SetupError(f"The columns of a completion need two names, not {names}. Change them.")
    refused: dict[str, list[Rejected]] = defaultdict(list)
    for item in source.rejected:
        refused[item.question_id].append(item)
    same = formats.same_texts(source.rows) if to == "triplets" else {}
    fit: dict[str, Callable[[str, Row], Iterable[Row | str]]] = {
        "hf": lambda split, row: [row],
        "chat": lambda split, row: [chat_row(row)],
        "completion": lambda split, row: formats.completion(row, **columns),
        "eval": lambda split, row: formats.evaluation(row, split=split),
        "alpaca": lambda split, row: formats.alpaca(row),
        "sharegpt": lambda split, row: formats.sharegpt(row),
        "preference": lambda split, row: formats.preference(
            row, answer=source.answers.get(row["id"], ""), refused=refused.get(row["id"], ())
        ),
        "triplets": lambda split, row: formats.triplets(row, same=same),
    }
    converted = Converted()
    for split, rows in source.rows.items():
        for row in rows:
            for fitted in fit[to](split, row):
                if isinstance(fitted, str):
                    converted.left_out.append(LeftOut(split, str(row["id"]), fitted))
                else:
                    converted.rows[split].append(fitted)
    return converted
