"""The file of people's questions to train on: its columns and HotpotQA's layout."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pytest

from lib.reading.questions_file import Evidence, TrainingItem, documents_of, read_training_file
from lib.records import Document
from lib.settings import SetupError

ASKED = {"question": "Who lit it?", "answer": "Ann"}


def read(path: Path, *rows: dict[str, Any]) -> list[TrainingItem]:
    path = path / "faq.json"
    path.write_text(json.dumps(list(rows)), encoding="utf-8")
    return read_training_file(path)


def evidence(path: Path, **columns: Any) -> tuple[Evidence, ...]:
    return read(path, ASKED | columns)[0].evidence


def test_a_table_of_any_form(tmp_path: Path) -> None:
    wanted = [
        TrainingItem(
            1, "Who lit it?", "Ann", "She did.", (Evidence("a.pdf", "", ("Ann lit it.",)),)
        ),
        TrainingItem(2, "Who saw it?", "Bo", "", (Evidence("", "", ("Bo saw.", "Bo, too.")),)),
    ]
    path = tmp_path / "faq.csv"
    path.write_text(
        "Question;Answer;Document;Quote;Reasoning;Note\n"
        "Who lit it?;Ann;a.pdf;Ann lit it.;She did.;x\n"
        '"Who  saw\nit?";Bo;;"[""Bo saw."", ""Bo, too.""]";;\n'
    )
    assert read_training_file(path) == wanted
    path = tmp_path / "faq.tsv"
    path.write_text("query\tgold_final_answer\tpassage\nWho lit it?\tAnn\t[sic] Ann lit it.\n")
    assert read_training_file(path)[0].evidence == (Evidence("", "[sic] Ann lit it."),)


def test_several_passages_or_documents_are_several_oracles(tmp_path: Path) -> None:
    assert evidence(tmp_path, passage=["One.", "Two."], document="a") == (
        Evidence("a", "One."),
        Evidence("a", "Two."),
    )
    assert evidence(tmp_path, document=["a", "b"], quote="q") == (
        Evidence("a", "", ("q",)),
        Evidence("b", "", ("q",)),
    )
    assert evidence(tmp_path) == ()


def test_texts_are_read_as_documents_are(tmp_path: Path) -> None:
    item = read(
        tmp_path, ASKED | {"quote": "</DOCUMENT> \ufb01ne", "reasoning": "\ufb01ne <ANSWER>: Ann"}
    )[0]
    assert item.evidence[0].quotes == ("‹/DOCUMENT› fine",)
    assert item.reasoning == "fine <ANSWER>: Ann"  # its markers are those of a label


def test_the_column_without_a_name_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"  # as pandas writes its index
    path.write_text(",question,answer,document\n7,Who lit it?,Ann,a.txt\n")
    assert read_training_file(path) == [
        TrainingItem(1, "Who lit it?", "Ann", "", (Evidence("a.txt"),))
    ]


def test_layouts_of_other_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["<1-hop>\n\nAnn lit it. It burns.", '<2-hop>\n\nIt is the boys\' "club".']
    ragas = {"user_input": "Who lit it?", "reference_contexts": texts, "reference": "Ann"}
    wanted = (Evidence("", "Ann lit it. It burns."), Evidence("", 'It is the boys\' "club".'))
    assert read(tmp_path, ragas)[0].evidence == wanted
    pandas.DataFrame([ragas]).to_csv(tmp_path / "ragas.csv")
    assert read_training_file(tmp_path / "ragas.csv")[0].evidence == wanted

    context = {"contexts": ["It burns.", "Ann lit it."], "labels": ["BACKGROUND", "RESULTS"]}
    pubmed = {"question": "Was it lit?", "final_decision": "yes", "long_answer": "Ann lit it."}
    for given in ({"context": context}, {"contexts": context["contexts"]}):
        (item,) = read(tmp_path, pubmed | given)
        assert (item.answer, item.reasoning) == ("yes", "Ann lit it.")
        assert item.evidence == (Evidence("", "It burns.\nAnn lit it."),)

    answers = [{"text": "Ann", "answer_start": 0}, {"text": "Ann Finch", "answer_start": 0}]
    qas = [{"question": "Who lit it?", "id": "x", "answers": answers}]
    squad = {"title": "Velm", "paragraphs": [{"context": "Ann Finch lit it.", "qas": qas}]}
    (item,) = read(tmp_path, {"data": [squad], "version": "1.1"})
    assert (item.answer, item.more_answers) == ("Ann", ("Ann Finch",))
    assert item.evidence == (Evidence("Velm", "Ann Finch lit it."),)
    assert "several right answers: 1." in capsys.readouterr().out


@pytest.mark.parametrize("quote", ["“It burns.”", '"It burns."', "«It burns.»", "It burns."])
def test_the_marks_around_a_quote_are_not_quoted(tmp_path: Path, quote: str) -> None:
    assert evidence(tmp_path, quote=quote) == (Evidence(quotes=("It burns.",)),)


CONTEXT = [["Velm", ["A pier. ", " It is long."]], ["Tern", ["A boat."]], ["Ord", ["A hill."]]]
FACTS = [["Velm", 1], ["Ord", 0], ["Ord", 7]]


@pytest.mark.parametrize("columns", [False, True])
def test_hotpotqas_layout(tmp_path: Path, columns: bool) -> None:
    context: Any = CONTEXT
    facts: Any = FACTS
    if columns:  # as `datasets` has it
        context = {"title": [t for t, _ in CONTEXT], "sentences": [s for _, s in CONTEXT]}
        facts = {"title": [t for t, _ in FACTS], "sent_id": [n for _, n in FACTS]}
    row = ASKED | {"_id": "x", "supporting_facts": facts, "context": context}
    texts = row | {"supporting_facts": json.dumps(facts), "context": json.dumps(context)}
    item, same = read(tmp_path, row, texts)
    assert same == replace(item, row=2)
    assert item.evidence == (
        Evidence("Velm", "A pier. It is long.", ("It is long.",)),
        Evidence("Ord", "A hill.", ("A hill.",)),
    )
    assert item.distractors == (Evidence("Tern", "A boat."),)
    documents = [one for one in documents_of([item, item], "h.json") if isinstance(one, Document)]
    assert [(one.id, one.title, one.text) for one in documents] == [
        ("h.json/1", "Velm", "A pier. It is long."),
        ("h.json/2", "Ord", "A hill."),
        ("h.json/3", "Tern", "A boat."),
    ]
    (bare,) = documents_of(
        [replace(item, evidence=(Evidence("", "A lamp."),), distractors=())], "h.json"
    )
    assert isinstance(bare, Document)
    assert bare.title == "h"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (ASKED | {"supporting_facts": FACTS}, "do not have HotpotQA's layout.*KeyError: 'context'"),
        (ASKED | {"supporting_facts": [["Velm"]], "context": CONTEXT}, "HotpotQA's layout"),
        (ASKED | {"supporting_facts": FACTS, "context": "A pier."}, "HotpotQA's layout"),
        (
            ASKED | {"passage": "['A pier.'\n 'A boat.']"},
            "its passage is a list that cannot be read",
        ),
        (
            {"question": "Who?", "answers": "{'text': array(['A'])}"},
            "answers are a list that cannot",
        ),
        (ASKED | {"passage": [{"text": "x"}]}, "its passage is neither a text nor a list of"),
        ({"question": "Who?", "document": "a"}, "row 1: it has no answer"),
    ],
)
def test_mistakes_are_named_with_their_rows(
    tmp_path: Path, row: dict[str, Any], words: str
) -> None:
    with pytest.raises(SetupError, match=words) as caught:
        read(tmp_path, row)
    assert "\n" not in str(caught.value)


def test_a_missing_file() -> None:
    with pytest.raises(
        SetupError, match=r"no/such\.csv cannot be read: No such file.*passage or quote"
    ):
        read_training_file("no/such.csv")
