"""An LLM as judge: right or wrong and five ratings; and the judge compared with people."""

# ruff: noqa: F401  # the public names of the room

from lib.eval.judge.audit import audit
from lib.eval.judge.grading import JUDGE_METRICS, Judge, find_judge, judge_answers, unparsed_counts
