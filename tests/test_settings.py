from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lib.endpoints import PREFIXES, check_names, endpoint_settings, is_set_by_user, prefixes_of
from lib.settings import SetupError, home
from lib.state import (
    STATE_KEYS,
    environment,
    latest_run,
    read_state,
    require_path,
    save_state,
    show_state,
    state_path,
)


def write_env(home: Path, text: str) -> None:
    (home / ".env").write_text(text, encoding="utf-8")


def test_precedence_is_process_then_env_then_state(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ["DATASET_DIR", "STUDENT_MODEL_DIR", "BASELINE_MODEL_DIR"]
    save_state("tiny", **dict.fromkeys(keys, "state"))
    write_env(home_dir, "DATASET_DIR=file\nSTUDENT_MODEL_DIR=file\n")
    monkeypatch.setenv("DATASET_DIR", "process")
    found = environment("tiny")
    assert [found[key] for key in keys] == ["process", "file", "state"]
    assert "BASELINE_MODEL_DIR" not in environment("another")


def test_the_home_is_one_folder_wherever_a_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBOOK_HOME", "~/mine")
    assert home() == Path.home() / "mine"
    monkeypatch.setenv("OPENBOOK_HOME", "mine")
    with pytest.raises(SetupError, match="'mine'; expected an absolute path"):
        home()


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


def test_plain_names_alone_configure_no_role(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert endpoint_settings("teacher") is None
    write_env(home_dir, "OPENAI_API_KEY=k\nOPENAI_DEPLOYMENT=m\n")
    with pytest.raises(SetupError, match="COMPLETION_OPENAI_API_KEY"):
        endpoint_settings("teacher")


@pytest.mark.parametrize("prefix", [p for prefixes in PREFIXES.values() for p in prefixes])
@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "OPENAI_DEPLOYMENT", "AZURE_OPENAI_ENDPOINT"])
def test_a_misspelt_name_is_told_the_name_that_is_read(
    prefix: str, name: str, home_dir: Path
) -> None:
    wrong = {
        f"{prefix}{name}",
        f"{prefix}{name[:-2]}{name[-1]}",
        f"{prefix}{name.replace('OPENAI_', 'OPNAI_')}",
        f"{prefix[:-1]}S_{name}",
        f"{prefix[0]}{prefix[2:]}{name}",
        f"{prefix}{name.replace('_API', '')}",
    } - {f"{prefix}{name}", f"{prefix}AZURE_OPENAI_KEY"}
    for one in wrong:
        write_env(home_dir, f"{one}=x\n")
        if one.endswith(("KEY", "DEPLOYMENT", "ENDPOINT")):
            with pytest.raises(SetupError, match=f"{one}, which nothing reads.*{prefix}{name}\\?"):
                check_names()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("OPENAI_KEY", "COMPLETION_OPENAI_API_KEY"),
        ("OPENAI_API_BASE", "COMPLETION_OPENAI_BASE_URL"),
        ("COMPLETION_KEY", "COMPLETION_OPENAI_API_KEY"),
        ("COMPLETION_MODEL", "COMPLETION_OPENAI_DEPLOYMENT"),
        ("JUDGE_BASE_URL", "JUDGE_OPENAI_BASE_URL"),
        ("AZURE_OPENAI_API_KEY", "COMPLETION_AZURE_OPENAI_API_KEY"),
    ],
)
def test_the_usual_wrong_names(wrong: str, right: str, home_dir: Path) -> None:
    write_env(home_dir, f"{wrong}=x\n")
    with pytest.raises(SetupError, match=rf"{wrong}, .*{right}\?"):
        endpoint_settings("teacher")


def test_names_that_are_read_or_are_not_ours_are_left_alone(home_dir: Path) -> None:
    names = [
        f"{prefix}{name}"
        for prefix in ("COMPLETION_", "SCORE_", "GPT_4O_")
        for name in (
            "OPENAI_API_KEY",
            "AZURE_OPENAI_KEY",
            "AZURE_OPENAI_USE_ENTRA_ID",
            "OPENAI_API_VERSION",
        )
    ]
    names += ["OPENAI_API_KEY", "OPENAI_ORG_ID", "HF_TOKEN", "WANDB_API_KEY", "MLFLOW_TRACKING_URI"]
    write_env(home_dir, "".join(f"{name}=x\n" for name in [*names, "OPENBOOK_HOME", "AWS_KEY"]))
    check_names()


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
    save_state("t", STUDENT_OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    write_env(
        home_dir,
        "STUDENT_AZURE_OPENAI_KEY=k\nSTUDENT_AZURE_OPENAI_ENDPOINT=https://x\n"
        "STUDENT_AZURE_OPENAI_DEPLOYMENT=d\nSTUDENT_OPENAI_API_VERSION=v\n",
    )
    student = endpoint_settings("student", "t")
    assert student is not None
    assert (student.style, student.deployment) == ("azure", "d")


def test_secrets_are_in_no_print(home_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_state("t", STUDENT_OPENAI_API_KEY="hunter2", DATASET_DIR="tiny")
    write_env(home_dir, "STUDENT_OPENAI_DEPLOYMENT=m\n")
    show_state("t")
    printed = capsys.readouterr().out + repr(endpoint_settings("student", "t"))
    assert "tiny" in printed
    assert "hunter2" not in printed
    assert "hunter" not in printed


def test_state_is_private_and_keeps_any_text() -> None:
    value = "it's a \\ 'quoted' #value = with ${HOME} and é"
    save_state("t", STUDENT_BASE="x", DATASET_DIR=value)
    save_state("t", STUDENT_BASE="y", BASELINE_MODEL_DIR=None)
    assert stat.S_IMODE(state_path("t").stat().st_mode) == 0o600
    assert read_state("t") == {"STUDENT_BASE": "y", "DATASET_DIR": value}
    assert list(state_path("t").parent.iterdir()) == [state_path("t")]


def test_undeclared_state_is_a_bug() -> None:
    with pytest.raises(KeyError, match="NOT_DECLARED"):
        save_state("t", NOT_DECLARED="x")


@pytest.mark.parametrize("key", sorted(STATE_KEYS))
def test_missing_state_names_the_notebook_that_writes_it(key: str) -> None:
    save_state("another", **{key: "x"})
    with pytest.raises(SetupError, match=rf"{STATE_KEYS[key]}.*'mine'.*another"):
        require_path(key, "mine")


def test_without_any_run_the_first_notebook_is_named() -> None:
    with pytest.raises(SetupError, match=r"No run here has a DATASET_DIR yet\. Run 1_gen"):
        require_path("DATASET_DIR", latest_run())


def test_a_folder_that_is_gone_names_the_notebook_that_makes_it(home_dir: Path) -> None:
    save_state("one", DATASET_DIR="d")
    with pytest.raises(SetupError, match=r"d, which is not there\. Run 1_gen"):
        require_path("DATASET_DIR", "one")
    (home_dir / "d").mkdir()
    assert require_path("DATASET_DIR", "one") == home_dir / "d"


@pytest.mark.parametrize("damage", [b"\xff\xfe\x00", b"{}\n", b"DATASET_DIR='x", b"\0\0\0", None])
def test_a_damaged_state_is_one_line_with_its_path_and_a_remedy(damage: bytes | None) -> None:
    save_state("t", DATASET_DIR="d")
    if damage is None:
        state_path("t").unlink()
        state_path("t").mkdir()
    else:
        state_path("t").write_bytes(damage)
    for use in (read_state, show_state, environment, save_state):
        with pytest.raises(
            SetupError, match=r"runs/t/\.env\.state cannot be read .*Delete"
        ) as told:
            use("t")
        assert "\n" not in str(told.value)


def test_the_latest_run_is_the_one_whose_notebook_ran_last() -> None:
    assert latest_run() == ""
    for number, name in enumerate(["b", "a", "c", "a"]):
        save_state(name, DATASET_DIR="d")
        os.utime(state_path(name), ns=(number, number))
        assert latest_run() == name


def test_state_is_not_taken_for_the_users_configuration(
    home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_state("t", STUDENT_OPENAI_BASE_URL="http://127.0.0.1:1/v1")
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


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("COMPLETION_OPENAI_API_KEY: k", r"\.env, line 2, is not NAME=value"),
        ("set COMPLETION_OPENAI_API_KEY=k", r"\.env, line 2, is not NAME=value"),
        ("COMPLETION_OPENAI_API_KEY='k", r"\.env, line 2, is not NAME=value"),
        ("completion_openai_api_key=k", r"nothing reads\. .* COMPLETION_OPENAI_API_KEY\?"),
        ("COMPLETION_OPENAI_TOKEN=k", r"nothing reads\. .* COMPLETION_OPENAI_API_KEY\?"),
        ("COMPLETION_HOST=http://a", r"nothing reads\. .* COMPLETION_OPENAI_BASE_URL\?"),
    ],
)
def test_a_line_that_sets_nothing_is_said_and_not_passed_over(
    line: str, says: str, home_dir: Path
) -> None:
    write_env(home_dir, f"# mine\n{line}\n")
    with pytest.raises(SetupError, match=says):
        endpoint_settings("teacher")


@pytest.mark.parametrize("password", ["p#w", "p/w", "p?w", "p@w", "pw"])
@pytest.mark.parametrize("scheme", ["http://", "", "ftp://"])
def test_no_password_of_an_address_is_shown(password: str, scheme: str, home_dir: Path) -> None:
    url = f"{scheme}me:{password}@127.0.0.1:9/v1"
    name = "COMPLETION_OPENAI"
    write_env(home_dir, f"{name}_API_KEY=k\n{name}_DEPLOYMENT=m\n{name}_BASE_URL='{url}'\n")
    try:
        settings = endpoint_settings("teacher")
        shown = f"{settings!r} {settings.where}" if settings else ""
        assert (scheme, password) in {("http://", "pw"), ("http://", "p@w")}
    except SetupError as error:
        shown = str(error)
        assert "is not the address of a server" in shown
    assert "***@127.0.0.1:9/v1" in shown
    assert password not in shown.replace("%", "")


@pytest.mark.parametrize(
    "url",
    "127.0.0.1:8000/v1 http:///v1 http://[::1/v1 http://a:99999/v1 http://a:x/v1 http://a..b/v1 "
    f"<http://a/v1> http//a/v1 http://{'a' * 64}.example/v1".split(),
)
def test_what_is_no_address_is_said_before_anything_is_asked(url: str, home_dir: Path) -> None:
    name = "JUDGE_OPENAI"
    write_env(home_dir, f"{name}_API_KEY=k\n{name}_DEPLOYMENT=m\n{name}_BASE_URL={url}\n")
    with pytest.raises(SetupError, match="is not the address of a server"):
        endpoint_settings("judge")
