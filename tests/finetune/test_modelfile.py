"""Ollama's template makes the prompt that the chat template makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lib.finetune.gguf_file import go_template, modelfile
from lib.finetune.students import EMBEDDED_MODEL_DIR
from lib.prompts.control_tokens import read_tokenizer
from lib.prompts.student import ALPACA_CHAT_TEMPLATE, PLAIN_CHAT_TEMPLATE, student_messages

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
THOUGHTS = "<think>\n\n</think>\n\n"
LLAMA_2 = (
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}"
    "{% set system = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n\n' %}"
    "{% else %}{% set rest = messages %}{% set system = '' %}{% endif %}{% for m in rest %}"
    "{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + (system if loop.first else '') "
    "+ m['content'] + ' [/INST]' }}{% else %}{{ ' ' + m['content'] + ' ' + eos_token }}{% endif %}"
    "{% endfor %}"
)
LLAMA_3 = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + "
    "'<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
    "{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] "
    "+ '\n\n' %}{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages "
    "%}{% endif %}{% for m in rest %}{% set role = 'model' if m['role'] == 'assistant' else "
    "m['role'] %}{{ '<start_of_turn>' + role + '\n' + (first if loop.first else '') + "
    "m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
TEMPLATES = {
    "embedded": (EMBEDDED_MODEL_DIR / "chat_template.jinja").read_text("utf-8"),
    "plain": PLAIN_CHAT_TEMPLATE,
    "alpaca": ALPACA_CHAT_TEMPLATE,
    "chatml": CHATML,
    "llama 2": LLAMA_2,
    "llama 3": LLAMA_3,
    "gemma": GEMMA,
    "qwen 3": CHATML.replace("assistant\n", f"assistant\n{THOUGHTS}"),
}


def ollama(template: str, messages: list[dict[str, str]]) -> str:
    """What Ollama renders (template.Execute of its Go code, templates without .Messages): the
    template for each exchange, and of the last one all before the reply."""
    turns: list[dict[str, str]] = [{}]
    for message in messages:
        if message["role"] != "assistant" and "assistant" in turns[-1]:
            turns.append({})
        turns[-1][message["role"]] = message["content"]

    def once(turn: dict[str, str], template: str) -> str:
        chosen = 1 if "system" in turn else 2
        conditional = r"\{\{ if \.System \}\}(.*?)\{\{ else \}\}(.*?)\{\{ end \}\}"
        text = re.sub(conditional, lambda found: str(found[chosen]), template, flags=re.DOTALL)
        names = {"System": "system", "Prompt": "user", "Response": "assistant"}
        return re.sub(r"\{\{ \.(\w+) \}\}", lambda found: turn.get(names[found[1]], ""), text)

    *earlier, last = turns
    return "".join(once(turn, template) for turn in earlier) + once(
        last, template.partition("{{ .Response }}")[0]
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_ollama_renders_what_the_chat_template_renders(name: str, model_dir: Path) -> None:
    tokenizer = read_tokenizer(model_dir)
    tokenizer.chat_template = TEMPLATES[name]
    found = go_template(tokenizer)
    asked = student_messages("Who keeps lamp 3?", ["Ada keeps lamp 3.", "Bela keeps { lamp 4."])
    again = [*asked, {"role": "assistant", "content": "Ada"}, {"role": "user", "content": "Why?"}]
    for messages in (asked, again):
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        if name == "llama 2":  # the model's answer itself begins with a space
            messages = [
                m | {"content": " Ada"} if m["role"] == "assistant" else m for m in messages
            ]
        made = ollama(found, messages).replace(f"{THOUGHTS}Ada", "Ada")  # Qwen 3's of earlier turns
        assert made == text.removeprefix("<s>")


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% for m in messages %}{{ m['content'] | upper }}{% endfor %}", "as it is"),
        ("{% for m in messages %}{{ m['content'] }}{% endfor %}{{ messages | length }}", "differ"),
        ("{% if messages | length > 3 %}{{ raise_exception('only one') }}{% endif %}", "only one"),
        ("{% for m in messages %}{{ m['content'] + '{' + '{' }}{% endfor %}", "cannot hold"),
    ],
)
def test_another_template_is_left_to_the_user(template: str, why: str, model_dir: Path) -> None:
    tokenizer = read_tokenizer(model_dir)
    tokenizer.chat_template = template
    text, said = modelfile("a.gguf", tokenizer, stops=["</s>"], context_tokens=1024, licence="mit")
    assert why in said
    assert said in text
    assert "# TEMPLATE must be written by hand" in text
    assert "\nTEMPLATE" not in text
