"""The only reader and writer of a dataset folder, which is named after what made it.

    hf/               <split>.jsonl and .parquet: the published RAFT row, then our fields
    chat/             <split>.jsonl and .parquet: the student's prompt and its label as messages
    documents.jsonl   the documents, without their text
    chunks.jsonl      every chunk with its split
    questions.jsonl   questions that passed the gates; rejected.jsonl has the others, with reasons
    evaluation.jsonl  people's questions, if there are any
    manifest.json     counts, parameters, inputs (made_of), the checksum of every file
    README.md         the dataset card

`python -m lib.gen convert` writes every other format.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from lib import store
from lib.dataset_card import dataset_card
from lib.prompts.student import Message, student_instruction, student_messages, student_question
from lib.reading.files.api import API_TYPE, is_api_record
from lib.records import Chunk, Document, Question, RaftExample, Rejected
from lib.settings import SetupError, home, portable, write_text
from lib.state import latest_run, require_path

SPLITS = ("train", "valid", "eval")
BETWEEN_ORACLES = "\n\n"  # in a row's oracle_context

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]  # by split
T = TypeVar("T")


# --- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dataset:
    """A dataset folder; a file is read when it is first needed.

    Every member raises SetupError when its file is missing or damaged.
    """

    folder: Path
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def run_name(self) -> str:
        return self.name.rpartition("-")[0]

    @cached_property
    def chunks(self) -> list[Chunk]:
        """Every chunk, in the order of the documents: the corpus to retrieve from."""
        names = Chunk.__dataclass_fields__
        return list(self._read("chunks.jsonl", lambda row: Chunk(**{n: row[n] for n in names})))

    @cached_property
    def splits(self) -> dict[str, str]:
        """Chunk id → "train", "valid", "eval" or "buffer"."""
        return dict(self._read("chunks.jsonl", lambda row: (row["id"], row["split"])))

    @cached_property
    def questions(self) -> list[Question]:
        return list(self._read("questions.jsonl", lambda row: Question(**row)))

    @cached_property
    def rejected(self) -> list[Rejected]:
        return list(self._read("rejected.jsonl", lambda row: Rejected(**row)))

    @cached_property
    def evaluation(self) -> list[Row]:
        """People's questions (1_gen's eval_file): row, question, answer, more_answers."""
        exist = (self.folder / "evaluation.jsonl").exists()
        return self.records("evaluation") if exist else []

    def records(self, name: str) -> list[Row]:
        return list(self._read(f"{name}.jsonl", dict))

    def rows(self, split: str) -> Iterator[Row]:
        """The `hf` rows of one split."""
        return self._read(f"hf/{split}.jsonl", dict)

    def chat(self, split: str) -> Iterator[list[Message]]:
        """The messages of each `chat` row of one split; the last one is the label."""
        return self._read(f"chat/{split}.jsonl", lambda row: row["messages"])

    def examples(self, *splits: str) -> list[RaftExample]:
        """The rows of these splits as records; of all splits if none is named."""
        if unknown := set(splits) - set(SPLITS):
            raise SetupError(f"split = '{min(unknown)}': expected one of {', '.join(SPLITS)}.")
        return [
            example
            for split in splits or SPLITS
            for example in self._read(f"hf/{split}.jsonl", partial(self._example, split))
        ]

    def first(self, split: str) -> RaftExample:
        if not (examples := self.examples(split)):
            raise SetupError(
                f"{portable(self.folder)} has no {split} rows. Give 1_gen more documents, or that "
                "split a larger share of them, and run 1_gen.ipynb again."
            )
        return examples[0]

    def _example(self, split: str, row: Row) -> RaftExample:
        oracle, *more = (self.chunk_by_id[place["chunk_id"]] for place in oracle_places(row))
        answered, ids = row["cot_answer"], tuple(chunk.id for chunk in more)
        if row["kind"] == "refuse":  # no other row's label differs from the teacher's answer
            answered = self.question_by_id[row["id"]].cot_answer
        return RaftExample(
            id=row["id"],
            kind=row["kind"],
            split=split,
            question=Question(row["id"], oracle.id, row["question"], answered, row["answer"], ids),
            oracle=oracle,
            context=tuple(self.chunk_by_id[place["chunk_id"]] for place in row["context_chunks"]),
            oracle_position=row["oracle_position"],
            label=row["cot_answer"],
            refusal=row.get("refusal", ""),
            more_oracles=tuple(more),
        )

    @cached_property
    def chunk_by_id(self) -> dict[str, Chunk]:
        return {chunk.id: chunk for chunk in self.chunks}

    @cached_property
    def question_by_id(self) -> dict[str, Question]:
        return {question.id: question for question in self.questions}

    def _read(self, file: str, record: Callable[[Row], T]) -> Iterator[T]:
        # One line at a time: the documents in 100,000 rows are a gigabyte, as chunks a tenth.
        path, number = self.folder / file, 0
        try:
            with path.open(encoding="utf-8", newline="\n") as lines:
                for line in lines:
                    number += 1
                    if line != "\n":
                        yield record(json.loads(line))
        except FileNotFoundError as error:
            raise SetupError(
                f"{portable(path)} cannot be read (it is missing): the dataset is damaged, or its "
                "folder holds no RAFT rows (plain pairs of dataset_kind: qa are none). Name "
                "another, or run 1_gen.ipynb again."
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            place = f"{portable(path)}, line {number}," if number else portable(path)
            raise damaged(f"{place} cannot be read ({type(error).__name__}: {error})") from error


class _Manifest(dict[str, Any]):
    """Raises SetupError for a key that a damaged manifest lacks."""

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._path = path

    def __missing__(self, key: str) -> Any:
        raise damaged(f"{portable(self._path)} has no “{key}”")


def read_dataset(folder: str | Path) -> Dataset:
    path = Path(folder) / "manifest.json"
    if not path.is_file():
        raise SetupError(
            f"{portable(Path(folder))} is not a dataset: it has no manifest.json. "
            "1_gen.ipynb writes one: run it. Of rows of another tool, "
            "python -m lib.gen check PATH makes one."
        )
    try:
        manifest = store.read_json(path)
        if not isinstance(manifest, dict):
            raise ValueError(f"a {type(manifest).__name__}, not an object")
        return Dataset(Path(folder), _Manifest(path, manifest))
    except ValueError as error:
        raise damaged(f"{portable(path)} cannot be read ({error})") from error


def damaged(what: str) -> SetupError:
    return SetupError(
        f"{what}. The dataset is damaged: delete its folder and run 1_gen.ipynb again."
    )


def find_dataset(name: str = "") -> Path:
    """A dataset's folder, or another tool's rows, from a path or a name in artefacts/datasets;
    "" = the latest run's."""
    if not name:
        return require_path("DATASET_DIR", latest_run())
    datasets_dir = home() / "artefacts" / "datasets"
    for path in (Path(name), home() / name, datasets_dir / name):
        if path.exists():
            return path
    known = sorted(path.name for path in datasets_dir.glob("[!.]*/"))
    raise SetupError(
        f"No dataset '{name}'. Expected a folder, or one of: {', '.join(known) or 'none made yet'}."
    )


# --- rows ----------------------------------------------------------------------------------------


def hf_row(example: RaftExample) -> Row:
    """The row that the published RAFT tools read, then our fields."""
    texts = [chunk.text for chunk in example.context]
    row = {
        "id": example.id,
        "type": API_TYPE if is_api_record(example.oracle.text) else "general",
        "question": example.question.text,
        "context": {"title": [[chunk.title for chunk in example.context]], "sentences": [texts]},
        "oracle_context": BETWEEN_ORACLES.join(chunk.text for chunk in example.oracles),
        "cot_answer": example.label,
        "instruction": student_question(example.question.text, texts),
        "kind": example.kind,
        "split": example.split,
        "answer": example.question.answer,
        "oracle_position": example.oracle_position,
        "oracle": place_of(example.oracle),
        "context_chunks": [place_of(chunk) for chunk in example.context],
    }
    if example.more_oracles:
        row["more_oracles"] = [place_of(chunk) for chunk in example.more_oracles]
    return row | {"refusal": example.refusal} if example.refusal else row


def oracle_places(row: Row) -> list[Row]:
    """`place_of` each oracle of an `hf` row."""
    return [row["oracle"], *(row.get("more_oracles") or ())]


def place_of(chunk: Chunk) -> Row:
    """Where a chunk comes from, without its text."""
    return {
        "chunk_id": chunk.id,
        "document": chunk.document_id,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
    }


def prompt_messages(row: Row) -> list[Message]:
    """The student's prompt of an `hf` row: in training, evaluation and serving."""
    return [
        {"role": "system", "content": student_instruction(row.get("refusal", ""))},
        {"role": "user", "content": row["instruction"]},
    ]


def chat_row(row: Row) -> Row:
    """An `hf` row as chat messages: the student's prompt and the label."""
    label = {"role": "assistant", "content": row["cot_answer"]}
    return {"messages": [*prompt_messages(row), label]}


# --- writing -------------------------------------------------------------------------------------


def write_dataset(
    examples: Sequence[RaftExample],
    *,
    run_name: str,
    documents: Sequence[Document],
    chunks: Sequence[Chunk],
    splits: Mapping[str, str],  # of each chunk, by its id
    questions: Sequence[Question],
    rejected: Sequence[Rejected],
    teacher: str,
    parameters: Mapping[str, Any],  # those that shape the rows: no worker counts, no paths
    skipped: Sequence[object] = (),  # the path and the reason of each file that was not read
    evaluation: Sequence[object] = (),  # people's questions, for 4_eval
    guarded: Mapping[str, int] | None = None,  # how many distractors were refused, by reason
) -> Path:
    """Write artefacts/datasets/<run_name>-<fingerprint>; returns the folder.

    A folder that is there already holds the same rows and is kept.
    """
    made_of = {
        "documents": {document.id: document.sha256 for document in documents},
        "chunks": store.fingerprint(chunks),
        "parameters": dict(parameters),
        "prompt": store.fingerprint(student_messages("{question}", ["{document}"])),
        "teacher": teacher,
        "questions": store.fingerprint(questions),
        "rows": store.fingerprint(examples),
    }
    if evaluation:
        made_of["evaluation"] = store.fingerprint(evaluation)
    files: dict[str, Sequence[Any]] = {
        "documents": [
            {
                "id": document.id,
                "title": document.title,
                "pages": len(document.pages),
                "characters": len(document.text),
                "sha256": document.sha256,
                "dropped_lines": dict(document.dropped),
            }
            for document in documents
        ],
        "chunks": [{**vars(chunk), "split": splits[chunk.id]} for chunk in chunks],
        "questions": questions,
        "rejected": [vars(item) for item in rejected],
        "evaluation": evaluation,
    }
    return _write_folder(run_name, made_of, examples, files, skipped, guarded or {})


def write_reviewed(
    dataset: Dataset, examples: Sequence[RaftExample], left_out: Sequence[Rejected]
) -> Path:
    """Write the rows that a review left as another dataset; returns its folder."""
    manifest = dataset.manifest
    made_of = {
        **manifest["made_of"],
        "dataset": dataset.name,
        "rows": store.fingerprint(examples),
        "left_out": store.fingerprint(left_out),
    }
    names = ("documents", "chunks", "questions", "rejected")
    files = {name: dataset.records(name) for name in names} | {"evaluation": dataset.evaluation}
    files["rejected"] += map(vars, left_out)
    skipped, guarded = manifest["skipped"], manifest["counts"]["distractors_turned_down"]
    return _write_folder(dataset.run_name, made_of, examples, files, skipped, guarded)


def _write_folder(
    run_name: str,
    made_of: Mapping[str, Any],
    examples: Sequence[RaftExample],
    files: Mapping[str, Sequence[Any]],  # the records of each JSONL file at its top
    skipped: Sequence[object],
    guarded: Mapping[str, int],
) -> Path:
    target = store.artefact_dir("datasets", run_name, made_of)
    if target.exists():
        print(f"Already written: {portable(target)}")
        return target
    with store.building(target) as folder:
        for name, records in files.items():
            if records or name != "evaluation":
                store.write_jsonl(folder / f"{name}.jsonl", records)
        rows: dict[str, list[Row]] = {split: [] for split in SPLITS}
        for example in examples:
            rows[example.split].append(hf_row(example))
        write_rows(folder / "hf", rows)
        write_rows(folder / "chat", {split: list(map(chat_row, rows[split])) for split in SPLITS})
        kinds = {split: Counter(row["kind"] for row in rows[split]) for split in SPLITS}
        counts = {
            "documents": len(files["documents"]),
            "pages": sum(document["pages"] for document in files["documents"]),
            "chunks": _sorted(Counter(chunk["split"] for chunk in files["chunks"])),
            "rows": {split: kinds[split].total() for split in SPLITS},
            "kinds": {split: _sorted(kinds[split]) for split in SPLITS},
            "rejected": _sorted(Counter(item["gate"] for item in files["rejected"])),
            "distractors_turned_down": guarded,
        }
        written = sorted(path for path in folder.rglob("*") if path.is_file())
        manifest = {
            "name": target.name,
            "teacher": made_of["teacher"],
            "parameters": made_of["parameters"],
            "counts": counts,
            "skipped": skipped,
            "dropped_lines": {
                d["id"]: d["dropped_lines"] for d in files["documents"] if d.get("dropped_lines")
            },
            "made_of": made_of,
            "files": {
                path.relative_to(folder).as_posix(): store.file_sha256(path) for path in written
            },
        }
        store.write_json(folder / "manifest.json", manifest)
        write_text(folder / "README.md", dataset_card(manifest))
    print(f"Written: {portable(target)}")
    return target


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def write_rows(
    folder: Path, rows: Rows, *, file_types: Sequence[str] = ("jsonl", "parquet")
) -> None:
    """Write the rows of each split, one schema for all: an empty column keeps its type.

    `file_types`: "jsonl", "parquet", or "arrow" (the folder that `datasets.load_from_disk` takes).
    """
    folder.mkdir(parents=True, exist_ok=True)
    if "jsonl" in file_types:
        for split, of_split in rows.items():
            store.write_jsonl(folder / f"{split}.jsonl", of_split)
    if set(file_types) <= {"jsonl"}:
        return
    import pyarrow
    import pyarrow.parquet

    every = [row for of_split in rows.values() for row in of_split]
    columns = dict.fromkeys(name for row in every for name in row)
    try:
        schema = pyarrow.table({n: [row.get(n) for row in every] for n in columns}).schema
    except pyarrow.ArrowException as error:
        raise SetupError(
            f"The rows do not agree on the type of a column ({error}), and Parquet and arrow need "
            "one type. Convert to jsonl, or change the rows."
        ) from error
    tables = {
        split: pyarrow.Table.from_pylist(list(of_split), schema=schema)
        for split, of_split in rows.items()
    }
    if "parquet" in file_types:
        for split, table in tables.items():
            pyarrow.parquet.write_table(table, folder / f"{split}.parquet")
    if "arrow" in file_types:
        import datasets

        datasets.disable_progress_bars()
        splits = {split: datasets.Dataset(table) for split, table in tables.items()}
        datasets.DatasetDict(splits).save_to_disk(folder)
