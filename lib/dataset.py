"""The dataset on disk: rows in every format, a manifest, a card; named after what made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lib.gen import card
from lib.gen.ask.questions import Asked
from lib.gen.formats.files import (
    STANDARD_FORMATS,
    check_formats,
    convert_rows,
    source_of,
    write_converted,
)
from lib.gen.formats.row import SPLITS
from lib.gen.formats.row_files import write_rows
from lib.gen.review.vetting import read_vetted, review_path
from lib.gen.rows import Built
from lib.prompts.student import student_messages
from lib.reading.documents import Skipped
from lib.reading.evaluation_file import EvaluationItem
from lib.records import Chunk, Document, Question, RaftExample, Rejected
from lib.settings import SetupError, portable
from lib.store import (
    artefact_dir,
    building,
    file_sha256,
    fingerprint,
    read_json,
    read_jsonl,
    write_json,
    write_jsonl,
    write_text,
)

EVALUATION_FILE = "evaluation.jsonl"


def write_dataset(
    built: Built,
    *,
    run_name: str,
    documents: Sequence[Document],
    chunks: Sequence[Chunk],
    splits: Mapping[str, str],
    asked: Asked,
    parameters: Mapping[str, Any],
    skipped: Sequence[Skipped] = (),
    dropped: Sequence[Rejected] = (),
    extra_formats: Sequence[str] = (),
    evaluation: Sequence[EvaluationItem] = (),
) -> Path:
    """Write every format into artefacts/datasets/<run_name>-<fingerprint>; returns the folder.

    `parameters` are those that shape the rows (num_distractors, oracle_probability, …): no
    worker counts, no paths. `extra_formats` are written beside the standard ones: some of alpaca,
    sharegpt, preference, triplets. `evaluation` are people's questions, kept as they
    are for 4_eval. A folder that is there already holds the same rows and is kept.

    Raises:
        SetupError: an extra format is unknown.
    """
    check_formats(extra_formats)
    made_of = {
        "documents": {document.id: document.sha256 for document in documents},
        "chunks": fingerprint(chunks),
        "parameters": dict(parameters),
        "prompt": fingerprint(student_messages("{question}", ["{document}"])),
        "teacher": asked.teacher,
        "questions": fingerprint(asked.questions),
        "rows": fingerprint(built.examples),
    }
    if extra_formats:
        made_of["extra_formats"] = list(extra_formats)
    if evaluation:
        made_of["evaluation"] = fingerprint(evaluation)
    target = artefact_dir("datasets", run_name, made_of)
    if target.exists():
        print(f"Already written: {portable(target)}")
        return target
    with building(target) as folder:
        _write_sources(folder, documents, chunks, splits, asked)
        refused = [*dropped, *asked.rejected, *built.rejected]
        write_jsonl(folder / "rejected.jsonl", refused)
        write_every_format(folder, built.examples, refused, extra_formats)
        if evaluation:
            write_jsonl(folder / EVALUATION_FILE, evaluation)
        manifest = {
            "name": target.name,
            "teacher": asked.teacher,
            "parameters": dict(parameters),
            "counts": _counts(built, refused, documents, chunks, splits),
            "skipped": [{"path": skip.path, "reason": skip.reason} for skip in skipped],
            "made_of": made_of,
            "files": file_sums(folder),
        }
        write_json(folder / "manifest.json", manifest)
        write_text(folder / "README.md", card.dataset_card(manifest))
    print(f"Written: {portable(target)}")
    return target


def _write_sources(
    folder: Path,
    documents: Sequence[Document],
    chunks: Sequence[Chunk],
    splits: Mapping[str, str],
    asked: Asked,
) -> None:
    write_jsonl(
        folder / "documents.jsonl",
        (
            {
                "id": document.id,
                "title": document.title,
                "pages": len(document.pages),
                "characters": len(document.text),
                "sha256": document.sha256,
            }
            for document in documents
        ),
    )
    rows = ({**vars(chunk), "split": splits[chunk.id]} for chunk in chunks)
    write_jsonl(folder / "chunks.jsonl", rows)
    write_jsonl(folder / "questions.jsonl", asked.questions)


def write_every_format(
    folder: Path,
    examples: Sequence[RaftExample],
    refused: Sequence[Rejected],
    extra_formats: Sequence[str],
) -> None:
    source = source_of(examples, refused)
    for name in STANDARD_FORMATS:
        rows = convert_rows(source, to=name).rows
        write_rows(folder / name, rows if name != "eval" else {"eval": rows["eval"]})
    for name in extra_formats:
        write_converted(folder / name, convert_rows(source, to=name))


# --- counts --------------------------------------------------------------------------------------


def _counts(
    built: Built,
    refused: Sequence[Rejected],
    documents: Sequence[Document],
    chunks: Sequence[Chunk],
    splits: Mapping[str, str],
) -> dict[str, Any]:
    by_split = {split: [e for e in built.examples if e.split == split] for split in SPLITS}
    return {
        "documents": len(documents),
        "pages": sum(len(document.pages) for document in documents),
        "chunks": dict(sorted(Counter(splits[chunk.id] for chunk in chunks).items())),
        "rows": {split: len(rows) for split, rows in by_split.items()},
        "kinds": {
            split: dict(sorted(Counter(example.kind for example in rows).items()))
            for split, rows in by_split.items()
        },
        "rejected": dict(sorted(Counter(item.gate for item in refused).items())),
        "distractors_turned_down": built.guarded,
    }


def file_sums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}


# --- reading -------------------------------------------------------------------------------------


def read_dataset(dataset_dir: str | Path) -> dict[str, Any]:
    """The manifest of a dataset.

    Raises:
        SetupError: the folder is no dataset.
    """
    path = Path(dataset_dir) / "manifest.json"
    if not path.is_file():
        raise SetupError(
            f"{portable(Path(dataset_dir))} is no dataset: it has no manifest.json. "
            "1_gen.ipynb writes one: run it."
        )
    return read_json(path)


def read_chunks(dataset_dir: str | Path) -> list[Chunk]:
    """Every chunk of the dataset's documents, in their order."""
    rows = read_jsonl(Path(dataset_dir) / "chunks.jsonl")
    return [Chunk(**{key: row[key] for key in Chunk.__dataclass_fields__}) for row in rows]


def read_examples(dataset_dir: str | Path, split: str) -> list[RaftExample]:
    """The rows of one split, as their review left them, if there was one.

    Raises:
        SetupError: the folder is no dataset, or has no such split.
    """
    if split not in SPLITS:
        raise SetupError(f"split = '{split}': expected one of {', '.join(SPLITS)}.")
    if not review_path(dataset_dir).exists():
        return read_written(dataset_dir, split)
    rows = [row for of_split in SPLITS for row in read_written(dataset_dir, of_split)]
    vetted = read_vetted(Path(dataset_dir), rows)
    return [example for example in vetted.examples if example.split == split]


def read_written(dataset_dir: str | Path, split: str) -> list[RaftExample]:
    """The rows of one split, as they were written."""
    read_dataset(dataset_dir)
    folder = Path(dataset_dir)
    chunks = {chunk.id: chunk for chunk in read_chunks(folder)}
    questions = {row["id"]: Question(**row) for row in read_jsonl(folder / "questions.jsonl")}
    return [
        RaftExample(
            id=row["id"],
            kind=row["kind"],
            split=row["split"],
            question=questions[row["id"]],
            oracle=chunks[row["oracle"]["chunk_id"]],
            context=tuple(chunks[place["chunk_id"]] for place in row["context_chunks"]),
            oracle_position=row["oracle_position"],
            label=row["cot_answer"],
            refusal=row.get("refusal", ""),
        )
        for row in read_jsonl(folder / "hf" / f"{split}.jsonl")
    ]
