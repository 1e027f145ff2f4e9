"""The student's prompt, one for training, evaluation and serving, beside its parser; and a plain
one, to evaluate models that were never taught the student's format."""

import html
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lib.text import normalise, one_line

Message = dict[str, str]

DOCUMENT_BEGIN, DOCUMENT_END = "<DOCUMENT>", "</DOCUMENT>"
QUOTE_BEGIN, QUOTE_END = "##begin_quote##", "##end_quote##"
ANSWER_TAG = "<ANSWER>:"
MARKERS = (DOCUMENT_BEGIN, DOCUMENT_END, QUOTE_BEGIN, QUOTE_END, ANSWER_TAG)

# The refusal sentence of a student that does not know; a parameter refusal = "" means this one.
REFUSAL = "I cannot answer this from the documents given."

# It agrees with rows of every kind: reading, remembering (paper) and refusing.
_INSTRUCTION = (
    "Answer the question from the documents. First quote the sentence that holds the answer "
    f"between {QUOTE_BEGIN} and {QUOTE_END}, then write {ANSWER_TAG} and the short final answer. "
    f"If the documents do not hold the answer and you do not know it, write only: "
)

# For a base model whose tokenizer brings no chat template: the plain texts, then the completion.
PLAIN_CHAT_TEMPLATE = (
    "{{ bos_token or '' }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ message['content'] }}{{ eos_token }}"
    "{% else %}{{ message['content'] }}\n\n{% endif %}"
    "{% endfor %}"
)

# Stanford Alpaca's prompt (tatsu-lab/stanford_alpaca): the system message is its instruction.
ALPACA_CHAT_TEMPLATE = (
    "{{ bos_token or '' }}"
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request.\n\n"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}### Instruction:\n{{ message['content'] }}\n\n"
    "{% elif message['role'] == 'user' %}### Input:\n{{ message['content'] }}\n\n"
    "{% else %}### Response:\n{{ message['content'] }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)

# Ours, and the control tokens of the usual chat templates: <|assistant|>, </s>, <<SYS>>, [INST];
# Gemma's <start_of_turn>, DeepSeek's <｜User｜>.
_MARKER = re.compile(
    r"</?\s*document\s*>|##\s*(?:begin|end)_quote\s*##|</?\s*answer\s*>"
    r"|<[|｜][^|｜<>\s]{1,40}[|｜]>|</?s>|<</?SYS>>|\[/?INST\]|\[/?SYSTEM_PROMPT\]"
    r"|</?(?:start|end)_of_turn>|<(?:bos|eos)>",
    re.IGNORECASE,
)
_HARMLESS = str.maketrans("<>[]", "‹›［］")
_ANSWER = re.compile(r"<ANSWER>\s*[:：]?(?:\*+(?=\s))?", re.IGNORECASE)
_ANSWER_END = re.compile(r"</\s*answer\s*>", re.IGNORECASE)
# Of a teacher whose server does not stop where its turn ends
_NEXT_TURN = re.compile(
    r"\s*(?:<\|eot_id\|>\s*<\|start_header|<\|im_end\|>\s*<\|im_start|<end_of_turn>\s*<start_of).*",
    re.DOTALL,
)
_OTHER_LANGUAGES = (
    "antwort|réponse|respuesta|risposta|resposta|trả lời|đáp án|답변|정답|답|答案|回答|答え"
)
# What teachers make of the marks that they were asked for, in Markdown and in their language
_WRITTEN_TAG = re.compile(
    rf"[*`]{{0,3}}[<＜]\s*(?:answer|{_OTHER_LANGUAGES})\s*[>＞][*`]{{0,3}}\s*[:：]?(?:\*+(?=\s))?\s*",
    re.IGNORECASE,
)
_WRITTEN_QUOTE = re.compile(r"(\*\*|`|)##\s*(?P<which>begin|end)[_ ]?quote\s*##\1", re.IGNORECASE)
_BOXED = re.compile(r"\$*\\boxed\{(?:\\text\{([^{}]*)\}|([^{}]*))\}\$*")
_FENCED = re.compile(r"```\w*\n(.*)\n```", re.DOTALL)
_QUOTE = re.compile(r"##\s*begin_quote\s*##(.*?)##\s*end_quote\s*##", re.IGNORECASE | re.DOTALL)


def chat_messages(system: str, user: str) -> list[Message]:
    """The user's message, behind a system message if there is one."""
    asked = [{"role": "user", "content": user}]
    return [{"role": "system", "content": system}, *asked] if system else asked


def neutralise(text: str) -> str:
    """Make the markers of prompts harmless in a document's own text.

    "</DOCUMENT>", "<ANSWER>:" or "<|assistant|>" must not close its context, pass for a label or
    begin another turn. Brackets become ‹ › or ［ ］, a double hash ＃＃.
    """
    return _MARKER.sub(lambda match: harmless(match.group()), text)


def harmless(marker: str) -> str:
    """A marker as a reader still knows it, and no parser or tokenizer does."""
    changed = marker.translate(_HARMLESS).replace("##", "＃＃")
    return changed if changed != marker else f"{marker[:1]} {marker[1:]}"


def _without_end(text: str) -> str:
    """`… <ANSWER>: 3 days</ANSWER> Ask me more!` → `… <ANSWER>: 3 days`"""
    last = max((tag.end() for tag in _ANSWER.finditer(text)), default=len(text))
    end = _ANSWER_END.search(text, last)
    return text[: end.start()].rstrip() if end else text


def canonical(reply: str) -> str:
    """`## begin_quote ##x##end_quote## **<Answer>: 3**` → the published marks, letter for letter;
    also of a reply in a fence, as JSON or escaped for HTML, and of a tag in another language."""
    text = _without_end(_unwrapped(_NEXT_TURN.sub("", reply).strip()))
    text = _WRITTEN_QUOTE.sub(lambda mark: f"##{mark['which'].lower()}_quote##", text)
    before, tag, answer = _WRITTEN_TAG.sub(f"{ANSWER_TAG} ", text).rpartition(f"{ANSWER_TAG} ")
    return f"{before}{tag}{_bare(answer) if tag else answer}"


def _unwrapped(text: str) -> str:
    """`{"reasoning": "It says so.", "answer": "3"}` → `It says so. <ANSWER>: 3`"""
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1].strip()
    if "&lt;" in text and ANSWER_TAG[:-2].lower() not in text.lower():
        text = html.unescape(text)
    if text[:1] == "{" and text[-1:] == "}":
        with suppress(ValueError, RecursionError):
            parts = list(json.loads(text, strict=False).values())
            if len(parts) <= 2 and all(isinstance(part, str) for part in parts):
                text = f" {ANSWER_TAG} ".join(parts).strip()
    return text


def _bare(answer: str) -> str:
    """`**3 days**`, `3 days**` (its tag was bold, too), `$\\boxed{\\text{3 days}}$` → `3 days`"""
    if answer[-2:] == "**" and answer[:-2].count("**") == (answer[:2] == "**"):
        answer = answer[:-2].removeprefix("**").strip()
    boxed = _BOXED.fullmatch(answer)
    return (boxed[1] or boxed[2] or "").strip() if boxed else answer


# --- the student ---------------------------------------------------------------------------------


def student_question(question: str, documents: Sequence[str]) -> str:
    """The user's turn: the documents in order, then the question (the published RAFT layout)."""
    return "".join(f"{DOCUMENT_BEGIN}{text}{DOCUMENT_END}\n" for text in documents) + question


def student_instruction(refusal: str = "") -> str:
    return _INSTRUCTION + (refusal or REFUSAL)


def student_messages(
    question: str, documents: Sequence[str], *, refusal: str = ""
) -> list[Message]:
    """The prompt that the student is trained on, evaluated with and served by."""
    return chat_messages(student_instruction(refusal), student_question(question, documents))


def plain_prompt(messages: Sequence[Message]) -> str:
    """What PLAIN_CHAT_TEMPLATE makes of a prompt's messages, without special tokens."""
    return "".join(f"{message['content']}\n\n" for message in messages)


def parse_prompt(prompt: str) -> tuple[str, list[str], str] | None:
    """`…<DOCUMENT>The lamp burns oil.</DOCUMENT>⏎What burns?` → ("What burns?", ["The lamp …"], "")

    The question, the documents and the refusal sentence ("": the default, or unknown) of a plain
    prompt, ours or another tool's in the published RAFT layout; None = it has another layout.
    """
    before, begin, rest = prompt.partition(DOCUMENT_BEGIN)
    *blocks, question = f"{begin}{rest}".split(f"{DOCUMENT_END}\n")
    question, begins = question.strip(), [block.rfind(DOCUMENT_BEGIN) for block in blocks]
    if not question or DOCUMENT_BEGIN in question or set(begins) != {0}:
        return None
    documents = [block.removeprefix(DOCUMENT_BEGIN) for block in blocks]
    refusal = before.strip().removeprefix(_INSTRUCTION) if before.startswith(_INSTRUCTION) else ""
    return question, documents, "" if refusal == REFUSAL else refusal


def cot_label(reasoning: str, quote: str, answer: str) -> str:
    """`The document says: ##begin_quote## … ##end_quote## <ANSWER>: …`"""
    return f"{reasoning} {QUOTE_BEGIN} {quote} {QUOTE_END} {ANSWER_TAG} {answer}"


@dataclass(frozen=True)
class ParsedAnswer:
    final_answer: str | None  # None: no final answer was found
    quotes: tuple[str, ...]
    refused: bool


def parse_answer(text: str, *, refusal: str = "") -> ParsedAnswer:
    """`… ##begin_quote## Rain fell for 3 days. ##end_quote## so <ANSWER>: 3 days` → ("3 days", …)

    The last tag counts; it is read with or without its colon, space and closing tag. A refusal is
    the refusal sentence, as the whole reply or as the final answer.
    """
    quotes = tuple(one_line(quote) for quote in _QUOTE.findall(text))
    pieces = _ANSWER.split(_without_end(text))
    final = pieces[-1].strip() if len(pieces) > 1 else ""
    refused = normalise(final or text).startswith(normalise(refusal or REFUSAL))
    return ParsedAnswer(final_answer=final or None, quotes=quotes, refused=refused)


# --- the plain prompt, for models that do not know the format ------------------------------------

_SHORT = "Reply with the short final answer alone: no sentence around it, no explanation. "
_PLAIN_INSTRUCTION = (
    f"Answer the question from the documents. {_SHORT}"
    "If the documents do not hold the answer, write only: "
)
_CLOSED_BOOK_INSTRUCTION = (
    f"Answer the question from what you know. {_SHORT}If you do not know the answer, write only: "
)

# A base model goes on with a question of its own, or with another document.
_GOES_ON = re.compile(r"\n[ \t]*(?:Question:|</?DOCUMENT>)|</ANSWER>", re.IGNORECASE)
# "Answer:", "**Final answer:**" or "### Answer" open a line; "the answer is" may also follow
# a comma, a sentence or "so". No pattern crosses a line's end: endless repetitions of a small model
# would take for ever to read.
_OPENS = r"^[ \t*_#>-]*"
_THE_ANSWER = r"(?:(?:short|final|correct) ){0,2}answer"
_ANSWER_IS = re.compile(
    rf"{_OPENS}(?:(?:the |my )?{_THE_ANSWER}(?: is)?|{_OTHER_LANGUAGES})[ \t*_]*[:：\n]"
    r"(?:[*_]{1,3}(?!\S))?"  # what ends the bold of "**Answer:** 3"; not what begins "__init__"
    rf"|(?:^|(?<=[.,;:!?])\s|so )[*_]{{0,3}}(?:the|my) {_THE_ANSWER} is\b:?",
    re.IGNORECASE | re.MULTILINE,
)
# "I'm sorry, but the documents do not mention it.", "I don't know.", "Not stated in the text."
_REFUSES = re.compile(
    r"(?:(?:I am |I['’]m )?sorry[,.]? (?:but )?|unfortunately,? )?"
    r"(?:I (?:cannot|can ?not|can['’]t|am unable to|do not|don['’]t) "
    r"(?:answer|know|find|determine)\b"
    r"|(?:the|these) (?:given |provided )?(?:documents?|text|context) (?:do|does)(?: not|n['’]t) "
    r"(?:hold|contain|mention|state|say|provide|specify)\b"
    r"|(?:it is |this is )?not (?:mentioned|stated|specified|provided) in the\b)",
    re.IGNORECASE,
)
_PARAGRAPH_END = re.compile(
    r"\n[ \t]*+(?:\n|[*_#>-]*[ \t]*"
    r"(?:explanation|reason(?:ing)?|justification|note|source|evidence)s?[*_]*[:：])",
    re.IGNORECASE,
)


def plain_messages(question: str, documents: Sequence[str], *, refusal: str = "") -> list[Message]:
    """Documents and question with no format to keep to; without documents it asks for knowledge."""
    instruction = _PLAIN_INSTRUCTION if documents else _CLOSED_BOOK_INSTRUCTION
    asked = student_question(f"Question: {question}\nAnswer:", documents)
    return chat_messages(instruction + (refusal or REFUSAL), asked)


def parse_plain_answer(text: str, *, refusal: str = "") -> ParsedAnswer:
    """`**Answer:** 3 days⏎⏎The document says so.` → ("3 days", no quotes, not refused)

    The first paragraph, or the text behind the last "Answer:", "The answer is" or student's tag: a
    model that explains its answer is not marked down for that. A refusal begins or ends with the
    refusal sentence, or begins with what English models say in its place.
    """
    reply = _GOES_ON.split(text.strip())[0]
    marked = _ANSWER.split(reply)[1:] or _ANSWER_IS.split(reply)[1:]
    final = (marked[-1] if marked else reply).strip()
    first = _PARAGRAPH_END.split(final)[0]
    if "```" not in final and not first.endswith((":", "：")):  # code, or a list
        final = first
    sentence = normalise(refusal or REFUSAL)
    refused = normalise(final).startswith(sentence) or bool(_REFUSES.match(final))
    refused |= not marked and f" {normalise(reply)}".endswith(f" {sentence}")
    return ParsedAnswer(final_answer=None if refused else final or None, quotes=(), refused=refused)


# --- prompts of the evaluation -------------------------------------------------------------------


@dataclass(frozen=True)
class Prompt:
    name: str
    messages: Callable[..., list[Message]]  # (question, documents, refusal=…)
    parse: Callable[..., ParsedAnswer]  # (reply, refusal=…)


STUDENT_PROMPT = Prompt("the student's prompt", student_messages, parse_answer)
PLAIN_PROMPT = Prompt("plain prompt", plain_messages, parse_plain_answer)
