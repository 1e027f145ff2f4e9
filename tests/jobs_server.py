"""A loopback server of fine-tuning jobs: files, jobs, events, and faults when it is told so.

As a real one, it takes any file; a job whose training file has a wrong layout fails when it looks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Body = dict[str, Any]
KEY = "sk-hosted-0123456789abcdef"


@dataclass
class JobsServer:
    """What it is told to do, and what it saw. Change it while it runs."""

    # What a job is at each look at it; the last one stays.
    statuses: list[str] = field(default_factory=lambda: ["queued", "running", "succeeded"])
    error: Body | None = None  # of a job that fails
    # Of the next job with this method, or the next "file": it is made, and its reply does not come.
    lose_reply_of: str = ""
    refuse: tuple[int, str] | None = None  # status and message in place of a job
    look_faults: list[int] = field(default_factory=list)  # statuses in place of the first looks
    file_statuses: list[str] = field(default_factory=lambda: ["processed"])
    keeps_metadata: bool = True
    told: list[Body] | None = None  # the events of a job; None = three of a loss that falls
    looks_without_model: int = 0  # of a job that has succeeded
    redirect_to: str = ""
    files: dict[str, Body] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, Body] = field(default_factory=dict)
    looked: dict[str, int] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    port: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/files", self.upload)
        app.router.add_get("/v1/files", self.list_files)
        app.router.add_get("/v1/files/{id}", self.look_at_file)
        app.router.add_post("/v1/fine_tuning/jobs", self.create)
        app.router.add_get("/v1/fine_tuning/jobs", self.list_jobs)
        app.router.add_get("/v1/fine_tuning/jobs/{id}", self.look)
        app.router.add_get("/v1/fine_tuning/jobs/{id}/events", self.events)

    async def upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "fine-tune"
        name = f"file-{len(self.files)}"
        self.contents[name] = form["file"].file.read().decode()
        self.files[name] = {
            "id": name,
            "object": "file",
            "bytes": len(self.contents[name]),
            "created_at": 0,
            "filename": form["file"].filename,
            "purpose": "fine-tune",
            "status": self.file_statuses[0],
        }
        if self.lose_reply_of == "file" and request.transport is not None:
            self.lose_reply_of = ""
            request.transport.abort()
        return web.json_response(self.files[name])

    async def list_files(self, request: web.Request) -> web.Response:
        self.keys.add(request.headers.get("Authorization", ""))
        if self.redirect_to:
            raise web.HTTPTemporaryRedirect(self.redirect_to)
        return _list(self.files)

    async def look_at_file(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        self.files[name]["status"] = self._now(name, self.file_statuses)
        return web.json_response(self.files[name])

    async def create(self, request: web.Request) -> web.Response:
        if self.refuse:
            status, message = self.refuse
            return web.json_response({"error": {"message": message}}, status=status)
        asked = await request.json()
        method, model = asked["method"]["type"], asked["model"]
        if model.startswith("ft:") and model not in map(_made_by, self.jobs.values()):
            return web.json_response({"error": {"message": f"no model {model}"}}, status=404)
        name = f"ftjob-{len(self.jobs)}"
        self.jobs[name] = {
            "id": name,
            "object": "fine_tuning.job",
            "created_at": 100 + len(self.jobs),
            "finished_at": None,
            "fine_tuned_model": None,
            "hyperparameters": {},
            "organization_id": "o",
            "result_files": [],
            "status": "validating_files",
            "trained_tokens": None,
            "error": None,
            **asked,
        }
        if method == self.lose_reply_of and request.transport is not None:
            self.lose_reply_of = ""
            request.transport.abort()
        return web.json_response(self.jobs[name])

    async def list_jobs(self, request: web.Request) -> web.Response:
        if self.redirect_to:
            self.keys.add(request.headers.get("Authorization", ""))
            raise web.HTTPTemporaryRedirect(self.redirect_to)
        if not self.keeps_metadata:
            return _list({name: {**job, "metadata": None} for name, job in self.jobs.items()})
        return _list(self.jobs)

    async def look(self, request: web.Request) -> web.Response:
        if self.look_faults:
            body = {"error": {"message": "not now"}}
            return web.json_response(body, status=self.look_faults.pop(0))
        job = self.jobs[request.match_info["id"]]
        job["status"] = self._now(job["id"], self.statuses)
        problem = _problem(self.contents[job["training_file"]], job["method"])
        if problem and job["status"] != "validating_files":
            message = f"The job failed due to an invalid training file. {problem}"
            error = {"code": "invalid_training_file", "param": "training_file", "message": message}
            job |= {"status": "failed", "error": error}
        elif job["status"] == "succeeded" and self.looks_without_model:
            self.looks_without_model -= 1
        elif job["status"] == "succeeded":
            done = {"fine_tuned_model": f"ft:{job['model']}:o::1", "finished_at": 183}
            job |= done | {"trained_tokens": 4321}
        elif job["status"] == "failed":
            job["error"] = self.error
        return web.json_response(job)

    async def events(self, request: web.Request) -> web.Response:
        events: list[Body] = self.told or [
            {
                "id": f"e{step}",
                "object": "fine_tuning.job.event",
                "created_at": step,
                "level": "info",
                "message": f"Step {step}/3: training loss={1 / step:.2f}",
                "type": "metrics",
                "data": {"step": step, "train_loss": 1 / step, "valid_loss": 2 / step},
            }
            for step in (3, 2, 1)  # the newest first
        ]
        return _list({event["id"]: event for event in events[: int(request.query["limit"])]})

    def _now(self, name: str, statuses: list[str]) -> str:
        looks = self.looked[name] = self.looked.get(name, 0) + 1
        return statuses[min(looks, len(statuses)) - 1]


def _made_by(job: Body) -> str:
    return str(job["fine_tuned_model"])


def _problem(content: str, method: Body) -> str:
    """What a service says of a training file that does not suit the method; "" = nothing."""
    is_right = {"supervised": _is_chat, "dpo": _is_preference}[method["type"]]
    rows = [json.loads(line) for line in content.split("\n") if line]
    for number, row in enumerate(rows, start=1):
        if not is_right(row):
            return f"Line {number} is not in the format of {method['type']} fine-tuning."
    return "" if len(rows) >= 10 else f"It has {len(rows)} example(s), at least 10 are needed."


def _is_chat(row: Body) -> bool:
    return set(row) == {"messages"} and _roles(row["messages"])[-1] == "assistant"


def _is_preference(row: Body) -> bool:
    """One turn: a prompt, and two outputs of one message of the assistant each."""
    outputs = ["preferred_output", "non_preferred_output"]
    if set(row) != {"input", *outputs} or not isinstance(row["input"], dict):
        return False
    roles = _roles(row["input"].get("messages") or [])
    asks = "user" in roles and "assistant" not in roles
    return asks and all(_roles(row[name]) == ["assistant"] for name in outputs)


def _roles(messages: list[Body]) -> list[str]:
    return [message["role"] for message in messages if message["content"].strip()]


def _list(found: dict[str, Body]) -> web.Response:
    data = list(json.loads(json.dumps(list(found.values()))))
    return web.json_response({"object": "list", "data": data, "has_more": False})
