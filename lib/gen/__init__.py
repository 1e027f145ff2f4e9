"""Documents to a RAFT dataset: the verbs of 1_gen.ipynb.

Each is imported when it is first used (PEP 562): the processes that read documents import this
package, too, and need none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lib.gen.checking.check import print_check
    from lib.gen.chunking.chunks import Split, conflicts, split_documents
    from lib.gen.dataset import read_chunks, read_dataset, read_examples, write_dataset
    from lib.gen.generation import Finished, generate, hard_vectors, ledger_mark, show_usage
    from lib.gen.inputs.documents import (
        Loaded,
        Skipped,
        find_documents,
        iter_documents,
        load_documents,
        pick_document,
        show_page,
    )
    from lib.gen.inputs.evaluation_file import read_evaluation_file
    from lib.gen.qa import write_pairs
    from lib.gen.recipe import Recipe
    from lib.gen.review.dataset import reviewed
    from lib.gen.rows.raft import Built, build_examples
    from lib.gen.rows.splits import assign_splits, check_corpus, check_shares
    from lib.gen.show import plot_counts, show_documents, show_examples
    from lib.gen.teacher.estimates import estimate
    from lib.gen.teacher.options import AskOptions
    from lib.gen.teacher.questions import Asked, ask_teacher, teacher_name, teacher_notice

__all__ = [
    "AskOptions",
    "Asked",
    "Built",
    "Finished",
    "Loaded",
    "Recipe",
    "Skipped",
    "Split",
    "ask_teacher",
    "assign_splits",
    "build_examples",
    "check_corpus",
    "check_shares",
    "conflicts",
    "estimate",
    "find_documents",
    "generate",
    "hard_vectors",
    "iter_documents",
    "ledger_mark",
    "load_documents",
    "pick_document",
    "plot_counts",
    "print_check",
    "read_chunks",
    "read_dataset",
    "read_evaluation_file",
    "read_examples",
    "reviewed",
    "show_documents",
    "show_examples",
    "show_page",
    "show_usage",
    "split_documents",
    "teacher_name",
    "teacher_notice",
    "write_dataset",
    "write_pairs",
]

_HOMES = {
    "checking.check": "print_check",
    "chunking.chunks": "Split conflicts split_documents",
    "dataset": "read_chunks read_dataset read_examples write_dataset",
    "inputs.documents": "Loaded Skipped find_documents iter_documents load_documents pick_document "
    "show_page",
    "teacher.estimates": "estimate",
    "inputs.evaluation_file": "read_evaluation_file",
    "generation": "Finished generate hard_vectors ledger_mark show_usage",
    "teacher.options": "AskOptions",
    "qa": "write_pairs",
    "rows.raft": "Built build_examples",
    "recipe": "Recipe",
    "review.dataset": "reviewed",
    "show": "plot_counts show_documents show_examples",
    "rows.splits": "assign_splits check_corpus check_shares",
    "teacher.questions": "Asked ask_teacher teacher_name teacher_notice",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'lib.gen' has no attribute {name!r}")
    return getattr(import_module(f"lib.gen.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
