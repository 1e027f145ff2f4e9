"""Trainings in processes of their own: `torchrun … -m tests.finetune.parallel_worker CONFIG`.

`trained` forks them from a process that has imported what a training imports: that takes seven
seconds, and one test of torchrun is enough. `SHARD_ON_CPU=1` makes accelerate shard on CPUs, where
it otherwise does not; `DIE_AT=5` sends a process `DIE_BY` (SIGKILL) before that update is saved.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from lib.finetune import merge, methods, train, training
from lib.settings import PROJECT_DIR
from tests.processes import interruptible

_FORKING = get_context("forkserver")
_FORKING.set_forkserver_preload([__name__, "trl.trainer.sft_trainer", "peft", "datasets"])


def trained(
    config: Path, environ: Mapping[str, str], *, processes: int = 1
) -> tuple[list[int], str]:
    """Train with so many processes; their exit codes, and all that they said."""
    said = config.with_name("said.txt")
    said.write_bytes(b"")
    places: list[dict[str, str]] = [{}]
    if processes > 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        shared = {"WORLD_SIZE": f"{processes}", "LOCAL_WORLD_SIZE": f"{processes}"}
        shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}"}
        places = [shared | {"RANK": f"{i}", "LOCAL_RANK": f"{i}"} for i in range(processes)]
    started = [
        _FORKING.Process(target=_begin, args=(str(config), str(said), dict(environ) | place))
        for place in places
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(900)
        process.kill()
        process.join()
    return [process.exitcode or 0 for process in started], said.read_text(encoding="utf-8")


def _begin(config: str, said: str, environ: Mapping[str, str]) -> None:
    file = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(PROJECT_DIR)
    interruptible()
    sys.exit(main([config]))


def main(arguments: Sequence[str]) -> int:
    methods._product_s = lambda dtype: 1.0  # type: ignore[assignment]
    merge._COMPARED, merge._COMPARED_TOKENS = 2, 3
    if os.environ.get("SHARD_ON_CPU"):
        shard_on_cpu()
    if at := os.environ.get("DIE_AT"):
        die_at(int(at), int(os.environ.get("DIE_BY", signal.SIGKILL)))
    return train.main(arguments)


def shard_on_cpu() -> None:
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType

    plain = AcceleratorState.__init__

    def __init__(self: Any, *arguments: Any, fsdp_plugin: Any = None, **known: Any) -> None:
        plain(self, *arguments, fsdp_plugin=fsdp_plugin, **known)
        if fsdp_plugin is not None:
            self.distributed_type = DistributedType.FSDP
            PartialState._shared_state["distributed_type"] = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin

    AcceleratorState.__init__ = __init__


def die_at(step: int, number: int) -> None:
    """Every process gets this signal when that update is done."""
    plain = training.training_watch

    def watch(path: Any) -> Any:
        found = plain(path)
        ended = found.on_step_end

        def on_step_end(args: Any, state: Any, control: Any, **known: Any) -> None:
            ended(args, state, control, **known)
            if state.global_step == step:
                os.kill(os.getpid(), number)

        found.on_step_end = on_step_end
        return found

    training.training_watch = watch  # type: ignore[assignment]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
