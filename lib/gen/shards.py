"""A run divided among processes, hosts or accounts. A shard asks about every n-th group of chunks,
into a ledger of its own. `merge` unites the ledgers and runs the whole: it finds every reply, and
writes the bytes of a run that was never divided."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from lib.engine.ledger import LEDGER, Ledger
from lib.gen.ask.questions import Asking
from lib.gen.corpus import Corpus
from lib.gen.generation import chunks_to_ask, costs_shown, generate
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError, home, portable
from lib.store import fingerprint, read_json, write_json

_RECORD = "shard.json"  # written when all is asked
_LEDGER = "ledger.sqlite"
_SAID = {  # key of what questions depend on → what differs
    "teacher": "teacher or prompts",
    "gates": "version of Openbook",
    "embedder": "embedding model",
    "chunks": "documents, or where they are cut",
    "own": "train_file",
}


@dataclass(frozen=True)
class Shard:
    number: int  # from 1
    count: int
    folder: Path = Path()
    made_of: Mapping[str, Any] = field(default_factory=dict)  # what it was asked with

    @classmethod
    def of(cls, text: str) -> Self:
        """`2/3` → the second of three."""
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise SetupError(
                f"--shard is {text!r}; expected I/N with I from 1 to N: 1/3, 2/3 and 3/3 are the "
                "parts of a run in three."
            )
        return cls(int(number), int(count))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def ask_shard(recipe: Recipe, shard: Shard) -> None:
    """Ask about the shard's part of the chunks. After a kill only what is missing is asked.

    Raises:
        Finished: a dry run.
    """
    if not Asking(recipe).roles:
        raise SetupError(
            "The built-in teacher would write, which a part of a run does not ask. Run the whole, "
            "or name a teacher in .env (COMPLETION_…)."
        )
    folder = _folder(recipe) / f"{shard.number}-of-{shard.count}"
    os.environ[LEDGER] = str(folder / _LEDGER)  # for all of this process
    corpus = Corpus(recipe)
    chunks, asking = chunks_to_ask(corpus), Asking(recipe, corpus.own.given)
    with costs_shown():
        asking.ask_part(chunks, shard.number - 1, shard.count)
    with closing(Ledger()) as ledger:
        replies = ledger.mark()
    record = {"shard": str(shard), "made_of": _made_of(asking, chunks), "replies": replies}
    write_json(folder / _RECORD, record)
    print(f"Shard {shard} is asked: {portable(folder)}")


def merge(recipe: Recipe, folders: Sequence[Path] = ()) -> Path:
    """Unite the shards' ledgers with the home's, and generate; returns the dataset's folder."""
    shards = [shard for folder in folders or [_folder(recipe)] for shard in _shards_in(folder)]
    counts = {shard.count for shard in shards}
    if len(counts) > 1:
        named = ", ".join(f"{shard} in {portable(shard.folder)}" for shard in shards)
        raise SetupError(f"The shards are parts of different runs ({named}). Name those of one.")
    [count] = counts
    if missing := {*range(1, count + 1)} - {shard.number for shard in shards}:
        raise SetupError(f"Shard {min(missing)}/{count} is missing. Run it with --shard.")
    corpus = Corpus(recipe)
    made_of = _made_of(Asking(recipe, corpus.own.given), chunks_to_ask(corpus))
    for shard in shards:
        if differs := _difference(shard.made_of, made_of):
            raise SetupError(
                f"Shard {shard} in {portable(shard.folder)} was asked with another {differs}. Give "
                "`merge` the documents, parameters and .env of its shards."
            )
    with costs_shown(), closing(Ledger()) as ledger:
        new = sum(ledger.take_in(shard.folder / _LEDGER) for shard in shards)
        print(f"{len(shards)} shards: {new:,} replies that {portable(ledger.path)} did not have")
    return generate(recipe, corpus)


def _made_of(asking: Asking, chunks: Iterable[Chunk]) -> dict[str, Any]:
    """All that the questions depend on; texts by their hash."""
    made_of = asking.made_of(list(chunks))
    return made_of | {key: fingerprint(made_of[key]) for key in ("teacher", "chunks")}


def _folder(recipe: Recipe) -> Path:
    return home() / "artefacts" / "shards" / recipe.run_name


def _shards_in(folder: Path) -> list[Shard]:
    """The folder itself if it is a shard's, else those in it."""
    folders = sorted(path.parent for path in (*folder.glob(_LEDGER), *folder.glob(f"*/{_LEDGER}")))
    if not folders:
        raise SetupError(
            f"{portable(folder)} holds no shard. `python -m lib.gen run --shard I/N` makes them."
        )
    return [_read(path) for path in folders]


def _read(folder: Path) -> Shard:
    broken = OSError, ValueError, LookupError, TypeError
    with suppress(*broken), closing(Ledger(folder / _LEDGER)) as ledger:
        record = read_json(folder / _RECORD)
        if ledger.mark() >= record["replies"]:
            return replace(Shard.of(record["shard"]), folder=folder, made_of=record["made_of"])
    raise SetupError(
        f"The shard {portable(folder)} is not finished, or was not copied whole. Run it again with "
        "its --shard: only what is missing is asked. Or copy all files of its folder again."
    )


def _difference(of_shard: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """`questions_per_chunk (3, not 4)`, or one of _SAID; "" = nothing."""
    for name, value in wanted["recipe"].items():
        if (other := of_shard["recipe"].get(name)) != value:
            return f"{name} ({other!r}, not {value!r})"
    keys = (key for key in _SAID if of_shard.get(key) != wanted.get(key))
    return next(map(_SAID.__getitem__, keys), "")
