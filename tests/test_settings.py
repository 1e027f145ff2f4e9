from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lib.settings import (
    STATE_KEYS,
    SetupError,
    endpoint_settings,
    environment,
    is_set_by_user,
    prefixes_of,
    read_state,
    require_path,
    save_state,
    show_state,
)


def write_env(home: Path, text: str) -> None:
    (home / ".env").write_text(text, encoding="utf-8")


def test_precedence_is_process_then_env_then_state(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_state(DATASET_DIR="state", STUDENT_MODEL_DIR="state", RUN_NAME="state")
    write_env(home_dir, "DATASET_DIR=file\nSTUDENT_MODEL_DIR=file\n")
    monkeypatch.setenv("DATASET_DIR", "process")
    found = environment()
    assert [found[key] for key in ("DATASET_DIR", "STUDENT_MODEL_DIR", "RUN_NAME")] == [
        "process",
        "file",
        "state",
    ]


def test_env_is_read_as_dotenv(home_dir: Path) -> None:
    write_env(
        home_dir,
        "# a comment\n"
        'COMPLETION_OPENAI_API_KEY="a#b=c d"  # behind it\n'
        "COMPLETION_OPENAI_DEPLOYMENT = 'two words'\n"
        "export COMPLETION_OPENAI_BASE_URL=http://127.0.0.1:1/v1?x=$HOME\n",
    )
    teacher = endpoint_settings("teacher")
    assert teacher is not None
    assert (teacher.api_key, teacher.deployment) == ("a#b=c d", "two words")
    assert teacher.base_url == "http://127.0.0.1:1/v1?x=$HOME"


def test_prefixed_beats_plain_and_plain_fills_gaps(home_dir: Path) -> None:
    write_env(
        home_dir,
        "OPENAI_API_KEY=plain\nOPENAI_BASE_URL=http://plain\nJUDGE_OPENAI_DEPLOYMENT=judge\n"
        "TEACHER_OPENAI_DEPLOYMENT=alias\nCOMPLETION_OPENAI_API_KEY=own\n",
    )
    teacher = endpoint_settings("teacher")
    assert teacher is not None
    assert (teacher.api_key, teacher.base_url, teacher.deployment) == (
        "own",
        "http://plain",
        "alias",
    )


def test_names_of_other_prefixes_never_leak_in(home_dir: Path) -> None:
    write_env(home_dir, "COMPLETION_OPENAI_API_KEY=k\nCOMPLETION_OPENAI_DEPLOYMENT=m\n")
    assert endpoint_settings("student") is None
    write_env(home_dir, "COMPLETION_OPENAI_API_KEY=k\nSTUDENT_OPENAI_DEPLOYMENT=m\n")
    with pytest.raises(SetupError, match="STUDENT_OPENAI_API_KEY"):
        endpoint_settings("student")


def test_plain_names_alone_configure_no_role(home_dir: Path) -> None:
    write_env(home_dir, "OPENAI_API_KEY=k\nOPENAI_DEPLOYMENT=m\n")
    assert endpoint_settings("teacher") is None


@pytest.mark.parametrize("key", ["AZURE_OPENAI_API_KEY", "AZURE_OPENAI_KEY"])
@pytest.mark.parametrize("version", ["OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION"])
def test_azure_style(home_dir: Path, key: str, version: str) -> None:
    write_env(
        home_dir,
        f"SCORE_{key}=k\nSCORE_AZURE_OPENAI_ENDPOINT=https://x\n"
        f"SCORE_AZURE_OPENAI_DEPLOYMENT=d\nSCORE_{version}=2024-10-21\n",
    )
    judge = endpoint_settings("judge")
    assert judge is not None
    assert (judge.style, judge.api_version, judge.deployment) == ("azure", "2024-10-21", "d")


def test_the_users_style_beats_the_states(home_dir: Path) -> None:
    save_state(STUDENT_OPENAI_BASE_URL="http://127.0.0.1:9/v1", STUDENT_OPENAI_DEPLOYMENT="local")
    write_env(
        home_dir,
        "STUDENT_AZURE_OPENAI_KEY=k\nSTUDENT_AZURE_OPENAI_ENDPOINT=https://x\n"
        "STUDENT_AZURE_OPENAI_DEPLOYMENT=d\nSTUDENT_OPENAI_API_VERSION=v\n",
    )
    student = endpoint_settings("student")
    assert student is not None
    assert (student.style, student.deployment) == ("azure", "d")


def test_secrets_are_in_no_print(home_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_state(STUDENT_OPENAI_API_KEY="hunter2", RUN_NAME="tiny")
    write_env(home_dir, "STUDENT_OPENAI_DEPLOYMENT=m\n")
    show_state()
    printed = capsys.readouterr().out + repr(endpoint_settings("student"))
    assert "tiny" in printed
    assert "hunter2" not in printed
    assert "hunter" not in printed


def test_state_is_private_and_keeps_any_text(home_dir: Path) -> None:
    value = "it's a \\ 'quoted' #value = with ${HOME} and é"
    save_state(RUN_NAME="x", DATASET_DIR=value)
    save_state(RUN_NAME="y", BASELINE_MODEL_DIR=None)
    path = home_dir / ".env.state"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_state() == {"RUN_NAME": "y", "DATASET_DIR": value}
    assert [p.name for p in home_dir.iterdir()] == [".env.state"]


def test_undeclared_state_is_a_bug() -> None:
    with pytest.raises(KeyError, match="NOT_DECLARED"):
        save_state(NOT_DECLARED="x")


@pytest.mark.parametrize("key", sorted(STATE_KEYS))
def test_missing_state_names_the_notebook_that_writes_it(key: str) -> None:
    with pytest.raises(SetupError, match=STATE_KEYS[key]):
        require_path(key)


def test_state_of_another_run_is_not_used(home_dir: Path) -> None:
    save_state(RUN_NAME="one", DATASET_DIR="d")
    with pytest.raises(SetupError, match=r"'one'.*'two'"):
        require_path("DATASET_DIR", run_name="two")
    with pytest.raises(SetupError, match="Run 1_gen"):
        require_path("DATASET_DIR", run_name="one")
    (home_dir / "d").mkdir()
    assert require_path("DATASET_DIR", run_name="one") == home_dir / "d"


def test_state_is_not_taken_for_the_users_configuration(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_state(STUDENT_OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    assert not is_set_by_user("student")
    write_env(home_dir, "FINETUNED_AZURE_OPENAI_ENDPOINT=https://a.example\n")
    assert is_set_by_user("student")
    assert not is_set_by_user("baseline")
    monkeypatch.setenv("BASELINE_OPENAI_API_KEY", "k")
    assert is_set_by_user("baseline")


def test_a_setup_error_is_shown_in_one_line_by_ipython() -> None:
    assert SetupError("mend it")._render_traceback_() == ["SetupError: mend it"]


def test_a_role_of_ones_own_reads_the_variables_of_its_name(home_dir: Path) -> None:
    write_env(
        home_dir,
        "GPT_4O_OPENAI_API_KEY=k\nGPT_4O_OPENAI_DEPLOYMENT=m\nOPENAI_BASE_URL=http://plain\n"
        "MISTRAL_7B_AZURE_OPENAI_KEY=k\nMISTRAL_7B_AZURE_OPENAI_ENDPOINT=https://x\n"
        "MISTRAL_7B_AZURE_OPENAI_DEPLOYMENT=d\nMISTRAL_7B_OPENAI_API_VERSION=v\n",
    )
    own = endpoint_settings("gpt-4o")
    assert own is not None
    assert (own.role, own.base_url, own.deployment) == ("gpt-4o", "http://plain", "m")
    azure = endpoint_settings("mistral 7b")
    assert azure is not None
    assert (azure.style, azure.deployment) == ("azure", "d")
    assert endpoint_settings("gpt-4") is None
    assert prefixes_of("teacher") == ("COMPLETION_", "TEACHER_")
    write_env(home_dir, "GPT_4O_OPENAI_DEPLOYMENT=m\n")
    with pytest.raises(SetupError, match="GPT_4O_OPENAI_API_KEY not set"):
        endpoint_settings("gpt-4o")
