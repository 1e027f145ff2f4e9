from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from lib import runner
from lib.runner import DEFAULT_PARAMETERS, check, main, make_plan
from lib.settings import PROJECT_DIR, SetupError


def run_all(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./run_all.sh", *arguments],
        cwd=PROJECT_DIR,
        env=os.environ.copy(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_default_is_the_embedded_student() -> None:
    plan = make_plan([])
    assert plan.run_dir.name == DEFAULT_PARAMETERS.stem == "tiny"
    assert plan.recipe.student_model == "embedded"
    assert (plan.first, plan.last) == (1, 4)


def test_overrides_beat_the_file_and_name_the_run() -> None:
    plan = make_plan(["-r", "run_name", "mine", "-r", "num_distractors", "2", "--from", "2"])
    assert plan.run_dir.name == "mine"
    assert plan.recipe.num_distractors == 2
    assert plan.recipe.chunk_chars == make_plan([]).recipe.chunk_chars
    assert (plan.first, plan.last) == (2, 4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-p", "nope.yaml"], r"nope\.yaml is not there"),
        (["-r", "nope", "1"], "there is no parameter nope"),
        (["-r", "seed"], "expected 2 arguments"),
        (["-r", "seed", "x"], "expected int"),
        (["-r", "run_name", "../up"], "run_name"),
        (["--from", "3", "--to", "2"], "behind"),
        (["--from", "5"], "invalid choice"),
        (["--frm", "2"], "unrecognized"),
        (["-r", "eval_share", "0"], "eval_share is 0"),
        (["-r", "valid_share", "0.9"], "expected a sum below 1"),
        (["-r", "doc_path", "nowhere/at/all"], "nowhere/at/all"),
        (["-r", "student_model", "./no-such-model"], "no-such-model"),
        (["-r", "models", '["student", "gpt-9"]'], "gpt-9 has no endpoint.*GPT_9_OPENAI"),
        (["-r", "models", "[]"], r"models is \[\]; expected at least one"),
        (["-r", "judge_metrics", '["smart"]'], "smart.*expected some of"),
        (["-r", "max_cost", "-1"], "max_cost is -1; expected at least 0"),
    ],
)
def test_mistakes_are_one_line_before_anything_runs(
    arguments: list[str], says: str, home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == 2
    told = capsys.readouterr().err
    assert re.search(says, told)
    assert told.count("\n") == 1
    assert "Traceback" not in told
    assert not (home_dir / "runs").exists()


@pytest.mark.parametrize("arguments", [[], ["5_more"]])
def test_a_stage_that_is_none_is_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert re.search("No stage '.*': expected some of check, 1_gen", capsys.readouterr().err)


@pytest.mark.parametrize(
    "name", ["Llama-2-7b", "Meta-Llama-3-8B-Instruct", "Meta-Llama-3.1-8B-Instruct"]
)
def test_a_large_student_says_what_is_missing(name: str) -> None:
    plan = make_plan(["-p", str(PROJECT_DIR / "parameters" / f"{name}.yaml")])
    with pytest.raises(SetupError, match=r"GPU.*(hub|HF_TOKEN)"):
        check(plan)


def test_run_all_lists_and_helps_and_fails_with_a_status() -> None:
    listed, helped, failed = run_all("--list"), run_all("-h"), run_all("-r", "nope", "1")
    assert listed.returncode == helped.returncode == 0
    assert "oracle_probability = 0.8" in listed.stdout
    assert "--from N" in helped.stdout
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1].startswith("run_all.sh: -r: there is no parameter")
    assert failed.stdout == ""


@pytest.mark.parametrize(
    ("cell", "code", "says"),
    [
        ("import os; os.kill(os.getpid(), 9)", 2, "1_gen.ipynb: its process was killed.*memory"),
        ("from lib.settings import CheckFailed\nraise CheckFailed('Bad rows.')", 1, ": Bad rows"),
        ("1 / 0", 2, r"in cell \[2\]: ZeroDivisionError: division by zero"),
        ("raise OSError(28, 'No space left on device')", 2, "cannot be used.*Free space"),
    ],
)
def test_a_notebook_that_fails_ends_in_one_line(
    cell: str,
    code: int,
    says: str,
    home_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import nbformat

    monkeypatch.setattr(runner, "PROJECT_DIR", home_dir)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT_DIR))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    notebook.metadata["kernelspec"] = kernel
    nbformat.write(notebook, home_dir / "1_gen.ipynb")
    assert main(["1_gen"]) == code
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.search(says, last)
    assert "runs/tiny/1_gen.ipynb" in last


@pytest.mark.parametrize("option", [("dry_run", "true"), ("dataset_kind", "qa")])
def test_what_gives_nothing_to_train_on_ends_with_the_first_notebook(
    option: tuple[str, str],
) -> None:
    assert make_plan(["-r", *option]).last == 1
    assert make_plan(["-r", *option, "--from", "2"]).last == 4
