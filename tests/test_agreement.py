"""Cohen's kappa."""

import pytest

from lib.agreement import cohens_kappa


@pytest.mark.parametrize(
    ("cells", "kappa"),
    [
        ((20, 5, 10, 15), "0.40"),
        ((45, 15, 25, 15), "0.13"),  # the same agreement as the next, other shares of yes
        ((25, 35, 5, 35), "0.26"),
        ((10, 0, 0, 10), "1.00"),
        ((0, 10, 10, 0), "-1.00"),
        ((5, 5, 5, 5), "0.00"),
        ((20, 0, 0, 0), "undefined (all verdicts are the same)"),
        ((0, 0, 0, 0), "undefined (all verdicts are the same)"),
    ],
)
def test_kappa_is_that_of_the_textbook(cells: tuple[int, ...], kappa: str) -> None:
    """Both yes, one alone, the other alone, both no."""
    one = [True] * (cells[0] + cells[1]) + [False] * (cells[2] + cells[3])
    other = [True] * cells[0] + [False] * cells[1] + [True] * cells[2] + [False] * cells[3]
    assert cohens_kappa(one, other) == kappa
