"""The same questions to several models: what improved, by how much, how sure, and why."""

from lib.engine.budget import budget_of
from lib.eval.answers import answer_cases
from lib.eval.check import check_evaluation
from lib.eval.conditions import Case, build_cases
from lib.eval.judge import find_judge, judge_answers
from lib.eval.leakage import check_leakage
from lib.eval.metrics import score_answers, score_retrieval
from lib.eval.metrics.losses import decompose
from lib.eval.models import EvalModel, eval_models
from lib.eval.questions import EvalQuestion, load_chunks, load_questions
from lib.eval.report.advice import ledger_costs, show_cost, what_next
from lib.eval.report.answers import show_best_and_worst, show_latency_and_cost, show_questions
from lib.eval.report.judge import show_judge
from lib.eval.report.leakage import show_leakage
from lib.eval.report.method import show_method
from lib.eval.report.plot_differences import plot_differences
from lib.eval.report.plot_latency import plot_latency_and_cost
from lib.eval.report.plot_losses import plot_losses
from lib.eval.report.plot_refusals import plot_refusals
from lib.eval.report.plot_top_k import plot_top_k
from lib.eval.report.refusals import show_refusals
from lib.eval.report.report import write_report
from lib.eval.report.tables import show_metrics, show_table, show_verdict
from lib.eval.results import Results
from lib.eval.runs.results_files import describe_run, write_results
from lib.eval.runs.runs import load_run
from lib.eval.runs.text import headline
from lib.eval.runs.trackers import log_to_trackers
from lib.eval.summaries import clusters_of, summarise

__all__ = [
    "Case",
    "EvalModel",
    "EvalQuestion",
    "Results",
    "answer_cases",
    "budget_of",
    "build_cases",
    "check_evaluation",
    "check_leakage",
    "clusters_of",
    "decompose",
    "describe_run",
    "eval_models",
    "find_judge",
    "headline",
    "judge_answers",
    "ledger_costs",
    "load_chunks",
    "load_questions",
    "load_run",
    "log_to_trackers",
    "plot_differences",
    "plot_latency_and_cost",
    "plot_losses",
    "plot_refusals",
    "plot_top_k",
    "score_answers",
    "score_retrieval",
    "show_best_and_worst",
    "show_cost",
    "show_judge",
    "show_latency_and_cost",
    "show_leakage",
    "show_method",
    "show_metrics",
    "show_questions",
    "show_refusals",
    "show_table",
    "show_verdict",
    "summarise",
    "what_next",
    "write_report",
    "write_results",
]
