"""What other tools read: the harness' results file, and what the trackers' packages are told."""

from __future__ import annotations

import json
import math
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lib.eval.__main__ import main
from lib.eval.runs.exports import lm_eval_results, write_lm_eval
from lib.eval.runs.runs import Run, load_run
from lib.eval.runs.trackers import figures_of, log_run, log_to_trackers, settings_of
from lib.settings import SetupError
from tests.eval.toy_runs import CONDITIONS, write_run

SECRET = "sk-judge-0123456789"
MODELS = ("student", "baseline, plain prompt")


def student(i: int, case: Any) -> bool | None:
    return None if case.condition == "closed_book" else i % 4 == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("made") / "tiny", student, models=MODELS)


@pytest.fixture
def run(made: Path, home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("MLFLOW_TRACKING_URI", "WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(made, home_dir / "runs" / "tiny")
    return load_run("tiny")


# --- lm-evaluation-harness -----------------------------------------------------------------------


def test_one_task_a_condition_and_every_section_has_it(run: Run) -> None:
    found = lm_eval_results(run, model=MODELS[1])
    tasks = [f"openbook_docs-0123456789ab_{condition}" for condition in CONDITIONS]
    sections = ("results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better")
    for section in (*sections, "n-samples"):
        assert list(found[section]) == tasks, section
    assert found["n-samples"][tasks[0]] == {"original": 40, "effective": 40}
    assert found["config"]["model_args"] == {"model": "baseline, plain prompt-1"}
    assert found["date"] == 1795168800.0  # 2026-11-20, 10:00 UTC
    json.dumps(found, allow_nan=False)


def test_metrics_are_named_with_their_filter_and_have_the_harness_stderr(run: Run) -> None:
    figures = lm_eval_results(run, model="student")["results"]["openbook_docs-0123456789ab_top_3"]
    values = [float(i % 4 == 0) for i in range(40)]
    assert figures["alias"] == "top_3"
    assert figures["exact_match,none"] == 0.25
    assert figures["exact_match_stderr,none"] == pytest.approx(
        statistics.stdev(values) / math.sqrt(40)
    )
    assert (figures["name"], figures["sample_len"]) == ("openbook_docs-0123456789ab_top_3", 40)
    assert set(figures) == {"name", "alias", "sample_len"} | {
        f"{metric}{end},none"
        for metric in ("exact_match", "exact_match_strict", "f1")
        for end in ("", "_stderr")
    }


def test_what_has_no_value_is_left_out(run: Run) -> None:
    results = lm_eval_results(run, model="student")["results"]
    assert {figures["alias"]: "exact_match,none" in figures for figures in results.values()} == {
        "closed_book": False,  # mute there: only the strict figure has a value, and it is 0
        "oracle": True,
        "top_3": True,
    }
    assert results["openbook_docs-0123456789ab_closed_book"]["exact_match_strict,none"] == 0


def test_our_interval_is_kept_beside_the_harness_stderr(run: Run) -> None:
    config = lm_eval_results(run, model="student")["configs"]["openbook_docs-0123456789ab_oracle"]
    one = run.results.estimate("student", "oracle", "exact_match")
    assert one
    assert config["metadata"]["interval_95"]["exact_match"] == [one.low, one.high]
    assert config["metric_list"][0] == {
        "metric": "exact_match",
        "aggregation": "mean",
        "higher_is_better": True,
    }


def test_less_is_better_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.eval.runs.exports.LOWER_IS_BETTER", frozenset({"f1"}))
    found = lm_eval_results(run, model="student")["higher_is_better"]
    assert {name: better for one in found.values() for name, better in one.items()} == {
        "exact_match": True,
        "exact_match_strict": True,
        "f1": False,
    }


def test_a_single_value_has_no_stderr(home_dir: Path) -> None:
    write_run(home_dir / "runs" / "one", lambda i, case: True, num_questions=1)
    figures = lm_eval_results(load_run("one"), model="student")["results"]
    assert all(one["exact_match_stderr,none"] == "N/A" for one in figures.values())


def test_files_lie_where_the_harness_puts_them(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "tiny", "--to", "lm-eval"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "runs/tiny/lm-eval/student/results_2026-11-20T10-00-00+00-00.json",
        "runs/tiny/lm-eval/baseline__plain__prompt/results_2026-11-20T10-00-00+00-00.json",
    ]
    out = tmp_path / "results.json"
    assert main(["export", "tiny", "--to", "lm-eval", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["openbook"]["model"] == "student"
    assert write_lm_eval(run, model=MODELS[1], path=out) == [out]
    assert json.loads(out.read_text())["openbook"]["model"] == MODELS[1]
    assert main(["export", "tiny", "--to", "lm-eval", "--model", "teacher"]) == 2
    assert "has no model teacher. It has: student" in capsys.readouterr().err


# --- trackers ------------------------------------------------------------------------------------
# The stand-ins take what the packages take by their published signatures, and nothing else.


class Failed(Exception):
    pass


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Both packages, as modules that write down what they are told."""
    seen: dict[str, Any] = {"environ": {}}
    _stand_in_mlflow(seen, monkeypatch)
    _stand_in_wandb(seen, monkeypatch)
    return seen


def _stand_in_mlflow(seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    mlflow: Any = ModuleType("mlflow")

    def set_tracking_uri(uri: str | Path) -> None:
        seen["uri"] = uri

    def set_experiment(
        experiment_name: str | None = None, experiment_id: str | None = None
    ) -> None:
        seen["experiment"] = experiment_name

    @contextmanager
    def start_run(
        run_id: str | None = None, experiment_id: str | None = None, run_name: str | None = None
    ) -> Iterator[Any]:
        seen["name"], seen["environ"]["mlflow"] = run_name, dict(os.environ)
        if "refuse" in seen:
            raise Failed(seen["refuse"])
        yield SimpleNamespace(info=SimpleNamespace(run_id="r1"))
        seen["ended"] = True

    def log_params(params: dict[str, Any], synchronous: bool | None = None) -> None:
        seen["params"] = params

    def log_metrics(metrics: dict[str, float], step: int | None = None) -> None:
        seen["metrics"] = metrics

    def set_tags(tags: dict[str, Any], synchronous: bool | None = None) -> None:
        seen["tags"] = tags

    def log_dict(dictionary: dict[str, Any], artifact_file: str, run_id: str | None = None) -> None:
        seen["artifact"] = (artifact_file, dictionary)

    for function in (set_tracking_uri, set_experiment, start_run, log_params, log_metrics):
        setattr(mlflow, function.__name__, function)
    mlflow.set_tags, mlflow.log_dict, mlflow.MlflowException = set_tags, log_dict, Failed
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)


def _stand_in_wandb(seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    wandb: Any = ModuleType("wandb")

    class Artifact:
        def __init__(self, name: str, type: str, description: str | None = None) -> None:
            assert "/" not in name
            self.files: dict[str, StringIO] = {}

        @contextmanager
        def new_file(
            self, name: str, mode: str = "x", encoding: str | None = None
        ) -> Iterator[StringIO]:
            self.files[name] = StringIO()
            yield self.files[name]

    def log_artifact(artifact_or_path: Any, name: str | None = None) -> None:
        seen["wandb_files"] = {n: f.getvalue() for n, f in artifact_or_path.files.items()}

    def finish(exit_code: int | None = None) -> None:
        seen["finished"] = True

    def init(
        entity: str | None = None,
        project: str | None = None,
        dir: str | None = None,
        id: str | None = None,
        name: str | None = None,
        notes: str | None = None,
        config: dict[str, Any] | None = None,
        job_type: str | None = None,
        settings: dict[str, Any] | None = None,
    ) -> Any:
        seen["init"] = {"project": project, "dir": dir, "name": name, "config": config}
        seen["environ"]["wandb"] = dict(os.environ)
        seen["summary"] = {}
        offline = os.environ.get("WANDB_MODE") == "offline"
        return SimpleNamespace(
            summary=seen["summary"],
            log_artifact=log_artifact,
            finish=finish,
            offline=offline,
            url=None if offline else "https://wandb.example/me/openbook/runs/1",
        )

    wandb.init, wandb.Artifact, wandb.Error = init, Artifact, Failed
    monkeypatch.setitem(sys.modules, "wandb", wandb)


def test_nothing_is_logged_where_nothing_is_configured(
    run: Run, calls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert log_to_trackers(run) == []
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert log_to_trackers(run) == []
    assert calls == {"environ": {}}


def test_mlflow_gets_figures_settings_and_the_verdict(
    run: Run, calls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:hunter22@tracking.example")
    (said,) = log_to_trackers(run)
    assert said == "MLflow: run tiny logged, https://***@tracking.example, run id r1"
    assert (calls["name"], calls["experiment"], calls["ended"]) == ("tiny", "openbook", True)
    assert calls["uri"] == "https://me:hunter22@tracking.example"
    assert calls["params"]["parameters.top_k"] == "[3]"
    assert calls["params"]["models.student.deployment"] == "student-1"
    assert calls["metrics"]["student/top_3/exact_match"] == 0.25
    assert calls["metrics"]["student against baseline plain prompt/top_3/exact_match_n"] == 40
    assert calls["tags"]["verdict"] == run.metrics["verdict"]
    assert calls["artifact"] == ("metrics.json", run.metrics)


def test_mlflow_keeps_to_the_experiment_that_the_user_names(
    run: Run, calls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mlruns")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
    log_run(run, "mlflow")
    assert "experiment" not in calls


def test_wandb_gets_figures_settings_and_the_metrics_file(
    run: Run, calls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert log_run(run, "wandb").endswith("offline: `wandb sync` sends it")
    assert calls["init"]["project"] == "openbook"
    assert calls["init"]["name"] == "tiny"
    assert calls["init"]["dir"] == str(run.run_dir.resolve())  # not where the user stands
    assert calls["init"]["config"]["parameters.top_k"] == [3]
    assert calls["summary"]["student/top_3/exact_match"] == 0.25
    assert json.loads(calls["wandb_files"]["metrics.json"]) == run.metrics
    assert calls["finished"]


def test_what_env_says_holds_only_while_the_package_runs(
    run: Run, calls: dict[str, Any], home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    (home_dir / ".env").write_text(
        f"WANDB_API_KEY={SECRET}\nWANDB_PROJECT=theirs\nMLFLOW_TRACKING_URI=mlruns\n"
        f"JUDGE_OPENAI_API_KEY=x{SECRET}\n"
    )
    assert len(log_to_trackers(run)) == 2
    assert calls["environ"]["wandb"]["WANDB_API_KEY"] == SECRET
    assert "JUDGE_OPENAI_API_KEY" not in calls["environ"]["wandb"]
    assert "WANDB_API_KEY" not in calls["environ"]["mlflow"]
    assert calls["init"]["project"] == "theirs"
    assert not {"WANDB_API_KEY", "WANDB_PROJECT", "MLFLOW_TRACKING_URI"} & os.environ.keys()


def test_no_secret_and_no_question_is_exported(
    made: Path, run: Run, calls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # It came into the figures' file before it was known for a secret.
    metrics = json.loads((run.run_dir / "metrics.json").read_text())
    metrics["made_of"]["models"][0]["deployment"] = f"https://judge.example/?key={SECRET}"
    metrics["verdict"] = f"With {SECRET}."
    metrics["leakage"] = {"leaks": [{"question": "Who is the patient of room 7?"}]}
    (run.run_dir / "metrics.json").write_text(json.dumps(metrics))
    monkeypatch.setenv("JUDGE_OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mlruns")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = load_run("tiny")
    log_to_trackers(run)
    del calls["environ"]
    assert "judge.example" in repr(calls)
    assert "room 7" not in repr(calls)
    assert SECRET not in repr(calls)
    (path, *_) = write_lm_eval(run)
    assert "judge.example" in path.read_text()
    assert SECRET not in path.read_text()


def test_a_package_that_is_not_installed_is_one_clear_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mlruns")
    (said,) = log_to_trackers(run)
    assert said == (
        "MLflow is configured, but the package mlflow is not installed, and nothing was logged: "
        "pip install mlflow."
    )
    assert main(["export", "tiny", "--to", "mlflow"]) == 2
    assert capsys.readouterr().err == f"lib.eval: {said}\n"
    assert main(["export", "tiny", "--to", "wandb"]) == 2
    assert "Weights & Biases is not configured: WANDB_API_KEY" in capsys.readouterr().err


def test_a_tracker_that_refuses_says_so_without_its_secrets(
    run: Run, calls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://tracking.example")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)
    calls["refuse"] = f"401 for\n{SECRET}"
    with pytest.raises(SetupError, match=r"MLflow did not take the run: 401 for \*\*\*$"):
        log_run(run, "mlflow")


def test_figures_that_there_are_not_are_left_out(run: Run) -> None:
    figures = figures_of(run)
    assert all(math.isfinite(value) for value in figures.values())
    assert "student/closed_book/exact_match" not in figures
    assert figures["student/closed_book/exact_match_n"] == 0
    assert all(set(name) <= set("/-. _") | set(filter(str.isalnum, name)) for name in figures)
    assert settings_of(run)["seed"] == 42
