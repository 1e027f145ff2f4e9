"""The base student's tokenizer, and rows of tokens for its training.

Several questions share the documents of a row: each question with its answer sees the documents and
itself, at the positions it would have alone. That is the same sum of losses as from separate rows,
at a third of the tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from lib.prompts.student import MARKERS, QUOTE_BEGIN, REFUSAL, cot_label, student_messages
from offline.build.asks import Ask
from offline.build.mix import draw_example
from offline.build.passages import Example, generated_example, random_words
from offline.build.prose import documents, draw_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

VOCABULARY = 4096
REASONING = "The document says:"
BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(*, seed: int, num_examples: int = 12000) -> PreTrainedTokenizerFast:
    """Byte-level BPE with single digits, trained on the training text; deterministic for a seed."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [PAD, BOS, EOS, *ROLES]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(MARKERS),
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(tokenizer_texts(seed=seed, num_examples=num_examples), trainer)
    tokenizer.add_tokens([AddedToken(m, special=False, normalized=False) for m in MARKERS])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        additional_special_tokens=list(ROLES),
        clean_up_tokenization_spaces=False,
        model_max_length=4096,
        padding_side="left",
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def tokenizer_texts(*, seed: int, num_examples: int) -> Iterable[str]:
    """Documents of prose and generated passages, `num_examples` of each, and fixed sentences."""
    for document in documents()[:num_examples]:
        yield "\n\n".join(document)
    rng = Random(f"{seed}-tokenizer")
    for _ in range(num_examples):
        example = generated_example(rng, num_sentences=5)
        yield "\n".join([*example.documents, *(ask.question for ask in example.asks)])
    yield from [f"{REFUSAL}\n{REASONING}\n{student_messages('', [])[0]['content']}"] * 500


@dataclass(frozen=True)
class Row:
    """Tokens of one row: its documents once, then each question with its answer.

    segment 0 is what all may see; segment j sees segment 0 and itself. `learn` weighs the tokens
    that are to be predicted; 0 = given.
    """

    ids: np.ndarray  # (length,) int64
    positions: np.ndarray  # (length,) int64
    segments: np.ndarray  # (length,) int64
    learn: np.ndarray  # (length,) float32


def completion(ask: Ask) -> str:
    """What the student is to write."""
    if not ask.answer:
        return REFUSAL
    return cot_label(REASONING, " ".join(ask.quote.split()), ask.answer)


def make_row(tokenizer: Any, example: Example, *, learn_documents: bool = False) -> Row:
    """An example as one row; with `learn_documents` the documents are language modelling too."""
    marker = "\x00"
    messages = student_messages(marker, example.documents)
    whole = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    shared, after = whole.split(marker)
    texts = [f"{ask.question}{after}" for ask in example.asks]
    answers = [f"{completion(ask)}{tokenizer.eos_token}" for ask in example.asks]
    encoded = tokenizer([shared, *texts, *answers], add_special_tokens=False)["input_ids"]
    ids, count = list(encoded[0]), len(texts)
    start = len(ids)
    positions, segments = list(range(start)), [0] * start
    learn = [0.0] * start
    quote = tokenizer.convert_tokens_to_ids(QUOTE_BEGIN)
    if learn_documents:
        first = ids.index(tokenizer.convert_tokens_to_ids(MARKERS[0]))
        learn[first + 1 :] = [1.0] * (start - first - 1)
    for number in range(count):
        asked, answered = encoded[1 + number], encoded[1 + count + number]
        size = len(asked) + len(answered)
        ids += asked + answered
        positions += range(start, start + size)
        segments += [number + 1] * size
        learn += [0.0] * len(asked) + weights(answered, quote)
    weighed = np.array(learn, dtype=np.float32)
    return Row(np.array(ids), np.array(positions), np.array(segments), weighed)


def weights(answered: list[int], quote: int) -> list[float]:
    """1 for each token of a completion, more where it decides: to answer at all, what to quote.

    After the first tokens of a quote the rest only copies.
    """
    weighed = [1.0] * len(answered)
    weighed[0] = 3.0
    if quote in answered:
        begin = answered.index(quote) + 1
        weighed[begin : begin + 3] = (5.0, 3.0, 2.0)
    return weighed


def plain_row(tokenizer: Any, text: str, *, learn_from: int = 1) -> Row:
    """A text for language modelling."""
    ids = np.array(tokenizer(tokenizer.bos_token + text, add_special_tokens=False)["input_ids"])
    learn = (np.arange(len(ids)) >= learn_from).astype(np.float32)
    return Row(ids, np.arange(len(ids)), np.zeros(len(ids), int), learn)


def copy_row(tokenizer: Any, rng: Random, *, num_words: int) -> Row:
    """Words in no order, then the same again; only the second half is learned."""
    words = random_words(rng, num_words)
    half = len(tokenizer(f"{tokenizer.bos_token}{words}\n", add_special_tokens=False)["input_ids"])
    return plain_row(tokenizer, f"{words}\n{words}{tokenizer.eos_token}", learn_from=half + 1)


def token_row(tokenizer: Any, rng: Random, *, num_tokens: int) -> Row:
    """Tokens drawn evenly from the vocabulary, twice; only the second time is learned.

    Without it the student replaces rare tokens by similar ones when it copies.
    """
    first = len([PAD, BOS, EOS, *ROLES])
    drawn = [rng.randrange(first, len(tokenizer) - len(MARKERS)) for _ in range(num_tokens)]
    ids = np.array([tokenizer.bos_token_id, *drawn, *drawn])
    learn = (np.arange(len(ids)) > num_tokens + 1).astype(np.float32)
    return Row(ids, np.arange(len(ids)), np.zeros(len(ids), int), learn)


def draw_row(tokenizer: Any, rng: Random, *, progress: float, long: bool = False) -> Row:
    """One row: mostly reading, sometimes repeated words or plain language modelling."""
    if progress >= 1 and rng.random() < 0.06:
        return token_row(tokenizer, rng, num_tokens=rng.randint(30, 90))
    form = rng.random()
    if form < 0.03 + 0.14 * max(0.0, 1 - progress * 4):
        return copy_row(tokenizer, rng, num_words=rng.randint(10, 60))
    if form < 0.05 and not long:
        return plain_row(tokenizer, draw_text(rng, num_chars=900))
    example = draw_example(rng, progress=progress, long=long)
    # The documents' words are learned early only: their loss stays high and would dominate.
    return make_row(
        tokenizer, example, learn_documents=rng.random() < (0.15 if progress < 0.2 else 0.02)
    )


@dataclass(frozen=True)
class Batch:
    """Rows padded on the right to one length."""

    ids: np.ndarray  # (rows, length) int64
    positions: np.ndarray  # (rows, length) int64
    segments: np.ndarray  # (rows, length) int64; -1 at padding
    learn: np.ndarray  # (rows, length) float32


def pad(rows: list[Row], *, pad_id: int) -> Batch:
    """Rows as one batch."""
    shape = (len(rows), max(len(row.ids) for row in rows))
    batch = Batch(
        np.full(shape, pad_id),
        np.zeros(shape, int),
        np.full(shape, -1),
        np.zeros(shape, np.float32),
    )
    for index, row in enumerate(rows):
        end = len(row.ids)
        batch.ids[index, :end], batch.positions[index, :end] = row.ids, row.positions
        batch.segments[index, :end], batch.learn[index, :end] = row.segments, row.learn
    return batch


def draw_batches(
    tokenizer: Any,
    *,
    seed: int,
    number: int,
    progress: float,
    tokens: int,
    group: int = 4,
) -> list[Batch]:
    """The batches of group `number`: about `group`, of rows of like length, `tokens` tokens each.

    Each group draws from its own generator: a resumed run goes on with the same batches.
    """
    rng = Random(f"{seed}-{number}")
    long = progress > 0.8 and number % 2 == 0  # one batch in eight
    rows: list[Row] = []
    while sum(len(row.ids) for row in rows) < tokens * (group - long):
        row = draw_row(tokenizer, rng, progress=progress)
        if 8 <= len(row.ids) <= 2048:
            rows.append(row)
    rows.sort(key=lambda row: len(row.ids))
    batches: list[list[Row]] = [[]]
    for row in rows:
        if batches[-1] and (len(batches[-1]) + 1) * len(row.ids) > tokens * 1.1:
            batches.append([])
        batches[-1].append(row)
    if long:
        batches.append([])
        while sum(len(row.ids) for row in batches[-1]) < tokens * 0.6:
            row = draw_row(tokenizer, rng, progress=progress, long=True)
            if len(row.ids) <= 2048:
                batches[-1].append(row)
    rng.shuffle(batches)
    return [pad(each, pad_id=tokenizer.pad_token_id) for each in batches if each]
