"""Verifiable rewards: what rules can tell of a reply, each between 0 and 1 (for GRPO).

A function takes replies and, of each, the columns of its row, as TRL passes them.
"""

from collections.abc import Sequence
from typing import Any

from lib.prompts.student import ParsedAnswer, parse_answer
from lib.text import find_quote, normalise


def format_reward(completions: Sequence[Any], refusal: Sequence[str], **_: Any) -> list[float]:
    """A final answer, or the refusal sentence."""
    read = _read(completions, refusal)
    return [float(one.refused or one.final_answer is not None) for one in read]


def quote_reward(
    completions: Sequence[Any], refusal: Sequence[str], documents: Sequence[list[str]], **_: Any
) -> list[float]:
    """The share of its quotes that are in a document, letter for letter; a refusal needs none."""
    rewards = []
    for one, texts in zip(_read(completions, refusal), documents, strict=True):
        found = [any(find_quote(quote, text) for text in texts) for quote in one.quotes]
        rewards.append(sum(found) / len(found) if found else float(one.refused))
    return rewards


def answer_reward(
    completions: Sequence[Any],
    refusal: Sequence[str],
    answer: Sequence[str],
    kind: Sequence[str],
    **_: Any,
) -> list[float]:
    """The right answer (SQuAD's exact match), or a refusal where the row is one to refuse."""
    return [
        float(one.refused if what == "refuse" else _is_right(one, right))
        for one, right, what in zip(_read(completions, refusal), answer, kind, strict=True)
    ]


REWARDS = (format_reward, quote_reward, answer_reward)


def _is_right(one: ParsedAnswer, right: str) -> bool:
    return not one.refused and normalise(one.final_answer or "") == normalise(right)


def _read(completions: Sequence[Any], refusal: Sequence[str]) -> list[ParsedAnswer]:
    """Each completion is a text, or the messages of a chat."""
    texts = [done if isinstance(done, str) else done[-1]["content"] for done in completions]
    return [parse_answer(text, refusal=no) for text, no in zip(texts, refusal, strict=True)]
