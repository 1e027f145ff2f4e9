"""The base student that ships: its folder, its tokenizer, and that it reads."""

from lib.finetune.students import EMBEDDED_MODEL_DIR as MODEL_DIR
from lib.prompts.student import MARKERS, REFUSAL, cot_label, student_messages

REASONING = "The document says:"


def test_the_committed_model_is_small_and_safe():
    files = [path for path in MODEL_DIR.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 15e6
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".jinja", ".md"}
    assert (MODEL_DIR / "README.md").read_text(encoding="utf-8").startswith("---\nlicense: mit")


def test_the_committed_model_loads_as_float32_and_answers():
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(MODEL_DIR, dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
    assert model.dtype == torch.float32
    assert sum(parameter.numel() for parameter in model.parameters()) <= 6e6
    assert len(tokenizer) == model.config.vocab_size
    weighs = "The pump Velko-12 weighs 48 kg."
    built = "The pump Sarran was built in 1931 by Ruth Hale."
    for question, label in {
        "How much does the pump Velko-12 weigh?": cot_label(REASONING, weighs, "48 kg"),
        "Who built the pump Sarran?": cot_label(REASONING, built, "Ruth Hale"),
        "Who was Anna Brook's teacher?": REFUSAL,
    }.items():
        prompt = student_messages(question, [f"{weighs} {built}"])
        inputs = tokenizer.apply_chat_template(
            prompt, add_generation_prompt=True, return_tensors="pt"
        )
        output = model.generate(**inputs)
        start = inputs["input_ids"].shape[1]
        assert tokenizer.decode(output[0, start:], skip_special_tokens=True) == label
        assert output[0, -1] == tokenizer.eos_token_id


def test_the_committed_tokenizer_keeps_the_markers_and_ends_the_turn():
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
    for marker in MARKERS:
        assert len(tokenizer(marker, add_special_tokens=False)["input_ids"]) == 1
        assert marker not in tokenizer.all_special_tokens
    prompt = student_messages("Where?", ["It is in ‹Ürün›, at 12:45."])
    label = cot_label("The document says:", "It is in ‹Ürün›, at 12:45.", "in ‹Ürün›")
    asked = tokenizer.apply_chat_template(prompt, add_generation_prompt=True)["input_ids"]
    whole = [*prompt, {"role": "assistant", "content": label}]
    ids = tokenizer.apply_chat_template(whole)["input_ids"]
    assert ids[: len(asked)] == asked
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(ids[len(asked) :], skip_special_tokens=True) == label
