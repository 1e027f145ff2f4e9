"""One process of a training on CPUs: `torchrun … -m tests.finetune.parallel_worker CONFIG`.

`SHARD_ON_CPU=1` makes accelerate shard on CPUs, where it otherwise does not.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from lib.finetune import train, trainer


def shard_on_cpu() -> None:
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedType

    plain = AcceleratorState.__init__

    def __init__(self: Any, *arguments: Any, fsdp_plugin: Any = None, **known: Any) -> None:
        plain(self, *arguments, fsdp_plugin=fsdp_plugin, **known)
        if fsdp_plugin is not None:
            self.distributed_type = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin

    AcceleratorState.__init__ = __init__


if __name__ == "__main__":
    trainer._cpu_multiplies_bf16 = lambda: False
    if os.environ.get("SHARD_ON_CPU"):
        shard_on_cpu()
    sys.exit(train.main(sys.argv[1:]))
