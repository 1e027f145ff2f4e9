"""Questions and chain-of-thought answers from the teacher, as an artefact of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from lib import prompts
from lib.embedded import teacher as built_in
from lib.endpoint import run
from lib.gen import asking, gates
from lib.gen.asking import ask_endpoint, sort_in
from lib.progress import Progress
from lib.records import Chunk, Question, Rejected
from lib.settings import EndpointSettings, SetupError, endpoint_settings, portable
from lib.store import (
    artefact_dir,
    building,
    file_sha256,
    read_json,
    read_jsonl,
    write_json,
    write_jsonl,
)


@dataclass(frozen=True)
class Asked:
    """What the teacher gave."""

    questions: list[Question]  # that passed every gate, in the order of the chunks
    rejected: list[Rejected]
    teacher: str  # its name: of the deployment, or of the built-in teacher
    questions_dir: Path  # the artefact they lie in


def teacher_name() -> str:
    """Who will be asked: the endpoint's deployment, or the built-in teacher."""
    settings = endpoint_settings("teacher")
    return settings.deployment if settings else built_in.NAME


def teacher_notice() -> str:
    """One sentence for the notebook: who the teacher is, and what that means."""
    settings = endpoint_settings("teacher")
    if settings is None:
        return built_in.NOTICE
    return f"{settings.deployment} at {settings.base_url} writes the questions and answers."


def ask_teacher(
    chunks: Sequence[Chunk],
    *,
    questions_per_chunk: int,
    concurrency: int,
    seed: int,
    run_name: str,
    max_chunks: int = 0,
) -> Asked:
    """Questions on every chunk and their answers; on max_chunks of them, drawn by seed, if set.

    Asked before with the same chunks, teacher, prompts and settings: read, not asked again.

    Raises:
        SetupError: the endpoint cannot work, some requests failed, or no question passed.
    """
    if questions_per_chunk < 1 or concurrency < 1 or max_chunks < 0:
        raise SetupError(
            f"questions_per_chunk = {questions_per_chunk}, concurrency = {concurrency}, max_chunks "
            f"= {max_chunks}: expected 1 or more, 1 or more, 0 (all) or more. Change them."
        )
    asked_chunks = _drawn(chunks, max_chunks, seed)
    settings = endpoint_settings("teacher")
    made_of = _made_of(settings, asked_chunks, questions_per_chunk, seed)
    target = artefact_dir("questions", run_name, made_of)
    if target.exists():
        print(f"Already written: {portable(target)}. The teacher is not asked again.")
        return _read(target)
    if settings is None:
        answered, rejected = _ask_built_in(asked_chunks, questions_per_chunk, seed)
    else:
        answered, rejected = run(
            ask_endpoint(asked_chunks, settings, questions_per_chunk, concurrency)
        )
    questions, repeated = built_in.drop_ambiguous(answered)
    rejected = [*rejected, *repeated]
    if not questions:
        gates_hit = Counter(item.gate for item in rejected).most_common(3)
        reasons = ", ".join(f"{gate} {count}" for gate, count in gates_hit) or "none was written"
        raise SetupError(
            f"No question of the teacher {teacher_name()} passed the gates ({reasons}). "
            "Look at the documents' text, or take another teacher."
        )
    manifest = {
        "teacher": made_of["teacher"]["name"],
        "chunks": len(asked_chunks),
        "questions": len(questions),
        "rejected": len(rejected),
        "made_of": {key: value for key, value in made_of.items() if key != "chunks"},
    }
    with building(target) as folder:
        write_jsonl(folder / "questions.jsonl", questions)
        write_jsonl(folder / "rejected.jsonl", rejected)
        write_json(folder / "manifest.json", manifest)
    return Asked(questions, rejected, manifest["teacher"], target)


def _drawn(chunks: Sequence[Chunk], max_chunks: int, seed: int) -> list[Chunk]:
    if not 0 < max_chunks < len(chunks):
        return list(chunks)
    indexes = Random(f"{seed}:chunks").sample(range(len(chunks)), max_chunks)
    return [chunks[index] for index in sorted(indexes)]


def _made_of(
    settings: EndpointSettings | None, chunks: Sequence[Chunk], questions_per_chunk: int, seed: int
) -> dict[str, Any]:
    """What decides the questions: not where the teacher is reached, nor with which key.

    Prompts, parsers and gates count by their files: after a change of theirs the replies come from
    the ledger, as far as what is sent stayed the same.
    """
    if settings is None:
        code = sorted(Path(built_in.__file__).parent.glob("*.py"))
        teacher: dict[str, Any] = {"name": built_in.NAME}
    else:
        code = [Path(asking.__file__)]
        teacher = {"name": settings.deployment}
    code += [Path(gates.__file__), Path(prompts.__file__)]
    return {
        "teacher": teacher,
        "code": {path.name: file_sha256(path) for path in code},
        "questions_per_chunk": questions_per_chunk,
        "seed": seed,
        "chunks": [(chunk.id, chunk.title, chunk.text) for chunk in chunks],
    }


def _read(folder: Path) -> Asked:
    return Asked(
        [Question(**row) for row in read_jsonl(folder / "questions.jsonl")],
        [Rejected(**row) for row in read_jsonl(folder / "rejected.jsonl")],
        read_json(folder / "manifest.json")["teacher"],
        folder,
    )


# --- the built-in teacher ------------------------------------------------------------------------


def _ask_built_in(
    chunks: Sequence[Chunk], questions_per_chunk: int, seed: int
) -> tuple[list[Question], list[Rejected]]:
    progress = Progress("chunks", len(chunks))
    questions: list[Question] = []
    rejected: list[Rejected] = []
    for chunk in chunks:
        for draft in built_in.write_questions(chunk, num_questions=questions_per_chunk, seed=seed):
            sort_in(draft, chunk, draft.cot_answer, "stop", questions, rejected)
        progress.advance()
    progress.close()
    return questions, rejected
