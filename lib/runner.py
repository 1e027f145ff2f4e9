"""What run_all.sh calls: check the parameters, then run the notebooks through papermill.

`python -m lib.runner STAGE … [options]`, each STAGE being check, 1_gen, 2_finetune, 3_deploy,
4_eval or refresh; the options are those of run_all.sh.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from textwrap import fill
from typing import Any

from lib.cli import EXIT_CODES, Parser, run
from lib.endpoints import check_names, is_set_by_user
from lib.parameters import add_parameters, for_notebook, listing, overrides
from lib.progress import VERBOSE, for_kernels, minutes
from lib.recipe import NOTEBOOKS, Recipe
from lib.run_folder import COMMAND, keep_history, unfinished
from lib.settings import PROJECT_DIR, CheckFailed, SetupError, home, portable, unwritable
from lib.state import require_path
from lib.store import alone
from lib.text import one_line
from lib.threads import tune_threads

_USAGE = f"""\
./run_all.sh runs the four notebooks, from a folder of documents to a report.

  -p FILE           parameters of one student (default: parameters/tiny.yaml, the embedded student)
  -r NAME VALUE     set one parameter; may be repeated, and beats the file
  --from N, --to N  run only notebooks N to N, 1 to 4
  --dry-run         send nothing: what 1_gen would ask and cost, and what the others would do
  --list            every parameter with its meaning; with -p or -r their values, changes marked
  -v                print samples of texts and lists of checks, too
  -h, --help        this text

  ./run_all.sh -r doc_path ~/my-documents -r run_name mine
  ./run_all.sh -p parameters/Meta-Llama-3.1-8B-Instruct.yaml

Executed notebooks, logs and the report go to runs/<run_name>/, earlier ones to its history/.
Finished work is reused. Paths that you type are looked up in the folder where you are, then in the
project; those in a parameters file, in the project. Secrets and endpoints are in .env (see
.env.sample).

{fill(EXIT_CODES, 100)}"""

_FULL_BYTES = 2**20
_LONGEST_SILENCE_S = 600  # of a kernel that starts or has ended a cell: a slow disk, a busy machine
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
    def notebooks(self) -> tuple[str, ...]:
        return NOTEBOOKS[self.first - 1 : self.last]

    @property
    def run_dir(self) -> Path:
        return home() / "runs" / self.recipe.run_name


def make_plan(options: argparse.Namespace) -> Plan:
    if options.first > options.last:
        raise SetupError(f"--from {options.first} is behind --to {options.last}.")
    values = overrides(options.file, options.overrides)
    if options.dry_run:
        values["dry_run"] = True
    recipe = Recipe(**values)
    # Plain pairs give nothing to train on.
    ends = options.first == 1 and recipe.dataset_kind == "qa"
    return Plan(values, recipe, options.first, 1 if ends else options.last)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="./run_all.sh", add_help=False, allow_abbrev=False)
    add_parameters(parser)
    parser.add_argument("--from", dest="first", type=int, choices=range(1, 5), default=1)
    parser.add_argument("--to", dest="last", type=int, choices=range(1, 5), default=4)
    for flag in ("--dry-run", "--list", "-v"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args(arguments)


def command_of(options: argparse.Namespace) -> str:
    """`./run_all.sh -p FILE -r NAME VALUE …`: this run, for advice to add `max_questions` to."""
    words = ["./run_all.sh", *(("-p", str(options.file)) if options.file else ())]
    for name, value in options.overrides:
        words += ["-r", name, value] if name != "max_questions" else []
    return shlex.join(words)


def check(plan: Plan) -> None:
    """Say what will run, and stop here when a requirement of the student is missing."""
    recipe = plan.recipe
    check_names()
    if plan.first <= 3 <= plan.last and recipe.engine != "auto":
        from lib.deploy.engines import chosen

        chosen(recipe)
    if recipe.cluster:
        from lib.cluster import require_cluster

        require_cluster(recipe.cluster)
    if plan.first > 1:
        require_path("DATASET_DIR", recipe.run_name)
    if plan.first > 2:
        from lib.finetune import require_student

        require_student(recipe)
    if plan.first <= 2 <= plan.last and not recipe.dry_run:
        from lib.finetune import require_machine

        require_machine(recipe)
    if plan.first == 1 or plan.last == len(NOTEBOOKS):
        from lib.rag.embedder import require_models

        require_models(recipe)
    if plan.last == len(NOTEBOOKS):
        from lib.eval import budget_of, eval_models, find_judge
        from lib.rag.embedder import require_role

        require_role(recipe)
        eval_models(recipe, deployed=plan.first == plan.last)  # else 3_deploy serves them later
        find_judge(recipe)
        budget_of(recipe)
    if plan.first == 1:
        from lib.reading.sources import find_documents

        find_documents(recipe)
    print(
        f"Run '{recipe.run_name}': notebooks {plan.first} to {plan.last}, student "
        f"{recipe.student_model}, documents {recipe.doc_path}",
        flush=True,
    )


def dry_run(plan: Plan) -> None:
    """What each stage would do; nothing is sent, trained or written to the run's folder."""
    from lib.eval import eval_models, find_judge
    from lib.eval.conditions import MEANINGS
    from lib.finetune import require_machine
    from lib.gen import Finished, generate

    recipe = plan.recipe
    if "1_gen" in plan.notebooks:
        print("\n1_gen would ask the teacher:")
        with suppress(Finished):
            generate(replace(recipe, dry_run=True))
    if "2_finetune" in plan.notebooks:
        adapters = f"adapters of rank {recipe.lora_rank} ({recipe.method})"
        how = {"full": "every weight", "hosted": "at a service"}.get(recipe.method, adapters)
        long = f"{recipe.num_epochs:g} epochs"
        if recipe.max_steps:
            long = f"{recipe.max_steps:,} updates"
        print(f"\n2_finetune would train {recipe.student_model}: {long}, {how}.")
        try:
            require_machine(recipe)
        except SetupError as error:
            print(f"It could not on this machine: {error}")
    if "3_deploy" in plan.notebooks:
        served = [role for role in ("student", "baseline") if not is_set_by_user(role)]
        said = " and ".join(served) or "nothing: .env names both endpoints"
        print(f"\n3_deploy would serve {said}.")
    if "4_eval" in plan.notebooks:
        models = [model.name for model in eval_models(recipe, deployed=False)]
        conditions = len(MEANINGS) + len(recipe.top_k) + len(recipe.retrieval) - 1
        questions, requests = "every question of the evaluation split", ""
        if most := recipe.max_questions:
            questions = f"at most {most:,} questions of the evaluation split"
            requests = f", {most * conditions:,} requests to each"
        judged = ", and the judge about the replies" if find_judge(recipe) else ""
        print(
            f"\n4_eval would ask {', '.join(models)} about {questions} under {conditions} "
            f"conditions{requests}{judged}."
        )


def run_notebook(plan: Plan, notebook: str) -> None:
    """Run one notebook into the run's folder, its printed lines shown as they come.

    A copy takes the place of the last one when it has run to its end.
    """
    # jsonschema would build the grammar of an IRI: more than a second, and no notebook holds one.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import logging

    import papermill

    # Its own reading of the parameters cell trips over our comments; ours has checked them.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    source = PROJECT_DIR / f"{notebook}.ipynb"
    finished = plan.run_dir / f"{notebook}.ipynb"
    target = unfinished(finished)
    target.parent.mkdir(parents=True, exist_ok=True)
    tune_threads()
    print(f"\n── {source.name} → {portable(finished)}", flush=True)
    shown = for_kernels(sys.stdout)
    start = time.monotonic()
    try:
        with (
            target.with_suffix(".log").open("w", encoding="utf-8") as log_file,
            tempfile.TemporaryDirectory(prefix="openbook-") as kernel_dir,
        ):
            # Our packages, whatever is called python3 elsewhere, and no start-up files of the user:
            # what those define may be a parameter's name.
            os.environ["JUPYTER_PATH"] = str(Path(sys.prefix, "share", "jupyter"))
            os.environ["IPYTHONDIR"] = kernel_dir
            papermill.execute_notebook(
                str(source),
                str(target),
                parameters=for_notebook(plan.values, notebook),
                cwd=str(PROJECT_DIR),
                kernel_name="python3",
                progress_bar=False,
                start_timeout=_LONGEST_SILENCE_S,
                stdout_file=shown,
                stderr_file=log_file,
                config=_kernel_config(Path(kernel_dir)),
            )
    except papermill.PapermillExecutionError as error:
        message = one_line(str(error.evalue))
        if error.ename == "Finished":
            print(message, flush=True)
            _take_place(target, finished)
            return
        ours = {"SetupError": SetupError, "CheckFailed": CheckFailed}
        name = "" if error.ename in ours else f"{error.ename}: "
        if full := unwritable(home(), OSError(message)):
            message = str(full)
        elif shutil.disk_usage(home()).free < _FULL_BYTES:  # a process that could not say it
            message += f" The disk of {home()} is full: free space there first."
        raise ours.get(error.ename, SetupError)(
            f"{source.name} stopped in cell [{error.exec_count}]: {name}{message} "
            f"(the executed copy: {portable(target)})"
        ) from None
    except RuntimeError as error:
        if "Kernel died" not in str(error):
            raise
        if "kernel_info" in str(error):
            said = f"{source.name}: its kernel ended as it started; the lines above say why."
            raise SetupError(said) from None
        raise SetupError(
            f"{source.name}: its process was killed. Most likely the memory ran out: close other "
            "programs, or lower batch_size or server_concurrency, and run it again "
            f"(the executed copy, with all output before: {portable(target)})."
        ) from None
    finally:
        if shown is not sys.stdout:
            shown.end()
    _take_place(target, finished)
    print(f"── {source.name} took {minutes(time.monotonic() - start)}", flush=True)


def _take_place(target: Path, finished: Path) -> None:
    target.with_suffix(".log").replace(finished.with_suffix(".log"))
    target.replace(finished)


def _kernel_config(kernel_dir: Path) -> Any:
    """Sockets in a folder of ours, not TCP ports: no other user reaches the kernel.

    A kernel is ended with an interrupt, and logs that as an error: not to be seen. What a cell
    raises does not go through that log. Half of the time that it has to end, it may wait for
    requests that are paid; then it gets SIGTERM.
    """
    from traitlets.config import Config

    from lib.engine.endpoint import SHUTDOWN_S

    sockets = {"transport": "ipc", "ip": str(kernel_dir / "kernel")}
    return Config(
        KernelManager={**sockets, "shutdown_wait_time": 2 * SHUTDOWN_S + 10},
        NotebookClient={
            "extra_arguments": ["--IPKernelApp.log_level=CRITICAL"],
            "iopub_timeout": _LONGEST_SILENCE_S,
        },
    )


def finish(plan: Plan) -> None:
    """After 4_eval, which has printed the table: the report, and as the last line its path."""
    from lib.eval import write_report

    report_path = plan.run_dir / "report.html"
    write_report(plan.run_dir / "4_eval.ipynb", report_path)
    python, run_name = ".venv/bin/python -m", plan.values["run_name"]
    options = os.environ[COMMAND].removeprefix("./run_all.sh")
    print(f"\nTo end the servers of the models: {python} lib.deploy stop {run_name}")
    print(f"To ask them on a page: {python} lib.deploy.chat_page {run_name}{options}")
    print(f"\n{portable(report_path)}", flush=True)


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
    if not stages or {"-h", "--help"} & set(arguments):
        print(_USAGE)
        return
    known = ("check", *NOTEBOOKS, "refresh")
    if wrong := [stage for stage in stages if stage not in known]:
        raise SetupError(f"No stage '{wrong[0]}': expected some of {', '.join(known)}.")
    options = parse(arguments[len(stages) :])
    if options.list:
        is_changed = options.file or options.overrides
        print(listing(overrides(options.file, options.overrides) if is_changed else {}))
        return
    if options.v:
        os.environ[VERBOSE] = "1"
    os.environ[COMMAND] = command_of(options)
    plan = make_plan(options)
    if "check" in stages:
        check(plan)
    if plan.recipe.dry_run:
        dry_run(plan)
        return
    if "refresh" in stages:
        refresh(plan)
    notebooks = [notebook for notebook in plan.notebooks if notebook in stages]
    if not notebooks:
        return
    busy = f"Run '{plan.recipe.run_name}' is running in another process. Wait for it, end it, or "
    with alone(plan.run_dir / ".lock", f"{busy}set another run_name."):
        keep_history(plan.run_dir)
        for notebook in notebooks:
            run_notebook(plan, notebook)
            if notebook == NOTEBOOKS[-1]:
                finish(plan)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
