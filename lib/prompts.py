"""The student's prompt, one for training, evaluation and serving, beside its parser.

What the teacher is asked stands in lib/gen/prompts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Message = dict[str, str]

DOCUMENT_BEGIN, DOCUMENT_END = "<DOCUMENT>", "</DOCUMENT>"
QUOTE_BEGIN, QUOTE_END = "##begin_quote##", "##end_quote##"
ANSWER_TAG = "<ANSWER>:"
MARKERS = (DOCUMENT_BEGIN, DOCUMENT_END, QUOTE_BEGIN, QUOTE_END, ANSWER_TAG)

# What a student says that does not know; everywhere "" stands for it, another sentence for itself.
REFUSAL = "I cannot answer this from the documents given."

# It agrees with rows of every kind: reading, remembering (paper) and refusing.
_INSTRUCTION = (
    "Answer the question from the documents. First quote the sentence that holds the answer "
    f"between {QUOTE_BEGIN} and {QUOTE_END}, then write {ANSWER_TAG} and the short final answer. "
    f"If the documents do not hold the answer and you do not know it, write only: "
)

# For a base model whose tokenizer brings no chat template: the plain texts, then the completion.
PLAIN_CHAT_TEMPLATE = (
    "{{ bos_token or '' }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ message['content'] }}{{ eos_token }}"
    "{% else %}{{ message['content'] }}\n\n{% endif %}"
    "{% endfor %}"
)

# Ours, and the control tokens of the usual chat templates: <|assistant|>, </s>, <<SYS>>.
_MARKER = re.compile(
    r"</?\s*document\s*>|##\s*(?:begin|end)_quote\s*##|<\s*answer\s*>"
    r"|<\|[^|<>\s]{1,40}\|>|</?s>|<</?SYS>>",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"<ANSWER>\s*:?", re.IGNORECASE)
_QUOTE = re.compile(r"##\s*begin_quote\s*##(.*?)##\s*end_quote\s*##", re.IGNORECASE | re.DOTALL)


def neutralise(text: str) -> str:
    """Make the markers of prompts harmless in a document's own text.

    A document is data: one that holds "</DOCUMENT>", "<ANSWER>:" or "<|assistant|>" must not close
    its context, pass for a label or begin another turn. Brackets become ‹ ›, a double hash ＃＃.
    """

    def harmless(match: re.Match[str]) -> str:
        return match.group().replace("<", "‹").replace(">", "›").replace("##", "＃＃")

    return _MARKER.sub(harmless, text)


# --- the student ---------------------------------------------------------------------------------


def student_question(question: str, documents: Sequence[str]) -> str:
    """The user's turn: the documents in order, then the question (the published RAFT layout)."""
    context = "".join(f"{DOCUMENT_BEGIN}{text}{DOCUMENT_END}\n" for text in documents)
    return f"{context}{question}"


def student_instruction(refusal: str = "") -> str:
    """The system's turn."""
    return _INSTRUCTION + (refusal or REFUSAL)


def student_messages(
    question: str, documents: Sequence[str], *, refusal: str = ""
) -> list[Message]:
    """The prompt that the student is trained on, evaluated with and served by."""
    return [
        {"role": "system", "content": student_instruction(refusal)},
        {"role": "user", "content": student_question(question, documents)},
    ]


def cot_label(reasoning: str, quote: str, answer: str) -> str:
    """`The document says: ##begin_quote## … ##end_quote## <ANSWER>: …`"""
    return f"{reasoning} {QUOTE_BEGIN} {quote} {QUOTE_END} {ANSWER_TAG} {answer}"


@dataclass(frozen=True)
class ParsedAnswer:
    """The parts of a reply in the CoT format."""

    final_answer: str | None  # None: no final answer was found
    quotes: tuple[str, ...]
    refused: bool


def parse_answer(text: str, *, refusal: str = "") -> ParsedAnswer:
    """`… ##begin_quote## Rain fell for 3 days. ##end_quote## so <ANSWER>: 3 days` → ("3 days", …)

    The last tag counts; it is read with or without its colon and space. A refusal is the refusal
    sentence, as the whole reply or as the final answer.
    """
    quotes = tuple(" ".join(quote.split()) for quote in _QUOTE.findall(text))
    pieces = _ANSWER.split(text)
    final = pieces[-1].strip() if len(pieces) > 1 else ""
    refused = _says(refusal or REFUSAL, final or text)
    return ParsedAnswer(final_answer=final or None, quotes=quotes, refused=refused)


def _says(refusal: str, text: str) -> bool:
    def folded(sentence: str) -> str:
        return " ".join(re.findall(r"\w+", sentence.lower()))

    return folded(text).startswith(folded(refusal))
