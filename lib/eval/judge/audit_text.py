"""An audit of the judge as plain text, at most 100 columns wide."""

from __future__ import annotations

import math
from collections.abc import Iterator
from textwrap import fill, shorten

from lib.eval.judge.agreement import Kappa
from lib.eval.judge.audit import Audit, Difference, RatingAgreement
from lib.eval.judge.verbosity import Verbosity
from lib.eval.judge.verdicts import JUDGED
from lib.eval.statistics import exact_p

_WIDTH = 100
_SHOWN_CHARS = 200  # of a question, a reference, an answer, what the judge says


def audit_text(found: Audit, verbosity: Verbosity | None = None) -> str:
    """Its figures with their intervals, then the likings, then each answer that it differs on."""
    return "\n".join(
        fill(line, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))
        for indent, line in _lines(found, verbosity)
    )


def _lines(found: Audit, verbosity: Verbosity | None) -> Iterator[tuple[int, str]]:
    """(indent, line)"""
    yield 0, f"Judge {found.judge} against people, on {found.n + found.unscored} answers"
    yield 2, f"Same verdict: {found.agreement} (95% interval); {found.unscored} unread"
    yield 2, f"Kappa: {_kappa(found.kappa)}; 1 = always alike, 0 = as often as by chance"
    yield 2, f"Both yes {found.both_yes}, both no {found.both_no}"
    yield (
        2,
        f"It errs: {found.wrongly_yes} times to yes, {found.wrongly_no} to no: {leaning(found)}",
    )
    for one in found.ratings:
        yield 2, _rating(one)
    yield 2, str(found.length)
    if verbosity:
        yield 2, str(verbosity)
    yield 2, str(found.self_preference or _NO_SELF_PREFERENCE)
    for warning in found.warnings:
        yield 2, warning
    if found.differences:
        yield 0, f"It differs from people on {len(found.differences)}:"
    for difference in found.differences:
        yield from _difference(difference)


_NO_SELF_PREFERENCE = (
    "Its own family: n/a: it takes wrong answers of models of the judge's family and of others, "
    "named in the column “model”"
)


def leaning(found: Audit) -> str:
    """Which way the judge errs: the exact test of its errors to yes and to no (McNemar)."""
    yes, no = found.wrongly_yes, found.wrongly_no
    if exact_p([1] * yes + [-1] * no, binary=True) >= 0.05:
        return "too few or too even to say that it leans"
    return "it is too mild" if yes > no else "it is too strict"


def _kappa(kappa: Kappa) -> str:
    if math.isnan(kappa.low):
        return "n/a (people or the judge gave all answers one grade)"
    return f"{kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f})"


def _rating(one: RatingAgreement) -> str:
    if not one.n:
        return f"{one.field}: none of {one.unscored} ratings could be read"
    return (
        f"{one.field}: same {one.same}, within one {one.within_one}, judge - people "
        f"{one.mean_difference:+.2f}, kappa {_kappa(one.kappa)}, {one.unscored} unread"
    )


def _difference(one: Difference) -> Iterator[tuple[int, str]]:
    people, judge = ("yes" if says else "no" for says in (one.people, one.judge))
    yield 2, f"row {one.row}: people {people}, judge {judge}: {_short(one.question)}"
    yield 4, f"reference: {_short(one.reference)}"
    yield 4, f"answer: {_short(one.answer)}"
    yield 4, f"judge: {_short(one.why.removeprefix(JUDGED))}"


def _short(text: str) -> str:
    return shorten(text, _SHOWN_CHARS, placeholder=" …")
