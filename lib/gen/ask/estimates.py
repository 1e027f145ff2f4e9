"""What asking will take, before anything is paid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lib.engine.prices import load_prices
from lib.gen.ask.flow import Flow, Spread, drawn
from lib.gen.ask.options import AskOptions
from lib.prompts.student import Message
from lib.prompts.teacher import TeacherPrompts
from lib.reading.files.api import is_api_record
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import endpoint_settings

BYTES_PER_TOKEN = 4  # of UTF-8, as the engine counts before a reply says it
# What replies hold, in tokens, as hosted models write them.
_QUESTION, _ANSWER, _ROW, _PAIR, _API_ANSWER, _SHORT, _RATING = 18, 90, 110, 60, 250, 8, 40
_TYPICAL_QUESTION = "?" * (BYTES_PER_TOKEN * _QUESTION)
_TYPICAL_ANSWER = "a" * (BYTES_PER_TOKEN * _SHORT)


@dataclass(frozen=True)
class Estimate:
    """If every row passes at once; a repair takes about what its request took."""

    rows: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None  # None: no price is known
    currency: str

    def __str__(self) -> str:
        """`1,500 requests, 402,113 prompt + 101,250 completion tokens, about 0.12 USD, …`"""
        if not self.requests:
            return f"No endpoint is asked, so nothing is paid, for {self.rows:,} questions at most."
        cost = "cost unknown (no price in prices.yaml)"
        if self.cost is not None:
            cost = f"about {self.cost:,.2f} {self.currency}"
        return (
            f"{self.requests:,} requests, {self.prompt_tokens:,} prompt + "
            f"{self.completion_tokens:,} completion tokens, {cost}, for {self.rows:,} questions at "
            "most. What is refused and asked again comes on top, what the ledger holds comes off."
        )


def estimate(chunks: Iterable[Chunk], recipe: Recipe) -> Estimate:
    """What asking the teacher about these chunks takes; the built-in one takes nothing.

    Raises:
        SetupError: the prompts or prices.yaml cannot be read.
    """
    options = AskOptions(**recipe.asking, prompts_path=recipe.prompts_path)
    prices, settings = load_prices(), endpoint_settings("teacher")
    asked, spread, flow = drawn(list(chunks), options), Spread(options), Flow(options)
    shares = [share for chunk in asked for share in spread.add(chunk)] + spread.end()
    rows = sum(share.count for share in shares)
    if settings is None:
        return Estimate(rows, 0, 0, 0, 0.0, prices.currency)
    first = flow.first_requests(asked)
    sent = [(request.messages, 0) for request in first]  # what they reply counts by the row
    for share in shares:
        sent += _on_a_row(flow.prompts, share.chunk, options) * share.count
    requests = [messages for messages, _ in sent if messages]
    prompt_tokens = sum(map(tokens, requests))
    completion_tokens = sum(written for _, written in sent)
    cost, price = None, prices.of(settings.deployment)
    if price is not None:
        cost = price.of(prompt_tokens, completion_tokens)
    return Estimate(rows, len(requests), prompt_tokens, completion_tokens, cost, prices.currency)


def tokens(messages: Sequence[Message]) -> int:
    """Of a request's prompt, by its bytes."""
    return sum(len(message["content"].encode()) for message in messages) // BYTES_PER_TOKEN


def _on_a_row(
    prompts: TeacherPrompts, chunk: Chunk, options: AskOptions
) -> list[tuple[list[Message], int]]:
    """What is asked for one row beyond its chunk's first request, and the tokens of each reply.

    No messages: its share of the first request's reply.
    """
    question, answer = _TYPICAL_QUESTION, _TYPICAL_ANSWER
    if api := is_api_record(chunk.text):
        sent = [([], _QUESTION), (prompts.answer(chunk, question, api=api), _API_ANSWER)]
    elif options.dataset_kind == "qa":
        sent = [([], _PAIR)]
    elif options.ask_mode == "joint":
        sent = [([], _ROW)]
    else:
        sent = [([], _QUESTION), (prompts.answer(chunk, question), _ANSWER)]
    if options.round_trip and not api:
        sent.append((prompts.round_trip(chunk, question), _SHORT))
    if options.passage_dependency and not api:
        sent.append((prompts.closed_book(question), _SHORT))
    if options.min_rating:
        sent.append((prompts.rating(chunk, question, answer), _RATING))
    if options.rationale and not api:
        sent.append((prompts.rationale(chunk, question, answer), _ANSWER))
    return sent
