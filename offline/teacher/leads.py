"""What opens a sentence before its subject: "In 1890,", "Built in 1890 by …,", "However,"."""

from __future__ import annotations

import re

from offline.teacher import english as en
from offline.teacher.grammar import tokenise
from offline.teacher.phrases import NAME, WHEN

_MARKER = re.compile(
    r"^(?:However|Today|For example|For instance|In addition|As a result|In fact|Nowadays|Also|"
    r"Originally|Moreover|Furthermore|Then|Now|Similarly|Finally|Eventually|Later|At first|"
    r"Sometimes|Usually|Normally|Still|Additionally|Generally|Presently|Typically|Currently|"
    r"Accordingly|Consequently|In general|In practice|In short|In particular|Specifically|"
    r"Alternatively|Optionally|Likewise|Hence|Fortunately|Unfortunately|On the other hand|In "
    r"other words|So|Hence|Of course|Nevertheless|Ideally|That said|First|Second|Third|Next|"
    r"As always|Yes|No|Instead|Thus|Therefore|In the end|After all), "
)
# Whom a document means by "we": a placeholder until its title and text say who may write it.
AUTHORS = "the authors"
# What a document calls itself.
ITSELF = (
    r"(?:library|package|module|document|software|licen[cs]e|policy|manual|project|tool|program|"
    r"utility|[Ll]icen[cs]e|[Aa]greement|handbook|agreement|guide|book|site|article|report|"
    r"repository|plan|act|plugin|"
    r"framework|implementation|terms|conditions|guidelines|rules|page|section|notice)"
)
_LEAD = re.compile(
    r"^(?:Prior to|Ahead of|According to|Due to|Because of|Despite|Throughout|Through|Instead of|"
    r"In addition to|Regardless of|Based on|Following|Among|When|While|Unlike|To|If|Once|Upon|With|"
    r"Without|As|In|On|At|By|Since|From|During|After|"
    r"Before|Until|For|Between|Under|Near|Behind|Every|"
    r"Inside|Outside|Off|Above|Below|Each|Within|Around)\s[^,;:]{2,90}"
)
_BARE_DATE = re.compile(r"^(?:In|On|Since|By) [^,]{0,24}?\b(?:1\d{3}|20\d{2})(?= [a-zA-Z])")
_BARE_PLACE = re.compile(r"^(?:At|In|On|Off|Near) (?:[A-ZÀ-Þ][\w’-]* ?){1,3}(?= (?:the|a|an) )")
_LOOSE_LEAD = re.compile(
    r"^(?:In|On|After|By|At|During|Since|For|From|Under|Before|Until) (?:(?:the|a|an) )?"
    rf"(?:[a-z0-9][\w.'’-]* |(?:{en.MONTHS}) )+?(?=(?:the |a |an )?(?!{en.MONTHS}|I\b)[A-Z])"
)


_IN_FULL = {"ll": "will", "re": "are", "ve": "have", "s": "is"}


def in_full(text: str) -> str:
    """`You’ll get` → "You will get"; `it's` is "it is"."""
    return re.sub(
        r"\b([Yy]ou|[Ww]e|[Tt]hey|[Ii]t|[Tt]here)['’](ll|re|ve|s)\b",
        lambda found: f"{found[1]} {_IN_FULL[found[2]]}",
        text,
    )


def without_marker(text: str) -> str:
    """`However, the light itself was moved.` → "the light was moved\""""
    body = _MARKER.sub("", in_full(text.rstrip('.!"” '))).strip()
    body = re.sub(r"^(?:Please )?[Nn]ote that (?=\w)", "", body)
    body = re.sub(rf"^Th(?:is|ese) (?={ITSELF}\b)", "The ", body[:1].upper() + body[1:])
    body = re.sub(r"^(?:Starting|Beginning) (?=in \d{4})", "", body)
    body = body[:1].upper() + body[1:] if body[:3] == "in " else body
    return re.sub(
        r"(?<! for)(?<! by)(?<! of) (?:it|him|her)self(?= (?:is|was|has|had)\b)", "", body
    )


def split_lead(body: str) -> tuple[str, str, str]:
    """`In 1890, X moved` → ("in 1890", "", "X moved"); `Built in 1890, X …` → ("", "built …", …)"""
    match = _BARE_PLACE.match(body)
    if match:
        return body[0].lower() + match.group()[1:].strip(), "", body[match.end() :].strip()
    match = _BARE_DATE.match(body) or _LEAD.match(body)
    rest = body[match.end() :] if match else ""
    if match and not rest.startswith((", and ", ", or ", ", but ")):
        lead = match.group()[0].lower() + match.group()[1:]
        dated = WHEN.match(lead)
        if rest.startswith(", ") or (dated and dated.end() == match.end()):
            # "In Kovalam, South West India, a reef …"
            region = re.match(rf", (?:{NAME}), (?=(?:the|an?) )", rest)
            if region and re.fullmatch(r"[io]n [A-ZÀ-Þ][^\d]*", lead):
                return lead, "", rest[region.end() :]
            aside = re.match(r", (?:as|in|with|at|on|after) [^,]{3,40}, (?=[A-Z]|the )", rest)
            return lead, "", rest[aside.end() :] if aside else rest.lstrip(", ")
        if dated:
            return lead[: dated.end()], "", body[dated.end() :].lstrip(", ")
    if match:
        return _loose_lead(body)
    first, _, _ = body.partition(" ")
    if first.lower() in en.PARTICIPLE and first.lower() not in en.BASES - {"found"}:
        opening, comma, rest = body.partition(", ")
        if comma and len(opening.split()) >= 3:
            return "", opening[0].lower() + opening[1:], rest
    return "", "", body


def _loose_lead(body: str) -> tuple[str, str, str]:
    """`In the fog of May 1962 Agnes Rowan brought …`: a lead that no comma ends."""
    loose = _LOOSE_LEAD.match(body)
    if loose is None:
        return "", "", body
    words = loose.group().split()
    if len(words) < 3 or words[-1] in en.PREPOSITIONS | en.DETERMINERS | en.CONJUNCTIONS | {"of"}:
        return "", "", body
    lead = "" if en.POSSESSIVES & set(words) else loose.group().strip()
    return lead[:1].lower() + lead[1:], "", body[loose.end() :]


def is_imperative(text: str, *, alone: bool = False) -> bool:
    """`Run the tests` · `Do not open it`; not "Support is free" or "Users run it".

    alone: a main clause behind its condition, where a bare noun seldom opens.
    """
    tokens = tokenise(text)
    words = [word.low for word in tokens]
    if re.match(r"(?:do not|don't|don’t|never|always) [a-z]", text, re.IGNORECASE):
        words = words[(words[0] == "do" and 2) or 1 :]
    if len(words) < 2 or words[0] not in en.BASES - {"have", "be", "do"} | {"ensure", "note"}:
        return False
    if words[0] in {"note", "see", "let"}:
        return False
    following = words[1]
    if alone and text[0].islower() and not set(words[1:5]) & en.AUXILIARIES | {"of"} & {following}:
        return words[0] != "welcome" and following not in en.PRESENT and following not in en.PAST
    told = set(words[2:10]) & en.BE and not set(words[2:10]) & (en.SUBORDINATORS | {","})
    if following in en.PREPOSITIONS and told:
        return False  # "Work on the land was begun"
    opens = following in en.OPENERS | en.PREPOSITIONS | {"only", "that", "us"}
    return (opens or not following.isalpha() or following[0].isdigit()) and following not in {
        "of",
        "'",
        "’",
        ",",
        "-",
    } | en.AUXILIARIES
