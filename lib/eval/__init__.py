"""Ask student and baseline the same questions over the same documents, and say how sure we are."""

from lib.eval.advice import show_cost, what_next
from lib.eval.answer import answer_cases
from lib.eval.conditions import Case, build_cases
from lib.eval.metrics import score_answers
from lib.eval.plots import plot_differences, plot_exact_match, plot_refusals
from lib.eval.questions import EvalQuestion, load_chunks, load_questions
from lib.eval.report import headline_of, write_report, write_results
from lib.eval.show import show_best_and_worst, show_questions
from lib.eval.show_tables import show_details, show_table, show_verdict
from lib.eval.tables import compare, headline, verdict

__all__ = [
    "Case",
    "EvalQuestion",
    "answer_cases",
    "build_cases",
    "compare",
    "headline",
    "headline_of",
    "load_chunks",
    "load_questions",
    "plot_differences",
    "plot_exact_match",
    "plot_refusals",
    "score_answers",
    "show_best_and_worst",
    "show_cost",
    "show_details",
    "show_questions",
    "show_table",
    "show_verdict",
    "verdict",
    "what_next",
    "write_report",
    "write_results",
]
