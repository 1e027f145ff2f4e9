"""Recompute from a dataset's files alone what it promises; nothing here builds rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from lib.dataset import read_dataset
from lib.gen.checks import CHECKS, Check, Files
from lib.gen.formats.row import SPLITS
from lib.settings import SetupError, home, require_path
from lib.store import read_jsonl


def add_command(commands: Any) -> None:
    """The command's arguments; `run` is what it does."""
    parser = commands.add_parser("check", help="recompute a dataset's counts from its files")
    parser.add_argument(
        "dataset", nargs="?", default="", help="its folder or name; else the one in .env.state"
    )
    parser.set_defaults(run=lambda options: 0 if print_check(find_dataset(options.dataset)) else 1)


def find_dataset(name: str = "") -> Path:
    """A dataset's folder, from a path, a name in artefacts/datasets, or the state.

    Raises:
        SetupError: there is none.
    """
    if not name:
        return require_path("DATASET_DIR")
    for folder in (Path(name), home() / name, home() / "artefacts" / "datasets" / name):
        if folder.is_dir():
            return folder
    known = sorted(path.name for path in (home() / "artefacts" / "datasets").glob("[!.]*/"))
    raise SetupError(
        f"No dataset '{name}'. Expected a folder, or one of: {', '.join(known) or 'none made yet'}."
    )


def print_check(folder: Path) -> bool:
    """Print a dataset's counts and checks; True = all hold."""
    lines, checks = check_dataset(folder)
    print(Path(folder).name)
    print(*lines, sep="\n")
    for item in checks:
        print(f"{'ok' if item.passed else 'FAILED':7} {item.name:42} {item.detail}")
    failed = sum(not item.passed for item in checks)
    print(f"{len(checks) - failed} of {len(checks)} checks ok")
    return not failed


def check_dataset(folder: Path) -> tuple[list[str], list[Check]]:
    """Lines of counts, and every check.

    Raises:
        SetupError: the folder is no dataset, or a file of it is missing or broken.
    """
    manifest = read_dataset(folder)
    try:
        rows = [r for split in SPLITS for r in read_jsonl(folder / "hf" / f"{split}.jsonl")]
        chunks = {row["id"]: row for row in read_jsonl(folder / "chunks.jsonl")}
        files = Files(folder, manifest, rows, chunks)
        return _counts(files), [check(files) for check in CHECKS]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"{folder.name} cannot be read ({type(error).__name__}: {error}). "
            "Delete the folder and run 1_gen.ipynb again."
        ) from error


def _counts(files: Files) -> list[str]:
    rejected = Counter(row["gate"] for row in read_jsonl(files.folder / "rejected.jsonl"))
    lines = [f"teacher    {files.manifest['teacher']}", f"accepted   {len(files.rows)} rows"]
    for split in SPLITS:
        kinds = Counter(row["kind"] for row in files.of(split))
        listed = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        lines.append(f"{split:10} {len(files.of(split))} rows ({listed})")
    listed = ", ".join(f"{gate} {count}" for gate, count in rejected.most_common())
    lines.append(f"rejected   {rejected.total()} ({listed or 'none'})")
    return lines
