"""2_finetune: dataset → student. LoRA training with TRL, merged for serving."""

from lib.finetune.lengths import Lengths, check_lengths
from lib.finetune.show import plot_loss, show_trained_tokens
from lib.finetune.students import find_student, missing_requirements
from lib.finetune.train import PreparedRows, Trained, prepare_rows, train_student

__all__ = [
    "Lengths",
    "PreparedRows",
    "Trained",
    "check_lengths",
    "find_student",
    "missing_requirements",
    "plot_loss",
    "prepare_rows",
    "show_trained_tokens",
    "train_student",
]
