"""Figures and names as they are shown to readers."""

import math

from lib.eval.models import BASELINE, PLAIN, STUDENT
from lib.eval.results import Comparison, Estimate, Primary

NONE = "–"  # shown where there is no figure
_ROLES = (STUDENT, BASELINE, "teacher")


def percent(value: float | None, *, places: int = 0) -> str:
    """0.345 → "34" ("–" = there is none)."""
    return NONE if is_absent(value) else f"{100 * value:.{places}f}"  # type: ignore[operator]


def signed(value: float | None, *, places: int = 0) -> str:
    """-0.05 → "-5", 0.05 → "+5", 0 → "0"."""
    if is_absent(value):
        return NONE
    text = f"{100 * value:+.{places}f}"  # type: ignore[operator]
    return text[1:] if float(text) == 0 else text


def p_value(value: float) -> str:
    """0.0261 → "0.026", 0.00002 → "<0.001" ("–" = there is none)."""
    if is_absent(value):
        return NONE
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def interval(one: Estimate) -> str:
    """The interval in percent: `33–57`"""
    return NONE if is_absent(one.low) else f"{percent(one.low)}–{percent(one.high)}"


def points(one: Comparison, *, places: int = 0) -> str:
    """The interval of the difference: `+2 to +28`; a bound beside 0 has the places to be told."""
    if is_absent(one.low):
        return NONE
    shown = [float(signed(bound, places=places)) for bound in (one.low, one.high)]
    if (one.low > 0 or one.high < 0) and 0 in shown and places < 4:
        return points(one, places=places + 1)
    return f"{signed(one.low, places=places)} to {signed(one.high, places=places)}"


def difference(one: Comparison) -> str:
    """`+18 points`; `+18 points before rounding` where both figures, rounded, do not give that."""
    said = f"{signed(one.difference)} points"
    if is_absent(one.difference):
        return said
    rounded = int(percent(one.value)) - int(percent(one.against_value))
    return said if rounded == int(signed(one.difference)) else f"{said} before rounding"


def needed(one: Comparison, primary: Primary) -> str:
    """Of one that needs some: `330 questions`, `330 questions (the dataset has 140)`"""
    count = one.questions_needed or 0
    said, few = counted(count, "question"), 0 < primary.available < count
    return f"{said} (the dataset has {primary.available:,})" if few else said


def is_absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 question`, `1,200 questions`, `2 replies`"""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def called(model: str) -> str:
    """`baseline, plain prompt` → "the baseline with its plain prompt"; `gpt-4o` → "gpt-4o"."""
    role = model.removesuffix(PLAIN)
    name = f"the {role}" if role in _ROLES else role
    return name if role == model else f"{name} with its plain prompt"


# Metric → its name, its meaning; in the order of a table.
_OVERLAP = {
    "exact_match": ("Exact match", "the final answer is the right one, by SQuAD's rules"),
    "f1": ("Token F1", "words shared with the right answer, by SQuAD's rules"),
    "rouge_1": ("ROUGE-1", "words in common"),
    "rouge_2": ("ROUGE-2", "pairs of words in common; only right answers of two words or more"),
    "rouge_l": ("ROUGE-L", "longest run of words in common"),
    "bleu": ("BLEU", "runs of up to four words in common"),
    "chrf": ("chrF", "runs of characters in common"),
    "answer_containment": ("Answer containment", "the final answer contains the right one"),
    "api_call_match": ("API call", "the call is the right one, its arguments in any order"),
}
_QUOTES = {
    "quotes_in_context": ("Quotes verbatim", "quotes that are in the documents, word for word"),
    "quotes_in_oracle": ("Quotes of the oracle", "quotes that are in the document with the answer"),
}
_REFUSALS = {
    "refused_rightly": ("Refused rightly", "no document held the answer; more is better"),
    "refused_wrongly": ("Refused wrongly", "no answer, though a document held it; less is better"),
}
_RETRIEVAL = {
    "hit_rate": ("Hit rate", "a document with the answer was retrieved"),
    "reciprocal_rank": ("MRR", "1 / rank of the first document with the answer, as a mean"),
    "context_precision": ("Context precision", "share of retrieved documents that hold the answer"),
    "context_recall": ("Context recall", "share of documents with the answer that were retrieved"),
}
_JUDGE = {
    "judge_correct": ("Judge: correct", "the judge says that the answer is right"),
    "judge_groundedness": ("Judge: groundedness", "the documents support the reply"),
    "judge_relevance": ("Judge: relevance", "the answer fits the question"),
    "judge_coherence": ("Judge: coherence", "the reply is coherent"),
    "judge_fluency": ("Judge: fluency", "the reply reads well"),
    "judge_similarity": ("Judge: similarity", "the answer says what the right one says"),
}
METRIC_GROUPS = {
    "Overlap with the right answer": _OVERLAP,
    "Quotes": _QUOTES,
    "Refusals": _REFUSALS,
    "Retrieval, the same for all models": _RETRIEVAL,
    "Judge": _JUDGE,
}
METRIC_NAMES = {name: said for group in METRIC_GROUPS.values() for name, said in group.items()}


def metric_name(metric: str) -> str:
    """Its name; a metric that is not listed keeps its own, without underscores."""
    return METRIC_NAMES.get(metric, (metric.replace("_", " "), ""))[0]
