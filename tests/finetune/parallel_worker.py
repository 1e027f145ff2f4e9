"""One process of a training on CPUs: `torchrun … -m tests.finetune.parallel_worker CONFIG`.

`SHARD_ON_CPU=1` makes accelerate shard on CPUs, where it otherwise does not; `DIE_AT=5` ends
it before that update is saved.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from lib.finetune import train, trainer, training


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


def die_at(step: int) -> None:
    """As if every process were killed."""
    plain = training.training_watch

    def watch(path: Any) -> Any:
        found = plain(path)
        ended = found.on_step_end

        def on_step_end(args: Any, state: Any, control: Any, **known: Any) -> None:
            ended(args, state, control, **known)
            if state.global_step == step:
                os._exit(9)

        found.on_step_end = on_step_end
        return found

    training.training_watch = watch  # type: ignore[assignment]


if __name__ == "__main__":
    trainer._cpu_multiplies_bf16 = lambda: False
    if os.environ.get("SHARD_ON_CPU"):
        shard_on_cpu()
    if at := os.environ.get("DIE_AT"):
        die_at(int(at))
    sys.exit(train.main(sys.argv[1:]))
