"""2_finetune: dataset → student, with TRL or at a service, merged for serving."""

# ruff: noqa: F401  # the public names of the room

from lib.finetune.launch import prepare_rows, run_training
from lib.finetune.rows import Lengths, PreparedRows
from lib.finetune.show import plot_loss, plot_training, show_learned, show_trained_tokens
from lib.finetune.students import require_machine, require_student
from lib.finetune.training import Trained, train_student
