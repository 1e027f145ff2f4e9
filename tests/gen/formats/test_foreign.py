"""Rows of other tools become a dataset that can be checked and trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lib.dataset import SPLITS, read_dataset
from lib.finetune.rows import training_messages
from lib.gen.__main__ import main
from lib.gen.check import check_dataset
from lib.gen.formats.foreign import import_rows, read_foreign
from lib.gen.formats.rows import context_texts, kind_of, published
from lib.prompts.student import parse_answer
from lib.settings import SetupError, home
from lib.store import read_jsonl, write_jsonl
from lib.text import find_quote
from tests.gen.dataset import written
from tests.gen.published import DOCUMENTS, published_row, stripped


def dataset(capsys: pytest.CaptureFixture[str]) -> Path:
    """The folder that the command has said it wrote."""
    lines = capsys.readouterr().out.splitlines()
    return home() / next(line for line in lines if ": artefacts/" in line).split(": ")[1]


def failed(folder: Path) -> dict[str, str]:
    return {check.name: check.detail for check in check_dataset(folder)[1] if not check.passed}


@pytest.mark.parametrize("ours", [True, False])
def test_rows_without_a_manifest_are_checked_and_trained_on(
    ours: bool, home_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = written()
    for split in ("train", "valid", "eval"):
        rows = read_jsonl(whole / "hf" / f"{split}.jsonl")
        write_jsonl(tmp_path / "other" / f"{split}.jsonl", rows if ours else map(stripped, rows))
    capsys.readouterr()
    assert main(["check", str(tmp_path / "other")]) == 0
    folder = dataset(capsys)
    assert training_messages(folder, "train") == training_messages(whole, "train")
    assert import_rows(tmp_path / "other") == folder
    found, made = read_dataset(folder).examples(), read_dataset(whole).examples()
    assert [(e.id, e.kind, e.split, e.oracle_position, e.label) for e in found] == [
        (e.id, e.kind, e.split, e.oracle_position, e.label) for e in made
    ]


def test_what_is_wrong_with_foreign_rows_is_found(home_dir: Path, tmp_path: Path) -> None:
    def checked(**files: list[dict[str, Any]]) -> dict[str, str]:
        folder = tmp_path / f"rows{len(list(tmp_path.iterdir()))}"
        for split, rows in files.items():
            write_jsonl(folder / f"{split}.jsonl", rows)
        return failed(import_rows(folder))

    train = [published_row(number) for number in (0, 1, 2)]
    assert checked(train=train) == {}
    assert set(checked(train=[*train, train[0]])) >= {"ids are unique"}
    quote = "##begin_quote##Not there.##end_quote## <ANSWER>: nowhere"
    assert set(checked(train=[published_row(0, cot_answer=quote)])) == {
        "every quote is verbatim in its oracle"
    }
    leak = checked(train=train, eval=[published_row(3)])
    assert set(leak) == {"no held-out oracle in a training row"}
    # The same document, its links written out.
    linked = DOCUMENTS[3].replace("the outer islands", "[the outer islands](../islands.md)")
    other = [text for text in DOCUMENTS if text != DOCUMENTS[3]]
    shown = published_row(0, context={"sentences": [[*other[:3], linked]], "title": [["t"] * 4]})
    hidden = published_row(3, context={"sentences": [other], "title": [["t"] * 4]})
    assert set(checked(train=[shown], eval=[hidden])) == {"no held-out oracle in a training row"}


def test_rows_that_share_a_context_have_one_place(home_dir: Path, tmp_path: Path) -> None:
    rows = [published_row(0, id=f"{n}", question=f"Who lit lamp {n}?") for n in range(30)]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    assert failed(import_rows(tmp_path / "rows.jsonl")) == {}


def test_rows_may_be_a_list_and_have_numbers_as_ids(home_dir: Path, tmp_path: Path) -> None:
    rows = [published_row(number, id=number) for number in range(3)]
    lines = "\n".join(map(json.dumps, rows))
    for name, text in (("a.json", json.dumps(rows)), ("a.jsonl", f"\ufeff{lines}")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        found = read_dataset(import_rows(tmp_path / name)).examples("train")
        assert [example.id for example in found] == ["0", "1", "2"]
    told = [{"role": "user", "content": rows[0]["instruction"]}]
    assert published(row := {**rows[0], "messages": told}, row_id="a") == row
    said = [[{"role": "assistant", "content": x}] for x in (rows[0]["cot_answer"], "No.", "Yes.")]
    pairs = [{"id": 7, "prompt": told, "chosen": said[0], "rejected": other} for other in said[1:]]
    write_jsonl(tmp_path / "pairs.jsonl", pairs)
    read, _ = read_foreign(tmp_path / "pairs.jsonl", unsaid="train")
    assert [row["id"] for row in read["train"]] == ["7"]
    (tmp_path / "a.jsonl").write_text(f"{lines}\n[1]\n", encoding="utf-8")
    with pytest.raises(SetupError, match="row 4: it is not a JSON object"):
        import_rows(tmp_path / "a.jsonl")


def test_rows_that_cannot_be_used_are_told(
    home_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [published_row(0), published_row(1, cot_answer="")])
    assert main(["check", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "left out   train 1: cot_answer is not a text, or is empty" in printed
    assert "rejected   1 (unusable 1)" in printed
    write_jsonl(path, [published_row(1, cot_answer="")])
    assert main(["check", str(path)]) == 2
    assert "has no row that can be used (cot_answer is not a text" in capsys.readouterr().err
    write_jsonl(path, [{"prompt": "x"}])
    assert main(["check", str(path)]) == 2
    assert "(it lacks id, type" in capsys.readouterr().err


@pytest.mark.parametrize(("file_type", "seed"), [("jsonl", 1), ("parquet", 2)])
@pytest.mark.parametrize("form", ["chat", "completion", "alpaca", "sharegpt", "preference"])
def test_what_convert_writes_is_read_back(
    home_dir: Path, tmp_path: Path, seed: int, file_type: str, form: str
) -> None:
    """Question, documents and label of every row; its kind and oracle where they can be known."""
    whole, out = written(seed), tmp_path / "rows"
    convert = ["convert", str(whole), "--to", form, "--out", str(out), "--file-type", file_type]
    assert main(convert) == 0
    (out / "left_out.jsonl").unlink(missing_ok=True)
    found, left_out = read_foreign(out, unsaid="train")
    made = {row["instruction"]: row for s in SPLITS for row in read_dataset(whole).rows(s)}
    rows = [row for of_split in found.values() for row in of_split]
    for row in rows:
        given = made.pop(row["instruction"])
        for name in ("question", "cot_answer"):
            assert row[name] == given[name]
        assert context_texts(row) == context_texts(given)
        assert kind_of(row) == given["kind"]
        if row["oracle_context"] != given["oracle_context"]:  # its neighbour, which overlaps it
            assert given["kind"] == "memorise"
            quotes = parse_answer(row["cot_answer"]).quotes
            assert all(find_quote(quote, row["oracle_context"]) for quote in quotes)
    assert {item.reason.partition(":")[0] for item in left_out} <= {"its oracle is unknown"}
    # A chat row that refuses does not say of which chunk; preference has no pairs of others.
    lost = {"chat": {"refuse"}, "completion": {"refuse"}, "preference": {"memorise"}}
    assert {row["kind"] for row in made.values()} <= lost.get(form, set())
    assert len(rows) > 100
    assert failed(import_rows(out)) == {}


def chat(*texts: Any) -> dict[str, Any]:
    roles = ["system", "user", "assistant"] if len(texts) == 3 else ["user", "assistant"] * 2
    turns = zip(roles, texts, strict=False)
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def test_chat_rows_of_another_tool_say_what_cannot_be_known(
    home_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    asked = published_row(0)
    prompt, label = asked["instruction"], asked["cot_answer"]
    others: list[dict[str, Any]] = [
        chat("You are a pirate.", "Who lit the lamp?", "Arr."),
        chat(prompt, label, "And then?", "Nothing."),
        chat("A tutor.", [{"type": "text", "text": prompt}], label),
        chat("A tutor.", prompt),
        {"messages": []},
        {"instruction": "Translate.", "input": "", "output": "Nichts."},
        {"prompt": f"<DOCUMENT>Never closed. {prompt}", "completion": label},
    ]
    for other in others:
        write_jsonl(path, [other])
        assert main(["check", str(path)]) == 2
        message = capsys.readouterr().err
        assert "its documents, question and oracle cannot be known" in message
        assert "or rows in the form of convert's chat" in message
        assert message.count("\n") == 1
    write_jsonl(path, [*others, chat("Another system prompt.", prompt, label)])
    assert main(["check", str(path)]) == 0
    assert f"rejected   {len(others)} (unusable {len(others)})" in capsys.readouterr().out
    (row,) = read_foreign(path, unsaid="train")[0]["train"]
    assert {name: row[name] for name in ("question", "oracle_context")} == {
        name: asked[name] for name in ("question", "oracle_context")
    }
