"""`python -m lib.gen check`: the promises of a dataset, computed again from its files. Texts are
compared as gates and guards compare them (lib/text.py), so that they cannot disagree."""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.dataset import (
    BETWEEN_ORACLES,
    SPLITS,
    Dataset,
    Row,
    chat_row,
    damaged,
    find_dataset,
    oracle_places,
    read_dataset,
)
from lib.duplicates import conflicts
from lib.gen.formats.foreign import import_rows
from lib.gen.formats.rows import oracle_texts
from lib.prompts.student import REFUSAL, Message, parse_answer, student_question
from lib.store import file_sha256
from lib.text import find_quote, holds, one_line

SIGNIFICANCE = 1e-4  # a failed check stops a run, so chance alone must not fail one


@dataclass(frozen=True)
class Check:
    name: str
    passed: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok' if self.passed else 'FAILED':7} {self.name:42} {self.detail}"


@dataclass(frozen=True)
class Files:
    dataset: Dataset
    rows: list[Row]  # hf rows of every split, in the order of SPLITS
    chats: list[list[Message]]  # of the same rows

    @property
    def parameters(self) -> dict[str, Any]:
        return self.dataset.manifest["parameters"]

    def of(self, *splits: str) -> list[Row]:
        return [row for row in self.rows if row["split"] in splits]


def add_command(commands: Any) -> None:
    parser = commands.add_parser("check", help="compute a dataset's counts again from its files")
    parser.add_argument(
        "dataset", nargs="?", default="", help="its folder or name; else the latest run's; "
        "or rows of another tool: a file, or a folder without manifest.json"
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a dataset's counts and checks; 0 = all passed."""
    folder = find_dataset(options.dataset)
    if not (folder / "manifest.json").is_file():  # rows of another tool
        folder = import_rows(folder)
    lines, checks = check_dataset(folder)
    print(folder.name, *lines, *map(str, checks), summary(checks), sep="\n")
    return 0 if all(item.passed for item in checks) else 1


def summary(checks: Sequence[Check]) -> str:
    return f"{sum(item.passed for item in checks)} of {len(checks)} checks ok"


def check_dataset(folder: Path) -> tuple[list[str], list[Check]]:
    """Lines of counts, and every check."""
    dataset = read_dataset(folder)
    try:
        rows = [row for split in SPLITS for row in dataset.rows(split)]
        chats = [messages for split in SPLITS for messages in dataset.chat(split)]
        files = Files(dataset, rows, chats)
        sums, ids = dataset.manifest["files"], Counter(row["id"] for row in rows)
        changed = (name for name, value in sums.items() if file_sha256(folder / name) != value)
        repeated = (row_id for row_id, count in ids.items() if count > 1)
        return _counts(files), [
            _verdict("files have the manifest's checksums", len(sums), changed),
            _verdict("ids are unique", len(rows), repeated),
            *_rows_keep_promises(files),
            *(_oracle_share(files), _place_is_uniform(files), _nothing_leaks(files)),
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(f"{dataset.name} cannot be read ({type(error).__name__}: {error})") from error


def _counts(files: Files) -> list[str]:
    def listed(counts: Counter[str]) -> str:
        return ", ".join(f"{name} {count}" for name, count in counts.most_common())

    teacher = files.dataset.manifest["teacher"]
    lines = [f"teacher    {teacher}", f"accepted   {len(files.rows)} rows"]
    for split in SPLITS:
        kinds = Counter(row["kind"] for row in files.of(split))
        lines.append(f"{split:10} {kinds.total()} rows ({listed(kinds)})")
    rejected = Counter(item.gate for item in files.dataset.rejected)
    return [*lines, f"rejected   {rejected.total()} ({listed(rejected) or 'none'})"]


def _verdict(name: str, count: int, wrong: Iterable[str]) -> Check:
    failed = list(wrong)
    detail = f"{count - len(failed)} of {count}"
    if failed:
        detail += f"; the first that fails: {failed[0]}"
    return Check(name, not failed and count > 0, detail)


# --- each row by itself --------------------------------------------------------------------------


def _rows_keep_promises(files: Files) -> list[Check]:
    rows = zip(files.rows, files.chats, strict=True)
    kept = [(row["id"], _kept(files, row, chat)) for row, chat in rows]
    checks = []
    for promise in kept[0][1] if kept else ():
        checked = [(row_id, right[promise]) for row_id, right in kept if right[promise] is not None]
        wrong = (row_id for row_id, right in checked if not right)
        if checked:  # if all rows refuse, there is no quote
            checks.append(_verdict(promise, len(checked), wrong))
    return checks


def _kept(files: Files, row: Row, chat: list[Message]) -> dict[str, bool | None]:
    """Whether a row keeps each promise; None = the promise is not about such a row."""
    knobs = files.parameters
    chunks, asked = files.dataset.chunk_by_id, files.dataset.question_by_id[row["id"]]
    texts, oracles = row["context"]["sentences"][0], _oracle_ids(row)
    ids = _context_ids(row)
    shown = [oracle in ids for oracle in oracles]
    position = ids.index(oracles[0]) if shown[0] else None
    held = oracle_texts(row)
    refuses, label = row["kind"] == "refuse", row["cot_answer"]
    wanted = (knobs.get("refusal") or REFUSAL) if refuses else asked.cot_answer
    quotes = parse_answer(label).quotes
    reasoning, _, answer = label.rpartition("<ANSWER>:")
    fewer, most = knobs.get("too_few") == "fewer", knobs["num_distractors"] + 1
    least = 1 if fewer else knobs.get("min_distractors", -1) + 1 or most
    documents = str(most) if least == most else f"{least} to {most}"
    if row["split"] == "eval" and not fewer:
        least = most
    verbatim = bool(quotes) and all(any(find_quote(q, text) for text in held) for q in quotes)
    answered = bool(reasoning) and answer.strip() == row["answer"] != ""
    distinct = len(set(ids)) == len(set(map(one_line, texts))) == len(ids)
    agrees = (
        row["instruction"] == student_question(row["question"], texts)
        and chat == chat_row(row)["messages"]
        and texts == [chunks[chunk_id].text for chunk_id in ids]
    )
    of_oracle = (
        list(asked.chunk_ids) == oracles
        and [chunks[oracle].text for oracle in oracles] == held
        and BETWEEN_ORACLES.join(held) == row["oracle_context"]
        and position == row["oracle_position"]
        and set(shown) == {row["kind"] == "oracle"}
        and label == wanted
    )
    distractors = [text for i, text in zip(ids, texts, strict=True) if i not in oracles]
    return {
        "every quote is verbatim in its oracle": None if refuses else verbatim,
        "final answers are present": label == wanted if refuses else answered,
        f"k + 1 = {documents} distinct documents": distinct and least <= len(ids) <= most,
        "instruction, context and formats agree": agrees,
        "labels come from the true oracle": of_oracle,
        "no distractor holds the answer": not any(holds(t, row["answer"]) for t in distractors),
    }


def _oracle_ids(row: Row) -> list[str]:
    return [place["chunk_id"] for place in oracle_places(row)]


def _context_ids(row: Row) -> list[str]:
    return [place["chunk_id"] for place in row["context_chunks"]]


# --- all rows together ---------------------------------------------------------------------------


def _oracle_share(files: Files) -> Check:
    from scipy.special import bdtr, bdtrc  # scipy.stats takes 40 MiB and a second

    knobs = files.parameters
    expected = (1 - knobs["refusal_probability"]) * knobs["oracle_probability"]
    rows = files.of("train", "valid")
    if knobs.get("distractors_per", "question") != "question":  # one draw for all of a chunk
        rows = list({tuple(_oracle_ids(row)): row for row in rows}.values())
    shown = sum(row["kind"] == "oracle" for row in rows)
    tails = bdtr(shown, len(rows), expected), bdtrc(shown - 1, len(rows), expected)
    p_value = min(1.0, 2 * float(min(tails)))  # two-sided
    detail = f"{shown / max(1, len(rows)):.3f}, expected {expected:.3f} (p = {p_value:.3f})"
    return Check("share of training rows with their oracle", p_value >= SIGNIFICANCE, detail)


def _place_is_uniform(files: Files) -> Check:
    from scipy.special import chdtrc

    shown = [row for row in files.rows if row["kind"] == "oracle"]
    # Questions that share a context are one draw, also in rows of another tool.
    rows = list({(*_oracle_ids(row), *_context_ids(row)): row for row in shown}.values())
    counts = Counter(row["oracle_position"] for row in rows)
    places = range(max((len(row["context_chunks"]) for row in rows), default=0))
    expected = [  # in shorter contexts, the later places cannot be drawn
        sum(1 / len(row["context_chunks"]) for row in rows if place < len(row["context_chunks"]))
        for place in places
    ]
    found = [counts[place] for place in places]
    # A damaged row may have its oracle elsewhere; another check names it.
    comparable = len(found) > 1 and sum(found) == len(rows)
    squares = sum((a - b) ** 2 / b for a, b in zip(found, expected, strict=True))
    p_value = float(chdtrc(len(found) - 1, squares)) if comparable else 1.0
    detail = f"{' '.join(map(str, found))} (chi-square p = {p_value:.3f})"
    return Check("the oracle's place is uniform", p_value >= SIGNIFICANCE, detail)


def _nothing_leaks(files: Files) -> Check:
    """No oracle of valid or eval, nor a near duplicate of it, is in a row of train; none of eval in
    one of valid."""

    def used(split: str) -> set[str]:
        return {i for row in files.of(split) for i in (*_oracle_ids(row), *_context_ids(row))}

    asked = {split: {i for row in files.of(split) for i in _oracle_ids(row)} for split in SPLITS}
    held_out = asked["valid"] | asked["eval"]
    same = conflicts(files.dataset.chunks)
    leaks = [
        (chunk_id, oracle)
        for oracles, trained in ((held_out, used("train")), (asked["eval"], used("valid")))
        for oracle in oracles
        for chunk_id in {oracle, *same[oracle]} & trained
    ]
    detail = (
        f"{len(held_out)} oracles of valid and eval against {len(used('train'))} chunks of train"
    )
    if leaks:
        chunk_id, oracle = min(leaks)
        detail += f"; the first that leaks: {oracle} as {chunk_id}"
    return Check("no held-out oracle in a training row", not leaks, detail)
