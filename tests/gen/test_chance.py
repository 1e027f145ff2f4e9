from __future__ import annotations

import pytest
from scipy.stats import binomtest, chisquare

from lib.gen.chance import binomial_p, chi_square_p


@pytest.mark.parametrize(
    ("successes", "trials", "share"),
    [(76, 100, 0.8), (700, 1000, 0.76), (0, 5, 0.5), (5, 5, 0.9), (0, 0, 0.3), (2900, 3000, 0.97)],
)
def test_the_binomial_test_is_that_of_scipy(successes: int, trials: int, share: float) -> None:
    expected = binomtest(successes, trials, share).pvalue if trials else 1.0
    assert binomial_p(successes, trials, share) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("shown", "p"), [(7, 1.0), (6, 0.0)])
def test_a_share_of_all_leaves_nothing_to_chance(shown: int, p: float) -> None:
    assert binomial_p(shown, 7, 1.0) == p


@pytest.mark.parametrize("counts", [[20, 18, 25], [100, 3], [0, 7, 1, 2]])
def test_the_chi_square_test_is_that_of_scipy(counts: list[int]) -> None:
    even = [sum(counts) / len(counts)] * len(counts)
    assert chi_square_p(counts, even) == pytest.approx(chisquare(counts).pvalue)


@pytest.mark.parametrize("counts", [[], [4], [0, 0]])
def test_nothing_to_compare_is_no_surprise(counts: list[int]) -> None:
    assert chi_square_p(counts, [float(c) for c in counts]) == 1.0
