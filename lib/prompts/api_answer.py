"""Answers about API documentation: five fields, written and parsed."""

import re
from collections.abc import Mapping

API_FIELDS = ("domain", "api_call", "api_provider", "explanation", "code")
_FIELD = re.compile(rf"<<<\s*({'|'.join(API_FIELDS)})\s*>>>[ \t]*:?")


def format_api_answer(answer: Mapping[str, str]) -> str:
    """`<<<domain>>>: …⏎<<<api_call>>>: …⏎…⏎<<<code>>>: …`, in the order of API_FIELDS"""
    return "\n".join(f"<<<{name}>>>: {answer[name]}" for name in API_FIELDS)


def parse_api_answer(text: str) -> dict[str, str]:
    """`<<<domain>>>: Vision, <<<api_call>>>: hub.load("dpt"), …` → `{"domain": "Vision", …}`

    Fields may come in any order, with or without a comma between them. Text before the first
    field is ignored. A fence around the code is removed.

    Raises:
        ValueError: a field is missing, empty or repeated; the message can be shown to users.
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
