"""Answers about API documentation: five fields, written and parsed."""

import re
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class ApiAnswer:
    domain: str
    api_call: str
    api_provider: str
    explanation: str
    code: str


API_FIELDS = tuple(field.name for field in fields(ApiAnswer))
_FIELD = re.compile(rf"<<<\s*({'|'.join(API_FIELDS)})\s*>>>[ \t]*:?")


def format_api_answer(answer: ApiAnswer) -> str:
    """`<<<domain>>>: …⏎<<<api_call>>>: …⏎…⏎<<<code>>>: …`, in the order of API_FIELDS"""
    return "\n".join(f"<<<{name}>>>: {getattr(answer, name)}" for name in API_FIELDS)


def parse_api_answer(text: str) -> ApiAnswer:
    """`<<<domain>>>: Vision, <<<api_call>>>: hub.load("dpt"), …` → `ApiAnswer("Vision", …)`

    Fields may come in any order, with or without a comma between them. Text before the first
    field is ignored. A fence around the code is removed.

    Raises:
        ValueError: a field is missing, empty or repeated; the message can be shown to users.
    """
    pieces = _FIELD.split(text)
    names, values = pieces[1::2], [value.strip() for value in pieces[2::2]]
    found = dict(zip(names, values, strict=True))
    if missing := [name for name in API_FIELDS if name not in found]:
        raise ValueError("the answer lacks " + ", ".join(f"<<<{name}>>>" for name in missing))
    if twice := [name for name in API_FIELDS if names.count(name) > 1]:
        raise ValueError(f"the answer has <<<{twice[0]}>>> {names.count(twice[0])} times")
    parts = {
        name: value if name == "code" else value.removesuffix(",").rstrip()
        for name, value in found.items()
    }
    if fenced := re.fullmatch(r"```\w*[ \t]*\n(.*?)\n?```,?", parts["code"], re.DOTALL):
        parts["code"] = fenced.group(1)
    if empty := [name for name in API_FIELDS if not parts[name].strip()]:
        raise ValueError(f"the answer's <<<{empty[0]}>>> is empty")
    return ApiAnswer(**parts)
