"""The notebooks as a user has them: their form, and one small run of all four through nbval."""

from __future__ import annotations

import ast
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lib import runner
from lib.parameters import for_notebook, shown_in
from lib.recipe import KNOBS, NOTEBOOKS
from lib.runner import EDIT_HERE, KERNELSPEC
from lib.settings import PROJECT_DIR
from tests.plain_html import glued
from tests.server import serve

SECRET = "sk-loopback-0123456789abcdef"
SMALL = {
    "run_name": "small",
    "chunk_chars": 400,
    "chunk_overlap_chars": 40,
    "max_chunks": 36,
    "questions_per_chunk": 2,
    "num_distractors": 2,
    "no_oracle_mode": "both",
    "num_epochs": 0.2,
    "learning_rate": 1e-3,
    "top_k": [1, 2],
    "max_questions": 3,
    "max_answer_tokens": 16,
}


def cells(notebook: str) -> list[dict[str, Any]]:
    return json.loads((PROJECT_DIR / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_tells_a_story_and_holds_no_logic(notebook: str) -> None:
    for cell in cells(notebook):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            continue
        is_list = "parameters" in cell["metadata"].get("tags", [])  # as long as there are any
        assert is_list or source.count("\n") <= 14, source
        forbidden = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try)
        assert not any(isinstance(node, forbidden) for node in ast.walk(ast.parse(source))), source


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_committed_outputs_come_from_one_clean_run(notebook: str) -> None:
    code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    text = json.dumps([cell["outputs"] for cell in code])
    assert '"output_type": "error"' not in text
    assert not re.search(r"/(?:root|home|work|tmp|Users)/", text)
    assert not re.search(r"sk-[A-Za-z0-9]{16,}", text)


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_outputs_are_read_where_styles_and_svg_are_stripped(notebook: str) -> None:
    outputs = [o for cell in cells(notebook) for o in cell.get("outputs", []) if "data" in o]
    for data in (output["data"] for output in outputs):
        html = "".join(data.get("text/html", ""))
        assert glued(html) == []
        assert "image/png" in data or "image/svg+xml" not in data
        assert len(json.dumps(data)) < 150_000
    sheets = json.dumps(outputs).count("<style>")
    assert sheets <= 1  # not in each output
    assert glued("<td>71 <small>63–79</small></td>")  # such a place is found
    assert glued("<td>71</td><td>63</td>") == ["71|63"]


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_jupyterlab_has_nothing_to_write_into_it(notebook: str) -> None:
    """It writes how the kernel is called and what the kernel says of its language."""
    import nbformat

    path = PROJECT_DIR / f"{notebook}.ipynb"
    text = path.read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["metadata"]["kernelspec"] == KERNELSPEC
    assert set(found["metadata"]) == {"kernelspec", "language_info"}
    assert found["metadata"]["language_info"].keys() == {
        *("codemirror_mode", "file_extension", "mimetype", "name", "nbconvert_exporter"),
        *("pygments_lexer", "version"),
    }
    assert nbformat.writes(nbformat.reads(text, as_version=4)) == text.rstrip("\n")


def test_a_refresh_writes_what_jupyterlab_would(
    home_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbformat

    monkeypatch.setattr(runner, "PROJECT_DIR", tmp_path)
    plan = runner.make_plan(runner.parse(["-r", "run_name", "mine"]))
    plan.run_dir.mkdir(parents=True)
    language = json.loads((PROJECT_DIR / "1_gen.ipynb").read_text())["metadata"]["language_info"]
    metadata = {
        "kernelspec": {"name": "other", "display_name": "Other"},
        "language_info": language,
        "papermill": {"x": 1},
    }
    timed = {"tags": ["injected-parameters"], "papermill": {"duration": 1}}
    cell = nbformat.v4.new_code_cell("# Parameters\nn = 1\n", execution_count=1, metadata=timed)
    executed = nbformat.v4.new_notebook(cells=[cell], metadata=metadata)
    for notebook in NOTEBOOKS:
        nbformat.write(executed, plan.run_dir / f"{notebook}.ipynb")
    runner.refresh(plan)
    for notebook in NOTEBOOKS:
        written = json.loads((tmp_path / f"{notebook}.ipynb").read_text())
        assert written["metadata"] == {"kernelspec": KERNELSPEC, "language_info": language}
        assert written["cells"][0]["metadata"] == {"tags": ["injected-parameters"]}
        assert "".join(written["cells"][0]["source"]) == f"{EDIT_HERE}\nn = 1"


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_injected_cell_is_what_tiny_yaml_says(notebook: str) -> None:
    values = yaml.safe_load((PROJECT_DIR / "parameters" / "tiny.yaml").read_text(encoding="utf-8"))
    expected = for_notebook(values, notebook)
    (injected,) = (
        cell
        for cell in cells(notebook)
        if "injected-parameters" in cell["metadata"].get("tags", [])
    )
    assert injected["source"][0] == f"{EDIT_HERE}\n"
    found: dict[str, Any] = {}
    exec("".join(injected["source"]), {}, found)
    assert found == expected


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_cell_shows_few_knobs_as_the_recipe_declares_them(notebook: str) -> None:
    (cell,) = (c for c in cells(notebook) if "parameters" in c["metadata"].get("tags", []))
    lines = "".join(cell["source"]).splitlines()
    assert lines.pop().startswith("more: dict = {}  # ")
    assert len(lines) <= 10
    for line, name in zip(lines, shown_in(notebook), strict=True):
        knob = KNOBS[name]
        default = json.dumps(knob.default, ensure_ascii=False)
        default = {"true": "True", "false": "False"}.get(default, default)
        if isinstance(knob.default, float):
            default = repr(knob.default)
        assert line == f"{name}: {knob.type} = {default}  # {knob.meaning}"
        assert notebook in knob.notebooks


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All four notebooks run once, with a loopback teacher, in a home of their own."""
    import papermill

    home = tmp_path_factory.mktemp("notebooks")
    documents = home / "documents"
    documents.mkdir()
    for name in ("tamsay-line.txt", "harbours-and-dues.md", "packet-company-fleet.pdf"):
        (documents / name).write_bytes((PROJECT_DIR / "sample_data" / name).read_bytes())
    values = {**SMALL, "doc_path": str(documents)}
    environment = {
        **{key: value for key, value in os.environ.items() if "OPENAI" not in key},
        "OPENBOOK_HOME": str(home),
        "PYTHONPATH": str(PROJECT_DIR),
        "HF_HUB_OFFLINE": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    with serve() as server:
        (home / ".env").write_text(
            "".join(
                f"{role}_OPENAI_API_KEY='{SECRET}'\n{role}_OPENAI_BASE_URL={server.base_url}\n"
                f"{role}_OPENAI_DEPLOYMENT=loopback\n"
                for role in ("COMPLETION", "EMBEDDING")
            )
        )
        copies = []
        for notebook in NOTEBOOKS:
            copies.append(home / f"{notebook}.ipynb")
            papermill.execute_notebook(
                str(PROJECT_DIR / f"{notebook}.ipynb"),
                str(copies[-1]),
                parameters=for_notebook(values, notebook),
                prepare_only=True,
                progress_bar=False,
            )
        command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout=600"]
        command += ["-p", "no:langsmith_plugin"]
        try:
            done = subprocess.run(
                [*command, "-p", "no:cacheprovider", *map(str, copies)],
                cwd=home,
                env=environment,
                capture_output=True,
                text=True,
                timeout=900,
                check=False,
            )
        finally:
            subprocess.run(
                [sys.executable, "-m", "lib.deploy", "stop"],
                cwd=PROJECT_DIR,
                env=environment,
                check=False,
            )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert server.authorizations
        assert set(server.authorizations) == {f"Bearer {SECRET}"}
    return home


def test_the_four_notebooks_end_with_results(run_dir: Path) -> None:
    results = json.loads((run_dir / "runs" / "small" / "metrics.json").read_text())
    assert results["conditions"] == [
        *("closed_book", "oracle", "oracle_distractors", "distractors_only", "top_1", "top_2"),
    ]
    assert results["models"] == ["student", "baseline", "baseline, plain prompt"]
    asked = [
        row["n"] + row["unscored"]
        for row in results["estimates"]
        if row["metric"] in ("exact_match", "refused_rightly")
    ]
    assert asked == [SMALL["max_questions"]] * len(results["conditions"]) * len(results["models"])
    assert results["verdict"]


def test_no_secret_is_written_and_state_is_private(run_dir: Path) -> None:
    holders = [
        path
        for path in run_dir.rglob("*")
        if path.is_file() and path.name != ".env" and SECRET.encode() in path.read_bytes()
    ]
    assert holders == []
    assert stat.S_IMODE((run_dir / "runs" / "small" / ".env.state").stat().st_mode) == 0o600


def test_the_dataset_of_the_run_holds(run_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lib.gen", "check"],
        cwd=PROJECT_DIR,
        env={**os.environ, "OPENBOOK_HOME": str(run_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "FAILED" not in done.stdout
