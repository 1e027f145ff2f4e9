"""The same questions to several models: what improved, by how much, how sure, and why."""

# ruff: noqa: F401  # the public names of the room

from lib.engine.budget import budget_of
from lib.eval.answers import answer_cases
from lib.eval.conditions import build_cases
from lib.eval.judge.grading import find_judge, judge_answers
from lib.eval.leakage import check_leakage
from lib.eval.metrics.losses import decompose
from lib.eval.metrics.scoring import score_answers, score_retrieval
from lib.eval.models import eval_models
from lib.eval.primary import declare_primary
from lib.eval.questions import load_questions
from lib.eval.report.answers import show_best_and_worst, show_questions
from lib.eval.report.method import (
    ledger_costs,
    show_cost,
    show_judge,
    show_latency_and_cost,
    show_leakage,
    show_method,
)
from lib.eval.report.plots import plot_differences, plot_losses, plot_top_k
from lib.eval.report.report import write_report
from lib.eval.report.tables import (
    show_learned,
    show_metrics,
    show_refusals,
    show_table,
    show_verdict,
    what_next,
)
from lib.eval.runs.files import describe_run, write_results
from lib.eval.runs.runs import load_run
from lib.eval.runs.text import headline
from lib.eval.runs.trackers import log_to_trackers
from lib.eval.summaries import clusters_of, summarise
