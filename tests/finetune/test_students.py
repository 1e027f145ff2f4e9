"""What a machine lacks is said in a sentence, within seconds."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lib.finetune import students
from lib.finetune.students import fetch_student, find_student, require_machine
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.store import write_json


def missing(student_model: str, *, memory_gib: float = 0.0) -> str:
    """What this machine lacks to train it; "" = nothing."""
    recipe = Recipe(student_model=student_model, student_memory_gib=memory_gib)
    try:
        require_machine(recipe)
    except SetupError as error:
        return str(error)
    return ""


@contextmanager
def hub(status: int, error_code: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub that answers everything alike; yields the Authorization headers that it saw."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("X-Error-Code", error_code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    point_at(f"http://127.0.0.1:{server.server_port}", monkeypatch)
    try:
        yield seen
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


def test_a_folder_a_hub_name_and_the_embedded_model_are_told_apart(model_dir: Path) -> None:
    assert find_student(str(model_dir)) == model_dir
    assert find_student("meta-llama/Llama-2-7b-hf") == "meta-llama/Llama-2-7b-hf"
    assert find_student("embedded") == students.EMBEDDED_MODEL_DIR


@pytest.mark.parametrize("name", ["./nowhere", "/no/where/at/all", "a/b/c", "two words"])
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
    elif what == "not a file of weights":
        weights.write_bytes(b"\x10\0\0\0\0\0\0\0<html>no such file</html>")
    elif what == "pointer of Git LFS":
        weights.write_bytes(LFS)
    elif what == "pointer":
        (folder / "tokenizer.json").write_bytes(LFS)
        return "tokenizer.json"
    elif what == "lacks 1 of 2":
        weights.rename(folder / "model-00001-of-00002.safetensors")
        return "model-00002-of-00002.safetensors"
    elif what == "lacks 2 of 3":
        shards = {"a": "x.safetensors", "b": "y.safetensors"}
        write_json(folder / "model.safetensors.index.json", {"weight_map": shards})
        return "x.safetensors"
    return "model.safetensors"


@pytest.mark.parametrize(
    "what",
    [
        *("cut off", "not a file of weights", "pointer of Git LFS", "pointer"),
        *("lacks 1 of 2", "lacks 2 of 3"),
    ],
)
def test_a_damaged_model_is_told_before_anything_is_paid(
    model_dir: Path, tmp_path: Path, what: str
) -> None:
    shutil.copytree(model_dir, tmp_path / "m")
    named = harm(tmp_path / "m", what)
    for said in (missing(str(tmp_path / "m")), missing(str(tmp_path / "m"), memory_gib=1e-9)):
        assert what in said
        assert named in said
        assert "\n" not in said


def test_a_tokenizer_that_cannot_be_loaded_is_told(model_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(model_dir, tmp_path / "m")
    (tmp_path / "m" / "tokenizer.json").write_text('{"model": 1}')
    said = missing(str(tmp_path / "m"))
    assert "m cannot be loaded" in said
    assert "\n" not in said


def test_too_little_disk_is_told(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def free(gib: float) -> None:
        usage = shutil.disk_usage("/")._replace(free=int(gib * 2**30))
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    free(0.4)
    assert "0.4 GiB free" in missing(str(model_dir))
    free(0.6)
    assert missing(str(model_dir)) == ""
    assert "takes about 34.5 GiB" in missing("org/model", memory_gib=34.0)


def test_a_hub_model_without_network_and_gpu_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from huggingface_hub import constants

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    said = missing("meta-llama/Llama-2-7b-hf", memory_gib=32.0)
    assert "32 GiB" in said
    assert "HF_HUB_OFFLINE" in said


def test_a_gated_model_says_accept_and_token(
    monkeypatch: pytest.MonkeyPatch, home_dir: Path
) -> None:
    (home_dir / ".env").write_text("HF_TOKEN=hf_mine\n")
    with hub(403, "GatedRepo", monkeypatch) as seen:
        line = missing("meta-llama/Llama-2-7b-hf")
    assert "https://huggingface.co/meta-llama/Llama-2-7b-hf" in line
    assert "HF_TOKEN" in line
    assert "hf_mine" not in line
    assert seen == ["Bearer hf_mine"]


def test_a_name_that_the_hub_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(404, "RepoNotFound", monkeypatch):
        line = missing("org/missing")
    assert "no model 'org/missing'" in line


def test_a_reachable_model_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(200, "", monkeypatch):
        assert missing("org/there") == ""


def test_an_unreachable_hub_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    point_at("http://127.0.0.1:9", monkeypatch)
    line = missing("org/model")
    assert "org/model" in line
    assert "cannot be reached" in line


def test_a_hub_that_hangs_does_not_hold_us_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(name: str) -> str:
        released.wait()
        return ""

    monkeypatch.setattr(students, "_HUB_WAIT_S", 0.2)
    monkeypatch.setattr(students, "_hub_refusal", hang)
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
