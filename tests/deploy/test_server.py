"""A real server of a tiny model on loopback: it starts, answers rightly, is reused, and ends."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lib.deploy import ask, deploy, stop
from lib.deploy.__main__ import main
from lib.deploy.engines import transformers
from lib.deploy.processes import is_running, record_path, records
from lib.deploy.roles import Deployed
from lib.endpoints import endpoint_settings
from lib.engine.endpoint import Endpoint, gather_all, run
from lib.engine.ledger import Ledger
from lib.prompts.student import student_messages
from lib.recipe import Recipe
from lib.settings import portable
from lib.state import read_state, save_state
from tests.deploy.features import heeded
from tests.finetune.tiny import documents

RECIPE = Recipe(run_name="t", max_answer_tokens=4)


@dataclass(frozen=True)
class Running:
    home: Path
    model_dir: Path
    deployed: list[Deployed]


@pytest.fixture(scope="module")
def running(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Both roles served in a home of their own, with no hub cache anywhere."""
    home = tmp_path_factory.mktemp("home")
    folders = {}
    for role in ("student", "baseline"):
        folders[role] = home / "artefacts" / role / "lamplighter-0123"
        folders[role].mkdir(parents=True)
        for path in model_dir.iterdir():
            (folders[role] / path.name).write_bytes(path.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBOOK_HOME", str(home))
        patch.setenv("HF_HOME", str(home / "no-hub-cache"))
        patch.setenv("MY_API_KEY", "secret-value")
        models = {f"{role.upper()}_MODEL_DIR": portable(folders[role]) for role in folders}
        save_state("t", **models)
        made = deploy(RECIPE)
        yield Running(home, folders["student"], made)
        stop()


@pytest.fixture(autouse=True)
def in_that_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "running" in request.fixturenames:
        home = request.getfixturevalue("running").home
        monkeypatch.setenv("OPENBOOK_HOME", str(home))


def test_both_roles_answer_under_a_relative_name(running: Running) -> None:
    assert [one.role for one in running.deployed] == ["student", "baseline"]
    assert running.deployed[0].model == "artefacts/student/lamplighter-0123"
    for role in ("student", "baseline"):
        settings = endpoint_settings(role, "t")
        assert settings is not None
        assert settings.deployment == f"artefacts/{role}/lamplighter-0123"
        assert settings.base_url.startswith("http://127.0.0.1:")
        assert isinstance(ask(role, "Who keeps lamp 3?", documents(3), RECIPE), str)


def test_replies_in_flight_together_equal_plain_greedy_generation(running: Running) -> None:
    prompts = [student_messages(f"Who keeps lamp {n}?", documents(n)) for n in range(12)]
    settings = endpoint_settings("student", "t")
    assert settings is not None

    async def answers() -> list[str]:
        ledger = Ledger(running.home / "l.sqlite")
        async with Endpoint(settings, Recipe(server_concurrency=8), ledger=ledger) as endpoint:
            asked = await gather_all(prompts, lambda p: endpoint.ask(p, max_tokens=24))
        return [getattr(reply, "text", repr(reply)) for reply in asked]

    expected = greedy(running.model_dir, prompts, max_new_tokens=24)
    assert run(answers()) == expected
    assert len(set(expected)) > 1, "a model that always says the same would prove nothing"
    assert not any("</s>" in text or "<pad>" in text for text in expected)


def greedy(
    model_dir: Path, prompts: list[list[dict[str, str]]], *, max_new_tokens: int
) -> list[str]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    texts = []
    for prompt in prompts:
        ids = tokenizer.apply_chat_template(
            prompt, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.no_grad():
            made = model.generate(**ids, max_new_tokens=max_new_tokens, do_sample=False)
        new = made[0, ids["input_ids"].shape[1] :]
        texts.append(tokenizer.decode(new, skip_special_tokens=True))
    return texts


def test_a_healthy_server_is_reused(running: Running) -> None:
    before = records("t")
    again = deploy(RECIPE)
    assert records("t") == before
    assert [one.base_url for one in again] == [one.base_url for one in running.deployed]
    assert all("already" in one.how for one in again)


@pytest.mark.parametrize(
    ("config", "together"),
    [
        ({"model_type": "llama"}, True),
        ({"model_type": "qwen2", "use_sliding_window": False}, True),
        ({"model_type": "qwen2", "use_sliding_window": True}, False),
        ({"model_type": "gemma3_text", "sliding_window": 512}, True),
        ({"model_type": "mamba2"}, False),
        ({}, False),
    ],
)
def test_only_models_told_by_masks_alone_answer_together(
    tmp_path: Path, config: dict[str, object], together: bool
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"")
    command = transformers.command("m", 1, transformers.options(tmp_path, Recipe(), adapters={}))
    assert ("--batch" in command) == together


def test_what_the_server_heeds_is_what_is_declared(running: Running) -> None:
    assert heeded(records("t")[0]) == set()
    assert read_state("t")["STUDENT_SERVED_BY"].startswith("transformers, which ignores: temp")


def test_the_model_is_listed(running: Running) -> None:
    for one in running.deployed:
        with urllib.request.urlopen(f"{one.base_url}/models") as response:
            assert [model["id"] for model in json.load(response)["data"]] == [one.model]


def test_those_that_run_answer_together(running: Running) -> None:
    import psutil

    for record in records("t"):
        assert "--batch" in psutil.Process(record.pid).cmdline()


def test_the_server_is_detached_and_gets_no_secret(running: Running) -> None:
    import os

    import psutil

    for record in records("t"):
        assert os.getsid(record.pid) == record.pid
        assert "MY_API_KEY" not in psutil.Process(record.pid).environ()


def test_an_endpoint_of_the_users_replaces_the_served_one_in_the_state(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASELINE_OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("BASELINE_OPENAI_DEPLOYMENT", "big")
    monkeypatch.setenv("BASELINE_OPENAI_API_KEY", "k")
    student, baseline = deploy(RECIPE)
    assert (baseline.model, baseline.base_url) == ("big", "http://127.0.0.1:1/v1")
    assert "yours" in baseline.how
    assert not [key for key in read_state("t") if key.startswith("BASELINE_OPENAI_")]
    assert read_state("t")["STUDENT_OPENAI_BASE_URL"] == student.base_url


def test_stop_ends_ours_and_clears_the_state(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last test of this file: it ends what the others use."""
    before = records("t")
    assert main(["status"]) == 0
    assert capsys.readouterr().out.count("runs · pid") == 2
    assert main(["stop", "another-run"]) == 0
    assert all(is_running(record) for record in before)
    assert main(["stop", "t"]) == 0
    assert capsys.readouterr().out.count("Stopped t · ") == 2
    assert not any(is_running(record) for record in before)
    assert not record_path("t", "student").exists()
    assert not [key for key in read_state("t") if "OPENAI" in key]
    assert main(["stop"]) == 0
    assert "No server of ours runs" in capsys.readouterr().out
    assert portable(running.model_dir) in str(running.deployed)
