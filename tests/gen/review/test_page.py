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
from lib.gen.review.decisions import read_decisions
from lib.gen.review.page import ACTIONS, act, card_html, head_html, message_html, progress_html
from lib.gen.review.review import Review
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


def test_what_picking_costs_is_what_it_leaves_out(review: Review) -> None:
    row_id = review.find(split="train", kind="oracle")[0]
    cost = review.cost_of_picking(row_id)
    review.decide(row_id, "pick")
    assert cost.total() == len(review.find(status="left out")) > 0
    assert cost["train"] == len(review.find(split="train", status="left out"))
    assert not review.cost_of_picking(row_id)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [({"split": "eval"}, "already"), ({"kind": "memorise"}, "does not show its oracle")],
)
def test_some_rows_cannot_be_picked(review: Review, wanted: dict[str, str], reason: str) -> None:
    row_id = review.find(**wanted)[0]
    done = act(review, "pick", row_id)
    assert (done.row_id, done.refused) == (row_id, True)
    assert reason in done.message
    assert review.statuses(row_id) == {"undecided"}


def test_picking_asks_first_when_it_leaves_rows_out(review: Review) -> None:
    row_id, other = review.find(split="train", kind="oracle")[:2]
    cost = review.cost_of_picking(row_id)
    asked = act(review, "pick", row_id, warned=other)
    assert f"{cost['train']} train" in asked.message
    assert asked.warned == asked.row_id == row_id
    assert review.statuses(row_id) == {"undecided"}
    assert act(review, "pick", row_id, warned=asked.warned).row_id != row_id
    assert review.statuses(row_id) == {"picked"}


def test_undo_goes_back_decision_by_decision_even_in_a_later_session(folder: Path) -> None:
    review = Review(folder)
    first, second = review.find()[:2]
    for row_id, verdict in ((first, "accept"), (second, "reject"), (first, "reject")):
        review.decide(row_id, verdict)
    later = Review(folder)
    assert [later.undo() for _ in range(3)] == [first, second, first]
    assert later.find(status="undecided") == later.find()
    with pytest.raises(SetupError, match="no decision to undo"):
        later.undo()


def test_a_decision_moves_on_and_rows_that_pass_no_longer_are_skipped(review: Review) -> None:
    undecided = {"status": "undecided"}
    first, second, third = review.find(**undecided)[:3]
    assert act(review, "accept", first, wanted=undecided).row_id == second
    assert act(review, "next", second, wanted=undecided).row_id == third
    assert act(review, "previous", second, wanted=undecided).row_id == second
    last = review.find()[-1]
    assert act(review, "next", last).row_id == last
    assert act(review, "start", "").row_id == second
    assert act(review, "show", second, wanted={"status": "rejected"}).row_id == ""
    assert act(review, "accept", "", wanted={"status": "rejected"}).row_id == ""


def test_filters_meet(review: Review) -> None:
    found = review.find(split="train", kind="oracle", status="undecided")
    rows = review.dataset.examples("train")
    assert found == [row.id for row in rows if row.kind == "oracle"]
    review.decide(found[0], "reject")
    assert review.find(status="rejected") == [found[0]]
    assert review.find(split="train", kind="oracle", status="undecided") == found[1:]


def test_a_dataset_without_rows_says_so(home_dir: Path) -> None:
    made = make()
    empty = write(made, examples=[])
    with pytest.raises(SetupError, match="has no rows"):
        Review(empty)


# --- the page ------------------------------------------------------------------------------------


def test_everything_that_comes_from_a_dataset_is_escaped(review: Review) -> None:
    for kind in ("oracle", "memorise", "refuse"):
        row_id = review.find(kind=kind)[0]
        row = review.rows.by_id[row_id]
        chunks = {
            c.id: replace(c, text=HOSTILE + c.text, title=HOSTILE)
            for c in (*row.context, row.oracle)
        }
        said = replace(
            row.question, text=HOSTILE, cot_answer=HOSTILE + row.question.cot_answer, answer=HOSTILE
        )
        review.rows.by_id[row_id] = replace(
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
    shown = replace(act(review, "show", row_id), message=HOSTILE)
    assert "<script" not in message_html(shown)


def test_progress_counts_decided_rows(review: Review) -> None:
    first, second = review.find()[:2]
    review.decide(first, "reject")
    count = len(review.rows.by_id)
    said = progress_html(review, second, {"status": "undecided"})
    assert f"1 of {count} decided" in said
    assert f"row 1 of {count - 1}" in said


def test_every_button_has_a_key_of_its_own() -> None:
    keys = [key for key, _, _ in ACTIONS.values()]
    assert len(set(keys)) == len(keys)
    assert all(f'"{key}": "{name}"' in head_html() for name, (key, _, _) in ACTIONS.items())


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
        anything = ("all", "all", "all")
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
    assert "Review ended: 0 of" in said


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
