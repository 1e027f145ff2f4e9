"""What benchmarks read and write: a folder of documents, and a temporary home."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lib.settings import PROJECT_DIR
from lib.store import read_json, write_json
from tests.finetune.tiny import make_model
from tests.rag.letters import Letters

FOLDER_VARIABLE = "OPENBOOK_BENCHMARK_DOCUMENTS"
FEW_DOCUMENTS = PROJECT_DIR / "sample_data" / "registers" / "farm-*.txt"


def documents(*, quick: bool) -> str:
    """The documents that are asked about: of the variable, or the sample corpus."""
    whole = os.environ.get(FOLDER_VARIABLE, str(PROJECT_DIR / "sample_data"))
    return str(FEW_DOCUMENTS) if quick else whole


def random_model(folder: Path) -> Path:
    """A random model of 60,000 parameters that reads 4,096 tokens: for a quick run."""
    path = make_model(folder) / "config.json"
    write_json(path, read_json(path) | {"max_position_embeddings": 4096})
    return folder


def toy_embeddings() -> Any:
    """Counts of letters in place of an embedding model while the block lasts: for a quick run."""
    return patch("lib.rag.index.load_embedder", lambda recipe: Letters())


@contextmanager
def fresh_home(**endpoints: str) -> Iterator[Path]:
    """An empty home while the block lasts; `COMPLETION="http://…/v1"` sets a role's endpoint.

    This process and those that it starts see no other endpoint.
    """
    others = {name: value for name, value in os.environ.items() if "OPENAI" not in name}
    with tempfile.TemporaryDirectory(prefix="openbook-bench-") as folder:
        for prefix, base_url in endpoints.items():
            others[f"{prefix}_OPENAI_BASE_URL"] = base_url
            others[f"{prefix}_OPENAI_API_KEY"] = "none"
            # Two models of an evaluation differ; which faults a teacher meets depends on its name.
            name = "loopback" if prefix == "COMPLETION" else f"loopback-{prefix.lower()}"
            others[f"{prefix}_OPENAI_DEPLOYMENT"] = name
        with patch.dict(os.environ, others | {"OPENBOOK_HOME": folder}, clear=True):
            yield Path(folder)
