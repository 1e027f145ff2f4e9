"""The requests, tokens and cost of a run, before anything is paid."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lib.endpoints import endpoint_settings
from lib.engine.budget import BYTES_PER_TOKEN
from lib.engine.prices import load_prices
from lib.gen.ask.built_in_teacher import require_possible
from lib.gen.ask.rows import first_request
from lib.gen.ask.shares import Share, asks_whole_rows, drawn, request_groups, shares
from lib.gen.own_questions import Given
from lib.prompts.student import Message
from lib.prompts.teacher import TeacherPrompts, load_prompts
from lib.reading.files.api import is_api_record
from lib.recipe import Recipe
from lib.records import Chunk

# The usual length of hosted models' replies, in tokens.
_QUESTION, _ANSWER, _ROW, _PAIR, _API_ANSWER, _SHORT, _RATING = 18, 90, 110, 60, 250, 8, 40
_LOOKED_AT = 2000  # first requests; of more, every n-th: all of 100,000 would take 6 s
_TYPICAL_QUESTION = "?" * (BYTES_PER_TOKEN * _QUESTION)
_TYPICAL_ANSWER = "a" * (BYTES_PER_TOKEN * _SHORT)


@dataclass(frozen=True)
class Estimate:
    """If every row passes at once; a repair costs about as much as its request."""

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
            "most. Repairs come on top; requests in the ledger come off."
        )


def estimate(chunks: Iterable[Chunk], recipe: Recipe, own: Sequence[Given] = ()) -> Estimate:
    prices, settings = load_prices(), endpoint_settings("teacher")
    asked = drawn(list(chunks), recipe)
    of_chunks = list(shares(asked, recipe))
    rows = len(own) + sum(share.count for share in of_chunks)
    if settings is None:
        require_possible([share.chunk for share in of_chunks], recipe)
    if settings is None or not rows:
        return Estimate(rows, 0, 0, 0, 0.0, prices.currency)
    prompts = load_prompts(recipe)
    groups = list(request_groups(asked, recipe, own))
    looked_at = groups[:: len(groups) // _LOOKED_AT + 1]
    figures = [figure for group in looked_at for figure in _requests(group, recipe, prompts)]
    figures.append((0, 0, 0))  # questions that come with their reasoning take no request
    requests, read, written = (
        round(sum(of_kind) * len(groups) / len(looked_at)) for of_kind in zip(*figures, strict=True)
    )
    price = prices.of(settings.deployment)
    cost = price.of(read, written) if price is not None else None
    return Estimate(rows, requests, read, written, cost, prices.currency)


def tokens(messages: Sequence[Message]) -> int:
    """Of a request's prompt, by its bytes."""
    return sum(len(message["content"].encode()) for message in messages) // BYTES_PER_TOKEN


def _requests(
    group: Sequence[Share], recipe: Recipe, prompts: TeacherPrompts
) -> Iterator[tuple[int, int, int]]:
    """Everything that is asked about a group: how often, and tokens read and written in all."""
    given = group[0].given
    api = is_api_record(group[0].chunk.text)
    whole = asks_whole_rows(group[0].chunk, recipe) or given is not None
    in_first = (_PAIR if recipe.dataset_kind == "qa" else _ROW) if whole else _QUESTION
    if given is not None:
        in_first = _API_ANSWER if api else _ANSWER
    if given is None or not given.reasoning:
        first = tokens(first_request(group, recipe, prompts)["messages"])
        yield 1, first, in_first * sum(share.count for share in group)
    following = [  # the task, the tokens of its reply, and whether it is asked
        ("api_answer", _API_ANSWER, api and not whole),
        ("answer", _ANSWER, not api and not whole),
        ("round_trip", _SHORT, recipe.round_trip and not api),
        ("closed_book", _SHORT, recipe.passage_dependency and not api),
        ("rating", _RATING, recipe.min_rating > 0),
        ("rationale", _ANSWER, recipe.rationale and not api and given is None),
    ]
    for share in group:
        for task, written, is_asked in following:
            if not is_asked:
                continue
            chunks = [share.chunk] if task != "closed_book" else []
            messages = prompts.ask(
                task, *chunks, question=_TYPICAL_QUESTION, answer=_TYPICAL_ANSWER
            )
            yield share.count, share.count * tokens(messages), share.count * written
