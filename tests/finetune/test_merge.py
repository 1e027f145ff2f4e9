"""The baseline's folder: the base model with the student's template, named after both."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lib.finetune import merge
from lib.finetune.merge import licence_of, prepare_baseline
from lib.finetune.students import fetch_student


def test_another_model_or_template_has_another_name(model_dir: Path, tmp_path: Path) -> None:
    base = fetch_student(str(model_dir))
    first = prepare_baseline(base, chat_template="one")
    assert prepare_baseline(base, chat_template="one") == first
    assert prepare_baseline(base, chat_template="two") != first
    for path in model_dir.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = bytearray((tmp_path / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(weights)
    assert prepare_baseline(fetch_student(str(tmp_path)), chat_template="one") != first


def test_a_folder_of_any_name_gets_a_name_that_is_served(model_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Mein Modell (übung) #1 問"
    shutil.copytree(model_dir, folder)
    baseline_dir = prepare_baseline(fetch_student(str(folder)), chat_template="one")
    assert re.fullmatch(r"[A-Za-z0-9._-]+", baseline_dir.name)


def test_large_files_are_linked_and_the_base_is_left_alone(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "_COPY_UP_TO_BYTES", 1000)
    template = (model_dir / "chat_template.jinja").read_text()
    folder = prepare_baseline(fetch_student(str(model_dir)), chat_template="mine")
    assert (folder / "model.safetensors").samefile(model_dir / "model.safetensors")
    assert (folder / "chat_template.jinja").read_text() == "mine"
    assert (model_dir / "chat_template.jinja").read_text() == template


def test_a_baseline_whose_links_lead_nowhere_is_made_anew(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "_COPY_UP_TO_BYTES", 1000)
    monkeypatch.setattr("os.link", lambda *_: Path("nowhere").stat())  # as on another file system
    first = shutil.copytree(model_dir, tmp_path / "first" / "lamplighter")
    folder = prepare_baseline(fetch_student(str(first)), chat_template="mine")
    shutil.rmtree(first)
    assert prepare_baseline(fetch_student(str(model_dir)), chat_template="mine") == folder
    assert (folder / "model.safetensors").samefile(model_dir / "model.safetensors")


@pytest.mark.parametrize(
    ("line", "licence"),
    [
        ("license: llama2", "llama2"),
        ("license: 'cc-by-4.0'  # of the data, too", "cc-by-4.0"),
        ("license:\n- mit\n- apache-2.0", "other"),
        ("license_name: mine", "other"),
    ],
)
def test_the_licence_is_read_from_the_card(tmp_path: Path, line: str, licence: str) -> None:
    assert licence_of(tmp_path) == "other"
    (tmp_path / "README.md").write_text(f"---\n{line}\n---\n")
    assert licence_of(tmp_path) == licence
