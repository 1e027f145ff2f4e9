"""`python -m lib.gen run` and the recipe, with a loopback teacher."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest

import lib.gen
from lib.dataset import read_dataset
from lib.engine import batch
from lib.eval import check_leakage, load_questions
from lib.gen import corpus, generation
from lib.gen.__main__ import main
from lib.gen.check import Check
from lib.gen.formats.convert import convert_rows
from lib.parameters import overrides
from lib.prompts.student import REFUSAL, cot_label
from lib.reading.documents import iter_documents
from lib.recipe import KNOBS, Recipe
from lib.records import Question
from lib.settings import SetupError
from lib.state import read_state
from lib.store import read_json, read_jsonl
from tests.batch_server import BatchServer
from tests.gen.dataset import source_of
from tests.gen.make import prose
from tests.server import Loopback, last_word, reader, sentences_of, serve, serving

PARAMETERS = {
    "chunk_chars": 400,
    "chunk_overlap_chars": 0,
    "questions_per_chunk": 2,
    "num_distractors": 2,
    "refusal_probability": 0.2,
}


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    rng = Random(0)
    for name in "abcd":
        (folder / f"{name}.txt").write_text(prose(rng, 20))
    return folder


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Any:
    with serve() as server:
        use(server, monkeypatch)
        yield server


def use(server: Loopback | BatchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "secret")
    monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "reader-1")


def parameters_file(documents: Path, **changed: Any) -> Path:
    path = documents.parent / "mine.yaml"
    path.write_text(json.dumps(PARAMETERS | {"doc_path": str(documents)} | changed))
    return path


def made(home: Path, documents: Path, *, status: int = 0, **changed: Any) -> Path:
    """Run it; the folder of its dataset."""
    assert main(["run", "-p", str(parameters_file(documents, **changed))]) == status
    return home / read_state("mine").get("DATASET_DIR", "none")


@pytest.mark.parametrize(
    ("knobs", "waits"),
    [
        ({}, False),
        ({"max_chunks": 6}, True),
        ({"questions_per_document": 2}, True),
        ({"chunker": "semantic"}, True),
        ({"batch": True}, True),
        ({"eval_doc_path": "d.txt"}, True),
    ],
)
def test_all_documents_are_read_first_where_they_must_be_known(
    documents: Path, loopback: Any, knobs: dict[str, Any], waits: bool
) -> None:
    if "eval_doc_path" in knobs:
        knobs = {"eval_doc_path": str(documents / "d.txt")}
    read = corpus.Corpus(Recipe(doc_path=str(documents / "[a-c].txt"), **knobs))
    assert (generation.chunks_to_ask(read) is not read) == bool(read.documents) == waits


def test_every_parameter_that_shapes_rows_is_in_the_manifest() -> None:
    recipe = Recipe()
    known = {name for name, knob in KNOBS.items() if "1_gen" in knob.notebooks}
    apart = (
        "run_name doc_path eval_doc_path eval_file train_file doctype max_pages "
        "requests_per_second allow_loopback cluster prompts_path dry_run "
        "batch concurrency requests_per_minute tokens_per_minute tokens_per_day max_cost "
        "max_tokens_total timeout_s max_retries"
    ).split()
    assert set(recipe.shaping) == known - set(apart)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"eval_share": 0.0}, "eval_share is 0"),
        ({"hard_by": "luck"}, "hard_by is 'luck'"),
        ({"ask_mode": "loudly"}, "ask_mode is 'loudly'"),
        ({"min_distractors": 9}, "min_distractors is 9"),
        ({"batch": True, "max_cost": 1.0}, "batch sends none"),
        ({"tokens_per_day": -1}, "tokens_per_day is -1"),
        ({"refusal": "No."}, "refusal is 'No.'"),
        ({"refusal": "I do not know <ANSWER>: this."}, "without the markers"),
    ],
)
def test_wrong_parameters_end_before_anything_is_read(
    changed: dict[str, Any],
    says: str,
    documents: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = parameters_file(documents, doc_path="nowhere", **changed)
    assert main(["run", "-p", str(path)]) == 2
    assert says in capsys.readouterr().err


def test_a_refusal_of_ones_own_goes_from_the_rows_to_the_evaluation(
    home_dir: Path, documents: Path, loopback: Loopback
) -> None:
    own = "이 문서들로는 답할 수 없습니다."
    folder = made(home_dir, documents, refusal=own, refusal_probability=0.5)
    assert main(["check", str(folder)]) == 0
    examples = read_dataset(folder).examples("train")
    assert {example.label for example in examples if example.kind == "refuse"} == {own}
    prompts = {
        name: {str(row["messages"][0]["content"]) for row in read_jsonl(folder / "chat" / name)}
        for name in ("train.jsonl", "eval.jsonl")
    }
    assert all(len(texts) == 1 and own in texts.pop() for texts in prompts.values())
    pairs = convert_rows(source_of(examples), to="preference").rows["train"]
    declined = [pair for pair in pairs if pair["rejected_from"] == "refusal_with_oracle"]
    assert {pair["rejected"][0]["content"] for pair in declined} == {own}
    questions = load_questions(folder, Recipe(max_questions=0))
    assert {question.refusal for question in questions} == {own}


def test_run_makes_the_dataset_that_the_notebook_makes(
    home_dir: Path, documents: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(home_dir, documents)
    output = capsys.readouterr().out
    assert output.strip().endswith(f"artefacts/datasets/{folder.name}")
    assert home_dir / read_state("mine")["DATASET_DIR"] == folder
    assert re.search(r"teacher +reader-1: \d+ requests", output)
    assert main(["check", str(folder)]) == 0
    assert not list((home_dir / "artefacts" / "questions").glob("*.partial.jsonl"))

    read = lib.gen.Corpus(Recipe(**overrides(parameters_file(documents)))).read(documents=2)
    asked = lib.gen.ask_questions(read)
    built = lib.gen.build_rows(read, asked)
    assert lib.gen.save_dataset(read, asked, built) == folder
    held_out, trained = (
        next(q for q in asked.questions if built.splits[q.chunk_id] == split)
        for split in ("eval", "train")
    )
    repeated = [*asked.questions, replace(trained, id="again", text=held_out.text)]
    lib.gen.build_rows(read, replace(asked, questions=repeated))
    assert "Questions that are in no row: 1 (evaluation 1)" in capsys.readouterr().out


def test_that_no_whole_documents_are_held_out_is_said_once(
    home_dir: Path, documents: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    made(home_dir, documents, split_by="document")
    assert capsys.readouterr().out.count("groups of chunks are held out") == 1


def test_the_first_rows_are_saved_while_documents_are_still_read(
    home_dir: Path, documents: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = home_dir / "artefacts" / "questions" / "mine.partial.jsonl"
    row_saved, saved = threading.Semaphore(0), list[int]()
    saved_at_once = generation._saved_at_once

    @contextmanager
    def announced(run_name: str) -> Iterator[Any]:
        with saved_at_once(run_name) as save:

            def announce(question: Question) -> None:
                save(question)
                row_saved.release()

            yield announce

    def waiting_for_rows(recipe: Recipe) -> Iterator[Any]:
        for number, entry in enumerate(iter_documents(recipe), start=1):
            if number > 2:  # the two before fill rows: no more is read until another is saved
                assert row_saved.acquire(timeout=300)
                saved.append(len(partial.read_text().splitlines()))
            yield entry

    monkeypatch.setattr(generation, "_saved_at_once", announced)
    monkeypatch.setattr(corpus, "iter_documents", waiting_for_rows)
    folder = made(home_dir, documents)
    assert saved[0] >= 1
    assert len(read_jsonl(folder / "questions.jsonl")) > saved[1] >= 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"num_distractors": 90}, "num_distractors = 90 needs at least 91"),
        ({"max_chunks": 2}, "2 with questions, leave none for the split"),
    ],
)
def test_nothing_is_asked_until_the_documents_can_fill_rows(
    changed: dict[str, Any],
    said: str,
    home_dir: Path,
    documents: Path,
    loopback: Loopback,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made(home_dir, documents, status=2, **changed)
    assert said in capsys.readouterr().err
    assert not loopback.requests


def test_a_row_is_never_without_a_document(
    home_dir: Path, documents: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in documents.iterdir():  # each chunk holds the answer to each question
        path.write_text(path.read_text().replace(".", " velm."))
    folder = made(home_dir, documents, too_few="fewer", refusal_probability=0.05)
    refused = read_jsonl(folder / "rejected.jsonl")
    assert {row["reason"] for row in refused} == {"only 0 of 3 distractors can be found"}
    rows = read_jsonl(folder / "hf" / "train.jsonl")
    assert {(row["kind"], len(row["context_chunks"])) for row in rows} == {("oracle", 1)}
    made(home_dir, documents, status=2, too_few="fewer", refusal_probability=1.0)
    assert re.search("None of .* “train” has a row.*0 of 3 distractors", capsys.readouterr().err)


def test_rows_that_all_refuse_pass_the_check(
    home_dir: Path, documents: Path, loopback: Loopback
) -> None:
    questions = documents.parent / "q.csv"
    questions.write_text("question,answer\nWho lit it?,the keeper\n")
    shares: dict[str, Any] = {"valid_share": 0.0, "eval_share": 0.0, "refusal_probability": 1.0}
    folder = made(home_dir, documents, eval_file=str(questions), **shares)
    assert {row["kind"] for row in read_jsonl(folder / "hf" / "train.jsonl")} == {"refuse"}


def test_documents_without_a_chunk_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Too short.")
    with pytest.raises(SetupError, match="no chunk of"):
        corpus.Corpus(Recipe(doc_path=str(tmp_path))).read()


def test_a_dry_run_says_what_it_would_take_and_asks_nothing(
    home_dir: Path, documents: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-p", str(parameters_file(documents)), "--dry-run"]) == 0
    output = capsys.readouterr().out
    recipe = Recipe(doc_path=str(documents), chunk_chars=400, chunk_overlap_chars=0)
    chunks = lib.gen.Corpus(recipe).read().chunks
    assert f"4 documents, {len(chunks)} chunks" in output
    assert re.search(rf"^{3 * len(chunks)} requests, [\d,]+ prompt", output, re.MULTILINE)
    assert not loopback.requests
    assert read_state("mine") == {}


def test_documents_and_questions_to_evaluate_with(
    home_dir: Path, documents: Path, loopback: Loopback
) -> None:
    text = 'question,answers\nWho lit it?,the keeper\nWho saw it?,"[""Ann"", ""Bo""]"\n'
    (documents.parent / "q.csv").write_text(text)
    folder = made(
        home_dir,
        documents,
        eval_doc_path=str(documents / "d.txt"),
        eval_file=str(documents.parent / "q.csv"),
    )
    for split, ids in (("train", "abc"), ("eval", "d")):
        rows = read_jsonl(folder / "hf" / f"{split}.jsonl")
        assert {row["oracle"]["chunk_id"][0] for row in rows} <= set(ids)
    written = read_jsonl(folder / "evaluation.jsonl")
    assert written == [
        {"row": 1, "question": "Who lit it?", "answer": "the keeper"},
        {"row": 2, "question": "Who saw it?", "answer": "Ann", "more_answers": ["Bo"]},
    ]
    assert [q.answers for q in load_questions(folder, Recipe())] == [("the keeper",), ("Ann", "Bo")]
    assert main(["check", str(folder)]) == 0


def test_plain_pairs_end_without_a_dataset(
    home_dir: Path, documents: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (documents / "e.txt").write_text(
        "The lighthouse of Tamsay was built in 1841 by the engineer Robert Dunmore. "
        "The packet boat Merrow carried letters between Sandry and Tamsay for thirty years."
    )
    made(home_dir, documents, dataset_kind="qa")  # the built-in teacher
    (folder,) = (home_dir / "artefacts" / "qa").iterdir()
    pairs = read_json(folder / "pairs.json")
    assert capsys.readouterr().out.strip().endswith(f"{folder.name}: {len(pairs)} pairs")
    assert read_state("mine") == {}


def test_a_failed_check_stops_the_run_before_anything_is_trained(
    home_dir: Path,
    documents: Path,
    loopback: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def leaks(files: Any) -> Check:
        return Check("no held-out oracle in a training row", False, "the first that leaks: a#1")

    monkeypatch.setattr("lib.gen.check._nothing_leaks", leaks)
    made(home_dir, documents, status=1)
    assert re.search(r"artefacts/datasets/mine-\w+ .*Delete", capsys.readouterr().err)
    assert read_state("mine") == {}


def test_a_batch_gives_the_rows_of_single_requests(
    home_dir: Path, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch.BatchEndpoint.__init__, "__kwdefaults__", {"poll_s": 0.01})
    with serving(BatchServer()) as server:
        use(server, monkeypatch)
        by_batch = made(home_dir, documents, batch=True)
        stages = [len(lines) for lines in server.submitted]
    (home_dir / "artefacts" / "ledger.sqlite").unlink()
    with serve() as single:
        use(single, monkeypatch)
        assert made(home_dir, documents) == by_batch
    assert len(stages) >= 2
    assert sum(stages) == len(single.requests)


def test_a_run_that_makes_nothing_fails(
    home_dir: Path, documents: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    loopback.reply = lambda body: '{"questions": ["no"]}'
    made(home_dir, documents, status=2)
    said = capsys.readouterr().err
    assert "No question of the teacher reader-1 passed the gates (form " in said
    assert "The first: it does not end in a question mark" in said
    (rejected,) = (home_dir / "artefacts" / "questions").glob("*.rejected.jsonl")
    assert rejected.read_text().count('"gate": "form"') > 10


def test_a_teacher_most_of_whose_rows_are_refused_is_told_of_with_a_remedy(
    home_dir: Path, documents: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model of 1.5B parameters left the final answer out of 16 of 24 replies."""
    answered = count()

    def reply(body: Any) -> Any:
        text = reader(body)
        leave_out = "<ANSWER>" in text and next(answered) % 3
        return text.replace("<ANSWER>:", "The answer is") if leave_out else text

    loopback.reply = reply
    made(home_dir, documents, max_repairs=0)
    said = capsys.readouterr().out
    passed, refused = map(int, re.findall(r"(\d+) questions passed the gates, (\d+) did", said)[0])
    assert 0 < passed < refused
    assert re.search(r"did not \(parsable \d+", said)
    assert "The first: no final answer behind <ANSWER>:. The reply: “" in said
    assert "Take another teacher, or set prompt_variant to 'llama' for an open model." in said


def test_questions_that_did_not_come_are_counted(
    home_dir: Path, documents: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of three questions one is refused, and one does not come."""

    def reply(body: Any) -> str:
        text = reader(body)
        if not text.startswith('{"questions"'):
            return text
        return json.dumps({"questions": [json.loads(text)["questions"][0], "no"]})

    loopback.reply = reply
    for _ in range(2):  # asked, and read again
        made(home_dir, documents, questions_per_chunk=3, max_repairs=0, max_chunks=1000)
        said = capsys.readouterr().out
        counts = r"(\d+) questions passed the gates, (\d+) did not .*, (\d+) of those asked for did"
        passed, refused, late = map(int, re.findall(counts, said)[0])
        assert late * 3 == passed + refused + late
        assert refused >= late > 0


def test_a_teacher_whose_replies_cannot_be_read_is_not_paid_to_the_end(
    home_dir: Path, documents: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    loopback.reply = lambda body: "I would rather not."
    made(home_dir, documents, status=2)
    said = capsys.readouterr().err
    assert "20 lists of questions of the teacher in a row cannot be read" in said
    assert "“I would rather not.”" in said
    assert len(loopback.requests) <= 20 + 2 * 4 * 16  # so many chunks are at work


def test_a_teacher_that_finds_nothing_to_ask_about_many_pages_is_asked_about_all(
    home_dir: Path, documents: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    loopback.reply = lambda body: REFUSAL
    made(home_dir, documents, status=2)
    assert "No question of the teacher reader-1 passed the gates" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["vectors", "fewest"])
def test_distractors_of_any_kind_pass_the_check(
    name: str, home_dir: Path, documents: Path, loopback: Loopback
) -> None:
    changed: dict[str, dict[str, Any]] = {
        "vectors": {"distractor_mode": "hard", "hard_by": "embedding", "num_distractors": 3},
        "fewest": {"min_distractors": 0, "num_distractors": 3, "distractors_per": "chunk"},
    }
    if name == "vectors":
        (home_dir / ".env").write_text(
            f"EMBEDDING_OPENAI_BASE_URL={loopback.base_url}\nEMBEDDING_OPENAI_API_KEY=x\n"
            "EMBEDDING_OPENAI_DEPLOYMENT=letters\n"
        )
    folder = made(home_dir, documents, **changed[name])
    assert main(["check", str(folder)]) == 0
    sizes = {len(row["context_chunks"]) for row in read_jsonl(folder / "hf" / "train.jsonl")}
    assert sizes == ({4} if name == "vectors" else {1, 2, 3, 4})


def test_a_record_of_an_api_is_one_chunk_and_its_rows_say_so(
    home_dir: Path, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [
        f"{kind}.{verb}" for kind in ("map", "tide", "buoy") for verb in ("load", "cut", "put")
    ]
    rng = Random(1)
    records = [
        {
            "user_name": f"u{number}",
            "api_name": name,
            "api_call": f"{name}(x{number})",
            "api_version": str(number),
            "api_arguments": {"x": prose(rng, 2)},
            "functionality": prose(rng, 12),
        }
        for number, name in enumerate(names)
    ]
    (documents.parent / "api.json").write_text(json.dumps(records))

    def reply(body: dict[str, Any]) -> str:
        prompt = "".join(message["content"] for message in body["messages"])
        call = re.findall(r"api_call: (.+)", prompt)[0]
        if '"rating"' in body["messages"][-1]["content"]:
            return json.dumps({"reason": "It is clear.", "rating": 1 + 4 * ("domain" in prompt)})
        if '"questions"' in body["messages"][-1]["content"]:
            return json.dumps({"questions": [f"Write a call for {call.partition('(')[0]}."]})
        fields = {"domain": "maps", "api_call": call, "api_provider": "us", "code": call}
        fields["explanation"] = "It calls it."
        return "\n".join(f"<<<{name}>>>: {text}" for name, text in fields.items())

    with serve(Loopback(reply=reply)) as server:
        use(server, monkeypatch)
        changed: dict[str, Any] = {"doc_path": str(documents.parent / "api.json"), "doctype": "api"}
        changed |= {"questions_per_chunk": 1, "num_distractors": 1}
        folder = made(home_dir, documents, **changed)
        made(home_dir, documents, **changed, dataset_kind="qa", min_rating=1)
    (pairs,) = (home_dir / "artefacts" / "qa").glob("*/pairs.json")
    assert {pair["answer"].partition(":")[0] for pair in read_json(pairs)} == {"<<<domain>>>"}
    chunks = read_jsonl(folder / "chunks.jsonl")
    assert len(chunks) == len(records)
    assert all(len(chunk["text"]) > PARAMETERS["chunk_chars"] for chunk in chunks)
    rows = read_jsonl(folder / "hf" / "train.jsonl")
    assert {row["type"] for row in rows} == {"api call"}


def test_no_training_row_asks_what_the_evaluation_file_asks(
    home_dir: Path, documents: Path, loopback: Loopback
) -> None:
    folder = made(home_dir, documents)
    (own, *_) = read_jsonl(folder / "hf" / "train.jsonl")
    rows = json.dumps([{"question": own["question"].upper(), "answer": own["answer"]}])
    (documents.parent / "q.json").write_text(rows)
    again = made(home_dir, documents, eval_file=str(documents.parent / "q.json"))
    assert check_leakage(again, load_questions(again, Recipe()), Recipe()).leaks == ()
    refused = [row for row in read_jsonl(again / "rejected.jsonl") if row["gate"] == "evaluation"]
    assert [row["question_id"] for row in refused] == [own["id"]]
    asked = {q["id"] for q in read_jsonl(folder / "questions.jsonl")} - {own["id"]}
    assert {q["id"] for q in read_jsonl(again / "questions.jsonl")} == asked


def test_no_training_row_asks_what_the_evaluation_split_asks(
    home_dir: Path, documents: Path, loopback: Loopback
) -> None:
    orders = permutations(f"quay{number}" for number in range(8))  # nearly one question

    def reply(body: dict[str, Any]) -> str:
        prompt = "".join(message["content"] for message in body["messages"])
        if '"questions"' in prompt:
            questions = json.loads(reader(body))["questions"]
            return json.dumps({"questions": [questions[0], f"Is {' '.join(next(orders))}?"]})
        sentence = sentences_of(re.findall("<DOCUMENT>(.*?)</DOCUMENT>", prompt, re.DOTALL)[-1])[0]
        return cot_label("It says:", sentence, last_word(sentence))

    loopback.reply = reply
    folder = made(home_dir, documents)
    assert check_leakage(folder, load_questions(folder, Recipe()), Recipe()).leaks == ()
    refused = [row for row in read_jsonl(folder / "rejected.jsonl") if row["gate"] == "evaluation"]
    assert {"quay0" in row["question"] for row in refused} == {True}
    train = [row["question"] for row in read_jsonl(folder / "hf" / "train.jsonl")]
    assert {"quay0" in question for question in train} == {False}
