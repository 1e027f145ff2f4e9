"""A Ray cluster of two nodes in this machine, on loopback alone.

Ray is no part of `make .venv`: tests that need it are skipped without it. Each of a cluster's
processes imports Ray, and with it jsonschema, which would build a grammar for a second or more.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed (requirements/ray.txt)"
)

_PORTS = (
    *("metrics_agent_port", "metrics_export_port"),
    *("runtime_env_agent_port", "dashboard_agent_listen_port"),
)


@contextmanager
def ray_cluster(nodes: int = 2) -> Iterator[Any]:
    """`ray.cluster_utils.Cluster` of nodes with one CPU each; `.address` is what connects to it."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rfc3987_syntax.py").write_text("raise ImportError\n")
        os.environ |= {
            "PYTHONPATH": os.pathsep.join(filter(None, (folder, before.get("PYTHONPATH")))),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the machine's address is 127.0.0.1
            "RAY_worker_niceness": "0",
            "RAY_DEDUP_LOGS": "0",
        }
        import ray
        from ray.cluster_utils import Cluster

        cluster = None
        try:
            cluster = Cluster(initialize_head=True, head_node_args=_node())
            for _ in range(nodes - 1):
                cluster.add_node(**_node())
            yield cluster
        finally:
            ray.shutdown()
            if cluster is not None:
                cluster.shutdown()
            os.environ.clear()
            os.environ.update(before)


def _node() -> dict[str, Any]:
    """Ports are given: Ray waits only 15 s for a process to choose one."""
    return {name: _free_port() for name in _PORTS} | {
        "num_cpus": 1,
        "object_store_memory": 100_000_000,
        "include_dashboard": False,
        "include_log_monitor": False,
        "node_ip_address": "127.0.0.1",
    }


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
