"""The ledger: every paid reply, once, whatever happens."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lib.engine.ledger import Ledger, Usage
from lib.engine.ledger_writer import Writer
from lib.settings import SetupError, home
from tests.ledger import replies_of

REQUEST: dict[str, Any] = {
    "role": "teacher",
    "model": "m",
    "messages": [{"role": "user", "content": "é"}],
}


def test_a_reply_is_kept_once_and_survives_reopening() -> None:
    ledger = Ledger()
    key = Ledger.key(REQUEST)
    assert ledger.get(key) is None
    ledger.write(
        key, REQUEST, {"text": "first", "prompt_tokens": 3, "completion_tokens": 2}
    ).result()
    ledger.write(key, REQUEST, {"text": "second"}).result()
    ledger.close()
    again = Ledger()
    assert again.get(key) == {"text": "first", "prompt_tokens": 3, "completion_tokens": 2}
    assert again.usage_by_model() == {("teacher", "m"): Usage(1, 3, 2, 0)}


def test_a_ledger_of_a_later_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.write("a", REQUEST, {"text": "x"}).result()
    ledger.close()
    with sqlite3.connect(ledger.path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before, other = ledger.path.read_bytes(), Ledger(tmp_path / "other.sqlite")
    for use in (Ledger, lambda: Writer(ledger.path), lambda: other.take_in(ledger.path)):
        with pytest.raises(SetupError, match=rf"^{ledger.path} .*version 99, .*Update") as told:
            use()
        assert "\n" not in str(told.value)
    assert ledger.path.read_bytes() == before


@pytest.mark.parametrize("start", [0, 100, 4096])
def test_a_damaged_ledger_is_one_line_with_its_path_and_a_remedy(start: int) -> None:
    ledger = Ledger()
    for number in range(200):
        ledger.write(f"{number}", REQUEST, {"text": "x" * 100}).result()
    ledger.close()
    path = home() / "artefacts" / "ledger.sqlite"
    content = bytearray(path.read_bytes())
    content[start:] = b"\xa5" * (len(content) - start)
    path.write_bytes(content)

    def use() -> None:
        Ledger().usage_by_model()

    with pytest.raises(SetupError, match=rf"^{path} cannot be used .*rename") as told:
        use()
    assert "\n" not in str(told.value)


def test_the_key_follows_everything_that_is_sent() -> None:
    changed = [
        REQUEST,
        {**REQUEST, "role": "judge"},
        {**REQUEST, "model": "n"},
        {**REQUEST, "temperature": 0.5},
        {**REQUEST, "messages": [{"role": "user", "content": "e"}]},
    ]
    assert len({Ledger.key(request) for request in changed}) == len(changed)


def test_a_committed_reply_outlives_kill_9() -> None:
    script = (
        "import os, signal; from lib.engine.ledger import Ledger\n"
        "Ledger().write('k', {'role': 'teacher', 'model': 'm'}, {'text': 'paid'}).result()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], env=os.environ.copy(), check=False)
    assert done.returncode == -signal.SIGKILL
    assert Ledger().get("k") == {"text": "paid"}


def keep_many(ledger: Ledger, count: int, *, text: str = "") -> None:
    futures = [
        ledger.write(
            f"{text}{number}", {**REQUEST, "model": f"m{number % 2}"}, {"prompt_tokens": 1}
        )
        for number in range(count)
    ]
    for future in futures:
        future.result()


def test_replies_that_come_together_share_one_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    insert, all_came = Writer._insert, threading.Event()

    def slow(writer: Writer, rows: Any) -> None:
        all_came.wait(300)
        commits.append(len(rows))
        insert(writer, rows)

    monkeypatch.setattr(Writer, "_insert", slow)
    ledger = Ledger()
    for number in range(100):
        ledger.write(str(number), REQUEST, {})
    all_came.set()
    ledger.close()
    assert sum(commits) == replies_of("teacher") == 100
    assert len(commits) <= 2  # one has begun when the last reply comes


def test_closing_writes_what_waits() -> None:
    ledger = Ledger()
    for number in range(50):
        ledger.write(str(number), REQUEST, {})
    ledger.close()
    assert replies_of("teacher") == 50


def test_usage_since_a_mark_and_by_model() -> None:
    ledger = Ledger()
    assert ledger.mark() == 0
    keep_many(ledger, 3, text="before")
    mark = ledger.mark()
    keep_many(ledger, 4, text="after")
    ledger.write(
        "other", {**REQUEST, "role": "judge"}, {"prompt_tokens": 9, "cached_tokens": 5}
    ).result()
    assert replies_of("teacher") == 7
    assert ledger.usage_by_model(since=mark)["judge", "m"] == Usage(1, 9, 0, 5)
    by_model = {key: usage.requests for key, usage in ledger.usage_by_model(since=mark).items()}
    assert by_model == {("teacher", "m0"): 2, ("teacher", "m1"): 2, ("judge", "m"): 1}
    ledger.close()


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XYZ-11")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_away")
def test_tokens_of_the_last_day_stand_by_minute() -> None:
    ledger = Ledger()
    ledger.write("now", REQUEST, {"prompt_tokens": 3, "completion_tokens": 4}).result()
    ledger.write("old", REQUEST, {"prompt_tokens": 100}).result()
    with sqlite3.connect(ledger.path) as db:
        db.execute("UPDATE replies SET created = datetime('now', '-25 hours') WHERE key = 'old'")
    ((at, tokens),) = ledger.tokens_by_minute("m")
    assert tokens == 7
    assert 0 <= time.time() - at < 120
    ledger.close()


def test_a_ledger_of_the_first_version_is_read_and_written() -> None:
    path = home() / "old.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE replies (key TEXT PRIMARY KEY, role TEXT NOT NULL, model TEXT NOT NULL,"
            " request TEXT NOT NULL, reply TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,"
            " completion_tokens INTEGER NOT NULL,"
            " created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"
        )
        db.execute(
            "INSERT INTO replies (key, role, model, request, reply, prompt_tokens,"
            """ completion_tokens) VALUES ('k', 'teacher', 'm', '{}', '{"text": "paid"}', 5, 6)"""
        )
    for turn in range(2):
        ledger = Ledger(path)
        assert ledger.get("k") == {"text": "paid"}
        ledger.write("l", REQUEST, {"prompt_tokens": 1, "cached_tokens": 1}).result()
        assert ledger.failed_before("f") == (turn > 0)
        sums = ledger.usage_by_model()
        assert sums == {("teacher", "m"): Usage(2, 6, 6, 1)}
        ledger.close()


WRITING = """
import sys
from lib.engine.ledger import Ledger
ledger = Ledger()
for turn in range(10):
    keys = [f"{sys.argv[1]}-{turn}-{number}" for number in range(20)]
    written = [ledger.write(key, {"role": "teacher", "model": "m"}, {}) for key in keys]
    [one.result() for one in written]
ledger.close()
"""


def test_several_processes_write_at_once() -> None:
    command = [sys.executable, "-c", WRITING]
    writers = [
        subprocess.Popen([*command, str(number)], env=os.environ.copy()) for number in range(3)
    ]
    assert [writer.wait(300) for writer in writers] == [0] * 3
    assert replies_of("teacher") == 600


HOLDING = """
import sys, time
from lib.engine.ledger import Ledger
print(Ledger().lock("ab" * 32), flush=True)
time.sleep(60)
"""


def test_a_claim_keeps_other_processes_out_until_it_ends_or_its_process_dies() -> None:
    ledger, key = Ledger(), "ab" * 32
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    assert not ledger.lock(key)
    assert ledger.lock("cd" * 32)
    process.kill()
    process.communicate()
    assert ledger.lock(key)
    ledger.close()


def test_a_file_system_without_locks_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def lockf(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("lib.engine.ledger.fcntl.lockf", lockf)
    assert Ledger().lock("ab" * 32)


LIMITED = """
import resource
from lib.engine.ledger import Ledger
from lib.settings import SetupError
ledger = Ledger()
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
futures = [
    ledger.write(str(n), {"role": "teacher", "model": "m"}, {"text": "x" * 1000})
    for n in range(500)
]
errors = [future.exception() for future in futures]
assert any(isinstance(error, SetupError) for error in errors)
print(sum(error is None for error in errors))
print(ledger.write_error)
"""


def test_a_ledger_of_the_same_process_that_closes_frees_no_claims() -> None:
    ledger, key = Ledger(), "ef" * 32
    assert ledger.lock(key)
    Ledger().close()
    script = HOLDING.replace("ab", "ef").replace("time.sleep(60)", "")
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert other.stdout == "False\n"
    ledger.close()


def test_a_row_that_no_file_can_hold_fails_alone_and_the_next_is_kept() -> None:
    ledger = Ledger()
    with pytest.raises(UnicodeEncodeError):
        ledger.write("half", REQUEST, {"text": "\ud83d"}).result(300)
    ledger.write("whole", REQUEST, {"text": "😀"}).result()
    assert ledger.get("whole") == {"text": "😀"}
    ledger.close()


def test_what_cannot_be_written_is_said_and_what_was_written_stays() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True
    )
    kept, said = done.stdout.splitlines()
    assert "paid replies could not be written to artefacts/ledger.sqlite" in said
    assert "Free some space" in said
    assert replies_of("teacher") == int(kept) < 500


def test_no_room_is_said_before_anything_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    ledger = Ledger()
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SetupError, match=r"ledger\.reserve.*No space left on device.*Free some"):
        ledger.reserve_space()
    ledger.close()


def test_first_runs_at_once_make_one_ledger(tmp_path: Path) -> None:
    def opened(path: Path) -> bool:
        start.wait()
        Ledger(path).close()
        return True

    start = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        for number in range(60):
            assert all(pool.map(opened, [tmp_path / f"{number}.sqlite"] * 8))
