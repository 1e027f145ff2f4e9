"""Hosted training: a student that a service trains, in one job or two (`then: dpo`)."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lib.engine.budget import BYTES_PER_TOKEN
from lib.engine.prices import load_prices
from lib.engine.sdk import sdk_client
from lib.finetune.jobs import Lines, explained, jsonl, loss_curve, submitted, wait
from lib.finetune.rows import training_messages
from lib.finetune.second import preference_pairs
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


@dataclass(frozen=True)
class HostedRows:
    """The rows of a dataset as a service takes them: chat messages."""

    dataset_dir: Path
    base: str  # the model to start from, by its name at the service
    train: list[list[Message]]
    valid: list[list[Message]]
    pairs: Lines = ()  # of preferences, for a second job

    @property
    def lengths(self) -> str:
        tokens = len(jsonl(_chats(self.train))) // BYTES_PER_TOKEN
        return (
            f"{len(self.train):,} training rows of about {tokens:,} tokens "
            f"({BYTES_PER_TOKEN} bytes each), {len(self.valid):,} validation rows"
        )


@dataclass(frozen=True)
class HostedStudent:
    folder: Path  # hosted/ in the student's folder: job.json
    model: str  # the student's name at the service
    history: list[HistoryPoint]  # of the first job
    seconds: float  # of all jobs
    rows: HostedRows

    @property
    def state(self) -> dict[str, str | None]:
        """What 2_finetune passes on. The baseline is at the service already."""
        return {
            "STUDENT_MODEL_DIR": portable(self.folder),
            "STUDENT_DATASET_DIR": portable(self.rows.dataset_dir),
            "STUDENT_BASE": hosted_base(self.rows.base),
            "BASELINE_MODEL_DIR": None,
        }


@dataclass(frozen=True)
class _Step:
    """One job, and the student that it makes."""

    what: str  # its rows, in a sentence
    asked: dict[str, Any]  # of the service, beside its files and its name
    train: Lines
    valid: Lines
    tokens: int  # of all epochs, estimated: the tokenizer is the service's
    name: str  # the fingerprint of all of these
    target: Path  # the student's folder
    before: "_Step | None" = None  # from whose student it starts

    @property
    def is_done(self) -> bool:
        return (self.target / "metrics.jsonl").exists()

    @property
    def job(self) -> dict[str, Any]:
        """What `_run` wrote of it; `seconds` are of all jobs so far."""
        return dict(read_json(self.target / "hosted" / JOB_FILE))


def hosted_rows(dataset_dir: Path, recipe: Recipe) -> HostedRows:
    """The rows, and with `then: dpo` the pairs."""
    train, valid = ([*training_messages(dataset_dir, it).values()] for it in ("train", "valid"))
    pairs = _preference_lines(recipe) if recipe.then == "dpo" else ()
    return HostedRows(Path(dataset_dir), recipe.student_model, train, valid, pairs)


def _preference_lines(recipe: Recipe) -> Lines:
    """https://platform.openai.com/docs/guides/direct-preference-optimization: one turn, and each
    output one message of the assistant."""
    return [
        {
            "input": {"messages": pair["prompt"]},
            "preferred_output": pair["chosen"],
            "non_preferred_output": pair["rejected"],
        }
        for pair in preference_pairs(recipe)
    ]


def _chats(rows: list[list[Message]]) -> Lines:
    return [{"messages": messages} for messages in rows]


def train_hosted(rows: HostedRows, recipe: Recipe) -> HostedStudent:
    """Have a student trained, or find the one that the same rows and settings made before.

    Each job writes `artefacts/students/<run_name>-<fingerprint>/`: hosted/job.json, metrics.jsonl,
    README.md; the second one also second.jsonl, its curve.
    """
    settings = require_service(recipe)
    steps = _steps(rows, recipe, settings.address)
    last = steps[-1]
    if last.is_done:
        print(f"{portable(last.target)} is there already: nothing to train.", flush=True)
    else:
        service = service_of(settings.base_url)
        missing = [step for step in steps if not step.is_done]
        _check(missing, rows.base, recipe, service)
        timeout_s = 3600 * recipe.hosted_timeout_h
        with explained(settings, rows.base, service), sdk_client(settings) as client:
            for step in missing:
                _run(client, step, rows, timeout_s=timeout_s)
    return HostedStudent(
        folder=last.target / "hosted",
        model=last.job["fine_tuned_model"],
        history=read_jsonl(last.target / "metrics.jsonl"),
        seconds=last.job["seconds"],
        rows=rows,
    )


def _steps(rows: HostedRows, recipe: Recipe, address: str) -> list[_Step]:
    """The jobs: on the rows, and with `then: dpo` a second one, from its student, on the pairs."""

    def step(what: str, method: str, how: Any, train: Lines, valid: Lines, inputs: Any) -> _Step:
        if recipe.learning_rate_multiplier:
            how["learning_rate_multiplier"] = recipe.learning_rate_multiplier
        told = {"type": method, method: {"hyperparameters": how}}
        extra = {"trainingType": recipe.training_type} if recipe.training_type else {}
        asked = {"model": rows.base, "method": told, "seed": recipe.seed, "extra_body": extra}
        made_of = asked | inputs
        tokens = len(jsonl(train)) // BYTES_PER_TOKEN * how["n_epochs"]
        target = artefact_dir("students", recipe.run_name, made_of)
        return _Step(what, asked, train, valid, tokens, fingerprint(made_of), target)

    rows_of = {"train": fingerprint(rows.train), "valid": fingerprint(rows.valid)}
    train, valid = _chats(rows.train), _chats(rows.valid)
    how: dict[str, Any] = {"n_epochs": int(recipe.num_epochs)}
    first = step("training rows", "supervised", how, train, valid, {"service": address} | rows_of)
    if recipe.then != "dpo":
        return [first]
    how = {"n_epochs": recipe.then_epochs, "beta": recipe.dpo_beta}
    inputs = {"after": first.name, "pairs": fingerprint(rows.pairs)}
    second = step("preference pairs", "dpo", how, rows.pairs, (), inputs)
    return [first, replace(second, before=first)]


def _check(steps: list[_Step], base: str, recipe: Recipe, service: Service) -> None:
    """Say what the jobs take, and stop before anything is sent if it cannot be."""
    for step in steps:
        if len(step.train) < service.min_rows:
            raise SetupError(
                f"{len(step.train):,} {step.what}: {service.host} takes jobs of at least "
                f"{service.min_rows}. Give 1_gen more documents, or raise questions_per_chunk."
            )
    tokens = sum(step.tokens for step in steps)
    cost, currency = service.cost(base, tokens), load_prices().currency
    said = f"cost unknown: no price for '{base}' in hosted.yaml"
    if cost is not None:
        said = f"about {cost:,.2f} {currency} (prices of {service.as_of})"
        if 0 < recipe.max_cost < cost:
            raise SetupError(
                f"The service would train about {tokens:,} tokens for {cost:,.2f} {currency}, and "
                f"max_cost is {recipe.max_cost:g}. Raise it, or train on fewer rows or epochs."
            )
    elif recipe.max_cost:
        raise SetupError(
            f"max_cost is set, and hosted.yaml has no price for '{base}'. Add it there, or set "
            "max_cost to 0."
        )
    what = " and ".join(f"{len(step.train):,} {step.what}" for step in steps)
    print(f"{service.host} would train about {tokens:,} tokens of {what}: {said}.", flush=True)
    if ends := service.endings(base):
        print(ends, flush=True)


def _run(client: Any, step: _Step, rows: HostedRows, *, timeout_s: float) -> None:
    """Have a step's job done, and write its student."""
    before = step.before
    earlier = before.job if before else {"fine_tuned_model": rows.base, "seconds": 0}
    started_from = earlier["fine_tuned_model"]
    asked = step.asked | {"model": started_from}
    job = submitted(client, step.train, step.valid, asked, step.name)
    job = wait(client, job, timeout_s=timeout_s)
    curve = loss_curve(client, job.id)
    seconds = max(0, (job.finished_at or job.created_at) - job.created_at)
    facts = {"id": job.id, "model": rows.base, "started_from": started_from}
    facts |= {"fine_tuned_model": job.fine_tuned_model, "trained_tokens": job.trained_tokens}
    facts["seconds"] = seconds + earlier["seconds"]
    with building(step.target) as folder:
        write_json(folder / "hosted" / JOB_FILE, facts)
        write_jsonl(folder / ("second.jsonl" if before else "metrics.jsonl"), curve)
        if before:
            shutil.copyfile(before.target / "metrics.jsonl", folder / "metrics.jsonl")
        write_text(
            folder / "README.md",
            f"""# A RAFT student of {rows.base}

Trained by the job `{job.id}` from `{started_from}`; the service calls it `{job.fine_tuned_model}`.
Its weights are there.

- Dataset: `{rows.dataset_dir.name}`: {rows.lengths}.
- The job trained on {len(step.train):,} {step.what}. It took {minutes(seconds)} (minutes:seconds),
  {job.trained_tokens or 0:,} tokens were trained.
- Settings: `{json.dumps(asked)}`
""",
        )
    print(f"Written: {portable(step.target)}", flush=True)
