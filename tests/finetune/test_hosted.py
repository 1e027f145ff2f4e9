"""Hosted training against a loopback server that speaks the protocol of fine-tuning jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lib.deploy import deploy
from lib.endpoints import endpoint_settings
from lib.finetune import (
    prepare_rows,
    run_training,
    services,
    show_learned,
    show_trained_tokens,
)
from lib.finetune.hosted import HostedStudent, hosted_rows, train_hosted
from lib.finetune.services import service_of
from lib.finetune.students import require_machine, require_student
from lib.recipe import Recipe
from lib.settings import SetupError, home
from lib.state import read_state, save_state
from tests.finetune.tiny import write_dataset
from tests.jobs_server import KEY, JobsServer
from tests.server import serving

BASE = "open-model-20b"


def recipe(**changed: Any) -> Recipe:
    given: dict[str, Any] = {
        "method": "hosted",
        "student_model": BASE,
        "num_epochs": 2.0,
        "run_name": "h",
    }
    return Recipe(**(given | changed))


def train(dataset_dir: Path, **changed: Any) -> HostedStudent:
    wanted = recipe(**changed)
    return train_hosted(hosted_rows(dataset_dir, wanted), wanted)


def test_a_job_gives_a_student_with_its_curve(
    server: JobsServer, dataset_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = train(dataset_dir, training_type="GlobalStandard", learning_rate_multiplier=0.5)
    (job,) = server.jobs.values()
    assert made.model == f"ft:{BASE}:o::1"
    assert [point["loss"] for point in made.history if "loss" in point] == [1, 1 / 2, 1 / 3]
    assert [p["step"] for p in made.history if "validation_loss" in p] == [1, 2, 3]
    assert made.seconds == 83
    assert f"{len(made.rows.train)} rows were trained in 1:23" in show_learned(made).data
    assert "⟦" in show_trained_tokens(made.rows).data
    assert job["method"]["supervised"]["hyperparameters"] == {
        "n_epochs": 2,
        "learning_rate_multiplier": 0.5,
    }
    assert job["trainingType"] == "GlobalStandard"
    train_rows, valid_rows = (
        [json.loads(line) for line in server.contents[job[name]].splitlines()]
        for name in ("training_file", "validation_file")
    )
    wanted = hosted_rows(dataset_dir, recipe())
    assert [row["messages"] for row in train_rows] == wanted.train
    assert [row["messages"] for row in valid_rows] == wanted.valid
    said = capsys.readouterr().out
    assert "Step 3/3" in said
    assert "cost unknown" in said
    written = "".join(p.read_text() for p in made.folder.parent.rglob("*") if p.is_file())
    assert KEY not in said + written + json.dumps(made.state)


def test_the_same_rows_find_the_same_student_and_send_nothing(
    server: JobsServer, dataset_dir: Path
) -> None:
    first = train(dataset_dir)
    server.refuse = (500, "nothing may be asked")
    again = run_training(prepare_rows(dataset_dir, recipe()), recipe())
    assert again.model == first.model
    assert len(server.jobs) == 1


@pytest.mark.parametrize("lost_at", ["file", "supervised", "wait"])
def test_a_job_is_submitted_once_whatever_is_lost(
    server: JobsServer, dataset_dir: Path, lost_at: str
) -> None:
    if lost_at != "wait":
        server.lose_reply_of = lost_at
    else:
        server.statuses = ["running"]
        with pytest.raises(SetupError, match=r"goes on at the service: run this again"):
            train(dataset_dir, hosted_timeout_h=1e-9)
        server.statuses = ["succeeded"]
    assert train(dataset_dir).model
    assert not server.lose_reply_of
    assert len(server.jobs) == 1
    assert len(server.files) == 2


def test_a_file_is_uploaded_once_for_several_jobs(server: JobsServer, dataset_dir: Path) -> None:
    train(dataset_dir, seed=1)
    train(dataset_dir, seed=2)
    assert len(server.jobs) == 2
    assert len(server.files) == 2


def test_a_file_is_waited_for_until_the_service_has_checked_it(
    server: JobsServer, dataset_dir: Path
) -> None:
    server.file_statuses = ["pending", "running", "processed"]
    assert train(dataset_dir).model
    server.files.clear()
    server.file_statuses = ["pending", "error"]
    with pytest.raises(SetupError, match="cannot use the file openbook-"):
        train(dataset_dir, seed=2)


@pytest.mark.parametrize("status", ["failed", "cancelled", "canceled"])
def test_a_job_that_ends_badly_says_why_and_the_next_run_submits_another(
    server: JobsServer, dataset_dir: Path, status: str
) -> None:
    server.statuses, server.error = ["running", status], None
    reason = "no reason given"
    if status == "failed":
        server.error = {"code": "bad_file", "message": "Line 3 is odd", "param": "training_file"}
        reason = "bad_file, Line 3 is odd, training_file"
    with pytest.raises(SetupError, match=rf"ftjob-0 is {status} \({reason}\)"):
        train(dataset_dir)
    server.statuses = ["succeeded"]
    assert train(dataset_dir).model
    assert len(server.jobs) == 2


def test_a_job_that_succeeds_before_it_has_a_model_is_waited_for(
    server: JobsServer, dataset_dir: Path
) -> None:
    server.looks_without_model = 3
    assert train(dataset_dir).model
    assert len(server.jobs) == 1


def test_a_service_that_keeps_no_metadata_is_asked_for_one_job(
    server: JobsServer, dataset_dir: Path
) -> None:
    server.keeps_metadata, server.statuses = False, ["running"]
    with pytest.raises(SetupError, match="has no model after"):
        train(dataset_dir, hosted_timeout_h=1e-6)
    server.statuses = ["succeeded"]
    assert train(dataset_dir).model
    assert len(server.jobs) == 1


def test_a_file_that_was_deleted_is_uploaded_again(server: JobsServer, dataset_dir: Path) -> None:
    server.refuse = (400, "quota")
    with pytest.raises(SetupError, match="quota"):
        train(dataset_dir)
    server.refuse = None
    for file in server.files.values():
        file["status"] = "deleted"
    assert train(dataset_dir).model
    assert server.jobs["ftjob-0"]["training_file"] == "file-2"


def test_events_of_another_form_cost_no_student(server: JobsServer, dataset_dir: Path) -> None:
    data = [None, {"step": "2", "train_loss": 1.0}, {"train_loss": 0.5}, {"step": 3}]
    odd = [{"id": f"e{n}", "message": None, "data": each} for n, each in enumerate(data)]
    odd.append({"id": "e9", "message": "m", "data": {"step": 4, "train_loss": 0.5}})
    server.told = odd
    assert [point["step"] for point in train(dataset_dir).history] == [4]


def test_a_paused_job_is_waited_for_and_said(
    server: JobsServer, dataset_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.statuses = ["paused", "paused", "running", "succeeded"]
    assert train(dataset_dir).model
    assert capsys.readouterr().out.count("paused") == 1


def test_a_service_that_does_not_answer_for_a_while_is_waited_for(
    server: JobsServer, dataset_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.look_faults = [429, 500, 503] * 3  # more than the SDK tries again
    assert train(dataset_dir).model
    assert "no answer: Error code: " in capsys.readouterr().out


def test_a_key_that_expires_while_a_job_runs_is_no_end_of_the_job(
    server: JobsServer, dataset_dir: Path
) -> None:
    server.look_faults = [401]
    with pytest.raises(SetupError, match=r"refuses \(.*401.* what was submitted goes on there"):
        train(dataset_dir)
    assert train(dataset_dir).model
    assert len(server.jobs) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_told_in_the_words_of_the_service(
    server: JobsServer, dataset_dir: Path, status: int
) -> None:
    server.refuse = (status, "fine-tuning is over")
    with pytest.raises(SetupError, match="fine-tuning is over") as caught:
        train(dataset_dir)
    assert KEY not in str(caught.value)


def test_no_redirect_takes_the_key_along(server: JobsServer, dataset_dir: Path) -> None:
    with serving(JobsServer()) as other:
        server.redirect_to = f"{other.base_url}/fine_tuning/jobs"
        with pytest.raises(SetupError, match=f"127.0.0.1:{server.port}"):
            train(dataset_dir)
        assert not other.keys


def test_what_cannot_be_trained_is_said_before_anything_is_sent(
    server: JobsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = write_dataset(tmp_path / "few", train=9)
    enough = write_dataset(tmp_path / "enough", train=10)
    with pytest.raises(
        SetupError, match=r"9 training rows: 127\.0\.0\.1 takes jobs of at least 10"
    ):
        train(few)
    with pytest.raises(SetupError, match=r"num_epochs is 1.5; a hosted job takes whole passes"):
        train(enough, num_epochs=1.5)
    with pytest.raises(SetupError, match=r"max_cost is set, and hosted\.yaml has no price"):
        train(enough, max_cost=1.0)
    terms = "as_of: 2026-11-28\nservices: {}\nmodels: {open-model-20b: {price: 1000000}}\n"
    (home() / "hosted.yaml").write_text(terms, encoding="utf-8")
    with pytest.raises(SetupError, match="max_cost is 1"):
        train(enough, max_cost=1.0)
    assert not server.files
    assert not server.jobs
    monkeypatch.setenv("BASELINE_OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(SetupError, match="the same address"):
        require_machine(recipe())
    monkeypatch.delenv("BASELINE_OPENAI_API_KEY")
    with pytest.raises(SetupError, match="BASELINE_OPENAI_API_KEY not set"):
        require_machine(recipe())


def test_dates_of_closing_are_those_of_the_file() -> None:
    service = service_of("https://api.openai.com/v1")
    dated = service.endings("ft:gpt-4o-mini-2024-07-18:org::abc")
    assert "takes no new jobs from 2027-01-06" in dated
    assert "answer until 2027-01-14" in dated
    assert f"(hosted.yaml, {service.as_of})" in dated
    assert "answer until" not in service.endings("gpt-4o-mini-tts-of-others")
    assert service.cost("gpt-4o-mini-2024-07-18", 2_000_000) == 6.0
    assert service.cost("unknown", 1) is None
    azure = service_of("https://x.openai.azure.com/openai/v1/")
    assert azure.min_rows == 65
    assert "answer until" not in azure.endings("gpt-4o-mini")  # the other service's date
    (home() / "hosted.yaml").write_text("models: []", encoding="utf-8")
    with pytest.raises(SetupError, match=r"hosted\.yaml cannot be read"):
        services.service_of("http://x")


def test_student_and_baseline_answer_where_it_was_trained(
    server: JobsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_dir = write_dataset(tmp_path / "artefacts" / "lamps")
    save_state("h", DATASET_DIR=str(dataset_dir))
    save_state("h", **train(dataset_dir).state)
    student, baseline = deploy(recipe())
    assert (student.model, baseline.model) == (f"ft:{BASE}:o::1", BASE)
    assert student.base_url == baseline.base_url == server.base_url
    assert "sk-" not in "".join(read_state("h").values())
    found = endpoint_settings("student", "h")
    assert found is not None
    assert (found.deployment, found.api_key) == (student.model, KEY)
    require_student(recipe())
    with pytest.raises(SetupError, match="started from another model"):
        require_student(recipe(student_model="other"))
    monkeypatch.setenv("STUDENT_OPENAI_DEPLOYMENT", "as-deployed-in-the-portal")
    assert deploy(recipe())[0].model == "as-deployed-in-the-portal"
    monkeypatch.delenv("STUDENT_OPENAI_DEPLOYMENT")
    save_state("h", DATASET_DIR=str(write_dataset(tmp_path / "other")))
    for use in (lambda: endpoint_settings("student", "h"), lambda: deploy(recipe())):
        with pytest.raises(SetupError, match="the student was trained on"):
            use()
