"""Reading what the teacher replies: questions, rows, ratings, short answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from lib.prompts.student import ANSWER_TAG, parse_answer

NOT_ANSWERED = "NONE"

_FENCE = re.compile(r"```(?:json)?\s*(.*?)(?:```|\Z)", re.DOTALL)
_LIST_MARK = re.compile(
    r"^(?:[-*•]\s+|\(?\d{1,3}[.):](?=\s|\D)\s*|\(?(?:Q|Question)\s*\d{0,3}\s*[.):]\s*)+",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|here (?:is|are|'s)|here’s)\b[^?？؟\n]{0,80}?[:!]\s+",
    re.IGNORECASE,
)
_QUESTION_MARKS = ("?", "？", "؟")


def parse_questions(reply: str) -> list[str]:
    """`{"questions": ["Who built the pier?", "When did it open?"]}` → the two questions.

    Also reads a fenced block, a bare JSON list, a list that was cut, and numbered or bulleted
    lines that end in "?". Returns [] when nothing is found.
    """
    body = _body(reply)
    try:
        data = json.loads(body)
    except json.JSONDecodeError:
        strings = re.findall(r'"((?:[^"\\]|\\.)*)"\s*(?=[,\]])', body) if body[:1] in "{[" else []
        if strings:  # cut at its limit, or with a comma too many
            data = [json.loads(f'"{text}"', strict=False) for text in strings]
        else:
            lines = [clean_question(line) for line in body.splitlines()]
            return [line for line in lines if line.endswith(_QUESTION_MARKS)]
    if isinstance(data, dict):
        data = data.get("questions", [])
    if not isinstance(data, list):
        return []
    texts = (item.get("question", "") if isinstance(item, dict) else item for item in data)
    return [clean_question(text) for text in texts if isinstance(text, str) and text.strip()]


def clean_question(text: str) -> str:
    """`Sure, here is one: 2) **What happened in 2015?**` → "What happened in 2015?"

    A list's number, bullet or label, a preamble and marks around the whole go; a year or a number
    of the question itself stays.
    """
    text = " ".join(text.split())
    while True:
        shorter = _LIST_MARK.sub("", _PREAMBLE.sub("", text.strip("*_` "))).strip()
        for left, right in ('""', "“”", "''", "‘’", "«»"):
            if shorter[:1] == left and shorter[-1:] == right and left not in shorter[1:-1]:
                shorter = shorter[1:-1].strip()
        if shorter == text:
            return text
        text = shorter


@dataclass(frozen=True)
class DraftRow:
    """One row of a reply that holds several."""

    document: int  # its number in the prompt, from 1
    question: str
    reasoning: str  # "" in a plain pair
    answer: str

    @property
    def cot_answer(self) -> str:
        return f"{self.reasoning} {ANSWER_TAG} {self.answer}"


def parse_rows(reply: str) -> list[DraftRow]:
    """`{"rows": [{"document": 1, "question": "…", "reasoning": "…", "answer": "…"}]}`

    Of a reply that was cut, or whose JSON breaks, the rows that are whole are read.
    """
    rows = []
    for item in _objects(_body(reply)):
        question, reasoning, answer = (
            item.get(name, "") for name in ("question", "reasoning", "answer")
        )
        answer = str(answer) if isinstance(answer, int | float) else answer
        if not all(isinstance(text, str) for text in (question, reasoning, answer)):
            continue
        if not question.strip():
            continue
        document = item.get("document", 1)
        document = int(document) if str(document).isdigit() else 0
        # Some teachers end the reasoning with the answer, as they know it from elsewhere.
        reasoning = re.split(r"<\s*answer\s*>", reasoning, flags=re.IGNORECASE)[0].strip()
        rows.append(DraftRow(document, clean_question(question), reasoning, answer.strip()))
    return rows


def parse_rating(reply: str) -> tuple[int, str] | None:
    """`{"reason": "It is clear.", "rating": 4}` → (4, "It is clear."); None = no rating."""
    for item in _objects(_body(reply)):
        if str(item.get("rating", "")) in ("1", "2", "3", "4", "5"):
            return int(item["rating"]), " ".join(str(item.get("reason", "")).split())
    return None


def parse_short_answer(reply: str) -> str | None:
    """`3 days.` → "3 days"; `NONE` or a refusal → None."""
    parsed = parse_answer(reply)
    text = (parsed.final_answer or reply).strip().strip("*\"“”'").rstrip(".").strip()
    return None if not text or is_none(text) or parsed.refused else text


def is_none(text: str) -> bool:
    """`NONE`, `"NONE."`: what the prompts ask for where the document has no answer."""
    return re.fullmatch(rf"\W*{NOT_ANSWERED}\W*", text) is not None


def _body(reply: str) -> str:
    fenced = _FENCE.search(reply)
    body = (fenced.group(1) if fenced else reply).strip()
    # "Here it is: {…}": what stands before the JSON goes.
    opened = re.search(r'[{\[]\s*["{\[]', body)
    return body[opened.start() :] if opened and not fenced else body


def _objects(text: str) -> list[dict[str, Any]]:
    """The innermost JSON objects of a text, whether or not what is around them is whole."""
    found: list[dict[str, Any]] = []
    decoder, at = json.JSONDecoder(strict=False), 0
    while (at := text.find("{", at)) >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            at += 1
            continue
        lists = [rows for rows in value.values() if isinstance(rows, list)]
        rows = [row for of_key in lists for row in of_key if isinstance(row, dict)]
        found += rows or [value]
        at = end
    return found
