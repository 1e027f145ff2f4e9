"""Word lists and patterns of plain statements: what names nothing, where an answer may end."""

from __future__ import annotations

import re

from offline.teacher.leads import ITSELF

LONGEST = 16  # words of an answer
# A subject that these words open or hold names nothing by itself.
UNNAMED = re.compile(
    r"\b(?:this|these|those|that|such|same|others|another|following|above|below|former|"
    r"latter|previous|next|first|second|third|last|one|ones|it|its|he|she|his|her|they|their|"
    r"them|we|our|us|i|my|which|who|what|there|here|both|none|nothing|anything|something|"
    r"everything|example|reason|result|way|idea|point|problem|case|rest|thing|things|"
    r"also|not|no|above|said|particular|fact|few|many|some|most|several|people|part)\b",
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
    r"least|up to|one|\d[\d.,]*|[A-Z][\w’'.-]*|[a-z][\w/-]*s|[a-z][\w/-]* (?:and|or|of) "
    r"[a-z][\w/-]*"
    r"|[a-z][\w/-]* [a-z][\w/-]*(?:s|ion|ment|ity|ness|ing|ance|ence|ance|ware|ship|time|ure|"
    r"age))\b"
)
POINTS = re.compile(
    rf"\b(?:this(?! {ITSELF}\b)|these|those|such|same|above|below|following|former|latter|it|he|"
    rf"she|him|they|them|"
    r"i|we|us|our|me|my|here|there|so|then|one|ones|otherwise|e\.g|i\.e|etc|else)\b",
    re.IGNORECASE,
)
# Behind these, an answer would hold a second statement.
SECOND = re.compile(
    r"[;:–—]|, (?:and|or|so|with|\w+ing|then|not|but|which|who|as|if|when) |\bbut\b"
)
# What may follow a whole phrase; and what still belongs to it.
ASIDE = re.compile(
    r"$|;|,? (?:but|because|although|though|while|whereas|so that)\b|, (?:which|who|where|whose|if|"
    r"unless|even|as)\b"
)
BELONGS = re.compile(
    r" (?:that|who|which|where|whose|when|if|unless|how|what|whether|before|after|until)\b"
)
LOOSE = re.compile(
    r"\b(?:the|an?|of|to|and|or|for|with|in|on|at|by|from|as|is|are|be|into|about|like|via)$"
)
ENDS_ON = "in|under|within|upon|of|to|by|for|from|with|as|into|through|via|against|on"
THING = r"(?:the|an?|its|their|your|[A-Z][\w’'.-]*) ?[\w’'.-]*|[\w.-]*[_.\d/][\w.-]*$"
ADVERBIAL = (
    r"(?:in (?:order|addition|case|general|part|fact|accordance|turn|advance|use|time|writing|"
    r"person|"
    r"full|total|parallel|practice|response|particular|this|place|good)|of (?:course|late)|to "
    r"(?:date|"
    r"some|a large|a great)|by (?:default|hand|mail|email|then|now)|for (?:example|instance|now|"
    r"free)|"
    r"under (?:way|no)|at (?:least|most|all|any)|on (?:time|top|average|behalf))\b"
)
# Adjectives with a preposition that is theirs.
RELATION = re.compile(
    r"(?P<head>(?:responsible|eligible|available|valid|suitable|ideal|necessary|essential|useful|"
    r"known|notable|famous|liable) for|(?:entitled|subject|equal|equivalent|similar|identical|"
    r"relative|limited|specific|open|committed|prone|close|related|opposed|due|exposed|attached|"
    r"dedicated|accessible|available) to|(?:compatible|consistent|familiar|synonymous) with|"
    r"(?:capable|"
    r"aware|typical|independent|full|representative|composed) of|(?:dependent|based|reliant|"
    r"contingent) on|(?:different|absent|exempt|free|separate) from|(?:rich|interested|involved) in"
    r") (?P<what>.+)"
)
WEAK_VERBS = frozenset(
    "be have do get go come become seem appear think know feel remain start begin continue "
    "try happen look sound stay act work help say tell consist belong result depend lead refer "
    "differ vary occur live stand lie run fall rise take make let need want keep put turn call "
    "see give bring set serve range measure weigh last cost".split()
)
PREPOSITIONAL = frozenset(
    "apply to|consist of|depend on|rely on|refer to|belong to|lead to|result in|focus on|serve "
    "as|act as|"
    "account for|comply with|conform to|contribute to|correspond to|specialise in|specialize in|"
    "operate on|"
    "point to|relate to|respond to|stand for|expand to|default to|map to|translate to|amount to|"
    "begin with|"
    "start with|end with|deal with|work with|report to|pay for|ask for|care for|look after|"
    "connect to|"
    "adhere to|agree to|participate in|engage in|look for|wait for|vote on|vote for".split("|")
)
# An object, and the place, time, means or purpose behind it.
TREATED = re.compile(
    r"(?P<thing>(?:(?!(?:of|that|who|which|how|what|when|if|not)\b)[\w’'./-]+ ){1,7}?(?:of "
    r"(?:[\w’'-]+ ){1,3}?)?)"
    r"(?P<tail>(?:on|in|for|with|through|via|from|at|to|by|during|using|before|after|every|once|within|"
    r"into|until|under|over|as|per|across) .+)"
)
PEOPLE = re.compile(
    r"\b(?:employees?|customers?|users?|teammates?|people|teams?|candidates?|everyone|members?|you|staff|"
    r"managers?|students?|volunteers?|residents?|neighbou?rs?|developers?|engineers?|colleagues?|contributors?|persons?|\w+selves|yourself)\b"
)
NOT_DONE = frozenset(
    "hope look wait rely work talk agree focus deal care invite invest like love".split()
)
FOR_A_PURPOSE = frozenset(
    "use need offer provide create write run build hold follow take make add install open set "
    "enter "
    "complete send press click select".split()
)
RESOLVED = frozenset("agree decide plan want intend offer promise propose refuse vote aim".split())
TOLD = frozenset(
    "say note mention state argue claim suggest report believe propose recommend announce explain "
    "indicate ensure show find agree decide confirm mean guarantee imply require specify assume "
    "prove "
    "demonstrate conclude estimate hope consider".split()
)
