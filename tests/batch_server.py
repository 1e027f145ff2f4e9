"""A loopback server of the Batch API: files, batches, and replies when it is told to be done."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.server import completion, reader

Body = dict[str, Any]


@dataclass
class BatchServer:
    """What it is told to do, and what it saw. Change it while it runs."""

    polls: int = 1  # looks at a batch until it has ended
    status: str = "completed"
    # Line number (from 0) and request body → an error's status and message in place of a reply.
    fault: Callable[[int, Body], tuple[int, str] | None] = lambda number, body: None
    leave_out: Callable[[Body], bool] = lambda body: False  # expired: no line at all
    refuses_submission: bool = False  # 404: a server without batches
    lose_reply: bool = False  # of the next submission: it is made, and its reply does not come
    look_faults: list[int] = field(default_factory=list)  # statuses in place of the first looks
    most_lines: int = 50_000  # of a batch, as the limit of tokens leaves them
    file_statuses: list[str] = field(default_factory=lambda: ["processed"])
    files: dict[str, str] = field(default_factory=dict)
    batches: dict[str, Body] = field(default_factory=dict)
    looked: dict[str, int] = field(default_factory=dict)
    port: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def submitted(self) -> list[list[Body]]:
        """The lines of each batch, in the order of submission."""
        texts = [self.files[batch["input_file_id"]] for batch in self.batches.values()]
        return [[json.loads(line) for line in text.splitlines()] for text in texts]

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/files", self.upload)
        app.router.add_get("/v1/files/{id}", self.look_at_file)
        app.router.add_get("/v1/files/{id}/content", self.content)
        app.router.add_post("/v1/batches", self.create)
        app.router.add_get("/v1/batches", self.list)
        app.router.add_get("/v1/batches/{id}", self.look)

    async def upload(self, request: web.Request) -> web.Response:
        if self.refuses_submission:
            return web.json_response({"error": {"message": "no such path"}}, status=404)
        form = await request.post()
        assert form["purpose"] == "batch"
        return web.json_response(self._file(form["file"].file.read().decode()))

    async def create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if len(self.file_statuses) > 1:
            return web.json_response({"error": {"message": "it is not processed"}}, status=400)
        number = len(self.batches)
        batch = {
            "id": f"batch_{number}",
            "object": "batch",
            "status": "validating",
            "created_at": number,
            "request_counts": None,
            **asked,
        }
        self.batches[batch["id"]] = batch
        if self.lose_reply and request.transport is not None:
            self.lose_reply = False
            request.transport.abort()
        return web.json_response(batch)

    async def list(self, request: web.Request) -> web.Response:
        found = list(reversed(self.batches.values()))
        return web.json_response({"object": "list", "data": found, "has_more": False})

    async def look(self, request: web.Request) -> web.Response:
        if self.look_faults:
            body = {"error": {"message": "not now"}}
            return web.json_response(body, status=self.look_faults.pop(0))
        batch = self.batches[request.match_info["id"]]
        looks = self.looked[batch["id"]] = self.looked.get(batch["id"], 0) + 1
        if looks >= self.polls and batch["status"] in ("validating", "in_progress"):
            self._end(batch)
        elif batch["status"] == "validating":
            batch["status"] = "in_progress"
        return web.json_response(batch)

    async def content(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.files:
            return web.json_response({"error": {"message": "no such file"}}, status=404)
        return web.Response(text=self.files[request.match_info["id"]])

    async def look_at_file(self, request: web.Request) -> web.Response:
        self.file_statuses.pop(0)
        return web.json_response(self._described(request.match_info["id"]))

    def _end(self, batch: Body) -> None:
        batch["status"] = self.status
        if self.status == "failed":
            batch["errors"] = {"object": "list", "data": [{"message": "quota of batches is used"}]}
            return
        good: list[str] = []
        bad: list[str] = []
        lines = self.files[batch["input_file_id"]].splitlines()
        if len(lines) > self.most_lines:
            error = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached."}
            batch |= {"status": "failed", "errors": {"object": "list", "data": [error]}}
            return
        for number, line in enumerate(map(json.loads, lines)):
            assert (line["method"], line["url"]) == ("POST", batch["endpoint"])
            body = line["body"]
            if self.leave_out(body):
                continue
            broken = self.fault(number, body)
            status, reply = 200, completion(body, reader(body), "stop")
            if broken is not None:
                status, reply = broken[0], {"error": {"message": broken[1]}}
            response = {"status_code": status, "request_id": f"r{number}", "body": reply}
            answered = {"id": f"l{number}", "custom_id": line["custom_id"], "response": response}
            (bad if broken else good).append(json.dumps(answered | {"error": None}))
        good.reverse()  # the order of replies is not that of requests
        batch["request_counts"] = {"total": len(lines), "completed": len(good), "failed": len(bad)}
        if good:
            batch["output_file_id"] = self._file("\n".join(good) + "\n")["id"]
        if bad:
            batch["error_file_id"] = self._file("\n".join(bad) + "\n")["id"]

    def _file(self, text: str) -> Body:
        name = f"file-{len(self.files)}"
        self.files[name] = text
        return self._described(name)

    def _described(self, name: str) -> Body:
        return {
            "id": name,
            "object": "file",
            "bytes": len(self.files[name]),
            "created_at": 0,
            "filename": "requests.jsonl",
            "purpose": "batch",
            "status": self.file_statuses[0],
        }
