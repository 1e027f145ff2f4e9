"""What a report is about: which models were compared, and what the run was made of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lib.dataset import read_dataset
from lib.eval.models import PLAIN
from lib.eval.wording import called, counted
from lib.settings import SetupError, home

_TITLES = 3  # of documents, named


def title_of(run_name: str, metrics: Mapping[str, Any]) -> str:
    """`tiny: the student against the baseline`; metrics: of metrics.json."""
    first, against = "".join(metrics["models"][:1]), metrics["primary"]["against"]
    models = " against ".join(map(called, filter(None, (first, against))))
    return f"{run_name}: {models or 'no model'}"


def facts_of(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Corpus (where its dataset is still there), models, dataset, date and version."""
    made_of = metrics["made_of"]
    facts = {}
    with suppress(SetupError):
        dataset = read_dataset(home() / "artefacts" / "datasets" / made_of["dataset"])
        documents = dataset.records("documents")
        titles = list(dict.fromkeys(document["title"] for document in documents))
        named = "; ".join(titles[:_TITLES] + ["…"] * (len(titles) > _TITLES))
        facts["corpus"] = f"{counted(len(documents), 'document')} ({named})"
    for model in made_of["models"]:
        if not model["name"].endswith(PLAIN):
            facts[model["name"]] = _short(model["deployment"])
    facts["dataset"] = made_of["dataset"]
    facts["date"] = metrics["date"][:10]
    return facts | {"Openbook": made_of["version"]}


def _short(deployment: str) -> str:
    """`artefacts/students/tiny-363181c449e1/merged` → "tiny-363181c449e1"; others stay."""
    folder, _, last = deployment.rpartition("/")
    name = folder if last == "merged" else deployment
    return name.rpartition("/")[2] if deployment.startswith("artefacts/") else name
