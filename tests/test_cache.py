"""A value is found by its key and the version of its code; no fault of the cache stops a run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lib.cache import Cache


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "code.py"
    path.write_text("first", encoding="utf-8")
    return path


def cache(source: Path) -> Cache:
    return Cache(code=[source])


def test_a_value_outlives_the_process_and_is_found_by_its_whole_key(source: Path) -> None:
    value = {"pages": ["Phở 등대", "\n"], "pictures": [1]}
    one = cache(source)
    assert one.get("text", "a") is None
    one.put(value, "text", "a")
    other = cache(source)
    assert other.get("text", "a") == value
    assert other.get("text", "b") is None
    assert other.get("texta") is None


def test_another_version_of_the_code_finds_nothing(source: Path) -> None:
    cache(source).put([1], "key")
    source.write_text("second", encoding="utf-8")
    other = cache(source)
    assert other.get("key") is None
    other.put([2], "key")
    assert Cache(code=[source], packages=["numpy"]).get("key") is None


def test_two_at_once_share_it(source: Path) -> None:
    one, other = cache(source), cache(source)
    one.put("mine", "a")
    other.put("yours", "b")
    assert (one.get("b"), other.get("a")) == ("yours", "mine")


@pytest.mark.parametrize("damage", [b"no JSON", b"", b'{"cut": "o', b"\xff"])
def test_a_damaged_value_is_none_and_is_replaced(
    source: Path, home_dir: Path, damage: bytes
) -> None:
    damaged = cache(source)
    damaged.put("x", "a")
    (path,) = (home_dir / "artefacts" / "cache").iterdir()
    path.write_bytes(damage)
    assert damaged.get("a") is None
    damaged.put("y", "a")
    assert damaged.get("a") == "y"


def test_a_folder_that_cannot_be_used_stores_nothing_and_raises_nothing(
    source: Path, home_dir: Path
) -> None:
    barred = cache(source)
    barred.put("x", "a")
    shutil.rmtree(home_dir / "artefacts" / "cache")
    assert barred.get("a") is None
    (home_dir / "artefacts" / "cache").write_text("a file")
    barred.put("z", "a")
    assert barred.get("a") is None
    barred.put("\ud800", "half a pair")
