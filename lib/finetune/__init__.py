"""2_finetune: dataset → student. LoRA training with TRL, merged for serving."""

from lib.finetune.lengths import Lengths, check_lengths
from lib.finetune.rows import PreparedRows, prepare_rows
from lib.finetune.show import plot_loss, plot_training, show_trained_tokens
from lib.finetune.students import find_student, missing_requirements, require_machine
from lib.finetune.train import Trained, train_student

__all__ = [
    "Lengths",
    "PreparedRows",
    "Trained",
    "check_lengths",
    "find_student",
    "missing_requirements",
    "plot_loss",
    "plot_training",
    "prepare_rows",
    "require_machine",
    "show_trained_tokens",
    "train_student",
]
