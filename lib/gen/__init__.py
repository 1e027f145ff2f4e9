"""Documents to a RAFT dataset: the verbs of 1_gen.ipynb.

generation.py has all steps in their order. corpus.py reads and cuts documents; ask/rows.py has the
life of a question, gates.py its gates; rows.py makes dataset rows: splits.py holds chunks out,
distractors.py chooses the other documents. check.py, review/ and formats/ work on the dataset's
folder (lib/dataset.py). Each verb raises a SetupError for a mistake of the user, and for requests
that failed.
"""

# ruff: noqa: F401  # the public names of the room

from lib.dataset import read_dataset
from lib.gen.corpus import Corpus
from lib.gen.generation import (
    Finished,
    ask_questions,
    build_rows,
    check_or_stop,
    generate,
    save_dataset,
)
from lib.gen.show import plot_counts, show_documents, show_examples, show_learned
from lib.reading.documents import pick_document, show_page
