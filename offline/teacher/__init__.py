"""The built-in teacher: it writes questions and quoted answers by rules over a grammatical parse.

`lib` uses it where .env names no teacher. `write_questions` is all that it calls; `NAME` goes into
the dataset, and `NOTICE` tells the user what this teacher can do.
"""

from __future__ import annotations

from lib.records import Chunk, Question

NAME = "extractive-15"
NOTICE = (
    "Built-in extractive teacher: rules, not a language model. It turns single English sentences "
    "into who, what, when, where, why and how questions (how many, how long …), and every "
    "answer is copied from its sentence. Set COMPLETION_OPENAI_API_KEY to have a language model "
    "write the questions."
)


def write_questions(chunk: Chunk, *, num_questions: int, seed: int) -> list[Question]:
    """Up to num_questions questions on one chunk, each with its quoted answer."""
    # Imported late: spaCy takes two seconds to load, and a run with an endpoint needs none of it.
    from offline.teacher.teacher import write_questions as by_rules

    return by_rules(chunk, num_questions=num_questions, seed=seed)
