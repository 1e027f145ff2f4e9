"""`python -m lib.finetune.on_ray CONFIG --processes 8`: lib.finetune.train on a Ray cluster.

The cluster is that of this machine, or `-r cluster HOST:PORT`. When a process is killed, all are
started again, and go on from the last checkpoint.
"""

import argparse
import sys
from collections.abc import Sequence

from lib.cli import run_command
from lib.cluster import connect
from lib.finetune.train import parser_of, recipe_of, train
from lib.settings import SetupError, home
from lib.text import one_line


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of("on_ray", __doc__)
    parser.add_argument("--processes", type=int, default=2, help="in all; of GPUs one each")
    parser.set_defaults(run=_train)
    return run_command(parser, arguments)


def _train(options: argparse.Namespace) -> None:
    if options.processes < 1:
        raise SetupError(f"--processes is {options.processes}; give 1 or more.")
    recipe = recipe_of(options)
    connect(recipe.cluster or "auto", shows_output=True)
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    on_gpu = "GPU" in ray.cluster_resources()
    trainer = TorchTrainer(
        lambda: train(recipe),
        scaling_config=ScalingConfig(num_workers=options.processes, use_gpu=on_gpu),
        run_config=RunConfig(
            storage_path=str(home() / "artefacts" / "ray"),
            failure_config=FailureConfig(max_failures=3),
        ),
    )
    try:
        trainer.fit()
    except ray.train.TrainingFailedError as error:
        first = next(iter(getattr(error, "worker_failures", {}).values()), error)
        raise SetupError(f"The training stopped ({one_line(str(first))[-500:]}).") from error


if __name__ == "__main__":
    sys.exit(main())
