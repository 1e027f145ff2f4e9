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
from lib.endpoint import Endpoint, EndpointError, gather_all, run
from lib.gen import gates
from lib.ledger import Ledger
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

# Of the endpoint teacher. Reasoning models spend tokens before they write.
QUESTION_TOKENS, ANSWER_TOKENS, TEMPERATURE = 2048, 2048, 0.0


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
            _ask_endpoint(asked_chunks, settings, questions_per_chunk, concurrency)
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
    """What decides the questions: not where the teacher is reached, nor with which key."""
    teacher: dict[str, Any]
    if settings is None:
        folder = Path(built_in.__file__).parent
        code = {path.name: file_sha256(path) for path in sorted(folder.glob("*.py"))}
        teacher = {"name": built_in.NAME, "code": code}
    else:
        sampling = {"temperature": TEMPERATURE, "max_tokens": [QUESTION_TOKENS, ANSWER_TOKENS]}
        wording = [
            prompts.question_messages("{document}", "{title}", num_questions=questions_per_chunk),
            prompts.answer_messages("{document}", "{title}", "{question}"),
        ]
        teacher = {"name": settings.deployment, "sampling": sampling, "prompts": wording}
    return {
        "teacher": teacher,
        "questions_per_chunk": questions_per_chunk,
        "seed": seed,
        "gates": file_sha256(Path(gates.__file__)),
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
            _sort_in(draft, chunk, draft.cot_answer, "stop", questions, rejected)
        progress.advance()
    progress.close()
    return questions, rejected


def _sort_in(
    question: Question,
    chunk: Chunk,
    reply: str,
    finish_reason: str,
    questions: list[Question],
    rejected: list[Rejected],
) -> None:
    """Put one answered question where the gates say."""
    try:
        if refused := gates.refuse_question(question.text):
            raise gates.Refusal(*refused)
        questions.append(gates.judge_answer(question, chunk, reply, finish_reason))
    except gates.Refusal as refusal:
        rejected.append(refusal.of(question, reply))


# --- an endpoint ---------------------------------------------------------------------------------


async def _ask_endpoint(
    chunks: Sequence[Chunk], settings: EndpointSettings, questions_per_chunk: int, concurrency: int
) -> tuple[list[Question], list[Rejected]]:
    import asyncio

    ledger = Ledger()
    # As many chunks at work as requests may be in flight: a chunk's answers are asked right after
    # its questions, while the endpoint still caches the document they share.
    at_work = asyncio.Semaphore(concurrency)
    async with Endpoint(settings, ledger=ledger, concurrency=concurrency) as endpoint:
        progress = Progress(
            "requests", len(chunks) * (1 + questions_per_chunk), note=lambda: _note(endpoint)
        )

        async def work(chunk: Chunk) -> _ChunkResult:
            async with at_work:
                return await _ask_about(chunk, endpoint, questions_per_chunk, progress)

        results = await gather_all(chunks, work)
        progress.close()
    ledger.close()
    failures = [result for result in results if isinstance(result, EndpointError)]
    done = [result for result in results if not isinstance(result, EndpointError)]
    failures += [failure for result in done for failure in result.failures]
    if failures:
        raise SetupError(
            f"{len(failures):,} of {progress.done:,} requests failed ({failures[0]}). The replies "
            "that came are in the ledger: run this again to ask only the missing ones."
        )
    questions = [question for result in done for question in result.questions]
    return questions, [rejected for result in done for rejected in result.rejected]


@dataclass(frozen=True)
class _ChunkResult:
    questions: list[Question]
    rejected: list[Rejected]
    failures: list[EndpointError]


async def _ask_about(
    chunk: Chunk, endpoint: Endpoint, questions_per_chunk: int, progress: Progress
) -> _ChunkResult:
    """One chunk's questions, then their answers all at once."""
    messages = prompts.question_messages(chunk.text, chunk.title, num_questions=questions_per_chunk)
    try:
        reply = await endpoint.ask(messages, max_tokens=QUESTION_TOKENS, temperature=TEMPERATURE)
    finally:
        progress.advance()
    result = _ChunkResult([], [], [])
    drafts = _drafts(chunk, reply.text, reply.finish_reason, questions_per_chunk, result.rejected)
    progress.total -= questions_per_chunk - len(drafts)

    async def answer(question: Question) -> Any:
        messages = prompts.answer_messages(chunk.text, chunk.title, question.text)
        return await endpoint.ask(messages, max_tokens=ANSWER_TOKENS, temperature=TEMPERATURE)

    replies = await gather_all(drafts, answer, on_done=progress.advance)
    for question, answered in zip(drafts, replies, strict=True):
        if isinstance(answered, EndpointError):
            result.failures.append(answered)
        else:
            _sort_in(
                question,
                chunk,
                answered.text,
                answered.finish_reason,
                result.questions,
                result.rejected,
            )
    return result


def _drafts(
    chunk: Chunk, reply: str, finish_reason: str, wanted: int, rejected: list[Rejected]
) -> list[Question]:
    """The questions worth an answer; what is wrong with the reply or a question is recorded."""
    texts = prompts.parse_questions(reply)
    if not texts:
        gates_of = {"content_filter": "content_filter", "length": "complete"}
        gate = gates_of.get(finish_reason, "parsable" if reply.strip() else "empty")
        reason = f"the teacher's reply holds no questions ({finish_reason or 'no finish reason'})"
        rejected.append(Rejected("", chunk.id, gate, reason, cot_answer=reply))
    drafts: list[Question] = []
    seen: set[str] = set()
    for number, text in enumerate(texts[:wanted]):
        question = Question(f"{chunk.id}?{number}", chunk.id, text)
        refused = gates.refuse_question(text)
        if not refused and gates.folded_words(text) in seen:
            refused = "duplicate", "asked before on this chunk"
        if refused:
            rejected.append(gates.Refusal(*refused).of(question))
        else:
            seen.add(gates.folded_words(text))
            drafts.append(question)
    return drafts


def _note(endpoint: Endpoint) -> str:
    tokens = endpoint.prompt_tokens + endpoint.completion_tokens
    return f"{tokens:,} tokens · {endpoint.from_ledger:,} from the ledger"
