"""What is written together is what `generate` writes for each prompt alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from lib.deploy.batch import Batch, Written, _Spent
from lib.deploy.batch_server import Threads, Writer, answer_together
from tests.finetune.tiny_gemma import SLIDING_WINDOW, gemma_config

VOCABULARY = 64  # few tokens, so that much comes again and is proposed
ENDS = frozenset({2, 3})


def llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2}
    sizes = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64}
    return LlamaForCausalLM(LlamaConfig(**sizes, **heads, initializer_range=0.4))


def gemma() -> Any:
    from transformers import Gemma3ForCausalLM

    return Gemma3ForCausalLM(gemma_config(vocab_size=VOCABULARY))


@pytest.fixture(scope="module", params=[llama, gemma])
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(5)
    return request.param().eval()


def alone(
    model: Any, prompt: list[int], most_tokens: int, ends: frozenset[int] = ENDS
) -> list[int]:
    return _alone(model, tuple(prompt), most_tokens, ends)


@cache
def _alone(
    model: Any, prompt: tuple[int, ...], most_tokens: int, ends: frozenset[int]
) -> list[int]:
    ids = torch.tensor([prompt])
    made = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=most_tokens,
        do_sample=False,
        eos_token_id=sorted(ends),
        pad_token_id=0,
    )
    return list(made[0, len(prompt) :].tolist())


def prompts(rng: Random, count: int) -> list[list[int]]:
    """Some begin as others do, some are others; from one token to several windows of Gemma's."""
    made: list[list[int]] = []
    for _ in range(count):
        known = rng.choice(made)[: rng.randrange(4 * SLIDING_WINDOW)] if made else []
        own = rng.randrange(0 if known else 1, 2 * SLIDING_WINDOW)
        made.append(known + [rng.randrange(4, VOCABULARY) for _ in range(own)])
    return made


@pytest.mark.parametrize(("slots", "step_tokens"), [(1, 12), (2, 1), (5, 12), (5, 64)])
def test_prompts_at_work_together_are_answered_as_alone(
    model: Any, slots: int, step_tokens: int
) -> None:
    rng = Random(5)  # the same prompts for all, in another order of events
    ends = frozenset(alone(model, prompt, 12)[-1] for prompt in prompts(rng, 2))  # some end early
    batch = Batch(model, slots=slots, step_tokens=step_tokens)
    streamed: list[list[int]] = []
    asked = []
    given = [(prompt, rng.randrange(1, 24)) for prompt in prompts(rng, 14)]
    rng = Random(slots)
    for prompt, most_tokens in given:
        while batch.is_full or (batch.num_at_work and rng.random() < 0.5):
            batch.step()
        new: list[int] = []
        written = Written(prompt, most_tokens, ends, on_tokens=new.extend)
        batch.begin(written)
        asked.append((prompt, written))
        streamed.append(new)
    while batch.num_at_work:
        batch.step()
    expected = [alone(model, prompt, written.most_tokens, ends) for prompt, written in asked]
    assert [written.done.result() for _, written in asked] == expected == streamed


def test_a_known_beginning_is_not_read_again(model: Any) -> None:
    read: list[int] = []
    hook = model.register_forward_pre_hook(
        lambda _, args, given: read.append(given["input_ids"].shape[1]), with_kwargs=True
    )
    try:
        batch = Batch(model)
        top_3 = prompts(Random(1), 1)[0] + [5] * 40
        for prompt in (top_3, [*top_3, 6, 7], [*top_3[:-4], 8]):
            batch.begin(Written(prompt, 1, ENDS))
    finally:
        hook.remove()
    assert read == [len(top_3), 2, 1]


def test_a_short_prompt_reads_no_keys_of_a_longer_one(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, read = "transformers.integrations.sdpa_attention", list[int]()
    kernel = import_module(module).sdpa_attention_forward

    def counted(owner: Any, query: Any, key: Any, *told: Any, **options: Any) -> Any:
        read.append(key.shape[2])
        return kernel(owner, query, key, *told, **options)

    monkeypatch.setattr(f"{module}.sdpa_attention_forward", counted)
    model.set_attn_implementation("sdpa")
    batch = Batch(model, slots=3, step_tokens=1)  # nothing is proposed
    lengths = 5, 60, 20
    for length in lengths:
        batch.begin(Written([*range(4, 4 + length)], 9, frozenset()))
    read.clear()
    batch.step()
    layers = model.config.num_hidden_layers
    assert read == [length + 1 for length in lengths] * layers


def test_prompt_lookup_proposes_what_followed_the_last_two_tokens() -> None:
    written = Written([1, 7, 8, 9, 7, 8], 5, ENDS)
    assert written.proposal(10) == [9, 7, 8]
    assert written.proposal(2) == [9, 7]
    assert Written([1, 7, 8, 9, 7, 8], 1, ENDS).proposal(10) == [], "one token more is no guess"
    assert Written([1, 7, 8], 5, ENDS).proposal(10) == []


def test_a_failing_prompt_fails_alone(model: Any) -> None:
    batch = Batch(model)
    good = Written([4, 5, 6], 9, ENDS)
    batch.begin(good)
    bad = Written([VOCABULARY + 5], 9, ENDS)  # no such token
    batch.begin(bad)

    def gone(_: list[int]) -> None:
        raise ConnectionError("the reader has gone")

    given_up = Written([4, 5, 7], 9, ENDS, on_tokens=gone)
    batch.begin(given_up)
    while batch.num_at_work:
        batch.step()
    assert isinstance(bad.done.exception(), IndexError)
    assert isinstance(given_up.done.exception(), ConnectionError)
    assert good.done.result() == alone(model, [4, 5, 6], 9)


def test_the_server_answers_greedy_requests_together_and_others_alone(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import GenerationConfig, GenerationMixin
    from transformers.cli.serving import utils

    asked_alone: list[Any] = []

    def generate(model: Any, *, generation_config: Any, **given: Any) -> str:
        asked_alone.append(generation_config)
        return "alone"

    expected = alone(model, [4, 5, 6], 6)
    monkeypatch.setattr(GenerationMixin, "generate", generate)
    monkeypatch.setattr(utils, "InferenceThread", None)
    answer_together()
    assert utils.InferenceThread is Threads
    ids, ends = torch.tensor([[4, 5, 6]]), {"eos_token_id": sorted(ENDS), "max_new_tokens": 6}
    greedy = GenerationConfig(**ends, do_sample=False, temperature=0.0)
    threads = [Threads().submit(ask(model, ids, greedy)) for _ in range(4)]
    assert [thread.result() for thread in threads] == [[4, 5, 6, *expected]] * 4
    for other in ({"do_sample": True}, {"repetition_penalty": 1.1}, {"stop_strings": ["x"]}):
        assert (
            model.generate(input_ids=ids, generation_config=GenerationConfig(**ends, **other))
            == "alone"
        )
    assert [config.prompt_lookup_num_tokens for config in asked_alone] == [10, 10, 10]


def ask(model: Any, ids: Any, config: Any) -> Callable[[], list[int]]:
    def call() -> list[int]:
        return list(model.generate(input_ids=ids, generation_config=config)[0].tolist())

    return call


def test_a_streamed_answer_is_the_same(model: Any) -> None:
    from transformers import GenerationConfig

    class Streamer:
        def __init__(self) -> None:
            self.parts: list[list[int]] = []
            self.ended = False

        def put(self, tokens: Any) -> None:
            self.parts.append(tokens.tolist())

        def end(self) -> None:
            self.ended = True

    streamer, config = Streamer(), GenerationConfig(max_new_tokens=6, eos_token_id=2)
    made = Writer(model).generate(config, input_ids=torch.tensor([[4, 5, 6]]), streamer=streamer)
    prompt, *answer = streamer.parts
    assert prompt == [4, 5, 6]
    assert made[0].tolist() == prompt + [token for part in answer for token in part]
    assert streamer.ended


@pytest.mark.parametrize("cheap", [True, False])
def test_the_cheaper_way_is_taken_and_the_other_tried_now_and_then(cheap: bool) -> None:
    spent = {way: _Spent() for way in (True, False)}
    batch = cast(Batch, SimpleNamespace(_spent=spent))
    taken = []
    for _ in range(300):
        taken.append(Batch._proposes(batch))
        spent[taken[-1]].add(1.0 if taken[-1] == cheap else 2.0, 1.0)
    assert 200 < taken.count(cheap) < 300
    assert (not cheap) in taken[100:]
