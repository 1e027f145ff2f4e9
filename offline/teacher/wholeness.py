"""Whether a phrase is whole: nothing of it goes on behind it, and nothing else was taken along."""

from __future__ import annotations

import re

from offline.teacher import english as en

# What can begin something new behind a whole phrase.
_MAY_FOLLOW = frozenset(
    en.PREPOSITIONS
    | en.CONJUNCTIONS
    | en.SUBORDINATORS
    | en.AUXILIARIES
    | en.ADVERBS
    | en.DO
    | en.DETERMINERS
    | en.PRONOUNS
    | en.NEGATIONS
    | en.BASES
    | {"to", *en.PRESENT, *en.PAST, *en.PARTICIPLE}
)


def whole(answer: str, quote: str, question: str) -> bool:
    """The answer is a phrase of the sentence from its first word to its last."""
    if re.search(r"\bbeing\b|\w[–—]\w", answer):
        return False
    if (
        re.match(
            r"(?:and|or|but|\w*sel(?:f|ves)) |a single$|.* (?:new|own|other|same|various)$", answer
        )
        or answer.count('"') % 2
        or any("either" in text and " or " not in text for text in (question, answer))
    ):
        return False
    if re.search(r"\bthe following\b|\bas follows$|\b(?:below|above)$", answer):
        return False
    if re.search(r"\b(?:Dr|St|Mr|Mrs|Ms|Prof|Capt|Mt|No|vs|e\.g|i\.e|etc)\.?$", answer):
        return False
    who, counted = (
        re.match(r"[Ww]ho\b", question) is not None,
        re.match("(?:[Ww]ithin )?[Hh]ow ", question),
    )
    lasting = re.match("(?:[Ff]or how|[Hh]ow) long ", question)
    return any(
        _ends_here(answer, quote[: found.start()], quote[found.end() :], who=who)
        and not list_goes_on(quote[found.end() :])
        and not (lasting and quote[found.end() :].startswith((" after ", " before ")))
        and not re.match(
            " or " if counted else " or (?:so|thereabouts|sooner|earlier|later|more|less)\\b",
            quote[found.end() :],
        )
        and (counted or may_end(quote[found.end() :]))
        and (counted or not joins_noun(quote[found.end() :]))
        and not verb_goes_on(answer, quote[found.end() :])
        for found in re.finditer(re.escape(answer), quote)
    )


def list_goes_on(after: str) -> bool:
    """`, managers, and the firm`: the phrase was the first of a list; not `, which …, and`."""
    item = r", (?!and |or |but )[\w’'-]+[^,;:.()]{0,50}"
    if re.match(rf"(?:{item})+,? (?:and|or) ", after) is None:
        return False
    opens = en.SUBORDINATORS | en.PARTICIPLE.keys() - en.BASES | en.PREPOSITIONS | en.PRONOUNS
    return after[2:].split()[0].strip(",") not in opens


def verb_goes_on(phrase: str, after: str) -> bool:
    """`to provide [and secure our sites]`, `to ensure [that …]`: the verb lost its object."""
    last = re.search(r"\bto (?:[a-z]+ly )?([a-z]+)$", phrase.rstrip("?"))
    if re.search(r"\b(?:according|available|due|related|similar|subject|up)$", phrase):
        return re.match(r" (?:to|for)\b", after) is not None
    owned = re.match(rf" (?:and|or) \w+ (?:{'|'.join(sorted(en.OPENERS))}) ", after)
    if last and owned:
        return True
    lost = re.match(r" (?:and|or|that|how|what|whether|if) ", after)
    return bool(last and lost and last.group(1) in en.BASES)


def joins_noun(after: str) -> bool:
    """` and other tools`: the phrase goes on; ` and sends it` is the next predicate."""
    match = re.match(r"(,?) (?:and|or) (?:[a-z]+ly |also |then )*([\w’'-]+)(?: (\S+))?", after)
    if match is None:
        return False
    comma, word, following = match.groups()
    if word in en.AUXILIARIES | en.DO | en.PRONOUNS | en.PREPOSITIONS | {"to", "so", "not"}:
        return False
    if word in en.OPENERS or word[0].isupper():
        return not comma
    verb = word in en.BASES or word in en.PAST or word in en.PRESENT
    behind = en.OPENERS | en.PREPOSITIONS | en.PRONOUNS | set(en.NUMBER_WORDS) | {"to", "how", "no"}
    if following is None:
        return word not in en.PAST
    return not verb or not (following in behind or not following[0].islower())


def _ends_here(answer: str, before: str, after: str, *, who: bool) -> bool:
    """No word, number or name goes on behind the answer, or began before it."""
    if re.search(r"[\w.,]\d*[-–/.,’']$|[\w£$€]$", before) or re.match(
        r"[\w/’'–-]|[.,:]\d|[(\[]|%", after
    ):
        return False
    if re.search(r"(?:\d|\b(?:Dr|St|Mr|Mrs|Ms|Prof|Capt)\.) $", before) and answer[0].isupper():
        return False
    last = answer.split()[-1].lower()
    participle = last in en.PARTICIPLE.keys() - en.BASES or last.endswith("ed")
    if re.match(r" (?:that|which|who|whose)\b", after):
        return False
    participle = participle or last in {"resulting", "consisting", "depending", "using"}
    if participle and " " in answer and re.match(r" (?:by|in|on|with|from|to|as|at|for)\b", after):
        return False  # "a core encapsulated [by foam]"
    named = answer.split()[-1][:1].isupper()
    if re.match(r" (?:of|per cent|percent|million|billion|thousand)\b", after) or (
        named and re.match(r" (?:[A-Z][a-z]|\d)", after)
    ):
        return False
    # "in Texinfo format": a bare verb cannot follow a name, a noun of the same form can.
    following = re.match(r" ([a-z]+)", after)
    if named and following and following.group(1).endswith("ing"):
        return False  # "the New York Times bestselling book"
    if named and following and following.group(1) in en.BASES - en.PAST.keys() - en.PREPOSITIONS:
        return False
    # "in Austin, Texas", "by Ida Holm and Alan Brenn"
    if named and re.match(r"(?:, and|:) [A-ZÀ-Þ]", after):
        return False  # "in Kauai, Hawaii, and Malibu", "in Mission: Impossible"
    if named and re.match(
        r"(?:, (?:the )?)[A-ZÀ-Þ][\w’'-]+(?: [A-ZÀ-Þ][\w’'-]+)*(?:[,.;)]|$| and )", after
    ):
        return False
    if re.match(r",? (?:and|or) by\b", after):
        return False
    # "the designer, Ida Holm": the name is what was asked for
    return not (who and re.match(r",? (?:and|&) (?:[A-Z]|the )|, [A-ZÀ-Þ][\w’'-]+ [A-ZÀ-Þ]", after))


def may_end(after: str) -> bool:
    """Behind a whole phrase: a mark, or a word that can begin something new."""
    following = re.match(r" ([a-z][\w-]*)", after)
    word = following.group(1) if following else "and"
    return word in _MAY_FOLLOW or word.endswith(("ly", "ing"))
