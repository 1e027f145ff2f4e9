"""The results of an evaluation: estimates of single models, and comparisons of pairs."""

from __future__ import annotations

from dataclasses import dataclass

from lib.eval.conditions import DENSE

HEADLINE = "exact_match"  # the metric that decides, unless right answers are long


@dataclass(frozen=True)
class Primary:
    """The comparison that decides, of the first model; `declare_primary` declares it."""

    against: str = ""  # the model to beat; "" = there is no other one
    condition: str = ""
    metric: str = HEADLINE
    why: str = ""  # the metric is not exact match: the reason, a sentence
    available: int = 0  # questions that the dataset has for an evaluation; 0 = unknown
    retrieval: str = DENSE  # the first retrieval setting, by which `top_5` is retrieved


@dataclass(frozen=True)
class Estimate:
    """One metric of one model under one condition, with its 95% interval."""

    model: str
    condition: str
    metric: str
    n: int  # answers that have a value
    unscored: int  # answers that have none: the judge's reply could not be read
    value: float  # the mean of the n; NaN of no answer
    low: float
    high: float
    method: str  # of the interval: "wilson", "bca", "" = none (statistics.intervals says when)
    no_answer: int = 0  # of the n, replies without a final answer: they are wrong


@dataclass(frozen=True)
class Comparison:
    """One metric of two models on the same questions under one condition.

    Or of one model, or the retriever, under two: another retrieval setting against the first one.
    """

    model: str
    against: str
    condition: str
    metric: str
    n: int  # questions that both have a value for
    value: float  # the model's mean over these
    against_value: float
    difference: float  # value - against_value
    low: float  # of its interval: paired, clustered by chunk; without 0 = better or worse
    high: float
    coverage: float  # of the interval: 0.95; of a secondary comparison that of its step of Holm's
    won: int  # questions on which the model's value is the higher one
    lost: int
    p: float  # exact, by cluster (`exact_p`); NaN: not tested
    p_holm: float  # corrected over the secondary comparisons; NaN: it is not one of them
    verdict: str  # "better", "worse" or "cannot tell", of `model`; "" = not tested
    questions_needed: int | None  # to show the difference; None: it is shown, or there is none
    against_condition: str = ""  # of two retrieval settings, that of the first; "" = the same one


@dataclass(frozen=True)
class Results:
    """An evaluation's figures.

    `primary` is tested alone. Secondary comparisons are those of the same metric, and of right
    refusals, with every other model under every other condition, and of the first model under each
    other retrieval setting with itself under the first. All others only describe.
    """

    models: tuple[str, ...]  # in the order of tables; the first is judged
    conditions: tuple[str, ...]
    estimates: list[Estimate]
    comparisons: list[Comparison]
    primary: Primary = Primary()

    @property
    def deciding(self) -> Comparison | None:
        """The primary comparison; None: one of its models has no such score."""
        one = self.primary
        return self.comparison(one.against, one.condition, one.metric)

    @property
    def secondary(self) -> list[Comparison]:
        deciding = self.deciding
        return [one for one in self.comparisons if one.verdict and one is not deciding]

    def estimate(self, model: str, condition: str, metric: str) -> Estimate | None:
        """None: that model has no such score under that condition."""
        wanted = (model, condition, metric)
        return next((e for e in self.estimates if (e.model, e.condition, e.metric) == wanted), None)

    def comparison(self, against: str, condition: str, metric: str) -> Comparison | None:
        """Of the first model; None: one of the two has no such score under that condition."""
        wanted = (against, condition, metric)
        models = (c for c in self.comparisons if not c.against_condition)
        return next((c for c in models if (c.against, c.condition, c.metric) == wanted), None)

    def setting(self, model: str, condition: str, metric: str) -> Comparison | None:
        """Of one model under another retrieval setting with the first one; None: no such scores."""
        wanted = (model, condition, metric)
        settings = (c for c in self.comparisons if c.against_condition)
        return next((c for c in settings if (c.model, c.condition, c.metric) == wanted), None)
