"""Questions of people's own in 1_gen: oracles, labels, rows; with and without a teacher."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

import lib.gen as gen
from lib.dataset import Dataset, read_dataset
from lib.engine import batch
from lib.eval import load_questions
from lib.eval.questions import PEOPLE, first_hit
from lib.gen.__main__ import main
from lib.gen.check import check_dataset
from lib.gen.gates import Rejection
from lib.gen.generation import generate
from lib.gen.own_questions import ROW_ID, Given, OwnQuestions, find_own, label_of
from lib.prompts.student import ANSWER_TAG, QUOTE_BEGIN, QUOTE_END, REFUSAL, parse_answer
from lib.reading.questions_file import Evidence, TrainingItem
from lib.recipe import Recipe
from lib.records import Chunk, Document, Question, Rejected
from lib.settings import PROJECT_DIR, SetupError
from lib.state import read_state
from lib.text import find_quote
from tests.batch_server import BatchServer
from tests.gen import own
from tests.gen.make import prose
from tests.server import Loopback, serve, serving


@pytest.fixture
def sentences(tmp_path: Path) -> dict[str, list[str]]:
    return own.write_documents(tmp_path / "documents")


def recipe(folder: Path, rows: list[own.Row], **changed: Any) -> Recipe:
    path = own.write_rows(folder / "faq.jsonl", rows)
    knobs = own.PARAMETERS | {"doc_path": str(folder / "documents"), "train_file": str(path)}
    return Recipe(**knobs | changed)


def dataset_of(wanted: Recipe) -> Dataset:
    """What the notebook's verbs make; its checks pass."""
    corpus = gen.Corpus(wanted).read(documents=8)
    gen.show_documents(corpus)
    asked = gen.ask_questions(corpus)
    built = gen.build_rows(corpus, asked)
    gen.show_examples(built.examples, n=3)
    folder = gen.save_dataset(corpus, asked, built)
    gen.check_or_stop(folder)
    return read_dataset(folder)


def use(server: Loopback | BatchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "secret")
    monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "explains-1")


def assert_rows_are_right(dataset: Dataset, answers: dict[str, str]) -> None:
    """The properties of rows of people's own; `answers` by question."""
    rows = dataset.examples()
    held_out = {chunk.id for row in rows if row.split != "train" for chunk in row.oracles}
    for row in rows:
        ids = {chunk.id for chunk in row.context}
        shown = [chunk.id in ids for chunk in row.oracles]
        assert row.question.answer == answers[row.question.text]
        assert set(shown) == {row.kind == "oracle"}  # together, or absent together
        assert len(ids) == dataset.manifest["parameters"]["num_distractors"] + 1
        if row.kind == "refuse":
            assert row.label == REFUSAL
            continue
        assert row.label.endswith(f"{ANSWER_TAG} {answers[row.question.text]}")
        quotes = parse_answer(row.label).quotes
        assert quotes
        assert all(any(find_quote(q, chunk.text) for chunk in row.oracles) for q in quotes)
        if row.split == "train":
            assert not held_out & (ids | {chunk.id for chunk in row.oracles})


def mixed_rows(sentences: dict[str, list[str]]) -> list[own.Row]:
    """A row of every kind for each document."""
    rows: list[own.Row] = []
    for name, said in sentences.items():
        others = next(texts for other, texts in sentences.items() if other != name)
        label = f"{QUOTE_BEGIN} {said[4]} {QUOTE_END} so it is."
        rows += [
            own.row(said[0], document=f"{name}.txt"),
            own.row(said[1], document=name.upper()),  # a title, in another case
            own.row(said[2], passage=f"{said[1]}  {said[2]}\n{said[3]}"),
            own.row(said[3], quote=said[3]),
            own.row(said[4], quote=said[4], reasoning=label),
            own.row(said[5], passage=said[5], reasoning="As one reads."),
            own.row(said[6], others[20], quote=[said[6], others[20]]),
            own.row(said[7], quote=said[7], distractors=[others[8], others[25]]),
        ]
    return rows


def test_rows_of_every_kind_keep_their_promises(
    tmp_path: Path, sentences: dict[str, list[str]]
) -> None:
    rows = mixed_rows(sentences)
    dataset = dataset_of(recipe(tmp_path, rows))
    answers = {row["question"]: row["answer"] for row in rows}
    assert_rows_are_right(dataset, answers)
    assert not {item.gate for item in dataset.rejected} - {"buffer", "distractors"}
    by_text = {row.question.text: row for row in dataset.examples()}
    assert len(by_text) >= 0.8 * len(rows)
    assert {row.split for row in by_text.values()} == {"train", "valid", "eval"}
    assert any(row.more_oracles for row in by_text.values())
    reasoned = [row for row in rows if "reasoning" in row and row["question"] in by_text]
    labels = {r["question"]: by_text[r["question"]].question.cot_answer for r in reasoned}
    assert labels
    for one in reasoned:  # as it was given
        assert one["reasoning"] in labels[one["question"]]
    shown = {q.text: q for q in load_questions(dataset.folder, Recipe(max_questions=0))}
    assert {question.provenance for question in shown.values()} == {PEOPLE}


def test_rows_without_an_oracle_are_reported_by_their_numbers(
    tmp_path: Path, sentences: dict[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    said, wrong = sentences["d0"], f"{QUOTE_BEGIN} Not a word of it. {QUOTE_END} So"
    rows: list[own.Row] = [
        *mixed_rows(sentences),
        own.row(said[10], document="nowhere.pdf"),
        own.row(said[11], quote="It is written nowhere in these documents at all."),
        own.row(said[12], passage=prose(Random(99), 3)),
        own.row(said[13], document="d1"),  # whose chunks do not hold the answer
        own.row(said[14]),
        own.row(said[15], quote=said[15], reasoning=wrong),
        own.row(said[16], quote=said[16], reasoning=f"{said[16]} <ANSWER>: 0"),
        own.row(said[17], quote=said[:1] + [s[0] for s in list(sentences.values())[1:5]]),
        {"question": "Which is this document", "answer": "1", "quote": said[18]},
        {"question": "Which words are many", "answer": "word " * 50, "quote": said[19]},
        {"question": "Which thing is lacking", "answer": "a thing", "passage": said[20]},
    ]
    dataset = dataset_of(recipe(tmp_path, rows))
    reasons = {item.question_id: (item.gate, item.reason) for item in dataset.rejected}
    first = len(rows) - 11
    found = [reasons[f"train_file, row {first + number}"] for number in range(1, 12)]
    assert [gate for gate, _ in found] == [
        *("oracle",) * 5,
        "verbatim",
        "rationale",
        "oracle",
        "stands_alone",
        "length",
        "quoted",
    ]
    for (_, reason), says in zip(
        found,
        [
            "no document is named “nowhere.pdf”",
            "no chunk holds its quote “It is",
            "no chunk holds its passage “The",
            "no chunk of “d1” holds its answer",
            "it names no document",
            "not in the document: “Not a word",
            "it ends with “0”",
            "it needs 5 documents",
            "this",
            "more than 40 words",
            "no sentence of d0.txt",
        ],
        strict=True,
    ):
        assert says in reason
    printed = capsys.readouterr().out
    assert f"row {first + 1}: no document is named “nowhere.pdf”" in printed
    many = [Rejected(f"{ROW_ID}{number}", "", "oracle", "lost") for number in range(12)]
    assert str(OwnQuestions([], many)).endswith("; row 9: lost; 2 more)")


@pytest.mark.parametrize("answer", ["no", "No", "8", "or", "°"])
def test_an_answer_within_a_word_is_not_quoted(answer: str) -> None:
    text = "The pier is in the north of Norway. It opened in 1887, at 4°."
    chunk = Chunk("a#0", "a", "A", 1, 0, len(text), text)
    given = Given(1, Question("x", "a#0", "Was it built?", "", answer), (chunk,))
    with pytest.raises(Rejection, match="no sentence of a#0 holds the answer"):
        label_of(given)
    long = replace(given, question=replace(given.question, answer="Norway. It opened in 1887"))
    assert f"{QUOTE_BEGIN} Norway. It opened in 1887 {QUOTE_END}" in label_of(long)


def test_what_the_teacher_cannot_answer_is_not_replaced_by_another_question(
    tmp_path: Path, sentences: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [own.row(said, quote=said) for said, *_ in sentences.values()]
    with serve(Loopback(reply=lambda body: REFUSAL)) as server:
        use(server, monkeypatch)
        with pytest.raises(SetupError, match="teacher_refused 6"):
            generate(recipe(tmp_path, rows))
        assert len(server.requests) == len(rows)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("a/b.txt", "a/b.txt"),
        ("./docs/a/b.txt", "a/b.txt"),
        ("/home/ada/docs/a/b.txt", "a/b.txt"),
        (r"C:\docs\a\b.txt", "a/b.txt"),
        ("b.txt", "b.txt"),  # an id comes before the same name in a folder
        ("docs/b.txt", "b.txt"),
        ("2024/c.txt", "docs/2024/c.txt"),
        ("elsewhere/2024/c.txt", ""),
        ("elsewhere/c.txt", ""),
    ],
)
def test_a_document_is_found_by_a_path_that_begins_further_up_or_down(
    named: str, found: str
) -> None:
    ids = ("a/b.txt", "b.txt", "docs/2024/c.txt")
    documents = [Document(id, f"Title of {id}", "", (), "") for id in ids]
    chunks = [Chunk(f"{id}#0", id, id, 1, 0, 9, "The lamp is lit.") for id in ids]
    item = TrainingItem(1, "What is lit?", "The lamp", evidence=(Evidence(named),))
    own_questions = find_own([item], documents, chunks, Recipe())
    assert [one.question.chunk_id for one in own_questions.given] == [f"{found}#0"] * bool(found)
    assert bool(found) or "no document is named" in str(own_questions)


@pytest.mark.parametrize("text", ["a", "lamp", "東京", "The"])
def test_a_passage_or_quote_of_one_word_is_reported_and_not_bound_to_any_chunk(text: str) -> None:
    documents = [Document(id, f"Title of {id}", "", (), "") for id in ("b.txt", "c.txt")]
    chunks = [
        Chunk(f"{one.id}#0", one.id, one.id, 1, 0, 9, f"{text} The a lamp is lit.")
        for one in documents
    ]
    passage, quote = Evidence(passage=text), Evidence(quotes=(text,))
    for one in (passage, quote, replace(passage, document="b.txt")):
        item = TrainingItem(7, "What is lit?", "lamp", evidence=(one,), distractors=(passage,))
        found = find_own([item], documents, chunks, Recipe())
        assert re.search(rf"\(row 7: its (passage|quote) “{text}” is one word", str(found))
    named = TrainingItem(1, "What is lit?", "lamp", evidence=(replace(quote, document="c"),))
    found = find_own([replace(named, distractors=(passage,))], documents, chunks, Recipe())
    assert [one.question.chunk_id for one in found.given] == ["c.txt#0"]
    assert found.unknown_distractors == 1


def test_a_teacher_writes_the_reasoning_from_the_given_answer(
    home_dir: Path,
    tmp_path: Path,
    sentences: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = mixed_rows(sentences)
    asked = recipe(tmp_path, rows)
    file = tmp_path / "own.yaml"
    file.write_text(
        json.dumps({**own.PARAMETERS, "doc_path": asked.doc_path, "train_file": asked.train_file})
    )
    dull = rows[0]["question"]

    def reply(body: dict[str, Any]) -> str:
        text = own.explains(body)
        if dull in body["messages"][1]["content"]:
            return f"{text.partition('<ANSWER>')[0]}<ANSWER>: 1"
        again = len(body["messages"]) > 2
        return text if again else text.replace("##begin_quote## The", "##begin_quote## A", 1)

    with serve(Loopback(reply=reply)) as server:
        use(server, monkeypatch)
        assert main(["run", "-p", str(file), "--dry-run"]) == 0
        without = sum("reasoning" in row for row in rows)
        assert f"{len(rows) - without} requests" in capsys.readouterr().out
        assert not server.requests
        assert main(["run", "-p", str(file)]) == 0
        prompts = ["\n".join(m["content"] for m in body["messages"]) for body in server.requests]
        assert len(prompts) == 2 * (len(rows) - without)  # each is repaired once
        assert any(f"is “{rows[0]['answer']}”" in prompt for prompt in prompts)
        assert main(["run", "-p", str(file)]) == 0
        assert len(server.requests) == len(prompts)
    dataset = read_dataset(home_dir / read_state("own")["DATASET_DIR"])
    assert_rows_are_right(dataset, {str(row["question"]): str(row["answer"]) for row in rows})
    assert {i.question: i.gate for i in dataset.rejected}[dull] == "rationale"
    quoted = [r for r in dataset.examples() if r.more_oracles and r.kind == "oracle"]
    assert quoted
    for row in quoted:
        assert len(parse_answer(row.label).quotes) == 2  # one of each oracle


def test_batches_and_single_requests_give_the_same_rows(
    tmp_path: Path, sentences: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = recipe(tmp_path, mixed_rows(sentences))
    with serve(Loopback(reply=own.explains)) as server:
        use(server, monkeypatch)
        single = dataset_of(asked)
    monkeypatch.setattr("tests.batch_server.reader", own.explains)
    monkeypatch.setattr(batch.BatchEndpoint.__init__, "__kwdefaults__", {"poll_s": 0.01})
    with serving(BatchServer()) as batches:
        use(batches, monkeypatch)
        monkeypatch.setenv("OPENBOOK_HOME", str(tmp_path / "other"))
        batched = dataset_of(replace(asked, batch=True))
    assert [vars(row) for row in batched.examples()] == [vars(row) for row in single.examples()]


def test_generated_questions_and_those_of_the_evaluation_give_way(
    tmp_path: Path, sentences: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = mixed_rows(sentences)
    from tests.server import reader

    opened = " ".join(sentences["d0"][0].split()[:5])
    theirs = f"Which word ends the sentence that begins with “{opened}”?"
    rows.append({"question": theirs, "answer": "another one", "quote": sentences["d0"][0]})
    (tmp_path / "eval.jsonl").write_text(
        json.dumps({"question": rows[5]["question"], "answer": "x"}) + "\n"
    )

    def reply(body: dict[str, Any]) -> str:
        return (
            own.explains(body)
            if "The answer to" in body["messages"][1]["content"]
            else reader(body)
        )

    with serve(
        Loopback(reply=lambda body: reply(body).replace("The number another one", "another one"))
    ) as server:
        use(server, monkeypatch)
        dataset = dataset_of(
            recipe(
                tmp_path,
                rows,
                questions_per_chunk=2,
                eval_file=str(tmp_path / "eval.jsonl"),
                eval_share=0.0,
            )
        )
    gates = {(item.question, item.gate) for item in dataset.rejected}
    assert (theirs, "duplicate") in gates
    assert (rows[5]["question"], "evaluation") in gates
    written = {q.text: q for q in dataset.questions}
    assert written[theirs].answer == "another one"
    assert rows[5]["question"] not in written
    assert len(written) > len(rows)
    assert not dataset.examples("eval")  # people's questions evaluate
    assert [q.answer for q in load_questions(dataset.folder, Recipe())] == ["x"]


def test_rows_in_hotpotqas_layout_bring_their_own_documents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = Random(3)
    pages = []
    for number in range(120):
        said = [f"{text}." for text in prose(rng, 3).rstrip(".").split(". ")]
        pages.append((f"Page {number} of {said[0].split()[1]}", said))
    rows = [own.hotpot(rng, number, pages) for number in range(60)]
    dataset = dataset_of(recipe(tmp_path, rows, doc_path="", num_distractors=9))
    assert "60 questions, 0 rejected" in capsys.readouterr().out
    examples = dataset.examples()
    assert_rows_are_right(dataset, {str(row["question"]): str(row["answer"]) for row in rows})
    assert len(examples) >= 0.8 * len(rows)
    given = {row["question"]: {title for title, _ in row["context"]} for row in rows}
    shown = [e for e in examples if e.kind == "oracle" and e.split == "eval"]
    for example in shown:
        assert len(example.oracles) == 2
        titles = {chunk.title for chunk in example.context}
        assert len(titles & given[example.question.text]) >= 8  # its own distractors, but for some
    question = next(q for q in load_questions(dataset.folder, Recipe()) if q.more_oracles)
    one, other = question.oracles
    others = [chunk for chunk in question.context if chunk not in question.oracles]
    assert first_hit([one, *others, other], question) == len(others) + 1
    assert first_hit([one, *others], question) is None


@pytest.mark.parametrize("taught", [False, True])
def test_calls_of_an_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taught: bool) -> None:
    names = [f"model{number}" for number in range(40)]
    records: list[own.Row] = [
        {
            "api_name": name,
            "api_call": f"hub.load('{name}', pretrained=True)",
            "api_arguments": {"pretrained": "True"},
            "functionality": prose(Random(name), 2),
        }
        for name in names
    ]
    (tmp_path / "documents").write_text(json.dumps(records))
    rows: list[own.Row] = [
        {
            "question": f"Find what number {n} does.",
            "answer": r["api_call"],
            "document": r["api_name"],
        }
        for n, r in enumerate(records)
    ]
    fields = ("domain", "api_call", "api_provider", "explanation", "code")

    def reply(body: dict[str, Any]) -> str:
        call = re.findall(r"^api_call: (.*)$", body["messages"][1]["content"], re.MULTILINE)[0]
        return "\n".join(f"<<<{name}>>>: {call}" for name in fields)

    asked = recipe(tmp_path, rows, doctype="api", round_trip=taught)
    with serve(Loopback(reply=reply)) as server:
        if taught:
            use(server, monkeypatch)
        dataset = dataset_of(asked)
    assert len(server.requests) == (len(rows) if taught else 0)
    assert_rows_are_right(dataset, {str(row["question"]): str(row["answer"]) for row in rows})
    labels = [row.label for row in dataset.examples() if row.kind == "oracle"]
    assert all(("<<<explanation>>>" in label) == taught for label in labels)


def test_a_file_without_a_usable_row_ends_the_run(
    tmp_path: Path, sentences: dict[str, list[str]]
) -> None:
    rows = [own.row(sentences["d0"][0], document="nowhere")]
    with pytest.raises(SetupError, match=r"row 1: no document is named “nowhere”\. Set doc_path"):
        generate(recipe(tmp_path, rows))
    gen.Corpus(recipe(tmp_path, rows, questions_per_chunk=1)).read()  # others are generated
    with pytest.raises(SetupError, match="doc_path is '', passages to train_file"):
        generate(recipe(tmp_path, rows, doc_path=""))


def test_the_same_file_gives_the_same_bytes(
    tmp_path: Path, sentences: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = recipe(tmp_path, mixed_rows(sentences), distractor_mode="mixed", min_distractors=1)
    first = generate(asked)
    monkeypatch.setenv("OPENBOOK_HOME", str(tmp_path / "other"))
    second = generate(asked)
    assert first.name == second.name
    assert read_dataset(first).manifest == read_dataset(second).manifest
    assert all(check.passed for check in check_dataset(second)[1])


def test_the_example_of_the_guide(tmp_path: Path) -> None:
    page = (PROJECT_DIR / "docs" / "generation.md").read_text(encoding="utf-8")
    block = re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0]
    rows = [json.loads(line) for line in block.splitlines()]
    asked = recipe(tmp_path, rows, doc_path=str(PROJECT_DIR / "sample_data"))
    corpus = gen.Corpus(asked).read()
    assert not corpus.own.rejected
    assert [len(given.oracles) for given in corpus.own.given] == [1, 1, 1, 1, 2]
    assert [len(given.distractors) for given in corpus.own.given] == [0, 0, 1, 0, 0]
    found = gen.ask_questions(corpus)
    assert [question.answer for question in found.questions] == [row["answer"] for row in rows]
