"""Questions and chain-of-thought answers from the teacher, as an artefact of their own."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from lib import store
from lib.endpoints import EndpointSettings, endpoint_settings
from lib.engine.tasks import run
from lib.gen.ask import built_in_teacher
from lib.gen.ask.live import ask_in_batches, ask_live
from lib.gen.ask.rows import Candidate, OnQuestion, Rating
from lib.gen.ask.shares import Share, request_groups
from lib.gen.duplicate_questions import drop_ambiguous, drop_asked, drop_similar
from lib.gen.gates import GATES, remedy
from lib.gen.own_questions import Given
from lib.prompts.languages import can_check
from lib.prompts.teacher import load_prompts
from lib.rag.embedder import Embedder, load_embedder
from lib.recipe import Recipe
from lib.records import Chunk, Question, Rejected
from lib.settings import SetupError, home, portable
from lib.text import one_line
from offline.teacher import NAME, NOTICE


@dataclass(frozen=True)
class Generated:
    questions: list[Question]  # that passed every gate, in the order of the chunks
    rejected: list[Rejected]
    teacher: str  # its name: of the deployment, or of the built-in teacher
    questions_dir: Path  # the artefact they lie in
    ratings: list[Rating] = field(default_factory=list)  # by the judge, if there was one
    unwritten: int = 0  # questions that were asked for and not written


def teacher_name() -> str:
    """Who will be asked: the endpoint's deployment, or the built-in teacher."""
    settings = endpoint_settings("teacher")
    return settings.deployment if settings else NAME


def teacher_notice() -> str:
    """One sentence for the notebook: who the teacher is, and what that means."""
    settings = endpoint_settings("teacher")
    if settings is None:
        return NOTICE
    return f"{settings.deployment} at {settings.address} writes the questions and answers."


def ask_teacher(
    chunks: Iterable[Chunk],
    recipe: Recipe,
    *,
    own: Sequence[Given] = (),
    on_question: OnQuestion = lambda question: None,
) -> Generated:
    """Questions on the chunks and their answers; and the reasoning of people's `own` questions.

    `chunks` may come one by one. Of a list that was asked about before with the same teacher,
    prompts and knobs, the rows are read. `on_question` is called with each row as it passes its
    gates (of batches, at the end); repeated rows are rejected at the end.
    """
    asking = Asking(recipe, own)
    if recipe.language and not can_check(recipe.language):
        print(f"language = {recipe.language!r} is asked for, but not checked: it is not known.")
    if isinstance(chunks, Sequence):
        target = store.artefact_dir("questions", recipe.run_name, asking.made_of(chunks))
        if target.exists():
            print(f"Already written: {portable(target)}. The teacher is not asked again.")
            return _read(target)
    seen: list[Chunk] = []

    def streaming() -> Iterator[Chunk]:
        for chunk in chunks:
            seen.append(chunk)
            yield chunk

    candidates = asking.ask(request_groups(streaming(), recipe, own), on_question)
    return _write(candidates, asking, seen)


@dataclass(frozen=True)
class Asking:
    recipe: Recipe
    own: Sequence[Given] = ()

    @cached_property
    def roles(self) -> dict[str, EndpointSettings]:
        """Of the teacher, and of a judge that rates rows; {}: the built-in teacher writes."""
        roles = ("teacher", "judge") if self.recipe.min_rating else ("teacher",)
        found = {role: settings for role in roles if (settings := endpoint_settings(role))}
        return found if "teacher" in found else {}

    @cached_property
    def embedder(self) -> Embedder | None:
        return load_embedder(self.recipe) if self.recipe.semantic_duplicates else None

    def made_of(self, chunks: Sequence[Chunk]) -> dict[str, Any]:
        """All that the questions depend on, but for the teacher's address and key: prompts by their
        texts, gates and parsers by the version in gates.py."""
        teacher: dict[str, Any] = {"name": teacher_name()}
        if self.roles:
            teacher["prompts"] = dict(load_prompts(self.recipe).texts)
        if "judge" in self.roles:
            teacher["judge"] = self.roles["judge"].deployment
        made_of = {
            "teacher": teacher,
            "gates": GATES,
            "recipe": self.recipe.asking,
            "embedder": self.embedder.identity if self.embedder else "",
            "chunks": [(chunk.id, chunk.title, chunk.text) for chunk in chunks],
        }
        return made_of | ({"own": store.fingerprint(self.own)} if self.own else {})

    def ask(self, groups: Iterator[tuple[Share, ...]], on_question: OnQuestion) -> list[Candidate]:
        if not self.roles:
            return built_in_teacher.write_rows(groups, self.recipe, on_question)
        if not self.recipe.batch:
            return run(ask_live(groups, self.recipe, self.roles, on_question))
        candidates = ask_in_batches(groups, self.recipe, self.roles)
        for candidate in candidates:
            if candidate.question is not None:
                on_question(candidate.question)
        return candidates

    def ask_part(self, chunks: Iterable[Chunk], first: int, step: int) -> None:
        """Send only the first requests of every n-th group, and all that follow from them: their
        replies are in the ledger then. Rows are for a run that finds all replies there."""
        groups = request_groups(chunks, self.recipe, self.own)
        candidates = self.ask(islice(groups, first, None, step), lambda question: None)
        passed = sum(candidate.question is not None for candidate in candidates)
        print(f"{passed:,} of {len(candidates):,} questions of this part passed the gates")


def _write(candidates: Sequence[Candidate], asking: Asking, chunks: Sequence[Chunk]) -> Generated:
    """Write the rows in the order of the chunks, without repeated ones."""
    recipe, embedder, teacher = asking.recipe, asking.embedder, teacher_name()
    ordered = sorted(candidates, key=lambda candidate: candidate.place)
    taken = [c for c in ordered if c.question is not None]
    rejected = [c.refused for c in ordered if c.question is None and c.refused is not None]
    by_people = [c.question for c in taken if c.question is not None and c.given]
    generated = [c.question for c in taken if c.question is not None and not c.given]
    own = [question.text for question in by_people]
    generated, asked = drop_asked(generated, own, gate="duplicate", by="train_file")
    questions, repeated = drop_ambiguous(by_people + generated)
    rejected += asked + repeated
    if embedder is not None:
        questions, similar = drop_similar(questions, embedder, max_similarity=recipe.max_similarity)
        rejected += similar
    if not questions:
        path = home() / "artefacts" / "questions" / f"{recipe.run_name}.rejected.jsonl"
        store.write_jsonl(path, rejected)  # no artefact is made: they are kept here
        raise SetupError(
            f"No question of the teacher {teacher} passed the gates "
            f"({frequent_gates(rejected) or 'none was written'}; {portable(path)}). "
            f"{frequent_reason(rejected, recipe) or 'Look at the text of the documents.'}"
        )
    ratings = [c.rating for c in ordered if c.rating is not None]
    unwritten = sum(c.question is None and c.refused is None for c in candidates)
    made_of = asking.made_of(chunks)
    kept = {key: value for key, value in made_of.items() if key != "chunks"}
    manifest = {"teacher": teacher, "unwritten": unwritten, "made_of": kept}
    target = store.artefact_dir("questions", recipe.run_name, made_of)
    with store.building(target) as folder:
        store.write_jsonl(folder / "questions.jsonl", questions)
        store.write_jsonl(folder / "rejected.jsonl", rejected)
        store.write_jsonl(folder / "ratings.jsonl", ratings)
        store.write_json(folder / "manifest.json", manifest)
    return Generated(questions, rejected, teacher, target, ratings, unwritten)


def frequent_gates(rejected: Sequence[Rejected]) -> str:
    """`parsable 16, verbatim 3`: the gates that refused most, and how many."""
    by_gate = Counter(item.gate for item in rejected).most_common(3)
    return ", ".join(f"{gate} {count}" for gate, count in by_gate)


def frequent_reason(rejected: Sequence[Rejected], recipe: Recipe) -> str:
    """Of the gate that refused most: the first row that it refused, and what to do; "" = none."""
    if not rejected:
        return ""
    [(gate, _)] = Counter(item.gate for item in rejected).most_common(1)
    item = next(item for item in rejected if item.gate == gate)
    said = f"The first: {one_line(item.reason)[:300]}. "
    if item.cot_answer:
        said += f"The reply: “{one_line(item.cot_answer)[:200]}”. "
    return said + remedy(gate, recipe)


def _read(folder: Path) -> Generated:
    try:
        manifest = store.read_json(folder / "manifest.json")
        return Generated(
            [Question(**row) for row in store.read_jsonl(folder / "questions.jsonl")],
            [Rejected(**row) for row in store.read_jsonl(folder / "rejected.jsonl")],
            manifest["teacher"],
            folder,
            [Rating(**row) for row in store.read_jsonl(folder / "ratings.jsonl")],
            manifest["unwritten"],
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        said = f"{type(error).__name__}: {one_line(str(error))[:200]}"
        raise SetupError(
            f"{portable(folder)} is damaged ({said}). Delete that folder and run this again: "
            "replies that were paid are in the ledger."
        ) from error
