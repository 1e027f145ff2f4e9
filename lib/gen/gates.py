"""Quality gates: each refuses a question or an answer with its reason; nothing vanishes."""

from __future__ import annotations

import re

from lib.prompts import ANSWER_TAG, QUOTE_BEGIN, QUOTE_END, neutralise, parse_answer
from lib.records import Chunk, Question, Rejected

MAX_QUESTION_WORDS = 60
MAX_ANSWER_WORDS = 40

_LEANS_ON = re.compile(
    r"\b(?:this|these|those(?! (?:who|that|which|of|with|in|from))|the (?:above|given|provided|"
    r"following|preceding|aforementioned))\b"
    r"|\bthe (?:passage|excerpt|snippet|paragraph|document|text|article|context)\b(?! (?:of|on|by|"
    r"called|titled|entitled|named)\b)"
    r"|\b(?:mentioned|described|listed|discussed|stated) (?:above|below|here)\b"
    r"|\baccording to the author\b",
    re.IGNORECASE,
)
# Typographic characters as a keyboard has them.
_PLAIN = {
    **dict.fromkeys("‘’‚‛′´`", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...",
}
_DIVIDED = re.compile(r"\u00ad|(?<=[^\W\d_])[-‐‑‒–—―−]\s+(?=[^\W\d_])")
_QUOTED = re.compile(rf"({QUOTE_BEGIN}\s*)(.*?)(\s*{QUOTE_END})", re.DOTALL)
_BARE_PRONOUN = re.compile(
    r"^(?:\w+\s+){1,4}?"
    r"(?:(?:do|does|did|is|are|was|were|can|could|will|would|should|may|might|must)\s+"
    r"(?:it|he|she|they|we|you|i|its|his|her|their)|(?:has|have|had)\s+(?:it|he|she|they|we|you|i))\b",
    re.IGNORECASE,
)


def refuse_question(text: str) -> tuple[str, str] | None:
    """The gate and reason that refuse a question before its answer is asked for; None if none."""
    words = text.split()
    if not text.rstrip(' "”’»)').endswith(("?", "？", "؟")):
        return "form", "it does not end in a question mark"
    if len(words) > MAX_QUESTION_WORDS:
        return "form", f"{len(words)} words, and at most {MAX_QUESTION_WORDS} are taken"
    if neutralise(text) != text:
        return "form", "it holds a marker of the prompts"
    if found := _LEANS_ON.search(text):
        return "stands_alone", f"“{found.group()}” points at a text that its reader will not see"
    if found := _BARE_PRONOUN.search(text):
        return "stands_alone", f"“{found.group().split()[-1]}” stands for nothing in the question"
    return None


def judge_answer(question: Question, chunk: Chunk, reply: str, finish_reason: str) -> Question:
    """The question with its answer, when the teacher's reply passes every gate.

    Raises:
        Refusal: a gate refuses it.
    """
    if finish_reason == "content_filter":
        raise Refusal("content_filter", "the teacher's content filter refused it")
    if finish_reason == "length":
        raise Refusal("complete", "the reply was cut at its token limit")
    if not reply.strip():
        raise Refusal("empty", f"the reply is empty ({finish_reason})")
    cot_answer = canonical(reply)
    parsed = parse_answer(cot_answer)
    if parsed.refused:
        raise Refusal("teacher_refused", "the teacher finds no answer in the document")
    if parsed.final_answer is None or not re.search(r"\w", parsed.final_answer):
        raise Refusal("parsable", f"no final answer behind {ANSWER_TAG}")
    if cot_answer.count(ANSWER_TAG) > 1:
        raise Refusal("parsable", f"{ANSWER_TAG} stands in it more than once")
    if len(parsed.final_answer.split()) > MAX_ANSWER_WORDS:
        raise Refusal("length", f"the final answer has more than {MAX_ANSWER_WORDS} words")
    if f" {folded_words(parsed.final_answer)} " in f" {folded_words(question.text)} ":
        raise Refusal("told", "the question holds its answer")
    if not parsed.quotes or cot_answer.count(QUOTE_BEGIN) != len(parsed.quotes):
        raise Refusal("quoted", "no quote, or one that is not closed")

    def own_words(quoted: re.Match[str]) -> str:
        begin, quote, end = quoted.groups()
        if (found := find_quote(quote, chunk.text)) is None:
            raise Refusal("verbatim", f"not in the document: “{quote[:120]}”")
        return f"{begin}{found}{end}"

    cot_answer = _QUOTED.sub(own_words, cot_answer)
    return Question(question.id, question.chunk_id, question.text, cot_answer, parsed.final_answer)


class Refusal(Exception):
    """A gate said no."""

    def __init__(self, gate: str, reason: str) -> None:
        super().__init__(reason)
        self.gate, self.reason = gate, reason

    def of(self, question: Question, cot_answer: str = "") -> Rejected:
        return Rejected(
            question_id=question.id,
            chunk_id=question.chunk_id,
            gate=self.gate,
            reason=self.reason,
            question=question.text,
            cot_answer=cot_answer,
        )


def canonical(reply: str) -> str:
    """`## begin_quote ##x##end_quote## <Answer> 3` → the published marks, letter for letter."""
    text = re.sub(r"##\s*begin_quote\s*##", QUOTE_BEGIN, reply.strip(), flags=re.IGNORECASE)
    text = re.sub(r"##\s*end_quote\s*##", QUOTE_END, text, flags=re.IGNORECASE)
    return re.sub(r"\**<\s*answer\s*>\s*:?\**\s*", f"{ANSWER_TAG} ", text, flags=re.IGNORECASE)


def find_quote(quote: str, text: str) -> str | None:
    """The text's own characters for a quote of it, on one line; None = it does not stand there.

    It must stand there letter for letter, case and punctuation included. Only what a teacher
    changes unawares counts as the same: runs of white space are one space; quotation marks,
    dashes and "…" are what a keyboard has; a soft hyphen, and a hyphen with white space between
    two letters (a word divided at a line's end), are nothing.
    """
    wanted, _ = _fold(quote.strip())
    folded, places = _fold(text)
    at = folded.find(wanted)
    if not wanted or at < 0:
        return None
    return " ".join(text[places[at] : places[at + len(wanted) - 1] + 1].split())


def _fold(text: str) -> tuple[str, list[int]]:
    """The text as quotes are compared, and where in the text each character of that stands."""
    divided = {place for found in _DIVIDED.finditer(text) for place in range(*found.span())}
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if place in divided:
            continue
        for plain in _PLAIN.get(character, " " if character.isspace() else character):
            if plain not in " -" or folded[-1:] != [plain]:  # "--" is a dash too
                folded.append(plain)
                places.append(place)
    return "".join(folded), places


def folded_words(text: str) -> str:
    """The words alone, in lower case: what "the same" and "holds" mean for answers."""
    return " ".join(re.findall(r"\w+", text.lower()))
