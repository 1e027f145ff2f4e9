"""`transformers` with prompt-lookup decoding: `python prompt_lookup.py serve …`.

Where the last two tokens also occur in the prompt, the tokens that follow them there are proposed
and checked in one step. So a quote takes a few steps instead of one per token, and the text is the
one that the model would write anyway. transformers has this only as a setting of generation, which
no option of its server reaches. A file to run, not to import: it imports nothing of ours.
"""

import sys
from typing import Any

PROPOSED_TOKENS = 10  # per step; 20 are not faster (docs/experiments.md)


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
    from transformers.cli.transformers import main

    enable_prompt_lookup()
    sys.exit(main())
