"""Reviewing rows: what is shown, what is refused, and the page as its users meet it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError

import pytest

from lib.gen.__main__ import main
from lib.gen.review.command import serving
from lib.gen.review.page import ACTIONS, act, card_html, head_html, message_html, progress_html
from lib.gen.review.review import Review, read_decisions
from lib.settings import SetupError
from tests.gen.dataset import make, write
from tests.processes import interruptible

HOSTILE = """<script>alert(1)</script><img src="https://example.com/x" onerror='a()'> ${b} {{c}}"""


@pytest.fixture
def folder(home_dir: Path) -> Path:
    return write(make())


@pytest.fixture
def review(folder: Path) -> Review:
    return Review(folder)


# --- picking, undoing, moving --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "split", "reason"),
    [("oracle", "eval", "already"), ("memorise", "train", "does not show its oracle")],
)
def test_some_rows_cannot_be_picked(review: Review, kind: str, split: str, reason: str) -> None:
    row_id = next(row.id for row in review.rows.values() if (row.kind, row.split) == (kind, split))
    shown, said = act(review, "pick", row_id)
    assert shown == row_id
    assert reason in said
    assert review.states[row_id] == "undecided"


def test_picking_says_what_it_leaves_out(review: Review) -> None:
    row_id = review.find(kind="oracle")[0]
    _, said = act(review, "pick", row_id)
    left_out = review.find(state="left out")
    assert left_out
    assert f"{row_id} is picked. All decisions: 1 picked, {len(left_out)} left out." in said


def test_undo_goes_back_decision_by_decision_even_in_a_later_session(folder: Path) -> None:
    review = Review(folder)
    first, second = review.find()[:2]
    for row_id, verdict in ((first, "accept"), (second, "reject"), (first, "reject")):
        review.decide(row_id, verdict)
    later = Review(folder)
    assert [later.undo() for _ in range(3)] == [first, second, first]
    assert later.find(state="undecided") == later.find()
    with pytest.raises(SetupError, match="no decision to undo"):
        later.undo()


def test_a_decision_moves_on_and_rows_of_another_state_are_skipped(review: Review) -> None:
    first, second, third = review.find(state="undecided")[:3]
    assert act(review, "accept", first, state="undecided")[0] == second
    assert act(review, "next", second, state="undecided")[0] == third
    assert act(review, "previous", second, state="undecided")[0] == second
    last = review.find()[-1]
    assert act(review, "next", last)[0] == last
    assert act(review, "start", "")[0] == second
    assert act(review, "show", second, state="rejected")[0] == ""
    assert act(review, "accept", "", state="rejected")[0] == ""


def test_kind_and_state_filter_together(review: Review) -> None:
    found = review.find(kind="oracle", state="undecided")
    assert found == [row.id for row in review.dataset.examples() if row.kind == "oracle"]
    review.decide(found[0], "reject")
    assert review.find(state="rejected") == [found[0]]
    assert review.find(kind="oracle", state="undecided") == found[1:]


def test_a_dataset_without_rows_says_so(home_dir: Path) -> None:
    made = make()
    empty = write(made, examples=[])
    with pytest.raises(SetupError, match="has no rows"):
        Review(empty)


# --- the page ------------------------------------------------------------------------------------


def test_everything_that_comes_from_a_dataset_is_escaped(review: Review) -> None:
    for kind in ("oracle", "memorise", "refuse"):
        row_id = review.find(kind=kind)[0]
        row = review.rows[row_id]
        chunks = {
            c.id: replace(c, text=HOSTILE + c.text, title=HOSTILE)
            for c in (*row.context, row.oracle)
        }
        said = replace(
            row.question, text=HOSTILE, cot_answer=HOSTILE + row.question.cot_answer, answer=HOSTILE
        )
        review.rows[row_id] = replace(
            row,
            question=said,
            label=HOSTILE + row.label,
            oracle=chunks[row.oracle.id],
            context=tuple(chunks[chunk.id] for chunk in row.context),
        )
        card = card_html(review, row_id)
        assert "<script" not in card
        assert "<img" not in card
        assert card.count("&lt;script&gt;") >= 2 + 2 * len(row.context)
        assert card.count("<mark>") == 1
    assert "<script" not in message_html(HOSTILE)


def test_progress_counts_decided_rows(review: Review) -> None:
    first, second = review.find()[:2]
    review.decide(first, "reject")
    count = len(review.rows)
    said = progress_html(review, second, review.find(state="undecided"))
    assert f"1 of {count} decided" in said
    assert f"row 1 of {count - 1}" in said


def test_every_button_has_a_key_of_its_own() -> None:
    keys = [key for key, _ in ACTIONS.values()]
    assert len(set(keys)) == len(keys)
    assert all(f'"{key}": "{name}"' in head_html() for name, (key, _) in ACTIONS.items())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_the_page_decides_on_loopback_and_asks_nobody_outside(
    review: Review, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gradio_client import Client

    hosts: set[str] = set()
    connect: Callable[..., None] = socket.socket.connect

    def watched(self: socket.socket, address: tuple[str, int]) -> None:
        if self.family != socket.AF_UNIX:
            hosts.add(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    port = free_port()
    with serving(review, port=port) as url:
        assert url == f"http://127.0.0.1:{port}/"
        with urllib.request.urlopen(url) as reply:
            page = reply.read().decode()
            assert "default-src 'self'" in reply.headers["content-security-policy"]
        loaded = re.findall(r"""<(?:script|link|img)[^>]+(?:src|href)=["'](https?:[^"']+)""", page)
        assert [address for address in loaded if not address.startswith(url)] == []
        assert "fonts.googleapis" not in page
        stranger = urllib.request.Request(url, headers={"Host": "example.com"})
        with pytest.raises(HTTPError, match="400"):
            urllib.request.urlopen(stranger)
        client = Client(url, verbose=False)
        anything = ("all", "all")
        first, second = review.find()[:2]
        assert first in client.predict(*anything, api_name="/start")[2]
        assert second in client.predict(*anything, api_name="/reject")[2]
        progress, message, _ = client.predict(*anything, api_name="/write")
        assert "1 of" in progress
        assert "rows after review: 1 rejected." in message
        with pytest.raises(SetupError, match=f"Port {port} is taken"), serving(review, port=port):
            pass
        client.close()
    assert [decision.verdict for decision in read_decisions(folder)[0]] == ["reject"]
    assert hosts == {"127.0.0.1"}


def test_ctrl_c_ends_the_command_in_one_line(folder: Path) -> None:
    command = [sys.executable, "-m", "lib.gen", "review", str(folder), "--no-browser"]
    with subprocess.Popen(
        [*command, "--port", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=interruptible,
    ) as process:
        assert process.stdout is not None
        assert "(Ctrl-C ends it)" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()  # else the block waits for it
    assert process.returncode == 0
    assert said.strip().count("\n") == 0  # nothing was decided, so nothing is to be written
    assert "Review ended: no row changes" in said


@pytest.mark.parametrize(
    ("arguments", "reason"), [(["nowhere"], "No dataset 'nowhere'"), ([], "DATASET_DIR")]
)
def test_mistakes_are_one_line(
    home_dir: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert main(["review", *arguments]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1


def test_a_port_that_is_none_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", str(folder), "--port", "99999", "--no-browser"]) == 2
    assert "Port 99999 is taken or is not a port" in capsys.readouterr().err
