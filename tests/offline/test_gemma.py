"""Gemma from its packages: parts that are put together, checked, and made an ordinary model."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.finetune.merge import licence_of
from lib.finetune.model_files import missing_in_folder
from lib.finetune.students import GEMMA_MODEL_DIR, fetch_student
from lib.parameters import read_parameters
from lib.settings import PROJECT_DIR, SetupError, home
from offline import gemma
from tests.finetune.tiny_gemma import gemma_config, make_gemma

PARTS = (b"GGUF and ", b"", b"the rest of it")
SHA256 = hashlib.sha256(b"".join(PARTS)).hexdigest()


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"m.gguf.part{number:02}" for number in range(len(PARTS))]
    for path, content in zip(paths, PARTS, strict=True):
        path.write_bytes(content)
    return paths


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Made-up packages with a part each, and a conversion that needs no GGUF file."""
    for number, content in enumerate(PARTS):
        data_dir = tmp_path / f"made_up_part{number}" / "data"
        data_dir.mkdir(parents=True)
        (data_dir.parent / "__init__.py").touch()
        (data_dir / f"m.gguf.part{number:02}").write_bytes(content)
    terms = tmp_path / "made_up" / "data" / "GEMMA_TERMS.html"
    terms.parent.mkdir(parents=True)
    (terms.parent.parent / "__init__.py").touch()
    terms.write_text("<p>Terms</p>")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(gemma, "_PACKAGE", "made_up")
    monkeypatch.setattr(gemma, "_PARTS", tuple(f"made_up_part{n}" for n in range(len(PARTS))))
    monkeypatch.setattr(gemma, "GGUF_SHA256", SHA256)

    def convert(gguf_path: Path, folder: Path) -> None:
        assert gguf_path.read_bytes() == b"".join(PARTS)
        make_gemma(folder)

    monkeypatch.setattr(gemma, "convert", convert)
    yield terms
    for name in [name for name in sys.modules if name.startswith("made_up")]:
        del sys.modules[name]


def test_the_parts_make_one_file(parts: list[Path], tmp_path: Path) -> None:
    gemma.assemble(parts, tmp_path / "m.gguf", sha256=SHA256)
    assert (tmp_path / "m.gguf").read_bytes() == b"".join(PARTS)


def test_another_sum_is_one_line_that_says_what_to_do(parts: list[Path], tmp_path: Path) -> None:
    parts[1].write_bytes(b"!")
    with pytest.raises(SetupError, match=f"{SHA256} was expected.*--force-reinstall") as refused:
        gemma.assemble(parts, tmp_path / "m.gguf", sha256=SHA256)
    assert "\n" not in str(refused.value)


def test_the_folder_is_a_whole_model_with_its_licence(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gemma.main([]) == 0
    folder = home() / gemma.MODEL_DIR
    assert missing_in_folder(folder) == ""
    assert licence_of(folder) == "gemma"
    assert (folder / package.name).read_text() == package.read_text()
    assert not list(folder.rglob("*.gguf"))
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert fetch_student(GEMMA_MODEL_DIR).name == "gemma-3-270m"
    assert gemma.main([]) == 0
    said = capsys.readouterr().out
    assert said.count(f"Gemma Terms of Use: {package}") == 2
    assert said.splitlines()[-1] == f"{gemma.MODEL_DIR} is there already."


def test_damaged_packages_leave_no_folder(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gemma, "GGUF_SHA256", "0" * 64)
    assert gemma.main([]) == 2
    assert not (home() / gemma.MODEL_DIR).exists()
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_the_packages_the_command_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gemma, "_PACKAGE", "not_installed_here")
    assert gemma.main([]) == 2
    assert capsys.readouterr().err.endswith(
        "not-installed-here is not installed. Run: make gemma\n"
    )


def test_dequantised_weights_are_saved_as_they_are(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, Gemma3ForCausalLM

    torch.manual_seed(0)
    model = Gemma3ForCausalLM(gemma_config()).eval()
    model.generation_config.eos_token_id = [2, 7]
    model.config.quantization_config = {"quant_method": "gguf", "gguf_file": "m.gguf"}
    gemma.save_without_quantisation(model, tmp_path)
    saved = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert not hasattr(saved.config, "quantization_config")
    assert saved.generation_config.eos_token_id == [2, 7]
    assert saved.lm_head.weight is saved.model.embed_tokens.weight
    before, after = model.state_dict(), saved.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    ids = torch.arange(3, 60).unsqueeze(0)
    written = [m.generate(ids, max_new_tokens=8, do_sample=False).tolist() for m in (model, saved)]
    assert written[0] == written[1]


def test_the_parameters_name_the_folder_and_a_missing_one_names_the_command() -> None:
    values = read_parameters(PROJECT_DIR / "parameters" / "gemma-3-270m.yaml")
    assert values["student_model"] == gemma.MODEL_DIR == GEMMA_MODEL_DIR
    with pytest.raises(SetupError, match=r"run `make gemma`\.$"):
        fetch_student(GEMMA_MODEL_DIR)


def test_every_package_is_pinned_with_its_hash() -> None:
    text = (PROJECT_DIR / "requirements" / "gemma.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)
    named = {line.partition("==")[0].replace("-", "_") for line in lines}
    assert named == {gemma._PACKAGE, *gemma._PARTS, "gguf"}
