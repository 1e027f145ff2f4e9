"""Word lists and patterns of plain statements: what names nothing, where an answer may end."""

from __future__ import annotations

import re

from offline.teacher.leads import ITSELF

LONGEST = 24  # words of an answer
# A subject that these words open or hold names nothing by itself.
UNNAMED = re.compile(
    rf"\b(?:th(?:is|ese)(?! (?:[A-Z]\w+ )?{ITSELF}\b)|those|(?<!\w )that|such|same|others|another|"
    rf"following|above|below|former|"
    r"latter|previous|next|(?:first|second|third|last)(?! [\w-]+ (?:of|in|to|for)\b)|ones?|it|its|"
    r"he|she|his|her|they|their|them|we|us|"
    r"usual|i|my|what|there|here|both|instead|none|nothing|every(?:body|one)|anything|something|"
    r"everything|examples?|reason|result|"
    r"way(?! to\b)|idea|point|problem|case|rest|thing|things|also|not|no|said|particular|fact|few|"
    r"many|some|"
    r"several|people|part|recent|little|much)\b",
    re.IGNORECASE,
)
# Which one, only the lines before would tell.
ANY_OF_ITS_SORT = (
    r"the (?:function|method|class|callable|option|value|time|argument|parameter|result|object|"
    r"record|string|list|number|command|field|input|output|input data|instance|user|recipient|"
    r"second|item|element|name|key|other|section|step|type|flag|attribute|property|variable)s?"
)
OPENS_NOUN = re.compile(
    r"(?!as\b|is\b|was\b)(?:the|an?|any|all|each|every|no|its|their|your|both|two|three|four|"
    r"several|many|more|only|at "
    r"least|up to|one|[£$€]?\d[\d.,]*|[A-Z][\w’'.-]*|[a-z][\w/-]*s|[a-z][\w/-]* (?:and|or|of) "
    r"[a-z][\w/-]*"
    r"|[a-z][\w/-]* [a-z][\w/-]*(?:s|ion|ment|ity|ness|ing|ance|ence|ance|ware|ship|time|ure|"
    r"age))\b"
)
# Words that point outside the text; "copies that you sell", "if there is none" and "if it is
# possible" do not, nor does a pronoun that a noun of the text stands before.
_POINTING = re.compile(
    rf"\b(?:th(?:is|ese)(?! (?:[A-Z]\w+ )?{ITSELF}\b)|those(?! (?:who|that|which|of)\b)|"
    rf"such(?! as\b)|same|"
    r"(?:above|below)(?! \w)|the following|following$|previous|preceding|former|latter|otherwise|"
    r"all (?:two|three|four|five)|here|he|she|him|i|me|my|"
    r"else|so|then|(?:the|each) other|others|another|ones?|also|etc|e\.g|i\.e"
    r"|there(?! (?:is|are|was|were|has|have|will|may|can)\b))\b"
    r"|(?:^|\b(?:and|or|in|on|at|for|to|of|by|with|from|do|like|after|before|than|as|is|about) )"
    r"that\b|\bthat$",
    re.IGNORECASE,
)
_MEANT = re.compile(
    r"\b(?:it|they|them|its|their)\b(?! is (?:not )?(?:possible|necessary|impossible|clear|likely|"
    r"important|required)\b)",
    re.IGNORECASE,
)
_NOUN = re.compile(r"\b(?:the|an?|any|each|every|all|your|our|some|no) \w+|\w{3}s\b|[A-Z][a-z]")


def points(text: str) -> bool:
    """Does the text need the sentence before it, or another part of its own sentence?"""
    pronoun = _MEANT.search(text)
    meant = pronoun is None or _NOUN.search(text, 0, pronoun.start())
    return not meant or _POINTING.search(text) is not None


# Behind these, an answer would hold a second statement.
SECOND = re.compile(
    r"[;:–—]| and \\w+ that\\b|, (?:so|with|then|not|but|which|who|as|if|when) |\bbut\b"
)
# What may follow a whole phrase; and what still belongs to it.
ASIDE = re.compile(
    r"$|;|,? (?:but|because|although|though|while|whereas|so that)\b|"
    r", (?:which|who|where|whose|even|as)\b"
)
BELONGS = re.compile(r" (?:that|who|which|where|whose|how|what|whether)\b")
LOOSE = re.compile(
    r"\b(?:the|an?|of|to|and|or|for|with|in|on|at|by|from|as|is|are|be|into|about|like|via|"
    r"including)$"
)
ENDS_ON = "in|under|within|upon|of|to|by|for|from|with|as|into|through|via|against|on"
ADVERBIAL = (
    r"(?:in (?:order|addition|case|general|part|fact|accordance|turn|advance|use|time|writing|"
    r"person|"
    r"full|total|parallel|practice|response|particular|this|place|good)|of (?:course|late)|to "
    r"(?:date|"
    r"some|a large|a great)|by (?:default|hand|mail|email|then|now)|for (?:example|instance|now|"
    r"free)|"
    r"under (?:way|no)|at (?:least|most|all|any)|on (?:time|top|average|behalf|"
    r"an? (?:\w+ )?basis))\b"
)
# Adjectives with a preposition that is theirs.
ABLE = re.compile(r"(?P<head>able|unable|welcome|eligible|free|willing|entitled|ready|likely) to ")
RELATION = re.compile(
    r"(?P<head>(?:responsible|eligible|available|valid|suitable|ideal|necessary|essential|useful|"
    r"known|notable|famous|liable|free|required|mandatory|important|relevant|responsible|critical|"
    r"helpful) for|(?:entitled|subject|equal|equivalent|similar|identical|"
    r"relative|limited|specific|open|committed|prone|close|related|opposed|due|exposed|attached|"
    r"dedicated|accessible|available) to|(?:compatible|consistent|familiar|synonymous) with|"
    r"(?:capable|"
    r"aware|typical|independent|full|representative|composed) of|(?:dependent|based|reliant|"
    r"contingent) on|(?:different|absent|exempt|free|separate) from|(?:rich|interested|involved) in"
    r") (?P<what>.+)"
)
WEAK_VERBS = frozenset(
    "be have do get go come become seem appear think know feel remain start begin continue try "
    "happen look sound stay act work help say tell consist belong result depend lead refer "
    "differ vary occur live stand lie run fall rise take make let need want keep put turn call "
    "see give bring set serve range measure weigh last cost".split()
)
PREPOSITIONAL = frozenset(
    "choose between|choose from|apply to|consist of|depend on|rely on|refer to|belong to|"
    "lead to|result in|focus on|serve as|act as|run as|work as|come as|appear as|account for|"
    "comply with|conform to|contribute to|correspond to|specialise in|specialize in|"
    "operate on|point to|relate to|respond to|stand for|expand to|default to|map to|"
    "translate to|amount to|begin with|start with|end with|deal with|report to|"
    "pay for|ask for|care for|look after|connect to|adhere to|agree to|participate in|"
    "engage in|look for|wait for|vote on|vote for".split("|")
)
PEOPLE = re.compile(
    r"\b(?:children|mothers|parents?|anyone|employees?|customers?|users?|teammates?|people|teams?|candidates?|everyone|"
    r"members?|"
    r"you|staff|"
    r"managers?|students?|volunteers?|residents?|neighbou?rs?|developers?|engineers?|colleagues?|"
    r"contributors?|persons?|\w+selves|yourself)\b"
)
# "is required to sign": an infinitive; "is limited to line managers": a noun.
BOUND = frozenset(
    "used required asked expected encouraged allowed permitted designed intended authorized "
    "authorised assigned obliged obligated entitled forced elected appointed set advised "
    "supposed configured built made told invited trained meant prohibited urged reminded chosen "
    "instructed directed enabled empowered created employed ordered hired programmed "
    "prepared".split()
)
# "the right to end it": the infinitive is the noun's.
NO_AIM = re.compile(
    r"(?:ly|like)$|^(?:taken|made|done)$|^\w+ly\b|\b(?:if|when|that|who|which|how|what|whether)\b|"
    r"\b(?:right|ability|way|permission|need|option|effort|attempt|plan|decision|request|chance|"
    r"responsibility|opportunity|time|duty|power|reason|freedom|steps?|licen[cs]e|access|how|what|"
    r"people|things?|items?|list|obligations?|commitment|desire|authority|consent|changes?|"
    r"response|due|up|able|about|data|order)s?$"
)
MAKES_DO = frozenset(
    "allow enable cause require encourage permit ask invite advise urge remind expect tell "
    "instruct authorize authorise force help".split()
)
RESOLVED = frozenset(
    "wish need try agree decide plan want intend offer promise propose refuse vote aim".split()
)
TOLD = frozenset(
    "say note mention state argue claim suggest report believe propose recommend announce "
    "explain indicate ensure show find agree decide confirm mean guarantee imply require specify "
    "assume prove demonstrate conclude estimate hope consider".split()
)
