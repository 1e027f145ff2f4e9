"""Index and retrieval: what brute force finds, whole or not at all, with no network."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy
import pytest
from aiohttp import web

from lib.eval.conditions import build_cases
from lib.rag import embedder as embedder_module
from lib.rag import index as index_module
from lib.rag.chat_model import EndpointChat
from lib.rag.documents import as_chunk
from lib.rag.embedder import (
    EndpointEmbedder,
    LocalEmbedder,
    load_embedder,
    minilm_dir,
    prompts_of,
    require_models,
)
from lib.rag.index import build_index
from lib.rag.pipeline import retrieve
from lib.rag.retrievers import DenseRetriever
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError, home
from tests.eval.toy import make_chunks, question_of
from tests.rag.conftest import Letters, point, random_chunks
from tests.server import Loopback, error, letter_vector, serve

DENSE = Recipe(retrieval=["dense"])


def test_retrieval_finds_what_brute_force_finds(letters: Letters) -> None:
    chunks = random_chunks(800)
    index = build_index(chunks, Recipe())
    questions = [chunk.text[20:50] for chunk in chunks[:100]]
    found = retrieve(index, questions, DENSE, k=7)
    matrix = letters.documents([chunk.text for chunk in chunks])
    similarities = numpy.round((letters.queries(questions) @ matrix.T).astype(float), 5)
    for row, got in zip(similarities, found, strict=True):
        ids = [int(chunk.id.split("#")[1]) for chunk in got]
        assert [row[i] for i in ids] == pytest.approx(sorted(row, reverse=True)[:7], abs=2e-5)
        assert [chunks[i] for i in ids] == got  # every field came back
    assert found == retrieve(index, questions, DENSE, k=7)
    assert [few[:3] for few in found] == retrieve(index, questions, DENSE, k=3)


def test_many_questions_are_looked_up_at_once(letters: Letters) -> None:
    """More rows than SQLite takes variables in a statement."""
    chunks = random_chunks(60)
    index, asked = build_index(chunks, Recipe()), [chunk.text[:30] for chunk in chunks]
    found = retrieve(index, asked * 10, DENSE, k=60)
    assert found == retrieve(index, asked, DENSE, k=60) * 10


def test_equal_chunks_come_in_the_order_of_their_ids(letters: Letters) -> None:
    chunks = [Chunk(f"d#{i}", "d", "D", 1, i, i + 3, "abc") for i in (5, 1, 9, 3)]
    found = retrieve(build_index(chunks, Recipe()), ["cab"], DENSE, k=3)
    assert [chunk.id for chunk in found[0]] == ["d#1", "d#3", "d#5"]


def test_an_index_is_reused_and_changed_chunks_make_another(
    letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    chunks = make_chunks(8)
    first = build_index(chunks, Recipe())
    again = build_index(chunks, Recipe())
    assert first.folder == again.folder
    assert letters.embedded == 8
    assert "reused" in capsys.readouterr().out
    assert build_index(chunks[:7], Recipe()).folder != first.folder
    assert retrieve(again, [chunks[0].text], Recipe(), k=1) == [[chunks[0]]]


def test_an_interrupted_build_is_never_reused(
    letters: Letters, monkeypatch: pytest.MonkeyPatch, home_dir: Path
) -> None:
    fill = index_module._fill

    def half(client: object, chunks: Sequence[Chunk], *rest: Any) -> None:
        fill(client, chunks[:4], *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(index_module, "_fill", half)
    with pytest.raises(KeyboardInterrupt):
        build_index(make_chunks(8), Recipe())
    assert list((home_dir / "artefacts" / "indexes").iterdir()) == []
    monkeypatch.setattr(index_module, "_fill", fill)
    assert len(retrieve(build_index(make_chunks(8), Recipe()), ["ferry"], Recipe(), k=8)[0]) == 8


def test_what_cannot_be_indexed_or_found_says_so(letters: Letters) -> None:
    chunks = make_chunks(3)
    with pytest.raises(SetupError, match="no chunks"):
        build_index([], Recipe())
    with pytest.raises(SetupError, match="one id"):
        build_index([*chunks, chunks[0]], Recipe())
    with pytest.raises(SetupError, match="top_k is 4, and the index holds 3"):
        retrieve(build_index(chunks, Recipe()), ["ferry"], Recipe(), k=4)
    assert retrieve(build_index(chunks, Recipe()), [], Recipe(), k=2) == []


@pytest.mark.parametrize("seed", range(4))
def test_an_updated_index_finds_what_a_new_one_finds(
    letters: Letters, seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Documents are added, changed, removed, and begin later, in any number, read in parts."""
    monkeypatch.setattr(index_module, "ROWS_AT_ONCE", 11)
    rng, chunks = Random(seed), random_chunks(80)
    first, later = rng.sample(chunks, rng.randint(1, 80)), rng.sample(chunks, rng.randint(1, 80))
    later = [
        replace(chunk, id=f"moved#{n}", start=n) if rng.random() < 0.2 else chunk
        for n, chunk in enumerate(later)
    ]
    build_index(first, Recipe())
    embedded = letters.embedded
    updated = build_index(later, Recipe())
    known = {chunk.text for chunk in first}
    assert letters.embedded - embedded == sum(chunk.text not in known for chunk in later)
    monkeypatch.setenv("OPENBOOK_HOME", str(tmp_path / "another home"))
    fresh = build_index(later, Recipe())
    asked, k = [chunk.text[10:60] for chunk in chunks], min(5, len(later))
    for setting in ("dense", "keywords", "hybrid"):
        found = retrieve(updated, asked, Recipe(), k=k, setting=setting)
        assert found == retrieve(fresh, asked, Recipe(), k=k, setting=setting)


def test_an_updated_index_has_a_graph_of_its_own(letters: Letters) -> None:
    """Chroma's loses chunks when others are deleted or replaced: 2 of 2,000, half of them new."""
    folders = [build_index(random_chunks(40)[:count], Recipe()).folder for count in (40, 39)]
    graphs = [path.name for folder in folders for path in folder.iterdir() if path.is_dir()]
    assert len({*graphs}) == 2


def test_an_index_of_the_same_chunks_is_updated_not_the_newest(letters: Letters) -> None:
    """Several indexes of one model: each is an update of itself."""
    chunks = random_chunks(40)
    for part in (chunks[:20], chunks[20:]):
        assert build_index(part, Recipe()).folder
    build_index(chunks[1:20], Recipe())
    build_index(chunks[21:], Recipe())
    assert letters.embedded == 40


def test_another_model_of_the_same_name_says_so(
    letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = build_index(make_chunks(4), Recipe())
    monkeypatch.setattr(letters, "queries", lambda texts: numpy.ones((len(texts), 30)))
    with pytest.raises(SetupError, match="letters gave vectors of 26 and of 30 numbers"):
        retrieve(index, ["ferry"], DENSE, k=1)

    class Other(Loopback):
        async def embeddings(self, request: web.Request) -> web.Response:
            size = 3 + len(self.requests)
            data = [{"embedding": [1.0] * size} for _ in (await request.json())["input"]]
            self.requests.append({})
            return web.json_response({"data": data, "usage": {"prompt_tokens": 1}})

    with serve(Other()) as server:
        point(monkeypatch, server, "EMBEDDING")
        embedder = load_embedder(Recipe())
        embedder.documents(["a"])
        with pytest.raises(SetupError, match="vectors of 3 and of 4 numbers"):
            embedder.documents(["a", "b"])


def test_documents_that_minilm_cannot_read_are_said(
    letters: Letters, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    german = "Der Steg wurde 1887 eröffnet, und die Lampe brennt seitdem jede Nacht mit Öl."
    chunks = [replace(chunk, document_id=chunk.id) for chunk in make_chunks(9)]
    foreign = [replace(chunk, id=f"de{n}", document_id=f"de{n}", text=f"{german} {n}")
               for n, chunk in enumerate(chunks)]  # fmt: skip
    for name, made, said in (
        ("all-MiniLM-L6-v2", chunks + foreign[:4], False),
        ("all-MiniLM-L6-v2", chunks[:4] + foreign, True),
        ("another", chunks[:4] + foreign, False),
    ):
        monkeypatch.setattr(letters, "name", name)
        assert build_index(made, DENSE).folder
        out = capsys.readouterr().out
        assert ("are not in English (of 13: de 9)" in out) == ("not in English" in out) == said


def test_search_by_words_embeds_nothing(letters: Letters, home_dir: Path) -> None:
    chunks = make_chunks(8)
    with build_index(chunks, Recipe(retrieval=["keywords"])) as index:
        found = retrieve(index, ["ferry"], Recipe(), k=2, setting="keywords + neighbours")
        assert found[0]
        assert letters.embedded == 0
        [folder] = (home_dir / "artefacts" / "indexes").iterdir()
        assert folder.name.startswith("bm25-")
        assert retrieve(index, [chunks[2].text], DENSE, k=1) == [[chunks[2]]]
    assert letters.embedded == 9


def test_an_index_of_another_embedder_is_not_updated(letters: Letters) -> None:
    build_index(make_chunks(4), Recipe())
    letters.identity = "letters, counted otherwise"
    build_index(make_chunks(5), Recipe())
    assert letters.embedded == 9


@pytest.mark.parametrize("damage", ["absent", "cut", "text"])
def test_a_damaged_index_is_built_anew(
    letters: Letters, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The index itself, and another one that would be updated."""
    chunks = make_chunks(6)
    for folder in (build_index(chunks, Recipe()).folder, build_index(chunks[:5], Recipe()).folder):
        database = folder / "chroma.sqlite3"
        content = {"cut": database.read_bytes()[:30_000], "text": b"not a database " * 400}
        database.unlink()
        if damage != "absent":
            database.write_bytes(content[damage])
    capsys.readouterr()
    with build_index(chunks, Recipe()) as index:
        [found] = retrieve(index, [chunks[3].text], DENSE, k=1)
    assert found == [chunks[3]]
    assert capsys.readouterr().out.count("cannot be read") == 2
    assert letters.embedded == 6 + 6 + 1  # the first build, this one, and the question


def test_an_index_that_was_changed_is_built_anew(
    letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a vector store of LangChain it can be written to."""
    chunks = make_chunks(5)
    with build_index(chunks, DENSE) as index:
        index.vector_store().add_texts(["ferry"])
    with build_index(chunks, DENSE) as index:
        assert len(retrieve(index, ["ferry"], DENSE, k=5)[0]) == 5
    assert "it holds 6 chunks, not 5" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["absent", "cut", "empty"])
def test_a_damaged_graph_of_vectors_is_built_anew(
    letters: Letters, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Chroma would find what is left of it, or end the process."""
    chunks = random_chunks(6)
    with build_index(chunks, Recipe()) as index:
        graph = next(index.folder.glob("*/data_level0.bin"))
    if damage == "absent":
        shutil.rmtree(graph.parent)
    else:
        graph.write_bytes(graph.read_bytes()[: 1000 if damage == "cut" else 0])
    capsys.readouterr()
    with build_index(chunks, Recipe()) as index:
        [found] = retrieve(index, [chunks[3].text], DENSE, k=1)
    assert found == [chunks[3]]
    assert "files of its graph are damaged): it is not used" in capsys.readouterr().out
    assert letters.embedded == 6 + 6 + 1


@pytest.mark.parametrize("damage", ["absent", "cut", "empty"])
def test_a_damaged_index_of_words_is_built_anew(letters: Letters, damage: str) -> None:
    chunks, recipe = make_chunks(6), Recipe(retrieval=["keywords"])
    build_index(chunks, recipe)
    [folder] = (home() / "artefacts" / "indexes").iterdir()
    for name in sorted(path.name for path in folder.iterdir()):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        if damage != "absent":
            (folder / name).write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
        [found] = retrieve(build_index(chunks, recipe), [chunks[3].text], recipe, k=1)
        assert found == [chunks[3]], name


def test_the_index_is_a_vector_store_of_langchain(letters: Letters) -> None:
    chunks = random_chunks(60)
    with build_index(chunks, Recipe()) as index:
        found = index.vector_store().similarity_search(chunks[7].text, k=3)
        ours = DenseRetriever(index=index, k=3).invoke(chunks[7].text)
    assert [d.id for d in found] == [d.id for d in ours]
    assert [as_chunk(d) for d in found] == [as_chunk(d) for d in ours]
    assert as_chunk(found[0]) == chunks[7]


# --- embedders -----------------------------------------------------------------------------------


def test_the_endpoint_embeds_once_through_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as server:
        point(monkeypatch, server, "EMBEDDING", "org/letters:1")
        embedder = load_embedder(Recipe())
        assert isinstance(embedder, EndpointEmbedder)
        assert embedder.name == "org-letters-1"
        texts = [f"text number {i}" for i in range(70)]
        done: list[int] = []
        vectors = embedder.documents(texts, on_done=done.append)
        assert numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1)
        assert sum(done) == 70
        paid = len(server.requests)
        assert numpy.array_equal(embedder.queries(texts), vectors)
        assert len(server.requests) == paid == 2


class Tokens(Loopback):
    """A token is four letters."""

    async def embeddings(self, request: web.Request) -> web.Response:
        reply = json.loads((await super().embeddings(request)).text or "")
        reply["usage"]["prompt_tokens"] //= 4
        return web.json_response(reply)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"max_tokens_total": 600}, "max_tokens_total = 600"),
        ({"max_cost": 0.6}, "max_cost = 0.6"),
    ],
)
def test_embedding_keeps_to_the_budget_and_the_next_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, home_dir: Path, limit: dict[str, Any], said: str
) -> None:
    """64 texts of 15 letters take 240 tokens, and 320 at most."""
    prices = "models: {letters: {prompt: 1000, completion: 0}, student: {prompt: 1, completion: 1}}"
    (home_dir / "prices.yaml").write_text(f"as_of: 2026-01-02\ncurrency: EUR\n{prices}\n")
    texts = [f"text number {i:03}" for i in range(500)]
    with serve(Tokens()) as server:
        for role, model in (("EMBEDDING", "letters"), ("TEACHER", "student")):
            point(monkeypatch, server, role, model)
        recipe = Recipe(max_retrieval_tokens=10_000_000, **limit)
        with pytest.raises(SetupError, match=f"of {said}.* is spent by 2 replies") as spent:
            load_embedder(recipe).documents(texts)
        assert "\n" not in str(spent.value)
        with pytest.raises(SetupError, match="is spent by 2 replies"):  # one budget for all roles
            EndpointChat(role="teacher", recipe=recipe).invoke("Hello?")
        assert len(server.requests) == 2
        assert load_embedder(Recipe()).documents(texts).shape == (500, 26)
        sent = [text for request in server.requests for text in request["input"]]
    assert sorted(sent) == texts, "each is paid once"


@dataclass
class InPairs(Loopback):
    """Answers a batch when another one is there, too."""

    pair: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(2))

    async def embeddings(self, request: web.Request) -> web.Response:
        async with asyncio.timeout(20), self.pair:
            return await super().embeddings(request)


def test_batches_of_texts_are_in_flight_together(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{'abcdefghij'[i % 10]} {i}" for i in range(128)]
    with serve(InPairs()) as server:
        point(monkeypatch, server, "EMBEDDING", "letters")
        vectors = load_embedder(Recipe()).documents(texts)
    expected = numpy.array([letter_vector(text) for text in texts])  # in their order
    assert numpy.allclose(vectors, expected / numpy.linalg.norm(expected, axis=1, keepdims=True))


class OutOfOrder(Loopback):
    """Embeds one batch, then no more."""

    async def embeddings(self, request: web.Request) -> web.Response:
        if self.requests:
            return error(422, "out of order")
        return await super().embeddings(request)


def test_a_failing_embedding_endpoint_says_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(OutOfOrder()) as server:
        point(monkeypatch, server, "EMBEDDING", "letters")
        texts = [f"text number {i}" for i in range(70)]
        with pytest.raises(SetupError, match=r"The vectors of (64|6) texts are in the ledger"):
            load_embedder(Recipe()).documents(texts)


@pytest.mark.parametrize("owner", ["", "sentence-transformers/", "nobody/"])
def test_offline_a_model_of_the_hubs_cache_is_known(
    owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    name = f"{'nobody/' if owner == 'nobody/' else ''}no-e5"
    recipe = Recipe(embedding_model=name)
    with pytest.raises(SetupError, match="nor is it in the hub's cache"):
        require_models(recipe)
    repository = tmp_path / f"models--{owner.replace('/', '--')}no-e5"
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "snapshots" / "abc" / "config.json").touch()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    require_models(recipe)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    require_models(Recipe(embedding_model="only/the-hub-knows", rerank_model="llm"))


def test_weights_that_are_not_the_publishers_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(package: str) -> Path:
        raise ModuleNotFoundError(package)

    for found in (absent, lambda package: tmp_path):
        monkeypatch.setattr(embedder_module, "files", found)
        with pytest.raises(SetupError, match=r"has no weights.*not loaded.*again"):
            minilm_dir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(SetupError, match=r"has weights with SHA-256 \w{12}….*not loaded"):
        load_embedder(Recipe())


def test_a_model_that_is_nowhere_says_so() -> None:
    from huggingface_hub import constants

    assert constants.HF_HUB_OFFLINE  # else it waits for the hub, or for the lack of a network
    with pytest.raises(SetupError, match="cannot be loaded"):
        load_embedder(Recipe(embedding_model="no-such-folder/no-such-model")).queries(["ferry"])


@pytest.fixture(scope="module")
def minilm() -> LocalEmbedder:
    embedder = load_embedder(Recipe())
    assert isinstance(embedder, LocalEmbedder)
    return embedder


def test_models_without_a_fast_tokenizer_embed_long_texts(tmp_path: Path) -> None:
    """A static one has a tokenizer of another library, PhoBERT's is in Python."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PhobertTokenizer, RobertaConfig, RobertaModel

    whole = Tokenizer(models.WordLevel({"[UNK]": 0, "pier": 1, "lamp": 2}, unk_token="[UNK]"))
    whole.pre_tokenizer = pre_tokenizers.Whitespace()
    static = SentenceTransformer(modules=[StaticEmbedding(whole, embedding_dim=8)], device="cpu")
    static.save(str(tmp_path / "static"))
    (tmp_path / "vocab").write_text("".join(f"{c}@@ 1\n{c} 1\n" for c in "ielmpr"))
    (tmp_path / "codes").write_text("#version: 0.2\n")
    python = PhobertTokenizer(str(tmp_path / "vocab"), str(tmp_path / "codes"))
    config = RobertaConfig(
        vocab_size=len(python), hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8, max_position_embeddings=66,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(tmp_path / "python")
    python.save_pretrained(tmp_path / "python")
    long = "pier lamp " * 100
    for name, windows in (("static", 1), ("python", 19)):
        embedder = LocalEmbedder(str(tmp_path / name), name=name, identity=name)
        assert embedder.documents(["pier", long]).shape == (2, 8)
        pieces = embedder.windows(long)
        assert "".join(pieces) == long
        assert len(pieces) == windows


def test_a_model_of_e5_gets_the_prompts_that_it_was_trained_with(
    minilm: LocalEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's bring none. Here MiniLM is called so."""
    folder = tmp_path / "multilingual-e5-small"
    folder.symlink_to(minilm_dir())
    named = load_embedder(Recipe(embedding_model=str(folder)))
    asked, told = minilm.queries(["query: Who lit it?", "passage: Ann lit it."])
    assert named.queries(["Who lit it?"])[0] == pytest.approx(asked, abs=1e-5)
    assert named.documents(["Ann lit it."])[0] == pytest.approx(told, abs=1e-5)
    with serve(Loopback()) as server:
        point(monkeypatch, server, "EMBEDDING", "intfloat/e5-base-v2")
        served = load_embedder(Recipe())
        served.queries(["Who?"])
        served.documents(["Ann."])
        assert [body["input"] for body in server.requests] == [["query: Who?"], ["passage: Ann."]]
    for model in ("all-MiniLM-L6-v2", "base5-x", "intfloat/multilingual-e5-large-instruct"):
        assert prompts_of(model) == {}


def test_minilm_retrieves_every_oracle_of_a_toy_corpus(
    minilm: LocalEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "load_embedder", lambda recipe: minilm)
    chunks = make_chunks(16)
    questions = [question_of(chunk) for chunk in chunks]
    cases = build_cases(questions, build_index(chunks, Recipe()), Recipe(top_k=[3]))
    hits = [case.oracle_in_context for case in cases if case.condition == "top_3"]
    assert len(hits) == 16
    assert all(hits)


def test_the_tail_of_a_long_text_counts(minilm: LocalEmbedder) -> None:
    filler = "The committee met again and agreed on the minutes of the last meeting. " * 20
    with_tail = filler + "Saffron is harvested by hand from the crocus at dawn."
    pieces = minilm.windows(with_tail)
    assert "".join(pieces) == with_tail
    assert len(pieces) > 1
    assert minilm.windows("short") == ["short"]
    assert minilm.windows("") == [""]
    one, other = minilm.documents([filler, with_tail])
    assert float(one @ other) < 0.999
    assert numpy.linalg.norm(other) == pytest.approx(1, abs=1e-5)
    query = minilm.queries(["How is saffron harvested?"])[0]
    assert float(query @ other) > float(query @ one) + 0.05
