"""What run_all.sh calls: check the parameters, then run the notebooks through papermill.

`python -m lib.runner STAGE … [options]`, each STAGE being check, 1_gen, 2_finetune, 3_deploy,
4_eval or refresh; the options are those of run_all.sh.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from lib.cli import Parser, run
from lib.endpoints import check_names
from lib.parameters import DEFAULT_PARAMETERS, for_notebook, listing, overrides
from lib.progress import minutes
from lib.recipe import NOTEBOOKS, Recipe
from lib.settings import PROJECT_DIR, CheckFailed, SetupError, home, portable, unwritable
from lib.state import require_path
from lib.text import one_line
from lib.threads import tune_threads

_USAGE = """\
./run_all.sh runs the four notebooks, from a folder of documents to a report.

  -p FILE           parameters of one student (default: parameters/tiny.yaml, the embedded student)
  -r NAME VALUE     set one parameter; may be repeated, and beats the file
  --from N, --to N  run only notebooks N to N, 1 to 4
  --list            every parameter with its default and meaning
  -h, --help        this text

  ./run_all.sh -r doc_path ~/my-documents -r run_name mine
  ./run_all.sh -p parameters/Meta-Llama-3.1-8B-Instruct.yaml

Executed notebooks, logs and the report go to runs/<run_name>/. Finished work is reused. Secrets
and endpoints are in .env (see .env.sample)."""

EDIT_HERE = "# Edit here: this cell wins over the one above"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


@dataclass(frozen=True)
class Plan:
    """One run: the resolved overrides and which notebooks take part."""

    values: dict[str, Any]  # what the file and -r set
    recipe: Recipe
    first: int
    last: int

    @property
    def run_dir(self) -> Path:
        return home() / "runs" / self.recipe.run_name


def make_plan(arguments: list[str]) -> Plan:
    parser = Parser(prog="./run_all.sh", add_help=False, allow_abbrev=False)
    parser.add_argument("-p", dest="file", type=Path, default=DEFAULT_PARAMETERS)
    parser.add_argument("-r", dest="overrides", nargs=2, action="append", default=[])
    parser.add_argument("--from", dest="first", type=int, choices=range(1, 5), default=1)
    parser.add_argument("--to", dest="last", type=int, choices=range(1, 5), default=4)
    options = parser.parse_args(arguments)
    if options.first > options.last:
        raise SetupError(f"--from {options.first} is behind --to {options.last}.")
    values = overrides(options.file, options.overrides)
    recipe = Recipe(**values)
    # A dry run and plain pairs give nothing to train on.
    ends = options.first == 1 and (recipe.dry_run or recipe.dataset_kind == "qa")
    return Plan(values, recipe, options.first, 1 if ends else options.last)


def check(plan: Plan) -> None:
    """Say what will run, and stop here when a requirement of the student is missing."""
    recipe = plan.recipe
    check_names()
    if plan.first > 1:
        require_path("DATASET_DIR", recipe.run_name)
    if plan.first > 2:
        from lib.finetune import require_student

        require_student(recipe)
    if plan.first <= 2 <= plan.last:
        from lib.finetune import require_machine

        require_machine(recipe)
    if plan.last == len(NOTEBOOKS):
        from lib.eval import check_evaluation, eval_models

        check_evaluation(recipe)
        if plan.first == len(NOTEBOOKS):  # all models are served by now
            eval_models(recipe)
    if plan.first == 1:
        from lib.reading.sources import find_documents

        find_documents(recipe)
    print(
        f"Run '{recipe.run_name}': notebooks {plan.first} to {plan.last}, student "
        f"{recipe.student_model}, documents {recipe.doc_path}",
        flush=True,
    )


def run_notebook(plan: Plan, notebook: str) -> None:
    """Run one notebook into the run's folder, its printed lines shown as they come."""
    import logging

    import papermill

    # Its own reading of the parameters cell trips over our comments; ours has checked them.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    source = PROJECT_DIR / f"{notebook}.ipynb"
    target = plan.run_dir / f"{notebook}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    tune_threads()
    os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")  # see docs/experiments.md
    print(f"\n── {source.name} → {portable(target)}", flush=True)
    start = time.monotonic()
    try:
        with (
            target.with_suffix(".log").open("w", encoding="utf-8") as log_file,
            tempfile.TemporaryDirectory(prefix="openbook-") as sockets_dir,
        ):
            papermill.execute_notebook(
                str(source),
                str(target),
                parameters=for_notebook(plan.values, notebook),
                cwd=str(PROJECT_DIR),
                kernel_name="python3",
                progress_bar=False,
                stdout_file=sys.stdout,
                stderr_file=log_file,
                config=_kernel_config(Path(sockets_dir)),
            )
    except papermill.PapermillExecutionError as error:
        message = one_line(str(error.evalue))
        if error.ename == "Finished":
            print(message, flush=True)
            return
        ours = {"SetupError": SetupError, "CheckFailed": CheckFailed}
        name = "" if error.ename in ours else f"{error.ename}: "
        if full := unwritable(home(), OSError(message)):
            message = str(full)
        raise ours.get(error.ename, SetupError)(
            f"{source.name} stopped in cell [{error.exec_count}]: {name}{message} "
            f"(the executed copy: {portable(target)})"
        ) from None
    except RuntimeError as error:
        if "Kernel died" not in str(error):
            raise
        raise SetupError(
            f"{source.name}: its process was killed. Most likely the memory ran out: close other "
            "programs, or lower batch_size or server_concurrency, and run it again "
            f"(the executed copy, with all output before: {portable(target)})."
        ) from None
    print(f"── {source.name} took {minutes(time.monotonic() - start)}", flush=True)


def _kernel_config(sockets_dir: Path) -> Any:
    """Sockets in a folder of ours, not TCP ports: no other user reaches the kernel.

    A kernel is ended with an interrupt, and logs that as an error: not to be seen. What a cell
    raises does not go through that log.
    """
    from traitlets.config import Config

    return Config(
        KernelManager={"transport": "ipc", "ip": str(sockets_dir / "kernel")},
        NotebookClient={"extra_arguments": ["--IPKernelApp.log_level=CRITICAL"]},
    )


def finish(plan: Plan) -> None:
    """After 4_eval: the report, and as the last lines the table and where the report lies."""
    from lib.eval import headline, load_run, write_report

    report_path = plan.run_dir / "report.html"
    write_report(plan.run_dir / "4_eval.ipynb", report_path)
    stop = f".venv/bin/python -m lib.deploy stop {plan.values['run_name']}"
    print(f"\nThe models still answer. To end them: {stop}")
    print(f"\n{headline(load_run(str(plan.run_dir)))}\n\n{portable(report_path)}", flush=True)


def refresh(plan: Plan) -> None:
    """Make the run's executed notebooks the committed ones, without traces of the machine.

    Their metadata is what JupyterLab writes when it opens one, so that it has nothing to save.
    """
    import nbformat

    for notebook in NOTEBOOKS:
        executed = nbformat.read(plan.run_dir / f"{notebook}.ipynb", as_version=4)
        executed.metadata = {
            "kernelspec": KERNELSPEC,
            "language_info": executed.metadata.language_info,  # as the kernel has said it
        }
        for cell in executed.cells:
            tags = cell.metadata.get("tags", [])
            cell.source = cell.source.rstrip("\n")
            if "injected-parameters" in tags:
                cell.source = cell.source.replace("# Parameters", EDIT_HERE, 1)
            cell.metadata = {"tags": tags} if tags else {}
        nbformat.write(executed, PROJECT_DIR / f"{notebook}.ipynb")


def main(arguments: list[str]) -> int:
    return run("run_all.sh", lambda: _run_stages(arguments))


def _run_stages(arguments: list[str]) -> None:
    stages = list(takewhile(lambda argument: not argument.startswith("-"), arguments))
    options = arguments[len(stages) :]
    known = ("check", *NOTEBOOKS, "refresh")
    if not stages or not set(stages) <= set(known):
        wrong = next((stage for stage in stages if stage not in known), "")
        raise SetupError(f"No stage '{wrong}': expected some of {', '.join(known)}.")
    if {"-h", "--help", "--list"} & set(options):
        print(listing() if "--list" in options else _USAGE)
        return
    plan = make_plan(options)
    for stage in stages:
        if stage == "check":
            check(plan)
        elif stage == "refresh":
            refresh(plan)
        elif plan.first <= NOTEBOOKS.index(stage) + 1 <= plan.last:
            run_notebook(plan, stage)
            if stage == NOTEBOOKS[-1]:
                finish(plan)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
