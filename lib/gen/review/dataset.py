"""A reviewed dataset as a dataset of its own: what training and evaluation read."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from lib.dataset import (
    EVALUATION_FILE,
    file_sums,
    read_dataset,
    read_written,
    write_every_format,
)
from lib.gen import card
from lib.gen.formats.row import SPLITS
from lib.gen.review.vetting import Vetted, read_vetted, review_path
from lib.records import Question, RaftExample, Rejected
from lib.settings import portable
from lib.store import (
    artefact_dir,
    building,
    fingerprint,
    read_jsonl,
    write_json,
    write_jsonl,
    write_text,
)


def reviewed(dataset_dir: str | Path) -> Path:
    """The dataset as its review left it; itself, while no decision changes a row.

    The files of a dataset stay those of its making. A review that changes rows makes another one,
    named after the rows that it leaves, so that what is trained on it gets another name too: in
    every format, and with the rows that the review left out in `rejected.jsonl`.
    """
    folder = Path(dataset_dir)
    if not review_path(folder).exists():
        return folder
    written = [row for split in SPLITS for row in read_written(folder, split)]
    vetted = read_vetted(folder, written)
    if vetted.examples == written:
        return folder
    manifest = read_dataset(folder)
    made_of = {
        **manifest["made_of"],
        "dataset": manifest["name"],
        "rows": fingerprint(vetted.examples),
        "left_out": fingerprint(_left_out(vetted)),
    }
    target = artefact_dir("datasets", manifest["name"].rpartition("-")[0], made_of)
    if not target.exists():
        with building(target) as scratch:
            _write(scratch, folder, vetted, {**manifest, "name": target.name, "made_of": made_of})
    print(f"After review ({vetted.summary()}): {portable(target)}")
    return target


def origin_of(dataset_dir: Path) -> str:
    """The name of the dataset that was reviewed; "" = this one is no reviewed dataset."""
    return read_dataset(dataset_dir)["made_of"].get("dataset", "")


def _write(scratch: Path, folder: Path, vetted: Vetted, manifest: dict[str, Any]) -> None:
    for name in ("documents.jsonl", "chunks.jsonl", EVALUATION_FILE):
        if (folder / name).exists():  # the last only if people wrote questions
            shutil.copyfile(folder / name, scratch / name)
    by_id = {example.id: example.question for example in vetted.examples}
    questions = [Question(**row) for row in read_jsonl(folder / "questions.jsonl")]
    write_jsonl(scratch / "questions.jsonl", [by_id.get(q.id, q) for q in questions])
    gated = [Rejected(**row) for row in read_jsonl(folder / "rejected.jsonl")]
    write_jsonl(scratch / "rejected.jsonl", [*gated, *_left_out(vetted)])
    formats = manifest["made_of"].get("extra_formats", ())
    write_every_format(scratch, vetted.examples, gated, formats)
    manifest["counts"] = _counts(manifest["counts"], vetted)
    manifest["files"] = file_sums(scratch)
    write_json(scratch / "manifest.json", manifest)
    write_text(scratch / "README.md", card.dataset_card(manifest))


def _left_out(vetted: Vetted) -> list[Rejected]:
    """As the gates record what they refuse."""

    def record(row: RaftExample, reason: str) -> Rejected:
        return Rejected(row.id, row.oracle.id, "review", reason, row.question.text, row.label)

    yielded = "its documents hold what a picked evaluation row asks about"
    return [
        *(record(row, "rejected by a reviewer") for row in vetted.rejected),
        *(record(row, yielded) for row in vetted.yielded),
    ]


def _counts(before: dict[str, Any], vetted: Vetted) -> dict[str, Any]:
    kinds = {
        split: Counter(row.kind for row in vetted.examples if row.split == split)
        for split in SPLITS
    }
    refused = Counter(before["rejected"])
    refused["review"] += len(vetted.rejected) + len(vetted.yielded)
    return {
        **before,
        "rows": {split: of_split.total() for split, of_split in kinds.items()},
        "kinds": {split: dict(sorted(of_split.items())) for split, of_split in kinds.items()},
        "rejected": {gate: count for gate, count in sorted(refused.items()) if count},
    }
