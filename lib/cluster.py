"""A Ray cluster that does the work of this machine's processes: `cluster: auto` or `HOST:PORT`.

Imported only where that is set. Every node has requirements/ray.txt, and at the same paths, on a
disk that all share, this project and the home (OPENBOOK_HOME).
"""

import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from lib.settings import PROJECT_DIR, SetupError, home
from lib.text import one_line

_TASKS_PER_CPU = 8  # so that a worker that dies loses little, and slow items hold up few
_REACHED_S = 5.0


def on_nodes(function: Callable[[Any], Any], items: Sequence[Any], address: str) -> Iterator[Any]:
    """`map(function, items)` on the nodes, in the order of the items.

    What a worker had begun when it died is done again; what the function raises is raised here.
    """
    connect(address)
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)

    def work(row: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"done": pickle.dumps((function(pickle.loads(row["item"])), None))}
        except Exception as error:  # Ray would wrap it
            return {"done": pickle.dumps((None, error))}

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    num_tasks = _TASKS_PER_CPU * int(ray.cluster_resources().get("CPU", 1))
    rows = [{"item": pickle.dumps(item)} for item in items]
    data = ray.data.from_items(rows, override_num_blocks=max(1, min(num_tasks, len(rows))))
    try:
        for _, row in zip(items, data.map(work).iter_rows(), strict=True):
            result, raised = pickle.loads(row["done"])
            if raised is not None:
                raise raised
            yield result
    except ray.exceptions.RayError as error:
        raise SetupError(
            f"The cluster {address} failed ({one_line(str(error))[:300]}). Run it again."
        ) from error


def require_cluster(address: str) -> None:
    """Say within seconds what is missing."""
    connect(address)
    import ray

    ray.shutdown()


def connect(address: str, *, shows_output: bool = False) -> None:
    """Be connected to the cluster, until this process ends. Nothing is told to Ray's makers."""
    said = f"cluster is '{address}', and "
    if find_spec("ray") is None:
        raise SetupError(
            f"{said}Ray is not installed. Run `.venv/bin/pip install -r requirements/ray.txt` here "
            "and on each node, or leave cluster empty."
        )
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    host, _, port = address.rpartition(":")
    if host in ("127.0.0.1", "localhost"):  # Ray would ask at this machine's outer address
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray

    if ray.is_initialized():
        return
    paths = filter(None, (str(PROJECT_DIR), os.environ.get("PYTHONPATH")))
    variables = {"PYTHONPATH": os.pathsep.join(paths), "OPENBOOK_HOME": str(home())}
    try:
        if host:  # Ray would try for minutes
            socket.create_connection((host, int(port)), timeout=_REACHED_S).close()
        ray.init(
            address=address,
            runtime_env={"env_vars": variables},
            logging_level=logging.ERROR,
            log_to_driver=shows_output,
        )
    except (OSError, RuntimeError) as error:
        raise SetupError(
            f"{said}no Ray cluster answers there ({one_line(str(error))[:200]}). Start one "
            "(docs/cluster.md), or leave cluster empty."
        ) from error
