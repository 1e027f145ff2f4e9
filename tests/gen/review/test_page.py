"""Reviewing rows: what is shown, what is refused, and the page as its users meet it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from lib.gen.__main__ import main
from lib.gen.review import command
from lib.gen.review.command import serving
from lib.gen.review.decisions import REASONS, read_decisions
from lib.gen.review.page import card_html, page_html, respond
from lib.gen.review.review import Review
from lib.settings import SetupError
from tests.gen.dataset import make, write, written
from tests.processes import interruptible

HOSTILE = """<script>alert(1)</script><img src="https://example.com/x" onerror='a()'> ${b} {{c}}"""


@pytest.fixture
def folder(home_dir: Path) -> Path:
    return written()


@pytest.fixture
def review(folder: Path) -> Review:
    return Review(folder, "ann")


def asked(review: Review, action: str, row: str = "", **more: Any) -> dict[str, Any]:
    """What the page sends."""
    fields = {"kind": "all", "state": "all", "search": "", "order": "dataset", "go": ""}
    seen = {"reason": "", "version": review.versions[row], "read": review.read_to}
    where = {"dataset": review.dataset.name, "reviewer": f"reviewed by {review.reviewer}"}
    return {"action": action, "row": row, **where, **fields, **seen, **more}


def do(review: Review, action: str, row: str = "", **more: Any) -> tuple[str, str]:
    """The row that is shown next, and the message."""
    answer = respond(review, asked(review, action, row, **more))
    assert answer is not None
    return answer["row"], answer["message"]


# --- picking, undoing, moving --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "split", "reason"),
    [("oracle", "eval", "already"), ("memorise", "train", "does not show its oracle")],
)
def test_some_rows_cannot_be_picked(review: Review, kind: str, split: str, reason: str) -> None:
    row_id = next(row.id for row in review.rows.values() if (row.kind, row.split) == (kind, split))
    shown, said = do(review, "pick", row_id)
    assert shown == row_id
    assert reason in said
    assert review.states[row_id] == "undecided"


def test_picking_says_what_it_leaves_out(review: Review) -> None:
    row_id = review.find(kind="oracle")[0]
    _, said = do(review, "pick", row_id)
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
    assert do(review, "accept", first, state="undecided")[0] == second
    assert do(review, "next", second, state="undecided")[0] == third
    assert do(review, "previous", second, state="undecided")[0] == second
    last = review.find()[-1]
    assert do(review, "next", last)[0] == last
    assert do(review, "start", "")[0] == second
    assert do(review, "show", second, state="rejected")[0] == ""
    assert do(review, "accept", "", state="rejected")[0] == ""


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
        review.all_rows[row_id] = replace(
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
    Review(review.dataset.folder, HOSTILE).decide(row_id, "reject", reason=HOSTILE)
    review.decide(row_id, "reject", reason=HOSTILE)
    assert card_html(review, row_id).count("&lt;script&gt;") >= 3
    assert "<script" not in card_html(review, row_id)


def test_an_answer_counts_decided_rows_and_says_where_the_row_is(review: Review) -> None:
    first, second = review.find()[:2]
    review.decide(first, "reject")
    answer = respond(review, asked(review, "show", second, state="undecided"))
    assert answer is not None
    count = len(review.rows)
    assert answer["decided"] == f"1 of {count} decided"
    assert answer["place"] == f"row 1 of {count - 1} found"


def test_a_look_is_answered_only_after_a_change(review: Review) -> None:
    row = review.find()[0]
    before = asked(review, "look", row)
    assert respond(review, before) is None
    Review(review.dataset.folder, "ann").decide(row, "reject")
    answer = respond(review, before)
    assert answer is not None
    assert "rejected" in answer["card"]


@pytest.mark.parametrize("other", [{"dataset": "t-0"}, {"reviewer": "reviewed by bob"}])
def test_a_page_that_an_earlier_server_left_open_decides_nothing(
    review: Review, other: dict[str, str]
) -> None:
    row = review.find()[3]
    for action in ("accept", "look"):
        answer = respond(review, asked(review, action, row, **other))
        assert answer is not None
        assert answer["refused"]
        assert "Another review is open here now" in answer["message"]
        assert answer["row"] == review.find()[0]
    assert review.decisions == []


def test_a_reason_is_kept_and_shown(review: Review) -> None:
    row = review.find()[0]
    do(review, "reject", row, reason="bad reasoning")
    assert "rejected: bad reasoning" in card_html(review, row)


def test_one_can_go_to_a_number_among_those_found_or_to_an_id(review: Review) -> None:
    found = review.find(kind="memorise")
    assert do(review, "go", found[0], kind="memorise", go="2")[0] == found[1]
    other = review.find(kind="oracle")[3]
    assert do(review, "go", found[0], kind="memorise", go=other)[0] == other
    for wrong in ("0", str(len(found) + 1), "", "nowhere", "²"):
        shown, said = do(review, "go", found[0], kind="memorise", go=wrong)
        assert shown == found[0]
        assert f"No row '{wrong}': give a number from 1 to {len(found)}" in said


def test_the_page_starts_where_it_was_or_at_the_first_undecided_row(review: Review) -> None:
    first, second, third = review.find()[:3]
    review.decide(first, "accept")
    assert do(review, "start", "")[0] == second
    assert do(review, "start", third)[0] == third
    assert do(review, "start", "row of another dataset")[0] == second


def test_every_button_and_field_has_a_key_of_its_own() -> None:
    page = page_html("suspicious")
    keys = re.findall(r'data-key="(.)"', page)
    assert len(set(keys)) == len(keys) == 7 + len(REASONS) + 2
    assert "<option selected>suspicious</option>" in page


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def post(url: str, sent: dict[str, Any], **headers: str) -> Any:
    """What the page's script does."""
    config = json.loads(urllib.request.urlopen(f"{url}config").read())
    component = next(c["id"] for c in config["components"] if c["type"] == "html")
    body = {"data": sent, "component_id": component, "fn_name": "respond", "session_hash": "x"}
    request = urllib.request.Request(
        f"{url}gradio_api/component_server/",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", **headers},
    )
    return json.loads(urllib.request.urlopen(request).read())


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
        offered = client.view_api(print_info=False, return_format="dict")
        client.close()
        assert offered == {"named_endpoints": {}, "unnamed_endpoints": {}}
        first, second = review.find()[:2]
        rejecting = asked(review, "reject", first)
        with pytest.raises(HTTPError, match="403"):
            post(url, rejecting, Origin="http://example.com")
        assert read_decisions(folder)[0] == []
        assert post(url, rejecting, Origin=url.rstrip("/"))["row"] == second
        answer = post(url, asked(review, "write", second))
        assert "1 of" in answer["decided"]
        assert "rows after review: 1 rejected." in answer["message"]
        with pytest.raises(SetupError, match=f"Port {port} is taken"), serving(review, port=port):
            pass
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
            said, _ = process.communicate(timeout=300)
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


def test_the_report_says_what_each_decided_where_they_differ_and_who_wins(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, bob = Review(folder, "ann", sample=10), Review(folder, "bob")
    a, b, *_ = ann.find()
    ann.decide(a, "reject", reason="wrong answer")
    ann.decide(b, "accept")
    bob.decide(a, "accept")
    bob.decide(b, "accept")
    assert main(["review", str(folder), "--report", "--sample", "10", "--reviewer", "ann"]) == 0
    said = capsys.readouterr().out
    assert "ann: 2 of 10 rows decided; 1 rejected, 1 accepted, 1 for “wrong answer”" in said
    assert "bob: 2 of 10 rows decided; 2 accepted" in said
    assert said.count("1 rejected and 8 undecided: 95% interval") == 1
    assert said.count("0 rejected and 8 undecided: 95% interval") == 1
    assert "ann and bob agree on 1 of 2 rows (50%), Cohen's kappa 0.00." in said
    assert f"  {a}  ann: reject (wrong answer); bob: accept\n" in said
    assert "They differ on 1: what one of them rejects is left out." in said
    assert "When applied: 1 rejected." in said


def test_the_reviewer_is_who_is_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "cleo")
    assert command.login_name() == "cleo"

    def nobody() -> str:
        raise OSError("no user")

    monkeypatch.setattr("getpass.getuser", nobody)
    with pytest.raises(SetupError, match="--reviewer NAME"):
        command.login_name()


def test_a_sample_that_is_too_large_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", str(folder), "--sample", "99999", "--report"]) == 2
    assert "--sample is 99999, and the dataset has" in capsys.readouterr().err
