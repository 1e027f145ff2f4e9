"""2_finetune: dataset → student. LoRA or full training with TRL, merged for serving."""

from lib.finetune.rows import Lengths, PreparedRows, prepare_rows
from lib.finetune.show import plot_loss, plot_training, show_learned, show_trained_tokens
from lib.finetune.students import require_machine, require_student
from lib.finetune.train import Trained, train_student

__all__ = [
    "Lengths",
    "PreparedRows",
    "Trained",
    "plot_loss",
    "plot_training",
    "prepare_rows",
    "require_machine",
    "require_student",
    "show_learned",
    "show_trained_tokens",
    "train_student",
]
