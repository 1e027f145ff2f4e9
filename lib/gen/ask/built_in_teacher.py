"""The built-in teacher's rows: written by rules, through the same gates."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from lib.gen import gates
from lib.gen.ask.rows import Candidate, candidates_of
from lib.gen.ask.shares import Share
from lib.gen.gates import Rejection
from lib.progress import Progress
from lib.prompts.languages import language_name
from lib.reading.files.api import is_api_record
from lib.recipe import Recipe
from lib.records import Chunk, Question
from lib.settings import SetupError
from offline.teacher import write_questions


def write_rows(
    groups: Iterable[tuple[Share, ...]], recipe: Recipe, on_question: Callable[[Question], None]
) -> list[Candidate]:
    """Rows on every chunk, in English; to people's own questions quotes, in any language."""
    shares = [share for group in groups for share in group]
    chunks = [share.chunk for share in shares if not share.given]
    require_possible(chunks, recipe)
    recipe = replace(recipe, language="")  # it writes English only: nothing to check
    for chunk in chunks[:1]:  # it loads a parser: seconds that no chunk takes
        write_questions(chunk, num_questions=0, seed=recipe.seed)
    candidates, progress = list[Candidate](), Progress("chunks", len(chunks))
    for share in shares:
        for candidate in _rows_on(share, recipe):
            candidates.append(candidate)
            if candidate.question is not None:
                on_question(candidate.question)
        if not share.given:
            progress.advance()
    progress.close()
    return candidates


def _rows_on(share: Share, recipe: Recipe) -> Iterator[Candidate]:
    chunk, candidates = share.chunk, candidates_of(share, recipe)
    if share.given:
        # A record of an API gets no five fields: rules cannot explain a call.
        candidates[0].question = candidates[0].by_rule(recipe)
        yield candidates[0]
        return
    drafts = write_questions(chunk, num_questions=share.count, seed=recipe.seed)
    for candidate, draft in zip(candidates, drafts, strict=False):
        try:
            gates.check_question(draft.text, chunk, recipe)
            question = gates.judge_answer(draft, chunk, draft.cot_answer, recipe)
            qa = recipe.dataset_kind == "qa"
            candidate.question = replace(question, cot_answer="") if qa else question
        except Rejection as refusal:  # rules would write the same again
            candidate.refuse(refusal, draft.text, draft.cot_answer)
        yield candidate


def require_possible(chunks: Sequence[Chunk], recipe: Recipe) -> None:
    """A SetupError names what is asked for and takes a language model."""
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
