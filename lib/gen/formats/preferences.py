"""Preference pairs: for one prompt a better and a worse reply."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from lib.dataset import Row, Rows, prompt_messages
from lib.gen.formats.rows import Converted, kind_of, provenance
from lib.prompts.student import REFUSAL
from lib.records import Rejected

MEMORISE = "the oracle is absent and the label answers: neither an answer nor a refusal is worse"
NO_ANSWER = "the label refuses, and no answer to the question is known to compare it with"
SAME = "both sides of a pair are the same"


def preference_pairs(
    rows: Rows, *, answers: Mapping[str, str], rejected: Sequence[Rejected]
) -> Converted:
    """Pairs in TRL's conversational form: prompt, chosen, rejected. A row's label is chosen.

    `rejected_from` says what the other side is:

        refusal_with_oracle    the refusal, though the oracle is in the context
        answer_without_oracle  the answer to the question, though the oracle is absent
        rejected_by_<gate>     a reply to the same question that a quality gate refused

    `answers` holds the teacher's answers by question id, `rejected` what the gates refused.
    """
    refused: dict[str, list[Rejected]] = defaultdict(list)
    for item in rejected:
        refused[item.question_id].append(item)
    found = Converted()
    for split, of_split in rows.items():
        for row in of_split:
            kind, row_id = kind_of(row), row["id"]
            if kind == "memorise":
                found.leave_out(split, row, MEMORISE)
            elif kind == "refuse" and not answers.get(row_id):
                found.leave_out(split, row, NO_ANSWER)
            else:
                refusal = row.get("refusal", REFUSAL)
                sides = _with_oracle(refusal, refused.get(row_id, ()))
                if kind == "refuse":
                    sides = {answers[row_id]: "answer_without_oracle"}
                for text, rejected_from in sides.items():
                    if text.strip() == row["cot_answer"].strip():
                        found.leave_out(split, row, SAME)
                    else:
                        found.rows[split].append(_pair(row, text, rejected_from))
    return found


def _with_oracle(refusal: str, refused: Sequence[Rejected]) -> dict[str, str]:
    """The worse replies where the oracle is in the context, each with where it comes from."""
    sides = {refusal: "refusal_with_oracle"}
    for item in refused:
        if text := item.cot_answer.strip():
            sides.setdefault(text, f"rejected_by_{item.gate}")
    return sides


def _pair(row: Row, rejected: str, rejected_from: str) -> Row:
    return {
        "prompt": prompt_messages(row),
        "chosen": [{"role": "assistant", "content": row["cot_answer"]}],
        "rejected": [{"role": "assistant", "content": rejected}],
        "rejected_from": rejected_from,
        **provenance(row),
    }
