"""A Ray cluster of two nodes in this machine: start, memory, time, rows lost with a worker killed.

Documents are read, cut and embedded by this process, then by the cluster, with the same cores; one
of its workers is killed meanwhile. Needs requirements/ray.txt.

Takes about 2 minutes.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import psutil

from benchmarks.generation_scale import make_documents
from benchmarks.homes import fresh_home
from lib.gen.corpus import Corpus
from lib.rag.embedder import load_embedder
from lib.recipe import Recipe
from tests.ray_cluster import ray_cluster

QUICK_DOCUMENTS, NUM_DOCUMENTS = 3, 60
QUICK_TEXTS, NUM_TEXTS = 40, 320  # that are embedded


def main(*, quick: bool = False) -> int:
    """Print times and memory, then the rows that were lost; 1 when some were, or bytes differ."""
    num_documents = QUICK_DOCUMENTS if quick else NUM_DOCUMENTS
    num_texts = QUICK_TEXTS if quick else NUM_TEXTS
    with fresh_home() as home:
        folder = home / "documents"
        folder.mkdir()
        for document in islice(make_documents(), num_documents):
            (folder / document.id).write_text(document.text, encoding="utf-8")
        alone = _work(home / "alone", Recipe(doc_path=str(folder)), num_texts)
        began = perf_counter()
        with ray_cluster() as cluster:
            print(f"start of two nodes: {perf_counter() - began:.0f} s", flush=True)
            recipe = Recipe(doc_path=str(folder), cluster=cluster.address)
            killed = threading.Event()
            threading.Thread(target=_kill_one, args=(killed,), daemon=True).start()
            there = _work(home / "there", recipe, num_texts)
            used = sum(_memory(process) for process in psutil.Process().children(recursive=True))
            print(f"memory of the cluster's processes: {used / 2**30:.1f} GiB", flush=True)
    same = all(one == other for one, other in zip(alone, there, strict=True))
    lost = len(alone[0]) - len(there[0])
    print(
        f"{lost:,} of {len(alone[0]):,} chunks lost (target 0), a worker "
        f"{'killed' if killed.is_set() else 'NOT killed'}, bytes {'equal' if same else 'DIFFERENT'}"
    )
    return int(lost > 0 or not same or not killed.is_set())


def _work(home: Path, recipe: Recipe, num_texts: int) -> tuple[list[Any], bytes]:
    """The chunks, and the vectors of their texts; prints what each took."""
    where = "the cluster" if recipe.cluster else "one process"
    with patch.dict("os.environ", OPENBOOK_HOME=str(home)), patch("lib.rag.embedder._ON_NODES", 1):
        began = perf_counter()
        chunks = Corpus(recipe).read().chunks
        read_s = perf_counter() - began
        began = perf_counter()
        vectors = load_embedder(recipe).documents([chunk.text for chunk in chunks[:num_texts]])
        embedded_s = perf_counter() - began
    print(
        f"{where}: {len(chunks):,} chunks read and cut in {read_s:.1f} s, {len(vectors):,} "
        f"embedded in {embedded_s:.1f} s",
        flush=True,
    )
    return list(chunks), vectors.tobytes()


def _kill_one(killed: threading.Event) -> None:
    """The first worker that is seen at work, a moment later."""
    while not killed.is_set():
        time.sleep(0.05)
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error, IndexError):
                if process.cmdline()[0].startswith("ray::Map"):
                    time.sleep(0.2)
                    process.kill()
                    killed.set()
                    return


def _memory(process: psutil.Process) -> int:
    """Its share of what it has in memory, bytes."""
    with suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0
