"""Work on a Ray cluster gives the bytes of this machine alone; what is missing is one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lib.gen.corpus import Corpus
from lib.rag import embedder
from lib.recipe import Recipe, knob_named
from lib.settings import PROJECT_DIR, SetupError
from tests.gen.make import prose, write_pdf
from tests.ray_cluster import needs_ray, ray_cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_cluster() as running:
        yield running


def square(number: int) -> int:
    return number * number


def die_once(folder: Path, number: int) -> tuple[int, int]:
    """The worker that gets 30 first is killed."""
    if number == 30 and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number, os.getpid()


def refuse(*_: Any) -> Any:
    raise ValueError("this machine need not do it")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Of 20 documents; two nearly the same, one damaged, one of a kind that is not read."""
    folder = tmp_path / "documents"
    folder.mkdir()
    rng = Random(0)
    for number in range(18):
        (folder / f"{number:02}.txt").write_text(prose(rng, 30))
    copied = (folder / "03.txt").read_text().replace(" the ", " a ", 3)
    (folder / "98.md").write_text(copied)
    write_pdf(folder / "97.pdf", [[(50, 700, 12, "The lamp of Tamsay was lit by the keeper Ann.")]])
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (folder / "notes.xyz").write_text("not read")
    return Recipe(doc_path=str(folder), chunk_chars=400, chunk_overlap_chars=50)


def read(recipe: Recipe) -> tuple[Any, ...]:
    corpus = Corpus(recipe).read()
    return corpus.documents, corpus.chunks, corpus.dropped, corpus.skipped, corpus.same


@needs_ray
def test_documents_and_vectors_are_those_of_this_machine(
    cluster: Any,
    recipe: Recipe,
    home_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENBOOK_HOME", str(home_dir / "alone"))
    alone = read(recipe)
    texts = [chunk.text for chunk in alone[1]][:80]
    vectors = embedder.load_embedder(recipe).documents(texts)
    monkeypatch.setenv("OPENBOOK_HOME", str(home_dir))
    on_cluster = replace(recipe, cluster=cluster.address)
    assert read(on_cluster) == alone
    assert f"20 documents were read by the cluster {cluster.address}" in capsys.readouterr().out
    with monkeypatch.context() as patch:  # all that can be read is in the cache
        patch.setattr("lib.reading.documents.Workers.read", refuse)
        assert read(recipe)[:2] == alone[:2]
    monkeypatch.setattr(embedder, "_ON_NODES", 1)
    monkeypatch.setattr(embedder.LocalEmbedder, "embed_batch", refuse)
    done: list[int] = []
    again = embedder.load_embedder(on_cluster).documents(texts, on_done=done.append)
    assert again.tobytes() == vectors.tobytes()
    assert sum(done) == len(texts)


@needs_ray
def test_a_worker_that_is_killed_loses_nothing(cluster: Any, tmp_path: Path) -> None:
    from lib.cluster import on_nodes

    found = list(on_nodes(partial(die_once, tmp_path), range(100), cluster.address))
    assert [number for number, _ in found] == list(range(100))
    assert (tmp_path / "died").exists()


@needs_ray
def test_nothing_at_all(cluster: Any) -> None:
    from lib.cluster import on_nodes

    assert list(on_nodes(square, [], cluster.address)) == []


@needs_ray
def test_what_fails_on_a_node_fails_here(cluster: Any) -> None:
    from lib.cluster import on_nodes

    with pytest.raises(ZeroDivisionError):
        list(on_nodes(partial(divmod, 1), [1, 0], cluster.address))
    with pytest.raises(SetupError, match="no parameter nothing"):
        list(on_nodes(partial(knob_named, "nothing"), ["mine.yaml"], cluster.address))


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:9", "no-such-host.invalid:6379"])
def test_no_cluster_is_said_within_seconds(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from lib.cluster import connect

    monkeypatch.setattr("ray.is_initialized", lambda: False)  # by another test
    began = time.monotonic()
    with pytest.raises(SetupError, match=r"no Ray cluster answers there \(.*docs/cluster.md"):
        connect(address)
    assert time.monotonic() - began < 60


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.cluster.find_spec", lambda name: None)
    from lib.cluster import connect

    with pytest.raises(SetupError, match=r"Ray is not installed. Run .*requirements/ray.txt"):
        connect("auto")


def test_ray_is_imported_only_for_a_cluster() -> None:
    code = (
        "import sys; from lib.gen.corpus import Corpus; from lib.recipe import Recipe; "
        "Corpus(Recipe(chunk_chars=500)).read(); "
        "assert not {'ray', 'lib.cluster'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT_DIR, check=True)


@pytest.mark.parametrize("value", ["Auto", "host", "ray://host:10001", "host:port", "a b:1"])
def test_an_address_is_a_host_and_a_port(value: str) -> None:
    with pytest.raises(SetupError, match="expected 'auto', HOST:PORT or ''"):
        Recipe(cluster=value)
