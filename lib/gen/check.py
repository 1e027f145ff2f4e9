"""`python -m lib.gen check`: what a dataset promises, computed again from its files.

The texts are compared as the gates and the guard of distractors compare them (lib/text.py,
lib/duplicates.py), so that they cannot disagree; tests compare those with other implementations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.dataset import SPLITS, Dataset, Row, chat_row, find_dataset, read_dataset
from lib.duplicates import conflicts
from lib.gen.formats.imported import import_rows
from lib.prompts.student import REFUSAL, parse_answer
from lib.settings import SetupError
from lib.store import file_sha256
from lib.text import find_quote, holds, one_line

SIGNIFICANCE = 0.01


@dataclass(frozen=True)
class Check:
    """One promise of a dataset."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Files:
    """A dataset as it was read."""

    dataset: Dataset
    rows: list[Row]  # hf rows of every split, in the order of SPLITS

    @property
    def parameters(self) -> dict[str, Any]:
        return self.dataset.manifest["parameters"]

    def of(self, *splits: str) -> list[Row]:
        return [row for row in self.rows if row["split"] in splits]

    def label(self, row: Row) -> str:
        """What the row's label has to be."""
        if row["kind"] == "refuse":
            return self.parameters.get("refusal") or REFUSAL
        return self.dataset.question_by_id[row["id"]].cot_answer


def add_command(commands: Any) -> None:
    """The command's arguments; `run` is what it does."""
    parser = commands.add_parser("check", help="compute a dataset's counts again from its files")
    parser.add_argument(
        "dataset", nargs="?", default="", help="its folder or name; else the one in .env.state; "
        "or rows of another tool: a file, or a folder without manifest.json"
    )  # fmt: skip
    parser.set_defaults(run=lambda options: 0 if print_check(_folder(options.dataset)) else 1)


def _folder(name: str) -> Path:
    """The dataset's; rows of another tool become a dataset of ours first."""
    path = Path(name) if name and Path(name).is_file() else find_dataset(name)
    return path if (path / "manifest.json").is_file() else import_rows(path)


def print_check(folder: Path) -> bool:
    """Print a dataset's counts and checks; True = all passed."""
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
        SetupError: the folder is not a dataset, or one of its files is missing or damaged.
    """
    dataset = read_dataset(folder)
    try:
        files = Files(dataset, [row for split in SPLITS for row in dataset.rows(split)])
        return _counts(files), [check(files) for check in CHECKS]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"{dataset.name} cannot be read ({type(error).__name__}: {error}). "
            "Delete the folder and run 1_gen.ipynb again."
        ) from error


def _counts(files: Files) -> list[str]:
    rejected = Counter(item.gate for item in files.dataset.rejected)
    lines = [f"teacher    {files.dataset.manifest['teacher']}"]
    lines += [f"accepted   {len(files.rows)} rows"]
    for split in SPLITS:
        kinds = Counter(row["kind"] for row in files.of(split))
        listed = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        lines.append(f"{split:10} {len(files.of(split))} rows ({listed})")
    listed = ", ".join(f"{gate} {count}" for gate, count in rejected.most_common())
    lines.append(f"rejected   {rejected.total()} ({listed or 'none'})")
    return lines


def _each_row(name: str, rows: Sequence[Row], is_wrong: Callable[[Row], bool]) -> Check:
    return _verdict(name, rows, (row["id"] for row in rows if is_wrong(row)))


def _verdict(name: str, checked: Sequence[Any], wrong: Iterable[str]) -> Check:
    failed = list(wrong)
    detail = f"{len(checked) - len(failed)} of {len(checked)}"
    if failed:
        detail += f"; the first that fails: {failed[0]}"
    return Check(name, not failed and bool(checked), detail)


# --- each row by itself --------------------------------------------------------------------------


def _files_are_whole(files: Files) -> Check:
    sums, folder = files.dataset.manifest["files"], files.dataset.folder
    wrong = (name for name, value in sums.items() if file_sha256(folder / name) != value)
    return _verdict("files have the manifest's checksums", list(sums), wrong)


def _ids_are_unique(files: Files) -> Check:
    counts = Counter(row["id"] for row in files.rows)
    return _verdict("ids are unique", files.rows, (i for i, count in counts.items() if count > 1))


def _quotes_are_verbatim(files: Files) -> Check:
    def is_wrong(row: Row) -> bool:
        quotes = parse_answer(row["cot_answer"]).quotes
        return not quotes or not all(find_quote(quote, row["oracle_context"]) for quote in quotes)

    answered = [row for row in files.rows if row["kind"] != "refuse"]
    return _each_row("every quote is verbatim in its oracle", answered, is_wrong)


def _answers_are_present(files: Files) -> Check:
    def is_wrong(row: Row) -> bool:
        if row["kind"] == "refuse":
            return row["cot_answer"] != files.label(row)
        head, tag, answer = row["cot_answer"].rpartition("<ANSWER>:")
        return not (tag and head and answer.strip()) or answer.strip() != row["answer"]

    return _each_row("final answers are present", files.rows, is_wrong)


def _documents_are_distinct(files: Files) -> Check:
    most = files.parameters["num_distractors"] + 1
    may_have_fewer = files.parameters.get("too_few") == "fewer"
    min_distractors = files.parameters.get("min_distractors", -1)
    # The least of a training row; an eval row always has all.
    least = 1 if may_have_fewer else most if min_distractors == -1 else min_distractors + 1

    def is_wrong(row: Row) -> bool:
        ids = {place["chunk_id"] for place in row["context_chunks"]}
        texts = {one_line(text) for text in row["context"]["sentences"][0]}
        wanted = most if row["split"] == "eval" and not may_have_fewer else least
        return not (
            len(ids) == len(texts) == len(row["context_chunks"]) and wanted <= len(ids) <= most
        )

    size = str(most) if least == most else f"{least} to {most}"
    return _each_row(f"k + 1 = {size} distinct documents", files.rows, is_wrong)


def _instruction_agrees(files: Files) -> Check:
    """The instruction, the context, the chunks and the chat row say the same."""
    wrong = []
    chunks = files.dataset.chunk_by_id
    chats = (messages for split in SPLITS for messages in files.dataset.chat(split))
    for row, messages in zip(files.rows, chats, strict=True):
        texts = row["context"]["sentences"][0]
        documents = "".join(f"<DOCUMENT>{text}</DOCUMENT>\n" for text in texts)
        agrees = (
            row["instruction"] == documents + row["question"]
            and messages == chat_row(row)["messages"]
            and texts == [chunks[place["chunk_id"]].text for place in row["context_chunks"]]
        )
        if not agrees:
            wrong.append(row["id"])
    return _verdict("instruction, context and formats agree", files.rows, wrong)


def _labels_come_from_the_oracle(files: Files) -> Check:
    chunks, questions = files.dataset.chunk_by_id, files.dataset.question_by_id

    def is_wrong(row: Row) -> bool:
        oracle = row["oracle"]["chunk_id"]
        ids = [place["chunk_id"] for place in row["context_chunks"]]
        position = ids.index(oracle) if oracle in ids else None
        return not (
            questions[row["id"]].chunk_id == oracle
            and chunks[oracle].text == row["oracle_context"]
            and position == row["oracle_position"]
            and (position is not None) == (row["kind"] == "oracle")
            and row["cot_answer"] == files.label(row)
        )

    return _each_row("labels come from the true oracle", files.rows, is_wrong)


def _distractors_hold_no_answer(files: Files) -> Check:
    def is_wrong(row: Row) -> bool:
        oracle, texts = row["oracle"]["chunk_id"], row["context"]["sentences"][0]
        return any(
            place["chunk_id"] != oracle and holds(text, row["answer"])
            for place, text in zip(row["context_chunks"], texts, strict=True)
        )

    return _each_row("no distractor holds the answer", files.rows, is_wrong)


# --- all rows together ---------------------------------------------------------------------------


def _oracle_share(files: Files) -> Check:
    refused = files.parameters["refusal_probability"]
    expected = (1 - refused) * files.parameters["oracle_probability"]
    rows = _independent(files, files.of("train", "valid"))
    shown = sum(row["kind"] == "oracle" for row in rows)
    p_value = binomial_p(shown, len(rows), expected)
    detail = f"{shown / max(1, len(rows)):.3f}, expected {expected:.3f} (p = {p_value:.3f})"
    return Check("share of training rows with their oracle", p_value >= SIGNIFICANCE, detail)


def _place_is_uniform(files: Files) -> Check:
    rows = _independent(files, [row for row in files.rows if row["kind"] == "oracle"])
    counts = Counter(row["oracle_position"] for row in rows)
    places = [counts[position] for position in range(files.parameters["num_distractors"] + 1)]
    expected = [
        sum(1 / len(row["context_chunks"]) for row in rows if position < len(row["context_chunks"]))
        for position in range(len(places))
    ]
    p_value = chi_square_p(places, expected)
    detail = f"{' '.join(map(str, places))} (chi-square p = {p_value:.3f})"
    return Check("the oracle's place is uniform", p_value >= SIGNIFICANCE, detail)


def binomial_p(successes: int, trials: int, share: float) -> float:
    """The exact test, twice its smaller tail; 1.0 of no trials."""
    from scipy.special import bdtr, bdtrc  # scipy.stats takes a second to import

    tails = bdtr(successes, trials, share), bdtrc(successes - 1, trials, share)
    return min(1.0, 2 * float(min(tails)))


def chi_square_p(counts: Sequence[int], expected: Sequence[float]) -> float:
    """1.0 of fewer than two counts."""
    from scipy.special import chdtrc

    if len(counts) < 2 or not all(expected):
        return 1.0
    distance = sum((c - e) ** 2 / e for c, e in zip(counts, expected, strict=True))
    return float(chdtrc(len(counts) - 1, distance))


def _independent(files: Files, rows: Sequence[Row]) -> list[Row]:
    """One row of each draw: all questions of a chunk may share one."""
    if files.parameters.get("distractors_per") != "chunk":
        return list(rows)
    return list({row["oracle"]["chunk_id"]: row for row in rows}.values())


def _nothing_leaks(files: Files) -> Check:
    """No oracle of a held-out row, nor a near duplicate of it, is in a row that trains.

    The oracles of valid rows are compared with train, those of eval rows with train and valid.
    """

    def used(split: str) -> set[str]:
        places = [p for row in files.of(split) for p in (row["oracle"], *row["context_chunks"])]
        return {place["chunk_id"] for place in places}

    asked = {split: {row["oracle"]["chunk_id"] for row in files.of(split)} for split in SPLITS}
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
