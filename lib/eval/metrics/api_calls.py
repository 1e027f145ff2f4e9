"""Answers that are calls of an API, compared by their syntax trees; nothing is ever run."""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache
from itertools import product

from lib.prompts.student import ANSWER_TAG

API_CALL = "api_call_match"

_LONGEST = 5000  # characters that are parsed: no call of an API is longer
_NUM_TRIED = 16  # places each where a call in prose may begin and end
_FIELD = re.compile(
    rf"<<<\s*api_call\s*>>>[ \t]*:?(.*?)(?=<<<|{re.escape(ANSWER_TAG.rstrip(':'))}|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_FENCE = re.compile(r"```\w*|`")
_START = re.compile(r"[^\W\d][\w.]*\(")
# No space before the bracket: "Velm (1700)" is an answer in words that Python would read too.
_WRITTEN_CALL = re.compile(rf"\s*(?:[^\W\d]\w*\s*=\s*)?{_START.pattern}")


def is_call(gold: str) -> bool:
    """Whether a gold answer is one call: `hub.load("dpt", pretrained=True)`, `m = load("a")`."""
    return _gold_call(gold) is not None


def call_text(text: str, final_answer: str | None) -> str:
    """`<<<domain>>>: Vision <<<api_call>>>: hub.load("dpt"), <<<code>>>: …` → `hub.load("dpt")`

    Where a reply has no such field, its final answer; "" where it has neither.
    """
    fields = _FIELD.findall(text)
    found = fields[-1].strip().removesuffix(",") if fields else ""
    return found or final_answer or ""


def calls_match(answer: str, gold: str) -> float:
    """1 if the answer holds a call like the gold one, else 0 (the AST match of arXiv:2305.15334).

    Alike: the same function by its whole dotted name, the gold's positional arguments in their
    places, its keyword arguments with equal values, whatever their order; the answer may give
    more arguments, and the call may be part of a larger piece of code. An argument given by place
    is not found by keyword: that would need the function's signature. What Python cannot read
    matches nothing, and neither does text beyond 5,000 characters.
    """
    wanted = _gold_call(gold)
    return float(wanted is not None and any(_alike(call, wanted) for call in _calls_in(answer)))


def _alike(call: ast.Call, gold: ast.Call) -> bool:
    if _dump(call.func) != _dump(gold.func) or len(call.args) < len(gold.args):
        return False
    given = [(keyword.arg, _dump(keyword.value)) for keyword in call.keywords]
    in_place = all(_dump(a) == _dump(b) for a, b in zip(call.args, gold.args, strict=False))
    return in_place and all((k.arg, _dump(k.value)) in given for k in gold.keywords)


def _dump(node: ast.AST) -> str:
    try:
        return ast.dump(node)
    except RecursionError:
        return f"too deep: {id(node)}"  # equal to nothing else


@lru_cache(4096)
def _gold_call(gold: str) -> ast.Call | None:
    tree = _parsed(gold.strip()) if _WRITTEN_CALL.match(gold) else None
    if tree is None or len(tree.body) != 1:
        return None
    statement = tree.body[0]
    value = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
    return value if isinstance(value, ast.Call) else None


def _calls_in(text: str) -> list[ast.Call]:
    """The calls of a piece of code, nested ones too; or the calls that a sentence contains."""
    code = _FENCE.sub("", text).strip()
    tree = _parsed(code)
    trees = [tree] if tree else _trees_in(code[:_LONGEST])
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _trees_in(prose: str) -> list[ast.Module]:
    """`Use hub.load("dpt") for it.` → the tree of `hub.load("dpt")`; of each start the longest."""
    starts = [match.start() for match in _START.finditer(prose)][:_NUM_TRIED]
    ends = [match.end() for match in re.finditer(r"\)", prose)][:_NUM_TRIED]
    found: dict[int, ast.Module] = {}
    for start, end in product(starts, reversed(ends)):
        if start < end and start not in found and (tree := _parsed(prose[start:end])):
            found[start] = tree
    return list(found.values())


def _parsed(code: str) -> ast.Module | None:
    if len(code) > _LONGEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "invalid escape sequence" is the answer's, not ours
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
