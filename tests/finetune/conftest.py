"""One tiny model for all of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.finetune.tiny import make_model, write_dataset


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "lamplighter")


@pytest.fixture(scope="session")
def dataset_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "lamps")
