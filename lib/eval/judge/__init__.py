"""An LLM as judge: right or wrong and five ratings, two answers compared, and the judge audited.

find_judge(recipe)                                  → the endpoint of JUDGE_…, or None
judge_answers(judge, answers, questions, cases)     → one Score a metric and answer
judge_pairs(judge, answers, questions, first=…, second=…)  → one Pair a question
audit(judge, labels_file)                           → agreement with people, kappa
check_verbosity(judge, labels_file)                 → verdicts that padding changes
"""

from lib.eval.judge.asking import Judge, find_judge
from lib.eval.judge.audit import Audit, audit
from lib.eval.judge.audit_text import audit_text
from lib.eval.judge.bias import self_preference_warnings
from lib.eval.judge.grading import (
    JUDGE_CORRECT,
    JUDGE_METRICS,
    UnparsedRate,
    judge_answers,
    judge_fields,
    unparsed_rates,
)
from lib.eval.judge.pairs import Pair, PairFigures, judge_pairs, pair_figures
from lib.eval.judge.verbosity import Verbosity, check_verbosity

__all__ = [
    "JUDGE_CORRECT",
    "JUDGE_METRICS",
    "Audit",
    "Judge",
    "Pair",
    "PairFigures",
    "UnparsedRate",
    "Verbosity",
    "audit",
    "audit_text",
    "check_verbosity",
    "find_judge",
    "judge_answers",
    "judge_fields",
    "judge_pairs",
    "pair_figures",
    "self_preference_warnings",
    "unparsed_rates",
]
