"""The teacher's prompts (teacher_gpt.yaml, filled in), and the parsers of its replies."""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lib.prompts.files import PromptForm, fill, read_prompts
from lib.prompts.languages import language_name
from lib.prompts.student import (
    ANSWER_TAG,
    DOCUMENT_BEGIN,
    DOCUMENT_END,
    QUOTE_BEGIN,
    QUOTE_END,
    Message,
    chat_messages,
    parse_answer,
)
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError, expanded
from lib.text import one_line

FOLDER = Path(__file__).parent
NOT_ANSWERED = "NONE"

_QUOTES = (QUOTE_BEGIN, QUOTE_END)
_SHOWN_TOGETHER = ("questions", "answer")
_SHOWN_TASKS = (*_SHOWN_TOGETHER, "joint", "pairs", "instructions", "api_answer", "round_trip")
_FORM = PromptForm(
    path=FOLDER / "teacher_gpt.yaml",
    needed={
        **dict.fromkeys(("system", "example", "own_language"), ()),
        "context": (DOCUMENT_BEGIN, "{document}", DOCUMENT_END),
        "numbered_context": ("{number}", DOCUMENT_BEGIN, "{document}", DOCUMENT_END),
        "language": ("{language}",),
        **dict.fromkeys(("questions", "instructions"), ("{count}", '"questions"')),
        "answer": ("{question}", *_QUOTES, ANSWER_TAG),
        "joint": ("{counts}", '"rows"', '"reasoning"', *_QUOTES),
        "pairs": ("{counts}", '"rows"', '"answer"'),
        "api_answer": ("{question}", "<<<api_call>>>"),
        **dict.fromkeys(("repair_questions", "repair_rows"), ("{refused}",)),
        "repair_answer": ("{reason}",),
        "rationale": ("{question}", "{answer}", *_QUOTES, ANSWER_TAG),
        **dict.fromkeys(("round_trip", "closed_book"), ("{question}",)),
        "rating": ("{question}", "{answer}", '"rating"'),
    },
    optional=("{title}", "{style}", "{language}", "{count}"),
    rules="question_styles",
)


@dataclass(frozen=True)
class TeacherPrompts:
    """The texts of one variant, with the style and the language of these options."""

    texts: Mapping[str, str]

    def ask(self, task: str, *chunks: Chunk, **values: str) -> list[Message]:
        """The documents first, then a task on them; without documents the task alone.

        The tasks are texts of teacher_gpt.yaml; `values` fill in their names. Before them comes the
        example, if the prompts have one of this task.
        """
        asked = self.fill(task, **values)
        if not chunks:
            return chat_messages("", asked)
        form = "numbered_context" if len(chunks) > 1 else "context"
        documents = [
            self.fill(form, number=str(number), document=chunk.text, title=chunk.title)
            for number, chunk in enumerate(chunks, start=1)
        ]
        *system, said = chat_messages(self.texts["system"].strip(), "\n".join([*documents, asked]))
        return [*system, *self._example(task), said]

    def _example(self, task: str) -> Iterator[Message]:
        """The same task on another document, as a conversation. Questions and answers are shown
        together, so that the requests about one document begin with the same words."""
        (title, document), turns = _example_turns(self.texts["example"])
        shown = _SHOWN_TOGETHER if task in _SHOWN_TOGETHER else (task,)
        context = self.fill("context", document=document, title=title) + "\n"
        for name, value, reply in turns:
            if name in shown:
                asked = context + self.fill(name, count=value, counts=value, question=value)
                yield {"role": "user", "content": asked}
                yield {"role": "assistant", "content": reply}
                context = ""  # once, before the first

    def fill(self, key: str, **values: str) -> str:
        return fill(self.texts[key], **values).strip()


@cache
def _example_turns(text: str) -> tuple[tuple[str, str], list[tuple[str, str, str]]]:
    """Title and document of an example, and its turns: task, what is filled in, reply.
    `# Piers / A pier was built. / > answer What was built? / A pier` has one turn."""
    title, _, document = re.split(r"^> ", text, maxsplit=1, flags=re.MULTILINE)[0].partition("\n")
    turns = re.findall(r"^> (\w+) ([^\n]*)\n(.*?)\s*(?=^> |\Z)", text, re.MULTILINE | re.DOTALL)
    return (title.lstrip("# "), document.strip()), turns


def load_prompts(recipe: Recipe) -> TeacherPrompts:
    """The variant's texts, changed by those of prompts_path; style and language filled in."""
    changes = [FOLDER / "teacher_llama.yaml"] if recipe.prompt_variant == "llama" else []
    changes += [expanded(recipe.prompts_path)] if recipe.prompts_path else []
    texts, styles = read_prompts(_FORM, *changes)
    if recipe.question_style not in styles:
        raise SetupError(
            f"question_style = {recipe.question_style!r}: the prompts have {', '.join(styles)}. "
            "Take one of them, or add yours below question_styles in a file for prompts_path."
        )
    shown = [name for name, *_ in _example_turns(texts["example"])[1]]
    if texts["example"].strip() and not (shown and {*shown} <= {*_SHOWN_TASKS}):
        raise SetupError(
            f"The prompts' example shows {', '.join(shown) or 'nothing'}; expected turns like "
            f"`> answer Who built it?`, of {', '.join(_SHOWN_TASKS)}, as in "
            "lib/prompts/teacher_llama.yaml."
        )
    in_language, own_language = texts.pop("language"), texts.pop("own_language")
    filled = {}
    for key, text in texts.items():
        language = own_language if "{style}" in text else ""
        if asked := language_name(recipe.language):
            language = in_language.replace("{language}", asked)
        text = text.replace("{style}", styles[recipe.question_style].strip())
        text = text.replace("{language}", language.strip())
        filled[key] = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)  # an empty name leaves none
    return TeacherPrompts(filled)


def go_on(messages: Sequence[Message], reply: str, text: str) -> list[Message]:
    """The conversation so far, its reply, and our next message. An empty reply is left out: some
    endpoints refuse one, and two turns of the user in a row."""
    if reply.strip():
        said = {"role": "assistant", "content": reply}
        return [*messages, said, {"role": "user", "content": text}]
    *before, last = messages
    return [*before, {**last, "content": f"{last['content']}\n\n{text}"}]


def say_counts(counts: Sequence[int]) -> str:
    """`3 questions`; `3 questions on document 1 and 2 on document 2`"""
    if len(counts) == 1:
        return f"{counts[0]} questions"
    said = [f"{count} on document {number}" for number, count in enumerate(counts, start=1)]
    said[0] = said[0].replace(" on", " questions on")
    return f"{', '.join(said[:-1])} and {said[-1]}"


# --- its replies ----------------------------------------------------------------------------------

_FENCE = re.compile(r"```(?:json\b|\w*\n)?\s*(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_QUESTION_WORD = (
    "q|question|frage|pregunta|domanda|pergunta|vraag|câu(?: hỏi)?|вопрос|soal|pertanyaan|质问|"
    "问题?|問題?|質問|질문|문제|คำถาม(?:ที่|ข้อ)?|प्रश्न|سؤال"
)
_LABEL = re.compile(
    r"^(?:[-*•·▪–→➤]\s+|[①-⑳]\s*"  # a bullet, a number in a circle
    r"|(?:\d{1,3}(?:/|\s+[-–—])|#\d{1,3}[.:]?|\d{1,3}번[.:])\s*(?=[^\W\da-z]|¿)"  # "1 -", "#1"
    r"|[一二三四五六七八九十]{1,3}、(?![一二三四五六七八九十])"
    r"|[(（\[]?\d{1,3}[.)）\]:：．、](?!\d)\s*"  # "1.", "(2)", "3、"; not "3.50", "2015."
    r"|[(（]?(?:[a-zA-Z]|[ivx]{1,5}|[IVX]{1,5})[)）](?=\s|[^\Wa-z])\s*"  # "a)", "(iv)"; not "(s)he"
    r"|(?![pc]\.\s*\d)(?:[a-z]|[ivx]{2,5})\.\s+"  # "a.", "ii."; not "i.e.", "p. 12", "c. 1850"
    r"|(?:[A-Z]|[IVX]{2,5})\.\s+(?=(?:Who|What|When|Where|Which|Why|How)\b)"  # not "I. Newton"
    rf"|(?i:{_QUESTION_WORD})\.?[\s#]*(?:(?:n[ºo°]|số)\.?\s*)?\d{{1,3}}\s*[.:：]?\s+"
    r"(?=[^\W\da-z]|¿)"  # "Q.1 Who", "Câu số 2: Ai"; not "Question 4 of the list"
    rf"|(?i:{_QUESTION_WORD})[\s#]*(?:\d{{0,3}}\s*[.)）:：．、]|\d{{1,3}}\s+[-–—]\s)\s*"  # "Câu 1:"
    r"|第[\d一二三四五六七八九十]{1,3}[问問题題][.:：、．]?\s*)+"
)
_PREAMBLE = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|here (?:is|are|'s)|here’s)\b[^?？؟\n]{0,80}?[:!]\s+",
    re.IGNORECASE,
)
_QUESTION_KEY = re.compile(r"(?:questions?|q)[ _]?\d*|\d+", re.IGNORECASE)
_QUESTION_MARKS = ("?", "？", "؟")


API_FIELDS = ("domain", "api_call", "api_provider", "explanation", "code")
_FIELD = re.compile(rf"<<<\s*({'|'.join(API_FIELDS)})\s*>>>[ \t]*:?")


@dataclass(frozen=True)
class Draft:
    """A question of a reply, or a whole row."""

    question: str
    reasoning: str = ""  # "" in a plain pair
    answer: str = ""
    document: int = 1  # its number in the prompt, from 1

    @property
    def cot_answer(self) -> str:
        return f"{self.reasoning} {ANSWER_TAG} {self.answer}"


def parse_questions(reply: str) -> list[str]:
    """`{"questions": ["Who built the pier?", "When did it open?"]}` → the two questions; [] = none.

    Also reads a fenced block, a bare JSON list, an object for each, Python in the place of JSON, a
    list that was cut, and numbered or bulleted lines that end in "?".
    """
    body = _body(reply)
    texts = list(_questions_in(_data(body)))
    if not texts and body[:1] in ("{", "["):  # cut at its limit, or with a comma too many
        strings = re.findall(r'"((?:[^"\\]|\\.)*)"\s*(?=[,\]])', body)
        texts = [json.loads(f'"{text}"', strict=False) for text in strings]
    if not texts:
        lines = [clean_question(line) for line in body.splitlines()]
        return [line for line in lines if line.endswith(_QUESTION_MARKS)]
    return [clean_question(text) for text in texts if text.strip()]


def _data(body: str) -> Any:
    """The JSON of a reply, or Python's form of it; else the objects in it."""
    with suppress(ValueError, RecursionError):
        data = json.loads(body)
        return _data(data) if isinstance(data, str) else data
    objects: list[Any] = _objects(body)
    if not objects and body[:1] in ("{", "["):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return ast.literal_eval(body)
    return objects


def _questions_in(data: Any) -> Iterator[str]:
    """`{"Questions": {"1": "Who?"}}`, `[{"question": "Who?"}]`, `["Who?"]` → "Who?" """
    if isinstance(data, str):
        yield data
    elif isinstance(data, list):
        for item in data:
            yield from _questions_in(item)
    elif isinstance(data, dict):
        for name, value in data.items():
            if _QUESTION_KEY.fullmatch(str(name)):
                yield from _questions_in(value)


def clean_question(text: str) -> str:
    """`Sure, here is one: 2) **What happened in 2015?**` → "What happened in 2015?"

    Removed: a list's bullet, number or label, a preamble, marks around the whole. A year, a number
    or an initial of the question itself stays.
    """
    text = one_line(text)
    while True:
        shorter = _LABEL.sub("", _PREAMBLE.sub("", text.strip("*_` "))).strip()
        for left, right in ('""', "“”", "''", "‘’", "«»"):
            if shorter[:1] == left and shorter[-1:] == right and left not in shorter[1:-1]:
                shorter = shorter[1:-1].strip()
        if shorter == text:
            return text
        text = shorter


def parse_rows(reply: str) -> list[Draft]:
    """`{"rows": [{"document": 1, "question": "…", "reasoning": "…", "answer": "…"}]}`; where the
    JSON is cut or breaks, the rows that are whole."""
    rows = []
    for item in _objects(_body(reply)):
        texts = [item.get(name, "") for name in ("question", "reasoning", "answer")]
        if isinstance(texts[2], int | float):
            texts[2] = str(texts[2])
        if not all(isinstance(text, str) for text in texts) or not texts[0].strip():
            continue
        question, reasoning, answer = texts
        document = item.get("document", 1)
        document = int(document) if str(document).isdigit() else 0
        # Some teachers end the reasoning with the answer, a habit from other prompts.
        reasoning = re.split(r"<\s*answer\s*>", reasoning, flags=re.IGNORECASE)[0].strip()
        rows.append(Draft(clean_question(question), reasoning, answer.strip(), document))
    return rows


def parse_rating(reply: str) -> tuple[int, str] | None:
    """`{"reason": "It is clear.", "rating": 4}` → (4, "It is clear."), `4/5` → (4, ""); None = no
    rating, as a copy of the prompt's form."""
    if alone := re.fullmatch(
        r"\W*(?:rating\W*)?([1-5])(?:\s*(?:/|of)\s*5)?\W*", reply, re.IGNORECASE
    ):
        return int(alone[1]), ""
    for item in _objects(_body(reply)):
        if str(item.get("rating", "")) in ("1", "2", "3", "4", "5"):
            return int(item["rating"]), one_line(str(item.get("reason", "")))
    return None


def parse_short_answer(reply: str) -> str | None:
    """`3 days.` → "3 days"; `NONE` or a refusal → None."""
    parsed = parse_answer(reply)
    text = (parsed.final_answer or reply).strip().strip("*\"“”'").rstrip(".").strip()
    return None if not text or is_none(text) or parsed.refused else text


def format_api_answer(answer: Mapping[str, str]) -> str:
    """`<<<domain>>>: …⏎<<<api_call>>>: …⏎…⏎<<<code>>>: …`, in the order of API_FIELDS"""
    return "\n".join(f"<<<{name}>>>: {answer[name]}" for name in API_FIELDS)


def parse_api_answer(text: str) -> dict[str, str]:
    """`<<<domain>>>: Vision, <<<api_call>>>: hub.load("dpt"), …` → `{"domain": "Vision", …}`

    Fields may come in any order, with or without a comma between them, behind other text. A fence
    around the code is removed. Raises ValueError: a field is missing, empty or repeated.
    """
    _, *pieces = _FIELD.split(text)
    names, values = pieces[::2], [value.strip() for value in pieces[1::2]]
    answer = dict(zip(names, values, strict=True))
    if missing := [name for name in API_FIELDS if name not in answer]:
        raise ValueError("the answer lacks " + ", ".join(f"<<<{name}>>>" for name in missing))
    if twice := [name for name in API_FIELDS if names.count(name) > 1]:
        raise ValueError(f"the answer has <<<{twice[0]}>>> {names.count(twice[0])} times")
    for name in API_FIELDS[:-1]:
        answer[name] = answer[name].removesuffix(",").rstrip()
    if fenced := re.fullmatch(r"```\w*[ \t]*\n(.*?)\n?```,?", answer["code"], re.DOTALL):
        answer["code"] = fenced[1]
    if empty := [name for name in API_FIELDS if not answer[name].strip()]:
        raise ValueError(f"the answer's <<<{empty[0]}>>> is empty")
    return answer


def is_none(text: str) -> bool:
    """`NONE`, `"NONE."`: the reply that the prompts ask for where the document has no answer."""
    return re.fullmatch(rf"\W*{NOT_ANSWERED}\W*", text) is not None


def _body(reply: str) -> str:
    fenced = _FENCE.search(reply)
    body = (fenced.group(1) if fenced else reply).strip()
    # "Here it is: {…}": text before the JSON is removed.
    opened = re.search(r"""[{\[]\s*["'{\[]""", body)
    return body[opened.start() :] if opened and not fenced else body


def _objects(text: str) -> list[dict[str, Any]]:
    """The innermost JSON objects of a text, even where the text around them is cut."""
    found: list[dict[str, Any]] = []
    decoder, at = json.JSONDecoder(strict=False), 0
    while (at := text.find("{", at)) >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            at += 1
            continue
        lists = [rows for rows in value.values() if isinstance(rows, list)]
        rows = [row for of_key in lists for row in of_key if isinstance(row, dict)]
        found += [{name.lower(): item for name, item in row.items()} for row in rows or [value]]
        at = end
    return found
