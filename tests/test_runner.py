from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from lib import runner
from lib.parameters import DEFAULT_PARAMETERS, TYPED_IN
from lib.run_folder import NUM_KEPT, keep_history
from lib.runner import Plan, check, main, make_plan, parse
from lib.settings import PROJECT_DIR, SetupError
from tests.server import serve


def plan_of(*arguments: str) -> Plan:
    return make_plan(parse(arguments))


def run_all(*arguments: str, cwd: Path = PROJECT_DIR) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROJECT_DIR / "run_all.sh"), *arguments],
        cwd=cwd,
        env=os.environ.copy(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_the_default_is_the_embedded_student() -> None:
    plan = plan_of()
    assert plan.run_dir.name == DEFAULT_PARAMETERS.stem == "tiny"
    assert plan.recipe.student_model == "embedded"
    assert (plan.first, plan.last) == (1, 4)


def test_overrides_beat_the_file_and_name_the_run() -> None:
    plan = plan_of("-r", "run_name", "mine", "-r", "num_distractors", "2", "--from", "2")
    assert plan.run_dir.name == "mine"
    assert plan.recipe.num_distractors == 2
    assert plan.recipe.chunk_chars == plan_of().recipe.chunk_chars
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
        (["-r", "doc_path", "a" * 300], "File name too long. Give another path"),
        (["-r", "doc_path", "~nobody-here/docs"], "~nobody-here/docs does not exist"),
        (["-p", "~nobody-here/mine.yaml"], "~nobody-here/mine.yaml is not there"),
        (["-r", "student_model", "./no-such-model"], "no-such-model"),
        (["-r", "embedding_model", "./nowhere"], "embedding_model is './nowhere', and there is no"),
        (["-r", "embedding_model", "artefacts/models/no-e5"], "and there is no such folder"),
        (
            ["-r", "embedding_model", "nobody/no-e5"],  # HF_HUB_OFFLINE is set in tests
            "embedding_model is 'nobody/no-e5', .* nor is it in the hub's cache",
        ),
        (
            ["-r", "embedding_model", "artefacts/models/no-e5", "--to", "1"],
            "embedding_model is 'artefacts/models/no-e5', and there is no such folder",
        ),
        (
            ["-r", "rerank_model", "/no/where", "-r", "retrieval", "hybrid + rerank"],
            "rerank_model is '/no/where', and there is no such folder",
        ),
        (["-r", "retrieval", "hybrid + hyde"], r"\+ hyde asks the teacher, which has no endpoint"),
        (
            ["-r", "retrieval", "dense + compress", "-r", "rerank_model", "llm"],
            r"\+ compress asks the teacher, which has no endpoint",
        ),
        (["-r", "chat_template_path", "nowhere.jinja"], "'nowhere.jinja', which cannot be read"),
        (["-r", "method", "lora", "-r", "from_adapter", "nowhere"], "from_adapter is 'nowhere'"),
        (
            ["-r", "then", "dpo", "-r", "preferences_path", "nowhere"],
            "preferences_path is 'nowhere', where no train.jsonl is",
        ),
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


def test_a_stage_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "5_more"]) == 2
    assert "No stage '5_more': expected some of check, 1_gen" in capsys.readouterr().err
    for asked in ([], ["check", "-h"], ["check", "--list", "--help"]):
        assert main(asked) == 0
        assert "--from N, --to N" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["Llama-2-7b", "Meta-Llama-3-8B-Instruct", "Meta-Llama-3.1-8B-Instruct"]
)
def test_a_large_student_says_what_is_missing(name: str) -> None:
    plan = plan_of("-p", str(PROJECT_DIR / "parameters" / f"{name}.yaml"))
    with pytest.raises(SetupError, match=r"GPU.*(hub|HF_TOKEN)"):
        check(plan)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cluster", r"cluster is 'auto', and (Ray is not installed|no Ray cluster answers there)"),
        ("azure-foundry", r"STUDENT_OPENAI_API_KEY not set.* In Azure, `azd up` makes one"),
    ],
)
def test_recipes_for_elsewhere_say_within_seconds_what_is_missing_here(
    name: str, says: str
) -> None:
    began = time.monotonic()
    done = run_all("-p", f"parameters/{name}.yaml")
    assert time.monotonic() - began < 60  # seconds, and a busy machine
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert re.match(f"run_all.sh: {says}", line)
    assert done.stdout == ""


def test_the_list_shows_what_a_file_and_an_override_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("chunk_chars: 500\noracle_probability: 0.8\n", encoding="utf-8")
    assert main(["check", "--list", "-p", str(path), "-r", "top_k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    marked = {line.split(" = ")[0]: line for line in lines if line.startswith("* ")}
    assert set(marked) == {"*", "* run_name", "* chunk_chars", "* top_k"}
    assert marked["* chunk_chars"].startswith("* chunk_chars = 500  (default 1000; int; ")
    assert any(line.startswith("  oracle_probability = 0.8  (float") for line in lines)


def test_paths_that_are_typed_begin_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.md").write_text("A text.", encoding="utf-8")
    (tmp_path / "mine.yaml").write_text("eval_doc_path: texts\n", encoding="utf-8")
    options = ("-p", "mine.yaml", "-r", "doc_path", "['texts/*.md', 'sample_data', 'https://a/b']")
    listed = run_all("--list", *options, cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    found = [f"{tmp_path}/texts/*.md", "sample_data", "https://a/b"]
    assert f"* doc_path = {found!r}" in listed.stdout
    assert "* eval_doc_path = 'texts'" in listed.stdout  # of a file: relative to the project
    monkeypatch.setenv(TYPED_IN, str(tmp_path))
    assert main(["check", "--list", "-p", "parameters/tiny.yaml", "-r", "eval_file", ""]) == 0
    shown = capsys.readouterr().out
    assert "* chunk_chars = 500" in shown
    assert "  eval_file = ''" in shown


# --- a dry run -----------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [("--dry-run",), ("-r", "dry_run", "true")])
def test_a_dry_run_says_everything_sends_nothing_and_writes_no_run(
    option: tuple[str, ...],
    home_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    documents = str(PROJECT_DIR / "sample_data" / "*.md")
    with serve() as server:
        monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "none")
        monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "gpt-4o-mini")
        stages = ["check", "1_gen", "2_finetune", "3_deploy", "4_eval"]
        given = ("-r", "doc_path", documents, "-r", "retrieval", "dense,hybrid + rerank")
        assert main([*stages, *option, *given]) == 0
        assert not server.requests
    said = capsys.readouterr().out
    assert re.search(r"1_gen would ask the teacher:\n.* chunks ", said)
    assert re.search(r"\n[\d,]+ requests, .* about \d.* USD", said)
    assert "2_finetune would train embedded" in said
    assert "3_deploy would serve student and baseline" in said
    assert "4_eval would ask student, baseline about at most 140 questions" in said
    assert "8 conditions, 1,120 requests to each" in said
    assert not (home_dir / "runs").exists()


def test_a_dry_run_of_a_large_student_says_what_is_missing_and_ends_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(PROJECT_DIR / "parameters" / "Meta-Llama-3.1-8B-Instruct.yaml")
    documents = str(PROJECT_DIR / "sample_data" / "*.md")
    assert main(["check", "--dry-run", "-p", path, "-r", "doc_path", documents]) == 0
    assert re.search("It could not on this machine: .*GPU", capsys.readouterr().out)


# --- a run's folder ------------------------------------------------------------------------------


def project(folder: Path, monkeypatch: pytest.MonkeyPatch, **cells: str) -> None:
    """A project whose notebooks have one cell each: `project(…, **{"1_gen": "print(1)"})`."""
    import nbformat

    monkeypatch.setattr(runner, "PROJECT_DIR", folder)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT_DIR))
    for name, cell in cells.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        notebook.metadata["kernelspec"] = kernel
        nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.mark.parametrize(
    ("cell", "code", "says"),
    [
        ("import os; os.kill(os.getpid(), 9)", 2, "1_gen.ipynb: its process was killed.*memory"),
        ("from lib.settings import CheckFailed\nraise CheckFailed('Bad rows.')", 1, ": Bad rows"),
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
    project(home_dir, monkeypatch, **{"1_gen": cell})
    assert main(["1_gen"]) == code
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.search(says, last)
    assert "runs/tiny/1_gen.unfinished.ipynb" in last
    assert not (home_dir / "runs" / "tiny" / "1_gen.ipynb").exists()


def test_a_kernel_that_cannot_start_is_no_lack_of_memory(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project(home_dir, monkeypatch, **{"1_gen": "print(1)"})
    (home_dir / "ipykernel_launcher.py").write_text("raise SystemExit('no sockets here')")
    assert main(["1_gen"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert (
        last == "run_all.sh: 1_gen.ipynb: its kernel ended as it started; the lines above say why."
    )


def test_a_failure_on_a_full_disk_says_so(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server or a training whose log cannot be written has no reason of its own."""
    project(home_dir, monkeypatch, **{"1_gen": "raise ValueError('the server ended.')"})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=8192))
    assert main(["1_gen"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"the server ended. The disk of {home_dir} is full" in said


def test_a_kernel_is_of_our_packages_and_reads_no_files_of_the_user(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a start-up file defines would be a parameter; another kernel may be called python3."""
    (startup := home_dir / "ipython" / "profile_default" / "startup").mkdir(parents=True)
    (startup / "mine.py").write_text("seed = 7")
    (kernel := home_dir / "jupyter" / "kernels" / "python3").mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "Other"}')
    monkeypatch.setenv("IPYTHONDIR", str(home_dir / "ipython"))
    monkeypatch.setenv("JUPYTER_PATH", str(home_dir / "jupyter"))
    project(home_dir, monkeypatch, **{"1_gen": "print('seed is there:', 'seed' in globals())"})
    assert main(["1_gen"]) == 0
    assert "seed is there: False" in capsys.readouterr().out


def test_a_run_is_one_process(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project(home_dir, monkeypatch, **{"1_gen": "print(1)"})
    lock_path = home_dir / "runs" / "tiny" / ".lock"
    hold = (
        "import sys; from pathlib import Path; from lib.store import alone\n"
        "with alone(Path(sys.argv[1]), ''): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(lock_path)]
    with subprocess.Popen(
        command, cwd=PROJECT_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        assert main(["1_gen"]) == 2
        assert "Run 'tiny' is running in another process." in capsys.readouterr().err
        process.communicate()
    assert main(["1_gen"]) == 0


def test_a_failing_and_a_dry_run_keep_the_last_report_and_a_good_one_puts_it_into_history(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = home_dir / "runs" / "tiny"

    def files() -> dict[str, str]:
        kept = [path for path in run_dir.rglob("*") if path.is_file() and path.name != ".lock"]
        return {
            path.relative_to(run_dir).as_posix(): path.read_text(encoding="utf-8")
            for path in kept
            if ".unfinished" not in path.name and path.parent.parent.name != "history"
        }

    evaluation = f"open({str(run_dir / 'answers.jsonl')!r}, 'w').write('MARK'); print('MARK')"
    project(home_dir, monkeypatch, **{"4_eval": evaluation.replace("MARK", "first figures")})
    assert main(["4_eval"]) == 0
    (run_dir / ".env.state").write_text("DATASET_DIR='x'\n", encoding="utf-8")
    first = files()
    assert {"4_eval.ipynb", "4_eval.log", "answers.jsonl", "report.html"} < set(first)
    assert "first figures" in first["report.html"]
    told = capsys.readouterr().out
    assert told.count("first figures") == 1
    assert "on a page: .venv/bin/python -m lib.deploy.chat_page tiny\n" in told

    project(home_dir, monkeypatch, **{"4_eval": "print('second'); 1 / 0"})
    assert main(["4_eval"]) == 2
    assert re.search(r"in cell \[2\]: ZeroDivisionError: division by zero", capsys.readouterr().err)
    assert files() == first
    assert "second" in (run_dir / "4_eval.unfinished.ipynb").read_text(encoding="utf-8")

    assert main(["check", "4_eval", "--dry-run", "-r", "doc_path", str(home_dir / "*.ipynb")]) == 2
    assert main(["4_eval", "--from", "2", "--dry-run"]) == 0
    assert files() == first

    project(home_dir, monkeypatch, **{"4_eval": evaluation.replace("MARK", "third figures")})
    assert main(["4_eval"]) == 0
    assert "third figures" in files()["report.html"]
    [earlier] = (run_dir / "history").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", earlier.name)
    kept = {path.name: path.read_text(encoding="utf-8") for path in earlier.iterdir()}
    assert kept == {name: text for name, text in first.items() if name != ".env.state"}
    assert not (run_dir / "4_eval.unfinished.ipynb").exists()


def test_history_holds_the_last_five_and_none_twice(tmp_path: Path) -> None:
    for hour in range(NUM_KEPT + 3):
        report = tmp_path / "report.html"
        report.write_text(f"report {hour}", encoding="utf-8")
        os.utime(report, (hour * 3600, hour * 3600))
        (tmp_path / "1_gen.ipynb").write_text("{}", encoding="utf-8")
        keep_history(tmp_path)
        keep_history(tmp_path)
    texts = [path.read_text() for path in sorted((tmp_path / "history").glob("*/report.html"))]
    assert texts == [f"report {hour}" for hour in range(3, NUM_KEPT + 3)]


def test_a_folder_without_a_run_gets_no_history(tmp_path: Path) -> None:
    (tmp_path / ".env.state").touch()
    (tmp_path / "1_gen.unfinished.ipynb").touch()
    keep_history(tmp_path)
    assert not (tmp_path / "history").exists()


def test_plain_pairs_give_nothing_to_train_on() -> None:
    assert plan_of("-r", "dataset_kind", "qa").last == 1
    assert plan_of("-r", "dataset_kind", "qa", "--from", "2").last == 4


# --- make clean ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "code"), [("", 0), ("n", 2), ("y", 0)])
def test_make_clean_says_what_goes_asks_a_person_and_keeps_the_ledger(
    answer: str, code: int, tmp_path: Path
) -> None:
    """Without an answer nobody is there: the input is not a terminal."""
    shutil.copy(PROJECT_DIR / "Makefile", tmp_path)
    (tmp_path / "python").symlink_to("/bin/true")
    for folder in ("runs/tiny", "artefacts/datasets"):
        (tmp_path / folder).mkdir(parents=True)
    kept = tmp_path / "artefacts" / "ledger.sqlite", tmp_path / "artefacts" / "shards" / "mine"
    kept[0].touch()
    kept[1].mkdir(parents=True)
    typing, terminal = os.openpty()
    os.write(typing, f"{answer}\n".encode())
    done = subprocess.run(
        ["make", "BIN=.", "clean"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        stdin=terminal if answer else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    os.close(typing)
    os.close(terminal)
    assert done.returncode == code, done.stderr
    said = done.stdout.splitlines()
    assert "deletes every run with its reports" in said[0]
    assert {line.split()[1] for line in said[1:3]} == {"runs/tiny", "artefacts/datasets"}
    assert (tmp_path / "runs").exists() == (answer == "n")
    assert (tmp_path / "artefacts" / "datasets").exists() == (answer == "n")
    assert all(path.exists() for path in kept)
