"""What an HTTP reply means, and how long an endpoint asks to wait."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from lib.endpoints import EndpointSettings
from lib.engine.faults import (
    Fault,
    RequestRejected,
    duration_s,
    read_body,
    retry_after_s,
)
from lib.settings import SetupError

SETTINGS = EndpointSettings("teacher", "openai", "http://127.0.0.1:9/v1", "some-model", "k-123")


def read(status: int, body: Any, **headers: str) -> dict[str, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_body(status, sent, content, SETTINGS)


def complaint(message: str = "why", code: str | None = None, type: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "type": type}}


def test_a_body_is_an_object() -> None:
    assert read(200, {"choices": []}) == {"choices": []}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        *((body, "cut") for body in (b"", b'{"choices": [{"mess')),
        *((body, "unreadable") for body in (b"<html>", b"[1]", b"\xff\xfe", b": gone")),
        *(
            (b'data: {"choices": %s}' % choices, "unreadable")
            for choices in (b"7", b'{"a": 1}', b"[1]", b'[{"delta": "hi"}]')
        ),
        *(
            (mark + b'{"error": {"message": "upstream"}}', "unreadable")
            for mark in (b"", b"data: ")
        ),
    ],
)
def test_a_broken_body_may_be_whole_the_next_time(body: bytes, kind: str) -> None:
    with pytest.raises(Fault, match="broken reply") as caught:
        read(200, body)
    assert caught.value.kind == kind


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_body_is_read_in_any_encoding_of_json(encoding: str) -> None:
    assert read(200, '{"choices": ["ä"]}'.encode(encoding)) == {"choices": ["ä"]}


@pytest.mark.parametrize("more", [{}, {"choices": []}, {"choices": None}])
@pytest.mark.parametrize(("code", "kind"), [(429, "busy"), ("502", "server"), (None, "unreadable")])
def test_an_error_in_a_reply_of_200_is_what_its_code_says(
    code: Any, kind: str, more: dict[str, Any]
) -> None:
    with pytest.raises(Fault, match="why") as caught:
        read(200, complaint(code=code) | more)
    assert caught.value.kind == kind
    with pytest.raises(SetupError, match="refuses the key \\(401: why\\)"):
        read(200, {"error": {"message": "why", "code": 401}, **more})


def test_no_error_in_a_reply_is_no_error() -> None:
    body = {"error": None, "data": [{"embedding": [1.0]}]}
    assert read(200, body) == body


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_passing_statuses(status: int) -> None:
    with pytest.raises(Fault, match=f"{status}: why") as caught:
        read(status, complaint(), Retry_After="2")
    assert caught.value.retry_after_s == 2
    assert (caught.value.kind == "busy") == (status == 429)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, complaint(), "refuses the key"),
        (402, complaint("Insufficient Balance"), "no credit"),
        (429, complaint("you exceeded", "insufficient_quota"), "no credit.*in the ledger"),
        (429, complaint("x", "credit_balance_exhausted", "insufficient_quota"), "no credit"),
        (429, complaint("x", "project_spend_limit_exceeded"), "no credit"),
        (429, complaint("x", "429", "budget_exceeded"), "no credit"),
        (400, complaint("Your credit balance is too low to access the API"), "no credit"),
        (403, complaint("Budget limit exceeded"), "no credit"),
        (
            400,
            complaint("Access denied, make sure your account is in good standing", "Arrearage"),
            "no credit",
        ),
        (
            403,
            {"code": 30001, "message": "Sorry, your account balance is insufficient"},
            "no credit",
        ),
        (429, complaint("余额不足或无可用资源包,请充值。", "1113"), "no credit"),
        (429, complaint("x", None, "exceeded_current_quota_error"), "no credit"),
        (407, complaint("sign in"), r"The proxy .* wants a login \(407: sign in\).*HTTPS_PROXY"),
    ],
)
def test_what_no_request_can_mend(status: int, body: dict[str, Any], says: str) -> None:
    with pytest.raises(SetupError, match=says) as caught:
        read(status, body)
    assert "k-123" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 413, 418, 422, 451, 498])
def test_a_request_that_is_never_answered(status: int) -> None:
    with pytest.raises(RequestRejected, match=f"{status}: too long") as caught:
        read(status, complaint("too long", "context_length_exceeded"))
    assert caught.value.code == "context_length_exceeded"
    assert f"({status}: too long)" in str(caught.value.if_all)


def test_a_402_that_says_how_long_to_wait_is_no_empty_account() -> None:
    with pytest.raises(Fault) as caught:
        read(402, complaint("In-flight budget reached"), Retry_After="2")
    assert (caught.value.kind, caught.value.retry_after_s) == ("busy", 2)


def test_what_a_gateway_s_provider_said_is_shown() -> None:
    body = complaint("Provider returned error")
    body["error"]["metadata"] = {"raw": "use max_completion_tokens", "provider_name": "Azure"}
    with pytest.raises(RequestRejected, match="error: use max_completion_tokens"):
        read(400, body)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 418, 422])
@pytest.mark.parametrize("wrapped", [lambda error: error, lambda error: [error]])
def test_a_wrong_key_is_named_in_whatever_status_it_comes(status: int, wrapped: Any) -> None:
    with pytest.raises((SetupError, RequestRejected)) as caught:
        read(status, wrapped(complaint("API key not valid. Please pass a valid API key.")))
    said = str(getattr(caught.value, "if_all", caught.value))
    assert "API key not valid" in said
    assert ("no credit" if status == 402 else "refuses the key") in said
    assert "\n" not in said


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_with_the_base_url_that_it_leads_to(status: int) -> None:
    for to in ("https://other.example/api/v1", "/api/v1"):
        headers = {"Location": f"{to}/chat/completions?key=secret"}
        url = "https://other.example/v1/chat/completions?key=secret"
        with pytest.raises(RequestRejected) as caught:
            read_body(status, headers, b"", SETTINGS, url)
        said = str(caught.value.if_all)
        assert "it redirects to https://other.example/api/v1. Set that as its base URL" in said
        assert "secret" not in said


def test_a_status_of_redirects_without_a_target_is_shown_as_it_is() -> None:
    with pytest.raises(RequestRejected) as caught:
        read(304, b"")
    assert "refuses even a short request (304: an empty body)" in str(caught.value.if_all)


def test_json_nested_too_deep_is_a_broken_reply() -> None:
    with pytest.raises(Fault, match="sent a broken reply"):
        read(200, b"[" * 100_000)


def test_of_a_page_the_words_are_shown() -> None:
    page = b"<!DOCTYPE html><head><style>p {}</style></head><h1>Sorry</h1><p>blocked</p>"
    with pytest.raises(RequestRejected, match=r"403: Sorry blocked$"):
        read(403, page)


@pytest.mark.parametrize(
    "body", [complaint("the reason"), {"error": "the reason"}, {"message": "the reason"}]
)
def test_the_complaint_is_found_wherever_it_stands(body: dict[str, Any]) -> None:
    with pytest.raises(Fault, match="the reason"):
        read(500, body)


def test_how_long_to_wait() -> None:
    assert retry_after_s({}) is None
    assert retry_after_s({"Retry-After": "3"}) == 3
    assert retry_after_s({"retry-after-ms": "250", "Retry-After": "3"}) == 0.25
    assert retry_after_s({"Retry-After": "soon"}) is None
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after_s({"Retry-After": date}) == pytest.approx(30, abs=1.5)
    wrong = format_datetime(datetime.now(UTC) + timedelta(hours=5), usegmt=True)
    later = format_datetime(datetime.now(UTC) + timedelta(hours=5, seconds=30), usegmt=True)
    assert retry_after_s({"Retry-After": later, "Date": wrong}) == 30  # whatever our clock says
    assert retry_after_s({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after_s({"Retry-After": f"Wed, 21 Oct {10**12} 07:28:00 GMT"}) is None
    for form in ("%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"):  # RFC 9110, 5.6.7
        date = (datetime.now(UTC) + timedelta(seconds=30)).strftime(form)
        assert retry_after_s({"Retry-After": date, "Date": "today"}) == pytest.approx(30, abs=1.5)
    used_up = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s"}
    others = {"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "6m0s"}
    assert retry_after_s(used_up | others) == 62.5
    assert retry_after_s(others) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360),
        ("1h2m", 3720),
        ("120ms", 0.12),
        ("1.5", 1.5),
        *((text, None) for text in ("", "s", "7x", "-3", "1s later")),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))
