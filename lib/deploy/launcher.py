"""`transformers` under a memory limit: `python launcher.py serve … --limit BYTES --prompt-lookup`.

Prompt-lookup decoding proposes what follows the last two tokens in the prompt, and checks it in one
step: a quote takes a few steps instead of one per token, and the text stays the same. transformers
has it as a setting of generation, which no option of its server sets.

A file to run: it imports nothing of ours, so it works from any folder.
"""

import sys
from typing import Any

PROPOSED_TOKENS = 10  # per step; 20 are not faster (docs/experiments.md)


def limit_memory(limit_bytes: int) -> None:
    """Limit the data, not the address space: torch reserves many more addresses than it uses."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def enable_prompt_lookup() -> None:
    from transformers import GenerationConfig

    load = GenerationConfig.from_pretrained

    def with_lookup(*arguments: Any, **options: Any) -> Any:
        config = load(*arguments, **options)
        if isinstance(config, GenerationConfig):  # else a tuple, with the unused options
            config.prompt_lookup_num_tokens = PROPOSED_TOKENS
        return config

    GenerationConfig.from_pretrained = with_lookup


if __name__ == "__main__":
    if "--limit" in sys.argv:
        place = sys.argv.index("--limit")
        _, limit = sys.argv.pop(place), sys.argv.pop(place)
        limit_memory(int(limit))
    if "--prompt-lookup" in sys.argv:
        sys.argv.remove("--prompt-lookup")
        enable_prompt_lookup()
    from transformers.cli.transformers import main

    sys.exit(main())
