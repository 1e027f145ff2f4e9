"""Two models: no claim from nothing, from one chunk, from chance, or from one question of 71."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import numpy
import pytest

from benchmarks.proof_figures import paired_difference
from lib.eval.statistics.clustered import MIN_CLUSTERS, intervals, make_sample, wilson_interval
from lib.eval.statistics.pairs import (
    BETTER,
    CANNOT_TELL,
    WORSE,
    exact_p,
    holm,
    questions_needed,
    turned,
)


def test_no_pairs_no_claim() -> None:
    seen = paired_difference([], [])
    assert math.isnan(seen.mean)
    assert seen.verdict == CANNOT_TELL


def test_equal_answers_do_not_prove_equal_models() -> None:
    seen = paired_difference([0.0] * 70, range(70))
    most = wilson_interval(0, 70)[1]
    assert (seen.mean, seen.verdict) == (0.0, CANNOT_TELL)
    assert (seen.low, seen.high) == pytest.approx((-most, most))
    fewer = paired_difference([0.0] * 70, [i // 4 for i in range(70)])
    assert fewer.high > 2 * seen.high


def test_a_clear_effect_has_its_sign_and_mirrors() -> None:
    gains = [1.0, 0.0, 1.0, 1.0, 0.0] * 8
    up = paired_difference(gains, range(40))
    down = paired_difference([-g for g in gains], range(40))
    assert (up.verdict, down.verdict) == (BETTER, WORSE)
    assert up.mean == pytest.approx(0.6)
    assert 0 < up.low < up.mean < up.high < 1
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))


def test_swapping_the_models_swaps_the_verdict() -> None:
    rng = numpy.random.default_rng(11)
    seen = set()
    for _ in range(60):
        n, lead = int(rng.integers(1, 60)), rng.uniform(-0.8, 0.8)
        values = rng.choice([-1, -0.5, 0, 0.5, 1], size=n) + rng.choice([0, 1], size=n) * lead
        values = numpy.clip(values, -1, 1).tolist()
        chunks = rng.integers(0, max(1, n // 2), size=n).tolist()
        one = paired_difference(values, chunks, num_resamples=300)
        other = paired_difference([-v for v in values], chunks, num_resamples=300)
        assert (other.mean, other.verdict) == (-one.mean, turned(one.verdict))
        assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-9)
        assert one.low <= one.mean <= one.high
        seen.add(one.verdict)
    assert seen == {BETTER, WORSE, CANNOT_TELL}


def test_few_clusters_cannot_tell_however_equal_they_are() -> None:
    few, enough = MIN_CLUSTERS - 1, MIN_CLUSTERS
    assert paired_difference([1.0] * few, range(few)).verdict == CANNOT_TELL
    assert paired_difference([1.0] * enough, range(enough)).verdict == BETTER
    many_questions_one_chunk = [1.0] * 50
    assert paired_difference(many_questions_one_chunk, ["chunk"] * 50).verdict == CANNOT_TELL


def test_word_interval_and_p_agree_for_any_data() -> None:
    """An interval beside "cannot tell" includes 0, one beside "better" or "worse" does not."""
    rng = numpy.random.default_rng(5)
    seen = Counter[str]()
    for _ in range(300):
        n, lead = int(rng.integers(1, 80)), rng.uniform(-0.6, 0.6)
        values = numpy.clip(rng.choice([-1, 0, 0, 1], size=n) + rng.choice([0, 1], n) * lead, -1, 1)
        if rng.random() < 0.5:
            values = values.round()
        chunks = rng.integers(0, max(1, n // int(rng.integers(1, 4))), size=n).tolist()
        seen_as = paired_difference(values.tolist(), chunks, num_resamples=300)
        totals = make_sample(values.tolist(), chunks, paired=True).totals.tolist()
        assert (seen_as.verdict == BETTER) == (seen_as.low > 0)
        assert (seen_as.verdict == WORSE) == (seen_as.high < 0)
        assert seen_as.low <= seen_as.mean <= seen_as.high
        if seen_as.verdict != CANNOT_TELL:
            assert exact_p(totals) < 0.05
        seen[seen_as.verdict] += 1
    assert min(seen[word] for word in (BETTER, WORSE, CANNOT_TELL)) > 10


def test_a_level_below_5_percent_has_a_wider_interval() -> None:
    rng = numpy.random.default_rng(3)
    samples = [
        make_sample([1.0] * 20 + [0.0] * 20, range(40)),
        make_sample(rng.uniform(-0.3, 0.7, 40).tolist(), range(40), paired=True),
        make_sample([1.0] * 3 + [0.0] * 37, range(40), paired=True),
    ]
    levels = (0.05, 0.02, 0.005)
    found = [intervals([replace(one, level=level) for one in samples]) for level in levels]
    assert found[0] == intervals(samples)
    for wide, wider in itertools.pairwise(found):
        for one, other in zip(wide, wider, strict=True):
            assert other.low < one.low
            assert one.high < other.high
    mixed = [replace(one, level=level) for one, level in zip(samples, levels, strict=True)]
    assert intervals(mixed) == [of_level[i] for i, of_level in enumerate(found)]


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng, draws = numpy.random.default_rng(7), 300
    samples = []
    for _ in range(draws):
        effect = rng.normal(0.2, 0.5, size=40)  # of each chunk; the truth is 0.2
        values = (effect[:, None] + rng.normal(0, 0.5, size=(40, 2))).ravel()
        samples.append(make_sample(values.tolist(), [i // 2 for i in range(80)], paired=True))
    found = intervals(samples, num_resamples=600)
    covered = sum(seen.low <= 0.2 <= seen.high for seen in found)
    assert 0.92 <= covered / draws <= 0.98


# --- the published recipe ------------------------------------------------------------------------


def test_one_question_of_71_decides_nothing() -> None:
    """54 and 53 of 71 right: whichever questions they were, nobody can tell."""
    assert wilson_interval(54, 71) == pytest.approx((0.650, 0.845), abs=0.0005)
    assert wilson_interval(8, 71) == pytest.approx((0.058, 0.207), abs=0.0005)
    for both in range(36, 54):  # right by both: at least 54 + 53 - 71, at most all 53
        won, lost = 54 - both, 53 - both
        values = [1.0] * won + [-1.0] * lost + [0.0] * (71 - won - lost)
        seen = paired_difference(values, range(71))
        assert seen.mean == pytest.approx(1 / 71)
        assert seen.low < 0 < seen.high
        assert seen.verdict == CANNOT_TELL
        assert exact_p(values) > 0.7


# --- exact tests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("won", "lost", "p"), [(0, 0, 1), (1, 0, 1), (5, 0, 0.0625), (10, 2, 0.03857), (9, 21, 0.04277)]
)
def test_mcnemar_where_each_question_stands_alone(won: int, lost: int, p: float) -> None:
    totals = [1.0] * won + [-1.0] * lost + [0.0] * 7
    assert exact_p(totals) == pytest.approx(p, abs=5e-6)
    assert exact_p([-t for t in totals]) == exact_p(totals)
    assert exact_p([t / 4 for t in totals]) == exact_p(totals)


def test_chunks_change_sides_as_a_whole() -> None:
    rng = numpy.random.default_rng(2)
    for _ in range(20):
        totals = rng.integers(-3, 4, size=8).tolist()
        signs = itertools.product((-1, 1), repeat=8)
        sums = [abs(sum(s * t for s, t in zip(flips, totals, strict=True))) for flips in signs]
        expected = sum(one >= abs(sum(totals)) for one in sums) / len(sums)
        assert exact_p(totals) == pytest.approx(expected)
    assert exact_p([3.0] * 5) == 2 / 2**5  # 15 questions won, of 5 chunks


def test_a_metric_between_0_and_1_is_tested_by_how_far_its_chunks_differ() -> None:
    assert exact_p([0.02] * 8) == exact_p([0.9] * 8) == exact_p([1.0] * 8) == 2 / 2**8
    assert exact_p([0.1 + 0.2 - 0.3] * 8) == 1.0  # a rounding error is no win
    assert exact_p([0.2, 0.2, -0.2, -0.2, 0.9]) == exact_p([2.0, 2.0, -2.0, -2.0, 9.0])
    rng = numpy.random.default_rng(9)
    totals = rng.uniform(-1, 1, size=10).round(2)
    signs = numpy.array(list(itertools.product((-1, 1), repeat=10)))
    expected = (abs(signs @ totals) >= abs(totals.sum()) - 1e-9).mean()
    assert exact_p(totals.tolist()) == pytest.approx(expected)


def test_holm() -> None:
    def corrected(ps: list[float]) -> list[float]:
        return [p for p, _ in holm(ps)]

    assert corrected([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert corrected([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    ps = numpy.random.default_rng(0).uniform(size=9).tolist()
    found = corrected(ps)
    ordered = [c for _, c in sorted(zip(ps, found, strict=True))]
    assert ordered == sorted(ordered)
    assert all(p <= c <= min(1, 9 * p) for p, c in zip(ps, found, strict=True))
    assert holm(ps[::-1]) == holm(ps)[::-1]


def test_each_test_of_holm_has_the_level_that_decides_it() -> None:
    rng = numpy.random.default_rng(1)
    for _ in range(200):
        ps = (rng.uniform(size=int(rng.integers(1, 9))) ** 4).round(3).tolist()
        for p, (p_holm, level) in zip(ps, holm(ps), strict=True):
            assert 0.05 / len(ps) <= level <= 0.05
            assert (p_holm < 0.05) == (p < level)
    assert [level for _, level in holm([0.2, 0.001, 0.3])] == [0.025, 0.05 / 3, 0.025]


# --- how many questions --------------------------------------------------------------------------


def test_so_many_questions_show_what_was_seen() -> None:
    values = [1.0] * 9 + [-1.0] * 4 + [0.0] * 47
    seen = paired_difference(values, range(60))
    assert seen.verdict == CANNOT_TELL
    needed = questions_needed(seen.mean, seen.low, seen.high, n=60)
    assert needed is not None
    assert needed == pytest.approx(250, abs=20)
    times = math.ceil(needed / 60)
    assert paired_difference(values * times, range(60 * times)).verdict == BETTER
    assert paired_difference(values * 2, range(120)).verdict == CANNOT_TELL
    corrected = questions_needed(seen.mean, 1.35 * seen.low, 1.35 * seen.high, n=60, level=0.05 / 6)
    assert corrected is not None
    assert corrected > 1.2 * needed


def test_they_show_it_four_times_in_five() -> None:
    rng = numpy.random.default_rng(4)
    needed = questions_needed(0.1, -0.05, 0.25, n=40)  # deviation 0.15 √40 / 1.96
    assert needed is not None
    deviation = 0.15 * math.sqrt(40) / 1.96
    samples = [
        make_sample(rng.normal(0.1, deviation, needed).tolist(), range(needed), paired=True)
        for _ in range(200)
    ]
    shown = sum(one.low > 0 for one in intervals(samples, num_resamples=500))
    assert 0.7 <= shown / 200 <= 0.9


def test_no_number_of_questions_where_there_is_nothing_to_show() -> None:
    assert questions_needed(0.0, -0.1, 0.1, n=60) is None
    assert questions_needed(math.nan, math.nan, math.nan, n=0) is None
    # Shown by its interval, but not beyond chance.
    assert questions_needed(0.5, 0.3, 0.7, n=8) == 9
    assert questions_needed(0.5, 0.45, 0.55, n=80) == 81
