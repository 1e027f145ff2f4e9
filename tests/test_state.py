"""Runs in turn and interleaved: each stage uses its own run's results, or says which is missing."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lib import deploy, finetune
from lib.deploy.engines import transformers
from lib.eval import eval_models
from lib.eval.models import endpoint_of
from lib.recipe import Recipe
from lib.runner import main
from lib.settings import SetupError, portable
from lib.state import require_path, save_state, state_path
from tests.finetune.tiny import make_model, write_dataset

RUNS, VERSIONS = ("tiny", "mix"), (0, 1)
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"choices": [{}]}')
    do_POST = do_GET
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "lamplighter")


@pytest.fixture
def recipes(
    home_dir: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Recipe]]:
    """Two runs with two datasets each; a stand-in serves their models."""
    for run in RUNS:
        for version in VERSIONS:
            folder = home_dir / "artefacts" / "datasets" / f"{run}-{version}"
            write_dataset(folder, train=4 + version + len(run), valid=1)
    monkeypatch.setattr(
        transformers,
        "command",
        lambda model, port, _: [sys.executable, "-c", SERVER, model, str(port)],
    )
    yield {
        run: Recipe(
            run_name=run,
            student_model=str(model_dir),
            num_epochs=0.1,
            models=["student"],
            method="full",
        )
        for run in RUNS
    }
    deploy.stop()


# --- the notebooks' verbs ------------------------------------------------------------------------


def gen(recipe: Recipe, version: int) -> None:
    save_state(recipe.run_name, DATASET_DIR=f"artefacts/datasets/{recipe.run_name}-{version}")


def tune(recipe: Recipe) -> str:
    dataset_dir = require_path("DATASET_DIR", recipe.run_name)
    trained = finetune.train_student(finetune.prepare_rows(dataset_dir, recipe), recipe)
    save_state(recipe.run_name, **trained.state)
    return portable(trained.model_dir)


def serve(recipe: Recipe) -> str:
    require_path("DATASET_DIR", recipe.run_name)
    return deploy.deploy(recipe)[0].model


def evaluate(recipe: Recipe) -> str:
    require_path("DATASET_DIR", recipe.run_name)
    return endpoint_of(eval_models(recipe)[0]).deployment


def outcome(verb: Callable[[Recipe], str], recipe: Recipe) -> str:
    """The model that a stage used, or the notebook that its one line asks for."""
    try:
        return verb(recipe)
    except SetupError as error:
        said = str(error)
    assert "\n" not in said
    assert f"'{recipe.run_name}'" in said
    (notebook,) = set(re.findall(r"(\d)_\w+\.ipynb", said))
    return str(notebook)


def test_any_order_of_stages_uses_the_runs_own_results(recipes: dict[str, Recipe]) -> None:
    draw = random.Random(0)
    students: dict[tuple[str, int], str] = {}  # (run, version of its dataset) → what was trained
    has: dict[str, dict[int, int]] = {run: {} for run in RUNS}  # run → stage → made from version
    for _ in range(120):
        run, stage = draw.choice(RUNS), draw.choice([1, 2, 2, 3, 3, 4])
        recipe, made = recipes[run], has[run]
        version = made.get(1, -1)
        if stage == 1:
            made[1] = draw.choice(VERSIONS)
            gen(recipe, made[1])
            continue
        stale = [n for n in range(1, stage) if version < 0 or made.get(n) != version]
        if stale and stage == 4 and version >= 0 and 3 not in made:
            stale = [3]  # which then asks for the others
        found = outcome({2: tune, 3: serve, 4: evaluate}[stage], recipe)
        if stale:
            assert found == str(stale[0]), (run, stage, made)
            continue
        made[stage] = version
        assert found == students.setdefault((run, version), found)
        assert Path(found).parts[2].startswith(f"{run}-")
    assert len(set(students.values())) == len(students)


def test_a_run_that_starts_late_is_checked_before_a_kernel_starts(
    recipes: dict[str, Recipe], model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = recipes["tiny"]
    own = ["-r", "student_model", str(model_dir), "-r", "run_name"]

    def said(run: str, first: int, *more: str) -> str:
        options = ["check", "--from", str(first), "--to", "3", *own, run, *more]
        assert main(options) == (2 if more or run == "mix" else 0)
        return capsys.readouterr().err

    gen(recipe, 0)
    tune(recipe)
    assert said("tiny", 3) == said("tiny", 2) == ""
    assert "1_gen.ipynb with run_name = 'mix' first (runs here: tiny)" in said("mix", 2)
    gen(recipes["mix"], 0)
    assert "2_finetune.ipynb with run_name = 'mix'" in said("mix", 3)
    other = make_model(state_path("tiny").parent / "other", chat_template=None)
    (other / "README.md").write_text("another")
    assert main(["check", "--from", "4", *own, "tiny"]) == 2
    assert "The student has no endpoint in run 'tiny'. Run 3_deploy" in capsys.readouterr().err
    assert "started from another model" in said("tiny", 3, "-r", "student_model", str(other))


def test_what_the_user_configures_needs_no_student_of_ours(
    recipes: dict[str, Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipes["mix"]
    gen(recipe, 0)
    for role in ("STUDENT", "BASELINE"):
        for name in ("BASE_URL", "API_KEY", "DEPLOYMENT"):
            monkeypatch.setenv(f"{role}_OPENAI_{name}", f"http://{role}")
    assert serve(recipe) == evaluate(recipe) == "http://STUDENT"
