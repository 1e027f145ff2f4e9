"""A second job on preferences, against the loopback server of fine-tuning jobs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lib.deploy import deploy
from lib.finetune import hosted, prepare_rows, run_training
from lib.finetune.hosted import HostedStudent, hosted_rows, train_hosted
from lib.finetune.services import service_of
from lib.finetune.students import require_machine
from lib.prompts.student import REFUSAL
from lib.recipe import Recipe
from lib.settings import SetupError, home
from lib.state import save_state
from lib.store import read_json, read_jsonl, write_jsonl
from tests.finetune.test_hosted import BASE, recipe
from tests.finetune.tiny import chat_row
from tests.jobs_server import JobsServer

TERMS = "as_of: 2026-11-28\nservices: {127.0.0.1: {dpo: [open-model-*]}}\nmodels: {}\n"


def pair(number: int) -> dict[str, Any]:
    *prompt, label = chat_row(number)["messages"]
    refused = [{"role": "assistant", "content": REFUSAL}]
    provenance = {"rejected_from": "refusal_with_oracle", "id": f"q{number}"}
    return {"prompt": prompt, "chosen": [label], "rejected": refused, **provenance}


@pytest.fixture
def pairs_dir(tmp_path: Path) -> Path:
    """Pairs, and a service that is known to train on them."""
    (home() / "hosted.yaml").write_text(TERMS, encoding="utf-8")
    write_jsonl(tmp_path / "pairs" / "train.jsonl", map(pair, range(12)))
    return tmp_path / "pairs"


def wanted(pairs_dir: Path, **changed: Any) -> Recipe:
    return recipe(**({"then": "dpo", "preferences_path": str(pairs_dir)} | changed))


def train(dataset_dir: Path, told: Recipe) -> HostedStudent:
    return train_hosted(hosted_rows(dataset_dir, told), told)


def methods(server: JobsServer) -> list[str]:
    return [job["method"]["type"] for job in server.jobs.values()]


def test_a_second_job_goes_on_from_the_student_of_the_first(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = train(
        dataset_dir, wanted(pairs_dir, dpo_beta=0.3, then_epochs=2, learning_rate_multiplier=0.5)
    )
    first, second = server.jobs.values()
    assert second["model"] == first["fine_tuned_model"] == f"ft:{BASE}:o::1"
    assert made.model == second["fine_tuned_model"] == f"ft:ft:{BASE}:o::1:o::1"
    hyperparameters = {"n_epochs": 2, "beta": 0.3, "learning_rate_multiplier": 0.5}
    assert second["method"] == {"type": "dpo", "dpo": {"hyperparameters": hyperparameters}}
    assert "validation_file" not in second
    sent = [json.loads(line) for line in server.contents[second["training_file"]].splitlines()]
    assert sent == [
        {
            "input": {"messages": one["prompt"]},
            "preferred_output": one["chosen"],
            "non_preferred_output": one["rejected"],
        }
        for one in map(pair, range(12))
    ]
    student = made.folder.parent
    assert made.history == read_jsonl(student / "metrics.jsonl")
    assert len(read_jsonl(student / "second.jsonl")) == len(made.history) > 0
    assert made.seconds == 83 + 82  # the server's second job begins a second later
    job = read_json(made.folder / "job.json")
    assert (job["model"], job["started_from"]) == (BASE, f"ft:{BASE}:o::1")
    assert "12 preference pairs" in (student / "README.md").read_text(encoding="utf-8")
    assert "of 20 training rows and 12 preference pairs" in capsys.readouterr().out


def test_the_same_pairs_find_the_same_student_and_send_nothing(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path
) -> None:
    plain = train(dataset_dir, recipe())
    first = train(dataset_dir, wanted(pairs_dir))
    server.refuse = (500, "nothing may be asked")
    shutil.rmtree(plain.folder.parent)  # the first job's student is not needed any more
    told = wanted(pairs_dir)
    again = run_training(prepare_rows(dataset_dir, told), told)
    assert (again.model, again.seconds) == (first.model, first.seconds)
    assert methods(server) == ["supervised", "dpo"]


@pytest.mark.parametrize("lost", ["supervised", "dpo"])
def test_each_job_is_submitted_once_whatever_reply_is_lost(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path, lost: str
) -> None:
    server.lose_reply_of = lost
    assert train(dataset_dir, wanted(pairs_dir)).model
    assert not server.lose_reply_of
    assert methods(server) == ["supervised", "dpo"]
    assert len(server.files) == 3


def test_a_run_that_ended_in_the_second_job_waits_on_for_it(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path
) -> None:
    plain = train(dataset_dir, recipe())
    server.statuses = ["running"]
    with pytest.raises(SetupError, match=r"ftjob-1 .* goes on at the service: run this again"):
        train(dataset_dir, wanted(pairs_dir, hosted_timeout_h=1e-9))
    server.statuses = ["succeeded"]
    made = train(dataset_dir, wanted(pairs_dir))
    assert methods(server) == ["supervised", "dpo"]
    assert made.model == f"ft:{plain.model}:o::1"


def test_a_second_job_that_fails_leaves_the_first_and_is_submitted_anew(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path
) -> None:
    train(dataset_dir, recipe())
    server.statuses, server.error = ["failed"], {"code": "unsafe", "message": "No", "param": None}
    with pytest.raises(SetupError, match=r"ftjob-1 is failed \(unsafe, No\)"):
        train(dataset_dir, wanted(pairs_dir))
    server.statuses = ["succeeded"]
    assert train(dataset_dir, recipe()).model
    assert train(dataset_dir, wanted(pairs_dir)).model
    assert methods(server) == ["supervised", "dpo", "dpo"]


def test_pairs_are_uploaded_once_and_another_beta_is_another_student(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path
) -> None:
    made = [train(dataset_dir, wanted(pairs_dir, dpo_beta=beta)) for beta in (0.1, 0.5)]
    assert made[0].folder != made[1].folder
    assert methods(server) == ["supervised", "dpo", "dpo"]
    assert len(server.files) == 3


def test_the_service_refuses_pairs_in_another_layout(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosted, "_preference_lines", lambda told: list(map(pair, range(12))))
    said = r"ftjob-1 is failed \(invalid_training_file, .*Line 1 .*, training_file\)"
    with pytest.raises(SetupError, match=said):
        train(dataset_dir, wanted(pairs_dir))


def test_a_service_that_is_not_known_to_offer_it_is_named_at_the_start(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path
) -> None:
    (home() / "hosted.yaml").write_text(TERMS.replace("open-model-*", "other"), encoding="utf-8")
    told = wanted(pairs_dir)
    for use in (lambda: require_machine(told), lambda: train(dataset_dir, told)):
        with pytest.raises(SetupError, match=r"127\.0\.0\.1 is not known to train open-model-20b"):
            use()
    require_machine(recipe())
    for one, known in (("open-model-*", True), ("other-*", False)):  # not a list of one
        (home() / "hosted.yaml").write_text(TERMS.replace("[open-model-*]", one), encoding="utf-8")
        assert service_of(server.base_url).trains_on_preferences("open-model-20b") is known
    (home() / "hosted.yaml").write_text(TERMS.replace("[open-model-*]", "yes"), encoding="utf-8")
    with pytest.raises(SetupError, match=r"hosted\.yaml cannot be read: 'bool'"):
        require_machine(told)
    assert not server.files


@pytest.mark.parametrize(
    ("base_url", "model", "offered"),
    [
        ("https://api.openai.com/v1", "gpt-4.1-mini-2025-04-14", True),
        ("https://api.openai.com/v1", "gpt-4o-mini-2024-07-18", False),
        ("https://x.openai.azure.com/openai/v1/", "gpt-4o-2024-08-06", True),
        ("https://x.openai.azure.com/openai/v1/", "gpt-oss-20b", False),
        ("https://jobs.example.com/v1", "gpt-4.1", False),
    ],
)
def test_what_is_known_of_the_services(base_url: str, model: str, offered: bool) -> None:
    assert service_of(base_url).trains_on_preferences(model) is offered


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rejected": pair(0)["chosen"]}, "line 12 is not a pair"),
        ({"chosen": pair(0)["prompt"] + pair(0)["chosen"]}, "line 12 is not a pair"),
        ({"chosen": ["a text"]}, "line 12 is not a pair"),
        ({"chosen": []}, "line 12 is not a pair"),
    ],
)
def test_pairs_that_no_service_takes_are_named_before_anything_is_sent(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path, changed: dict[str, Any], said: str
) -> None:
    write_jsonl(pairs_dir / "train.jsonl", [*map(pair, range(1, 12)), pair(0) | changed])
    with pytest.raises(SetupError, match=said):
        train(dataset_dir, wanted(pairs_dir))
    assert not server.files


def test_rows_and_price_of_both_jobs_are_checked_before_anything_is_sent(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    priced = TERMS.replace("models: {}", "models: {open-model-20b: {price: 1000000}}")
    (home() / "hosted.yaml").write_text(priced, encoding="utf-8")
    told = wanted(pairs_dir)
    rows = hosted_rows(dataset_dir, told)
    train_hosted(rows, recipe())
    alone = float(capsys.readouterr().out.split("about ")[-1].split(" USD")[0].replace(",", ""))
    pairs = len((pairs_dir / "train.jsonl").read_bytes()) / 4  # with names, and without
    with pytest.raises(SetupError, match=r"max_cost is 1\."):
        train_hosted(rows, wanted(pairs_dir, max_cost=1.0))
    dearer = wanted(pairs_dir, max_cost=alone, seed=7)  # another first job: both are to be paid
    with pytest.raises(SetupError, match=rf"max_cost is {alone:g}") as caught:
        train_hosted(rows, dearer)
    both = float(str(caught.value).split(" for ")[1].split(" USD")[0].replace(",", ""))
    assert both - alone == pytest.approx(pairs, rel=0.1)
    write_jsonl(pairs_dir / "train.jsonl", map(pair, range(9)))
    with pytest.raises(
        SetupError, match=r"9 preference pairs: 127\.0\.0\.1 takes jobs of at least 10"
    ):
        train(dataset_dir, told)
    assert methods(server) == ["supervised"]


def test_the_student_of_the_second_job_is_served_beside_the_base(
    server: JobsServer, dataset_dir: Path, pairs_dir: Path
) -> None:
    save_state("h", DATASET_DIR=str(dataset_dir))
    save_state("h", **train(dataset_dir, wanted(pairs_dir)).state)
    student, baseline = deploy(wanted(pairs_dir))
    assert (student.model, baseline.model) == (f"ft:ft:{BASE}:o::1:o::1", BASE)
