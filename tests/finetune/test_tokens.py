"""Training sees the ids that serving builds, and the labels are the completion and its end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lib.finetune.merge import prepare_baseline
from lib.finetune.rows import prepare_rows, training_messages
from lib.finetune.students import require_machine
from lib.finetune.tokens import end_token_ids, load_tokenizer, tokenise
from lib.prompts.control_tokens import read_tokenizer
from lib.prompts.student import MARKERS, PLAIN_CHAT_TEMPLATE, plain_prompt
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.store import file_sha256, write_json
from tests.finetune.families import of_trl
from tests.finetune.tiny import CHAT_TEMPLATE, answer, chat_row, make_model, write_dataset


@pytest.fixture
def tokenizer(model_dir: Path) -> Any:
    return load_tokenizer(model_dir, "chat")


def served_ids(messages: list[dict[str, str]], tokenizer: Any, **given: Any) -> list[int]:
    """What `transformers serve` makes of a request's messages."""
    made = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, **given
    )
    return list(made["input_ids"])


MESSAGES = chat_row(3)["messages"]


def test_chat_prompts_are_the_served_ones(model_dir: Path, tokenizer: Any) -> None:
    row = tokenise("row", MESSAGES, tokenizer, end_token_ids(model_dir, tokenizer))
    served = served_ids(chat_row(3)["messages"][:-1], tokenizer)
    assert row.input_ids[: row.prompt_tokens] == served


def test_labels_are_the_completion_and_its_end_alone(model_dir: Path, tokenizer: Any) -> None:
    row = tokenise("row", MESSAGES, tokenizer, end_token_ids(model_dir, tokenizer))
    learnt = [label for label in row.labels if label != -100]
    # The template writes a newline behind the end token; it is not learnt.
    assert tokenizer.decode(learnt) == answer(3) + "</s>"
    assert len(row.labels) == len(row.input_ids)
    assert set(row.labels[: row.prompt_tokens]) == {-100}


def test_completion_rows_are_the_served_ones_too(model_dir: Path, dataset_dir: Path) -> None:
    tokenizer = load_tokenizer(model_dir, "completion")
    assert tokenizer.chat_template == PLAIN_CHAT_TEMPLATE
    for number, messages in enumerate(training_messages(dataset_dir, "train").values()):
        row = tokenise("row", messages, tokenizer, end_token_ids(model_dir, tokenizer))
        served = served_ids(chat_row(number)["messages"][:-1], tokenizer)
        assert row.input_ids[: row.prompt_tokens] == served
        text = plain_prompt(messages[:-1])
        assert tokenizer.decode(served) == f"<s>{text}"
        assert tokenizer.decode(row.input_ids[row.prompt_tokens :]) == answer(number) + "</s>"


VIETNAMESE = ("parameters/alpaca-vi.jinja", "Dưới đây là", "### Chỉ dẫn:", "### Trả lời:")


@pytest.mark.parametrize(
    ("path", "begins", "instruction", "response"),
    [("", "Below is an instruction", "### Instruction:", "### Response:"), VIETNAMESE],
)
def test_alpaca_rows_are_the_served_ones_too(
    model_dir: Path, path: str, begins: str, instruction: str, response: str
) -> None:
    tokenizer = load_tokenizer(model_dir, "alpaca", path)
    row = tokenise("row", MESSAGES, tokenizer, end_token_ids(model_dir, tokenizer))
    served = served_ids(MESSAGES[:-1], tokenizer)
    assert row.input_ids[: row.prompt_tokens] == served
    text = tokenizer.decode(served)
    assert text.startswith(f"<s>{begins}")
    assert f"\n\n{instruction}\n{MESSAGES[0]['content']}\n\n###" in text
    assert text.endswith(f"{MESSAGES[1]['content']}\n\n{response}\n")
    assert tokenizer.decode(row.input_ids[row.prompt_tokens :]) == answer(3) + "</s>"


def test_a_template_file_that_is_not_there_is_told(model_dir: Path) -> None:
    with pytest.raises(SetupError, match=r"chat_template_path is 'none\.jinja'"):
        load_tokenizer(model_dir, "chat", "none.jinja")


def test_a_template_with_a_clock_has_one_day_in_training_and_serving(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "clock", chat_template=of_trl("llama3_2"))
    tokenizer = load_tokenizer(folder, "chat")
    row = tokenise("row", MESSAGES, tokenizer, end_token_ids(folder, tokenizer))
    tokenizer.save_pretrained(folder)
    served = served_ids(MESSAGES[:-1], load_tokenizer(folder, "chat"))
    assert row.input_ids[: row.prompt_tokens] == served
    assert "Today Date: 26 Jul 2024\n\n" in tokenizer.decode(served)
    again = load_tokenizer(folder, "chat")
    assert again.chat_template == tokenizer.chat_template != of_trl("llama3_2")


def test_a_merge_across_the_boundary_leaves_the_prompt_alone(
    model_dir: Path, tokenizer: Any
) -> None:
    tokenizer.chat_template = PLAIN_CHAT_TEMPLATE.replace("\n", "")
    prompt = "Who keeps lamp 3? The docu"
    said = ({"role": "user", "content": prompt}, {"role": "assistant", "content": "ment says it."})
    row = tokenise("row", said, tokenizer, end_token_ids(model_dir, tokenizer))
    assert tokenizer.decode(row.input_ids[: row.prompt_tokens]) == "<s>" + prompt
    assert tokenizer.decode(row.input_ids[row.prompt_tokens :]) == "ment says it.</s>"


def test_any_end_token_of_the_generation_config_ends_a_row(model_dir: Path, tokenizer: Any) -> None:
    tokenizer.chat_template = CHAT_TEMPLATE.replace("eos_token + ", "'<|user|>' + ")
    end = tokenizer.convert_tokens_to_ids("<|user|>")
    row = tokenise("row", MESSAGES, tokenizer, frozenset([2, end]))
    assert row.input_ids[-1] == end
    row = tokenise("row", MESSAGES, tokenizer, frozenset([2]))
    assert row.input_ids[-1] == 2, "an end token is added where the template writes none"


def test_an_end_token_inside_a_completion_stops(model_dir: Path, tokenizer: Any) -> None:
    said = [*MESSAGES[:-1], {"role": "assistant", "content": "Anna keeps it."}]
    plain = tokenise("row", said, tokenizer, frozenset([2]))
    end = plain.input_ids[plain.prompt_tokens + 1]
    with pytest.raises(SetupError, match=r"train row 8 holds the end token"):
        tokenise("train row 8", said, tokenizer, frozenset([end]))


@pytest.mark.parametrize(
    "token",
    [
        *("</s>", "<|assistant|>", "<pad>"),  # this tokenizer's own
        *("<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "[TOOL_CALLS]"),
        *("<｜begin▁of▁sentence｜>", "<｜User｜>", "<|im_start|>", "§turn§"),
    ],
)
def test_control_tokens_of_the_students_own_tokenizer_are_text_in_documents(
    model_dir: Path, token: str
) -> None:
    tokenizer = load_tokenizer(model_dir, "chat")
    tokenizer.add_special_tokens({"additional_special_tokens": [token]})
    tokenizer.add_tokens(["\n", "<table>"])  # neither special nor in the template: text
    number = tokenizer.convert_tokens_to_ids(token)
    end_ids = end_token_ids(model_dir, tokenizer)
    told = [message | {"content": f"{message['content']} {token}x"} for message in MESSAGES]
    plain, spoken = (tokenise("row", said, tokenizer, end_ids) for said in (MESSAGES, told))
    assert spoken.input_ids.count(number) == plain.input_ids.count(number)
    assert len(spoken.input_ids) > len(plain.input_ids)
    assert tokenizer.decode(spoken.input_ids).count(token) == plain.input_ids.count(number)


def test_our_own_markers_stay_when_a_tokenizer_has_them(model_dir: Path) -> None:
    tokenizer = load_tokenizer(model_dir, "chat")
    tokenizer.add_special_tokens({"additional_special_tokens": list(MARKERS)})
    row = tokenise("row", MESSAGES, tokenizer, end_token_ids(model_dir, tokenizer))
    text = tokenizer.decode(row.input_ids)
    assert all(marker in text for marker in MARKERS)


USER_ALONE = "{% for m in messages %}{% if m['role'] != 'system' %}{{ m['content'] }}{% endif %}"
REFUSES = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{{ messages[0]['content'] }}"
)
MERGES = (
    "{{ messages[0]['content'] + messages[1]['content'] }}"
    "{% if messages | length > 2 %}{{ messages[2]['content'] }}{% endif %}"
)
NO_ANSWER = "{{ messages[0]['content'] + messages[1]['content'] }}"  # "</s>" alone would be learnt


BEGINS = "{{ '<|assistant|>' }}{% endif %}"


def begins(prompt: str, answer: str = "''") -> str:
    """CHAT_TEMPLATE with more behind the `<|assistant|>` of a prompt, and of an answer."""
    role = "'<|' + m['role'] + '|>' + "
    more = f"{role}({answer} if m['role'] == 'assistant' else '') + "
    return CHAT_TEMPLATE.replace(role, more).replace(
        BEGINS, BEGINS.replace("' }", f"' + {prompt} }}")
    )


EMPTY, CLOSED = "'<think>\n\n</think>\n\n'", "<think>\n\n</think>\n\n"
THINKS_OR_NOT = begins(f"({EMPTY} if enable_thinking is false else '')", EMPTY)
DATED = (
    "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "{{ date_string }}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
ONLY_LAST = (  # the system message in the user's, as long as no answer follows
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '<|user|>' }}"
    "{% if loop.last and messages[0]['role'] == 'system' %}{{ messages[0]['content'] }}{% endif %}"
    "{{ m['content'] + '<|assistant|>' }}"
    "{% elif m['role'] == 'assistant' %}{{ m['content'] + eos_token }}{% endif %}{% endfor %}"
)
ALWAYS_BEGINS = CHAT_TEMPLATE.replace("{% if add_generation_prompt %}" + BEGINS, BEGINS[:-11])


@pytest.mark.parametrize(
    ("template", "ends"),
    [
        (THINKS_OR_NOT, CLOSED),  # Qwen 3
        (begins("'<think>\n'"), CLOSED),  # DeepSeek R1
        (begins("'<think>'", "'<think>\n</think>\n'"), "<think>\n</think>\n"),  # Step 3.5
        (begins("'[THINK]'"), "[THINK]\n[/THINK]\n\n"),
        (begins("'<thought>'"), "<thought>\n</thought>\n\n"),
        (begins("'<|channel>thought\n<channel|>'"), "<|channel>thought\n<channel|>"),  # Gemma 4
        (DATED + CHAT_TEMPLATE, ""),  # Llama 3.1, 3.2
        (NO_SYSTEM + CHAT_TEMPLATE, ""),  # Gemma 2
        (NO_SYSTEM + begins("'<think>'"), CLOSED.replace("\n", "", 1)),
        (ONLY_LAST, ""),  # Mistral Nemo
        (ALWAYS_BEGINS, ""),
        (ALWAYS_BEGINS.replace("{{ eos_token + '\n' }}", ""), ""),  # its end token is added
    ],
)
def test_a_row_is_the_served_prompt_then_the_completion_and_its_end_alone(
    tmp_path: Path, template: str, ends: str
) -> None:
    folder = make_model(tmp_path / "base", chat_template=template)
    tokenizer = load_tokenizer(folder, "chat")
    row = tokenise("row", MESSAGES, tokenizer, end_token_ids(folder, tokenizer))
    prompt = tokenizer.decode(row.input_ids[: row.prompt_tokens])
    assert tokenizer.decode(row.input_ids[row.prompt_tokens :]) == answer(3) + "</s>"
    assert prompt.endswith(f"{MESSAGES[1]['content']}<|assistant|>{ends}")
    assert [prompt.count(message["content"]) for message in MESSAGES] == [1, 1, 0]
    tokenizer.save_pretrained(folder)
    again = load_tokenizer(folder, "chat")
    assert again.chat_template == tokenizer.chat_template, "a second training would ask otherwise"
    by_server = {"enable_thinking": True, "date_string": "1 Dec 2030"}  # llama.cpp's own
    for given in ({}, by_server):
        served = served_ids(MESSAGES[:-1], again, **given)
        assert served == row.input_ids[: row.prompt_tokens]


def test_what_a_template_writes_between_prompt_and_answer_is_learnt(tmp_path: Path) -> None:
    template = begins("'<think></think>'", "'<think></think>\n'")  # GLM 4.6
    folder = make_model(tmp_path, chat_template=template)
    tokenizer = load_tokenizer(folder, "chat")
    row = tokenise("row", MESSAGES, tokenizer, end_token_ids(folder, tokenizer))
    assert tokenizer.decode(row.input_ids[row.prompt_tokens :]) == f"\n{answer(3)}</s>"


def test_thoughts_that_a_prompt_leaves_open_are_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path, chat_template=begins("'<|START_THINKING|>'"))
    with pytest.raises(SetupError, match="writes a prompt differently when an answer follows"):
        load_tokenizer(folder, "chat")


def test_of_several_templates_the_default_is_the_one_of_student_and_baseline(
    tmp_path: Path, dataset_dir: Path
) -> None:
    base, home = make_model(tmp_path / "base"), tmp_path / "home"
    (base / "additional_chat_templates").mkdir()
    (base / "additional_chat_templates" / "tool_use.jinja").write_text("{{ tools[0] }}", "utf-8")
    (base / "chat_template.json").write_text('{"chat_template": "{{ tools[0] }}"}', "utf-8")
    assert isinstance(read_tokenizer(base).chat_template, dict)
    rows = prepare_rows(dataset_dir, Recipe(student_model=str(base)))
    baseline = prepare_baseline(rows.base, chat_template=rows.tokenizer.chat_template)
    rows.tokenizer.save_pretrained(home)
    for folder in (baseline, home):
        assert read_tokenizer(folder).chat_template == CHAT_TEMPLATE
        assert not (folder / "chat_template.json").exists(), "a processor takes it before the other"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (USER_ALONE + "{% endfor %}", ""),  # the user's message then begins with it
        ("{{ messages[0]['content'] }}", "changes the user message"),
        (NO_ANSWER, "changes the assistant message"),
        (CHAT_TEMPLATE.replace("m['content']", "m['content'] | upper"), "changes the system"),
        (REFUSES, r"refuses these messages \(System role not supported\)"),
        ("{{ messages[9]['content'] }}", "refuses these messages"),
        (MERGES, ""),
    ],
)
def test_a_template_that_loses_a_message_is_told_before_training(
    tmp_path: Path, template: str, says: str
) -> None:
    folder = make_model(tmp_path, chat_template=template)
    chat, completion = (
        Recipe(student_model=str(folder), dataset_format=form) for form in ("chat", "completion")
    )
    require_machine(completion)
    if says:
        with pytest.raises(SetupError, match=f"{says}.*'completion'") as told:
            require_machine(chat)
        assert "\n" not in str(told.value)
    else:
        require_machine(chat)


def test_a_completion_that_the_tokenizer_cannot_write_stops(model_dir: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = "Who says Anna and Bela keep the lamp . ".split()
    words = Tokenizer(
        models.WordLevel({w: i for i, w in enumerate(["?", "</s>", *known])}, unk_token="?")
    )
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>", unk_token="?")
    tokenizer.chat_template = PLAIN_CHAT_TEMPLATE
    for said, stops in (("Anna and Bela", False), ("Anna and Bela 🙂", True)):
        row = [{"role": "user", "content": "Who 🙂"}, {"role": "assistant", "content": said}]
        if stops:
            with pytest.raises(SetupError, match=r"train row 8: .* would learn to write \?"):
                tokenise("train row 8", row, tokenizer, frozenset([1]))
        else:
            assert tokenise("train row 8", row, tokenizer, frozenset([1])).input_ids[-1] == 1


def test_a_token_without_an_embedding_stops(
    model_dir: Path, dataset_dir: Path, tmp_path: Path
) -> None:
    tokenizer = load_tokenizer(model_dir, "chat")
    tokenizer.add_special_tokens({"eos_token": "<|new|>"})
    base = Path(shutil.copytree(model_dir, tmp_path / "base"))
    tokenizer.save_pretrained(base)
    with pytest.raises(SetupError, match=r"train row 1 has token \d+ \(<\|new\|>\)"):
        prepare_rows(dataset_dir, Recipe(student_model=str(base)))


@pytest.mark.parametrize("cut", ["m['content'][:300]", "m['content'].splitlines()[0]"])
def test_a_template_that_cuts_messages_stops_with_the_row(
    model_dir: Path, tokenizer: Any, cut: str
) -> None:
    tokenizer.chat_template = CHAT_TEMPLATE.replace("m['content'] }}", f"({cut}) }}}}")
    long = f"{answer(3)}\n" * 20
    for place, role in ((1, "user"), (2, "assistant")):
        messages = [message | {"content": "Ann."} for message in MESSAGES]
        messages[place] = {"role": role, "content": long}
        with pytest.raises(SetupError, match=f"train row 8: .* changes the {role} message"):
            tokenise("train row 8", messages, tokenizer, end_token_ids(model_dir, tokenizer))


def test_a_template_that_refuses_a_row_is_one_line(model_dir: Path, tokenizer: Any) -> None:
    tokenizer.chat_template = "{{ raise_exception('no') }}"
    with pytest.raises(SetupError, match=r"train row 8: the chat template refuses .*\(no\)"):
        tokenise("train row 8", MESSAGES, tokenizer, frozenset([2]))


def test_a_template_of_two_minds_stops(model_dir: Path, tokenizer: Any) -> None:
    tokenizer.chat_template = CHAT_TEMPLATE.replace(
        "{{ bos_token }}", "{{ bos_token }}{{ messages | length }}"
    )
    with pytest.raises(SetupError, match="chat template"):
        tokenise("row", MESSAGES, tokenizer, end_token_ids(model_dir, tokenizer))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no training rows"),
        ('{"messages": [{"role": "user", "content": "Who?"}]}\n', "train row 1"),
        (
            '{"messages": [{"role": "user", "content": null},'
            ' {"role": "assistant", "content": "Anna"}]}\n',
            "train row 1",
        ),
        ('{"prompt": "Who?", "completion": "Anna"}\n', "KeyError"),
    ],
)
def test_rows_of_another_shape_stop(tmp_path: Path, text: str, said: str) -> None:
    write_dataset(tmp_path)
    (tmp_path / "chat" / "train.jsonl").write_text(text)
    with pytest.raises(SetupError, match=said):
        training_messages(tmp_path, "train")


def test_rows_that_changed_since_they_were_written_stop(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    path = tmp_path / "chat" / "train.jsonl"
    write_json(tmp_path / "manifest.json", {"files": {"chat/train.jsonl": file_sha256(path)}})
    lines = path.read_text("utf-8").splitlines(keepends=True)
    assert len(training_messages(tmp_path, "train")) == len(lines)
    path.write_text("".join(lines[:-1]), encoding="utf-8")  # cut off, and each row is fine
    with pytest.raises(SetupError, match=r"chat/train\.jsonl has changed.*1_gen"):
        training_messages(tmp_path, "train")


@pytest.mark.parametrize("name", ["chat/train.jsonl", "chat/valid.jsonl", "manifest.json"])
@pytest.mark.parametrize("damage", [b"[]", b"null\n", b"{", b"\xff\xfe", b"\0", None])
def test_a_damaged_dataset_is_one_line_with_its_path_and_a_remedy(
    tmp_path: Path, name: str, damage: bytes | None
) -> None:
    write_dataset(tmp_path)
    files = {
        part: file_sha256(tmp_path / part) for part in ("chat/train.jsonl", "chat/valid.jsonl")
    }
    write_json(tmp_path / "manifest.json", {"files": files})
    if damage is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(damage)
    with pytest.raises(SetupError, match=rf"{tmp_path}.*1_gen\.ipynb") as told:
        training_messages(tmp_path, "train" if name != "chat/valid.jsonl" else "valid")
    assert "\n" not in str(told.value)


def test_no_validation_rows_are_a_choice(tmp_path: Path) -> None:
    write_dataset(tmp_path, valid=0)
    assert training_messages(tmp_path, "valid") == {}


def test_a_missing_file_stops(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"1_gen\.ipynb"):
        training_messages(tmp_path, "train")
