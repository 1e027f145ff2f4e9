"""The built-in teacher's rows: written by rules, through the same gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lib.gen.ask import gates
from lib.gen.ask.flow import Spread
from lib.gen.ask.gates import Refusal
from lib.gen.ask.options import AskOptions
from lib.gen.ask.outcome import Outcome
from lib.progress import Progress
from lib.reading.files.api import is_api_record
from lib.records import Chunk, Question
from lib.settings import SetupError
from offline.teacher import teacher as built_in


def write_rows(
    chunks: Sequence[Chunk], options: AskOptions, on_question: Callable[[Question], None]
) -> Outcome:
    """Rows on every chunk; it reads English sentences alone, and follows no prompt.

    Raises:
        SetupError: the options or the documents want what it cannot do.
    """
    _check(chunks, options)
    outcome, spread = Outcome(on_question), Spread(options)
    asked = [share for chunk in chunks for share in spread.add(chunk)] + spread.end()
    progress = Progress("chunks", len(asked))
    for share in asked:
        chunk = share.chunk
        drafts = built_in.write_questions(chunk, num_questions=share.count, seed=options.seed)
        for slot, draft in zip(share.slots(), drafts, strict=False):
            try:
                if refused := gates.refuse_question(draft.text):
                    raise Refusal(*refused)
                question = gates.judge_answer(
                    draft,
                    chunk,
                    draft.cot_answer,
                    "stop",
                    max_answer_words=options.longest_answer_words,
                )
                if options.dataset_kind == "qa":
                    question = replace(question, cot_answer="")
                outcome.accept(slot, question)
            except Refusal as refusal:
                slot.repairs_left = 0  # rules write the same again
                outcome.refuse(slot, refusal, draft.text, draft.cot_answer)
        progress.advance()
    progress.close()
    return outcome


def _check(chunks: Sequence[Chunk], options: AskOptions) -> None:
    wanted = {
        "rationale": options.rationale,
        "round_trip": options.round_trip,
        "passage_dependency": options.passage_dependency,
        "min_rating": options.min_rating > 0,
        f"language = {options.language!r}": options.language_name not in ("", "English"),
        "API documentation": any(is_api_record(chunk.text) for chunk in chunks),
    }
    if missing := [name for name, is_wanted in wanted.items() if is_wanted]:
        raise SetupError(
            f"The built-in teacher cannot do this: {', '.join(missing)}. Set "
            "COMPLETION_OPENAI_API_KEY (see .env.sample) to have a language model do it, or leave "
            "it out."
        )
