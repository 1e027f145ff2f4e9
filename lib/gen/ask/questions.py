"""Questions and chain-of-thought answers from the teacher, as an artefact of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lib.engine.endpoint import Budget, run
from lib.gen.ask import built_in_rows
from lib.gen.ask.asking import ask_in_batches, ask_live
from lib.gen.ask.flow import Flow, drawn
from lib.gen.ask.languages import can_check
from lib.gen.ask.options import AskOptions
from lib.gen.ask.outcome import Outcome, Rating
from lib.gen.ask.similar_questions import QuestionEmbedder, drop_similar
from lib.prompts import teacher as teacher_prompts
from lib.recipe import Recipe
from lib.records import Chunk, Question, Rejected
from lib.settings import PROJECT_DIR, EndpointSettings, SetupError, endpoint_settings, portable
from lib.store import (
    artefact_dir,
    building,
    file_sha256,
    read_json,
    read_jsonl,
    write_json,
    write_jsonl,
)
from offline.teacher import teacher as built_in

OnQuestion = Callable[[Question], None]


@dataclass(frozen=True)
class Asked:
    """What the teacher gave."""

    questions: list[Question]  # that passed every gate, in the order of the chunks
    rejected: list[Rejected]
    teacher: str  # its name: of the deployment, or of the built-in teacher
    questions_dir: Path  # the artefact they lie in
    repaired: int = 0  # of the questions: taken after they had been refused and asked again
    ratings: list[Rating] = field(default_factory=list)  # by the judge, if there was one


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
    chunks: Iterable[Chunk],
    *,
    options: AskOptions,
    run_name: str,
    recipe: Recipe,
    embedder: QuestionEmbedder | None = None,
    budget: Budget | None = None,
    batch: bool = False,
    on_question: OnQuestion = lambda question: None,
) -> Asked:
    """Questions on the chunks and their answers.

    `chunks` may be a list, or come one by one while the first are already asked about. The chunks
    of a list that was asked about before with the same teacher, prompts and options are read, not
    asked again. `on_question` is called with each row as it passes its gates; what repeats another
    row is found, and rejected, at the end. With an embedder, questions that repeat in other words
    are too. `batch` asks through the Batch API, about all chunks at once.

    Raises:
        SetupError: the endpoint cannot work, some requests failed, or no question passed.
    """
    settings = endpoint_settings("teacher")
    if options.language and not can_check(options.language):
        print(f"language = {options.language!r} is asked for, but not checked: no rule knows it.")
    if (options.max_chunks or batch) and not isinstance(chunks, Sequence):
        chunks = list(chunks)  # a draw needs all of them, and so does a batch
    if isinstance(chunks, Sequence):
        chunks = drawn(chunks, options)
        target = _target(run_name, settings, chunks, options, embedder)
        if target.exists():
            print(f"Already written: {portable(target)}. The teacher is not asked again.")
            return _read(target)
    if settings is None:
        seen = list(chunks)
        outcome = built_in_rows.write_rows(seen, options, on_question)
    else:
        flow = Flow(options, on_question=on_question)
        outcome = flow.outcome
        if batch and isinstance(chunks, Sequence):
            seen = list(chunks)
            ask_in_batches(seen, flow, settings)
        else:
            seen = run(ask_live(chunks, flow, settings, recipe, budget=budget))
    made_of = _made_of(settings, seen, options, embedder)
    return _write(artefact_dir("questions", run_name, made_of), made_of, outcome, options, embedder)


def _write(
    target: Path,
    made_of: dict[str, Any],
    outcome: Outcome,
    options: AskOptions,
    embedder: QuestionEmbedder | None,
) -> Asked:
    """What repeats is taken out, and the rest is written."""
    questions, repeated = built_in.drop_ambiguous(outcome.questions)
    rejected = [*outcome.rejected, *repeated]
    if embedder is not None:
        questions, similar = drop_similar(
            questions, embedder, max_similarity=options.max_similarity
        )
        rejected += similar
    if not questions:
        gates_hit = Counter(item.gate for item in rejected).most_common(3)
        reasons = ", ".join(f"{gate} {count}" for gate, count in gates_hit) or "none was written"
        raise SetupError(
            f"No question of the teacher {made_of['teacher']['name']} passed the gates ({reasons})."
            " Look at the documents' text, or take another teacher."
        )
    manifest = {
        "teacher": made_of["teacher"]["name"],
        "chunks": len(made_of["chunks"]),
        "questions": len(questions),
        "rejected": len(rejected),
        "rejected_by_gate": dict(sorted(Counter(item.gate for item in rejected).items())),
        "repaired": outcome.repaired,
        "made_of": {key: value for key, value in made_of.items() if key != "chunks"},
    }
    with building(target) as folder:
        write_jsonl(folder / "questions.jsonl", questions)
        write_jsonl(folder / "rejected.jsonl", rejected)
        write_jsonl(folder / "ratings.jsonl", outcome.ratings)
        write_json(folder / "manifest.json", manifest)
    return Asked(
        questions, rejected, manifest["teacher"], target, outcome.repaired, outcome.ratings
    )


def _target(
    run_name: str,
    settings: EndpointSettings | None,
    chunks: Sequence[Chunk],
    options: AskOptions,
    embedder: QuestionEmbedder | None,
) -> Path:
    return artefact_dir("questions", run_name, _made_of(settings, chunks, options, embedder))


def _made_of(
    settings: EndpointSettings | None,
    chunks: Sequence[Chunk],
    options: AskOptions,
    embedder: QuestionEmbedder | None,
) -> dict[str, Any]:
    """What decides the questions: not where the teacher is reached, nor with which key.

    Prompts count by their texts, parsers and gates by their files: after a change of theirs the
    replies come from the ledger, as far as what is sent stayed the same.
    """
    lib = PROJECT_DIR / "lib"
    code = [lib / "text.py", lib / "reading" / "api_docs.py", *(lib / "gen" / "ask").glob("*.py")]
    code += [lib / "prompts" / "student.py", lib / "prompts" / "teacher.py"]
    if settings is None:
        code += (PROJECT_DIR / "offline" / "teacher").glob("*.py")
        teacher: dict[str, Any] = {"name": built_in.NAME}
    else:
        texts = dict(teacher_prompts.load_prompts(options).texts)
        teacher = {"name": settings.deployment, "prompts": texts}
        judge = endpoint_settings("judge")
        if options.min_rating and judge is not None:
            teacher["judge"] = judge.deployment
    return {
        "teacher": teacher,
        "code": {str(path.relative_to(PROJECT_DIR)): file_sha256(path) for path in sorted(code)},
        "options": asdict(options) | {"prompts_path": ""},  # its texts count, not its place
        "embedder": embedder.identity if embedder else "",
        "chunks": [(chunk.id, chunk.title, chunk.text) for chunk in chunks],
    }


def _read(folder: Path) -> Asked:
    manifest = read_json(folder / "manifest.json")
    return Asked(
        [Question(**row) for row in read_jsonl(folder / "questions.jsonl")],
        [Rejected(**row) for row in read_jsonl(folder / "rejected.jsonl")],
        manifest["teacher"],
        folder,
        manifest["repaired"],
        [Rating(**row) for row in read_jsonl(folder / "ratings.jsonl")],
    )
