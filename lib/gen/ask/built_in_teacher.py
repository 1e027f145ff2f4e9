"""The built-in teacher's rows: written by rules, through the same gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lib.gen import gates
from lib.gen.ask.rows import Candidate
from lib.gen.ask.shares import shares
from lib.gen.gates import Rejection
from lib.progress import Progress
from lib.prompts.languages import language_name
from lib.reading.files.api import is_api_record
from lib.recipe import Recipe
from lib.records import Chunk, Question
from lib.settings import SetupError
from offline.teacher import write_questions


def write_rows(
    chunks: Sequence[Chunk], recipe: Recipe, on_question: Callable[[Question], None]
) -> list[Candidate]:
    """Rows on every chunk; it reads English sentences alone, and follows no prompt."""
    _check(chunks, recipe)
    recipe = replace(recipe, language="")  # it writes English only: nothing to check
    candidates: list[Candidate] = []
    asked = list(shares(chunks, recipe))
    progress = Progress("chunks", len(asked))
    for share in asked:
        chunk = share.chunk
        drafts = write_questions(chunk, num_questions=share.count, seed=recipe.seed)
        for number, draft in enumerate(drafts):
            candidate = Candidate(chunk, (share.place, number), recipe.max_repairs)
            candidates.append(candidate)
            try:
                gates.check_question(draft.text, chunk, recipe)
                question = gates.judge_answer(draft, chunk, draft.cot_answer, "stop", recipe)
            except Rejection as refusal:
                candidate.refuse(refusal, draft.text, draft.cot_answer)
                continue  # rules would write the same again
            if recipe.dataset_kind == "qa":
                question = replace(question, cot_answer="")
            candidate.question = question
            on_question(question)
        progress.advance()
    progress.close()
    return candidates


def _check(chunks: Sequence[Chunk], recipe: Recipe) -> None:
    language = language_name(recipe.language)
    wanted = {
        "rationale": recipe.rationale,
        "round_trip": recipe.round_trip,
        "passage_dependency": recipe.passage_dependency,
        "min_rating": recipe.min_rating > 0,
        f"language = {recipe.language!r}": language not in ("", "English"),
        "API documentation": any(is_api_record(chunk.text) for chunk in chunks),
    }
    if missing := [name for name, is_wanted in wanted.items() if is_wanted]:
        raise SetupError(
            f"The built-in teacher cannot do this: {', '.join(missing)}. Set "
            "COMPLETION_OPENAI_API_KEY (see .env.sample) to have a language model do it, or leave "
            "it out."
        )
