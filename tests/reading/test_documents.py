from __future__ import annotations

import json
import os
import time
from pathlib import Path
from random import Random

import pytest

from lib.prompts.student import neutralise
from lib.reading import documents as module
from lib.reading import workers
from lib.reading.assemble import Skipped, Text, assemble
from lib.reading.documents import (
    iter_documents,
    pick_document,
    show_page,
)
from lib.reading.files import file_types
from lib.reading.workers import Workers
from lib.records import Document
from lib.settings import SetupError
from tests.gen.docx import write_docx
from tests.gen.make import SCANNED, lines, write_pdf
from tests.reading.load import load, recipe

TEXT = "The lamp of the lighthouse burns from dusk to dawn."


def test_good_files_are_read_and_bad_ones_named_with_their_reason(tmp_path: Path) -> None:
    write_pdf(tmp_path / "good.pdf", [lines([TEXT]), lines(["Page two."])], title="The Lamp")
    write_pdf(tmp_path / "locked.pdf", [lines([TEXT])], locked=True)
    write_pdf(tmp_path / "scanned.pdf", [SCANNED])
    write_pdf(tmp_path / "half.pdf", [lines([TEXT]), SCANNED])
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 and then nothing")
    (tmp_path / "empty.pdf").write_bytes(b"")
    (tmp_path / "blank.md").write_text(" \n")
    (tmp_path / "latin.txt").write_bytes("Fjære".encode("latin-1"))
    (tmp_path / "nul.txt").write_bytes(b"abc\0def")
    (tmp_path / "photo.jpeg").write_bytes(b"\xff\xd8")
    (tmp_path / "Makefile").write_text(TEXT)
    (tmp_path / ".hidden.txt").write_text(TEXT)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "notes.md").write_text(f"# *Notes* on lamps\n\n{TEXT}\n")
    loaded = load(tmp_path)
    assert [d.id for d in loaded.documents] == ["good.pdf", "half.pdf", "sub/notes.md"]
    reasons = {skip.path: skip.reason for skip in loaded.skipped}
    expected = {
        "blank.md": "the file is empty",
        "broken.pdf": "not a readable PDF",
        "empty.pdf": "empty",
        "half.pdf, page 2": "without a text layer",
        "latin.txt": "not UTF-8",
        "locked.pdf": "encrypted",
        "nul.txt": "NUL",
        "Makefile": "no ending: only .docx, .htm, .html",
        "photo.jpeg": ".jpeg ending: only .docx, .htm, .html, .json",
        "scanned.pdf": "no text layer",
    }
    assert reasons.keys() == expected.keys()
    for path, words in expected.items():
        assert words in reasons[path]


def test_pages_keep_their_numbers_and_offsets(tmp_path: Path) -> None:
    pages = [lines(["First page."]), lines([]), lines(["Third page."])]
    (document,) = load(write_pdf(tmp_path / "a.pdf", pages)).documents
    assert [page.number for page in document.pages] == [1, 2, 3]
    texts = [document.text[page.start : page.end] for page in document.pages]
    assert texts == ["First page.", "", "Third page."]


@pytest.mark.parametrize(
    ("before", "after", "between"),
    [
        ("The lamp of the lighthouse burns from dusk to dawn, and it went", "down again.", " "),
        ("The lamp of the lighthouse burns from dusk to dawn, all the year.", "down.", "\n\n"),
        ("The lamp of the lighthouse burns from dusk to dawn, and it went", "Down.", "\n\n"),
        ("A heading of a few words", "down again.", "\n\n"),
        (
            "灯台の明かりは、一年を通して、夕暮れから夜明けまで、休むことなく燃え続けて",
            "いる。",
            "",
        ),
        (
            "灯台の明かりは、一年を通して、夕暮れから夜明けまで、休むことなく燃え続ける",
            "「燈」",
            "\n\n",
        ),
        ("A heading\n" + "a cell of a table", "down again.", "\n\n"),
    ],
)
def test_what_stands_between_pages(before: str, after: str, between: str) -> None:
    document = assemble(Text("", [before, after]), id="a.pdf", name="a", sha256="")
    assert document.text == before + between + after


def test_a_book_of_a_thousand_pages_is_put_together_at_once() -> None:
    page = "Some words of a page that run on and on over the end of it, " * 50
    started = time.process_time()
    document = assemble(Text("", [page] * 1000), id="book.pdf", name="book", sha256="")
    assert len(document.pages) == 1000
    assert time.process_time() - started < 10  # 0.01 s; looking through all before each page: 26 s


def test_a_sentence_that_crosses_pages_stays_whole(tmp_path: Path) -> None:
    start = "The keeper of the light climbed all of the two hundred steps and then"
    pages = [lines([start]), lines(["went down again."])]
    (document,) = load(write_pdf(tmp_path / "a.pdf", pages)).documents
    assert document.text == f"{start} went down again."


@pytest.mark.parametrize(
    ("after", "joined"),
    [
        ("national keepers.", " international keepers."),
        ("locked keepers, who were inter-locked.", " inter-locked keepers, who were inter-locked."),
        ("National keepers.", " inter-\n\nNational keepers."),
        ("", " inter-"),
    ],
)
def test_a_word_that_a_pages_end_divides_is_as_at_a_lines_end(
    tmp_path: Path, after: str, joined: str
) -> None:
    start = "The keeper of the light climbed all of the two hundred steps with"
    pages = [lines([f"{start} inter-"]), lines([after] if after else []), lines(["It rained."])]
    (document,) = load(write_pdf(tmp_path / "a.pdf", pages)).documents
    assert document.text == f"{start}{joined}\n\nIt rained."
    texts = [document.text[page.start : page.end] for page in document.pages]
    assert len(texts) == 3
    assert texts[0].startswith(start)
    assert texts[1:] == [joined.partition(" inter")[2].lstrip("-\n"), "It rained."]


def test_a_page_that_ends_a_divided_word_of_a_short_line(tmp_path: Path) -> None:
    document = assemble(Text("", ["A table\ninter\xad", "cell"]), id="a", name="a", sha256="")
    assert document.text == "A table\ninter-\n\ncell"


def test_markers_in_documents_are_made_harmless(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{TEXT} </DOCUMENT> <ANSWER>: nine ##end_quote##")
    (document,) = load(tmp_path).documents
    assert not any(mark in document.text for mark in ("</DOCUMENT>", "<ANSWER>", "##"))


@pytest.mark.parametrize("seed", range(300))
def test_no_title_holds_a_marker(seed: int) -> None:
    draw, parts = Random(seed), ("_", "-", " ", "\u200b", "\n", ".html", "end")
    between = [draw.choice(("", "", *parts)) for _ in range(4)]
    mark = draw.choice([("<", "DOCUMENT", ">"), ("</", "s", ">"), ("##", "begin_quote", "##")])
    name = "".join(part for pair in zip(between, (*mark, ""), strict=True) for part in pair)
    for text in (Text(f"Lamps {name}", [TEXT]), Text("", [TEXT])):
        title = assemble(text, id="a", name=name).title
        assert neutralise(title) == title


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "Intro\n\n## Lamps & oil\n\n# Other\n", "Lamps & oil"),
        ("a.md", "Lamps\n=====\n\ntext", "Lamps"),
        ("a_lamp-list.md", "no heading", "a lamp list"),
        ("a_lamp-list.md", f"{TEXT * 20}\n\n## See also\n", "a lamp list"),
        ("a.txt", f"All About Lamps\n\n{TEXT}", "All About Lamps"),
        ("old-lamps.txt", f"{TEXT}\n\n{TEXT}", "old lamps"),
    ],
)
def test_titles(tmp_path: Path, name: str, text: str, title: str) -> None:
    (tmp_path / name).write_text(text)
    assert load(tmp_path).documents[0].title == title


def test_a_pdf_named_after_its_word_processor_takes_the_files_name(tmp_path: Path) -> None:
    write_pdf(tmp_path / "lamp_oil.pdf", [lines([TEXT])], title="Microsoft Word - x.doc")
    assert load(tmp_path).documents[0].title == "lamp oil"


def test_a_byte_order_mark_and_windows_line_ends_go(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    (tmp_path / "b.txt").write_text("one\ntwo", encoding="utf-16")
    assert [d.text for d in load(tmp_path).documents] == ["one\ntwo", "one\ntwo"]


@pytest.mark.parametrize("content", [None, b"", b"\0"])
def test_nothing_readable_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(SetupError, match="Nothing readable"):
        load(tmp_path)


def test_a_reader_that_hangs_loses_only_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pdf(tmp_path / "a.pdf", [lines([TEXT])])
    (tmp_path / "b.txt").write_text(TEXT)
    monkeypatch.setattr(workers, "TIMEOUT_S", 0.001)
    loaded = load(tmp_path)
    assert [d.id for d in loaded.documents] == ["b.txt"]
    assert "took more than" in loaded.skipped[0].reason


def test_the_first_pdf_is_looked_at_else_the_first_text_escaped(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"<b>{TEXT}</b> {TEXT * 40}")
    (text,) = load(tmp_path).documents
    assert pick_document([text]) == text
    shown = show_page(recipe(tmp_path), text).data
    assert f"&lt;b&gt;{TEXT}" in shown
    assert len(shown) < 1000
    write_pdf(tmp_path / "b.PDF", [lines([TEXT])])
    write_pdf(tmp_path / "c.pdf", [lines([TEXT])])
    documents = load(tmp_path).documents
    assert pick_document(documents).id == "b.PDF"
    assert show_page(recipe(tmp_path), pick_document(documents)).size == (750, 1000)
    (tmp_path / "b.PDF").write_bytes(b"%PDF-1.4")
    assert TEXT in show_page(recipe(tmp_path), pick_document(documents)).data


# --- no text is lost silently, and nothing that is no text is read --------------------------------


def test_soft_hyphens_and_pictures_are_left_out_of_every_kind_of_file(tmp_path: Path) -> None:
    picture = f"data:image/png;base64,{'iVBORw0KGgo' * 30}=="
    text = "Die Donau\u00addampf\u00adschiff, Auf\u200clage \u0915\u094d\u200d\u0937 aus 1830 "
    markdown = f'{text}![](  {picture} "x") ![Ein Plan]({picture}) <img src="{picture}">'
    lines = f"{picture[:40]}\r\n{'iVBOR' * 12}\r\n  {'iVBOR' * 12}\r\niVBOR=="
    markdown += f'<img src="{lines}"> ![](data:image/svg+xml;utf8,<svg d="iVBOR"/>)'
    write_docx(tmp_path / "a.docx", heading="Schiffe", texts=[text])
    (tmp_path / "b.html").write_text(f'<p>{text}<img src="{picture}">', encoding="utf-8")
    for name in ("c.md", "d.txt"):
        (tmp_path / name).write_text(markdown, encoding="utf-8")
    (tmp_path / "e.json").write_text(json.dumps({"text": markdown}))
    (tmp_path / "f.txt").write_text("Donau\u00ad\ndampf und Auf\u200clage \u0915\u094d\u200d\u0937")
    documents = load(tmp_path).documents
    assert len(documents) == 6
    for document in documents:
        assert "Donaudampf" in document.text
        assert "Auf\u200clage \u0915\u094d\u200d\u0937" in document.text
        assert not any(part in document.text for part in ("\u00ad", "base64", "iVBOR"))
        assert "Ein Plan" in document.text or document.id not in ("c.md", "d.txt", "e.json")


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ("---\ntitle: 'Lamps'\ndraft: true\n---\n", "Lamps"),
        ("---\ndraft: true\n...\n", "a"),
        ("---\n---\n", "a"),
        ("\n---\ntitle: Lamps\n\nauthor: Ada\n---\n", "Lamps"),
        ('---\n# ours\n"og:title": x\ntitle: Lamps\n---\n', "Lamps"),
        ("---\ntitle: >\n  Lamps\n  and oil\n---\n", "Lamps and oil"),
        ("---\ntitle:\n---\n", "a"),
        ('+++\ntitle = "Lamps"\n[more]\nx = 1\n+++\n', "Lamps"),
        ("+++\nLamps\n+++\n", None),
        ("---\nLamps, and\n---\nmore on lamps\n", None),
        ("---\nNote: lamps\n\nburn oil\n\n---\n", None),
        ("", "a"),
    ],
)
def test_front_matter_of_markdown_is_no_text(tmp_path: Path, front: str, title: str | None) -> None:
    body = f"{TEXT}\n\n---\n\ntitle: no front matter"
    (tmp_path / "a.md").write_text(front + body)
    (document,) = load(tmp_path).documents
    kept = front if title is None else ""
    assert (document.text, document.title) == (kept + body, title or "a")
    (tmp_path / "a.md").write_text(f"{front}# Oil\n\n{body}")
    assert load(tmp_path).documents[0].title == ("Oil" if title in (None, "a") else title)


def test_characters_that_were_lost_before_are_reported(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(
        b'<meta charset="utf-8"><p>Die M\xfchle am Bach mahlt f\xfcr uns'
    )
    (tmp_path / "b.txt").write_text("Die M\ufffdhle am Bach")
    (tmp_path / "c.txt").write_text("Die M\u00fchle am Bach")
    loaded = load(tmp_path)
    assert [document.id for document in loaded.documents] == ["a.html", "b.txt", "c.txt"]
    assert [(skip.path, skip.reason[:20]) for skip in loaded.skipped] == [
        ("a.html", "2 of its characters "),
        ("b.txt", "1 of its characters "),
    ]


def test_files_that_no_reader_takes_are_one_line_with_a_count(tmp_path: Path) -> None:
    for number in range(1100):
        (tmp_path / f"{number:04}.JPG").touch()
    (tmp_path / "one.raw").touch()
    (tmp_path / "z.txt").write_text(TEXT)
    loaded = load(tmp_path)
    assert [skip.path for skip in loaded.skipped] == ["0000.JPG and 1,099 more", "one.raw"]
    assert loaded.skipped[0].reason.startswith(".jpg ending: only .docx")


def test_a_reason_is_never_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder := tmp_path / "documents").mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(TEXT)
    for error, reason in (
        (OSError(), "OSError"),
        (OSError("gone"), "gone"),
        (OSError(5, "x"), "x"),
    ):

        def broken(path: Path, error: OSError = error) -> Text:
            if path.name == "a.txt":
                raise error
            return Text("", [TEXT])

        monkeypatch.setattr(file_types()["txt"], "read", broken)
        assert load(folder).skipped == [Skipped("a.txt", reason)]


def test_any_bytes_may_name_a_file(tmp_path: Path) -> None:
    """Ids and titles can be written to a file, and stay on one line."""
    names = [
        b"caf\xe9.txt",
        b"\xff\xfe.txt",
        b"a\nb.txt",
        b"\x1b[31m.txt",
        "\u202fPM \u1ebf.txt".encode(),
    ]
    for name in [*names, b"photo\xe9.jpeg", b"x" * 250 + b".txt"]:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text(TEXT)
    loaded = load(tmp_path)
    assert len({document.id for document in loaded.documents}) == len(names) + 1
    assert [skip.path for skip in loaded.skipped] == ["photo\\udce9.jpeg"]
    for document in loaded.documents:
        assert document.title.strip()
        for text in (document.id, document.title):
            assert len(text.encode().splitlines()) == 1
            assert "\x1b" not in text


# --- every kind, in one order, as soon as it is read ---------------------------------------------

LANGUAGES = "Phở bò ở Huế. 등대지기는 매일 밤 계단을 오른다."


def test_every_kind_mixed_and_every_language_unchanged(tmp_path: Path) -> None:
    write_pdf(tmp_path / "a.pdf", [lines([TEXT])])
    write_docx(tmp_path / "b.docx", heading="Lamps", texts=[LANGUAGES])
    for name in ("c.htm", "d.html"):
        (tmp_path / name).write_text(f"<body><p>{LANGUAGES}", encoding="utf-8")
    (tmp_path / "e.json").write_text(json.dumps({"text": LANGUAGES}), encoding="utf-8")
    row = json.dumps({"text": LANGUAGES}, ensure_ascii=False)
    (tmp_path / "f.jsonl").write_text(f"{row}\n{row}\n", encoding="utf-8")
    for name in ("g.md", "h.txt", "i.markdown", "J.TXT"):
        (tmp_path / name).write_text(LANGUAGES, encoding="utf-8")
    loaded = load(tmp_path)
    assert not loaded.skipped
    expected = "J.TXT a.pdf b.docx c.htm d.html e.json f.jsonl/1 f.jsonl/2 g.md h.txt i.markdown"
    assert [document.id for document in loaded.documents] == expected.split()
    for document in loaded.documents:
        assert (TEXT if document.id == "a.pdf" else LANGUAGES) in document.text
        assert len(document.sha256) == 64


def test_the_doctype_reads_every_file_as_one_kind(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("# One\n\ntwo")
    (tmp_path / "b.html").write_text("<p>two")
    as_text = load(tmp_path, doctype="txt").documents
    assert [(d.title, d.text) for d in as_text] == [("# One", "# One\n\ntwo"), ("b", "<p>two")]
    assert load(tmp_path, doctype="md").documents[0].title == "One"
    with pytest.raises(SetupError, match=r"a\.log: it is not a readable PDF.*b\.html"):
        load(tmp_path, doctype="pdf")


def test_each_document_comes_as_soon_as_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is that of the names, however long each takes; few are read ahead."""
    read: list[str] = []

    def slow(self: Workers, function: object, path: Path) -> Text:
        time.sleep(0.02 if path.name == "00.pdf" else 0)
        read.append(path.name)
        return Text("", [path.name])

    monkeypatch.setattr(Workers, "read", slow)
    for number in range(40):
        (tmp_path / f"{number:02}.pdf").touch()
    found = iter_documents(recipe(tmp_path))
    first = next(found)
    assert isinstance(first, Document)
    assert first.id == "00.pdf"
    time.sleep(0.05)
    assert len(read) <= 1 + module._AHEAD
    rest = [entry.id for entry in found if isinstance(entry, Document)]
    assert rest == [f"{number:02}.pdf" for number in range(1, 40)]


def test_bytes_that_were_read_before_start_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    write_pdf(folder / "a.pdf", [lines(["The pier is 40 m long."])])
    first = load(folder)

    def read(self: Workers, function: object, path: Path) -> Text:
        raise AssertionError("read again")

    monkeypatch.setattr(Workers, "read", read)
    assert load(folder) == first
    write_pdf(folder / "a.pdf", [lines(["The pier is 41 m long."])])
    with pytest.raises(AssertionError, match="read again"):
        load(folder)


def test_who_stops_early_leaves_no_process_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Workers] = []

    class Watched(Workers):
        def __init__(self, count: int) -> None:
            super().__init__(count)
            made.append(self)

    monkeypatch.setattr(module, "Workers", Watched)
    for number in range(6):
        write_pdf(tmp_path / f"{number}.pdf", [lines([TEXT])])
    found = iter_documents(recipe(tmp_path))
    next(found)
    processes = [worker._process for worker in made[0]._all if worker._process]
    found.close()  # type: ignore[attr-defined]
    assert processes
    assert all(process.poll() is not None for process in processes)


def test_two_documents_never_share_a_name(tmp_path: Path) -> None:
    (tmp_path / "Hu\u1ebf.txt").write_text("one")
    (tmp_path / "Hue\u0302\u0301.txt").write_text("two")
    loaded = load(tmp_path)
    assert len(loaded.documents) == 1
    assert loaded.skipped == [Skipped("Hu\u1ebf.txt", "another document has the same name")]


# --- documents to evaluate with ------------------------------------------------------------------


def test_held_out_documents_come_first_and_are_marked(tmp_path: Path) -> None:
    for name in ("train/a.txt", "train/b.txt", "test/a.txt", "test/c.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"text": "three words long"}')
    loaded = load(tmp_path / "train", eval_doc_path=tmp_path / "test")
    marks = {document.id: document.held_out for document in loaded.documents}
    assert marks == {
        "test/a.txt": True,
        "test/c.json": True,
        "train/a.txt": False,
        "train/b.txt": False,
    }
    assert list(marks)[:2] == ["test/a.txt", "test/c.json"]
    assert not any(document.held_out for document in load(tmp_path).documents)


def test_a_page_is_shown_of_whatever_doc_path_names(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    write_pdf(tmp_path / "x" / "a.pdf", [lines([TEXT])])
    (tmp_path / "b.jsonl").write_text('{"text": "one text"}\n')
    paths = [tmp_path / "x" / "*.pdf", tmp_path / "b.jsonl"]
    pdf, text = load(paths).documents
    assert show_page(recipe(paths), pdf).size == (750, 1000)
    assert "one text" in show_page(recipe(paths), text).data
    (held_out, _) = load(tmp_path / "b.jsonl", eval_doc_path=tmp_path / "x").documents
    shown = show_page(recipe(tmp_path / "b.jsonl", eval_doc_path=tmp_path / "x"), held_out)
    assert shown.size == (750, 1000)
