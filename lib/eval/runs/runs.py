"""Finished runs, by their names below runs/ (`tiny`, `tiny/history/<time>`) or by their folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lib.eval.results import Results
from lib.eval.runs.files import METRICS_FILE, read_answers, read_metrics, read_results
from lib.settings import SetupError, home, portable


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
    def dataset(self) -> str:
        return str(self.metrics["made_of"].get("dataset", ""))

    @cached_property
    def answers(self) -> list[dict[str, Any]]:
        """Of the judged model."""
        return [row for row in read_answers(self.run_dir) if row["model"] == self.model]


def load_run(name: str) -> Run:
    """A run by its name below runs/, or by its folder."""
    folder = home() / "runs" / name
    run_dir = folder if (folder / METRICS_FILE).is_file() else Path(name)
    if not (run_dir / METRICS_FILE).is_file():
        known = ", ".join(_evaluated()) or "none yet; run 4_eval.ipynb"
        raise SetupError(
            f"{portable(folder / METRICS_FILE)} is not there, nor one in a folder {name}. "
            f"Evaluated are: {known}."
        )
    name = portable(run_dir.absolute()).removeprefix("runs/")
    return Run(name, run_dir, read_metrics(run_dir), read_results(run_dir))


def all_runs() -> list[Run]:
    """Every evaluated run below runs/; of each that cannot be read a sentence is printed."""
    runs = []
    for name in _evaluated():
        try:
            runs.append(load_run(name))
        except SetupError as error:
            print(error)
    if not runs:
        raise SetupError("runs/ holds no evaluation. Run ./run_all.sh, or 4_eval.ipynb.")
    return runs


def _evaluated() -> list[str]:
    return sorted(path.parent.name for path in (home() / "runs").glob(f"*/{METRICS_FILE}"))


def require_known(
    runs: Sequence[Run], *, metrics: Sequence[str] = (), conditions: Sequence[str] = ()
) -> None:
    """Each metric and condition must be one of at least one run."""
    kinds = (
        ("metric", metrics, [[e.metric for e in run.results.estimates] for run in runs]),
        ("condition", conditions, [run.results.conditions for run in runs]),
    )
    for kind, wanted, known in kinds:
        there = dict.fromkeys(name for names in known for name in names)
        if unknown := [name for name in wanted if name not in there]:
            raise SetupError(
                f"{', '.join(run.name for run in runs)}: no {kind} {', '.join(unknown)}. Evaluate "
                f"it so, or name others with --{kind}: {', '.join(there)}."
            )
