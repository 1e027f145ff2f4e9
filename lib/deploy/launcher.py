"""`transformers` with a memory limit and our batches: `launcher.py serve … --limit BYTES --batch`.

A file to run, from any folder.
"""

import sys
from contextlib import suppress
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])  # not this folder, whose names are anybody's


def limit_memory(limit_bytes: int) -> None:
    """Limit the data, not the address space: torch reserves many more addresses than it uses."""
    # macOS refuses any limit, and no system takes one above a user's own.
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def list_only(model: str) -> None:
    """GET /v1/models names the model that is served; transformers lists the user's hub cache."""
    from transformers.cli.serving.model_manager import ModelManager

    served = {"id": model, "object": "model", "created": 0, "owned_by": "openbook"}
    ModelManager.get_gen_models = staticmethod(lambda cache_dir=None: [served])


if __name__ == "__main__":
    if "--limit" in sys.argv:
        place = sys.argv.index("--limit")
        _, limit = sys.argv.pop(place), sys.argv.pop(place)
        limit_memory(int(limit))
    if "--batch" in sys.argv:
        sys.argv.remove("--batch")
        from lib.deploy.batch_server import answer_together

        answer_together()
    list_only(sys.argv[2])
    from transformers.cli.transformers import main

    sys.exit(main())
