"""A value is found by its key and the version of its code; no fault of the cache stops a run."""

from __future__ import annotations

from contextlib import closing
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
    with closing(cache(source)) as one:
        assert one.get("text", "a") is None
        one.put(value, "text", "a")
    with closing(cache(source)) as other:
        assert other.get("text", "a") == value
        assert other.get("text", "b") is None
        assert other.get("texta") is None


def test_another_version_of_the_code_finds_nothing(source: Path) -> None:
    with closing(cache(source)) as one:
        one.put([1], "key")
    source.write_text("second", encoding="utf-8")
    with closing(cache(source)) as other:
        assert other.get("key") is None
        other.put([2], "key")
    with closing(Cache(code=[source], packages=["numpy"])) as third:
        assert third.get("key") is None


def test_two_at_once_share_it(source: Path) -> None:
    with closing(cache(source)) as one, closing(cache(source)) as other:
        one.put("mine", "a")
        other.put("yours", "b")
        assert (one.get("b"), other.get("a")) == ("yours", "mine")


@pytest.mark.parametrize("damage", [b"no database", b""])
def test_a_damaged_or_closed_cache_stores_nothing_and_raises_nothing(
    source: Path, home_dir: Path, damage: bytes
) -> None:
    path = home_dir / "artefacts" / "cache.sqlite"
    with closing(cache(source)) as one:
        one.put("x", "a")
    one.put("y", "b")
    assert one.get("a") is None  # closed
    path.write_bytes(damage)
    for beside in path.parent.glob("*-*"):
        beside.unlink()
    with closing(cache(source)) as damaged:
        assert damaged.get("a") is None
        damaged.put("z", "a")
    path.unlink()
    path.mkdir()
    with closing(cache(source)) as barred:
        barred.put("z", "a")
        assert barred.get("a") is None
