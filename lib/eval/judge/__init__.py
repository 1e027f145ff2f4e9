"""An LLM as judge: right or wrong and five ratings; and the judge compared with people.

find_judge(recipe)                               → the endpoint of JUDGE_…, or None
judge_answers(judge, answers, questions, cases)  → one Score per metric and answer
audit(judge, labels_file)                        → agreement with people, kappa
"""

from lib.eval.judge.asking import Judge, find_judge
from lib.eval.judge.audit import Audit, audit, audit_text
from lib.eval.judge.grading import (
    JUDGE_CORRECT,
    JUDGE_METRICS,
    UnparsedRate,
    judge_answers,
    unparsed_rates,
)

__all__ = [
    "JUDGE_CORRECT",
    "JUDGE_METRICS",
    "Audit",
    "Judge",
    "UnparsedRate",
    "audit",
    "audit_text",
    "find_judge",
    "judge_answers",
    "unparsed_rates",
]
