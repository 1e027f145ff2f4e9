from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.reading import sources as module
from lib.reading.sources import Source
from lib.settings import SetupError
from tests.gen.website import index, urlset
from tests.reading.load import recipe


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    for name in "a.md b.txt sub/a.md sub/deep/c.PDF sub/d.jpeg .git/e.md sub/.f.md".split():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text")
    return folder


def find_documents(doc_path: Any, **knobs: Any) -> list[Source]:
    return module.find_documents(recipe(doc_path, **knobs))


def names(doc_path: Any, **knobs: Any) -> list[str]:
    return [source.name for source in find_documents(doc_path, **knobs)]


def test_a_folder_gives_its_visible_files_in_the_order_of_their_names(docs: Path) -> None:
    found = find_documents(docs)
    expected = "a.md b.txt sub/a.md sub/d.jpeg sub/deep/c.PDF"
    assert [source.name for source in found] == expected.split()
    assert [source.kind for source in found] == ["md", "txt", "md", "", "pdf"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("docs/*.md", "a.md"),
        ("docs/**/*.md", "a.md sub/a.md"),
        ("docs/s*", "sub/a.md sub/d.jpeg sub/deep/c.PDF"),
        ("d*/sub/?.md", "docs/sub/a.md"),
        ("docs/sub/../[ab].*", "a.md b.txt"),
    ],
)
def test_a_globs_names_are_relative_to_its_fixed_part(
    docs: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, expected: str
) -> None:
    monkeypatch.chdir(docs.parent)
    assert names(pattern) == expected.split()
    monkeypatch.chdir("/")
    monkeypatch.setattr(module, "PROJECT_DIR", docs.parent)
    assert names(pattern) == names(str(docs.parent / pattern)) == expected.split()


def test_a_list_is_read_in_its_order_each_file_once(docs: Path) -> None:
    assert names([docs / "b.txt", docs / "sub", str(docs / "*.md"), docs]) == [
        "b.txt", "sub/a.md", "sub/d.jpeg", "sub/deep/c.PDF", "a.md",
    ]  # fmt: skip
    # One that is named alone keeps the name that it has alone.
    assert names([docs / "sub"]) == names(docs / "sub") == ["a.md", "d.jpeg", "deep/c.PDF"]
    assert names([docs / "sub" / ".." / "a.md", docs / "a.md"]) == ["a.md"]


def test_a_name_with_brackets_is_no_glob_if_it_is_there(docs: Path) -> None:
    (docs / "notes [1].txt").write_text("text")
    assert names(docs / "notes [1].txt") == ["notes [1].txt"]


@pytest.mark.parametrize("pattern", ["docs/*.html", "nothing/*.md", "docs/.g*/*"])
def test_a_glob_that_matches_nothing(
    docs: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    monkeypatch.chdir(docs.parent)
    with pytest.raises(SetupError, match=r"matches no files\. Set eval_doc_path.*\*\*/\*\.md"):
        find_documents(docs, eval_doc_path=pattern)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="there it is a pattern")
def test_what_is_no_pattern_is_a_mistake_of_the_user(docs: Path) -> None:
    with pytest.raises(SetupError, match="matches no files"):
        find_documents(docs / "**.md")


def test_a_missing_path_and_an_unknown_doctype(docs: Path) -> None:
    with pytest.raises(SetupError, match=r"no/such does not exist.*doc_path.*\.docx.*glob"):
        find_documents([docs, "no/such"])
    with pytest.raises(SetupError, match=r"doctype is 'word'; expected one of.*'docx', 'html'"):
        find_documents(docs, doctype="word")


def test_a_doctype_counts_for_every_file(docs: Path) -> None:
    assert {source.kind for source in find_documents(docs, doctype="api")} == {"api"}


# --- what cannot be read -------------------------------------------------------------------------


def problems(doc_path: Any) -> dict[str, str]:
    return {
        s.name: s.problem
        for s in find_documents(doc_path)
        if s.problem and " ending: " not in s.problem
    }


def test_links_are_reported_unless_a_file_is_there(docs: Path) -> None:
    (docs / "again").symlink_to(docs, target_is_directory=True)
    (docs / "sub" / "nowhere.md").symlink_to(docs / "gone.md")
    (docs / "sub" / "other.md").symlink_to(docs / "a.md")
    (docs / ".git" / "again").symlink_to(docs)
    os.mkfifo(docs / "pipe.txt")
    for path in (docs, docs / "*"):
        found = problems(path)
        assert list(found) == ["again", "pipe.txt", "sub/nowhere.md"]
        assert "name that folder itself" in found["again"]
        assert "leads nowhere" in found["sub/nowhere.md"]
        assert "sub/other.md" in names(path)
    assert names(docs / "again" / "sub") == [
        "a.md",
        "d.jpeg",
        "deep/c.PDF",
        "nowhere.md",
        "other.md",
    ]


def test_a_pointer_of_git_lfs_is_not_taken_for_the_file(docs: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    (docs / "a.md").write_text(pointer)
    assert "git lfs pull" in problems(docs)["a.md"]


def test_a_folder_that_cannot_be_entered_is_reported(
    docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def guarded(path: Any) -> Any:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert problems(docs) == {"sub/deep": "the folder cannot be entered: Permission denied"}
    assert names(docs) == "a.md b.txt sub/a.md sub/d.jpeg sub/deep".split()
    assert problems(docs / "sub/deep") == {".": "the folder cannot be entered: Permission denied"}


# --- sitemaps ------------------------------------------------------------------------------------


def test_only_a_sitemap_that_is_itself_named_is_one(docs: Path) -> None:
    (docs / "map.xml").write_text(f'<?xml version="1.0"?>\n<!-- ours -->{urlset()}')
    (docs / "maps.xml.gz").write_bytes(gzip.compress(index().encode()))
    (docs / "other.xml").write_text("<rss/>")
    for name in ("map.xml", "maps.xml.gz", "other.xml"):
        (source,) = find_documents(docs / name)
        assert (source.kind, source.place) == ("sitemap", str(docs / name))
    assert [source.kind for source in find_documents(docs / "other.xml", doctype="txt")] == ["txt"]
    (docs / "folder.xml").mkdir()
    (docs / "folder.xml" / "map.xml").touch()
    # To read a folder, or what a glob matches, never means to ask the web.
    for path in (docs, docs / "*.xml", docs / "folder.xml"):
        assert not any(source.kind == "sitemap" for source in find_documents(path))


def test_an_address_is_a_sitemap(docs: Path) -> None:
    address = "https://example.com/sitemap.xml"
    found = find_documents([docs / "a.md", address, address])
    assert [(s.name, s.kind) for s in found] == [("a.md", "md"), (address, "sitemap")]
    with pytest.raises(SetupError, match=r"doctype = 'md' is for files, and https://.*sitemap"):
        find_documents(address, doctype="md")


# --- held out ------------------------------------------------------------------------------------


def test_held_out_sources_come_first_and_win(docs: Path) -> None:
    found = find_documents(docs, eval_doc_path=[docs / "sub", "https://example.com/s.xml"])
    assert [source.name for source in found] == [
        "sub/a.md", "sub/d.jpeg", "sub/deep/c.PDF", "https://example.com/s.xml", "a.md", "b.txt",
    ]  # fmt: skip
    assert [source.held_out for source in found] == [True] * 4 + [False] * 2
