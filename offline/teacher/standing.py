"""Whether a question stands alone, and what makes it: its name, its field or its title."""

from __future__ import annotations

import re
from dataclasses import replace

from lib.records import Chunk
from offline.teacher import english as en
from offline.teacher.drafting import Draft
from offline.teacher.leads import AUTHORS, ITSELF
from offline.teacher.phrases import has_name, is_organisation
from offline.teacher.sentences import unmarked

MAX_ANSWER_WORDS, MAX_TOLD_WORDS = 14, 24
MIN_QUESTION_WORDS, MAX_QUESTION_WORDS = 4, 28
# Words that no finished question ends with.
_LOOSE_ENDS = frozenset(
    "the a an and each every least most own his her its their again starting beginning".split()
)
# "the heaviest of the five", "of the same stone": of what, only the sentences before would tell.
_UNNAMED = re.compile(
    rf"\bof the (?:{'|'.join(en.NUMBER_WORDS)})\?|\bof the same\b"
    r"|\bthe (?:default|maximum|minimum) (?:value|setting|option|size)\?|\bthe others?\b|\bthe "
    r"most [\w-]+\?|\bthe (?:first|second|third|next|last) [a-z]+\?"
)
_SPOKEN_OF = re.compile(r"\bthe ([a-z]+)(?=\?| (?:[a-z]+s|[a-z]+ed|is|are|be|can)\b)")
_OF_AN_ORGANISATION = re.compile(
    r"\b(?:polic(?:y|ies)|handbook|terms|privacy|agreement|employees?|staff|teams?|compan(?:y|ies)|"
    r"organi[sz]ations?|customers?|benefits?|club|board|committee|members?)\b",
    re.IGNORECASE,
)
# Titles that name no document.
_SAYS_NOTHING = frozenset(
    "notes readme index document untitled introduction overview contents summary installation "
    "install usage page text file draft copy chapter section part description background about "
    "changelog license licence home main title abstract".split()
)
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
# Words of an answer that point at something outside it.
_POINTING = en.PRONOUNS - {"one", "all"} | {"anybody", "nobody"}


def folded(text: str) -> str:
    words = re.findall(r"\w+", text.lower())
    return " ".join(word for word in words if word not in {"the", "a", "an"})


def names_little(draft: Draft, text: str) -> bool:
    """`the remainder`, in a text that speaks of it once; "the deck" is what a text is about."""
    if not draft.field:
        return False
    if re.search(
        r"\bthe (?:remainder|former|latter|point|others)\b|\bthe (?:first|second|two|rest)"
        r"(?=\?| (?:is|are|was|were|has|have)\b)|\b(?:its|their|his|her)\b",
        draft.text,
    ):
        return True
    for noun in _SPOKEN_OF.findall(draft.text):
        stem = noun.removesuffix("s")
        if len(re.findall(rf"\b{stem}(?:s|es)?\b", text, re.IGNORECASE)) < 3:
            return True
    return False


def in_field(draft: Draft, chunk: Chunk, names: frozenset[str]) -> Draft | None:
    """What a question needs before it stands alone: the sport or craft, or the document's title.

    `Which tails are slow?` under the title "Surfing" → "In surfing, which tails are slow?"; under
    "Harbour Rules" → "According to “Harbour Rules”, which …?". None: the title says nothing.
    """
    asked = _without_us(draft.text, f"{chunk.title} {chunk.text}")
    name = document_name(chunk.title) or document_name(chunk.document_id.rpartition("/")[2])
    telling = re.sub(r"“.*?”", "", asked.partition(" ")[2])
    if draft.alone or (not draft.field and not draft.titled and has_name(telling, names)):
        return draft
    if draft.field and (has_name(telling) or (name and name.lower() in asked)):
        return replace(draft, alone=True)
    if name is None or len(asked.split()) < 4:
        return None
    craft = re.fullmatch(r"[A-Z][a-z]+(?: [a-z]+)?ing", name)
    opening = f"In {name.lower()}" if craft else f"According to “{name}”"
    asked = re.sub(rf"\bth(?:is|ese) (?={ITSELF}s?\b)", "the ", asked)
    return replace(draft, text=f"{opening}, {asked[0].lower()}{asked[1:]}", alone=True)


_SINGULAR = {"do": "does", "have": "has", "are": "is", "were": "was"}


def _without_us(asked: str, text: str) -> str:
    """`do the authors use our tool` → "does the organisation use the tool", in a handbook."""
    asked = re.sub(r"\b[Oo]ur\b", "the", asked)
    asked = re.sub(r"\bwe (\w+)", rf"{AUTHORS} \1", re.sub(r"\bus\b", AUTHORS, asked))
    if _OF_AN_ORGANISATION.search(text):
        for plural, single in _SINGULAR.items():
            asked = re.sub(rf"\b{plural} {AUTHORS}\b", f"{single} {AUTHORS}", asked)
        asked = re.sub(rf"\b{AUTHORS} (\w+)", _third_person, asked)
        asked = asked.replace(AUTHORS, "the organisation")
    return asked


def _third_person(match: re.Match[str]) -> str:
    """`if the authors end it` → "ends"; behind "does" or "can", the verb is bare."""
    before, verb = match.string[: match.start()].split(), match.group(1)
    bare = before and before[-1].lower() in en.AUXILIARIES | en.DO | {"let", "help", "make"}
    single = en.third_person(verb) if verb in en.BASES - en.AUXILIARIES else verb
    return f"{AUTHORS} {verb if bare else _SINGULAR.get(verb, single)}"


def document_name(title: str) -> str | None:
    """`Surfing - Wikipedia` → "Surfing"; a title of any form, but not "Notes"."""
    name = re.sub(r"(?i)\.(?:md|txt|pdf|docx?|html?|json|rst)$", "", title.strip())
    name = re.sub(r" [-–—|] [^-–—|]+$", "", name) if len(name.split()) > 2 else name
    head, _, _ = name.partition(": ")
    name = head if len(head.split()) >= 3 else name
    name = name.replace("“", "").replace("”", "").replace('"', "").strip(" .:*_`#")
    first, last = name.partition(" ")[0], name.rpartition(" ")[2]
    if first == last and " " in name:  # a running head: "DIFF(1) User Commands DIFF(1)"
        name = name.rpartition(" ")[0]
    name = re.sub(r"^[^\w]+", "", name)
    letters = re.findall(r"[^\W\d_]", name)
    if len(letters) < 3 or len(name.split()) > 14 or name.lower() in _SAYS_NOTHING:
        return None
    return name


def as_written(draft: Draft, quote: str) -> Draft:
    """The answer with the capital that it has in the sentence, without an "only" before it."""
    answer = re.sub(r"^(?:only|just|some) (?!of )", "", draft.answer)
    capital = answer[:1].upper() + answer[1:]
    if answer not in quote:
        answer = capital if capital in quote else _verbatim(answer, unmarked(quote))
    return replace(draft, answer=answer)


_SHORT = {"will": "ll", "are": "re", "have": "ve", "is": "s"}


def _verbatim(answer: str, quote: str) -> str:
    """With the brackets, quotation marks and "you’ll" that the sentence was read without."""
    words = (
        rf"(?:\s+{word}|['’]{_SHORT[word]})" if word in _SHORT else rf"\s+[\"“'‘]*{re.escape(word)}"
        for word in answer.split()
    )
    pattern = r"[\"”'’]*(?:\s*\([^()]*\))?".join(words).removeprefix(r"\s+")
    found = re.search(rf"(?i:{pattern}[\"”]?)", quote)
    text = found.group() if found else answer
    return text.strip('"') if text.count('"') % 2 else text


def acceptable(draft: Draft, quote: str, names: frozenset[str]) -> bool:
    """The gates of this teacher: it stands alone, is short, and does not tell its answer."""
    answer = draft.answer
    # The question word may be behind "In kiteboarding,".
    question = re.sub(r"^(?:In [a-z ]+|According to “.*?”), (?=\w)", "", draft.text)
    words = re.findall(r"[\w’'-]+", question)
    defined = re.fullmatch(r"[Ww]hat (?:is|are) (?:[a-z]{5,}|[A-Z][\w.&-]{2,})\?", question)
    if not defined and not MIN_QUESTION_WORDS <= len(words) <= MAX_QUESTION_WORDS:
        return False
    if (
        not answer
        or answer not in unmarked(quote)
        or f" {folded(answer)} " in f" {folded(question)} "
    ):
        return False
    if len(answer.split()) > (MAX_ANSWER_WORDS if not draft.titled else MAX_TOLD_WORDS):
        return False
    if not re.search(r"\w[\"”’')]?\?$", question) or words[-1].lower() in _LOOSE_ENDS:
        return False
    if re.search(rf"\b(?:this(?! {ITSELF}\b)|these|those(?! who| that)|here)\b", question):
        return False
    if _UNNAMED.search(question) or " & the " in question:
        return False
    # The question's own last words are whole, too.
    tail = " ".join(question.rstrip("?").split()[-2:])
    found = re.search(rf"{re.escape(tail)}(?!\w)(?P<gap>[ ,]*)", unmarked(quote))
    behind = unmarked(quote)[found.end() :] if found else ""
    if found and not behind.startswith(answer) and found.start() > quote.find(answer):
        cut = "," in found.group() and re.match(r"(?:and|or) ", behind)
        if cut or list_goes_on(found["gap"] + behind):
            return False
    if found and _verb_goes_on(tail, f" {behind}"):
        return False
    behind = re.sub(r"^(?:please|then) ", "", behind)
    if found and not behind.startswith(answer) and not _may_end(f" {behind}"):
        return False
    if re.match(r"[Ww]ho\b", question) and not is_organisation(answer):
        capitals = re.findall(r"\b[A-ZÀ-Þ][\w’'-]+", answer)
        if (
            any(word not in names | en.PERSON_TITLES for word in capitals)
            and not answer[0].islower()
        ):
            return False
    # "oak, elm" without its "and": a list that was cut.
    cut = re.search(r", [a-z]", answer) and not re.search(r"\b(?:and|or)\b", answer)
    if cut and not (draft.titled or question.endswith(" mean?")):
        return False
    return whole(answer, unmarked(quote), question) and (
        draft.titled
        or (
            _names_all(question, answer)
            and (draft.alone or has_name(question.partition(" ")[2], names))
        )
    )


def _names_all(question: str, answer: str) -> bool:
    """Nothing in question or answer points at something outside the sentence."""
    # "are there" is no pronoun, and neither is "one light".
    bare = re.sub(
        r"\b(are|were) there\b", r"\1", re.sub(r"^(?:At|To|For|at|to|for) ", "", question)
    )
    bare = re.sub(r"\bone(?= [a-z])", "1", bare)
    low = re.findall(r"[\w’'-]+", bare.lower())
    if set(low[1:]) & (en.PRONOUNS | en.NEGATIONS | {"nobody", "everybody", "anybody"}):
        return False
    if re.search(r"\bbecome (?:his|her|its|their)\b", question):
        return False
    if re.search(r"\bher(?:\?| (?:in|on|at|from|to|for|off|by|with|as|up|down)\b)", question):
        return False
    if re.match(r"(?:his|her|its|their) ", answer):
        return False
    return question.lower().startswith("why ") or not set(answer.lower().split()) & _POINTING


def whole(answer: str, quote: str, question: str) -> bool:
    """The answer is a phrase of the sentence from its first word to its last."""
    if re.search(r"\bbeing\b|\w[–—]\w", answer):
        return False
    if (
        re.match(
            r"(?:and|or|but|\w*sel(?:f|ves)) |a single$|.* (?:new|own|other|same|various)$", answer
        )
        or answer.count('"') % 2
        or ("either" in question and " or " not in question)
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
    return any(
        _ends_here(answer, quote[: found.start()], quote[found.end() :], who=who)
        and not list_goes_on(quote[found.end() :])
        and (counted or _may_end(quote[found.end() :]))
        and (counted or not joins_noun(quote[found.end() :]))
        and not _verb_goes_on(answer, quote[found.end() :])
        for found in re.finditer(re.escape(answer), quote)
    )


def list_goes_on(after: str) -> bool:
    """`, managers, and the firm`: the phrase was the first of a list; not `, which …, and`."""
    match = re.match(
        r"(?:, (?!and |or |but )(?P<next>[\w’'-]+)[^,;:.()]{0,50})+,? (?:and|or) ", after
    )
    opens = en.SUBORDINATORS | en.PARTICIPLE.keys() - en.BASES | en.PREPOSITIONS | en.PRONOUNS
    return match is not None and re.match(r", ([\w’'-]+)", after)[1] not in opens  # type: ignore[index]


def _verb_goes_on(phrase: str, after: str) -> bool:
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
    if word in {"how", "what", "whether", "why"}:
        return True
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
        r"[\w/’'-]|[.,:]\d|[(\[]|%", after
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
    if named and following and following.group(1) in en.BASES - en.PAST.keys() - en.PREPOSITIONS:
        return False
    # "in Austin, Texas", "by Ida Holm and Alan Brenn"
    if named and re.match(
        r"(?:, (?:the )?)[A-ZÀ-Þ][\w’'-]+(?: [A-ZÀ-Þ][\w’'-]+)*(?:[,.;)]|$| and )", after
    ):
        return False
    return not (who and re.match(r",? (?:and|&) (?:[A-Z]|the )", after))


def _may_end(after: str) -> bool:
    """Behind a whole phrase: a mark, or a word that can begin something new."""
    following = re.match(r" ([a-z][\w-]*)", after)
    word = following.group(1) if following else "and"
    return word in _MAY_FOLLOW or word.endswith(("ly", "ing"))
