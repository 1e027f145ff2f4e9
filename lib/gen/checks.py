"""What a dataset promises, each promise recomputed from the files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.gen.chance import binomial_p, chi_square_p
from lib.gen.doubles import doubles
from lib.gen.formats.row import SPLITS, plain_prompt
from lib.prompts.student import REFUSAL, parse_answer
from lib.store import file_sha256, read_jsonl
from lib.text import find_quote, holds

SIGNIFICANCE = 0.01
Row = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One promise of a dataset."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Files:
    """A dataset as it was read."""

    folder: Path
    manifest: Row
    rows: list[Row]  # of every split, in the order of SPLITS
    chunks: dict[str, Row]

    def of(self, *splits: str) -> list[Row]:
        return [row for row in self.rows if row["split"] in splits]


def _verdict(name: str, rows: Sequence[Any], wrong: Iterable[Any]) -> Check:
    failed = [str(item) for item in wrong]
    detail = f"{len(rows) - len(failed)} of {len(rows)}"
    if failed:
        detail += f"; the first that fails: {failed[0]}"
    return Check(name, not failed and bool(rows), detail)


def _ids(rows: Sequence[Row], is_wrong: Callable[[Row], bool]) -> list[str]:
    return [row["id"] for row in rows if is_wrong(row)]


# --- each row by itself --------------------------------------------------------------------------


def _files_are_whole(files: Files) -> Check:
    sums = files.manifest["files"]
    return _verdict(
        "files have the manifest's checksums",
        list(sums),
        (name for name, value in sums.items() if file_sha256(files.folder / name) != value),
    )


def _ids_are_unique(files: Files) -> Check:
    counts = Counter(row["id"] for row in files.rows)
    return _verdict("ids are unique", files.rows, (i for i, count in counts.items() if count > 1))


def _quotes_are_verbatim(files: Files) -> Check:
    def is_wrong(row: Row) -> bool:
        quotes = parse_answer(row["cot_answer"]).quotes
        return not quotes or not all(find_quote(quote, row["oracle_context"]) for quote in quotes)

    answered = [row for row in files.rows if row["kind"] != "refuse"]
    return _verdict("every quote is verbatim in its oracle", answered, _ids(answered, is_wrong))


def _answers_are_present(files: Files) -> Check:
    def is_wrong(row: Row) -> bool:
        if row["kind"] == "refuse":
            return row["cot_answer"] != _refusal(files)
        head, tag, answer = row["cot_answer"].rpartition("<ANSWER>:")
        return not (tag and head and answer.strip()) or answer.strip() != row["answer"]

    return _verdict("final answers are present", files.rows, _ids(files.rows, is_wrong))


def _refusal(files: Files) -> str:
    return files.manifest["parameters"].get("refusal") or REFUSAL


def _documents_are_distinct(files: Files) -> Check:
    most = files.manifest["parameters"]["num_distractors"] + 1
    least = _least_documents(files)

    def is_wrong(row: Row) -> bool:
        ids = {place["chunk_id"] for place in row["context_chunks"]}
        texts = {" ".join(text.split()) for text in row["context"]["sentences"][0]}
        wanted = most if row["split"] == "eval" and not _may_have_fewer(files) else least
        return not (
            len(ids) == len(texts) == len(row["context_chunks"]) and wanted <= len(ids) <= most
        )

    size = str(most) if least == most else f"{least} to {most}"
    return _verdict(f"k + 1 = {size} distinct documents", files.rows, _ids(files.rows, is_wrong))


def _least_documents(files: Files) -> int:
    """Of a training row's context."""
    parameters = files.manifest["parameters"]
    if _may_have_fewer(files):
        return 1
    least = parameters.get("min_distractors", -1)
    return (parameters["num_distractors"] if least == -1 else least) + 1


def _may_have_fewer(files: Files) -> bool:
    return files.manifest["parameters"].get("too_few") == "fewer"


def _instruction_agrees(files: Files) -> Check:
    """The instruction, the context, the chunks and the other formats say the same."""
    chat, completion = (
        [row for split in SPLITS for row in read_jsonl(files.folder / name / f"{split}.jsonl")]
        for name in ("chat", "completion")
    )
    wrong = []
    for row, talk, plain in zip(files.rows, chat, completion, strict=True):
        texts = row["context"]["sentences"][0]
        documents = "".join(f"<DOCUMENT>{text}</DOCUMENT>\n" for text in texts)
        *prompt, label = talk["messages"]
        agrees = (
            row["instruction"] == documents + row["question"] == prompt[-1]["content"]
            and texts == [files.chunks[p["chunk_id"]]["text"] for p in row["context_chunks"]]
            and row["cot_answer"] == label["content"] == plain["completion"]
            and plain["prompt"] == plain_prompt(prompt)
        )
        if not agrees:
            wrong.append(row["id"])
    return _verdict("instruction, context and formats agree", files.rows, wrong)


def _labels_come_from_the_oracle(files: Files) -> Check:
    questions = {row["id"]: row for row in read_jsonl(files.folder / "questions.jsonl")}

    def is_wrong(row: Row) -> bool:
        question, oracle = questions[row["id"]], row["oracle"]["chunk_id"]
        ids = [place["chunk_id"] for place in row["context_chunks"]]
        position = ids.index(oracle) if oracle in ids else None
        label = _refusal(files) if row["kind"] == "refuse" else question["cot_answer"]
        return not (
            question["chunk_id"] == oracle
            and files.chunks[oracle]["text"] == row["oracle_context"]
            and position == row["oracle_position"]
            and (position is not None) == (row["kind"] == "oracle")
            and row["cot_answer"] == label
        )

    return _verdict("labels come from the true oracle", files.rows, _ids(files.rows, is_wrong))


def _distractors_hold_no_answer(files: Files) -> Check:
    def is_wrong(row: Row) -> bool:
        oracle = row["oracle"]["chunk_id"]
        return any(
            place["chunk_id"] != oracle and holds(text, row["answer"])
            for place, text in zip(
                row["context_chunks"], row["context"]["sentences"][0], strict=True
            )
        )

    return _verdict("no distractor holds the answer", files.rows, _ids(files.rows, is_wrong))


# --- all rows together ---------------------------------------------------------------------------


def _oracle_share(files: Files) -> Check:
    parameters = files.manifest["parameters"]
    expected = (1 - parameters["refusal_probability"]) * parameters["oracle_probability"]
    rows = _independent(files, files.of("train", "valid"))
    shown = sum(row["kind"] == "oracle" for row in rows)
    p_value = binomial_p(shown, len(rows), expected)
    detail = f"{shown / max(1, len(rows)):.3f}, expected {expected:.3f} (p = {p_value:.3f})"
    return Check("share of training rows with their oracle", p_value >= SIGNIFICANCE, detail)


def _place_is_uniform(files: Files) -> Check:
    rows = _independent(files, [row for row in files.rows if row["kind"] == "oracle"])
    size = files.manifest["parameters"]["num_distractors"] + 1
    counts = Counter(row["oracle_position"] for row in rows)
    expected = [0.0] * size
    for row in rows:
        shown = len(row["context_chunks"])
        for position in range(shown):
            expected[position] += 1 / shown
    places = [counts[position] for position in range(size)]
    p_value = chi_square_p(places, expected)
    detail = f"{' '.join(map(str, places))} (chi-square p = {p_value:.3f})"
    return Check("the oracle's place is uniform", p_value >= SIGNIFICANCE, detail)


def _independent(files: Files, rows: Sequence[Row]) -> list[Row]:
    """One row of each draw: all questions of a chunk may share one."""
    if files.manifest["parameters"].get("distractors_per") != "chunk":
        return list(rows)
    return list({row["oracle"]["chunk_id"]: row for row in rows}.values())


def _nothing_leaks(files: Files) -> Check:
    """No chunk that a held-out row asks about, nor its double, in a row trained on before."""

    def used(*splits: str) -> set[str]:
        rows = files.of(*splits)
        places = [p for row in rows for p in (row["oracle"], *row["context_chunks"])]
        return {place["chunk_id"] for place in places}

    asked = {split: {row["oracle"]["chunk_id"] for row in files.of(split)} for split in SPLITS}
    leaks = doubles(files.chunks, used("train"), asked["valid"] | asked["eval"])
    leaks += doubles(files.chunks, used("valid"), asked["eval"])
    held_out = sorted(asked["valid"] | asked["eval"])
    detail = (
        f"{len(held_out)} oracles of valid and eval against {len(used('train'))} chunks of train"
    )
    if leaks:
        detail += f"; the first that leaks: {leaks[0][1]} as {leaks[0][0]}"
    return Check("no held-out oracle in a training row", not leaks, detail)


CHECKS: tuple[Callable[[Files], Check], ...] = (
    _files_are_whole,
    _ids_are_unique,
    _quotes_are_verbatim,
    _answers_are_present,
    _documents_are_distinct,
    _instruction_agrees,
    _labels_come_from_the_oracle,
    _distractors_hold_no_answer,
    _oracle_share,
    _place_is_uniform,
    _nothing_leaks,
)
