"""Word lists: times, places, persons, and what names nothing by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from offline.teacher.tree import children, joined, phrase

if TYPE_CHECKING:
    from spacy.tokens import Token

MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
WEEKDAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
SEASONS = (
    "spring|summer|autumn|winter|christmas|easter|noon|midnight|midday|dusk|dawn|sunset|sunrise"
)
UNITS = (
    "seconds?|minutes?|hours?|days?|nights?|weeks?|fortnights?|months?|quarters?|years?|decades?|"
    "centur(?:y|ies)"
)
DATE = re.compile(
    rf"\b(?:1[0-9]{{3}}s?|20[0-9]{{2}}s?|{MONTHS}|{WEEKDAYS}|{SEASONS}|centur(?:y|ies)|"
    rf"\d{{1,2}}[:.]\d\d|o['’]clock|[ap]\.?m\.?)(?![\w-])",
    re.IGNORECASE,
)
CLOCK = re.compile(r"(?:\d{1,2}[:.]\d\d|noon|midnight|midday|.*o['’]clock)\b", re.IGNORECASE)
DURATION = re.compile(
    rf"(?:(?:about|around|roughly|nearly|almost|at least|at most|up to|more than|less than|over|"
    rf"only|just|exactly|another) )*(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|"
    rf"[a-z]+teen|[a-z]+ty(?:-[a-z]+)?|eleven|twelve|half an?|several|\d[\d.,]*)"
    rf"(?: (?:and|or|to) (?:an? half|[a-z]+|\d+))?(?: (?:full|whole|working|consecutive))* "
    rf"(?:{UNITS})(?: (?:and|or) [\w-]+ (?:{UNITS}))?",
    re.IGNORECASE,
)
OFTEN = re.compile(
    rf"(?:(?:at least |at most |about )?(?:once|twice|(?:two|three|four|five|six|\d+) times)"
    rf"(?: (?:an?|each|every|per) (?:{UNITS}))|(?:every|each) (?:other |[a-z]+ |\d+ )?"
    rf"(?:{UNITS}|{SEASONS}|{MONTHS}|{WEEKDAYS}))(?: or (?:so|two))?",
    re.IGNORECASE,
)
MONEY = re.compile(
    r"[£$€]|\b(?:euros?|pounds?|dollars?|crowns?|cents?|pence|francs?|krone[rn]?)$",
    re.IGNORECASE,
)
EXTENT = frozenset("long tall high wide deep thick old heavy broad far".split())
# A verb of being somewhere, whose "in …" or "at …" says where.
STAYS = frozenset(
    "stand lie live locate situate keep house store hang display bury base hold meet moor dwell "
    "reside stay sit hide mount install find park berth exhibit born bear".split()
)
PLACE = frozenset(
    "in at on near behind beside under between outside inside above below within along opposite "
    "off beneath beyond".split()
)
# "is protected with", "is made of": the preposition belongs to the verb.
TIED = frozenset("with of from by into for as".split())
PAIRS = frozenset(
    "consist of|depend on|rely on|refer to|belong to|lead to|result in|focus on|serve as|act as|"
    "work as|account for|comply with|conform to|contribute to|correspond to|stand for|"
    "specialise in|specialize in|date from|deal with|adhere to|base on|compare to|base upon|"
    "connect to|attach to|convert to|link to|limit to|replace by|come from|apply to|fit with".split(
        "|"
    )
)
PERSONS = frozenset(
    "child schoolchild schoolchildren children parent anyone everyone anybody everybody nobody "
    "someone somebody employee customer user teammate people candidate member manager student "
    "volunteer resident neighbour neighbor developer engineer colleague contributor person "
    "architect captain harbourmaster keeper designer inventor founder master surveyor builder "
    "fisherman farmer merchant sailor skipper painter sculptor author writer scientist professor "
    "teacher mayor queen king prince bishop priest monk officer pilot mechanic carpenter mason "
    "brewer baker cook clerk explorer director chairman chair president secretary treasurer "
    "coxswain nurse patient guest tenant pupil trainee apprentice trustee applicant "
    "representative adviser advisor steward porter supervisor technician researcher participant "
    "guardian widow son daughter brother sister father mother wife husband girl boy woman man "
    "staff crew adult beginner visitor contractor inspector instructor sponsor owner player "
    "buyer seller passenger lawyer reader speaker worker leader rider surfer swimmer competitor "
    "actor doctor electrician expert councillor islander borrower lender lecturer assistant "
    "professional practitioner stakeholder maintainer reviewer interviewer judge heir glassmaker "
    "beekeeper cyclist hiker walker climber buddy friend family academic accountant individual "
    "activist administrator adolescent alumnus american ancestor analyst artist astronomer "
    "athlete attendee attorney aunt baby banker biologist businessman carer caregiver caretaker "
    "chemist citizen clergy coach colonist commissioner composer consultant consumer coordinator "
    "craftsman critic dancer deacon defendant delegate dentist descendant detective diplomat "
    "donor economist elder employer entrepreneur european facilitator firefighter freshman "
    "gentleman governor graduate grandchild grandfather grandmother grandparent hero hunter "
    "immigrant infant inhabitant investor journalist juror knight labourer laborer lady landlord "
    "learner magistrate mentor midwife minister missionary newborn newcomer novelist nun "
    "observer occupant opponent organiser organizer pastor peasant pharmacist philosopher "
    "physicist pioneer poet prisoner programmer progressive rabbi reformer refugee reporter "
    "scholar senator servant settler shareholder shopper sibling singer slave soldier specialist "
    "spouse supporter surgeon survivor taxpayer teenager therapist toddler trader trainer "
    "traveler traveller tutor uncle undergraduate veteran victim viewer villager voter waiter "
    "warrior witness youngster kiter registrar bursar curator warden vicar courier cashier "
    "concierge chef dean provost rector principal sheriff constable sergeant intern vet patron "
    "emperor empress duke duchess baron abbot abbess bailiff envoy consul deputy chairperson "
    "spokesperson superintendent attendant aide referee umpire cousin nephew niece mum dad "
    "claimant complainant diver racer maker miner usher rower offender".split()
)
_BARE = frozenset(
    "anyone everyone anybody everybody nobody someone somebody people staff crew family".split()
)
_TRADE = re.compile(
    r"[a-z]{3,}(?:smith|wright|keeper|ologist|ographer|boarder|[cr]ian|naut|(?:wo|s)m[ae]n)s?"
)
GROUPS = frozenset(
    "company board council trust society university association federation club authority "
    "ministry department institute institution agency commission committee guild union "
    "corporation foundation college government navy army team consortium cooperative organisation "
    "organization firm police parliament court congress ltd inc co".split()
)
TITLES = frozenset(
    "mr mrs ms miss dr mr. mrs. ms. dr. captain capt. professor prof. sir lady lord queen king "
    "prince princess father sister admiral lieutenant major colonel mayor bishop saint".split()
)
# "the client", "the departmental heads": a person or a thing?
_PEOPLE = re.compile(r"French|Dutch|[A-Z]\w+(?:ish|ese|ians?)")  # "the French": a people, a tongue?
EITHER = frozenset(
    "head client host agent household world public royalty culture tribe "
    "nation generation population community".split()
)
_TOOLS = frozenset("reader player writer worker master driver manager".split())  # "screen reader"
# "thousands of consumers": what kind they are, the noun behind "of" says.
QUANTITIES = frozenset(
    "number majority rest half lot hundred thousand million dozen group couple".split()
)
# Of what, the next words say.
RELATIVE = frozenset(
    "advantage aim aspect benefit cause consequence difference disadvantage effect goal opposite "
    "origin outcome premise purpose reason reverse sign symptom".split()
)
# Names that begin or end with these are no persons'.
PLACES = frozenset("fort mount lake port cape bay river street road house hall island".split())
# In -er and -or, but no persons. Of others nobody knows: "scanner", "tracker".
THINGS = frozenset(
    "anchor answer banner behavior boiler browser buffer burner butter cancer center chamber "
    "chapter character charter cluster color compressor computer conductor connector container "
    "controller copper corner corridor counter detector dinner disaster disorder elevator "
    "encounter error exterior extractor factor favor filter finger flavor floor folder generator "
    "harbor header heater indicator interior labor ladder leather letter marker matter mirror "
    "monitor motor newsletter number parameter pepper pointer poster powder printer quarter "
    "radiator reactor register roller router rubber sensor server shelter shoulder silver summer "
    "supper theater timber transfer voucher washer weather winter door water paper power tower "
    "layer river lever meter cover fiber order timer liter laser ruler cider fever liver sewer "
    "ether offer tuber liner".split()
)
# Verbs that say little without more, nouns of a span of time, prepositions before a count.
LIGHT_VERBS = frozenset("have be get make do take give let see want keep call become seem".split())
SPANS = frozenset(
    "year spring summer autumn winter century season afternoon morning evening month day end "
    "beginning start".split()
)
COUNTING = frozenset({"to", "by", "into", "at", "of"})
OCCASIONS = frozenset("if when unless before after once until whenever while".split())
ANYBODY = frozenset("you people anyone everyone some".split())
NO_PLACE = re.compile(
    r"[£$€\d][\d.,]*$|\b(?:time|turn|cases?|UTC|order|use|advance|common|pairs?|groups?|progress|charge|"
    rf"dispute|doubt|{UNITS})$"
)
# Words that no whole phrase ends with.
LOOSE_END = re.compile(
    r"\b(?:the|an?|and|or|but|that|which|who|is|are|was|were|be|has|have|its|their|your|his|her|"
    r"can|could|may|might|must|shall|should|will|would|do|does|very|more|most|than|if|when|because|"
    r"where|not|e\.g|i\.e|to|such|as well|respectively|whether|including|even|only|so|as|of all)$",
    re.IGNORECASE,
)


def is_time(text: str) -> bool:
    return bool(DATE.search(text) or DURATION.search(text) or OFTEN.search(text))


def is_somebody(noun: Token) -> bool:
    """`a member`, `divers who …`: a noun for people."""
    stem = noun.lemma_.lower().rpartition("-")[2]  # "Vice-President"
    forms = {noun.lower_, stem, noun.lower_.removesuffix("s")}
    named = forms & PERSONS or _TRADE.fullmatch(noun.lower_)
    bare = noun.tag_ == "NN" and noun.lower_ not in _BARE and not list(noun.lefts)
    return bool(named) and noun.tag_ != "VBG" and not bare  # "man expects a command"


def who_or_what(head: Token, *, acts: bool = False) -> str:
    """The question word for a noun; "" for a name of which nobody knows what it names."""
    kinds = {_sort(one, acts=acts) for one in joined(head)}
    return kinds.pop() if len(kinds) == 1 else ""


def _sort(head: Token, *, acts: bool) -> str:
    low, of = head.lower_, next((t for t in children(head, "prep") if t.lower_ == "of"), None)
    of = None if low == "number" and determiner(head) == "the" else of
    if head.lemma_ in QUANTITIES and of is not None and (counted := children(of, "pobj")):
        return _sort(counted[0], acts=acts)
    if low in {"who", "whoever"}:
        return "Who"
    if head.pos_ == "PROPN" or (
        head.ent_type_ in {"PERSON", "ORG", "GPE"} and head.text[0].isupper()
    ):
        if is_person(head):
            return "Who"
        if is_somebody(head) or (low == "chair" and determiner(head)):
            # "All Officers"; "the Laughing Surveyor" may be an inn
            return "" if any(t.text.istitle() for t in head.children if t.i > 0) else "Who"
        if _PEOPLE.fullmatch(head.text):
            return ""
        article = any(token.lower_ in {"the", "a", "an"} for token in head.children)
        if low in GROUPS:
            return "Who" if acts else "What"
        # "Hugo", "Drake", "the AE": may be a person
        return "What" if article and not (head.is_upper and len(head) < 5) else ""
    if is_somebody(head):
        tool = head.lemma_ in _TOOLS and any(t.pos_ == "NOUN" for t in children(head, "compound"))
        return "" if tool else "Who"
    if low in GROUPS:
        thing = low == "board" and acts and head.text.islower()  # "a board in the water"
        return "" if thing else "Who" if acts else "What"
    # "server", "damper", "power": a doer or a thing?
    doer = re.fullmatch(r"[a-z]{2,}[^aeiou]ers?|[a-z]{3,}(?:or|ist|ee|eer)s?", low)
    if head.lemma_.lower() in EITHER or (doer and head.lemma_.lower() not in THINGS):
        return ""
    common = head.text.islower() or (head.i == head.doc[0].i and not head.ent_type_)
    return "What" if common and head.pos_ in {"NOUN", "VERB", "ADJ"} else ""


def is_person(head: Token) -> bool:
    """A name with a title or of two words that reads as a person's, or a bare part of one."""
    if any(t.lower_ == "who" for clause in children(head, "relcl") for t in clause.children):
        return True
    name = [token for token in phrase(head) if token.pos_ == "PROPN"]
    if not name or any(t.dep_ == "poss" for t in head.children):
        return False  # "Mayor Burns' Jacksonville Story"
    if name[0].lower_ in TITLES:
        return True
    if any(token.lower_ in GROUPS | PLACES | {"&"} for token in phrase(head)[: len(name) + 2]):
        return False
    if any(t.lower_ in {"the", "a", "an"} for t in head.children):
        return False
    return (
        head.ent_type_ == "PERSON"
        and len(name) > 1
        and all(re.fullmatch(r"[^\W\d_][\w.’'-]*", t.text) for t in name)
    )


def determiner(head: Token) -> str:
    found = [t for t in children(head, "det", "poss", "predet") if t.i < head.i]
    return found[0].lower_ if found else ""
