"""The Batch API (OpenAI, Azure): half the price, an answer within a day, the same ledger.

The work runs against BatchEndpoints, which answer from the ledger and note what is missing. That is
sent as one batch, the replies go into the ledger, and the work runs again: it finds questions in
the second round, answers in the third, repairs in the fourth.
"""

import json
import shutil
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from lib.endpoints import EndpointSettings
from lib.engine.endpoint import chat_request
from lib.engine.faults import EndpointError, Fault, RequestRejected, read_body, short
from lib.engine.ledger import Ledger
from lib.engine.replies import Reply, RequestForm, failed_reply, read_reply, rejected_reply
from lib.engine.sdk import sdk_client, short_faults
from lib.engine.tasks import run
from lib.prompts.student import Message
from lib.settings import SetupError, home, portable, write_text
from lib.store import fingerprint, read_json, write_json, write_jsonl

Result = TypeVar("Result")

MAX_REQUESTS, MAX_BYTES = 50_000, 190_000_000  # of a file; OpenAI takes 50,000 and 200 MB
_MOST_TRIES = 3  # batches in which a request may fail
_POLL_S = 30.0
_STATE = "batch.json"  # the name that a batch carries, and its id once it has one
_ENDED = ("completed", "failed", "expired", "cancelled")


def in_batches(
    endpoints: Sequence["BatchEndpoint"], work: Callable[[], Coroutine[Any, Any, Result]]
) -> Result:
    """The result of the work in the round in which no endpoint misses a reply."""
    while True:
        result = run(work())
        if not any(endpoint.missing for endpoint in endpoints):
            return result
        for endpoint in endpoints:
            endpoint.send_missing()


class _TooManyTokens(Exception):
    """More than the endpoint lets an account have in batches at a time."""


class BatchEndpoint:
    """An Endpoint that sends later: it answers from the ledger and notes what is missing."""

    def __init__(
        self, settings: EndpointSettings, ledger: Ledger, *, poll_s: float = _POLL_S
    ) -> None:
        self.settings, self.ledger, self._poll_s = settings, ledger, poll_s
        azure = settings.style == "azure"
        self._path = "/chat/completions" if azure else "/v1/chat/completions"
        self._form = RequestForm()
        self.missing: dict[str, dict[str, Any]] = {}  # ledger key → request
        self._rejected: dict[str, Reply] = {}  # what the endpoint will never answer
        self._errors: dict[str, list[str]] = {}  # of a request: one for each batch it failed in

    async def ask(
        self,
        messages: list[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        priority: int = 0,
    ) -> Reply:
        """As Endpoint.ask, without priorities. EndpointError: it waits, or three batches failed."""
        request = chat_request(self.settings, messages, max_tokens, temperature)
        key = Ledger.key(request)
        if (saved := self.ledger.get(key)) is not None:
            return Reply(**saved)
        if key in self._rejected:
            return self._rejected[key]
        errors = self._errors.get(key, [])
        if len(errors) == _MOST_TRIES:
            raise EndpointError(f"{errors[-1]} (in {_MOST_TRIES} batches)")
        self.missing[key] = request
        raise EndpointError("it waits for a batch")

    def send_missing(self) -> None:
        """Send what is missing, in as few batches as the limits allow, and wait for the replies.

        A kill loses nothing: the next run waits on by the id on the disk, also if it misses more.
        """
        missing, self.missing = self.missing, {}
        for path in sorted((home() / "artefacts" / "batches").glob("*/requests.jsonl")):
            keys = list[str]()
            with suppress(ValueError), path.open(encoding="utf-8") as file:
                keys = [json.loads(line)["custom_id"] for line in file]  # cut off: written anew
            begun = [key for key in keys if key in missing]
            is_paid = "id" in _state(path.parent) or path.with_name("replies.jsonl").exists()
            if begun and (is_paid or begun == keys):
                self._answer(path.parent, {key: missing.pop(key) for key in begun})
        for part in _parts(missing):
            self._send(part)

    def _send(self, requests: Mapping[str, dict[str, Any]]) -> None:
        line = {"method": "POST", "url": self._path}
        lines = [
            {"custom_id": key, **line, "body": self._form.payload(request)}
            for key, request in requests.items()
        ]
        folder = home() / "artefacts" / "batches" / fingerprint(lines)
        folder.mkdir(parents=True, exist_ok=True)
        write_jsonl(folder / "requests.jsonl", lines)
        self._answer(folder, requests)

    def _answer(self, folder: Path, requests: Mapping[str, dict[str, Any]]) -> None:
        """One batch, from its file to the ledger; with more tokens than are taken, as two."""
        print(f"{len(requests):,} requests in {portable(folder)}/requests.jsonl", flush=True)
        try:
            status = "" if (folder / "replies.jsonl").exists() else self._fetch(folder)
        except _TooManyTokens as error:
            if (half := len(requests) // 2) == 0:
                raise SetupError(
                    f"The {self.settings.role} does not take even one request ({error}). Wait for "
                    "other batches to end, then run this again; or set batch: false."
                ) from None
            print(f"two batches of half the size instead: {error}", flush=True)
            shutil.rmtree(folder)
            self._send(dict(islice(requests.items(), half)))
            self._send(dict(islice(requests.items(), half, None)))
            return
        self._save(folder / "replies.jsonl", requests)
        if status == "cancelled":
            raise SetupError(
                "The batch was cancelled: its replies are kept, and no other batch was submitted. "
                "Run this again to ask what is missing."
            )

    def _fetch(self, folder: Path) -> str:
        """Submit the folder's batch, unless that was done before; wait; write its replies.

        Returns its status; _TooManyTokens: the endpoint takes fewer at a time.
        """
        import openai

        where = f"The {self.settings.role} at {self.settings.address}"
        try:
            with sdk_client(self.settings) as client:
                batch = self._wait(client, self._submitted(client, folder))
                files = filter(None, (batch.output_file_id, batch.error_file_id))
                texts = [client.files.content(file_id).text.strip() for file_id in files]
        except openai.APIError as error:
            if batch_id := _state(folder).get("id"):
                raise SetupError(
                    f"{where} does not give {batch_id} or its replies ({short(error)}). It goes on "
                    "there: run this again, with the key that submitted it. If it does not exist "
                    f"any more, delete {portable(folder)} first: it is then paid again."
                ) from error
            raise SetupError(
                f"{where} does not take the batch ({short(error)}). Run this again: what was "
                "submitted is not paid twice. If that does not help, check address and key, set "
                f"batch: false, or answer the file yourself: `cd {portable(folder)} && vllm "
                f"run-batch -i requests.jsonl -o replies.jsonl --model {self.settings.deployment}`."
            ) from error
        if not texts:
            (folder / _STATE).unlink()  # the next run submits it anew
            errors = (batch.errors and batch.errors.data) or []
            reason = short("; ".join(e.message or "" for e in errors) or "no reason given")
            if any(error.code == "token_limit_exceeded" for error in errors):
                raise _TooManyTokens(reason)
            raise SetupError(
                f"The batch {batch.id} is {batch.status} without a reply ({reason}). Mend that, "
                "then run this again."
            )
        write_text(folder / "replies.jsonl", "".join(f"{text}\n" for text in texts))
        return str(batch.status)

    def _submitted(self, client: Any, folder: Path) -> Any:
        """The batch of this folder, submitted once also if a run is killed in between."""
        state = _state(folder)
        if "id" in state:
            return client.batches.retrieve(state["id"])
        name = state.get("name") or uuid4().hex

        def found() -> Any:
            listed = islice(client.batches.list(limit=100), 1000)
            return next((b for b in listed if (b.metadata or {}).get("openbook") == name), None)

        batch: Any = found() if state else None  # killed before the id was kept: it may be there
        write_json(folder / _STATE, {"name": name})
        if batch is None:
            with (folder / "requests.jsonl").open("rb") as file:
                uploaded = client.files.create(file=file, purpose="batch")
            while uploaded.status in ("pending", "running", "notRunning"):  # Azure looks at it
                time.sleep(self._poll_s)
                uploaded = client.files.retrieve(uploaded.id)
        for tries in range(_MOST_TRIES):
            if batch is not None:
                break
            try:  # the SDK would not look whether the first one was submitted
                batch = client.with_options(max_retries=0).batches.create(
                    input_file_id=uploaded.id,
                    endpoint=self._path,
                    completion_window="24h",
                    metadata={"openbook": name},
                )
            except short_faults():
                time.sleep(self._poll_s)
                if (batch := found()) is None and tries == _MOST_TRIES - 1:
                    raise
        write_json(folder / _STATE, {"name": name, "id": batch.id})
        print(f"batch {batch.id} is submitted: stop any time, the next run waits on", flush=True)
        return batch

    def _wait(self, client: Any, batch: Any) -> Any:
        said, fault = "", ""
        while True:
            counts = batch.request_counts
            done = f" · {counts.completed:,}/{counts.total:,} answered" if counts else ""
            if (line := fault or f"{batch.status}{done}") != said:
                print(f"{time.strftime('%H:%M')} batch {batch.id} · {line}", flush=True)
                said = line
            if batch.status in _ENDED:
                return batch
            time.sleep(self._poll_s)
            try:
                batch, fault = client.batches.retrieve(batch.id), ""
            except short_faults() as no_answer:
                fault = f"no answer: {short(no_answer)}"

    def _save(self, path: Path, requests: Mapping[str, dict[str, Any]]) -> None:
        """Each reply into the ledger; then the folder goes, but for what is not asked now."""
        errors = dict.fromkeys(requests, "the batch brought no reply to it")
        stops_all: SetupError | None = None
        writing: list[Future[None]] = []  # many share a commit
        for key, status, body in _replies(path):
            if key not in errors:
                continue
            request = requests[key]
            try:
                data = read_body(status, {}, json.dumps(body).encode(), self.settings)
                reply = read_reply(data, latency_s=0.0)
            except RequestRejected as rejected:
                sent = self._form.payload(request)
                self._form.learn(str(rejected))
                if self._form.payload(request) == sent:
                    self._rejected[key] = rejected_reply(rejected)
                    del errors[key]
            except (Fault, EndpointError) as error:
                errors[key] = str(error)
            except SetupError as error:
                stops_all = error  # once all the other replies are written
            else:
                writing.append(self.ledger.write(key, request, vars(reply)))
                del errors[key]
        for one in writing:
            one.result()
        # Not before: what is not in the ledger would be paid again. So would what another run asks.
        with path.with_name("requests.jsonl").open(encoding="utf-8") as lines:
            left = [line for line in map(json.loads, lines) if line["custom_id"] not in requests]
        if left:
            write_jsonl(path.with_name("requests.jsonl"), left)
        else:
            shutil.rmtree(path.parent)
        if stops_all is not None:
            raise stops_all
        for key, reason in errors.items():
            reasons = self._errors.setdefault(key, [])
            reasons.append(reason)
            if len(reasons) == _MOST_TRIES and self.ledger.failed_before(key):
                self._rejected[key] = failed_reply(reason)


def _state(folder: Path) -> dict[str, str]:
    return read_json(folder / _STATE) if (folder / _STATE).exists() else {}


def _parts(requests: Mapping[str, dict[str, Any]]) -> Iterator[dict[str, dict[str, Any]]]:
    """As few files as the API's limits allow."""
    part: dict[str, dict[str, Any]] = {}
    size = 0
    for key, request in requests.items():
        length = len(json.dumps(request, ensure_ascii=False).encode()) + 300
        if part and (len(part) == MAX_REQUESTS or size + length > MAX_BYTES):
            yield part
            part, size = {}, 0
        part[key] = request
        size += length
    if part:
        yield part


def _replies(path: Path) -> Iterator[tuple[str, int, Any]]:
    """(custom id, HTTP status, body) of each line; a line that is broken is none."""
    with path.open(encoding="utf-8") as file:
        for text in file:
            try:
                line = json.loads(text)
                response = line.get("response") or {}
                body = response.get("body") or {"error": line.get("error") or "no response"}
                yield str(line["custom_id"]), int(response.get("status_code") or 500), body
            except (ValueError, KeyError, AttributeError, TypeError):
                continue
