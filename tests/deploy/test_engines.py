"""Engines: which is taken, how each is started, and that what answers is the student."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from lib import runner
from lib.dataset import read_dataset
from lib.deploy import engines, prove, roles, server
from lib.deploy.engines import (
    ENGINES,
    chosen,
    llama_cpp,
    llama_cpp_server,
    not_taken,
    vllm,
)
from lib.deploy.processes import ServerRecord, end, is_running, records
from lib.deploy.roles import Deployed, deploy
from lib.endpoints import endpoint_settings
from lib.engine.endpoint import chat_request
from lib.engine.ledger import Ledger
from lib.finetune.students import EMBEDDED_MODEL_DIR
from lib.prompts.student import student_messages
from lib.recipe import Recipe
from lib.records import RaftExample
from lib.settings import PROJECT_DIR, CheckFailed, SetupError, portable
from lib.state import read_state, save_state
from lib.store import write_json
from tests.deploy.adapters import make_adapter
from tests.eval.toy import make_chunks, question_of
from tests.eval.toy import write_dataset as write_toy
from tests.server import Body, Loopback, error, serve

OPTIONS = set((Path(__file__).with_name("vllm_options.txt")).read_text().split("\n", 1)[1].split())
RECIPE = Recipe(run_name="t")


def not_installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setattr(ENGINES[name], "python", lambda: Path("/nowhere/bin/python"))


def test_the_commands_for_several_hosts_take_options_that_vllm_has() -> None:
    text = (PROJECT_DIR / "docs" / "cluster.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\S+ -m vllm\..+(?:\n  --.+)*", text, re.MULTILINE)
    assert len(commands) == 2
    assert set(re.findall(r"--[a-z-]+", "".join(commands))) <= OPTIONS


# --- which engine --------------------------------------------------------------------------------


def test_without_other_engines_auto_is_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    not_installed(monkeypatch, "vllm", "llama_cpp")
    assert chosen(RECIPE) == "transformers"


@pytest.mark.parametrize("has_gpu", [True, False])
def test_auto_is_vllm_on_a_gpu(
    has_gpu: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    monkeypatch.setattr(vllm, "python", lambda: tmp_path / "bin" / "python")
    monkeypatch.setattr(vllm, "has_gpu", lambda: has_gpu)
    assert chosen(RECIPE) == "transformers", "`make vllm` was interrupted"
    with pytest.raises(SetupError, match=r"not installed: there is no .*/\.installed\. Run: make"):
        chosen(replace(RECIPE, engine="vllm"))
    (tmp_path / ".installed").touch()
    assert chosen(RECIPE) == ("vllm" if has_gpu else "transformers")
    for name in ENGINES.keys() - {"vllm"}:
        not_installed(monkeypatch, name)
    said = "engine 'auto' takes transformers: vllm is installed, and no GPU is found"
    assert not_taken(RECIPE) == ("" if has_gpu else f"{said} (-r engine vllm)")
    assert not_taken(replace(RECIPE, engine="vllm")) == ""


@pytest.mark.parametrize("name", ["vllm", "llama_cpp"])
def test_an_engine_that_is_not_installed_is_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_installed(monkeypatch, name)
    with pytest.raises(SetupError, match=rf"engine is '{name}'.* Run: make {name}$"):
        chosen(replace(RECIPE, engine=name))


def test_a_run_asks_for_its_engine_before_anything_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    not_installed(monkeypatch, "llama_cpp")
    assert runner.main(["check", "-r", "engine", "llama_cpp"]) == 2
    assert capsys.readouterr().err.endswith("Run: make llama_cpp\n")


def test_what_only_vllm_knows_needs_vllm() -> None:
    for knob in ({"serve_adapter": True}, {"tensor_parallel": 2}):
        with pytest.raises(SetupError, match="Set engine to 'vllm'"):
            Recipe(**knob)
        assert Recipe(engine="vllm", **knob)


# --- how each is started -------------------------------------------------------------------------


@pytest.fixture
def adapter_dir(home_dir: Path) -> Path:
    folder = home_dir / "artefacts" / "students" / "t-01" / "adapter"
    write_json(folder / "adapter_config.json", {"r": 12})
    return folder


@pytest.mark.parametrize("has_gpu", [True, False])
@pytest.mark.parametrize("parts", [1, 2])
def test_vllm_has_every_option_that_it_is_given(
    has_gpu: bool, parts: int, adapter_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm, "has_gpu", lambda: has_gpu)
    monkeypatch.setattr(vllm.os, "cpu_count", lambda: 4)
    recipe = Recipe(engine="vllm", tensor_parallel=parts)
    adapters = {portable(adapter_dir): adapter_dir}
    options = vllm.options(Path("base"), recipe, adapters=adapters)
    command = vllm.command("base", 8000, options)
    assert {word for word in command if word.startswith("--")} <= OPTIONS
    said = " ".join(command)
    assert " -m vllm.entrypoints.openai.api_server --model base " in said
    assert "--host 127.0.0.1 --port 8000 --generation-config vllm" in said
    assert f"--tensor-parallel-size {parts}" in said
    name = "artefacts/students/t-01/adapter"
    assert f"--enable-lora --max-lora-rank 16 --lora-modules {name}={name}" in said
    cores = "nobind" if parts == 1 else "0-1|2-3"
    told = f"env VLLM_CPU_KVCACHE_SPACE=2 VLLM_CPU_OMP_THREADS_BIND={cores} VLLM_NO_USAGE_STATS=1 "
    assert said.startswith(f"{told}{vllm.python()} -m ")


def test_adapters_have_a_rank_that_vllm_takes(adapter_dir: Path) -> None:
    for rank, taken in {1: 8, 8: 8, 9: 16, 16: 16, 17: 32, 512: 512}.items():
        write_json(adapter_dir / "adapter_config.json", {"r": rank})
        options = vllm.options(Path("base"), RECIPE, adapters={"a": adapter_dir})
        assert f"--max-lora-rank {taken} " in options


def test_our_llama_cpp_server_reads_every_option(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"num_attention_heads": 8, "num_key_value_heads": 2, "hidden_size": 64}
    config = {**sizes, "num_hidden_layers": 3, "max_position_embeddings": 512}
    write_json(home_dir / "m" / "config.json", config)
    monkeypatch.setattr(llama_cpp, "_gguf", lambda folder, kind: home_dir / "m.gguf")
    options = llama_cpp.options(home_dir / "m", RECIPE, adapters={})
    command = llama_cpp.command("m", 8000, options)
    read = llama_cpp_server.parser.parse_args(command[3:])
    assert (read.gguf, read.name, read.host, read.port) == ("m.gguf", "m", "127.0.0.1", 8000)
    assert read.context == llama_cpp.SLOTS * 512
    assert llama_cpp._bytes_per_token(config) == 3 * 2 * 2 * 8 * 2
    few = llama_cpp.options(home_dir / "m", replace(RECIPE, server_memory_gib=2e-4), adapters={})
    assert " --context 1024 --slots 2 " in few, "fewer requests before each has less context"


def test_a_converter_that_is_not_there_is_one_line(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = home_dir / "export"
    script.write_text(
        "#!/bin/sh\necho 'a note' >&2; echo 'python -m x: No converter. Run: make' >&2; exit 2\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    (home_dir / "m").mkdir()
    with pytest.raises(SetupError, match=r"^No converter\. Run: make$"):
        llama_cpp._gguf(home_dir / "m", "f32")


# A server that only says which key it wants; it answers "Hello", as tests/server.py does.
KEEPER = """
import http.server, json, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers()
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        right = self.headers["Authorization"] == "Bearer " + os.environ[sys.argv[3]]
        self.send_response(200 if right else 401)
        self.send_header("Content-Type", "application/json"); self.end_headers()
        self.wfile.write(b'{"choices": [{}]}')
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), H).serve_forever()
"""


@pytest.fixture
def keeper(home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Both engines are KEEPER; a run with two models."""
    python = Path(sys.executable)
    for engine in (llama_cpp, vllm):

        def command(model: str, port: int, how: str, key: str = engine.KEY_NAME) -> list[str]:
            return [sys.executable, "-c", KEEPER, model, str(port), key, *how.split()]

        monkeypatch.setattr(engine, "python", lambda: python)
        monkeypatch.setattr(engine, "command", command)
    monkeypatch.setattr(llama_cpp, "options", lambda *_, **__: "--quick")
    monkeypatch.setattr(engines, "_stamp", lambda name: python)
    monkeypatch.setattr(vllm, "has_gpu", lambda: False)
    for role in ("student", "baseline"):
        folder = home_dir / role / "merged"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"")
        save_state("t", **{f"{role.upper()}_MODEL_DIR": portable(folder)})
    yield home_dir
    server.stop()


def test_a_key_reaches_the_engine_and_the_state_and_nothing_else(
    keeper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(RECIPE, engine="llama_cpp")
    made = deploy(recipe)
    keys = {record.api_key for record in records("t")}
    assert len(keys - {"none"}) == 2
    assert {read_state("t")[f"{role}_OPENAI_API_KEY"] for role in ("STUDENT", "BASELINE")} == keys
    paths = [path for path in keeper.rglob("*") if path.is_file()]
    holding = [path for path in paths if any(key in path.read_text() for key in keys)]
    assert {path.stat().st_mode & 0o777 for path in holding} == {0o600}
    roles.show_endpoints(made)
    from lib.deploy.__main__ import main

    assert main(["status"]) == 0
    said = capsys.readouterr().out + repr(made)
    assert not any(key in said for key in keys)
    assert said.count("llama_cpp") >= 2
    assert said.count("BaseHTTPRequestHandler") >= 2, "the command is shown"
    assert [one.base_url for one in deploy(recipe)] == [one.base_url for one in made]
    assert read_state("t")["STUDENT_SERVED_BY"] == "llama_cpp"


def test_a_server_that_ran_before_outlives_one_that_does_not_start(
    keeper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(recipe := replace(RECIPE, engine="llama_cpp"))
    baseline, student = sorted(records("t"), key=lambda one: one.role)
    end(baseline)
    ends = [sys.executable, "-c", "raise SystemExit(1)"]
    monkeypatch.setattr(llama_cpp, "command", lambda model, port, how: [*ends, model, str(port)])
    with pytest.raises(SetupError, match=r"baseline's server .* ended before it answered"):
        deploy(recipe)
    assert records("t") == [student]
    assert is_running(student)


def test_another_engine_is_another_server(keeper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(replace(RECIPE, engine="llama_cpp"))
    before = records("t")
    monkeypatch.setattr(llama_cpp, "options", lambda *_, **__: "--slow")
    deploy(replace(RECIPE, engine="llama_cpp"))
    after = records("t")
    assert {one.pid for one in before}.isdisjoint(one.pid for one in after)
    assert all(one.options == "--slow" for one in after)


def test_the_ledger_keeps_the_answers_of_each_engine_apart(keeper: Path) -> None:
    def key() -> str:
        settings = endpoint_settings("student", "t")
        assert settings is not None
        return Ledger.key(chat_request(settings, [{"role": "user", "content": "Why?"}], 64, 0.0))

    keys = []
    for engine, numbers in (("llama_cpp", ""), ("llama_cpp", "q8_0"), ("vllm", "")):
        deploy(replace(RECIPE, engine=engine, gguf_type=numbers))
        keys.append(key())
    assert len(set(keys)) == 3
    deploy(replace(RECIPE, engine="llama_cpp"))
    assert key() == keys[0], "they are found again"
    (keeper / ".env").write_text("STUDENT_OPENAI_BASE_URL=http://127.0.0.1:9/v1\n")
    yours = endpoint_settings("student", "t")
    assert yours is not None
    assert not yours.engine, "what answers at a user's own endpoint is not ours to say"


def test_a_server_that_hangs_or_has_ended_is_named_with_the_end_of_its_log(
    keeper: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import signal

    from lib.deploy import __main__ as command

    deploy(replace(RECIPE, engine="llama_cpp"))
    for record in records("t"):
        Path(keeper / record.log).write_text("out of memory\n")
    first, second = records("t")
    os.killpg(first.pid, signal.SIGKILL)
    os.waitpid(first.pid, 0)
    monkeypatch.setattr(command, "is_healthy", lambda record: False)
    assert command.main(["status", "t"]) == 0
    ended, hung = [line for line in capsys.readouterr().out.splitlines() if " · " in line]
    assert re.search(rf"has ended · pid {first.pid} .* ends: out of memory$", ended)
    assert re.search(rf"does not answer · pid {second.pid} .* ends: out of memory$", hung)


@pytest.mark.parametrize("stops", [SetupError("no memory"), KeyboardInterrupt()])
def test_when_one_role_fails_the_other_is_not_left_half_started(
    keeper: Path, monkeypatch: pytest.MonkeyPatch, stops: BaseException
) -> None:
    made = list[ServerRecord]()

    def wait(record: ServerRecord, **_: object) -> None:
        made.extend(records("t"))
        raise stops

    monkeypatch.setattr(roles, "wait_until_ready", wait)
    with pytest.raises(type(stops)):
        deploy(replace(RECIPE, engine="llama_cpp"))
    assert len(made) == 2
    assert not any(map(is_running, made))
    (keeper / "baseline" / "merged" / "config.json").unlink()
    with pytest.raises(SetupError, match="The baseline has no model"):
        deploy(replace(RECIPE, engine="llama_cpp"))
    assert not records("t")


def test_with_serve_adapter_both_answer_from_one_server(keeper: Path) -> None:
    deploy(replace(RECIPE, engine="llama_cpp"))
    alone = records("t")
    recipe = replace(RECIPE, engine="vllm", serve_adapter=True)
    with pytest.raises(SetupError, match="has no adapter beside it"):
        deploy(recipe)
    write_json(keeper / "student" / "adapter" / "adapter_config.json", {"r": 4})
    student, baseline = deploy(recipe)
    assert (student.model, baseline.model) == ("student/adapter", "baseline/merged")
    assert student.base_url == baseline.base_url
    assert not any(map(is_running, alone)), "no server is left that no record names"
    again = deploy(recipe)
    assert [one.base_url for one in again] == [student.base_url] * 2
    both = records("t")
    assert all(map(is_running, both))
    assert len(server.stop("t")) == 1
    assert not any(map(is_running, both))
    assert not records("t")


def test_serve_adapter_needs_both_roles_here(keeper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASE_URL", "DEPLOYMENT", "API_KEY"):
        monkeypatch.setenv(f"BASELINE_OPENAI_{name}", "http://127.0.0.1:1/v1")
    with pytest.raises(SetupError, match=r"or \.env names an endpoint of one role"):
        deploy(replace(RECIPE, engine="vllm", serve_adapter=True))


# --- what answers --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Models:
    student: Path
    baseline: Path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    adapter_dir = make_adapter(EMBEDDED_MODEL_DIR, tmp_path_factory.mktemp("student"), seed=1)
    return Models(adapter_dir.parent / "merged", EMBEDDED_MODEL_DIR)


def rows_of(home: Path) -> list[RaftExample]:
    return read_dataset(write_toy(home / "data", make_chunks(6))).examples("eval")


@cache
def greedy_of(folder: Path) -> Callable[[Body], str]:
    """What the model in a folder answers to a request."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)

    @cache  # several tests ask the same
    def written(prompt: str, max_tokens: int) -> str:
        given = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
        with torch.no_grad():
            made = model.generate(**given, max_new_tokens=max_tokens, do_sample=False)
        new = made[0, given["input_ids"].shape[1] :]
        return str(tokenizer.decode(new, skip_special_tokens=True))

    def reply(body: Body) -> str:
        prompt = tokenizer.apply_chat_template(
            body["messages"], add_generation_prompt=True, tokenize=False
        )
        return written(prompt, body["max_tokens"])

    return reply


@contextmanager
def answering(models: Models, **folders: Path) -> Iterator[list[Deployed]]:
    """Endpoints of both roles, each answering as the model in the folder given for its role."""
    with ExitStack() as stack:
        deployed = []
        for role in ("student", "baseline"):
            loopback = Loopback(reply=greedy_of(folders[role]), finish_reason="length")
            running = stack.enter_context(serve(loopback))
            record = ServerRecord(
                role, "t", 0, 1.0, running.port, role, "", f"{role}.log", "vllm", api_key="k-1"
            )
            record.save()
            own = getattr(models, role)
            deployed.append(Deployed(role, role, running.base_url, "here", record, own))
        yield deployed


def test_the_right_models_are_proved(
    models: Models, home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(home_dir)
    with answering(models, student=models.student, baseline=models.baseline) as endpoints:
        prove(endpoints, rows, RECIPE)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert all(re.search(r"those of its folder's model; .* differs in [1-6]$", s) for s in said)
    assert [one.proved for one in records("t")] == [True, True]
    by_role = {record.role: record for record in records("t")}
    prove(endpoints[:1], [], RECIPE)
    known = [replace(one, server=by_role[one.role]) for one in endpoints]
    prove(known, rows, RECIPE)  # its servers have gone: it is not asked again


@pytest.mark.parametrize("wrong", ["student", "baseline"])
def test_another_model_stops_the_run(models: Models, home_dir: Path, wrong: str) -> None:
    folders = {"student": models.student, "baseline": models.baseline}
    other = folders["baseline" if wrong == "student" else "student"]
    said = rf"What answers as {wrong} at http://127.0.0.1:\d+/v1 \(vllm\) is not "
    with (
        answering(models, **folders | {wrong: other}) as endpoints,
        pytest.raises(CheckFailed, match=said) as failed,
    ):
        prove(endpoints, rows_of(home_dir), RECIPE)
    assert "\n" not in str(failed.value)
    assert records("t") == []


def test_alone_a_role_is_compared_with_its_own_model(
    models: Models, home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(models, student=models.student, baseline=models.baseline) as endpoints:
        prove(endpoints[:1], rows_of(home_dir), RECIPE)
    assert capsys.readouterr().out.endswith(" those of its folder's model\n")


def test_equal_models_are_said_to_be_untold(
    models: Models, home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = Models(models.baseline, models.baseline)
    with answering(same, student=models.baseline, baseline=models.baseline) as endpoints:
        prove(endpoints, rows_of(home_dir), RECIPE)
    assert capsys.readouterr().out.count("they do not tell which one answers") == 2


def test_the_gap_is_that_of_the_most_surprising_token(models: Models) -> None:
    from lib.deploy.probe import TIE, Reply, _Model

    model, chunk = _Model(models.baseline), make_chunks(1)[0]
    messages = student_messages(question_of(chunk).text, [chunk.text])
    text = model.text(Reply(messages, "", False))
    assert text.startswith("The document says: ")
    assert model.gap(Reply(messages, text, False)) < 0.01
    assert model.gap(Reply(messages, text, True)) > TIE, "it would not have ended there"
    assert model.gap(Reply(messages, text.replace("says", "has"), False)) > TIE


def test_a_deployment_elsewhere_must_answer_one_question(
    home_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, recipe = rows_of(home_dir), replace(RECIPE, max_retries=0)
    with serve() as service:
        for role in ("STUDENT", "BASELINE"):
            monkeypatch.setenv(f"{role}_OPENAI_BASE_URL", f"{service.base_url}/")
            monkeypatch.setenv(f"{role}_OPENAI_DEPLOYMENT", "ft:gpt-4o-mini:me::1")
            monkeypatch.setenv(f"{role}_OPENAI_API_KEY", "k-2")
        endpoints = deploy(recipe)
        for _ in range(2):
            prove(endpoints, rows, recipe)
        assert len(service.requests) == 2, "one a role; the second time it is in the ledger"
        assert set(service.authorizations) == {"Bearer k-2"}
        assert capsys.readouterr().out.count("answers: The document says:") == 4
        service.fault = lambda number, body: error(404, "DeploymentNotFound")
        with pytest.raises(SetupError, match=r"DeploymentNotFound.* STUDENT_OPENAI_DEPLOYMENT"):
            prove(endpoints, rows[1:], recipe)
