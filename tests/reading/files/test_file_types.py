"""A file type is one module: the endings, the doctype and the reading follow from it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from lib.reading import files
from lib.recipe import Recipe
from lib.settings import SetupError
from tests.reading.load import load

MODULE = """
from lib.reading.assemble import Text

ENDINGS = (".ini",)
IN_WORKER = False


def read(path):
    return Text("Settings", [path.read_text().replace("=", " is ")])
"""


@pytest.fixture
def new_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "types").mkdir()
    (tmp_path / "types" / "ini.py").write_text(MODULE)
    monkeypatch.setattr(files, "__path__", [*files.__path__, str(tmp_path / "types")])
    for cached in (files.file_types, files.types_by_ending):
        cached.cache_clear()
    yield
    sys.modules.pop("lib.reading.files.ini")
    for cached in (files.file_types, files.types_by_ending):
        cached.cache_clear()


@pytest.mark.usefixtures("new_type")
def test_a_new_type_is_one_module(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text("colour=blue")
    (document,) = load(tmp_path / "a.ini").documents
    assert (document.title, document.text) == ("Settings", "colour is blue")
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(SetupError, match=r"only .*\.htm, \.html, \.ini, \.json"):
        load(tmp_path / "a.xyz")


def test_every_type_has_what_its_docstring_says_and_is_a_doctype() -> None:
    for name, module in files.file_types().items():
        assert isinstance(module.ENDINGS, tuple), name
        assert isinstance(module.IN_WORKER, bool), name
        assert hasattr(module, "read") != hasattr(module, "read_record"), name
    (doctype,) = (field for field in fields(Recipe) if field.name == "doctype")
    assert set(doctype.metadata["choices"]) == {"", *files.file_types()}
