"""Two likings that judges are known for: long answers, and those of their own family."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.eval.judge.agreement import Rate, rate
from lib.eval.judge.labels import LabelledAnswer

Verdicts = Sequence[tuple[LabelledAnswer, bool]]  # what the judge says of each


# --- length --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LengthEffect:
    """Does the judge pass longer answers more often, among answers that people judge the same?"""

    num_pairs: int  # of a passed and a failed answer with the same human label
    longer_passed: float  # share of them whose passed one has more words, ties half; NaN of none

    def __str__(self) -> str:
        if not self.num_pairs:
            return "Length: no two answers of one human label with different verdicts: n/a"
        return (
            f"Length: of {self.num_pairs} pairs with one human label and different verdicts, the "
            f"longer answer passed in {100 * self.longer_passed:.0f}% (50% = length plays no part)"
        )


def length_effect(verdicts: Verdicts) -> LengthEffect:
    """Compare each passed answer with each failed one of the same human label.

    Only answers on which judge and people differ make pairs, so a good judge leaves few. It is
    an observation: longer answers may be harder to judge for other reasons, and one answer stands
    in many pairs, so the number of pairs is no n. `check_verbosity` changes the length alone.
    """
    wins, pairs = 0.0, 0
    for label in (True, False):
        passed = [_words(row) for row, says in verdicts if row.correct == label and says]
        failed = [_words(row) for row, says in verdicts if row.correct == label and not says]
        wins += sum((p > f) + (p == f) / 2 for p in passed for f in failed)
        pairs += len(passed) * len(failed)
    return LengthEffect(pairs, wins / pairs if pairs else math.nan)


def _words(row: LabelledAnswer) -> int:
    return len(row.answer.split())


# --- self-preference -----------------------------------------------------------------------------

_FAMILIES = {  # a word of the names of a series → its family
    **dict.fromkeys(("gpt", "chatgpt", "davinci", "o1", "o3", "o4", "codex"), "gpt"),
    **dict.fromkeys(("claude", "haiku", "sonnet", "opus"), "claude"),
    **dict.fromkeys(("gemini", "gemma", "palm"), "gemini"),
    **dict.fromkeys(("llama", "vicuna", "alpaca", "tulu"), "llama"),
    **dict.fromkeys(("mistral", "mixtral", "ministral", "magistral", "codestral"), "mistral"),
    **dict.fromkeys(("command", "aya"), "command"),
    **dict.fromkeys(("qwen", "qwq"), "qwen"),
    **{one: one for one in ("deepseek", "falcon", "glm", "granite", "grok", "kimi", "nemotron")},
    **{one: one for one in ("nova", "olmo", "phi", "smollm", "yi")},
}


def families(model: str) -> frozenset[str]:
    """`meta-llama/Llama-3.1-8B` → {"llama"}; `DeepSeek-R1-Distill-Qwen-7B` → {"deepseek", "qwen"}.

    By the words of the name alone. A deployment may be called anything, so a family that is not
    found proves nothing.
    """
    words = re.findall(r"o\d(?!\d)|[a-z]+", model.lower().rsplit("/", 1)[-1])
    return frozenset(_FAMILIES[word] for word in words if word in _FAMILIES)


def self_preference_warnings(judge_model: str, models: Mapping[str, str]) -> list[str]:
    """One sentence for each judged model (name → its name at the endpoint) of the judge's family.

    Models have been seen to prefer their own kind of answer (arXiv:2404.13076). The reference that
    the judge always sees bounds that; another family's judge avoids it. A teacher counts though it
    is not judged itself: its student learned to write as it does.
    """
    warnings = []
    for name, model in models.items():
        if not is_kin(model, judge_model):
            continue
        whose = model if model == name else f"{name} ({model})"
        kin = "the judge's own model" if model == judge_model else f"of {judge_model}'s own family"
        warnings.append(
            f"The judge may prefer answers of {whose}, {kin}. Take a judge of another family, or "
            "audit this one with labels that name the models."
        )
    return warnings


def is_kin(model: str, judge_model: str) -> bool:
    """The same model, or by its name of the same family."""
    return model == judge_model or bool(families(model) & families(judge_model))


@dataclass(frozen=True)
class SelfPreference:
    """How often the judge passes what people call wrong: by its own family, and by others."""

    same_family: Rate
    others: Rate
    difference: float  # same_family - others; above 0, it is milder with its own
    low: float  # of its 95% interval (Newcombe, from Wilson's)
    high: float

    def __str__(self) -> str:
        return (
            f"Wrong answers passed: of the judge's family {self.same_family}, of others "
            f"{self.others}; difference {100 * self.difference:+.0f} points "
            f"({100 * self.low:+.0f} to {100 * self.high:+.0f})"
        )


def self_preference(judge_model: str, verdicts: Verdicts) -> SelfPreference | None:
    """Compare the false-positive rates; None if wrong answers of one of the two sides are missing.

    Rows that name no model are left out. It is an observation: the wrong answers of one model may
    be nearer to right than those of another, and then any judge passes more of them.
    """
    wrong = [(row, says) for row, says in verdicts if row.model and not row.correct]
    mine = [says for row, says in wrong if is_kin(row.model, judge_model)]
    others = [says for row, says in wrong if not is_kin(row.model, judge_model)]
    if not mine or not others:
        return None
    same, other = rate(sum(mine), len(mine)), rate(sum(others), len(others))
    below = math.hypot(same.value - same.low, other.high - other.value)
    above = math.hypot(same.high - same.value, other.value - other.low)
    difference = same.value - other.value
    return SelfPreference(same, other, difference, difference - below, difference + above)
