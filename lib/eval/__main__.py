"""Reports, comparisons and exports of finished runs; a run is a name below runs/, or a folder.
An earlier run of the same name is `NAME/history/TIME`.

And `audit`: how far the judge of JUDGE_… in .env agrees with people's labels.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from lib.cli import Parser, run_command


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code (1: the gate found something worse)."""
    parser = Parser(prog="python -m lib.eval", description=__doc__)
    several: dict[str, Any] = {"action": "extend", "nargs": "+", "default": []}
    commands = parser.add_commands()

    report = commands.add_parser("report", help="an executed notebook as one HTML file")
    report.add_argument("notebook", type=Path)
    report.add_argument("report", type=Path)
    report.set_defaults(run=_report)

    shown = commands.add_parser("headline", help="the table and verdict of a finished run")
    shown.add_argument("name", metavar="RUN")
    shown.set_defaults(run=_headline)

    compare = commands.add_parser("compare", help="runs side by side; none named: all below runs/")
    compare.add_argument("names", nargs="*", metavar="RUN", help="the first is compared with")
    compare.add_argument("--metric", **several, help="default: the one that decides the first run")
    compare.add_argument("--condition", **several, help="default: all")
    compare.add_argument("--markdown", action="store_true")
    compare.set_defaults(run=_compare)

    gate = commands.add_parser("gate", help="exit 1 if the run got worse beyond its interval")
    gate.add_argument("name", metavar="RUN")
    gate.add_argument("--against", required=True, metavar="BASE_RUN")
    gate.add_argument("--metric", **several, help="default: the headline's")
    gate.add_argument("--condition", **several, help="default: all of BASE_RUN")
    gate.set_defaults(run=_gate)

    export = commands.add_parser("export", help="a run's figures to MLflow or Weights & Biases")
    export.add_argument("name", metavar="RUN")
    export.add_argument("--to", required=True, choices=("mlflow", "wandb"))
    export.set_defaults(run=_export)

    audit = commands.add_parser("audit", help="the judge against answers that people have judged")
    columns = "CSV, XLSX or JSON: question, reference, answer, label"
    audit.add_argument("labels", type=Path, metavar="LABELS", help=columns)
    prompts = "prompts of yours that differ from lib/prompts/judge.yaml"
    audit.add_argument("--prompts", default="", metavar="FILE", help=prompts)
    audit.set_defaults(run=_audit)
    return run_command(parser, arguments)


def _report(options: argparse.Namespace) -> None:
    from lib.eval.report.report import write_report

    print(write_report(options.notebook, options.report))


def _headline(options: argparse.Namespace) -> None:
    from lib.eval.runs import text
    from lib.eval.runs.runs import load_run

    print(text.headline(load_run(options.name)))


def _compare(options: argparse.Namespace) -> None:
    from lib.eval.runs import runs, text
    from lib.eval.runs.compare import compare_runs

    chosen, unread = (runs.load_runs(options.names), []) if options.names else runs.all_runs()
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
    from lib.eval.runs import text
    from lib.eval.runs.compare import gate, regressions
    from lib.eval.runs.runs import load_runs

    run, base = load_runs([options.name, options.against])
    found = gate(run, base, metrics=options.metric, conditions=options.condition)
    worse = regressions(found)
    said = [f"WORSE: {one}." for one in worse] or ["Nothing got worse beyond its interval."]
    print(text.comparison(found), "", *map(text.wrapped, said), sep="\n")
    return 1 if worse else 0


def _export(options: argparse.Namespace) -> None:
    from lib.eval.runs.runs import load_run
    from lib.eval.runs.trackers import log_run

    print(log_run(load_run(options.name), options.to))


def _audit(options: argparse.Namespace) -> None:
    from lib.eval.judge import audit, find_judge
    from lib.recipe import Recipe

    judge = find_judge(Recipe(judge_prompts_path=options.prompts))
    print(audit(judge, options.labels))


if __name__ == "__main__":
    sys.exit(main())
