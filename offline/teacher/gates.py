"""What a question must be: understood without the page, whole, and not its own answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from offline.teacher import lexicon as lx
from offline.teacher.tree import child, children
from offline.teacher.wording import Draft

if TYPE_CHECKING:
    from spacy.tokens import Token

MAX_ANSWER_WORDS, MAX_TOLD_WORDS = 14, 24
MIN_QUESTION_WORDS, MAX_QUESTION_WORDS = 4, 30
_TOLD = frozenset({"instruction", "duty", "follows", "report", "why"})
_VERB = "(?:is|are|was|were|has|have)"
# Words that point at what only the page shows.
_POINTING = re.compile(
    r"\b(?:th(?:is|ese)|those(?! (?:who|that|which|of|in|with|under|over)\b)|such(?! as\b)|same|"
    r"former|latter|others?(?! than\b)|another|following|previous|preceding|next|here|"
    r"(?:above|below)(?! (?:the|an?|zero|freezing|[\d-]+|sea|it|ground|average)\b)|"
    r"there(?! (?:is|are|was|were)\b)|(?:do|does|did|done) so|so(?! (?:that|many|much)\b)|"
    r"if (?:yes|not?|so|necessary|applicable)(?=[,?]|$)|however|thus|meantime|"
    r"otherwise|elsewhere|else|etc|upon a time|ones?(?! of\b| [a-z]+| or\b)|for example|"
    r"e\.g|i\.e|respectively|\d+\.\d+\.\d+|my|ours?|we|us|i|me|let's|please|"
    r"(?:figure|table|section|chapter|listing|appendix|step|example|method) \d[\d.]*|"
    r"none|neither|all (?:of )?(?:two|three|four)|"
    rf"the ones?(?! (?:of|who|that|which)\b)|and the (?:rest|remainder)|"
    r"since then|the more|not limited to|"
    rf"the (?:two|three|four|five|rest|remainder|first|second|last)(?=[,;?]|$| {_VERB}| of them)|"
    r"both(?! (?:the|of|[\w-]+ and|[\w -]+ and)))\b",
    re.IGNORECASE,
)
_OTHER_OF_A_KIND = re.compile(r"\b(?:and|or|any|no|each|than) others?\b", re.IGNORECASE)
# Which process, the cost of what? A bare "the" does not tell, wherever the page says it.
_GENERAL = frozenset(
    "thing way part file value list name type result output option method function program "
    "example case problem process group number user object item element section page action "
    "approach change step point question answer issue idea situation task event message field "
    "character string line command argument variable parameter test rule project team product "
    "code feature work information data system person individual one cost price fee amount total "
    "rate size length height width weight depth level capacity speed age end start beginning top "
    "bottom side back front middle centre center half max maximum minimum limit reserve majority "
    "rest remainder title position role proposal decision discussion copy".split()
)
_TELLING = {"prep", "relcl", "acl", "compound", "poss", "appos"}
_ONE = frozenset({"it", "its", "itself"})
_MANY = frozenset({"they", "them", "their", "theirs", "themselves"})
_PERSONAL = frozenset({"he", "him", "his", "himself", "she", "her", "hers", "herself"})
# Of two, without a second thing: "the lower branches".
_PAIRED = frozenset("upper lower outer inner older younger elder further larger smaller".split())
_FURTHER = frozenset("further adjacent nearby remaining subsequent".split())
_NEARLY = frozenset(
    "about around roughly approximately nearly almost over to least most than".split()
)
_UNSAID = re.compile(r"(?:certain|several|various) [\w-]+$|even |hardly ", re.IGNORECASE)  # which?
# "terminals [1 to 3]", "three years[, or for five]"
_CONTINUED = re.compile(
    r" (?:(?:to|or|–|-) )?\d|,? or (?:for|in|on|by|until) |,? (?:and|or), |,? provided "
)
_INITIAL = r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St)\. "


def stands_alone(draft: Draft, *, title: str, earlier: str) -> bool:
    """Nothing in question or answer points at something outside them.

    earlier: the chunk's text in front of the sentence.
    """
    if _POINTING.search(_OTHER_OF_A_KIND.sub("", f"{draft.text} {draft.answer}")):
        return False
    of_subject = draft.rule == "subject"
    order = [*draft.told, *draft.asked] if of_subject else [*draft.asked, *draft.told]
    for place, token in enumerate(order):
        low = token.lower_
        if low in _ONE | _MANY | _PERSONAL:
            in_answer = token in draft.told
            if of_subject and not in_answer:
                meant = _of_asked(token, draft)
            elif low in {"it", "them"} and token.dep_ in {"dobj", "pobj", "dative"}:
                # "If glaze runs onto a shelf, grind it off"
                meant = in_answer and draft.rule in _TOLD and _meant(token, order[:place])
            else:
                meant = _meant(token, order[:place])
            if not meant:
                return False
        elif token.tag_ in {"JJR", "RBR"}:
            if not _compared(token):
                return False
        elif low == "the" and token.dep_ == "det":
            if not _known(token.head, title, earlier):
                return False
        elif low in _FURTHER and token.dep_ == "amod" and not child(token.head, "prep"):
            return False  # "a further 330", "the adjacent coast"
        elif low == "that" and token.tag_ == "DT" and not child(token.head, "relcl"):
            return False  # "follow that first", "with that person"
        elif low == "one" and token.dep_ not in {"nummod", "compound"} and not child(token, "prep"):
            return False  # "enter one"
    return True


def _meant(pronoun: Token, before: Sequence[Token]) -> bool:
    """A noun of the pronoun's number and kind stands before it."""
    nouns = [
        t for t in before
        if t.pos_ in {"NOUN", "PROPN"} and t.dep_ not in {"compound", "poss"}
        and not lx.DATE.fullmatch(t.text)
    ]  # fmt: skip
    if pronoun.lower_ in _MANY:
        anyone = any(t.lower_ in {"anyone", "everyone", "who"} for t in before)
        return anyone or any(_many(t) for t in nouns)
    if pronoun.lower_ in _PERSONAL:
        return any(t.ent_type_ == "PERSON" or lx.is_somebody(t) for t in nouns)
    things = [t for t in nouns if t.ent_type_ != "PERSON" and not lx.is_somebody(t)]
    return any(t.tag_ in {"NN", "NNP"} for t in things)


def _many(noun: Token) -> bool:
    """What "they" can mean: `a member … their card`, but not "the pilot … they"."""
    anyone = lx.is_somebody(noun) and lx.determiner(noun) not in {"the", "this"}
    return noun.tag_ in {"NNS", "NNPS"} or bool(children(noun, "conj")) or anyone


def _of_asked(pronoun: Token, draft: Draft) -> bool:
    """`Who marks their clay?`: the pronoun means the one that is asked for."""
    before = [t for t in draft.asked if t.i < pronoun.i]
    if pronoun.dep_ != "poss":
        subject = pronoun.dep_ in {"nsubj", "nsubjpass"} and pronoun.lower_ not in {"them", "him"}
        return subject and _meant(pronoun, [*draft.told, *before])
    nouns = [t for t in draft.told if t.pos_ in {"NOUN", "PROPN", "PRON"} and t.dep_ != "compound"]
    head = next((t for t in draft.told if t.dep_ in {"nsubj", "nsubjpass"}), None)
    if head is None or any(t.pos_ == "NOUN" for t in nouns if t != head):
        return False  # "Who pays its value?" – "Builders who damage a tree"
    return _many(head) if pronoun.lower_ in _MANY else head.tag_ == "NN" and pronoun.lower_ in _ONE


def _compared(token: Token) -> bool:
    """`longer than a minute`; "a lower fare": than which?"""
    behind = [t.lower_ for t in token.doc[token.i + 1 : token.i + 8]]
    degree = token.lower_ in {"more", "less", "fewer"} and behind[:1] in (["often"], ["likely"])
    return degree or "than" in behind or (token.dep_ == "amod" and token.lower_ in _PAIRED)


def _known(noun: Token, title: str, earlier: str) -> bool:
    """`the bowl`: does the reader of the question know which?"""
    stem = re.escape(noun.lemma_)
    if noun.lemma_.lower() in lx.RELATIVE:
        return bool(children(noun, "prep", "poss"))
    if noun.pos_ == "PROPN" or children(noun, *_TELLING):
        return True
    if child(noun, "nummod"):
        return False  # "the two men"
    if re.search(rf"\b{stem}", title, re.IGNORECASE):
        return True
    if (general := noun.lemma_.lower() in _GENERAL) or children(noun, "amod"):
        return not general
    # "a sponsor … the sponsor", "the Jubilee Bowl … the bowl": of the one before.
    found = re.findall(rf"(\S+) {stem}(?:s|es)?\b", earlier, re.IGNORECASE)
    return all(word.lower() == "the" for word in found)


def whole(draft: Draft, quote: str) -> bool:
    """Question and answer are whole and short; only the quote holds the answer."""
    answer, question = draft.answer, draft.text.rstrip("?")
    long = draft.rule in _TOLD
    if not answer or answer not in quote or f" {folded(answer)} " in f" {folded(question)} ":
        return False
    count = len(re.findall(r"[\w’'-]+", question))
    defined = draft.rule == "definition" and count == 3
    if not (defined or MIN_QUESTION_WORDS <= count <= MAX_QUESTION_WORDS):
        return False
    if len(answer.split()) > (MAX_TOLD_WORDS if long else MAX_ANSWER_WORDS):
        return False
    if any(_is_cut(text) for text in (answer, question)):
        return False
    first = draft.told[0]
    if first.i and first.pos_ == "NUM" and first.nbor(-1).lower_ in _NEARLY:
        return False  # "[over] thirty-seven hundred"
    # "twin asymmetric[, cambered fins]"
    if not long and draft.told[-1].tag_ in {"JJ", "JJS", "VBG", "DT", "IN", "CC"}:
        return draft.rule in {"why", "definition", "often"}
    # "the oak[, and the elm]": a list that goes on behind the answer
    behind = quote[quote.find(answer) + len(answer) :]
    listed = re.match(
        r",? (?:and|or) (?:(?:the |an? )?[\w-]+(?:[,.;]|$)|(?:to|for|by|from) )|"
        r"(?:,(?: [\w’'-]+){1,4}){1,3},? (?:and|or) |, to (?!the |an? )|[/-]\w|"
        r", (?:[A-Z][\w.]* ){1,3}[A-Z]\w+[,.]",
        behind,
    )
    if behind.startswith(":") and (long or draft.rule in {"object", "tied", "definition"}):
        return False  # "several skills: paddling, timing and balance"
    if _CONTINUED.match(behind) or _UNSAID.match(answer):
        return False
    if draft.rule in {"agent", "tied"} and re.match(r" (?:when|where|to) ", behind):
        return False  # "meant for periods [when the house is empty]", "length [to width ratio]"
    if draft.rule == "subject" and any(map(_is_clause, draft.told)):
        return False  # "Hamilton swam to recover it, found …"
    if draft.rule in {"agent", "object"} and lx.DATE.search(answer.partition(" on ")[2]):
        return False  # "an inflatable [on 19 August]"
    if draft.rule not in {"subject", "number"} and _goes_on(draft.told[-1]):
        return False
    # "burst or it can be torn apart", "Its lamp should be lit": of another thing
    if long and (_has_second(draft.told) or first.lower_ in {"its", "their"}):
        return False
    return long or listed is None or draft.rule in {"number", "duration", "often", "extent"}


def _has_second(told: Sequence[Token]) -> bool:
    """A second statement with its own subject."""
    joins = [t for t in told if t.dep_ == "conj" and t.pos_ in {"VERB", "AUX"}]
    return any(child(t, "nsubj", "nsubjpass") in told for t in joins)


def _is_clause(token: Token) -> bool:
    """A verb that belongs to no relative clause: the noun before it was none."""
    inner = any(t.dep_ in {"relcl", "acl"} for t in [token, *token.ancestors])
    return not inner and (token.dep_ == "advcl" or token.tag_ in {"VBZ", "VBP", "VBD"})


def _goes_on(last: Token) -> bool:
    """`since the force on a kite [is …]`: the answer's own verb follows it."""
    return last.i + 1 < len(last.doc) and last.nbor().tag_ in {"VBZ", "VBP", "VBD", "MD"}


def _is_cut(text: str) -> bool:
    """It ends in the middle of a phrase, quotation or range, or holds the end of a sentence."""
    pairs = any(text.count(left) != text.count(right) for left, right in ("()", "[]", "“”"))
    quoted = (
        text.endswith("'")
        or text.count('"') % 2
        or ("‘" in text and "’" not in text.rpartition("‘")[2])
    )
    ranged = re.search(r"\bbetween\b(?!.* and\b)|\beither\b(?!.* or\b)", text)
    two = re.search(r"\w[.!?] [A-Z]", re.sub(_INITIAL, "", text))
    return bool(pairs or quoted or ranged or two or lx.LOOSE_END.search(text))


def folded(text: str) -> str:
    """`The Tern,` → "the tern": for comparing."""
    return " ".join(re.findall(r"[\w%£$€]+(?:['’.-]\w+)*", text.lower()))
