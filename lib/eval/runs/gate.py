"""The regression gate: what got worse beyond its interval, question by question."""

from __future__ import annotations

from collections.abc import Sequence

from lib.eval.metrics import REFUSED_RIGHTLY
from lib.eval.results import Comparison
from lib.eval.runs.runs import METRIC, Run, known_metrics
from lib.eval.runs.paired import Paired, RunComparison, compare_runs
from lib.eval.statistics import WORSE
from lib.settings import SetupError


def gate(
    run: Run, base: Run, *, metrics: Sequence[str] = (), conditions: Sequence[str] = ()
) -> RunComparison:
    """Compare a run's student with a base run's, whole or not at all.

    Without metrics: `gated_metrics`; without conditions: all of the base run's. `regressions` says
    what of it is worse.

    Raises:
        SetupError: no question is the same, or a metric or condition is not in both runs: a gate
            that skipped it would pass for no reason.
    """
    metrics = metrics or gated_metrics(base)
    for one in (run, base):
        if lost := [c for c in conditions or base.results.conditions if _lacks(one, c)]:
            raise SetupError(
                f"{one.name} was not asked under {', '.join(lost)}, and the gate compares both "
                f"runs there. Evaluate it so, or name others with --condition: it has "
                f"{', '.join(one.results.conditions)}."
            )
        if unknown := [metric for metric in metrics if metric not in known_metrics(one)]:
            raise SetupError(
                f"{one.name} was not measured by {', '.join(unknown)}. Name others with --metric: "
                f"it has {', '.join(known_metrics(one))}."
            )
    found = compare_runs(
        run, base, metrics=metrics, conditions=conditions or base.results.conditions
    )
    if conditions and found.no_figure and found.shared:
        raise SetupError(
            f"No reply under {', '.join(found.no_figure)} has a value of {', '.join(metrics)}: "
            "they do not apply there. Name other metrics, or other conditions."
        )
    if not found.pairs:
        reasons = "; ".join(found.not_comparable) or "no reply of both has any of these metrics"
        raise SetupError(
            f"{run.name} and {base.name} are not comparable ({reasons}). Evaluate both over the "
            "same dataset, with the same seed and max_questions."
        )
    return found


def _lacks(run: Run, condition: str) -> bool:
    return condition not in run.results.conditions


def gated_metrics(base: Run) -> list[str]:
    """Those of its headline comparisons, else exact match; and refusals where these are right."""
    metrics = list(dict.fromkeys(one.metric for one in base.results.headline)) or [METRIC]
    return metrics + [REFUSED_RIGHTLY] * (REFUSED_RIGHTLY in known_metrics(base))


def regressions(found: RunComparison) -> list[str]:
    """A sentence on each figure that got worse beyond its interval, in the figures' order."""
    worse = [_worse(one.figures) for one in found.pairs if one.figures.verdict == WORSE]
    fewer = [_fewer(one) for one in found.pairs if one.unscored_verdict == WORSE]
    return worse + fewer


def _worse(one: Comparison) -> str:
    return (
        f"{one.metric} under {one.condition}: {100 * one.against_value:.1f}% before, "
        f"{100 * one.value:.1f}% now, {100 * one.difference:+.1f} points (95% interval "
        f"{100 * one.low:+.1f} to {100 * one.high:+.1f}), {one.n} questions"
    )


def _fewer(pair: Paired) -> str:
    # Otherwise a student that falls silent on what it cannot answer would pass.
    one = pair.figures
    return (
        f"{one.metric} under {one.condition}: {pair.unscored} replies have no value, "
        f"{pair.against_unscored} had none before"
    )
