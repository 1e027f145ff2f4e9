"""What flows through Openbook, from a document to a score. Imports nothing of ours.

Document → Chunk → Question → RaftExample → (dataset) → student → Answer → Score → report
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One page of a document; a text file is a single page, number 1."""

    number: int  # as printed by a viewer, from 1
    start: int  # offset of its first character in Document.text
    end: int  # offset behind its last character


@dataclass(frozen=True)
class Document:
    """One readable file, or one record or page of the many that a file or a sitemap names."""

    id: str  # its path relative to the folder, with forward slashes; a page's host and path
    title: str  # what the document calls itself, else its file's stem
    text: str  # cleaned, all pages, markers of ours neutralised
    pages: tuple[Page, ...]
    sha256: str  # of the file's bytes; of a record's text
    held_out: bool = False  # it only evaluates: none of it may stand in a training row
    dropped: tuple[tuple[str, int], ...] = ()  # running headers and footers, and how often


@dataclass(frozen=True)
class Chunk:
    """A verbatim slice of a document: document.text[start:end] == text."""

    id: str  # "<document id>#<start>"
    document_id: str
    title: str
    page: int  # the page on which it starts
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Question:
    """A question and its chain-of-thought answer, made from one chunk.

    A question of people's own (train_file) may need several: all or none are shown together.
    """

    id: str
    chunk_id: str
    text: str
    cot_answer: str = ""  # reasoning with quotes, then "<ANSWER>: …"; "" until it is answered
    answer: str = ""  # the final answer alone
    more_chunk_ids: tuple[str, ...] = ()  # of the other chunks that the answer needs

    def __post_init__(self) -> None:
        object.__setattr__(self, "more_chunk_ids", tuple(self.more_chunk_ids))  # JSON has lists

    @property
    def chunk_ids(self) -> tuple[str, ...]:
        return (self.chunk_id, *self.more_chunk_ids)


@dataclass(frozen=True)
class Rejected:
    """What a quality gate refused, and why."""

    question_id: str
    chunk_id: str
    gate: str
    reason: str
    question: str = ""
    cot_answer: str = ""


@dataclass(frozen=True)
class RaftExample:
    """One row: a question, k + 1 distinct documents, and the label (RAFT, arXiv:2403.10131 §3)."""

    id: str
    kind: str  # "oracle", "memorise" or "refuse"
    split: str  # "train", "valid" or "eval"
    question: Question
    oracle: Chunk
    context: tuple[Chunk, ...]  # in the order of the prompt
    oracle_position: int | None  # index of the oracle in context; None = absent
    label: str  # what the student is to write
    refusal: str = ""  # how it is to refuse; "" = prompts.REFUSAL
    more_oracles: tuple[Chunk, ...] = ()  # present or absent together with the first

    @property
    def oracles(self) -> tuple[Chunk, ...]:
        return (self.oracle, *self.more_oracles)


@dataclass(frozen=True)
class Answer:
    """What one model replied to one question under one condition."""

    question_id: str
    model: str  # "student", "baseline", …
    condition: str  # "closed_book", "oracle", "oracle_distractors", "top_3", …
    text: str  # the whole reply
    final_answer: str | None  # None = the reply holds no final answer: it is wrong
    quotes: tuple[str, ...]
    refused: bool
    oracle_in_context: bool
    finish_reason: str
    latency_s: float
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Score:
    """One metric of one answer."""

    question_id: str
    model: str
    condition: str
    metric: str  # "exact_match", "f1", "rouge_l", …
    value: float | None  # 0–1; None = unscored (reported apart)
    explanation: str = ""
