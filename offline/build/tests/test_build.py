"""The build of the base student: training text, rows, training. Not part of `make test`."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from lib.prompts.student import REFUSAL, parse_answer, student_messages
from lib.settings import SetupError
from offline.build import training as base_training
from offline.build.__main__ import build
from offline.build.asks import (
    HELD_OUT_FACTS,
    HELD_OUT_KINDS,
    facts,
    facts_of,
    make_thing,
    nouns_of,
    slots,
)
from offline.build.mix import draw_example, renamed
from offline.build.model import Shape, make_model
from offline.build.passages import generated_example
from offline.build.prose import documents, prose_example
from offline.build.rows import (
    completion,
    draw_batches,
    make_row,
    token_row,
    train_tokenizer,
)
from offline.build.training import (
    BEFORE_DECAY,
    Plan,
    batch_loss,
    load_checkpoint,
    make_optimizers,
)
from offline.build.word_lists import value, word_lists

TINY = Plan(
    steps=7,
    batch_tokens=400,
    shape=Shape(layers=2, hidden=64, heads=2, feed_forward=96),
    tokenizer_examples=40,
)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(seed=0, num_examples=40)


def folded(text: str) -> str:
    return " ".join(text.split())


def folder_hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


# --- the training text ---------------------------------------------------------------------------


def test_every_slot_of_a_fact_can_be_filled_and_asked():
    letters = {name[6:] for name in word_lists() if name.startswith("kinds_")}
    assert len(facts()) > 60
    for fact in facts():
        stated = {s.rstrip("^") for p in fact.phrases + fact.sentences for s in slots(p)}
        assert set(fact.classes) <= letters
        assert {slot for slot, _, _ in fact.questions} <= stated, fact.name
        for slot in stated:
            assert value(Random(0), slot)


@pytest.mark.parametrize("make", ["generated", "prose", "drawn"])
def test_quotes_stand_in_the_passage_and_answers_in_the_quote(make):
    rng = Random(1)
    answered = refused = 0
    for _ in range(300):
        if make == "generated":
            example = generated_example(rng, num_sentences=7, num_documents=rng.randint(1, 3))
        elif make == "prose":
            example = prose_example(rng, num_chars=700)
        else:
            example = draw_example(rng, progress=1.0)
        for ask in example.asks:
            if not ask.answer:
                refused += 1
                assert completion(ask) == REFUSAL
                continue
            answered += 1
            assert ask.answer in ask.quote
            assert any(folded(ask.quote) in folded(text) for text in example.documents)
            parsed = parse_answer(completion(ask))
            assert parsed.final_answer == ask.answer
            assert parsed.quotes == (folded(ask.quote),)
    assert 0.05 < refused / (answered + refused) < 0.2


def test_no_slot_is_left_unfilled():
    rng = Random(2)
    for _ in range(300):
        example = generated_example(rng, num_sentences=6)
        for text in [*example.documents, *(ask.question for ask in example.asks)]:
            assert not set("{}^") & set(text)


def test_a_question_of_an_example_has_one_answer():
    rng = Random(3)
    for _ in range(200):
        asked = Counter(ask.question for ask in generated_example(rng, num_sentences=12).asks)
        assert max(asked.values(), default=1) == 1 or "" in asked


def test_held_out_families_are_not_trained_on():
    for letter in "LPTOAWEFV":
        assert not {f.name for f in facts_of(letter, held_out=False)} & HELD_OUT_FACTS
        assert not set(nouns_of(letter, False)) & set(nouns_of(letter, True))
    rng = Random(4)
    trained, kept = ({make_thing(rng, held_out=h).kind for _ in range(900)} for h in (False, True))
    assert not trained & HELD_OUT_KINDS
    assert kept <= HELD_OUT_KINDS


def test_the_same_seed_draws_the_same_batches(tokenizer):
    first, again, other = (
        draw_batches(tokenizer, seed=seed, number=3, progress=0.7, tokens=800) for seed in (5, 5, 6)
    )
    assert all((a.ids == b.ids).all() for a, b in zip(first, again, strict=True))
    assert [b.ids.shape for b in other] != [b.ids.shape for b in first]


def test_late_batches_hold_long_rows(tokenizer):
    early = draw_batches(tokenizer, seed=0, number=4, progress=0.1, tokens=4096)
    late = draw_batches(tokenizer, seed=0, number=4, progress=0.9, tokens=4096)
    assert max(batch.positions.max() for batch in early) < 700
    assert max(batch.positions.max() for batch in late) > 700


def test_other_names_keep_quotes_and_answers_in_their_places(tokenizer):
    changed = 0
    for seed in range(300):
        before = draw_example(Random(seed), progress=1.0)
        example = renamed(Random(seed), before)
        changed += example != before
        for ask in example.asks:
            whole = [" ".join(document.split()) for document in example.documents]
            assert not ask.answer or any(folded(ask.quote) in document for document in whole)
            assert ask.answer in folded(ask.quote)
    assert changed > 100
    row = token_row(tokenizer, Random(1), num_tokens=20)
    assert list(row.ids[1:21]) == list(row.ids[21:])
    assert list(np.flatnonzero(row.learn)) == list(range(22, 41))


def test_the_prose_is_real_text_of_some_size():
    assert len(documents()) > 1000
    assert sum(len(paragraph) for document in documents() for paragraph in document) > 2e6


# --- rows ----------------------------------------------------------------------------------------


def test_a_rows_segments_are_the_prompts_and_completions_of_the_template(tokenizer):
    rng = Random(7)
    for example in (draw_example(rng, progress=1.0) for _ in range(20)):
        row = make_row(tokenizer, example)
        for number, ask in enumerate(example.asks, start=1):
            prompt = student_messages(ask.question, example.documents)
            whole = [*prompt, {"role": "assistant", "content": completion(ask)}]
            ids = tokenizer.apply_chat_template(whole)["input_ids"]
            start = len(
                tokenizer.apply_chat_template(prompt, add_generation_prompt=True)["input_ids"]
            )
            seen = (row.segments == 0) | (row.segments == number)
            assert list(row.ids[seen]) == ids
            assert list(row.positions[seen]) == list(range(len(ids)))
            assert list(np.flatnonzero(row.learn[seen])) == list(range(start, len(ids)))


def test_a_question_sees_the_documents_and_itself_only(tokenizer):
    """The loss of a row is that of its questions asked one by one."""
    import torch

    from offline.build.rows import pad

    model = make_model(tokenizer, shape=TINY.shape, seed=0)
    example = generated_example(Random(11), num_sentences=6)
    assert len(example.asks) > 1
    rows = [make_row(tokenizer, replace(example, asks=(ask,))) for ask in example.asks]
    with torch.no_grad():
        together = batch_loss(model, pad([make_row(tokenizer, example)], pad_id=0), device="cpu")
        apart = batch_loss(model, pad(rows, pad_id=0), device="cpu")
    assert together.item() == pytest.approx(apart.item(), rel=0.01)


# --- building ------------------------------------------------------------------------------------


def test_the_rate_is_full_then_falls_to_zero():
    plan = Plan(steps=1000)
    factors = [plan.rate_factor(step) for step in (0, 200, plan.decay_from, 825, 1000)]
    assert factors == [pytest.approx(f) for f in (1 / 60, 1.0, 1.0, 0.5, 0.0)]


def test_a_longer_plan_goes_on_from_where_the_rates_began_to_fall(tmp_path, tokenizer):
    plan = replace(TINY, steps=12)
    build(plan, out_dir=tmp_path / "a", work_dir=tmp_path / "work")
    (tmp_path / "work" / "checkpoint.pt").unlink(missing_ok=True)
    assert (tmp_path / "work" / BEFORE_DECAY).exists()
    longer = replace(plan, steps=40)
    model = make_model(tokenizer, shape=plan.shape, seed=9)
    progress = load_checkpoint(tmp_path / "work", longer, model, make_optimizers(model, longer))
    assert 0 < progress.step <= plan.decay_from
    other = replace(longer, muon_rate=0.001)
    with pytest.raises(SetupError, match="other settings"):
        load_checkpoint(tmp_path / "work", other, model, make_optimizers(model, other))


def test_same_seed_same_bytes_even_if_stopped_between(tmp_path, monkeypatch):
    build(TINY, out_dir=tmp_path / "a", work_dir=tmp_path / "work_a")

    class Stopped(Exception):
        pass

    def save_and_stop(*arguments):
        saved(*arguments)
        raise Stopped

    saved = base_training.save_checkpoint
    monkeypatch.setattr(base_training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(base_training, "save_checkpoint", save_and_stop)
    with pytest.raises(Stopped):
        build(TINY, out_dir=tmp_path / "b", work_dir=tmp_path / "work_b")
    assert not (tmp_path / "b").exists()
    with pytest.raises(SetupError, match="other settings"):
        build(replace(TINY, seed=1), out_dir=tmp_path / "b", work_dir=tmp_path / "work_b")
    monkeypatch.setattr(base_training, "save_checkpoint", saved)
    build(TINY, out_dir=tmp_path / "b", work_dir=tmp_path / "work_b")
    hashes = folder_hashes(tmp_path / "a")
    assert hashes == folder_hashes(tmp_path / "b")
    assert {"model.safetensors", "tokenizer.json", "chat_template.jinja"} <= set(hashes)
