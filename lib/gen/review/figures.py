"""What decisions say about a dataset: its share of wrong rows, and how far reviewers agree."""

from bisect import bisect_left
from collections import Counter
from itertools import combinations

from lib.agreement import cohens_kappa
from lib.gen.review.review import STATE_OF, Review

TAIL = 0.025  # on either side of a 95% interval


def report(review: Review) -> list[str]:
    """Lines: what each reviewer decided, how far they agree, and what applying them changes."""
    names = sorted({name for given in review.given.values() for name in given})
    lines = []
    for name in names:
        decisions = [d for row_id in review.rows if (d := review.own(row_id, name))]
        counts = Counter(STATE_OF[d.verdict] for d in decisions)
        counts += Counter(f"for “{d.reason}”" for d in decisions if d.reason)
        said = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        lines.append(f"{name}: {len(decisions):,} of {len(review.rows):,} rows decided; {said}")
        lines += filter(None, [estimate(review, name)])
    for said, differ in agreements(review):
        lines.append(said)
        for row_id in differ:
            given = sorted(review.given[row_id].items())
            lines.append(f"  {row_id}  {'; '.join(str(d) for _, d in given)}")
    return [*lines, f"When applied: {review.summary() or 'no row changes'}."]


def estimate(review: Review, reviewer: str = "") -> str:
    """What the sample says about all rows, as a reviewer decided ("" = who reviews now);
    "" = there is no sample."""
    if not review.sample:
        return ""
    decisions = [review.own(row_id, reviewer) for row_id in review.rows]
    rejected = sum(d is not None and d.verdict == "reject" for d in decisions)
    drawn, population = len(review.rows), len(review.all_rows)
    return share_wrong(rejected, decisions.count(None), drawn, population)


def count_interval(wrong: int, drawn: int, population: int) -> tuple[int, int]:
    """The exact 95% interval of how many rows of the population are wrong (hypergeometric; in a
    large population Clopper and Pearson's). 2 of 60, drawn from 1,849 → 8–210."""
    from scipy.stats import hypergeom

    possible = range(wrong, population - drawn + wrong + 1)
    low = bisect_left(
        possible, True, key=lambda count: hypergeom.sf(wrong - 1, population, count, drawn) > TAIL
    )
    high = bisect_left(
        possible, True, key=lambda count: hypergeom.cdf(wrong, population, count, drawn) <= TAIL
    )
    return possible[low], possible[high - 1]


def share_wrong(rejected: int, undecided: int, drawn: int, population: int) -> str:
    """What a random sample says about all rows. The interval begins as if all undecided ones were
    right, and ends as if all were wrong: those left for later are seldom like the others."""
    low, _ = count_interval(rejected, drawn, population)
    _, high = count_interval(rejected + undecided, drawn, population)
    interval = f"95% interval {100 * low / population:.1f}–{100 * high / population:.1f}%"
    said = f"Of {drawn:,} rows drawn at random from {population:,}, {rejected:,} rejected"
    if not undecided:
        return f"{said}: {100 * rejected / drawn:.1f}% ({interval})."
    return (
        f"{said} and {undecided:,} undecided: {interval}, whatever these turn out to be. Decide "
        "them for a narrower one."
    )


def agreements(review: Review) -> list[tuple[str, list[str]]]:
    """For each pair of reviewers a sentence, and the ids of the shown rows that one of them rejects
    and the other does not."""
    decided = {row_id: review.given.get(row_id, {}) for row_id in review.rows}
    reviewers = sorted({reviewer for given in decided.values() for reviewer in given})
    found = []
    for one, other in combinations(reviewers, 2):
        both = [row_id for row_id, given in decided.items() if one in given and other in given]
        if not both:
            continue
        a, b = ([decided[i][who].verdict == "reject" for i in both] for who in (one, other))
        differ = [row_id for row_id, *said in zip(both, a, b, strict=True) if said[0] != said[1]]
        alike = len(both) - len(differ)
        said = (
            f"{one} and {other} agree on {alike:,} of {len(both):,} rows "
            f"({100 * alike / len(both):.0f}%), Cohen's kappa {cohens_kappa(a, b)}."
        )
        if differ:
            said += f" They differ on {len(differ):,}: what one of them rejects is left out."
        found.append((said, differ))
    return found
