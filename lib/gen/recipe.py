"""The parameters of 1_gen as one object, checked, and what each step takes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from lib.gen.ask.questions import DECISIVE
from lib.gen.formats.files import check_formats
from lib.gen.rows import check_choices, check_refusal
from lib.gen.splits import check_shares
from lib.recipe import KNOBS
from lib.recipe import Recipe as Knobs
from lib.settings import SetupError

HARD_BY = ("words", "embedding")

# What shapes the rows, beside the documents, the teacher and its prompts: the dataset's manifest
# holds it, and it decides the dataset's name.
_SHAPING = (
    "chunk_chars chunk_overlap_chars chunker min_chunk_chars near_duplicate_share "
    "num_distractors min_distractors distractor_mode hard_by distractors_per too_few "
    "oracle_probability no_oracle_mode refusal_probability refusal split_by valid_share eval_share"
).split()


@dataclass(frozen=True)
class Recipe:
    """What 1_gen makes, and of what; its parameters cell says what each means, and its default."""

    run_name: str
    doc_path: str | list[str]
    eval_doc_path: str | list[str]
    eval_file: str
    doctype: str
    max_pages: int
    requests_per_second: float
    allow_loopback: bool
    chunker: str
    chunk_chars: int
    chunk_overlap_chars: int
    min_chunk_chars: int
    near_duplicate_share: float
    max_chunks: int
    dataset_kind: str
    ask_mode: str
    questions_per_chunk: int
    questions_per_document: int
    question_style: str
    language: str
    prompt_variant: str
    prompts_path: str
    temperature: float
    rationale: bool
    max_repairs: int
    max_answer_words: int
    round_trip: bool
    passage_dependency: bool
    min_rating: int
    semantic_duplicates: bool
    max_similarity: float
    num_distractors: int
    min_distractors: int
    distractor_mode: str
    hard_by: str
    distractors_per: str
    too_few: str
    embedding_model: str
    oracle_probability: float
    no_oracle_mode: str
    refusal_probability: float
    refusal: str
    split_by: str
    valid_share: float
    eval_share: float
    extra_formats: list[str]
    dry_run: bool
    batch: bool
    concurrency: int
    requests_per_minute: int
    tokens_per_minute: int
    tokens_per_day: int
    max_cost: float
    max_tokens_total: int
    timeout_s: float
    max_retries: int
    seed: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Recipe:
        """From names and values: the notebook's `globals()`, or a file's over the defaults.

        Raises:
            SetupError: a value is out of its range, or two contradict each other.
        """
        return cls(**{field.name: values[field.name] for field in fields(cls)})

    def __post_init__(self) -> None:
        """Everything that can be known before a document is read."""
        check_shares(
            valid_share=self.valid_share,
            eval_share=self.eval_share,
            held_out=bool(self.eval_doc_path),
        )
        check_formats(self.extra_formats)
        check_choices(
            self.num_distractors, self._least_distractors, self.distractors_per, self.too_few
        )
        check_refusal(self.refusal)
        if self.hard_by not in HARD_BY:
            raise SetupError(f"hard_by = '{self.hard_by}': expected {' or '.join(HARD_BY)}.")
        if self.batch and (self.max_cost or self.max_tokens_total):
            raise SetupError(
                "max_cost and max_tokens_total stop single requests, and batch = True sends none. "
                "Set them to 0, and see with dry_run what a batch will cost."
            )
        self.options, self.asking  # noqa: B018 (they check their values)

    @property
    def reading(self) -> dict[str, Any]:
        """Of iter_documents, beside doc_path."""
        names = "eval_doc_path doctype allow_loopback max_pages requests_per_second"
        return self._some(names.split())

    @property
    def cutting(self) -> dict[str, Any]:
        """Of Splitter and split_documents."""
        names = "chunk_chars chunk_overlap_chars chunker min_chunk_chars near_duplicate_share"
        embed = self.embedder.documents if self.chunker == "semantic" else None
        return self._some(names.split()) | {"embed": embed}

    @property
    def filling(self) -> dict[str, Any]:
        """Of check_corpus."""
        return self._some(["num_distractors", "too_few"]) | self.splitting

    @cached_property
    def options(self) -> Knobs:
        """Of estimate."""
        return Knobs(**self._some([f.name for f in fields(self) if f.name in KNOBS]))

    @property
    def asking(self) -> dict[str, Any]:
        """Of ask_teacher."""
        return {"recipe": self.options}

    @property
    def splitting(self) -> dict[str, Any]:
        """Of assign_splits."""
        return self._some(["valid_share", "eval_share", "split_by", "seed"])

    @property
    def rows(self) -> dict[str, Any]:
        """Of build_examples."""
        names = "num_distractors distractor_mode distractors_per too_few oracle_probability"
        names += " no_oracle_mode refusal_probability refusal seed"
        return self._some(names.split()) | {"min_distractors": self._least_distractors}

    @property
    def shaping(self) -> dict[str, Any]:
        """What a dataset's manifest says of it."""
        return self._some(sorted({*_SHAPING, *DECISIVE}))

    @cached_property
    def embedder(self) -> Any:
        """Of embedding_model; loaded when something is embedded."""
        from lib.rag.embedder import load_embedder

        return load_embedder(self.embedding_model)

    @property
    def _least_distractors(self) -> int | None:
        return None if self.min_distractors == -1 else self.min_distractors

    def _some(self, names: list[str]) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}
