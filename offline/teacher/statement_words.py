"""Word lists and patterns of plain statements: what names nothing, where an answer may end."""

from __future__ import annotations

import re

from offline.teacher import english as en
from offline.teacher.leads import ITSELF

LONGEST = 24  # words of an answer
# A subject that these words open or hold names nothing by itself.
UNNAMED = re.compile(
    rf"\b(?:th(?:is|ese)(?! (?:[A-Z]\w+ )?{ITSELF}\b)|those|(?<!\w )that|such|same|others|another|"
    rf"following|above|below|former|"
    r"latter|previous|next|(?:first|second|third|last)(?! [\w-]+ (?:of|in|to|for)\b)|ones?|it|its|"
    r"he|she|his|her|they|their|them|we|us|"
    r"usual|i|my|what|there|here|both|instead|none|nothing|nobody|every(?:body|one)|anything|something|"
    r"everything|examples?|reason|result|"
    r"way(?! to\b)|idea|point|problem|case|rest|thing|things|also|not|no|said|particular|fact|few|"
    r"many|some|"
    r"several|people|part|recent|little|much)\b|^(?:each|most|all|either|neither|more|fewer)$",
    re.IGNORECASE,
)
OPENS_NOUN = re.compile(
    r"(?!as\b|is\b|was\b)(?:the|an?|any|all|each|every|no|its|their|your|both|two|three|four|"
    r"several|many|more|only|at "
    r"least|up to|one|[£$€]?\d[\d.,]*|[A-Z][\w’'.-]*|[a-z][\w/-]*s|"
    r"[a-z][\w/-]* (?:and|or|of) [a-z][\w/-]*"
    r"|[a-z][\w/-]* [a-z][\w/-]*(?:s|ion|ment|ity|ness|ing|ance|ence|ance|ware|ship|time|ure|"
    r"age))\b"
)
PEOPLE = re.compile(
    r"\b(?:children|mothers|parents?|anyone|employees?|customers?|users?|teammates?|people|teams?|candidates?|everyone|"
    r"members?|"
    r"you|staff|"
    r"managers?|students?|volunteers?|residents?|neighbou?rs?|developers?|engineers?|colleagues?|"
    r"contributors?|persons?|\w+selves|yourself)\b"
)
# A "who" is safe for these alone: "server", "damper" and "power" look like trades, too.
DOERS = re.compile(
    rf"{PEOPLE.pattern}|(?:{'|'.join(sorted(en.PERSON_NOUNS))}|[a-z]*(?:[ip]ist|man|men|woman|smith|"
    r"wright|maker|keeper|owner|worker|leader|boarder|surfer|rider|ician|"
    r"(?<!place)holder)|(?:visit|act|competit|contract|invest|invent|inspect|instruct|edit|doct)or|"
    r"(?:lectur|driv|play|buy|sell|employ|own|passeng|begin+|law[yi]|command|read|speak)er)s?"
)
# What "it" can mean, and what "they" can: "a member … their card", too.
_ONE = re.compile(
    rf"\b(?:the|an?|any|each|every|your|our|some|no) (?!{PEOPLE.pattern})[\w’'-]*[^s\W]\b|[A-Z]\w"
)
_SEVERAL = re.compile(
    rf"\w[^siu\W]s\b|\b(?:and|who|{'|'.join(sorted(en.PERSON_NOUNS))}|{'|'.join(en.NUMBER_WORDS)})"
    rf"\b|{PEOPLE.pattern}"
)
_NUMBERS = "|".join(en.NUMBER_WORDS)
# Words that point outside the text; "copies that you sell", "if there is none" and "if it is
# possible" do not, nor does a pronoun that a noun of the text stands before.
_POINTING = re.compile(
    rf"\b(?:th(?:is|ese)(?! (?:[A-Z]\w+ )?{ITSELF}\b)|those(?! (?:who|that|which|of)\b)|"
    rf"such(?! as\b)|same(?!.* as\b)|"
    r"(?:above|below)(?! \w)|the following|following$|previous|preceding|former|latter|otherwise|"
    r"all (?:two|three|four|five)|here|he|she|him|i|me|my|else|(?:do|does|done|if|even) so|"
    r"so(?=[,.;?]|$)|etc|e\.g|i\.e|others|another|ones|(?:the|an?|new|last|each)(?: \w+)? one|"
    r"(?<!\band )(?<!\bor )(?<!\bor any )(?<!\band any )(?<!\bamong )other(?! than\b)"
    r"|(?<!\bare )(?<!\bwere )there(?! (?:is|are|was|were|has|have|will|may|can)\b))\b"
    r"|(?:^|\b(?:and|or|in|on|at|for|to|of|by|with|from|do|like|after|before|than|as|is|about) )"
    r"that\b(?! of\b)|\bthat$",
    re.IGNORECASE,
)
_MEANT = re.compile(
    r"\b(?:(?P<one>its|(?<!is )it)|they|them|their)\b(?! is (?:not )?(?:possible|"
    r"necessary|impossible|clear|likely|important|required)\b)",
    re.IGNORECASE,
)
# "it" and "them" behind a verb or a preposition mean no subject of the same clause.
_OBJECT = re.compile(
    r"\b(?!and |or |but |that |if |when |until |once |because |so |as |while |\w+ing )\w+ $"
)
_SAME_CLAUSE = rf"(?!\w)(?!.*\?.*\b(?:{'|'.join(sorted(en.SUBORDINATORS))})\b)"
# "more than half", "both", "the next", "two", whose noun stands in a sentence before.
_VERB = rf"(?:{'|'.join(sorted(en.AUXILIARIES | en.DO | en.ONLY_VERBS))})"
_AMOUNT = re.compile(
    r"(?<!\bby )(?<!than )(?<!\ba )\b(?:(?:more|less|fewer) than |about |over |nearly |almost )?"
    r"(?:an? |one |two )?"
    rf"(?:half|thirds?|quarters?|fifth|tenth)(?=[,;?]|$| {_VERB}\b)"
    rf"|\bthe (?:rest|remainder)\b(?! of\b)"
    rf"|\bthe (?:first|second|third|last|next)(?=[,;?]|$| {_VERB}\b)"
    r"|\bboth\b(?! (?:the|of the|\w+s (?:of|in)) |[^,;?]* and )"
    rf"|\b(?:most|many|some|several|few|fewer|more|each|either|neither|none|{_NUMBERS})"
    rf"(?= {_VERB}\b| of (?:[,;?]|$))",
    re.IGNORECASE,
)


def points(text: str, subject: str = "") -> bool:
    """Does the text need the sentence before it, or another part of its own sentence?

    subject: what "it" and "them" behind the verb cannot mean.
    """
    # "boards … than other boards"
    text = re.sub(r"(?i)(\b(\w{3,}?)(?:e?s)?\b.*)\bother (?=(?:[\w-]+ )?\2)", r"\1", text)
    for pronoun in _MEANT.finditer(text):
        before = text[: pronoun.start()]
        if subject and pronoun[0] in {"it", "them"} and _OBJECT.search(before):
            before = re.sub(rf"(?<!\w){re.escape(subject)}{_SAME_CLAUSE}", "", before)
        if not (_ONE if pronoun["one"] else _SEVERAL).search(before):
            return True
    return _POINTING.search(text) is not None or _AMOUNT.search(text) is not None


# Words that no whole phrase ends with.
LOOSE = re.compile(
    r"\b(?:the|an?|of|to|and|or|for|with|in|on|at|by|from|as|is|are|was|be|has|have|that|which|"
    r"about|example|shortly|immediately|right|soon|not|very|more|e\.g|i\.e|etc|like|such as|via|"
    r"including|into|than|see|even|only|just|particularly|especially|typically|except|because|so|"
    r"where|when|(?<!at )once)$",
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
