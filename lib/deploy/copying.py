"""`transformers` with answers that quote their prompt written faster: `python copying.py serve …`.

Prompt lookup decoding: where the last two tokens stand in the prompt too, those that follow them
there are proposed and checked in one step, so a quote takes a few steps and not one a token. What
is written stays what the model would write. transformers has it as a setting of generation, which
no option of its server reaches. A file to run, not to import: it imports nothing of ours.
"""

import sys
from typing import Any

from transformers import GenerationConfig
from transformers.cli.transformers import main

# Proposed at a time: 10 and 20 are as fast as each other (docs/experiments.md).
PROPOSED_TOKENS = 10


def _propose_from_the_prompt() -> None:
    load = GenerationConfig.from_pretrained

    def with_lookup(*arguments: Any, **options: Any) -> Any:
        config = load(*arguments, **options)
        if isinstance(config, GenerationConfig):  # beside a dict when those left over are asked for
            config.prompt_lookup_num_tokens = PROPOSED_TOKENS
        return config

    GenerationConfig.from_pretrained = with_lookup


if __name__ == "__main__":
    _propose_from_the_prompt()
    sys.exit(main())
