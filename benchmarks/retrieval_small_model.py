"""What retrieval gains from a model that is asked, at its low end: Gemma 3 270M, base, served here.

The questions of `retrieval_models`, fewer of them, asked one after another of the smallest model
that this project knows. It was never taught to follow an instruction. Its chat template is the
plain texts (`PLAIN_CHAT_TEMPLATE`), it is served by llama.cpp in 8 bits, and as it does not end by
itself, its replies are cut. What is answered is found again by the next run, also after a kill.

Needs the folder that `make gemma` makes, and `make llama_cpp`.

Takes about half an hour.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from benchmarks.recorded_replies import ROLE, answering
from benchmarks.retrieval_models import REPLIES, ROUTED, Way, known_to, opened, sampled, table
from benchmarks.retrieval_quality import LANGUAGES, embedding_models, labelled, mean_ndcg
from lib.deploy.server import start, stop, wait_until_ready
from lib.finetune.merge import prepare_baseline
from lib.finetune.students import GEMMA_MODEL_DIR, fetch_student
from lib.prompts.student import PLAIN_CHAT_TEMPLATE
from lib.recipe import Recipe
from lib.settings import home
from lib.threads import tune_threads
from offline.e5 import MODEL_DIR

NUM_ASKED, NUM_ROUTED, NUM_READ = 60, 20, 6  # questions: a language, and of the English ones
EXPANDED = (
    Way("hybrid"),
    Way("hybrid + queries", than="hybrid"),
    Way("hybrid + hyde", than="hybrid"),
)
RERANKED = (Way("hybrid"), Way("hybrid + rerank", "llm", than="hybrid"))
_ASKING: dict[str, Any] = {"max_retrieval_tokens": 64, "concurrency": 1}
_SERVING = Recipe(run_name="retrieval-small-model", engine="llama_cpp", gguf_type="q8_0")


def main(*, quick: bool = False) -> int:
    """Print the figures; they have no target."""
    tune_threads()
    of_language = {name: sampled(*labelled(name, at)) for name, at in LANGUAGES.items()}
    gains = []
    with answering(REPLIES) if quick else serving() as recorded:
        for language, (chunks, asked) in of_language.items():
            if quick:
                chunks, asked = known_to(recorded, chunks, asked)
            *_, model = [""] if quick else embedding_models(language, home() / MODEL_DIR)
            with opened(chunks, model, quick=quick) as index:
                print(f"\n{language}: {index.num_chunks} chunks, {index.embedder.name}")
                plain, *others = table(index, asked[:NUM_ASKED], EXPANDED, **_ASKING).values()
                gains += [mean_ndcg(found) - mean_ndcg(plain) for found in others]
                if language == "en":
                    table(index, asked[:NUM_READ], RERANKED, candidates=10, **_ASKING)
        everything = [chunk for chunks, _ in of_language.values() for chunk in chunks]
        with opened(everything, "", quick=quick) as index:
            print(f"\nen: the {index.num_chunks} chunks of both languages")
            table(index, of_language["en"][1][: 2 if quick else NUM_ROUTED], ROUTED, **_ASKING)
    ahead = sum(gain > 0 for gain in gains)
    print(
        f"+ queries and + hyde find more in {ahead} of {len(gains)} rows (no target: the low end)"
    )
    return 0


@contextmanager
def serving() -> Iterator[Any]:
    """ROLE's endpoint is Gemma while the block lasts."""
    base = fetch_student(GEMMA_MODEL_DIR)
    folder = prepare_baseline(base, chat_template=PLAIN_CHAT_TEMPLATE)
    server = start("baseline", folder, _SERVING)
    try:
        wait_until_ready(server, timeout_s=_SERVING.server_timeout_s)
        given = {"BASE_URL": server.base_url, "API_KEY": server.api_key, "DEPLOYMENT": server.model}
        with patch.dict(os.environ, {f"{ROLE.upper()}_OPENAI_{n}": v for n, v in given.items()}):
            yield None
    finally:
        stop(_SERVING.run_name)
