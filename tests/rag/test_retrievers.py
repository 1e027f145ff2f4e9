"""Retrievers and what stands behind them: each against a direct computation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel

from lib.prompts.retrieval import parse_order, parse_queries
from lib.rag import index as index_module
from lib.rag.chain import read_reply
from lib.rag.documents import as_chunk, as_document, parts_of
from lib.rag.index import build_index
from lib.rag.pipeline import retrieve, retriever_of
from lib.rag.refine import (
    CrossEncoderReranker,
    ModelCompressor,
    ModelReranker,
    Neighbours,
    SentenceCompressor,
    SentenceReranker,
    join,
)
from lib.rag.retrievers import (
    ExpandedRetriever,
    FusedRetriever,
    KeywordRetriever,
    RoutedRetriever,
    fuse,
)
from lib.rag.sentences import SentenceVectors, sentences_of
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError, home
from lib.text import find_quote, terms
from tests.eval.toy import make_chunks
from tests.rag.conftest import Letters, point
from tests.server import Loopback, error, serve


def named(*names: str) -> list[Document]:
    return [Document(id=name, page_content=f"text of {name}") for name in names]


def cut(text: str, *, size: int, overlap: int) -> list[Chunk]:
    """Chunks of a document that overlap, as 1_gen cuts them."""
    starts = range(0, len(text), size - overlap)
    spans = [(start, min(start + size, len(text))) for start in starts]
    return [Chunk(f"d#{a}", "d", "D", 1, a, b, text[a:b]) for a, b in spans]


# --- fusion --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_fusion_is_the_sum_of_weights_over_places(seed: int) -> None:
    rng = Random(seed)
    names = [f"c{n:02}" for n in range(12)]
    rankings = [rng.sample(names, rng.randint(0, 12)) for _ in range(rng.randint(1, 4))]
    weights = [rng.choice((0.5, 1.0, 2.0)) for _ in rankings]
    expected: dict[str, float] = dict.fromkeys(chain.from_iterable(rankings), 0.0)
    for weight, ranking in zip(weights, rankings, strict=True):
        for place, name in enumerate(ranking):
            expected[name] += weight / (61 + place)
    fused = fuse([named(*ranking) for ranking in rankings], weights, k=12)
    assert {d.id: d.metadata["score"] for d in fused} == pytest.approx(expected, abs=1e-8)
    scores = [d.metadata["score"] for d in fused]
    assert scores == sorted(scores, reverse=True)
    assert fuse([named(*r) for r in rankings], weights, k=3) == fused[:3]
    equal = fuse([named(*ranking) for ranking in rankings], k=12)
    assert fuse([named(*r) for r in reversed(rankings)], k=12) == equal


def test_a_document_counts_once_in_a_ranking() -> None:
    twice = fuse([named("a", "b", "b", "b"), named("c")], k=3)
    assert [d.id for d in twice] == ["a", "c", "b"]
    without_ids = [Document(page_content="x"), Document(page_content="x")]
    assert len(fuse([without_ids], k=3)) == 1
    texts = [[Document(id="a", page_content=text)] for text in ("first", "second")]
    assert [d.page_content for d in fuse(texts, k=3)] == ["first"]
    with pytest.raises(ValueError, match=r"shorter|longer"):
        fuse([named("a")], [1.0, 2.0], k=1)


def test_other_retrievers_can_be_fused_with_ours(letters: Letters) -> None:
    from langchain_core.retrievers import BaseRetriever

    class Fixed(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: object) -> list[Document]:
            return [as_document(make_chunks(8)[5])]

    with build_index(make_chunks(8), Recipe()) as index:
        both = FusedRetriever(
            retrievers=[KeywordRetriever(index=index, k=2), Fixed()], weights=(1.0, 5.0), k=3
        )
        assert as_chunk(both.invoke("ferry of Tarrow")[0]) == make_chunks(8)[5]
        assert [d.id for d in both.batch(["ferry", "mill"])[1]] == [
            d.id for d in both.invoke("mill")
        ]


# --- several indexes -----------------------------------------------------------------------------

VIETNAMESE = (
    "Thư viện mở cửa lúc tám giờ sáng.",
    "Chuyến phà cuối rời bến lúc chín giờ tối.",
    "Tàu chở gỗ cập cảng vào mùa xuân.",
)


def of_two_languages() -> list[Chunk]:
    other = [Chunk(f"v{n}#0", f"v{n}", "V", 1, 0, 9, text) for n, text in enumerate(VIETNAMESE)]
    return [*make_chunks(6), *other]


@pytest.mark.parametrize("setting", ["keywords", "hybrid + rerank + compress"])
def test_a_question_is_looked_for_in_the_index_of_its_language(
    letters: Letters, setting: str
) -> None:
    chunks, asked = of_two_languages(), ["Which ferry of Tarrow?", "Thư viện mở cửa lúc mấy giờ?"]
    recipe = Recipe(retrieval=[f"{setting} + languages"])
    with build_index(chunks, recipe) as index:
        found = retrieve(index, asked, recipe, k=3)
    alone = [
        retrieve(build_index(own, recipe), [question], recipe, k=3, setting=setting)[0]
        for own, question in zip((chunks[:6], chunks[6:]), asked, strict=True)
    ]
    assert found == alone
    assert found[1][0].document_id == "v0"


def test_an_index_may_have_an_embedding_model_of_its_own(
    monkeypatch: pytest.MonkeyPatch, home_dir: Path
) -> None:
    made: dict[str, Letters] = {}

    def load(recipe: Recipe) -> Letters:
        embedder = made[recipe.embedding_model] = Letters()
        embedder.name = embedder.identity = recipe.embedding_model or "letters"
        return embedder

    monkeypatch.setattr(index_module, "load_embedder", load)
    given: dict[str, Any] = {"retrieval": ["dense + languages"], "index_models": ["vi = other"]}
    recipe = Recipe(**given)
    index = build_index(of_two_languages(), recipe)
    assert {name: one.embedded for name, one in made.items()} == {"": 6, "other": 3}
    retrieve(index, ["Thư viện mở cửa lúc mấy giờ?"], recipe, k=3)
    assert {name: one.embedded for name, one in made.items()} == {"": 6, "other": 4}
    with pytest.raises(SetupError, match="names 'vn', and the indexes of these documents are: en"):
        build_index(of_two_languages(), Recipe(**(given | {"index_models": ["vn=other"]})))
    for wrong in ("other", "=other", "vi="):
        with pytest.raises(SetupError, match="expected an index and its embedding model"):
            Recipe(**(given | {"index_models": [wrong]}))
    with pytest.raises(SetupError, match=r"has one index. Add \+ languages or \+ folders"):
        Recipe(index_models=["vi=other"])


def in_folders() -> list[Chunk]:
    ids = [f"{folder}{n}.md" for folder in ("tides/", "boats/", "") for n in range(5)]
    ids.append("https://docs.example.com/a/b")
    pairs = zip(ids, make_chunks(16), strict=True)
    return [replace(chunk, id=f"{name}#0", document_id=name) for name, chunk in pairs]


@pytest.mark.parametrize("search", ["keywords", "dense", "hybrid"])
def test_what_several_indexes_find_is_fused(letters: Letters, search: str) -> None:
    chunks, asked = in_folders(), ["Which ferry of Tarrow?", "Who painted the mill?"]
    recipe = Recipe(retrieval=[f"{search} + folders"])
    with build_index(chunks, recipe) as index:
        assert [*index.divided("folders", recipe)] == [".", "boats", "docs.example.com", "tides"]
        found = retrieve(index, asked, recipe, k=6)
    parts = [chunks[10:15], chunks[5:10], chunks[15:], chunks[:5]]
    apart = [
        retrieve(build_index(own, recipe), asked, recipe, k=len(own), setting=search)
        for own in parts
    ]
    for ranked, rankings in zip(found, zip(*apart, strict=True), strict=True):
        documents = [[as_document(chunk) for chunk in ranking] for ranking in rankings]
        assert ranked == [as_chunk(document) for document in fuse(documents, k=6)]
    reranked = retrieve(index, asked, recipe, k=3, setting=f"{search} + folders + rerank")
    assert [len(ranked) for ranked in reranked] == [3, 3]


def test_a_model_may_name_the_indexes(letters: Letters, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows the folders by number; without a number, all are asked."""
    with serve(Loopback(reply=lambda body: "2" if "Who" in str(body) else "0")) as server:
        point(monkeypatch, server, "TEACHER")
        recipe = Recipe(retrieval=["dense + folders + route"])
        index = build_index(in_folders(), recipe)
        named, everywhere = retrieve(index, ["Who painted the mill?", "Which?"], recipe, k=5)
    assert {chunk.document_id.split("/")[0] for chunk in named} == {"boats"}
    assert everywhere == retrieve(index, ["Which?"], recipe, k=5, setting="dense + folders")[0]
    assert "2. boats: " in server.requests[0]["messages"][1]["content"]


def test_a_route_of_ones_own(letters: Letters) -> None:
    with build_index(of_two_languages(), Recipe()) as index:
        parts = index.divided("languages", Recipe())
        each = {name: KeywordRetriever(index=part, k=9) for name, part in parts.items()}
        routed = RoutedRetriever(
            retrievers=each, route=lambda asked: [["vi", "unknown"] for _ in asked], k=9
        )
        assert {d.metadata["document_id"] for d in routed.invoke("ferry thư viện")} == {"v0"}
        assert len(RoutedRetriever(retrievers=each, k=9).invoke("ferry thư viện")) > 1


# --- words ---------------------------------------------------------------------------------------


def bm25(question: str, texts: list[str], *, k1: float = 1.5, b: float = 0.75) -> list[float]:
    """Lucene's formula, term by term."""
    documents = [Counter(terms(text)) for text in texts]
    mean = sum(sum(d.values()) for d in documents) / len(documents)
    scores = []
    for document in documents:
        length, score = sum(document.values()), 0.0
        for term in terms(question):
            holding = sum(term in other for other in documents)
            idf = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
            count = document[term]
            score += idf * count / (count + k1 * (1 - b + b * length / mean))
        scores.append(score)
    return scores


def test_keywords_are_scored_by_the_formula_of_lucene(letters: Letters) -> None:
    chunks = make_chunks(30)
    questions = ["which ferry of Tarrow is saffron2", "the mill the mill", "nothing alike: zzz"]
    with build_index(chunks, Recipe()) as index:
        found = KeywordRetriever(index=index, k=30).find(questions)
    for question, documents in zip(questions, found, strict=True):
        scores = bm25(question, [chunk.text for chunk in chunks])
        expected = {c.id: s for c, s in zip(chunks, scores, strict=True) if s > 0}
        assert {d.id: d.metadata["score"] for d in documents} == pytest.approx(expected, abs=1e-3)
    assert found[2] == []


def test_words_of_every_script_are_found(letters: Letters) -> None:
    texts = ["Thư viện mở cửa lúc tám giờ.", "東京都の図書館は八時に開く。", "서울은 넓다."]
    chunks = [Chunk(f"d#{n}", "d", "D", 1, n, n + 9, text) for n, text in enumerate(texts)]
    index = build_index(chunks, Recipe())
    for asked in (["thư viện ở đâu", "図書館", "서울에"], ["thu vien o dau", "八時", "넓다"]):
        found = retrieve(index, asked, Recipe(), k=1, setting="keywords")
        assert [of_question[0].text for of_question in found] == texts


@pytest.mark.parametrize("texts", [["The ferry."], ["The ferry.", "…"], ["—"]])
def test_a_question_without_words_finds_nothing_by_words(
    letters: Letters, texts: list[str]
) -> None:
    chunks = [Chunk(f"d#{n}", "d", "D", 1, n, n + 9, text) for n, text in enumerate(texts)]
    index = build_index(chunks, Recipe())
    for setting, found in (("keywords", [[], []]), ("hybrid", [[chunks[0]]] * 2)):
        assert retrieve(index, ["???", ""], Recipe(), k=1, setting=setting) == found


# --- behind a search -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_neighbours_give_the_documents_own_text_once(letters: Letters, seed: int) -> None:
    rng = Random(seed)
    text = "".join(rng.choice("abcdefg \n") for _ in range(400))
    chunks = cut(text, size=40, overlap=rng.choice((0, 7)))
    assert join(chunks).text == text
    with build_index(chunks, Recipe()) as index:
        hits = [as_document(chunk) for chunk in rng.sample(chunks, 3)]
        widened = Neighbours(index=index).compress_documents(hits, "")
    spans = sorted((d.metadata["start"], d.metadata["end"]) for d in widened)
    assert all(text[start:end] == as_chunk_text(widened, start) for start, end in spans)
    covered = [place for start, end in spans for place in range(start, end)]
    for hit in hits:
        assert {*range(hit.metadata["start"], hit.metadata["end"])} <= {*covered}
    ids = [part.id for document in widened for part in document.metadata["parts"]]
    assert len(ids) == len({*ids})
    first = widened[0].metadata
    assert first["start"] <= hits[0].metadata["start"] < first["end"]


def test_a_quote_beside_a_hit_is_cited_from_its_own_page(letters: Letters) -> None:
    texts = ["The ferry sails at nine.", "The lighthouse is red.", "The mill burnt down."]
    chunks = [Chunk(f"d#{n}", "d", "D", n + 1, 30 * n, 30 * n + 29, t) for n, t in enumerate(texts)]
    with build_index(chunks, Recipe()) as index:
        widened = Neighbours(index=index).compress_documents([as_document(chunks[1])], "")
    shown = [as_chunk(document) for document in widened]
    assert len(shown) == 1
    reply = "".join(f"##begin_quote##{text}##end_quote##" for text in texts) + " <ANSWER>: red"
    cited = read_reply(reply, shown, parts=parts_of(widened)).citations
    assert [(one.quote, str(one)) for one in cited] == [
        (text, f"D, page {n}") for n, text in enumerate(texts, 1)
    ]


def as_chunk_text(documents: Sequence[Document], start: int) -> str:
    return next(d.page_content for d in documents if d.metadata["start"] == start)


def test_the_best_sentence_decides_and_is_kept(letters: Letters) -> None:
    wanted = "Zebras jazz quizzically."
    noise = "The rain in the plain is mainly a strain. " * 4
    documents = [
        as_document(Chunk("d#0", "d", "D", 1, 0, 9, "")),
        as_document(Chunk("d#1", "d", "D", 1, 1, 9, f"{noise}{wanted} {noise}")),
        as_document(Chunk("d#2", "d", "D", 1, 2, 9, noise)),
    ]
    sentences = SentenceVectors(letters)
    ranked = SentenceReranker(sentences=sentences, k=2).compress_documents(documents, wanted)
    assert ranked[0].id == "d#1"
    assert len(ranked) == 2
    short = SentenceCompressor(sentences=sentences, keep=1).compress_documents(documents, wanted)
    assert short[1].page_content == wanted
    assert [d.id for d in short] == ["d#0", "d#1", "d#2"]
    embedded = letters.embedded
    sentences.cosines(wanted, [d.page_content for d in documents])
    assert letters.embedded == embedded


@pytest.mark.parametrize("setting", ["dense + compress", "hybrid + rerank + compress"])
def test_what_is_kept_is_in_the_document(letters: Letters, setting: str) -> None:
    text = " ".join(chunk.text for chunk in make_chunks(40))
    chunks = cut(text, size=500, overlap=50)
    index = build_index(chunks, Recipe())
    by_id = {chunk.id: chunk for chunk in chunks}
    for found in retrieve(index, ["ferry of Velm", "saffron"], Recipe(), k=4, setting=setting):
        assert len({chunk.id for chunk in found}) == 4
        for chunk in found:
            assert all(find_quote(s, by_id[chunk.id].text) for s in sentences_of(chunk.text))
            assert len(sentences_of(chunk.text)) <= 3


# --- models --------------------------------------------------------------------------------------


def test_a_cross_encoder_ranks_by_its_scores(tmp_path: Path) -> None:
    """A random one of the usual architecture, as a folder."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from lib.rag.embedder import minilm_dir

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(minilm_dir())
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, num_labels=1, initializer_range=1.0,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(tmp_path / "reranker")
    tokenizer.save_pretrained(tmp_path / "reranker")
    documents = [as_document(chunk) for chunk in make_chunks(6)]
    pairs = [("Which ferry?", d.page_content) for d in documents]
    scores = CrossEncoder(str(tmp_path / "reranker"), device="cpu").predict(pairs)
    best = sorted(zip(scores.tolist(), documents, strict=True), key=lambda pair: -pair[0])
    model = CrossEncoderReranker(model=str(tmp_path / "reranker"), k=4)
    ranked = model.compress_documents(documents, "Which ferry?")
    assert [d.id for d in ranked] == [d.id for _, d in best[:4]]
    config.num_labels = 3
    BertForSequenceClassification(config).save_pretrained(tmp_path / "three")
    tokenizer.save_pretrained(tmp_path / "three")
    for wrong, why in (
        (tmp_path / "none", ""),
        (minilm_dir(), "a BertModel with 1 labels is not a re-ranker"),
        (tmp_path / "three", "with 3 labels is not a re-ranker"),
    ):
        with pytest.raises(SetupError, match=f"cannot be loaded: .*{why}"):
            CrossEncoderReranker(model=str(wrong)).compress_documents(documents, "x")


@pytest.mark.parametrize(
    "reply",
    [
        "Who made it?\nIts builder",
        "Here are three other ways:\n\n1. **Who made it?**\n2) “Its builder”\n- Who built it?",
        '```\n["Who made it?",\n "Its builder"]\n```',
    ],
)
def test_other_questions_are_read_without_what_announces_them(reply: str) -> None:
    assert parse_queries(reply, "who built it") == ["Who made it?", "Its builder"]


@pytest.mark.parametrize(
    ("reply", "order"),
    [
        *(("3 > 1", [2, 0]), ("3, 1", [2, 0]), ("**[3]>[1]**", [2, 0]), ("3", [2]), ("3.", [2])),
        *(
            ("0", []),
            ("none", []),
            ("3\n1", [2, 0]),
            ("3.\n1.", [2, 0]),
            ("1. Document 3\n2. Document 1", [2, 0]),
        ),
        (
            "Of the 5 documents, 1 and 2 name 1887. Document 3 is best: 3 > 1. Opened May 4, 1887.",
            [2, 0],
        ),
        ("Documents 1 to 5 were read, and 2 help: 3, 1", [2, 0]),
    ],
)
def test_an_order_is_read_among_sentences(reply: str, order: list[int]) -> None:
    assert parse_order(reply, 5) == order


def test_a_model_may_rank_and_copy_but_not_invent() -> None:
    documents = [as_document(chunk) for chunk in make_chunks(4)]
    model = FakeListChatModel(responses=["[3] > 1 > 3 > 99"])
    ranked = ModelReranker(model=model, k=3).compress_documents(documents, "Which?")
    assert [d.id for d in ranked] == [documents[place].id for place in (2, 0, 1)]
    sentence = documents[1].page_content
    replies = ["NONE", f"- {sentence}\n- It is free on Sundays.", "**None** of this.", "NONE"]
    kept = ModelCompressor(model=FakeListChatModel(responses=replies))
    (one,) = kept.compress_documents(documents, "Which?")
    assert (one.id, one.page_content) == (documents[1].id, sentence)
    silent = ModelReranker(model=FakeListChatModel(responses=["2"]), k=3)
    assert silent.refine([[], documents], ["Which?", "Who?"])[0] == []
    assert silent.refine([[], documents[:2]], ["Which?", "Who?"])[1] == documents[1::-1]
    nothing = ModelCompressor(model=FakeListChatModel(responses=["NONE"]))
    assert nothing.compress_documents(documents, "Which?") == documents
    rambles = ModelCompressor(model=FakeListChatModel(responses=["It is free.", sentence, "NONE"]))
    assert rambles.compress_documents(documents[:3], "Which?") == documents[:2]


@pytest.mark.parametrize("setting", ["rerank", "compress", "queries + rerank + compress"])
def test_models_are_asked_about_all_questions_at_once(
    letters: Letters, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """As many in flight as `concurrency`; what is found does not depend on who answers first."""
    asked = [f"Which {kind}?" for kind in ("ferry", "mill", "quarry", "bakery", "library")]
    recipe = Recipe(rerank_model="llm", concurrency=4)
    server = Loopback(delay_s=0.02, reply=lambda body: str(1 + len(str(body)) % 3) + " The " * 3)
    found = []
    with serve(server), build_index(make_chunks(16), recipe) as index:
        point(monkeypatch, server, "TEACHER")
        for seed in (1, 2):
            server.delays = Random(seed)
            monkeypatch.setenv("OPENBOOK_HOME", f"{home()}{seed}")  # another ledger
            if seed == 1:
                server.hold_until_in_flight(4)
            found.append(retrieve(index, asked, recipe, k=3, setting=f"keywords + {setting}"))
    one_by_one = [
        retrieve(index, [question], recipe, k=3, setting=f"keywords + {setting}")[0]
        for question in asked
    ]
    assert found == [one_by_one] * 2
    assert server.max_in_flight == 4


@pytest.mark.parametrize("setting", ["rerank", "compress", "queries", "hyde"])
def test_refused_prompts_change_nothing_and_are_said_in_one_line(
    letters: Letters,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: str,
) -> None:
    """As an engine refuses prompts beyond its context."""
    asked = [f"Which {kind}?" for kind in ("ferry", "mill", "quarry", "bakery", "library")]
    refused, recipe = asked[::2], Recipe(rerank_model="llm")
    server = Loopback(reply=lambda body: "2 saffron2")
    server.fault = lambda number, body: (
        error(400, "maximum context length is 9 tokens")
        if any(question in str(body) for question in refused)
        else None
    )
    with serve(server), build_index(make_chunks(16), recipe) as index:
        point(monkeypatch, server, "TEACHER")
        plain = retrieve(index, asked, recipe, k=3, setting="dense")
        capsys.readouterr()
        found = retrieve(index, asked, recipe, k=3, setting=f"dense + {setting}")
    assert found[::2] == plain[::2]
    prompts = len(refused), len(asked)
    if setting == "compress":  # one a document
        prompts = sum(map(len, plain[::2])), sum(map(len, plain))
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "no usable reply" in line]
    assert said.startswith(f"+ {setting}: {prompts[0]} of {prompts[1]} prompts to the teacher")
    assert "the first: refused: 400: maximum context length is 9 tokens" in said


@pytest.mark.parametrize("setting", ["hybrid + rerank", "hybrid + folders + route"])
def test_replies_without_a_number_are_said_in_one_line(
    letters: Letters,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: str,
) -> None:
    asked = [f"Which {kind}?" for kind in ("ferry", "mill", "quarry")]
    chunks = [replace(one, document_id=f"{n % 2}/d.md") for n, one in enumerate(make_chunks(16))]
    server = Loopback(
        reply=lambda body: "0" if "Which ferry" in str(body) else "I think\nall of them"
    )
    with serve(server), build_index(chunks, Recipe()) as index:
        point(monkeypatch, server, "TEACHER")
        capsys.readouterr()
        recipe = Recipe(rerank_model="llm", max_retrieval_tokens=64)
        retrieve(index, asked, recipe, k=3, setting=setting)
    part, said = setting.rpartition(" + ")[2], capsys.readouterr().out
    assert (
        f"+ {part}: 2 of 3 prompts to the teacher got no usable reply, and changed nothing" in said
    )
    assert "the first: I think all of them\n" in said
    assert {body["max_tokens"] for body in server.requests} == {64}


def test_a_question_in_other_words_finds_more(letters: Letters) -> None:
    chunks = make_chunks(16)
    with build_index(chunks, Recipe()) as index:
        plain = KeywordRetriever(index=index, k=3)
        for how, reply in (("queries", "1. saffron2\n2. saffron2\n3. hue?"), ("hyde", "saffron2")):
            model = FakeListChatModel(responses=[reply])
            wider = ExpandedRetriever.model_validate(
                {"retriever": plain, "model": model, "how": how, "k": 3}
            )
            assert plain.invoke("zzz") == []
            assert [as_chunk(d) for d in wider.invoke("zzz")] == [chunks[2]]


def test_settings_without_a_sense_are_refused(letters: Letters) -> None:
    wrongs = ["sparse", "rerank + dense", "dense + dense", "hybrid +", "hybrid rerank", ""]
    for wrong in [*wrongs, "dense + route", "dense + languages + folders", "dense + language"]:
        with pytest.raises(SetupError, match="expected 'dense', 'keywords' or 'hybrid'"):
            Recipe(retrieval=[wrong])
    with pytest.raises(SetupError, match="each once"):
        Recipe(retrieval=["dense", "dense"])
    index = build_index(make_chunks(4), Recipe())
    with index, pytest.raises(SetupError, match="Retrieval asks the teacher"):
        retriever_of(index, Recipe(), "dense + queries", k=2).invoke("Which?")
