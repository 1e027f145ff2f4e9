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


# Words that no whole phrase ends with.
LOOSE = re.compile(
    r"\b(?:the|an?|of|to|and|or|for|with|in|on|at|by|from|as|is|are|was|be|has|have|that|which|"
    r"about|example|shortly|immediately|right|soon|not|very|more|e\.g|i\.e|etc|like|such as|via|"
    r"including|into|than|see|even|only|just|particularly|especially|typically|except|because|so|"
    r"where|when)$",
    re.IGNORECASE,
)
PREPOSITIONAL = frozenset(
    "choose between|choose from|apply to|consist of|depend on|rely on|refer to|belong to|"
    "lead to|result in|focus on|serve as|act as|run as|work as|come as|appear as|account for|"
    "comply with|conform to|contribute to|correspond to|specialise in|specialize in|"
    "operate on|point to|relate to|respond to|stand for|expand to|default to|map to|"
    "translate to|amount to|begin with|start with|end with|deal with|report to|"
    "pay for|ask for|care for|look after|connect to|adhere to|agree to|participate in|"
    "engage in|look for|wait for|vote on|vote for|come with|operate under|date from|"
    "consist in|work with|run on|integrate with|interact with|communicate with|stem from|"
    "result from|derive from|center on|centre on|aim at|aim for|qualify for|provide for|"
    "allow for|prepare for|hold for|extend to|listen on|listen to".split("|")
)
PEOPLE = re.compile(
    r"\b(?:children|mothers|parents?|anyone|employees?|customers?|users?|teammates?|people|teams?|candidates?|everyone|"
    r"members?|"
    r"you|staff|"
    r"managers?|students?|volunteers?|residents?|neighbou?rs?|developers?|engineers?|colleagues?|"
    r"contributors?|persons?|\w+selves|yourself)\b"
)
