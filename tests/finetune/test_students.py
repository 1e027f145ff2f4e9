"""What a machine lacks is said in a sentence, within seconds."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from lib.finetune import students
from lib.finetune.students import fetch_student, find_student, require_machine
from lib.recipe import Recipe
from lib.settings import SetupError, home
from lib.store import write_json

SHA = "0123456789abcdef0123456789abcdef01234567"


def missing(student_model: str, *, memory_gib: float = 0.0, method: str = "lora") -> str:
    """What this machine lacks to train it; "" = nothing."""
    recipe = Recipe(student_model=student_model, student_memory_gib=memory_gib, method=method)
    try:
        require_machine(recipe)
    except SetupError as error:
        return str(error)
    return ""


class Hub(ThreadingHTTPServer):
    """A model hub: the routes that huggingface_hub asks, of one repository `org/there`."""

    def __init__(self, files: dict[str, bytes], status: int, error_code: str, of: str) -> None:
        super().__init__(("127.0.0.1", 0), _Routes)
        self.files, self.status, self.error_code, self.of = files, status, error_code, of
        self.paths: list[str] = []
        self.tokens: set[str] = set()


class _Routes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.paths.append(path)
        if "org/there" in path:  # libraries ask the hub for other things, too
            self.server.tokens.add(self.headers.get("Authorization", ""))
        if self.server.status != 200 and path.startswith(self.server.of):
            return self.answer(b"", self.server.status, {"X-Error-Code": self.server.error_code})
        name = path.partition(f"/resolve/{SHA}/")[2]
        if name in self.server.files:
            return self.answer(self.server.files[name])
        files = self.server.files.items()
        if path.startswith("/api/models/org/there/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": name}
                for name, content in files
            ]
            return self.answer(json.dumps(tree).encode())
        if path.startswith("/api/models/org/there"):
            siblings = [{"rfilename": name} for name, _ in files]
            info = {"id": "org/there", "sha": SHA, "siblings": siblings}
            return self.answer(json.dumps(info).encode())
        return self.answer(b"", 404, {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def answer(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        marks = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": SHA}
        for name, value in (marks | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hub(
    monkeypatch: pytest.MonkeyPatch,
    *,
    files: dict[str, bytes] | None = None,
    status: int = 200,
    error_code: str = "",
    of: str = "",
) -> Iterator[Hub]:
    """Serve it; paths that begin with `of` get the status."""
    server = Hub(files or {}, status, error_code, of)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    point_at(f"http://127.0.0.1:{server.server_port}", monkeypatch)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT does when huggingface_hub is imported."""
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home() / "hub"))


def test_a_folder_a_hub_name_and_the_embedded_model_are_told_apart(model_dir: Path) -> None:
    assert find_student(str(model_dir)) == model_dir
    assert find_student("meta-llama/Llama-2-7b-hf") == "meta-llama/Llama-2-7b-hf"
    assert find_student("embedded") == students.EMBEDDED_MODEL_DIR


@pytest.mark.parametrize(
    "name",
    ["./nowhere", "/nowhere", "~ada/x", "a/b/c", "two words", "a--b", "org/x.git", "m" * 200],
)
def test_what_is_neither_folder_nor_name_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match="no such folder"):
        find_student(name)


def test_nothing_is_missing_for_a_local_model(model_dir: Path) -> None:
    assert missing(str(model_dir)) == ""
    assert fetch_student(str(model_dir)).name == "lamplighter"


@pytest.mark.parametrize(
    ("removed", "said"),
    [("config.json", "config.json"), ("model.safetensors", "safetensors"), ("tokenizer", "tokeni")],
)
def test_an_incomplete_folder_says_what_is_not_there(
    model_dir: Path, tmp_path: Path, removed: str, said: str
) -> None:
    for path in model_dir.iterdir():
        if not path.name.startswith(removed):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    assert said in missing(str(tmp_path))
    with pytest.raises(SetupError, match=said):
        fetch_student(str(tmp_path))


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def harm(folder: Path, what: str) -> str:
    """Damage a model's folder in one way; the file that has to be named."""
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    if what == "cut off":
        weights.write_bytes(whole[:-1])
    elif what == "or damaged":
        weights.write_bytes(b"\x10\0\0\0\0\0\0\0<html>no such file</html>")
    elif what == "pointer of Git LFS":
        weights.write_bytes(LFS)
    elif what == "pointer":
        (folder / "tokenizer.json").write_bytes(LFS)
        return "tokenizer.json"
    elif what == "is not there":
        weights.rename(folder / "x.safetensors")
        shards = {"a": "x.safetensors", "b": "y.safetensors"}
        write_json(folder / "model.safetensors.index.json", {"weight_map": shards})
        return "y.safetensors"
    elif what == "is cut off or damaged":
        weights.unlink()
        (folder / "model.safetensors.index.json").write_text('{"weight_map": {')
        return "model.safetensors.index.json"
    elif what == "holds an adapter beside":
        write_json(folder / "adapter_config.json", {"peft_type": "LORA"})
        return "adapter_config.json"
    elif what == "holds no":  # a part without its index, or an adapter
        weights.rename(folder / "model-00001-of-00002.safetensors")
    return "model.safetensors"


@pytest.mark.parametrize(
    "what",
    [
        *("cut off", "or damaged", "pointer of Git LFS", "pointer"),
        *("is not there", "is cut off or damaged", "holds no", "holds an adapter beside"),
    ],
)
def test_a_damaged_model_is_told_before_anything_is_paid(
    model_dir: Path, tmp_path: Path, what: str
) -> None:
    shutil.copytree(model_dir, tmp_path / "m")
    named = harm(tmp_path / "m", what)
    how: tuple[dict[str, Any], ...] = ({}, {"memory_gib": 1e-9}, {"method": "full"})
    for said in (missing(str(tmp_path / "m"), **changed) for changed in how):
        assert what in said
        assert named in said
        assert "\n" not in said


@pytest.mark.parametrize("model_type", ["no-such-model", "vit"])
def test_an_architecture_that_cannot_be_trained_is_told(
    model_dir: Path, tmp_path: Path, model_type: str
) -> None:
    shutil.copytree(model_dir, tmp_path / "m")
    write_json(tmp_path / "m" / "config.json", {"model_type": model_type, "auto_map": {"A": "b.C"}})
    assert "m is of an architecture that this version" in missing(str(tmp_path / "m"))


def test_quantised_weights_are_refused(model_dir: Path, tmp_path: Path) -> None:
    config = json.loads((model_dir / "config.json").read_text())
    shutil.copytree(model_dir, tmp_path / "m")
    for method, said in (("gptq", "is quantised (gptq)"), ("mxfp4", "")):
        config["quantization_config"] = {"quant_method": method, "bits": 4}
        write_json(tmp_path / "m" / "config.json", config)
        assert said in missing(str(tmp_path / "m"))
        assert bool(said) == bool(missing(str(tmp_path / "m")))


INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *product(["config.json", "generation_config.json", INDEX], ['{"eos_token_id": [2', "[2]"]),
        *((INDEX, text) for text in ("{}", '{"weight_map": ["a"]}')),
    ],
)
def test_a_config_that_was_cut_off_is_told(
    model_dir: Path, tmp_path: Path, name: str, text: str
) -> None:
    shutil.copytree(model_dir, tmp_path / "m")
    (tmp_path / "m" / name).write_text(text)
    assert f"m/{name} is cut off or damaged" in missing(str(tmp_path / "m"))


def test_a_tokenizer_that_cannot_be_loaded_is_told(model_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(model_dir, tmp_path / "m")
    (tmp_path / "m" / "tokenizer.json").write_text('{"model": 1}')
    said = missing(str(tmp_path / "m"))
    assert "m cannot be loaded" in said
    assert "\n" not in said


def test_sentence_pieces_alone_name_the_package_that_reads_them(
    model_dir: Path, tmp_path: Path
) -> None:
    shutil.copytree(model_dir, tmp_path / "m")
    (tmp_path / "m" / "tokenizer.json").unlink()
    (tmp_path / "m" / "tokenizer.model").write_bytes(b"\n\x0e\n\x05<unk>\x15")
    said = missing(str(tmp_path / "m"))
    assert said.endswith(" .venv/bin/pip install sentencepiece.")
    assert "\n" not in said


def test_too_little_disk_is_told(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def free(gib: float) -> None:
        usage = shutil.disk_usage("/")._replace(free=int(gib * 2**30))
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    free(0.4)
    assert "0.4 GiB free" in missing(str(model_dir))
    free(0.6)
    assert missing(str(model_dir)) == ""


def test_a_hub_model_without_network_and_gpu_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from huggingface_hub import constants

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    said = missing("meta-llama/Llama-2-7b-hf", memory_gib=32.0)
    assert "32 GiB" in said
    assert "HF_HUB_OFFLINE" in said
    assert "hf download meta-llama/Llama-2-7b-hf" in said
    assert "\n" not in said


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("of", ["/api", "/org"])  # often the list is public, and no file
@pytest.mark.parametrize("error_code", ["GatedRepo", ""])
def test_a_refused_model_says_what_to_do(
    status: int,
    of: str,
    error_code: str,
    monkeypatch: pytest.MonkeyPatch,
    home_dir: Path,
    model_dir: Path,
) -> None:
    (home_dir / ".env").write_text("HF_TOKEN=hf_mine\n")
    files = {path.name: path.read_bytes() for path in model_dir.iterdir()}
    with hub(monkeypatch, files=files, status=status, error_code=error_code, of=of) as seen:
        line = missing("org/there")
    assert f"{status})" in line
    assert "accept its licence at https://huggingface.co/org/there and set HF_TOKEN" in line
    assert "hf_mine" not in line
    assert seen.tokens == {"Bearer hf_mine"}


def test_a_name_that_the_hub_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(monkeypatch):
        line = missing("org/missing")
    assert "does not give it (RepositoryNotFoundError: 404). Check name" in line


def test_a_hub_models_small_files_are_checked_and_no_weights_fetched(
    monkeypatch: pytest.MonkeyPatch, model_dir: Path
) -> None:
    files = {path.name: path.read_bytes() for path in model_dir.iterdir()}
    copies = ["original/model.safetensors", "consolidated.safetensors", "adapter_config.json"]
    with hub(monkeypatch, files=files | dict.fromkeys(copies, b"{}")) as seen:
        assert missing("org/there") == ""
        assert {"config.json", "tokenizer.json"} <= {path.split("/")[-1] for path in seen.paths}
        assert not [path for path in seen.paths if path.endswith(".safetensors")]
        base = fetch_student("org/there")  # with the weights now
        assert (base.fingerprint, base.name) == (f"org/there@{SHA}", "org/there")
        assert not [path for path in seen.paths if path.endswith(tuple(copies))]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert missing("org/there") == ""


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("config.json", None, "org/there on the model hub has no config.json"),
        ("model.safetensors", None, "org/there on the model hub has no model.safetensors or"),
        ("tokenizer.json", None, "org/there on the model hub has no tokenizer.json or"),
        ("tokenizer.json", b"{}", "The tokenizer in org/there cannot be loaded"),
        (
            "chat_template.jinja",
            b"{{ messages[0]['content'] }}",
            "org/there: the chat template drops or changes the user",
        ),
    ],
)
def test_a_hub_model_that_cannot_be_trained_is_told_before_anything_is_paid(
    name: str, content: bytes | None, says: str, monkeypatch: pytest.MonkeyPatch, model_dir: Path
) -> None:
    files = {path.name: path.read_bytes() for path in model_dir.iterdir()}
    files |= {name: content or b"", "consolidated.safetensors": files["model.safetensors"]}
    if content is None:
        del files[name]
    with hub(monkeypatch, files=files):
        line = missing("org/there")
    assert says in line
    assert "\n" not in line


def test_an_unreachable_hub_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    point_at("http://127.0.0.1:9", monkeypatch)
    line = missing("org/model")
    assert "org/model" in line
    assert "does not give it (ConnectError: no answer). Check name and network" in line


def test_a_hub_that_hangs_does_not_hold_us_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(name: str) -> str:
        released.wait()
        return ""

    monkeypatch.setattr(students, "_HUB_WAIT_S", 0.2)
    monkeypatch.setattr(students, "_missing_on_hub", hang)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    line = missing("org/model")
    released.set()
    assert "org/model" in line


def test_a_small_gpu_is_not_enough(monkeypatch: pytest.MonkeyPatch, model_dir: Path) -> None:
    import torch

    class Card:
        total_memory = 16 * 2**30

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: Card)
    line = missing(str(model_dir), memory_gib=32.0)
    assert "16 GiB" in line
    assert missing(str(model_dir), memory_gib=16.0) == ""
