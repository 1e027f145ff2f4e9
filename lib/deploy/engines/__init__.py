"""The engines that serve a model on this machine, and which of them a recipe takes.

An engine is a module that says how a server is started. One that pins its own torch, or none, has
a venv of its own.
"""

from pathlib import Path
from typing import Protocol

from lib.deploy.engines import llama_cpp, transformers, vllm
from lib.recipe import Recipe
from lib.settings import SetupError, portable

# What a request may ask for, and transformers ignores; the others heed it. "long prompts": one
# beyond the context is refused, not cut.
FEATURES = ("temperature", "seed", "n", "stop", "logprobs", "response_format", "long prompts")


class Engine(Protocol):
    """What each module of this folder has."""

    @property
    def KEY_NAME(self) -> str: ...  # environment variable of its API key; "" = it checks none

    def python(self) -> Path:
        """The interpreter that runs it."""

    def options(self, model_dir: Path, recipe: Recipe, *, adapters: dict[str, Path]) -> str:
        """How this machine serves a model. Part of the record: others start another server."""

    def command(self, model: str, port: int, options: str) -> list[str]:
        """`model` is the folder below home(), and the name at the endpoint."""


ENGINES: dict[str, Engine] = {"transformers": transformers, "vllm": vllm, "llama_cpp": llama_cpp}


def chosen(recipe: Recipe) -> str:
    """The recipe's engine; of `auto`, the best that is installed."""
    name = recipe.engine
    if name == "auto":
        return "vllm" if is_installed("vllm") and vllm.has_gpu() else "transformers"
    if not is_installed(name):
        raise SetupError(
            f"engine is '{name}', which is not installed: there is no {portable(_stamp(name))}. "
            f"Run: make {name}"
        )
    return name


def not_taken(recipe: Recipe) -> str:
    """What 'auto' says of the engines that are installed and not taken; "" = nothing to say."""
    reasons = {"vllm": "no GPU is found", "llama_cpp": "only its name chooses it"}
    taken = chosen(recipe)
    found = [name for name in reasons if name != taken and is_installed(name)]
    if recipe.engine != "auto" or not found:
        return ""
    said = "; ".join(f"{name} is installed, and {reasons[name]}" for name in found)
    return f"engine 'auto' takes {taken}: {said} (-r engine {found[0]})"


def is_installed(name: str) -> bool:
    return name == "transformers" or _stamp(name).is_file()


def _stamp(name: str) -> Path:
    """What `make` leaves when it is through: one that was interrupted leaves a Python alone."""
    return ENGINES[name].python().parents[1] / ".installed"


def described(recipe: Recipe) -> str:
    """`transformers, which ignores: seed, n`; `vllm`; `llama_cpp in q8_0`, the numbers of its file
    when they are not the model's."""
    name = chosen(recipe)
    if name == "transformers":
        return f"{name}, which ignores: {', '.join(FEATURES)}"
    return f"{name} in {recipe.gguf_type}" if name == "llama_cpp" and recipe.gguf_type else name
