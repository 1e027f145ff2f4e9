"""The statements of a sentence: a finite verb, its subject, and what belongs to the verb."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from offline.teacher.tree import after_comma, child, children, joined, phrase, span

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

_FINITE = frozenset({"VBZ", "VBP", "VBD", "MD"})
_GROUP = frozenset({"aux", "auxpass", "neg"})
_SUBJECT = ("nsubj", "nsubjpass")
_PARTS = frozenset(
    "dobj attr acomp prep agent advmod npadvmod advcl xcomp ccomp oprd prt dative".split()
)
_OTHERS = frozenset({"punct", "cc", "conj", "expl", "preconj", *_SUBJECT})
_ASKING = frozenset({"WDT", "WP", "WRB", "WP$"})
_INNER = frozenset({"relcl", "ccomp", "csubj", "pcomp"})
# What the question would have to repeat, and what needs the sentence before.
_LEFT_OUT = frozenset(
    "also however therefore then thus hence otherwise still instead likewise moreover too "
    "furthermore meanwhile nevertheless consequently similarly additionally again firstly "
    "secondly finally typically occasionally historically".split()
)
# Without these the statement says more than its sentence, or something else.
_LIMITING = frozenset(
    "rarely seldom hardly scarcely barely never only nearly almost longer again otherwise ideally "
    "infrequently individually originally initially".split()
)
_DENYING = frozenset("no nobody nothing none neither".split())
_LATER = frozenset("later earlier afterwards afterward soon then after before".split())
_EITHER_NUMBER = frozenset(
    "number majority rest half lot staff people police crew series news means".split()
)


@dataclass(frozen=True)
class Clause:
    """`In 1902 it was painted white.` under "The Tern …" → subject "the Tern", verb "painted"."""

    verb: Token
    head: Token | None  # of the subject; None: `subject` comes from the sentence before
    group: list[Token]  # auxiliaries, "not", adverbs and the verb, in order
    before: list[Token]  # the heads of what stands in front of the subject
    after: list[Token]  # the heads of what follows the verb, in order
    plural: bool
    shared: bool = False  # subject and first words stand in the clause before
    subject: str = ""
    names_person: bool = False

    @property
    def first(self) -> Token:
        return self.group[0]

    @property
    def negated(self) -> bool:
        of_subject = [self.head, *self.head.children] if self.head is not None else []
        denied = any(token.lower_ in _DENYING for token in of_subject)
        return denied or any(t.dep_ == "neg" or t.lower_ in _LIMITING for t in self.group)

    @property
    def passive(self) -> bool:
        return any(token.dep_ == "auxpass" for token in self.group)

    def end(self, *labels: str) -> list[Token]:
        return [part for part in self.after if part.dep_ in labels]


def clauses(doc: Doc) -> Iterator[Clause]:
    """The statements of a sentence that can be read with confidence."""
    roots = [token for token in doc if token.dep_ == "ROOT"]
    head: Token | None = None
    group: list[Token] = []
    verbs = joined(roots[0]) if len(roots) == 1 and doc[0].tag_ != "VBZ" else []
    if any(_misread(later.head, later) for later in verbs[1:]):
        return
    for verb in verbs:
        own = child(verb, *_SUBJECT)
        head = own or head
        if head is None or verb.pos_ not in {"VERB", "AUX"} or child(verb, "expl"):
            continue
        group = _verb_group(verb, head, group if own is None else [])
        plural = head.tag_ in {"NNS", "NNPS"} or bool(children(head, "conj"))
        conditional = own is None and any(
            t.dep_ == "advcl" and t.i < roots[0].i for t in roots[0].children
        )
        warned = own is not None and _joined_by(verb) == "or"
        if conditional or warned:
            continue  # "Switch it off, or it will …"; "If it has a fan, it may stop and save you …"
        told = all(t in group or t.i > verb.i for t in verb.children if t.lower_ in _LIMITING)
        if group and told and _agree(head, plural, group[0]) and _is_clear(verb, head):
            parts = [t for t in verb.children if t.dep_ in _PARTS and t.lower_ not in _LEFT_OUT]
            yield Clause(
                verb=verb,
                head=head,
                group=group,
                before=[t for t in parts if t.i < head.left_edge.i and own is not None],
                after=[t for t in parts if t.i > verb.i],
                plural=plural,
                shared=own is None,
            )


def _joined_by(later: Token) -> str:
    before = [t.lower_ for t in later.head.children if t.dep_ == "cc" and t.i < later.i]
    return before[-1] if before and later.dep_ == "conj" else ""


def _misread(verb: Token, later: Token) -> bool:
    """`Coffee left on the rim wears …`; `covers illness, accidents and lost luggage`."""
    between = [t for t in children(verb, "cc", "punct") if verb.i < t.i < later.i]
    listed = [t for t in children(verb, "dobj", "attr") if children(t, "conj")]
    joins = [t.lower_ for t in children(verb, "cc")]
    alone = child(later, *_SUBJECT) is None
    if alone and "but" in joins and later.tag_ == "VB":
        return True  # "… will have lots of them, but look for …"
    # "are saved here and copied there": the participle was taken for the past tense
    auxiliary = child(verb, "auxpass") if later.tag_ == "VBD" else None
    now = auxiliary is not None and auxiliary.tag_ in {"VBZ", "VBP"}  # "… and sent items"
    if alone and auxiliary is not None and (now or not child(later, "dobj")):
        return True
    # "rests with the head, who keeps the list, decides and signs": whose verb?
    added = [t for t in verb.doc[verb.i : later.i] if t.dep_ == "relcl"]
    if alone and any(map(after_comma, added)):
        return True
    if later.i - verb.i == 2 and later.tag_ in _FINITE:
        return True  # "comes and goes"
    duty = any(t.lower_ in {"must", "shall", "should"} for t in children(verb, "aux"))
    if alone and duty and _joined_by(later) == "or":
        return True  # "must report or have leave approved"
    more = any(t.lower_ in {"also", "then"} for t in later.children)
    if alone and more and later.lemma_ == verb.lemma_:
        return True  # "is found on shores, but can also be found in lakes"
    # "are able to record, reconcile": of which of the two?
    if later.tag_ == "VBP" and any(t.tag_ == "TO" for t in verb.doc[verb.i : later.i]):
        return alone
    return not between or any(not children(one, "cc") for t in listed for one in joined(t)[-2:-1])


def _verb_group(verb: Token, head: Token, before: list[Token]) -> list[Token]:
    """The words of a finite verb; of a joined one, with the auxiliaries of the one before it."""
    # "is still not": behind the verb, too
    opened = [t for t in verb.children if t.dep_ in _GROUP and (t.i < verb.i or t.dep_ == "neg")]
    if not opened and verb.tag_ not in _FINITE:
        # "is washed and painted", "may enter and leave"
        if not before or verb.tag_ != before[-1].tag_:
            return []
        opened = before[:-1]
    adverbs = [
        t
        for t in verb.children
        if t.dep_ == "advmod" and head.right_edge.i < t.i < verb.i and t.lower_ not in _LEFT_OUT
    ]
    group = sorted({*opened, *adverbs, verb}, key=lambda token: token.i)
    while group[0].dep_ == "advmod":
        group.pop(0)
    # "Returns string s converted …"
    return group if group[0].tag_ in _FINITE and group[0].lower_ != "s" else []


def _is_clear(verb: Token, head: Token) -> bool:
    """Every word of the clause has a place in its questions, and nothing was misread."""
    parts = [t for t in verb.children if t.dep_ in _PARTS]
    if any(t.dep_ not in _PARTS | _OTHERS | _GROUP for t in verb.children):
        return False
    if any(t.dep_ == "ccomp" and t.i < verb.i for t in parts) or head.i > verb.i:
        return False
    if head.tag_ == "JJ" and not child(head, "prep"):
        return False  # "Many are thin"
    # "48 crowns from fees and 12 from the regatta": a second statement without its verb
    if any(t.dep_ == "conj" and t.tag_ == "CD" and t.head.tag_ != "CD" for t in span(verb)):
        return False
    # "from the air and swell", "as "destroy" or …": a verb that was taken for something else
    joins = [t for t in span(verb) if t.dep_ == "conj" and t.tag_ == "JJ"]
    swapped = any(t.head.tag_ == "NN" and child(t.head, "det") for t in joins)
    if swapped or any(t.dep_ == "pobj" and t.tag_ == "VB" for t in span(verb)):
        return False
    # "a peel angle less than 25° is …"
    if any(head.right_edge.i < t.i < verb.i and t.left_edge != t.right_edge for t in parts):
        return False
    if any(t.dep_ == "advmod" and t.lower_ in _LATER for t in parts):
        return False
    # "lent for four weeks, films for one": a second statement without its verb
    repeated = [t.lower_ for t in parts if t.lower_ in {"for", "to", "at"} and t.i > verb.i]
    if len(repeated) > len(set(repeated)):
        return False
    # "the list shown in was written"
    if any(t.dep_ == "prep" and t.i == t.right_edge.i for t in span(head)):
        return False
    whole = phrase(head)
    if len(children(verb, *_SUBJECT)) > 1 or not whole or whole[-1].dep_ == "cc" or _asks(head):
        return False
    inner = children(verb, "ccomp")
    if any(not child(t, *_SUBJECT, "expl", "csubj") for t in inner):
        return False
    if verb.lemma_ == "be" and (
        inner or (child(verb, "xcomp") and not child(verb, "acomp", "attr"))
    ):
        return False  # "the aim is to …"
    # "created and sold a board": the object of both comes later
    following = verb.nbor().lower_ if verb.i + 1 < len(verb.doc) else ""
    shares = any(child(t, "dobj") for t in children(verb, "conj"))
    own = child(verb, "dobj", "auxpass")
    return own is not None or not (shares and following in {"and", "or", ","})


def _asks(head: Token) -> bool:
    """`what duties`, `the growing of which`: no statement of its own."""
    for token in span(head):
        if token.tag_ in _ASKING:
            between = [t for t in token.ancestors if head in t.ancestors]
            if not any(t.dep_ in _INNER for t in between):
                return True
    return False


def _agree(head: Token, plural: bool, finite: Token) -> bool:
    """`Heartbeats … leads`: one of the two was misread."""
    single = finite.tag_ == "VBZ" or finite.lower_ == "was"
    many = finite.tag_ == "VBP" or finite.lower_ == "were"
    if head.lower_ in _EITHER_NUMBER or head.tag_ == "NNPS":
        return True
    return not (single and plural) and not (many and not plural and head.tag_ == "NN")
