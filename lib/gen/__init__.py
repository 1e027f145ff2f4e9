"""Documents to a RAFT dataset: the verbs of 1_gen.ipynb."""

from lib.gen.check import print_check
from lib.gen.chunks import Split, conflicts, split_documents
from lib.gen.dataset import read_chunks, read_dataset, read_examples, write_dataset
from lib.gen.documents import (
    Loaded,
    Skipped,
    find_documents,
    load_documents,
    pick_document,
    show_page,
)
from lib.gen.raft import Built, build_examples
from lib.gen.show import plot_counts, show_documents, show_examples
from lib.gen.splits import assign_splits, check_corpus, check_shares
from lib.gen.teacher import Asked, ask_teacher, teacher_name, teacher_notice

__all__ = [
    "Asked",
    "Built",
    "Loaded",
    "Skipped",
    "Split",
    "ask_teacher",
    "assign_splits",
    "build_examples",
    "check_corpus",
    "check_shares",
    "conflicts",
    "find_documents",
    "load_documents",
    "pick_document",
    "plot_counts",
    "print_check",
    "read_chunks",
    "read_dataset",
    "read_examples",
    "show_documents",
    "show_examples",
    "show_page",
    "split_documents",
    "teacher_name",
    "teacher_notice",
    "write_dataset",
]
