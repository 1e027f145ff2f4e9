"""Answers that are calls of an API, compared by their syntax trees; nothing is ever run."""

import ast
import re
import warnings
from functools import lru_cache

from lib.prompts.student import ANSWER_TAG

API_CALL = "api_call_match"

_LONGEST = 5000  # characters that are parsed: no call of an API is longer
_FIELD = re.compile(
    rf"<<<\s*api_call\s*>>>[ \t]*:?(.*?)(?=<<<|{re.escape(ANSWER_TAG.rstrip(':'))}|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_FENCED = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
# No space before the bracket: "Velm (1700)" is an answer in words that Python would read too.
_WRITTEN_CALL = re.compile(r"\s*(?:[^\W\d]\w*\s*=\s*)?[^\W\d][\w.]*\(")


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
    """1 if the answer's code holds a call like the gold one, else 0 (AST match, arXiv:2305.15334).

    Alike: the same function by its whole dotted name, the gold's positional arguments in their
    places, its keyword arguments with equal values, in any order; the answer may give more
    arguments, and the call may be part of a larger piece of code. An argument given by place is
    not found by keyword: that would need the function's signature.

    The code is that of fenced blocks, else the whole answer. Anything that Python cannot parse
    matches nothing, as does a call in a sentence or a text of more than 5,000 characters.
    """
    code = "\n".join(_FENCED.findall(answer)) or answer.strip().strip("`")
    wanted, tree = _gold_call(gold), _parsed(code)
    if wanted is None or tree is None:
        return 0.0
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    try:
        return float(any(_alike(call, wanted) for call in calls))
    except RecursionError:
        return 0.0


def _alike(call: ast.Call, gold: ast.Call) -> bool:
    keywords = [(keyword.arg, ast.dump(keyword.value)) for keyword in call.keywords]
    return (
        ast.dump(call.func) == ast.dump(gold.func)
        and [*map(ast.dump, call.args[: len(gold.args)])] == [*map(ast.dump, gold.args)]
        and all((one.arg, ast.dump(one.value)) in keywords for one in gold.keywords)
    )


@lru_cache(4096)
def _gold_call(gold: str) -> ast.Call | None:
    tree = _parsed(gold.strip()) if _WRITTEN_CALL.match(gold) else None
    if tree is None or len(tree.body) != 1:
        return None
    statement = tree.body[0]
    value = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
    return value if isinstance(value, ast.Call) else None


def _parsed(code: str) -> ast.Module | None:
    if len(code) > _LONGEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "invalid escape sequence" is the answer's, not ours
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
