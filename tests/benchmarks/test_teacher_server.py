"""The loopback teacher that benchmarks measure against."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from benchmarks.teacher_server import Behaviour, Figures, Teacher, TeacherServer, teacher
from lib.prompts.teacher import load_prompts
from lib.recipe import Recipe
from lib.records import Chunk
from tests.clock import Clock

PROMPTS = load_prompts(Recipe())
TEXT = "The northern lamp of Tamsay was lit in autumn by Tyler. Its keepers walked to Brackle."


def body_of(name: str) -> dict[str, Any]:
    chunk = Chunk("a#0", "a", name, 1, 0, len(TEXT), TEXT)
    messages = PROMPTS.ask("questions", chunk, count="2")
    return {"model": "loopback", "messages": messages}


def ask(running: Teacher, name: str, *, timeout_s: float = 300.0) -> str:
    """What came of one request: the reply's text, or what went wrong."""
    body = json.dumps(body_of(name)).encode()
    try:
        request = Request(f"{running.base_url}/chat/completions", body)
        with urlopen(request, timeout=timeout_s) as reply:
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

    def drawn(names: list[str]) -> list[str]:
        """By a server of this process."""
        server = TeacherServer(behaviour)
        bodies = [json.dumps(body_of(name), sort_keys=True).encode() for name in names]
        return [server._draw(hashlib.sha256(body).hexdigest()) for body in bodies]

    many = Counter(drawn([str(number % 200) for number in range(400)]))
    for kind, share in {"500": 80, "hang": 40, "drop": 80, "malformed": 80, "": 120}.items():
        assert 0.6 * share <= many[kind] <= 1.5 * share

    names = [str(number) for number in range(40)]
    expected = drawn(names)
    assert set(expected) == {"500", "hang", "drop", "malformed", ""}

    def came(name: str, fault: str) -> str:
        found = ask(running, name, timeout_s=0.3 if fault == "hang" else 300.0)
        return "" if "questions" in found else found

    with teacher(behaviour) as running, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(came, names, expected)) == expected


def test_requests_beyond_the_limit_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with teacher(Behaviour(first_token_s=0.01, requests_per_minute=1, burst=3)) as running:
        found = [ask(running, str(number)) for number in range(5)]
    assert all("questions" in text for text in found[:3])
    waits_s = [int(text.removeprefix("429 ")) for text in found[3:]]
    assert all(0 < wait_s <= 60 for wait_s in waits_s)
    clock = Clock()
    monkeypatch.setattr("benchmarks.teacher_server.time", clock)
    server = TeacherServer(Behaviour(requests_per_minute=60, burst=3))
    assert [server._over_limit_s() for _ in range(5)] == [0, 0, 0, 1, 1]
    clock.now += 1.05
    assert server._over_limit_s() == 0


@pytest.mark.parametrize(("kills", "twice"), [((), 3), ((10.02,), 2), ((10.02, 30.0), 2)])
def test_an_answer_on_its_way_when_the_client_was_killed_is_not_paid_twice(
    kills: tuple[float, ...], twice: int
) -> None:
    answers = {"on its way": [10.0, 11.0], "kept": [12.0], "lost": [20.0, 25.0, 29.0]}
    figures = Figures({}, 0, 0, 0, 0, answers)
    assert figures.paid_twice(kills=kills, grace_s=0.05) == twice
