"""Reports, comparisons and exports of finished runs; a run is a name below runs/, or a folder.
An earlier run of the same name is `NAME/history/TIME`.

And `audit`: how far the judge of JUDGE_… in .env agrees with people's labels.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from lib.cli import Parser, run_command
from lib.eval.judge.audit import audit
from lib.eval.judge.grading import find_judge
from lib.eval.report.report import write_report
from lib.eval.runs import runs, text
from lib.eval.runs.compare import compare_runs, gate, regressions
from lib.eval.runs.trackers import log_run
from lib.recipe import Recipe


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code (1: the gate found something worse)."""
    parser = Parser(prog="python -m lib.eval", description=__doc__)
    several: dict[str, Any] = {"action": "extend", "nargs": "+", "default": []}
    commands = parser.add_commands()

    command = commands.add_parser("report", help="an executed notebook as one HTML file")
    command.add_argument("notebook", type=Path)
    command.add_argument("report", type=Path)
    command.set_defaults(run=lambda options: print(write_report(options.notebook, options.report)))

    command = commands.add_parser("headline", help="the table and verdict of a finished run")
    command.add_argument("name", metavar="RUN")
    command.set_defaults(run=lambda options: print(text.headline(runs.load_run(options.name))))

    command = commands.add_parser("compare", help="runs side by side; none named: all below runs/")
    command.add_argument("names", nargs="*", metavar="RUN", help="the first is compared with")
    command.add_argument("--metric", **several, help="default: the one that decides the first run")
    command.add_argument("--condition", **several, help="default: all")
    command.add_argument("--markdown", action="store_true")
    command.set_defaults(run=_compare)

    command = commands.add_parser("gate", help="exit 1 if the run got worse beyond its interval")
    command.add_argument("name", metavar="RUN")
    command.add_argument("--against", required=True, metavar="BASE_RUN")
    command.add_argument("--metric", **several, help="default: the headline's")
    command.add_argument("--condition", **several, help="default: all of BASE_RUN")
    command.set_defaults(run=_gate)

    command = commands.add_parser("export", help="a run's figures to MLflow or Weights & Biases")
    command.add_argument("name", metavar="RUN")
    command.add_argument("--to", required=True, choices=("mlflow", "wandb"))
    command.set_defaults(
        run=lambda options: print(log_run(runs.load_run(options.name), options.to))
    )

    command = commands.add_parser("audit", help="the judge against answers that people have judged")
    columns = "CSV, XLSX or JSON: question, reference, answer, label"
    command.add_argument("labels", type=Path, metavar="LABELS", help=columns)
    prompts = "prompts of yours that differ from lib/prompts/judge.yaml"
    command.add_argument("--prompts", default="", metavar="FILE", help=prompts)
    command.set_defaults(run=_audit)
    return run_command(parser, arguments)


def _compare(options: argparse.Namespace) -> None:
    chosen, unread = (
        ([*map(runs.load_run, options.names)], []) if options.names else runs.all_runs()
    )
    runs.require_known(chosen, metrics=options.metric, conditions=options.condition)
    parts = [
        text.leaderboard(chosen, metric=metric, condition=condition, markdown=options.markdown)
        for metric in options.metric or [chosen[0].results.primary.metric]
        for condition in options.condition or [""]
    ]
    for run in chosen[1:] if options.names else []:
        found = compare_runs(run, chosen[0], metrics=options.metric, conditions=options.condition)
        parts.append(text.comparison(found, markdown=options.markdown))
    print("\n\n".join([*parts, *map(text.wrapped, unread)]))


def _gate(options: argparse.Namespace) -> int:
    run, base = runs.load_run(options.name), runs.load_run(options.against)
    found = gate(run, base, metrics=options.metric, conditions=options.condition)
    worse = regressions(found)
    said = [f"WORSE: {one}." for one in worse] or ["Nothing got worse beyond its interval."]
    print(text.comparison(found), "", *map(text.wrapped, said), sep="\n")
    return 1 if worse else 0


def _audit(options: argparse.Namespace) -> None:
    judge = find_judge(Recipe(judge_prompts_path=options.prompts))
    print(audit(judge, options.labels))


if __name__ == "__main__":
    sys.exit(main())
