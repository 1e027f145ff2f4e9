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
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from lib.endpoints import EndpointSettings
from lib.engine.endpoint import chat_request
from lib.engine.faults import EndpointError, Fault, RequestRejected, read_body, short
from lib.engine.ledger import Ledger
from lib.engine.replies import Reply, RequestForm, failed_reply, read_reply, rejected_reply
from lib.engine.sdk import sdk_client
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
        """As Endpoint.ask, without priorities; EndpointError: it waits, or failed in three,
        for the first time."""
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

        A kill loses nothing: the batch's id is on the disk before it is waited for, and the next
        run goes on waiting.
        """
        missing, self.missing = self.missing, {}
        for part in _parts(missing):
            self._answer(part)

    def _answer(self, requests: Mapping[str, dict[str, Any]]) -> None:
        """One batch, from its file to the ledger. The file lies there as long as it is needed."""
        line = {"method": "POST", "url": self._path}
        lines = [
            {"custom_id": key, **line, "body": self._form.payload(request)}
            for key, request in requests.items()
        ]
        folder = home() / "artefacts" / "batches" / fingerprint(lines)
        folder.mkdir(parents=True, exist_ok=True)
        write_jsonl(folder / "requests.jsonl", lines)
        print(f"{len(lines):,} requests in {portable(folder)}/requests.jsonl", flush=True)
        if not (folder / "replies.jsonl").exists():
            write_text(folder / "replies.jsonl", self._fetch(folder))
        try:
            self._save(folder / "replies.jsonl", requests)
        finally:
            shutil.rmtree(folder)

    def _fetch(self, folder: Path) -> str:
        """Submit the folder's batch, unless that was done before; wait; its replies as JSONL."""
        import openai

        where = f"The {self.settings.role} at {self.settings.address}"
        try:
            with sdk_client(self.settings) as client:
                batch = self._wait(client, self._submitted(client, folder))
                files = filter(None, (batch.output_file_id, batch.error_file_id))
                texts = [client.files.content(file_id).text.strip() for file_id in files]
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise SetupError(f"{where} refuses the key ({short(error)}). Check it.") from error
        except openai.APIStatusError as error:
            raise SetupError(
                f"{where} does not take the batch ({short(error)}). Set batch: false; or answer "
                f"the file yourself, `cd {portable(folder)} && vllm run-batch -i requests.jsonl "
                f"-o replies.jsonl --model {self.settings.deployment}`, and run this again."
            ) from error
        except openai.APIError as error:  # the connection: the SDK has tried several times
            raise SetupError(
                f"{where} cannot be reached ({short(error)}). What was submitted goes on there: "
                "run this again to fetch it."
            ) from error
        if not texts:
            (folder / _STATE).unlink()  # the next run submits it anew
            errors = (batch.errors and batch.errors.data) or []
            reason = short("; ".join(e.message or "" for e in errors) or "no reason given")
            raise SetupError(
                f"The batch {batch.id} is {batch.status} without a reply ({reason}). Mend that, "
                "then run this again."
            )
        return "".join(f"{text}\n" for text in texts)

    def _submitted(self, client: Any, folder: Path) -> Any:
        """The batch of this folder, submitted once also if a run is killed in between."""
        state = read_json(folder / _STATE) if (folder / _STATE).exists() else {}
        if "id" in state:
            return client.batches.retrieve(state["id"])
        batch = None
        if name := state.get("name"):  # killed before the id was kept: the batch may be there
            listed = islice(client.batches.list(limit=100), 1000)
            batch = next((b for b in listed if (b.metadata or {}).get("openbook") == name), None)
        else:
            name = uuid4().hex
            write_json(folder / _STATE, {"name": name})
        if batch is None:
            with (folder / "requests.jsonl").open("rb") as file:
                uploaded = client.files.create(file=file, purpose="batch")
            batch = client.batches.create(
                input_file_id=uploaded.id,
                endpoint=self._path,
                completion_window="24h",
                metadata={"openbook": name},
            )
        write_json(folder / _STATE, {"name": name, "id": batch.id})
        print(f"batch {batch.id} is submitted: stop any time, the next run waits on", flush=True)
        return batch

    def _wait(self, client: Any, batch: Any) -> Any:
        said = ""
        while True:
            counts = batch.request_counts
            done = f" · {counts.completed:,}/{counts.total:,} answered" if counts else ""
            if (line := f"{batch.status}{done}") != said:
                print(f"{time.strftime('%H:%M')} batch {batch.id} · {line}", flush=True)
                said = line
            if batch.status in _ENDED:
                return batch
            time.sleep(self._poll_s)
            batch = client.batches.retrieve(batch.id)

    def _save(self, path: Path, requests: Mapping[str, dict[str, Any]]) -> None:
        """Each reply into the ledger; the requests without one are noted with their errors."""
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
        if stops_all is not None:
            raise stops_all
        for key, reason in errors.items():
            reasons = self._errors.setdefault(key, [])
            reasons.append(reason)
            if len(reasons) == _MOST_TRIES and self.ledger.failed_before(key):
                self._rejected[key] = failed_reply(reason)


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
                yield line["custom_id"], int(response.get("status_code") or 500), body
            except (ValueError, KeyError, AttributeError, TypeError):
                continue
