from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from lib.records import Question
from lib.settings import SetupError
from lib.state import save_state, state_path
from lib.store import (
    artefact_dir,
    building,
    fingerprint,
    folder_fingerprint,
    read_jsonl,
    write_jsonl,
)


def test_jsonl_round_trip_keeps_every_character(tmp_path: Path) -> None:
    texts = [
        "line\u2028separator",
        "đây là tiếng Việt",
        "한국어",
        'quote " and \\',
        "tab\tnew\nline",
    ]
    write_jsonl(tmp_path / "q.jsonl", [Question(str(i), "c", t) for i, t in enumerate(texts)])
    assert [row["text"] for row in read_jsonl(tmp_path / "q.jsonl")] == texts


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with building(tmp_path / "all" / "artefact") as scratch:
            (scratch / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list((tmp_path / "all").iterdir()) == []


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_line_with_the_path_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build() -> None:
        with building(tmp_path / "all" / "artefact") as scratch:
            (scratch / "half").write_text("x")
            raise RuntimeError("I/O error: No space left on device (os error 28)")  # safetensors

    def write() -> None:
        write_jsonl(tmp_path / "all" / "artefact", [{"row": 1}])

    monkeypatch.setattr(Path, "replace", full)
    for work in (build, write, lambda: save_state("t", DATASET_DIR="d")):
        with pytest.raises(SetupError, match=r"^/.*: No space left on device\. Free space") as told:
            work()
        assert "\n" not in str(told.value)
    assert list((tmp_path / "all").iterdir()) == []
    assert list(state_path("t").parent.iterdir()) == []


def test_a_build_appears_whole_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "all" / "artefact"
    for text in ("old", "new"):
        with building(target) as scratch:
            (scratch / "file").write_text(text)
            assert not target.exists() or (target / "file").read_text() == "old"
    assert (target / "file").read_text() == "new"
    assert [p.name for p in target.parent.iterdir()] == ["artefact"]


def test_fingerprints_follow_content_not_order() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert artefact_dir("datasets", "tiny", {"a": 1}) != artefact_dir("datasets", "tiny", {"a": 2})


def test_folder_fingerprint_sees_bytes_and_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    seen = {folder_fingerprint(tmp_path)}
    (tmp_path / "a").write_text("2")
    seen.add(folder_fingerprint(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    seen.add(folder_fingerprint(tmp_path))
    assert len(seen) == 3
