"""The proof's figures and gates, from replies: nothing here trains or asks a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from benchmarks.proof_rows import BASELINE, ORACLE_ONLY, RAFT
from lib.eval.metrics.overlap import exact_match, f1
from lib.eval.metrics.scoring import verbatim
from lib.eval.questions import EvalQuestion
from lib.eval.statistics.clustered import ALPHA, NUM_RESAMPLES, intervals, make_sample
from lib.eval.statistics.pairs import exact_p, tested
from lib.prompts.student import STUDENT_PROMPT, Prompt

MAIN, ABSENT = "oracle_4", "distractors"  # conditions: where the gates look, what is to be refused


@dataclass(frozen=True)
class Marks:
    """One model's answers under one condition, in the order of the questions."""

    exact_match: tuple[float, ...]  # 0 or 1; 0 of a refusal and of a reply without a final answer
    f1: tuple[float, ...]
    quotes: tuple[bool | None, ...]  # all stand verbatim in the oracle; None = it quotes nothing
    refused: tuple[bool, ...]


def mark(
    replies: Sequence[str], questions: Sequence[EvalQuestion], prompt: Prompt = STUDENT_PROMPT
) -> Marks:
    """Parse and mark the replies to these questions, asked with this prompt."""
    exact, overlap, quotes, refused = [], [], [], []
    for reply, question in zip(replies, questions, strict=True):
        parsed = prompt.parse(reply)
        final = None if parsed.refused else parsed.final_answer
        exact.append(exact_match(final, question.answer) if final else 0.0)
        overlap.append(f1(final, question.answer) if final else 0.0)
        share = verbatim(parsed.quotes, [question.oracle.text])
        quotes.append(None if share is None else share == 1.0)
        refused.append(parsed.refused)
    return Marks(tuple(exact), tuple(overlap), tuple(quotes), tuple(refused))


@dataclass(frozen=True)
class Training:
    """What one student was trained on, and how long."""

    rows: int
    oracle_share: float  # of the rows
    updates: int
    tokens: int  # of the rows of train and valid, read once
    seconds: float


@dataclass(frozen=True)
class SeedRun:
    """Everything measured with one seed."""

    seed: int
    clusters: tuple[str, ...]  # the oracle of each question
    num_documents: int  # that the questions ask about
    num_shared: int  # of these, shown in any training row
    hit_rate: float  # of the 5 nearest chunks
    trainings: Mapping[str, Training]  # by variant
    marks: Mapping[tuple[str, str], Marks]  # by model and condition

    def exact(self, model: str, condition: str) -> float:
        return fmean(self.marks[model, condition].exact_match)

    def f1(self, model: str, condition: str) -> float:
        return fmean(self.marks[model, condition].f1)

    def quotes(self, model: str, condition: str) -> float:
        """Of the answers that quote, the share whose quotes are the oracle's; NaN of none."""
        known = [quoted for quoted in self.marks[model, condition].quotes if quoted is not None]
        return fmean(known) if known else math.nan

    def refused(self, model: str, condition: str) -> float:
        return fmean(self.marks[model, condition].refused)

    def difference(self, model: str, other: str, condition: str) -> Difference:
        """Model − other in exact match, paired by question, clustered by chunk."""
        mine, theirs = (self.marks[name, condition].exact_match for name in (model, other))
        pairs = [a - b for a, b in zip(mine, theirs, strict=True)]
        return paired_difference(pairs, self.clusters, seed=self.seed)

    def refusals(self, model: str) -> tuple[float, float]:
        """Precision and recall of refusing, over MAIN and ABSENT; NaN where nothing is refused."""
        wrong = sum(self.marks[model, MAIN].refused)
        right = sum(self.marks[model, ABSENT].refused)
        precision = right / (right + wrong) if right + wrong else math.nan
        return precision, right / len(self.marks[model, ABSENT].refused)


# --- gates ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gate:
    """A demand, what each seed gives, and whether all of them meet it."""

    demand: str
    found: tuple[float, ...]  # by seed, in the unit of the demand
    reached: bool


def gates(runs: Sequence[SeedRun]) -> list[Gate]:
    """The demands made of the proof; each must be met in every seed, so the worst one decides."""

    def gate(
        demand: str, value: Callable[[SeedRun], float], meets: Callable[[float], bool]
    ) -> Gate:
        # A mean of zeros and ones misses its own bound by rounding alone: nine digits count.
        found = tuple(round(value(run), 9) for run in runs)
        return Gate(demand, found, all(map(meets, found)))

    def gain(run: SeedRun) -> Difference:
        return run.difference(RAFT, BASELINE, MAIN)

    return [
        gate(
            "questions on held-out documents: at least 150",
            lambda run: len(run.clusters),
            lambda x: x >= 150,
        ),
        gate(
            "held-out documents that a training row shows: 0",
            lambda run: run.num_shared,
            lambda x: x == 0,
        ),
        gate(
            "RAFT − baseline, exact match, oracle + 4 distractors: at least +20 points",
            lambda run: 100 * gain(run).mean,
            lambda x: x >= 20,
        ),
        gate(
            "the same, lower end of the 95% interval: above +10 points",
            lambda run: 100 * gain(run).low,
            lambda x: x > 10,
        ),
        gate(
            "RAFT, exact match, oracle + 4 distractors: at least 65%",
            lambda run: 100 * run.exact(RAFT, MAIN),
            lambda x: x >= 65,
        ),
        gate(
            "RAFT, answers whose quotes are verbatim in the oracle, of those that quote, oracle + "
            "4 distractors: at least 85%",
            lambda run: 100 * run.quotes(RAFT, MAIN),
            lambda x: x >= 85,
        ),
        gate(
            "baseline, exact match, the oracle alone: at least 40%",
            lambda run: 100 * run.exact(BASELINE, "oracle"),
            lambda x: x >= 40,
        ),
        gate(
            "baseline, exact match lost to 4 distractors: above 0 points",
            lambda run: 100 * (run.exact(BASELINE, "oracle") - run.exact(BASELINE, MAIN)),
            lambda x: x > 0,
        ),
        gate(
            "RAFT − the oracle-only control, exact match, oracle + 4 distractors, lower end of the "
            "95% interval: above 0 points",
            lambda run: 100 * run.difference(RAFT, ORACLE_ONLY, MAIN).low,
            lambda x: x > 0,
        ),
        gate(
            "RAFT, refusals that are right: at least 80%",
            lambda run: 100 * run.refusals(RAFT)[0],
            lambda x: x >= 80,
        ),
        gate(
            "RAFT, questions refused whose oracle is absent: at least 60%",
            lambda run: 100 * run.refusals(RAFT)[1],
            lambda x: x >= 60,
        ),
    ]


class Difference(NamedTuple):
    """The mean of paired differences, with its interval."""

    mean: float
    low: float
    high: float
    verdict: str  # "better", "worse" or "cannot tell", of the first of the pair


def paired_difference(
    differences: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Difference:
    """The mean difference (first minus second, -1 to 1), its interval and its verdict, at 5%."""
    sample = make_sample(differences, clusters, paired=True)
    (found,) = intervals([sample], seed=seed, num_resamples=num_resamples)
    found, word = tested(found, rejected=exact_p(sample.totals.tolist()) < ALPHA)
    return Difference(sample.mean, found.low, found.high, word)
