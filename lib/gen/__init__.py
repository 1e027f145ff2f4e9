"""Documents to a RAFT dataset: the verbs of 1_gen.ipynb.

Each is imported when it is first used (PEP 562): the processes that read documents import this
package, too, and need none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lib.dataset import read_chunks, read_dataset, read_examples, write_dataset
    from lib.gen.ask.estimates import estimate
    from lib.gen.ask.questions import Asked, ask_teacher, teacher_name, teacher_notice
    from lib.gen.check import print_check
    from lib.gen.chunks import Split, conflicts, split_documents
    from lib.gen.generation import Finished, generate, hard_vectors, ledger_mark, show_usage
    from lib.gen.qa import write_pairs
    from lib.gen.recipe import Recipe
    from lib.gen.review.dataset import reviewed
    from lib.gen.rows import Built, build_examples
    from lib.gen.show import plot_counts, show_documents, show_examples
    from lib.gen.splits import assign_splits, check_corpus, check_shares
    from lib.reading.documents import (
        Loaded,
        Skipped,
        find_documents,
        iter_documents,
        load_documents,
        pick_document,
        show_page,
    )
    from lib.reading.evaluation_file import read_evaluation_file

__all__ = [
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
    "lib.gen.check": "print_check",
    "lib.gen.chunks": "Split conflicts split_documents",
    "lib.dataset": "read_chunks read_dataset read_examples write_dataset",
    "lib.reading.documents": "Loaded Skipped find_documents iter_documents load_documents "
    "pick_document show_page",
    "lib.gen.ask.estimates": "estimate",
    "lib.reading.evaluation_file": "read_evaluation_file",
    "lib.gen.generation": "Finished generate hard_vectors ledger_mark show_usage",
    "lib.gen.qa": "write_pairs",
    "lib.gen.rows": "Built build_examples",
    "lib.gen.recipe": "Recipe",
    "lib.gen.review.dataset": "reviewed",
    "lib.gen.show": "plot_counts show_documents show_examples",
    "lib.gen.splits": "assign_splits check_corpus check_shares",
    "lib.gen.ask.questions": "Asked ask_teacher teacher_name teacher_notice",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'lib.gen' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
