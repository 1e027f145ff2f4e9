"""`python -m lib.finetune.export`: GGUF, the model hub, a sharded checkpoint."""

from __future__ import annotations

import ast
import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lib.finetune import export, gguf_file
from lib.finetune.rows import Lengths
from lib.state import save_state
from lib.store import read_json, write_json

CARD = f"""---
base_model: lamplighter
library_name: transformers
license: mit
---

# A RAFT student

An ordinary causal language model; every weight was trained.

- Dataset: `lamps`: {Lengths(20, 9000, 20, 1100, 400, 500, "train row 3")}.

| setting | value |
|---|---|
| `seed` | 42 |
"""


@pytest.fixture
def student_dir(model_dir: Path, home_dir: Path) -> Path:
    folder = home_dir / "artefacts" / "students" / "lamps-1a2b"
    shutil.copytree(model_dir, folder / "merged")
    (folder / "README.md").write_text(CARD)
    return folder


def write_results(home_dir: Path, deployment: str, *, day: int = 28, run: str = "lamps") -> None:
    models = [{"name": "student", "role": "student", "deployment": deployment}]
    metrics = {"date": f"2026-11-{day}T10:00:00", "verdict": "It is better.", "made_of": {}}
    metrics["made_of"] = {"models": models}
    write_json(home_dir / "runs" / run / "metrics.json", metrics)


# --- GGUF ----------------------------------------------------------------------------------------

installed = pytest.mark.skipif(
    not gguf_file.converter_python().is_file(), reason="`make gguf` has not run"
)
# Run where the package gguf is: one tensor of a file as text, or a field of it
READ = """
import sys
from gguf import GGUFReader
from gguf.quants import dequantize
reader = GGUFReader(sys.argv[1])
for name in ("tokenizer.ggml.pre", "tokenizer.ggml.add_bos_token", "tokenizer.chat_template"):
    print(repr(reader.fields[name].contents()))
tensor = next(it for it in reader.tensors if it.name == "token_embd.weight")
print(dequantize(tensor.data, tensor.tensor_type).ravel().tolist())
"""


@installed
def test_a_gguf_file_has_the_weights_and_our_template(
    student_dir: Path, home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch
    from safetensors.torch import load_file

    assert export.main(["--to", "gguf", str(student_dir), "--type", "f16"]) == 0
    folder = home_dir / "artefacts" / "exports" / "lamps-1a2b-f16"
    assert "Written: artefacts/exports/lamps-1a2b-f16" in capsys.readouterr().out
    path = folder / "lamps-1a2b-f16.gguf"
    command = [str(gguf_file.converter_python()), "-c", READ, str(path)]
    pre, bos, template, weights = subprocess.check_output(command, text=True).splitlines()
    assert (pre, bos) == ("'gpt-2'", "True")
    assert (
        ast.literal_eval(template) == (student_dir / "merged" / "chat_template.jinja").read_text()
    )
    wanted = load_file(student_dir / "merged" / "model.safetensors")["model.embed_tokens.weight"]
    found = torch.tensor(json.loads(weights)).reshape(wanted.shape)
    largest = float(wanted.abs().max())
    assert float((found - wanted).abs().max()) < largest * 0.001
    said = (folder / "Modelfile").read_text()
    assert said.startswith("FROM ./lamps-1a2b-f16.gguf\nTEMPLATE ")
    assert (
        "\nPARAMETER temperature 0\nPARAMETER repeat_penalty 1\nPARAMETER num_ctx 512\n" in said
    )  # the model's limit
    assert '\nPARAMETER stop "</s>"\nLICENSE """mit ' in said


def test_num_ctx_holds_the_longest_row() -> None:
    assert gguf_file._context_tokens(1100, 0) == 2048
    assert gguf_file._context_tokens(1100, 1500) == 1500
    assert gguf_file._context_tokens(0, 131072) == 4096


def test_a_converter_that_is_not_there_is_one_line(
    student_dir: Path, tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gguf_file, "converter_python", lambda: tmp_path / "python")
    assert export.main(["--to", "gguf", str(student_dir)]) == 2
    assert capsys.readouterr().err.endswith("Run: make gguf\n")


def test_a_model_without_a_chat_template_is_one_line(
    student_dir: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gguf_file, "converter_python", lambda: student_dir / "README.md")
    (student_dir / "merged" / "chat_template.jinja").unlink()
    assert export.main(["--to", "gguf", str(student_dir)]) == 2
    said = capsys.readouterr().err
    assert "merged has no chat template" in said
    assert said.count("\n") == 1


def test_a_converter_that_fails_is_one_line(
    student_dir: Path,
    home_dir: Path,
    tmp_path: Path,
    monkeypatch: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho Traceback; echo 'ValueError: no such model'; exit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(gguf_file, "converter_python", lambda: python)
    assert export.main(["--to", "gguf", str(student_dir)]) == 2
    said = capsys.readouterr().err
    assert "was not converted to GGUF: ValueError: no such model." in said
    assert said.count("\n") == 1
    assert not list((home_dir / "artefacts" / "exports").iterdir())


# --- the model hub -------------------------------------------------------------------------------


class Hub(ThreadingHTTPServer):
    """What a push asks of the hub: create, look, say how to send files, commit."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.created: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.is_private, self.refuses = True, False


class _Requests(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.refuses:
            self._reply({"error": "no"}, 403)
        elif self.path == "/api/validate-yaml":
            self._reply({"errors": [], "warnings": []})
        elif self.path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            self._reply({"url": f"http://{self.headers['Host']}/me/lamps"})
        elif "/preupload/" in self.path:
            named = [file["path"] for file in json.loads(body)["files"]]
            plain = {"uploadMode": "regular", "shouldIgnore": False}
            self._reply({"files": [{"path": name, **plain} for name in named]})
        else:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.server.files[line["value"]["path"]] = content
            address = f"http://{self.headers['Host']}/me/lamps/commit/1"
            self._reply({"commitUrl": address, "commitOid": "1"})

    def do_GET(self) -> None:
        found = {"id": "me/lamps", "private": self.server.is_private, "siblings": []}
        self._reply(found, 403 if self.server.refuses else 200)

    def _reply(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    server = Hub()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_push_is_private_and_has_the_card_with_its_evaluation(
    hub: Hub, student_dir: Path, home_dir: Path
) -> None:
    save_state("lamps", STUDENT_MODEL_DIR="artefacts/students/lamps-1a2b/merged")
    write_results(home_dir, "artefacts/students/lamps-1a2b/merged")
    assert export.main(["--run", "lamps", "--to", "hub", "me/lamps"]) == 0
    (created,) = hub.created
    assert created["visibility"] == "private"
    merged = {path.name for path in (student_dir / "merged").iterdir()}
    assert set(hub.files) == merged | {"README.md"}
    weights = (student_dir / "merged" / "model.safetensors").read_bytes()
    assert hub.files["model.safetensors"] == weights
    card = hub.files["README.md"].decode()
    assert "\n- Evaluation: run lamps, 2026-11-28: It is better.\n\n| setting |" in card


def test_nothing_is_pushed_where_it_would_be_public_or_is_refused(
    hub: Hub, student_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.is_private = False
    assert export.main([str(student_dir), "--to", "hub", "me/lamps"]) == 2
    assert "me/lamps is a public model on the hub already" in capsys.readouterr().err
    hub.refuses = True
    assert export.main([str(student_dir), "--to", "hub", "me/lamps"]) == 2
    said = capsys.readouterr().err
    assert re.search(r"on the model hub \(.*403.*\)\. It needs a name", said)
    assert "hf_test" not in said
    assert not hub.files
    hub.refuses = False
    assert export.main([str(student_dir), "--to", "hub", "me/lamps", "--public"]) == 0
    assert hub.created[-1]["visibility"] == "public"
    assert hub.files


# --- a sharded checkpoint ------------------------------------------------------------------------


def write_shards(state: dict[str, Any], checkpoint: Path) -> None:
    """As accelerate writes a model under SHARDED_STATE_DICT."""
    import torch.distributed.checkpoint as parts

    writer = parts.FileSystemWriter(checkpoint / "pytorch_model_fsdp_0")
    parts.save({"model": state}, storage_writer=writer, no_dist=True)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_sharded_checkpoint_becomes_a_whole_student(
    method: str, model_dir: Path, home_dir: Path, tmp_path: Path, capsys: Any
) -> None:
    import torch
    from peft import get_peft_model, get_peft_model_state_dict
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from lib.finetune.methods import load_adapter, lora_config
    from lib.recipe import Recipe

    knobs: dict[str, Any] = {"run_name": "t", "method": method, "student_model": str(model_dir)}
    knobs |= {"lora_rank": 4}
    write_json(tmp_path / "t.json", knobs)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    if method == "lora":
        model = get_peft_model(model, lora_config(Recipe(**knobs), model))
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight) * weight.requires_grad
    adapted = method == "lora"
    state = get_peft_model_state_dict(model) if adapted else model.state_dict()
    assert adapted or "lm_head.weight" in state
    checkpoint = tmp_path / "checkpoint-3"
    write_shards({name: weight.clone() for name, weight in state.items()}, checkpoint)

    command = ["--from-sharded", str(checkpoint), "-p", str(tmp_path / "t.json")]
    assert export.main(command) == 0, capsys.readouterr().err
    folder = home_dir / "artefacts" / "exports" / "t-checkpoint-3"
    assert (folder / "adapter").is_dir() == adapted
    assert "lm_head.weight" not in load_file(folder / "merged" / "model.safetensors")
    AutoTokenizer.from_pretrained(folder / "merged")
    assert "license: other" in (folder / "README.md").read_text()
    whole = AutoModelForCausalLM.from_pretrained(folder / "merged", dtype=torch.float32).eval()
    ids = torch.arange(6, 60)[None]
    with torch.no_grad():
        wanted = model.eval()(ids).logits
        assert torch.allclose(whole(ids).logits, wanted, atol=1e-3)
        assert not torch.allclose(
            AutoModelForCausalLM.from_pretrained(model_dir)(ids).logits, wanted, atol=1e-2
        )
    if adapted:
        adapter = folder / "adapter"
        load_adapter(AutoModelForCausalLM.from_pretrained(model_dir), adapter)
        assert (
            read_json(adapter / "adapter_config.json")["base_model_name_or_path"] == "lamplighter"
        )
        on = ["-r", "from_adapter", str(adapter), "-r", "lora_rank", "8"]  # its rank stays
        assert export.main([*command, "--out", str(tmp_path / "on"), *on]) == 0

    # Other parameters than the training's
    other = ["-r", "lora_rank", "8"] if adapted else ["-r", "method", "lora"]
    assert export.main([*command, "--out", str(tmp_path / "other"), *other]) == 2
    said = capsys.readouterr().err
    assert "-p FILE, -r NAME VALUE" in said
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("differs", ["", "absent", "unknown"])
def test_a_sharded_checkpoint_has_the_weights_of_its_model(
    differs: str, model_dir: Path, home_dir: Path, tmp_path: Path, capsys: Any
) -> None:
    from transformers import AutoModelForCausalLM

    state = AutoModelForCausalLM.from_pretrained(model_dir).state_dict()
    if differs == "absent":
        del state["model.norm.weight"]
    elif differs:
        state["model.other.weight"] = state["model.norm.weight"].clone()
    write_shards(state, tmp_path)
    parts = str(tmp_path / "pytorch_model_fsdp_0")
    command = ["--from-sharded", parts, "-r", "student_model", str(model_dir)]
    found = export.main([*command, "-r", "method", "full", "-r", "run_name", "t"])
    assert found == (2 if differs else 0)
    assert ("does not fit these parameters" in capsys.readouterr().err) == bool(differs)


# --- what is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize("served", ["merged", "adapter"])
def test_results_of_another_student_are_not_in_the_card(
    student_dir: Path, home_dir: Path, served: str
) -> None:
    write_results(home_dir, f"artefacts/students/lamps-9999/{served}")
    assert export.evaluation_of(student_dir / "merged") == ""
    for run, day in (("a", 27), ("lamps", 28), ("z", 26)):
        write_results(home_dir, f"artefacts/students/lamps-1a2b/{served}", day=day, run=run)
    found = export.evaluation_of(student_dir / "merged")
    assert found == "run lamps, 2026-11-28: It is better."


def test_a_model_that_is_no_student_keeps_its_own_card(student_dir: Path) -> None:
    own = (student_dir / "merged").rename(student_dir / "own")
    (own / "README.md").write_text("# Own")
    assert export._card(own) == "# Own"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--to is ''"),
        (["--to", "hub"], "--to is 'hub'"),
        (["students/lamps", "--to", "hub"], "--to is 'hub'"),  # a folder is no name
        (["--to", "onnx"], "--to is 'onnx'"),
        (["--to", "hub", "me/lamps", "nowhere"], "holds no config.json"),
        (["nowhere", "--to", "hub", "me/lamps"], "holds no config.json"),
        (["x", "--to", "gguf", "y"], "--to is 'gguf y'"),
        (["x", "--from-sharded", "y"], "alone"),
        (["--from-sharded", "nowhere"], "it is not a whole checkpoint"),
        (["--from-sharded", "nowhere", "--to", "gguf"], "alone"),
        (["--from-sharded", "nowhere", "--public"], "--from-sharded does not use --public"),
        (["--from-sharded", "nowhere", "--type", "f16"], "It uses --out, -p, -r."),
        (["--to", "gguf", "--public"], "gguf does not use --public: leave it out."),
        (["--to", "hub", "me/x", "--type", "f16", "--out", "x"], "does not use --type, --out"),
        (["--to", "gguf", "-r", "seed", "1"], "does not use -r"),
        (["x", "--run", "lamps", "--to", "gguf"], "does not use --run beside a folder"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export.main(arguments) == 2
    found = capsys.readouterr().err
    assert re.fullmatch(r"lib\.finetune\.export: .*\n", found)
    assert said in found


def test_a_student_at_a_service_has_no_weights(home_dir: Path, capsys: Any) -> None:
    write_json(home_dir / "artefacts" / "students" / "far" / "hosted" / "job.json", {"id": "1"})
    save_state("lamps", STUDENT_MODEL_DIR="artefacts/students/far/hosted")
    assert export.main(["--to", "hub", "me/lamps"]) == 2
    assert "which gives no weights away" in capsys.readouterr().err


def test_a_folder_that_is_there_is_kept(
    student_dir: Path, tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gguf_file, "converter_python", lambda: Path(__file__))
    assert export.main([str(student_dir), "--to", "gguf", "--out", str(tmp_path)]) == 2
    assert "is there already. Delete it, or give another --out." in capsys.readouterr().err
