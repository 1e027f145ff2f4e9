"""The engines themselves, if they are installed: `VLLM_PYTHON=.venv-vllm/bin/python` (minutes),
`LLAMA_CPP_PYTHON=.venv-llama-cpp/bin/python` (also needs `make gguf`)."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lib.deploy.engines import ENGINES, FEATURES
from lib.deploy.probe import NUM_TOKENS, Reply, _Model
from lib.deploy.processes import ServerRecord, end, free_port, start_process
from lib.deploy.server import _environment, complete, wait_until_ready
from lib.finetune.students import EMBEDDED_MODEL_DIR
from lib.prompts.student import student_messages
from lib.recipe import Recipe
from tests.deploy.adapters import make_adapter
from tests.deploy.features import heeded
from tests.eval.toy import make_chunks, question_of

PROMPTS = [student_messages(question_of(c).text, [c.text, c.text[::-1]]) for c in make_chunks(8)]


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(name not in os.environ, reason=f"{name} names no interpreter")


@dataclass(frozen=True)
class Models:
    base: Path
    adapters: dict[str, Path]
    merged: dict[str, Path]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Two adapters of one base."""
    home = tmp_path_factory.mktemp("models")
    (home / "base").symlink_to(EMBEDDED_MODEL_DIR)
    made = {name: make_adapter(home / "base", home / name, seed=n) for n, name in enumerate("ab")}
    merged = {name: folder.parent / "merged" for name, folder in made.items()}
    return Models(home / "base", made, merged)


@contextmanager
def running(
    name: str, python: str, models: Models, recipe: Recipe, *, with_adapters: bool
) -> Iterator[ServerRecord]:
    """A server of the base as 3_deploy starts it, in a home where the models are."""
    engine, home = ENGINES[name], models.base.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBOOK_HOME", str(home))
        patch.setattr(engine, "python", lambda: Path(python).absolute())
        adapters = models.adapters if with_adapters else {}
        options = engine.options(models.base, recipe, adapters=adapters)
        command = engine.command("base", port := free_port(), options)
        environment = _environment() | {engine.KEY_NAME: "k-1"}
        log = f"{name}.log"
        pid, started = start_process(command, environment=environment, log_path=home / log)
        record = ServerRecord(
            "student", "t", pid, started, port, "base", options, log, name, api_key="k-1"
        )
        record.save()
        wait_until_ready(record, timeout_s=1800)
        yield record
        end(record)


def same(server: ServerRecord, folder: Path) -> int:
    """How many greedy replies are those of the model in this process, and none is another's."""
    model, equal = _Model(folder), 0
    for messages in PROMPTS:
        choice = complete(server, messages, max_tokens=NUM_TOKENS)
        reply = Reply(messages, choice.message.content, choice.finish_reason == "stop")
        equal += model.text(reply) == reply.text
    return equal


@needs("LLAMA_CPP_PYTHON")
def test_llama_cpp_in_f32_answers_as_transformers(models: Models) -> None:
    recipe = Recipe(engine="llama_cpp", gguf_type="f32")
    python = os.environ["LLAMA_CPP_PYTHON"]
    with running("llama_cpp", python, models, recipe, with_adapters=False) as server:
        assert same(server, models.base) == len(PROMPTS)
        assert same(server, models.merged["a"]) < len(PROMPTS), "another model would be seen"
        assert heeded(server) == set(FEATURES)
        assert status_without_key(server, "v1/models") == 401
        assert status_without_key(server, "") == 404


@needs("VLLM_PYTHON")
@pytest.mark.parametrize("parts", [1, 2])
def test_vllm_serves_two_adapters_beside_their_base(models: Models, parts: int) -> None:
    recipe, python = Recipe(engine="vllm", tensor_parallel=parts), os.environ["VLLM_PYTHON"]
    with running("vllm", python, models, recipe, with_adapters=True) as server:
        assert same(server, models.base) == len(PROMPTS)
        for name, folder in models.merged.items():
            assert same(replace(server, model=name), folder) == len(PROMPTS)
            assert same(server, folder) < len(PROMPTS), "the base does not answer for it"
        assert heeded(server) == set(FEATURES)
        assert status_without_key(server, "v1/models") == 401
        # Why docs/serving.md lets four routes through: this one asks for no key.
        assert status_without_key(server, "ping") == 200


def status_without_key(server: ServerRecord, route: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/{route}") as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
