"""A client of fine-tuning jobs: files and jobs are sent once, found again, and waited for.

https://platform.openai.com/docs/api-reference/fine-tuning. A file is found by its name, the hash of
its content; a job by the fingerprint in its metadata, or by its id where these are not kept.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from lib.endpoints import EndpointSettings
from lib.engine.faults import short
from lib.engine.sdk import short_faults
from lib.finetune.services import Service
from lib.finetune.watch import HistoryPoint
from lib.settings import SetupError, home, write_text
from lib.store import fingerprint

Lines = Sequence[Mapping[str, Any]]  # of a JSONL file

_POLL_S = 20.0
_LISTED = 1000  # files and jobs that are looked through, the newest first
_WITHOUT_MODEL = ("failed", "cancelled", "canceled")
_NOT_READY = ("pending", "running", "notRunning")  # a file that is still checked
_USABLE = (*_NOT_READY, "uploaded", "processed")


def jsonl(lines: Lines) -> bytes:
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()


@contextmanager
def explained(settings: EndpointSettings, model: str, service: Service) -> Iterator[None]:
    """Errors of the SDK as one line with a remedy."""
    import openai

    try:
        yield
        return
    except openai.APIStatusError as error:
        said = f"refuses ({short(error)}). Check key and model ({model}), or mend what it says"
    except openai.APIError as error:
        said = f"cannot be reached ({short(error)}). Wait"
    said = f"The service at {settings.address} {said}, then run this again: what was submitted "
    said += f"goes on there, and is found. {service.endings(model)}"
    raise SetupError(said.rstrip())


def submitted(client: Any, train: Lines, valid: Lines, asked: Mapping[str, Any], name: str) -> Any:
    """The job of this name, submitted once also if a run was killed in between."""
    import openai

    kept = home() / "artefacts" / "students" / f".{name}.job"

    def found() -> Any:
        kept_id = kept.read_text(encoding="utf-8") if kept.exists() else ""
        for job in islice(client.fine_tuning.jobs.list(limit=100), _LISTED):
            is_ours = job.id == kept_id or (job.metadata or {}).get("openbook") == name
            if is_ours and job.status not in _WITHOUT_MODEL:
                return job
        return None

    if job := found():
        print(f"job {job.id} is there already: waiting on", flush=True)
        return job
    files = {"training_file": _uploaded(client, train)}
    if valid:
        files["validation_file"] = _uploaded(client, valid)
    try:  # not twice: a second job would be paid, too
        once = client.with_options(max_retries=0)
        job = once.fine_tuning.jobs.create(**asked, **files, metadata={"openbook": name})
    except openai.APIConnectionError:
        if not (job := found()):
            raise
    write_text(kept, job.id)
    print(f"job {job.id} is submitted: stop any time, the next run waits on", flush=True)
    return job


def _uploaded(client: Any, lines: Lines) -> str:
    """The id of the file of these lines, uploaded unless the service has it."""
    import openai

    name, content = f"openbook-{fingerprint(lines)}.jsonl", jsonl(lines)

    def found() -> Any:
        listed = islice(client.files.list(purpose="fine-tune", limit=1000), _LISTED)
        return next((it for it in listed if it.filename == name and it.status in _USABLE), None)

    sent: dict[str, Any] = {"file": (name, content), "purpose": "fine-tune"}
    if (file := found()) is None:
        try:  # a retry of the SDK would not look whether it has arrived
            file = client.with_options(max_retries=0).files.create(**sent)
        except openai.APIError:
            file = found() or client.files.create(**sent)
        print(f"{name}: {len(lines):,} rows, {len(content):,} bytes uploaded", flush=True)
    while file.status in _NOT_READY:
        time.sleep(_POLL_S)
        file = client.files.retrieve(file.id)
    if file.status == "error":
        raise SetupError(
            f"The service cannot use the file {name} ({short(file.status_details or 'no reason')})."
            " Check the rows with `python -m lib.gen check`."
        )
    return str(file.id)


def wait(client: Any, job: Any, *, timeout_s: float) -> Any:
    """The job when it has a model, which may come after its success; a line whenever its state or
    its last event changes."""
    deadline, said, fault = time.monotonic() + timeout_s, "", ""
    while job.status not in _WITHOUT_MODEL and not (
        job.status == "succeeded" and job.fine_tuned_model
    ):
        if (line := fault or f"{job.status}{_last_event(client, job.id)}") != said:
            print(f"{time.strftime('%H:%M')} job {job.id} · {line}", flush=True)
            said = line
        if time.monotonic() > deadline:
            raise SetupError(
                f"The job {job.id} is {job.status} and has no model after {timeout_s / 3600:g} h. "
                "It goes on at the service: run this again to wait on, or cancel it there."
            )
        time.sleep(_POLL_S)
        try:
            job, fault = client.fine_tuning.jobs.retrieve(job.id), ""
        except short_faults() as no_answer:
            fault = f"no answer: {short(no_answer)}"
    if job.fine_tuned_model:
        print(f"{time.strftime('%H:%M')} job {job.id} · {job.fine_tuned_model}", flush=True)
        return job
    told = (getattr(job.error, name, None) for name in ("code", "message", "param"))
    reason = ", ".join(filter(None, told)) or "no reason given"
    raise SetupError(
        f"The job {job.id} is {job.status} ({short(reason)}). Mend that, then run this again: the "
        "next run submits a new one."
    )


def _last_event(client: Any, job_id: str) -> str:
    """` · step 40/120, loss 0.512`; "" = the service tells no events."""
    import openai

    with suppress(openai.APIError):
        for event in islice(client.fine_tuning.jobs.list_events(job_id, limit=1), 1):
            return f" · {short(event.message)}"
    return ""


def loss_curve(client: Any, job_id: str) -> list[HistoryPoint]:
    """The losses of the job's events, in the order of their steps."""
    import openai

    points: list[HistoryPoint] = []
    names = {"train_loss": "loss", "valid_loss": "validation_loss"}
    with suppress(openai.APIError):  # a curve is nothing to lose a trained student for
        for event in islice(client.fine_tuning.jobs.list_events(job_id, limit=100), 100 * _LISTED):
            data = event.data if isinstance(event.data, dict) else {}
            for name, ours in names.items():
                if all(isinstance(data.get(key), int | float) for key in ("step", name)):
                    points.append({"step": data["step"], "epoch": 0, ours: data[name]})
    return sorted(points, key=lambda point: point["step"])
