"""A second training of the student: on preferences (DPO) or on rewards that rules check (GRPO).

DPO: arXiv:2305.18290, on the pairs of `python -m lib.gen convert --to preference`. GRPO:
arXiv:2402.03300, with the rewards below. Both are TRL's trainers.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lib.dataset import prompt_messages, read_dataset
from lib.finetune.merge import save_model
from lib.finetune.methods import has_bf16
from lib.finetune.model_files import load_weights
from lib.finetune.rows import PreparedRows, check_lengths, measure_lengths
from lib.finetune.tokens import TokenRow, end_token_ids, tokenise
from lib.finetune.trainer import shared_arguments
from lib.finetune.watch import training_watch
from lib.prompts.control_tokens import as_text, control_tokens
from lib.prompts.student import REFUSAL, ParsedAnswer, parse_answer
from lib.recipe import Recipe
from lib.settings import SetupError, expanded, home, portable
from lib.store import file_sha256, read_jsonl
from lib.text import find_quote, normalise

_PAIR = ("prompt", "chosen", "rejected")


def second_inputs(recipe: Recipe) -> dict[str, Any]:
    """What a second training is made of, for the student's name; {} = there is none."""
    if not recipe.then:
        return {}
    own = "dpo_beta" if recipe.then == "dpo" else "num_generations"
    names = ("then", "then_steps", "then_learning_rate", own)
    made_of = {name: getattr(recipe, name) for name in names}
    if recipe.then == "dpo":
        made_of["preferences"] = file_sha256(_preferences_file(recipe))
    return made_of


def check_second(rows: PreparedRows, recipe: Recipe) -> None:
    """Stop before the first training where the second one could not use its pairs or rows."""
    if recipe.then == "grpo":  # with fewer, TRL makes no update at all
        replies, found = recipe.batch_size * recipe.gradient_accumulation_steps, len(_prompts(rows))
        if found < (needed := replies // recipe.num_generations):
            raise SetupError(
                f"then is 'grpo', an update takes {needed} prompts ({replies} replies, "
                f"{recipe.num_generations} to each), and {found} training rows are with their "
                "documents. Lower batch_size, raise num_generations, or make more rows in 1_gen."
            )
    if recipe.then == "dpo":
        told = [answer for pair in _tokenised_pairs(rows, recipe) for answer in pair]
        check_lengths(replace(rows, lengths=measure_lengths(told)), recipe.max_length_tokens)


def train_again(folder: Path, rows: PreparedRows, recipe: Recipe, *, scratch_dir: Path) -> None:
    """Train the merged student of a folder once more, in its place; second.jsonl has the curve."""
    import torch
    from transformers import PrinterCallback

    print(f"Second training, {recipe.then.upper()}: {recipe.then_steps:,} updates.", flush=True)
    torch.manual_seed(recipe.seed)
    trainer = _trainer_of(rows, recipe, scratch_dir)(
        model=load_weights(folder / "merged", dtype=torch.float32),
        processing_class=rows.tokenizer,
        callbacks=[training_watch(folder / "second.jsonl", rate_knob="then_learning_rate")],
    )
    trainer.remove_callback(PrinterCallback)  # the watch prints
    trainer.train()
    spread = [it["reward_std"] for it in trainer.state.log_history if "reward_std" in it]
    if spread and not any(spread):
        print("GRPO changed nothing: all replies to each prompt had the same reward.", flush=True)
    model = trainer.accelerator.unwrap_model(trainer.model)
    save_model(model, folder / "merged", tokenizer=rows.tokenizer)
    if (adapter := folder / "adapter").is_dir():  # not the student's any more
        adapter.rename(folder / f"adapter-before-{recipe.then}")


def _trainer_of(rows: PreparedRows, recipe: Recipe, scratch_dir: Path) -> Any:
    """TRL's trainer with its settings and rows; the model is still to be given."""
    import trl
    from datasets import Dataset

    arguments = shared_arguments(recipe, scratch_dir, updates=recipe.then_steps)
    arguments |= {
        "max_steps": recipe.then_steps,
        "learning_rate": recipe.then_learning_rate,
        "lr_scheduler_type": "cosine",
        "bf16": not arguments["use_cpu"] and has_bf16(),
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
    }
    if recipe.then == "dpo":
        pairs = [
            {
                "prompt_ids": better.input_ids[: better.prompt_tokens],
                "chosen_ids": better.input_ids[better.prompt_tokens :],
                "rejected_ids": worse.input_ids[worse.prompt_tokens :],
            }
            for better, worse in _tokenised_pairs(rows, recipe)
        ]

        class Trainer(trl.DPOTrainer):
            """Of rows with tokens: TRL's own drop what a template writes into a prompt alone."""

            def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
                return dataset

        config = trl.DPOConfig(**arguments, beta=recipe.dpo_beta, max_length=None)
        return partial(Trainer, args=config, train_dataset=Dataset.from_list(pairs))
    most = rows.lengths.max_completion_tokens
    if rows.model_limit_tokens:
        most = min(most, rows.model_limit_tokens - max(row.prompt_tokens for row in rows.train))
    arguments |= {"num_generations": recipe.num_generations, "max_completion_length": most}
    prompts, rewards = Dataset.from_list(_prompts(rows)), list(REWARDS)
    config = trl.GRPOConfig(**arguments)
    return partial(trl.GRPOTrainer, reward_funcs=rewards, args=config, train_dataset=prompts)


def _prompts(rows: PreparedRows) -> list[dict[str, Any]]:
    control = control_tokens(rows.tokenizer)
    return [
        {
            "prompt": as_text(prompt_messages(row), control),
            "documents": row["context"]["sentences"][0],
            "answer": row["answer"],
            "kind": row["kind"],
            "refusal": row.get("refusal", REFUSAL),
        }
        for row in read_dataset(rows.dataset_dir).rows("train")
        if row["kind"] != "memorise"  # no document to quote, none to refuse for
    ]


# --- the pairs -----------------------------------------------------------------------------------


def _preferences_file(recipe: Recipe) -> Path:
    path = expanded(recipe.preferences_path)
    path = home() / path if (home() / path).exists() else path
    if path.is_dir():
        path /= "train.jsonl"
    if recipe.preferences_path and path.is_file():
        return path
    raise SetupError(
        f"preferences_path is '{recipe.preferences_path}', where no train.jsonl is. Write it with "
        "`python -m lib.gen convert --to preference`, and give the folder that it prints."
    )


def preference_pairs(recipe: Recipe) -> list[dict[str, Any]]:
    """`{"prompt": [messages], "chosen": [message], "rejected": [message], …}` a line."""
    path = _preferences_file(recipe)
    try:
        rows = read_jsonl(path)
    except ValueError as error:
        raise SetupError(f"{portable(path)} is not JSONL ({error}). Write it again.") from None
    wrong = next((n for n, row in enumerate(rows, start=1) if not _is_pair(row)), not rows)
    if wrong:
        raise SetupError(
            f"{portable(path)}, line {wrong:d} is not a pair: expected prompt, a list of messages, "
            "and chosen and rejected, two different answers, each one message of the assistant. "
            "Mend the line or remove it; a file without lines needs a dataset with refusals."
        )
    return [{name: row[name] for name in _PAIR} for row in rows]


def _tokenised_pairs(rows: PreparedRows, recipe: Recipe) -> list[list[TokenRow]]:
    """The chosen and the rejected answer of each pair, with its prompt."""
    how = rows.tokenizer, end_token_ids(rows.base.folder, rows.tokenizer)
    return [
        [tokenise(f"{name} of pair {n}", pair["prompt"] + pair[name], *how) for name in _PAIR[1:]]
        for n, pair in enumerate(preference_pairs(recipe), start=1)
    ]


def _is_pair(row: Any) -> bool:
    match row:
        case {
            "prompt": [_, *_] as prompt,
            "chosen": [{"role": "assistant", "content": str(better)}],
            "rejected": [{"role": "assistant", "content": str(worse)}],
        }:
            texts = [one.get("content") if isinstance(one, dict) else None for one in prompt]
            answers = {better.strip(), worse.strip()} - {""}
            return len(answers) == 2 and all(isinstance(text, str) for text in texts)
    return False


# --- the rewards: what rules can tell of replies, between 0 and 1; TRL passes columns of rows ----


def format_reward(completions: Sequence[Any], refusal: Sequence[str], **_: Any) -> list[float]:
    """A final answer, or the refusal sentence."""
    read = _read(completions, refusal)
    return [float(one.refused or one.final_answer is not None) for one in read]


def quote_reward(
    completions: Sequence[Any], refusal: Sequence[str], documents: Sequence[list[str]], **_: Any
) -> list[float]:
    """The share of its quotes that are in a document, letter for letter; a refusal needs none."""
    rewards = []
    for one, texts in zip(_read(completions, refusal), documents, strict=True):
        found = [any(find_quote(quote, text) for text in texts) for quote in one.quotes]
        rewards.append(sum(found) / len(found) if found else float(one.refused))
    return rewards


def answer_reward(
    completions: Sequence[Any],
    refusal: Sequence[str],
    answer: Sequence[str],
    kind: Sequence[str],
    **_: Any,
) -> list[float]:
    """The right answer (SQuAD's exact match), or a refusal where the row is one to refuse."""
    rewards = []
    for one, right, what in zip(_read(completions, refusal), answer, kind, strict=True):
        is_right = normalise(one.final_answer or "") == normalise(right)
        rewards.append(float(one.refused if what == "refuse" else is_right and not one.refused))
    return rewards


REWARDS = (format_reward, quote_reward, answer_reward)


def _read(completions: Sequence[Any], refusal: Sequence[str]) -> list[ParsedAnswer]:
    """Each completion is a text, or the messages of a chat."""
    texts = [done if isinstance(done, str) else done[-1]["content"] for done in completions]
    return [parse_answer(text, refusal=no) for text, no in zip(texts, refusal, strict=True)]
