"""Finished runs, and the leaderboard of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lib.eval.metrics import LOWER_IS_BETTER
from lib.eval.results import Comparison, Estimate, Results
from lib.eval.runs.answer_files import read_answers
from lib.eval.runs.results_files import METRICS_FILE, read_metrics, read_results
from lib.eval.verdict import main_condition
from lib.settings import SetupError, home, portable

METRIC = "exact_match"  # the default of a leaderboard and a comparison


@dataclass(frozen=True)
class Run:
    """A finished evaluation."""

    name: str
    run_dir: Path
    metrics: dict[str, Any]  # metrics.json
    results: Results

    @property
    def model(self) -> str:
        """The judged model: the student."""
        return self.results.models[0]

    @property
    def against(self) -> str:
        """The model it is compared with: the baseline; "" = none."""
        return self.results.against

    @property
    def dataset(self) -> str:
        return str(self.metrics["made_of"].get("dataset", ""))

    @cached_property
    def answers(self) -> list[dict[str, Any]]:
        """Of the judged model."""
        return [row for row in read_answers(self.run_dir) if row["model"] == self.model]


def load_run(name: str) -> Run:
    """A run by its name below runs/, or by its folder.

    Raises:
        SetupError: it has no metrics.json that this version reads.
    """
    folder = home() / "runs" / name
    run_dir = folder if (folder / METRICS_FILE).is_file() else Path(name)
    if not (run_dir / METRICS_FILE).is_file():
        known = [path.parent.name for path in _evaluated()]
        raise SetupError(
            f"{portable(folder / METRICS_FILE)} is not there, nor one in a folder {name}. "
            f"Evaluated are: {', '.join(known) or 'none yet; run 4_eval.ipynb'}."
        )
    return Run(
        run_dir.name or run_dir.resolve().name,
        run_dir,
        read_metrics(run_dir),
        read_results(run_dir),
    )


def load_runs(names: Sequence[str]) -> list[Run]:
    """Several runs, in their order; runs of one name are named by their folders."""
    runs = [load_run(name) for name in names]
    seen = [run.name for run in runs]
    return [
        Run(portable(run.run_dir), run.run_dir, run.metrics, run.results)
        if seen.count(run.name) > 1
        else run
        for run in runs
    ]


def all_runs() -> tuple[list[Run], list[str]]:
    """Every evaluated run below runs/, and a sentence about each that cannot be read.

    Raises:
        SetupError: there is none.
    """
    runs, unread = [], []
    for path in _evaluated():
        try:
            runs.append(load_run(path.parent.name))
        except SetupError as error:
            unread.append(str(error))
    if not runs:
        raise SetupError(
            " ".join(unread) or "runs/ holds no evaluation. Run ./run_all.sh, or 4_eval.ipynb."
        )
    return runs, unread


def _evaluated() -> list[Path]:
    return sorted((home() / "runs").glob(f"*/{METRICS_FILE}"))


def require_known(
    runs: Sequence[Run], *, metrics: Sequence[str] = (), conditions: Sequence[str] = ()
) -> None:
    """Each metric and condition is one of at least one run.

    Raises:
        SetupError: no run has it; names those there are.
    """
    kinds = (
        ("metric", metrics, [known_metrics(run) for run in runs]),
        ("condition", conditions, [run.results.conditions for run in runs]),
    )
    for kind, wanted, known in kinds:
        there = dict.fromkeys(name for names in known for name in names)
        if unknown := [name for name in wanted if name not in there]:
            raise SetupError(
                f"{', '.join(run.name for run in runs)}: no {kind} {', '.join(unknown)}. Evaluate "
                f"it so, or name others with --{kind}: {', '.join(there)}."
            )


def known_metrics(run: Run) -> list[str]:
    """The metrics of a run's figures, exact_match_strict among them."""
    return list(dict.fromkeys(one.metric for one in run.results.estimates))


# --- the leaderboard -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """One run on a leaderboard: its student's figure, its baseline's, and their difference."""

    run: str
    dataset: str
    questions: str  # their fingerprint: runs with the same one were asked the same questions
    num_questions: int
    date: str
    metric: str
    condition: str
    model: str
    value: Estimate | None  # None: this run has none of that metric and condition
    against: str
    against_value: Estimate | None
    comparison: Comparison | None

    @property
    def group(self) -> tuple[str, str, str]:
        """Only runs of one group can be ranked."""
        return self.dataset, self.questions, self.condition


def standings(runs: Sequence[Run], *, metric: str = METRIC, condition: str = "") -> list[Standing]:
    """One per run, by group, the best first; condition "" = each run's main condition."""
    sign = 1 if metric in LOWER_IS_BETTER else -1
    rows = [_standing(run, condition or main_condition(run.results), metric) for run in runs]

    def place(row: Standing) -> tuple[Any, ...]:
        value = row.value.value if row.value else math.nan
        missing = math.isnan(value)
        return row.group, missing, 0 if missing else sign * value, row.run

    return sorted(rows, key=place)


def _standing(run: Run, *where: str) -> Standing:
    (condition, metric), results = where, run.results
    return Standing(
        run=run.name,
        dataset=run.dataset,
        questions=run.metrics["questions"]["fingerprint"],
        num_questions=run.metrics["questions"]["n"],
        date=run.metrics["date"],
        metric=metric,
        condition=condition,
        model=run.model,
        value=results.estimate(run.model, *where),
        against=run.against,
        against_value=results.estimate(run.against, *where),
        comparison=results.comparison(run.against, *where),
    )
