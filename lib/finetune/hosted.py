"""Hosted training: the jobs of any service that speaks OpenAI's fine-tuning protocol.

https://platform.openai.com/docs/api-reference/fine-tuning. A file has the hash of its content in
its name, a job has the fingerprint of what it trains in its metadata. So a run that was killed, or
whose reply was lost, finds both again and waits on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lib.endpoints import EndpointSettings
from lib.engine.faults import short
from lib.engine.sdk import sdk_client
from lib.finetune.rows import training_messages
from lib.finetune.services import Service, hosted_base, require_service, service_of
from lib.finetune.watch import HistoryPoint
from lib.progress import minutes
from lib.prompts.student import Message
from lib.recipe import Recipe
from lib.settings import SetupError, portable, write_text
from lib.state import JOB_FILE
from lib.store import (
    artefact_dir,
    building,
    fingerprint,
    read_json,
    read_jsonl,
    write_json,
    write_jsonl,
)

_POLL_S = 20.0
_BYTES_PER_TOKEN = 4  # about, of UTF-8
_LISTED = 1000  # files and jobs that are looked through, the newest first
_ENDED = ("succeeded", "failed", "cancelled")
_NOT_READY = ("pending", "running", "notRunning")  # a file that is still checked


@dataclass(frozen=True)
class HostedRows:
    """The rows of a dataset as a service takes them: chat messages."""

    dataset_dir: Path
    base: str  # the model to start from, by its name at the service
    train: list[list[Message]]
    valid: list[list[Message]]

    @property
    def tokens(self) -> int:
        """Of the training rows, estimated: the tokenizer is the service's."""
        return len(_jsonl(self.train)) // _BYTES_PER_TOKEN

    @property
    def lengths(self) -> str:
        return (
            f"{len(self.train):,} training rows of about {self.tokens:,} tokens "
            f"({_BYTES_PER_TOKEN} bytes each), {len(self.valid):,} validation rows"
        )


@dataclass(frozen=True)
class HostedStudent:
    folder: Path  # hosted/ in the student's folder: job.json
    model: str  # the student's name at the service
    history: list[HistoryPoint]
    seconds: float
    rows: HostedRows
    reused: bool  # it had been trained before

    @property
    def state(self) -> dict[str, str | None]:
        """What 2_finetune passes on. The baseline is at the service already."""
        return {
            "STUDENT_MODEL_DIR": portable(self.folder),
            "STUDENT_DATASET_DIR": portable(self.rows.dataset_dir),
            "STUDENT_BASE": hosted_base(self.rows.base),
            "BASELINE_MODEL_DIR": None,
        }


def hosted_rows(dataset_dir: Path, recipe: Recipe) -> HostedRows:
    def rows(split: str) -> list[list[Message]]:
        return list(training_messages(dataset_dir, split).values())

    return HostedRows(Path(dataset_dir), recipe.student_model, rows("train"), rows("valid"))


def train_hosted(rows: HostedRows, recipe: Recipe) -> HostedStudent:
    """Have a student trained, or find the one that the same rows and settings made before.

    Writes `artefacts/students/<run_name>-<fingerprint>/`: hosted/job.json, metrics.jsonl, README.md

    Raises:
        SetupError: too few rows, too dear, refused, failed, or not done in hosted_timeout_h.
    """
    settings = require_service(recipe)
    asked = _asked(rows, recipe)
    made_of = {**asked, "service": settings.address, "train": fingerprint(rows.train)}
    made_of |= {"valid": fingerprint(rows.valid)}
    target = artefact_dir("students", recipe.run_name, made_of)
    if reused := (target / "metrics.jsonl").exists():
        print(f"{portable(target)} is there already: nothing to train.", flush=True)
    else:
        service = service_of(settings.base_url)
        _check(rows, recipe, service)
        with _explained(settings, rows.base, service), sdk_client(settings) as client:
            job = _submitted(client, rows, asked, fingerprint(made_of))
            job = _wait(client, job, timeout_s=3600 * recipe.hosted_timeout_h)
            history = _history(client, job.id)
        _write(target, rows, job, history, asked)
    job = read_json(target / "hosted" / JOB_FILE)
    return HostedStudent(
        folder=target / "hosted",
        model=job["fine_tuned_model"],
        history=read_jsonl(target / "metrics.jsonl"),
        seconds=job["seconds"],
        rows=rows,
        reused=reused,
    )


def _asked(rows: HostedRows, recipe: Recipe) -> dict[str, Any]:
    """What a job is asked for, beside its files and its name."""
    hyperparameters: dict[str, Any] = {"n_epochs": int(recipe.num_epochs)}
    if recipe.learning_rate_multiplier:
        hyperparameters["learning_rate_multiplier"] = recipe.learning_rate_multiplier
    method = {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}
    extra = {"trainingType": recipe.training_type} if recipe.training_type else {}
    return {"model": rows.base, "method": method, "seed": recipe.seed, "extra_body": extra}


def _check(rows: HostedRows, recipe: Recipe, service: Service) -> None:
    """Say what the job takes, and stop before anything is sent if it cannot be."""
    if len(rows.train) < service.min_rows:
        raise SetupError(
            f"{len(rows.train):,} training rows: {service.host} takes jobs of at least "
            f"{service.min_rows}. Give 1_gen more documents, or raise questions_per_chunk."
        )
    tokens = round(rows.tokens * recipe.num_epochs)
    cost, currency = service.cost(rows.base, tokens)
    said = f"cost unknown: no price for '{rows.base}' in hosted.yaml"
    if cost is not None:
        said = f"about {cost:,.2f} {currency} (prices of {service.as_of})"
        if 0 < recipe.max_cost < cost:
            raise SetupError(
                f"The job would train about {tokens:,} tokens for {cost:,.2f} {currency}, and "
                f"max_cost is {recipe.max_cost:g}. Raise it, or train on fewer rows or epochs."
            )
    print(f"{service.host} would train about {tokens:,} tokens: {said}.", flush=True)
    if ends := service.endings(rows.base):
        print(ends, flush=True)


# --- the job -------------------------------------------------------------------------------------


@contextmanager
def _explained(settings: EndpointSettings, model: str, service: Service) -> Iterator[None]:
    """Errors of the SDK as one line with a remedy."""
    import openai

    where = f"The service at {settings.address}"
    try:
        yield
        return
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        said = f"{where} refuses the key or the model {model} ({short(error)}). Check both in .env."
    except openai.APIStatusError as error:
        said = f"{where} does not take the job ({short(error)}). Mend that, then run this again."
    except openai.APIError as error:
        said = (
            f"{where} cannot be reached ({short(error)}). What was submitted goes on there: run "
            "this again to wait on."
        )
    raise SetupError(" ".join(filter(None, (said, service.endings(model)))))


def _submitted(client: Any, rows: HostedRows, asked: dict[str, Any], name: str) -> Any:
    """The job of this name, submitted once also if a run was killed in between."""
    import openai

    def found() -> Any:
        listed = islice(client.fine_tuning.jobs.list(limit=100), _LISTED)
        ours = (job for job in listed if (job.metadata or {}).get("openbook") == name)
        return next((job for job in ours if job.status not in ("failed", "cancelled")), None)

    if job := found():
        print(f"job {job.id} is there already: waiting on", flush=True)
        return job
    files = {"training_file": _uploaded(client, rows.train)}
    if rows.valid:
        files["validation_file"] = _uploaded(client, rows.valid)
    try:  # not twice: a second job would be paid, too
        once = client.with_options(max_retries=0)
        job = once.fine_tuning.jobs.create(**asked, **files, metadata={"openbook": name})
    except openai.APIConnectionError:
        if not (job := found()):
            raise
    print(f"job {job.id} is submitted: stop any time, the next run waits on", flush=True)
    return job


def _uploaded(client: Any, rows: list[list[Message]]) -> str:
    """The id of the file of these rows, uploaded unless the service has it."""
    name, content = f"openbook-{fingerprint(rows)}.jsonl", _jsonl(rows)
    listed = islice(client.files.list(purpose="fine-tune", limit=1000), _LISTED)
    file = next((f for f in listed if f.filename == name and f.status != "error"), None)
    if file is None:
        file = client.files.create(file=(name, content), purpose="fine-tune")
        print(f"{name}: {len(rows):,} rows, {len(content):,} bytes uploaded", flush=True)
    while file.status in _NOT_READY:
        time.sleep(_POLL_S)
        file = client.files.retrieve(file.id)
    if file.status == "error":
        raise SetupError(
            f"The service cannot use the file {name} ({short(file.status_details or 'no reason')})."
            " Check the rows with `python -m lib.gen check`."
        )
    return str(file.id)


def _jsonl(rows: list[list[Message]]) -> bytes:
    lines = (json.dumps({"messages": messages}, ensure_ascii=False) for messages in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _wait(client: Any, job: Any, *, timeout_s: float) -> Any:
    """The job when it has succeeded; a line whenever its state or its last event changes."""
    deadline, said = time.monotonic() + timeout_s, ""
    while job.status not in _ENDED:
        if (line := f"{job.status}{_last_event(client, job.id)}") != said:
            print(f"{time.strftime('%H:%M')} job {job.id} · {line}", flush=True)
            said = line
        if time.monotonic() > deadline:
            raise SetupError(
                f"The job {job.id} is {job.status} after {timeout_s / 3600:g} h. It goes on at the "
                "service: run this again to wait on, or cancel it there."
            )
        time.sleep(_POLL_S)
        job = client.fine_tuning.jobs.retrieve(job.id)
    if job.status == "succeeded" and job.fine_tuned_model:
        print(f"{time.strftime('%H:%M')} job {job.id} · {job.fine_tuned_model}", flush=True)
        return job
    reason = "no reason given"
    if error := job.error:
        about = f", about {error.param}" if error.param else ""
        reason = f"{error.code}: {error.message}{about}" if error.message else reason
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


def _history(client: Any, job_id: str) -> list[HistoryPoint]:
    """The losses of the job's events, in the order of their steps."""
    import openai

    points: list[HistoryPoint] = []
    names = {"train_loss": "loss", "valid_loss": "validation_loss"}
    with suppress(openai.APIError):  # a curve is nothing to lose a trained student for
        for event in islice(client.fine_tuning.jobs.list_events(job_id, limit=100), 100 * _LISTED):
            data = event.data if isinstance(event.data, dict) else {}
            for name, ours in names.items():
                if isinstance(data.get(name), int | float) and "step" in data:
                    points.append({"step": data["step"], "epoch": 0, ours: data[name]})
    return sorted(points, key=lambda point: point["step"])


def _write(
    target: Path,
    rows: HostedRows,
    job: Any,
    history: list[HistoryPoint],
    asked: dict[str, Any],
) -> None:
    seconds = max(0, (job.finished_at or job.created_at) - job.created_at)
    with building(target) as folder:
        facts = {"id": job.id, "model": rows.base, "fine_tuned_model": job.fine_tuned_model}
        facts |= {"seconds": seconds, "trained_tokens": job.trained_tokens}
        write_json(folder / "hosted" / JOB_FILE, facts)
        write_jsonl(folder / "metrics.jsonl", history)
        write_text(
            folder / "README.md",
            f"""# A RAFT student of {rows.base}

Trained by the job `{job.id}`; the service calls it `{job.fine_tuned_model}`. Its weights are there.

- Dataset: `{rows.dataset_dir.name}`: {rows.lengths}.
- It took {minutes(seconds)} (minutes:seconds), {job.trained_tokens or 0:,} tokens were trained.
- Settings: `{json.dumps(asked)}`
""",
        )
    print(f"Written: {portable(target)}", flush=True)
