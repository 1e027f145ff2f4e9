"""How far two people, or the judge and people, agree beyond chance."""

from collections.abc import Sequence


def cohens_kappa(one: Sequence[bool], other: Sequence[bool]) -> str:
    """`0.58`; 1 = they always agree, 0 = as often as by chance. Undefined where nothing differs."""
    from sklearn.metrics import cohen_kappa_score

    if len({*one, *other}) < 2:
        return "undefined (all verdicts are the same)"
    return f"{cohen_kappa_score(one, other):.2f}"
