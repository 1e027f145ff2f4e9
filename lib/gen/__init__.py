"""Documents to a RAFT dataset: the verbs of 1_gen.ipynb."""

from lib.dataset import read_dataset
from lib.gen.check import print_check
from lib.gen.corpus import Corpus
from lib.gen.generation import Finished, ask_questions, build_rows, generate, save_dataset
from lib.gen.show import plot_counts, show_documents, show_examples
from lib.reading.documents import pick_document, show_page

__all__ = [
    "Corpus",
    "Finished",
    "ask_questions",
    "build_rows",
    "generate",
    "pick_document",
    "plot_counts",
    "print_check",
    "read_dataset",
    "save_dataset",
    "show_documents",
    "show_examples",
    "show_page",
]
