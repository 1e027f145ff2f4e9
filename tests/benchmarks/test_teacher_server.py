"""The loopback teacher that benchmarks measure against."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import BadStatusLine, RemoteDisconnected
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from benchmarks.teacher_server import Behaviour, Figures, Teacher, teacher
from lib.prompts.teacher import load_prompts
from lib.recipe import Recipe
from lib.records import Chunk

TEXT = "The northern lamp of Tamsay was lit in autumn by Tyler. Its keepers walked to Brackle."


def ask(running: Teacher, name: str) -> str:
    """What came of one request: the reply's text, or what went wrong."""
    chunk = Chunk("a#0", "a", name, 1, 0, len(TEXT), TEXT)
    messages = load_prompts(Recipe()).ask("questions", chunk, count="2")
    body = json.dumps({"model": "loopback", "messages": messages}).encode()
    try:
        with urlopen(Request(f"{running.base_url}/chat/completions", body), timeout=0.5) as reply:
            return str(json.load(reply)["choices"][0]["message"]["content"])
    except HTTPError as error:
        return f"{error.code} {error.headers.get('Retry-After', '')}".strip()
    except json.JSONDecodeError:
        return "malformed"
    except (RemoteDisconnected, BadStatusLine, ConnectionError):
        return "drop"
    except TimeoutError:
        return "hang"


def test_it_takes_its_time_and_counts_it() -> None:
    with teacher(Behaviour(first_token_s=0.1, token_s=0.002)) as running:
        start = time.monotonic()
        assert "northern lamp" in ask(running, "a")
        took_s = time.monotonic() - start
        assert "questions" in ask(running, "a")
        figures = running.figures()
    assert figures.outcomes == {"answered": 2}
    assert took_s >= figures.service_s / 2 > 0.1
    assert figures.paid_twice() == 1
    assert figures.last_s - figures.first_s >= figures.service_s


def test_faults_come_in_their_shares_and_are_the_same_in_every_run() -> None:
    behaviour = Behaviour(
        first_token_s=0.01, errors=0.2, hangs=0.1, drops=0.2, malformed=0.2, seed=3
    )

    def outcomes() -> list[str]:
        with teacher(behaviour) as running, ThreadPoolExecutor(16) as pool:
            return list(pool.map(lambda n: ask(running, str(n % 50)), range(100)))

    first = outcomes()
    kinds = [text if text in ("500", "hang", "drop", "malformed") else "" for text in first]
    for kind, share in {"500": 20, "hang": 10, "drop": 20, "malformed": 20}.items():
        assert 0.3 * share <= kinds.count(kind) <= 2 * share
    assert sorted(outcomes()) == sorted(first)


def test_requests_beyond_the_limit_are_sent_away() -> None:
    with teacher(Behaviour(first_token_s=0.01, requests_per_minute=60, burst=3)) as running:
        found = [ask(running, str(number)) for number in range(5)]
        assert found[3:] == ["429 1"] * 2
        time.sleep(1.05)
        assert "questions" in ask(running, "later")
    assert "429" not in found[:3]


@pytest.mark.parametrize(("kills", "twice"), [((), 3), ((10.02,), 2), ((10.02, 30.0), 2)])
def test_an_answer_on_its_way_when_the_client_was_killed_is_not_paid_twice(
    kills: tuple[float, ...], twice: int
) -> None:
    answers = {"on its way": [10.0, 11.0], "kept": [12.0], "lost": [20.0, 25.0, 29.0]}
    figures = Figures({}, 0, 0, 0, 0, answers)
    assert figures.paid_twice(kills=kills, grace_s=0.05) == twice
