"""What people paste as key, address and `.env`."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.endpoints import EndpointSettings, endpoint_settings
from lib.engine.transport import url_of
from lib.gen.ask.questions import teacher_notice
from lib.settings import SetupError, without_secrets
from lib.state import save_state, show_state

OPENAI = {
    "COMPLETION_OPENAI_API_KEY": "k-123",
    "COMPLETION_OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
    "COMPLETION_OPENAI_DEPLOYMENT": "m",
}


def teacher(monkeypatch: pytest.MonkeyPatch, **changed: str) -> EndpointSettings:
    for name, value in (OPENAI | changed).items():
        monkeypatch.setenv(name, value)
    settings = endpoint_settings("teacher")
    assert settings is not None
    return settings


@pytest.mark.parametrize("key", [" k-123", "k-123\n", "\tk-123\r\n", "k-123 ", "Bearer k-123"])
def test_a_key_has_no_blanks_and_no_scheme_around_it(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert teacher(monkeypatch, COMPLETION_OPENAI_API_KEY=key).api_key == "k-123"


@pytest.mark.parametrize("key", ["k-1\n23", "“k-123”", "\ufeffk-123", "k-\u200b123"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SetupError, match="COMPLETION_OPENAI_API_KEY") as caught:
        teacher(monkeypatch, COMPLETION_OPENAI_API_KEY=key)
    assert "k-1" not in str(caught.value)


def test_a_blank_value_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match="COMPLETION_OPENAI_API_KEY not set"):
        teacher(monkeypatch, COMPLETION_OPENAI_API_KEY=" \n")


@pytest.mark.parametrize("end", ["", "/", "/chat/completions", "/chat/completions/", "/embeddings"])
@pytest.mark.parametrize("query", ["", "?api-version=preview"])
def test_the_address_of_a_request_is_understood(
    end: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pasted = f"https://host/openai/v1{end}{query}"
    settings = teacher(monkeypatch, COMPLETION_OPENAI_BASE_URL=pasted)
    asked = f"https://host/openai/v1/chat/completions{query}"
    assert url_of(settings, "chat/completions") == asked


@pytest.mark.parametrize(
    ("shown", "asked"),
    [
        ("https://mine.openai.azure.com/", "https://mine.openai.azure.com/openai/v1/embeddings"),
        (
            "https://mine.services.ai.azure.com",
            "https://mine.services.ai.azure.com/openai/v1/embeddings",
        ),
        (
            "https://models.inference.ai.azure.com",
            "https://models.inference.ai.azure.com/embeddings",
        ),
    ],
)
def test_the_address_of_an_azure_resource_is_understood(
    shown: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = teacher(monkeypatch, COMPLETION_OPENAI_BASE_URL=shown)
    assert url_of(settings, "embeddings") == asked


@pytest.mark.parametrize(
    "end", ["", "/", "/openai", "/openai/deployments/gpt%204/chat/completions"]
)
@pytest.mark.parametrize("query", ["", "?api-version=2024-10-21"])
@pytest.mark.parametrize("own", [True, False])
def test_the_address_of_an_azure_request_fills_gaps(
    end: str, query: str, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPLETION_AZURE_OPENAI_API_KEY", "k-123")
    monkeypatch.setenv("COMPLETION_AZURE_OPENAI_ENDPOINT", f"https://host{end}{query}")
    if own or "deployments" not in end:
        monkeypatch.setenv("COMPLETION_AZURE_OPENAI_DEPLOYMENT", "own" if own else "gpt 4")
    if own or not query:
        monkeypatch.setenv("COMPLETION_OPENAI_API_VERSION", "own" if own else "2024-10-21")
    settings = endpoint_settings("teacher")
    assert settings is not None
    name, version = ("own", "own") if own else ("gpt%204", "2024-10-21")
    assert url_of(settings, "chat/completions") == (
        f"https://host/openai/deployments/{name}/chat/completions?api-version={version}"
    )


def test_the_secrets_of_an_address_are_never_shown(
    monkeypatch: pytest.MonkeyPatch, home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "https://me:secret@host:8000/v1?key=secret&api-version=1"
    settings = teacher(monkeypatch, COMPLETION_OPENAI_BASE_URL=url)
    assert settings.address == "https://***@host:8000/v1?key=***&api-version=1"
    save_state("tiny", STUDENT_OPENAI_BASE_URL=url)
    show_state("tiny")
    assert "secret" not in capsys.readouterr().out + teacher_notice()
    for harmless in ("http://127.0.0.1:1/v1", "artefacts/a@b", "me@host", ""):
        assert without_secrets(harmless) == harmless


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_another_encoding_of_env_is_one_line_with_its_remedy(encoding: str, home_dir: Path) -> None:
    (home_dir / ".env").write_text("# für uns\nCOMPLETION_OPENAI_API_KEY=k\n", encoding=encoding)
    with pytest.raises(SetupError, match=r"\.env .*Save it as UTF-8") as caught:
        endpoint_settings("teacher")
    assert "\n" not in str(caught.value)


def test_a_folder_in_the_place_of_env_is_an_error(home_dir: Path) -> None:
    (home_dir / ".env").mkdir()
    with pytest.raises(SetupError, match=r"\.env cannot be read .*NAME=value"):
        endpoint_settings("teacher")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(home_dir: Path) -> None:
    lines = [f"{name}={value}" for name, value in OPENAI.items()]
    (home_dir / ".env").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    settings = endpoint_settings("teacher")
    assert settings is not None
    assert (settings.api_key, settings.deployment) == ("k-123", "m")
