"""Real English prose (text/prose.txt.xz) with questions made from its sentences by rule."""

from __future__ import annotations

import lzma
import re
from functools import cache
from random import Random

from offline.build.asks import NONE_OF_IT, Ask
from offline.build.passages import UNANSWERABLE, Example
from offline.build.word_lists import TEXT_DIR, capital

_END = re.compile(r"(?<=[a-z0-9)\"'`\]][.!?]) (?=[A-Z\"'(`])")
_AUX = re.compile(
    r"^(?!If|When|Whenever|Unless|While|For|In |As |To |By )((?:[A-Z][\w-]*)(?: [\w'\"-]+){0,6}?) "
    r"(is|are|was|were|can|must|may|should|will|has|have|does|cannot) (.+)[.!?]$"
)
_CONDITION = re.compile(r"^(If|When|Whenever|Unless) ([^,]{12,90}), (?:then )?(.{10,120})[.!]$")
_LATE_CONDITION = re.compile(
    r"^([A-Z][^,;]{15,110}) (if|when|unless|because|since) ([^,;]{10,90})[.]$"
)
_NUMBER = re.compile(
    r"\b(\d[\d.,]*\d|\d|two|three|four|five|six|seven|eight|nine|ten)\b ([a-z]{3,}s)\b([^.;]*)"
)
_VERBS = {
    "returns": "return", "provides": "provide", "uses": "use", "contains": "contain",
    "requires": "require", "specifies": "specify", "makes": "make", "allows": "allow",
    "gives": "give", "creates": "create", "takes": "take", "supports": "support", "means": "mean",
    "represents": "represent", "defines": "define", "computes": "compute", "needs": "need",
    "holds": "hold", "calls": "call", "raises": "raise", "implements": "implement",
    "describes": "describe", "includes": "include", "causes": "cause", "keeps": "keep",
    "shows": "show", "tries": "try", "converts": "convert", "adds": "add", "removes": "remove",
}  # fmt: skip
_ACTS = re.compile(
    rf"^(?!If|When|While|For|In |As |To )((?:[A-Z][\w-]*)(?: [\w'-]+){{0,5}}?) "
    rf"({'|'.join(_VERBS)}) (.+)[.!?]$"
)


@cache
def documents() -> tuple[tuple[str, ...], ...]:
    """The prose as documents of paragraphs; every twentieth one is kept out of the training."""
    text = lzma.decompress((TEXT_DIR / "prose.txt.xz").read_bytes()).decode()
    return tuple(tuple(document.split("\n")) for document in text.strip().split("\n\n"))


@cache
def pool(held_out: bool) -> tuple[tuple[tuple[str, ...], ...], tuple[int, ...]]:
    """The documents of one side, and their running lengths in characters (for even draws)."""
    chosen = tuple(d for i, d in enumerate(documents()) if (i % 20 == 7) is held_out)
    total, running = 0, []
    for document in chosen:
        total += sum(map(len, document))
        running.append(total)
    return chosen, tuple(running)


def draw_text(rng: Random, *, num_chars: int, held_out: bool = False) -> str:
    """Consecutive paragraphs of one document, about `num_chars` long, cut at a sentence."""
    chosen, running = pool(held_out)
    document = rng.choices(chosen, cum_weights=running)[0]
    start = rng.randrange(len(document))
    paragraphs: list[str] = []
    length = 0
    for paragraph in document[start:]:
        for index, sentence in enumerate(_END.split(paragraph)):
            if length and length + len(sentence) > num_chars:
                return "".join(paragraphs)
            gap = "" if not paragraphs else "\n\n" if index == 0 else " "
            paragraphs.append(gap + sentence)
            length += len(sentence) + 1
    return "".join(paragraphs)


def sentences(text: str) -> list[str]:
    """The sentences of a text that can be asked about: 25 to 260 characters, one paragraph."""
    found = [s for paragraph in text.split("\n\n") for s in _END.split(paragraph)]
    return [s for s in found if 25 <= len(s) <= 260 and len(s.split()) >= 5]


def lowered(text: str) -> str:
    """`The first argument` → "the first argument"; other capitals stay."""
    first = text.split(" ", 1)[0]
    plain = first in ("The", "A", "An", "This", "These", "Each", "All", "Any", "Some", "Most", "It")
    return text[0].lower() + text[1:] if plain else text


def first_part(text: str, limit: int) -> str:
    """The words up to a comma or semicolon, or the first `limit` ones."""
    part = re.split(r"[,;:(]", text, maxsplit=1)[0].strip()
    return " ".join(part.split()[:limit])


def whole_part(text: str, limit: int = 14) -> str:
    """The words up to a comma, semicolon or bracket; "" if they are too many for an answer."""
    part = re.split(r"[,;:(]", text, maxsplit=1)[0].strip()
    return part if len(part.split()) <= limit else ""


def _ask_auxiliary(rng: Random, sentence: str) -> tuple[str, str] | None:
    match = _AUX.match(sentence)
    if not match:
        return None
    who, verb, rest = match.groups()
    if rng.random() < 0.45:
        asked = "Which" if rng.random() < 0.15 else "What"
        asked = f"{asked} thing" if asked == "Which" else asked
        return f"{asked} {verb} {first_part(rest, rng.randint(5, 12))}?", who
    answer = whole_part(rest)
    if verb in ("is", "are", "was", "were"):
        return f"What {verb} {lowered(who)}?", answer
    return f"What {verb} {lowered(who)} do?", answer


def _ask_verb(rng: Random, sentence: str) -> tuple[str, str] | None:
    match = _ACTS.match(sentence)
    if not match:
        return None
    who, verb, rest = match.groups()
    if rng.random() < 0.4:
        return f"What {verb} {first_part(rest, rng.randint(4, 10))}?", who
    return f"What does {lowered(who)} {_VERBS[verb]}?", whole_part(rest)


def _ask_condition(rng: Random, sentence: str) -> tuple[str, str] | None:
    match = _CONDITION.match(sentence)
    if match:
        word, condition, result = match.groups()
        if rng.random() < 0.6:
            return f"What happens {word.lower()} {condition}?", whole_part(result, 18)
        return f"When is it that {result}?", condition
    match = _LATE_CONDITION.match(sentence)
    if not match:
        return None
    result, word, condition = match.groups()
    if word in ("because", "since"):
        return f"Why is it that {lowered(result)}?", f"{word} {condition}"
    return f"Under which condition is it that {lowered(result)}?", f"{word} {condition}"


def _ask_number(rng: Random, sentence: str) -> tuple[str, str] | None:
    match = _NUMBER.search(sentence)
    if not match:
        return None
    count, noun, rest = match.groups()
    after = first_part(rest, rng.randint(2, 7)) if rest.startswith(" ") else ""
    return f"How many {noun} {after}".strip() + "?", count


def _ask_gap(rng: Random, sentence: str) -> tuple[str, str] | None:
    words = sentence.split()
    inner = [
        i
        for i in range(2, len(words) - 2)
        if len(words[i]) > 3 and re.fullmatch(r"[\w'-]+", words[i])
    ]
    if not inner:
        return None
    at = rng.choice(inner)
    left = " ".join(words[max(0, at - rng.randint(3, 8)) : at])
    right = " ".join(words[at + 1 : at + rng.randint(3, 7)])
    form = rng.choice(
        ("Which word is missing in “{l} … {r}”?", "What stands between “{l}” and “{r}”?",
         "Fill the gap: {l} ___ {r}")
    )  # fmt: skip
    return form.replace("{l}", left).replace("{r}", right), words[at]


def _ask_topic(rng: Random, sentence: str) -> tuple[str, str] | None:
    words = sentence.rstrip(".!?").split()
    if len(words) < 7:
        return None
    size = rng.randint(2, 4)
    at = rng.randrange(len(words) - size)
    phrase = " ".join(words[at : at + size]).strip(",;:()\"'")
    answer = whole_part(" ".join(words[at + size :]))
    form = rng.choice(
        ("What is said about “{p}”?", "What does the text say about {p}?",
         "How does the sentence with “{p}” go on?")
    )  # fmt: skip
    return form.replace("{p}", phrase), answer


_RULES = (
    (_ask_auxiliary, 5), (_ask_verb, 5), (_ask_condition, 5), (_ask_number, 5), (_ask_gap, 1),
    (_ask_topic, 1),
)  # fmt: skip


def ask(rng: Random, sentence: str) -> Ask | None:
    """One question on a sentence, by a rule that fits it; None if none does."""
    rules = [rule for rule, weight in _RULES for _ in range(weight)]
    for _ in range(5):
        made = rng.choice(rules)(rng, sentence)
        if made and made[1].strip() and made[1] in sentence:
            return Ask(capital(made[0]), sentence, made[1])
    return None


def prose_example(
    rng: Random,
    *,
    num_chars: int,
    num_documents: int = 1,
    num_asks: int = 4,
    held_out: bool = False,
    unanswerable: float = UNANSWERABLE,
) -> Example:
    """Passages of real prose of about `num_chars` in all, with questions on different sentences."""
    texts = []
    for _ in range(num_documents):
        text = draw_text(rng, num_chars=num_chars // num_documents, held_out=held_out)
        if text not in texts:
            texts.append(text)
    whole = " ".join(texts)
    pairs = [s for text in texts for s in sentences(text) if whole.count(s) == 1]
    asks = []
    for sentence in rng.sample(pairs, min(num_asks, len(pairs))):
        if rng.random() < unanswerable:
            elsewhere = sentences(draw_text(rng, num_chars=400, held_out=held_out))
            other = ask(rng, rng.choice(elsewhere)) if elsewhere else None
            if other and other.quote not in whole:
                asks.append(Ask(other.question, "", NONE_OF_IT))
                continue
        made = ask(rng, sentence)
        if made:
            asks.append(made)
    wordings = [each.question for each in asks]
    return Example(tuple(texts), tuple(a for a in asks if wordings.count(a.question) == 1))
