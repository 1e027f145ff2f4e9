"""What decides the questions: everything a user can set about asking the teacher."""

from __future__ import annotations

from dataclasses import dataclass

from lib.gen.ask.languages import name_of
from lib.settings import SetupError

ASK_MODES = ("separate", "joint")
DATASET_KINDS = ("raft", "qa")
MAX_ANSWER_WORDS, MAX_PAIR_ANSWER_WORDS = 40, 150


@dataclass(frozen=True)
class AskOptions:
    """How the teacher is asked, and which of its rows are taken."""

    questions_per_chunk: int = 4
    questions_per_document: int = 0  # spread evenly over its chunks; 0 = questions_per_chunk each
    max_chunks: int = 0  # ask about so many at most, drawn by seed; 0 = all
    dataset_kind: str = "raft"  # or "qa": plain question–answer pairs
    ask_mode: str = "separate"  # questions, then one answer each; "joint": all in one reply
    prompt_variant: str = "gpt"  # or "llama": a file of lib/prompts
    prompts_path: str = ""  # a file of your own that says what differs from the variant
    question_style: str = "search"  # a name below question_styles in the prompts
    language: str = ""  # asked for and checked: "Vietnamese", "ko", …; "" = the document's own
    temperature: float = 0.0
    max_repairs: int = 1  # how often a refused row is asked again, with the reason
    max_answer_words: int = 0  # of a final answer; 0 = 40, and 150 for a pair
    rationale: bool = False  # the reasoning is written from the verified answer (RAFT paper)
    round_trip: bool = False  # answered again from the document alone, it must be the same
    passage_dependency: bool = False  # answered without the document, it must not be the same
    min_rating: int = 0  # of 1 to 5, by the judge or else the teacher; 0 = rate nothing
    semantic_duplicates: bool = False
    max_similarity: float = 0.95  # of two questions with one answer (cosine); needs an embedder
    seed: int = 42

    def __post_init__(self) -> None:
        """Raises SetupError: a value is out of its range."""
        _one_of("ask_mode", self.ask_mode, ASK_MODES)
        _one_of("dataset_kind", self.dataset_kind, DATASET_KINDS)
        _between("questions_per_chunk", self.questions_per_chunk, 1, 100)
        _between("questions_per_document", self.questions_per_document, 0, 10_000)
        _between("max_chunks", self.max_chunks, 0, None)
        _between("temperature", self.temperature, 0, 2)
        _between("max_repairs", self.max_repairs, 0, 10)
        _between("max_answer_words", self.max_answer_words, 0, 1000)
        _between("min_rating", self.min_rating, 0, 5)
        _between("max_similarity", self.max_similarity, 0, 1)
        if self.rationale and self.dataset_kind == "qa":
            raise SetupError(
                "rationale = True, and dataset_kind = 'qa' has no reasoning to write. Set "
                "rationale to False, or dataset_kind to 'raft'."
            )

    @property
    def language_name(self) -> str:
        """`ko` → "Korean"; "" = the document's own."""
        return name_of(self.language)

    @property
    def longest_answer_words(self) -> int:
        default = MAX_PAIR_ANSWER_WORDS if self.dataset_kind == "qa" else MAX_ANSWER_WORDS
        return self.max_answer_words or default


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SetupError(f"{name} = {value!r}: expected {' or '.join(map(repr, known))}.")


def _between(name: str, value: float, low: int, high: int | None) -> None:
    if value < low or (high is not None and value > high):
        expected = f"{low} or more" if high is None else f"{low} to {high}"
        raise SetupError(f"{name} = {value}: expected {expected}. Change it.")
