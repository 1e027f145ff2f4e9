"""One tiny model for all of these tests, and a service of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.finetune import jobs
from tests.finetune.tiny import make_model, write_dataset
from tests.jobs_server import KEY, JobsServer
from tests.server import serving


@pytest.fixture(scope="package", autouse=True)
def tiny_training() -> Iterator[None]:
    """In float32 on every CPU: in bf16 the losses are others. And few tokens are compared before
    and after a merge, which took half of the time; `student` of test_training.py compares all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.finetune.methods._product_s", lambda dtype: 1.0)
        patch.setattr("lib.finetune.merge._COMPARED", 2)
        patch.setattr("lib.finetune.merge._COMPARED_TOKENS", 3)
        yield


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "lamplighter")


@pytest.fixture(scope="session")
def dataset_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "lamps")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JobsServer]:
    """Where student and baseline are."""
    monkeypatch.setattr(jobs, "_POLL_S", 0.01)
    with serving(JobsServer()) as running:
        for role in ("STUDENT", "BASELINE"):
            monkeypatch.setenv(f"{role}_OPENAI_API_KEY", KEY)
            monkeypatch.setenv(f"{role}_OPENAI_BASE_URL", running.base_url)
        yield running
