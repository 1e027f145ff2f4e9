"""How often the evaluation's 95% intervals hold the truth: 70 questions, 2,000 simulated draws.

Each draw makes up answers with a known mean, some alike within a chunk: a question's luck is a
normal number that its chunk shares to the degree of `alike`. Quick: one case of each kind, 800
draws and fewer resamples, with the limits widened by two standard errors.

Limits: 93–97%. The rows at 97% and 95% right have the lower one alone: where fewer than 6 chunks
differ the interval errs wide. Of single rates Wilson's interval covers 92.9–97.9%, 95.1% on
average, by the luck of whole numbers (10%: 93.2, 5%: 97.7); so one row draws its rate anew.

Takes about a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from lib.eval.statistics.clustered import NUM_RESAMPLES, intervals, make_sample
from lib.eval.statistics.pairs import exact_p

QUESTIONS, DRAWS, QUICK_DRAWS, QUICK_RESAMPLES = 70, 2000, 800, 1000
LOWEST, HIGHEST = 0.93, 0.97
MOST_FALSE_ALARMS = 0.05
ALONE, MIXED, FOURS = (1,), (1, 2, 3, 4), (4,)  # questions a chunk, in turn
NORMAL = NormalDist()


@dataclass(frozen=True)
class Case:
    """What is drawn: rates, values from 0 to 1, or differences of two models that are 0 or 1."""

    kind: str  # "rate", "mean", "pair"
    shares: tuple[float, ...]  # right; exactly 0 and exactly 1; right of the one, of the other
    chunk_sizes: tuple[int, ...] = ALONE
    alike: float = 0.0  # correlation of the luck within a chunk
    same: float = 0.0  # of a pair: correlation of the two models' luck on a question
    sparse: bool = False  # no upper limit

    def __str__(self) -> str:
        shares = [f"{share:.0%}" for share in self.shares]
        what = {
            "rate": "{} right" if shares else "5–95% right, drawn anew each time",
            "mean": "{} at 0, {} at 1, the rest between",
            "pair": "{} right against {}",
        }[self.kind].format(*shares)
        chunks = {ALONE: "1 a chunk", MIXED: "1–4 a chunk", FOURS: "4 a chunk"}[self.chunk_sizes]
        return ", ".join([what, chunks, *([f"alike {self.alike}"] if self.alike else [])])


RATES = [Case("rate", shares) for shares in ((0.15,), (0.3,), (0.5,), (0.76,), (0.85,), ())]
CLUSTERED_RATES = [
    Case("rate", (share,), sizes, alike)
    for share in (0.5, 0.76)
    for sizes, alike in ((MIXED, 0.0), (MIXED, 0.3), (FOURS, 0.3))
]
MEANS = [
    Case("mean", shares, sizes, alike)
    for shares in ((0.3, 0.4), (0.1, 0.7), (0.6, 0.2))
    for sizes, alike in ((ALONE, 0.0), (MIXED, 0.3), (FOURS, 0.3), (MIXED, 0.6))
]
PAIRS = [
    Case("pair", shares, sizes, alike, same=same)
    for shares, same in (((0.75, 0.75), 0.6), ((0.75, 0.6), 0.6), ((0.8, 0.4), 0.5))
    for sizes, alike in ((ALONE, 0.0), (MIXED, 0.3), (FOURS, 0.3))
]
SPARSE = [
    Case("pair", (0.97, 0.95), ALONE, same=0.5, sparse=True),
    Case("pair", (0.97, 0.95), MIXED, 0.3, same=0.5, sparse=True),
]
ALL = [*RATES, *CLUSTERED_RATES, *MEANS, *PAIRS, *SPARSE]
FEW = [
    Case("rate", (0.5,)),
    Case("mean", (0.3, 0.4), MIXED, 0.3),
    Case("pair", (0.75, 0.6), FOURS, same=0.5),
]


def main(*, quick: bool = False) -> int:
    """Print the coverage of each case; 1 when one is outside the limits."""
    cases = FEW if quick else ALL
    draws = QUICK_DRAWS if quick else DRAWS
    resamples = QUICK_RESAMPLES if quick else NUM_RESAMPLES
    slack = 2 * (0.05 * 0.95 / draws) ** 0.5 if quick else 0.0
    print(f"covered | too low | too high | mean width | {QUESTIONS} questions, {draws:,} draws")
    missed = []
    for seed, case in enumerate(cases):
        below, above, width = measure(case, draws=draws, resamples=resamples, seed=seed)
        covered = 1 - below - above
        print(f"{covered:.1%} | {below:.1%} | {above:.1%} | {width:.3f} | {case}", flush=True)
        highest = 1.0 if case.sparse else HIGHEST + slack
        if not LOWEST - slack <= covered <= highest:
            missed.append(case)
    single, whole = false_alarms(draws=draws)
    print(
        "equal models, 4 questions a chunk, very alike, told apart at 5%: question by question "
        f"{single:.1%}, chunk by chunk {whole:.1%} (at most {MOST_FALSE_ALARMS:.0%})"
    )
    for case in missed:
        print(f"missed: {case}")
    print(
        f"{len(cases) - len(missed)} of {len(cases)} cases are covered {LOWEST - slack:.1%} to "
        f"{HIGHEST + slack:.1%} of the time (target: all; where few chunks differ, the lower limit "
        "alone)"
    )
    return int(bool(missed) or whole > MOST_FALSE_ALARMS + slack)


def measure(case: Case, *, draws: int, resamples: int, seed: int) -> tuple[float, float, float]:
    """The share of draws whose interval is below the truth, the share above it, the mean width."""
    import numpy

    values, truths, chunks = draw(case, draws=draws, seed=seed)
    samples = [make_sample(row, chunks, paired=case.kind == "pair") for row in values]
    found = intervals(samples, seed=seed, num_resamples=resamples)
    low, high = (numpy.array([getattr(one, end) for one in found]) for end in ("low", "high"))
    # A bound that equals the truth but for rounding holds it.
    below, above = (high < truths - 1e-9).mean(), (low > truths + 1e-9).mean()
    return float(below), float(above), float((high - low).mean())


def draw(case: Case, *, draws: int, seed: int) -> tuple[Any, Any, list[int]]:
    """[draws, questions] values, the true mean of each draw, and each question's chunk."""
    import numpy

    rng = numpy.random.default_rng(seed)
    chunks = _chunks(case.chunk_sizes)

    def luck(alike: float) -> Any:
        of_chunk = rng.standard_normal((draws, max(chunks) + 1))[:, chunks]
        own = rng.standard_normal((draws, QUESTIONS))
        return alike**0.5 * of_chunk + (1 - alike) ** 0.5 * own

    if case.kind == "rate":
        shares = numpy.array(case.shares * draws or rng.uniform(0.05, 0.95, draws))
        limits = numpy.array([NORMAL.inv_cdf(share) for share in shares])
        return (luck(case.alike) < limits[:, None]).astype(float), shares, chunks
    one, other = case.shares
    if case.kind == "mean":
        places = numpy.vectorize(NORMAL.cdf)(luck(case.alike))
        values = numpy.clip((places - one) / (1 - one - other), 0, 1)
        return values, numpy.full(draws, other + (1 - one - other) / 2), chunks
    shared = luck(case.alike)
    mine, theirs = (
        case.same**0.5 * shared + (1 - case.same) ** 0.5 * luck(case.alike) < NORMAL.inv_cdf(share)
        for share in case.shares
    )
    return mine.astype(float) - theirs, numpy.full(draws, one - other), chunks


def _chunks(sizes: Sequence[int]) -> list[int]:
    """Each question's chunk, from 0: as many questions a chunk as the sizes say, in turn."""
    chunks: list[int] = []
    while len(chunks) < QUESTIONS:
        number = chunks[-1] + 1 if chunks else 0
        chunks += [number] * sizes[number % len(sizes)]
    return chunks[:QUESTIONS]


def false_alarms(*, draws: int) -> tuple[float, float]:
    """How often p < 0.05 of two models that are equally good, by question and by chunk."""
    case = Case("pair", (0.7, 0.7), FOURS, alike=0.7, same=0.4)
    values, _, chunks = draw(case, draws=draws, seed=0)
    by_question = [exact_p(row) < 0.05 for row in values.tolist()]
    by_chunk = [
        exact_p(make_sample(row, chunks, paired=True).totals.tolist()) < 0.05 for row in values
    ]
    return sum(by_question) / draws, sum(by_chunk) / draws
