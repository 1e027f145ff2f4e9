"""The results of an evaluation: estimates of single models, and comparisons of pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

from lib.eval.models import BASELINE


@dataclass(frozen=True)
class Estimate:
    """One metric of one model under one condition, with its 95% interval."""

    model: str
    condition: str
    metric: str
    n: int  # answers that have a value
    unscored: int  # answers that have none
    value: float  # their mean; NaN of no answer
    low: float
    high: float
    method: str  # of the interval: "wilson", "bca", "" = none (statistics.intervals says when)


@dataclass(frozen=True)
class Comparison:
    """One metric of two models on the same questions under one condition."""

    model: str
    against: str
    condition: str
    metric: str
    n: int  # questions that both have a value for
    value: float  # the model's mean over these
    against_value: float
    difference: float  # value - against_value
    low: float  # of its 95% interval: paired, clustered by chunk
    high: float
    won: int  # questions on which the model's value is the higher one
    lost: int
    p: float  # exact, by cluster: McNemar's test for metrics of 0 and 1, else the sign test
    p_holm: float  # corrected over the headline comparisons; NaN: it is not one of them
    verdict: str  # "better", "worse" or "cannot tell", of `model`
    questions_needed: int | None  # to show the difference; None: it is shown, or there is none
    ratio: float | None  # difference / against_value; None: against_value is 0


@dataclass(frozen=True)
class Results:
    """An evaluation's figures. `headline`: the comparisons that Holm's correction is for."""

    models: tuple[str, ...]  # in the order of tables; the first is judged
    conditions: tuple[str, ...]
    estimates: list[Estimate]
    comparisons: list[Comparison]
    headline: list[Comparison] = field(default_factory=list)

    @property
    def against(self) -> str:
        """The model to beat: the baseline, else the second one; "" = there is none."""
        others = self.models[1:]
        return BASELINE if BASELINE in others else next(iter(others), "")

    def estimate(self, model: str, condition: str, metric: str) -> Estimate | None:
        """None: that model has no such score under that condition."""
        wanted = (model, condition, metric)
        found = (e for e in self.estimates if (e.model, e.condition, e.metric) == wanted)
        return next(found, None)

    def comparison(self, against: str, condition: str, metric: str) -> Comparison | None:
        """Of the first model; None: one of the two has no such score under that condition."""
        wanted = (next(iter(self.models), ""), against, condition, metric)
        found = (
            c for c in self.comparisons if (c.model, c.against, c.condition, c.metric) == wanted
        )
        return next(found, None)
