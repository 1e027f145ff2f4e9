"""Quality gates: each refuses a question or an answer with a Rejection, which says why."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from lib.prompts.languages import is_in, language_name
from lib.prompts.student import (
    ANSWER_TAG,
    QUOTE_BEGIN,
    QUOTE_END,
    canonical,
    neutralise,
    parse_answer,
)
from lib.prompts.teacher import format_api_answer, is_none, parse_api_answer
from lib.reading.files.api import is_api_record
from lib.recipe import Recipe
from lib.records import Chunk, Question, Rejected
from lib.text import find_quote, holds, same_answer

# Part of the name of the teacher's questions. Raise it when the same replies would give other rows:
# after a change of a gate, of a parser, or of what counts as a repeat. A comment renames nothing.
GATES = 6

MAX_ANSWER_WORDS, MAX_PAIR_ANSWER_WORDS = 40, 150  # where max_answer_words is 0

MAX_QUESTION_WORDS = 60
# An unspaced script's words are its characters: 4 of them say about what one English word says.
MAX_QUESTION_CHARS = 400

_REMEDIES = {
    **dict.fromkeys(
        ("parsable", "quoted", "verbatim"),
        "Set prompt_variant to 'llama', for open models, or take another teacher.",
    ),
    "complete": "Raise max_question_tokens and max_cot_answer_tokens.",
    "refused": "Mend what the endpoint complains of (too many tokens: max_question_tokens, "
    "max_cot_answer_tokens, chunk_chars), or take another teacher.",
    "empty": "Set the reasoning parser of its server, if it thinks, or take another teacher.",
}

_LEANS_ON = re.compile(
    # One \b before all: the search is over at most places at once.
    r"\b(?:(?:this|these|those(?! (?:who|that|which|of|with|in|from))|the (?:above|given|provided|"
    r"following|preceding|aforementioned))\b"
    r"|the (?:passage|excerpt|snippet|paragraph|document|text|article|context)\b(?! (?:of|on|by|"
    r"called|titled|entitled|named)\b)"
    r"|(?:mentioned|described|listed|discussed|stated) (?:above|below|here)\b"
    r"|according to the author\b"
    # The same in other languages: "according to the text", "in this document".
    r"|(?:(?:laut|gemäß|nach) (?:dem|diesem) (?:text|dokument|abschnitt|auszug)"
    r"|(?:selon|d['’]après|dans) (?:le|ce) (?:texte|passage|document|paragraphe)"
    r"|(?:según|en) (?:el|este) (?:texto|pasaje|documento|párrafo)"
    r"|(?:secondo|in) (?:il|questo) (?:testo|brano|documento|passaggio)"
    r"|(?:segundo o|neste) (?:texto|trecho|documento)"
    r"|(?:theo|trong) (?:đoạn(?: văn)?|văn bản|tài liệu|bài viết))\b"
    r"(?! (?:d[aeiou]|del|von|der)\b))"
    r"|(?<![가-힣])(?:이|위|본) ?(?:문서|글|본문|지문|텍스트)(?:에|의|은|는|를|을|이|가)"
    r"|(?:この|上記の)(?:文書|文章|記事|テキスト)|(?:根据|这篇|上述)(?:文档|文章|段落|文本)",
    re.IGNORECASE,
)
# What a teacher puts around a quote of its own accord: “…”, **bold**
_AROUND = re.compile(r"""\A(?:["“”„«»*…\s]|\.{3})+|(?:["“”„«»*…\s]|\.{3,})+\Z""")
_QUOTED = re.compile(rf"({QUOTE_BEGIN}\s*)(.*?)(\s*{QUOTE_END})", re.DOTALL)
_BARE_PRONOUN = re.compile(
    r"^(?:\w+\s+){1,4}?"
    r"(?:(?:do|does|did|is|are|was|were|can|could|will|would|should|may|might|must)\s+"
    r"(?:it|he|she|they|we|you|i|its|his|her|their)|(?:has|have|had)\s+(?:it|he|she|they|we|you|i))\b",
    re.IGNORECASE,
)


def check_question(text: str, chunk: Chunk, recipe: Recipe, *, by_people: bool = False) -> None:
    """Raises Rejection. On API documentation a question is an instruction, and needs no question
    mark; nor do people's."""
    instruction = is_api_record(chunk.text)
    if not instruction and not by_people and not text.rstrip(' "”’»)').endswith(("?", "？", "؟")):
        raise Rejection("form", "it does not end in a question mark")
    if (count := len(text.split())) > MAX_QUESTION_WORDS:
        raise Rejection("form", f"{count} words, and at most {MAX_QUESTION_WORDS} are taken")
    if (count := len(text)) > MAX_QUESTION_CHARS:
        raise Rejection("form", f"{count} characters, and at most {MAX_QUESTION_CHARS} are taken")
    if neutralise(text) != text:
        raise Rejection("form", "it holds a marker of the prompts")
    if not instruction and (found := _LEANS_ON.search(text)):
        reason = f"“{found.group()}” points at a text that its reader will not see"
        raise Rejection("stands_alone", reason)
    if not instruction and (found := _BARE_PRONOUN.search(text)):
        reason = f"“{found.group().split()[-1]}” refers to nothing in the question"
        raise Rejection("stands_alone", reason)
    _check_language("it", text, recipe)


def check_given(question: Question, chunk: Chunk, recipe: Recipe) -> None:
    """Raises Rejection. People's questions may hold their answer: "Which is older, A or B?" """
    check_question(question.text, chunk, recipe, by_people=True)
    if neutralise(question.answer) != question.answer:
        raise Rejection("form", "its answer holds a marker of the prompts")
    _check_length(question.answer, recipe)


def check_whole(reply: str, finish_reason: str) -> None:
    """Raises Rejection: the reply is filtered, cut, refused or empty."""
    if finish_reason == "content_filter":
        raise Rejection("content_filter", "the teacher's content filter refused it")
    if finish_reason.startswith("refused"):
        raise Rejection("refused", f"the teacher refused it ({finish_reason[:300]})")
    if finish_reason == "length":
        raise Rejection("complete", "the reply was cut at its token limit")
    if not reply.strip():
        raise Rejection("empty", f"the reply is empty ({finish_reason})")


def unreadable(reply: str, finish_reason: str) -> "Rejection":
    """Why nothing could be read in a reply."""
    try:
        check_whole(reply, finish_reason)
    except Rejection as refusal:
        return refusal
    return Rejection("parsable", "the reply holds nothing of the form that was asked for")


def judge_answer(question: Question, chunk: Chunk, reply: str, recipe: Recipe) -> Question:
    """The question with its answer, when the teacher's reply passes every gate."""
    if is_api_record(chunk.text):
        return _judge_api_answer(question, chunk, reply, recipe)
    return _judge_cot(question, [chunk], reply, recipe)


def judge_given(
    question: Question, oracles: Sequence[Chunk], reply: str, recipe: Recipe, *, by_teacher: bool
) -> Question:
    """A question that came with its answer, when the reasoning (a teacher's, or else people's or
    made by rule) passes every gate and leads there, letter for letter."""
    if by_teacher and is_api_record(oracles[0].text):
        found = _judge_api_answer(question, oracles[0], reply, recipe)
    else:
        found = _judge_cot(question, oracles, reply, recipe, given=True)
    if not same_answer(found.answer, question.answer):
        said = f"it ends with “{found.answer[:80]}”, not with “{question.answer[:80]}”"
        raise Rejection("rationale", said)
    quotes = parse_answer(found.cot_answer).quotes
    for number, chunk in enumerate(oracles if by_teacher else (), start=1):
        if not any(find_quote(quote, chunk.text) for quote in quotes):
            raise Rejection("quoted", f"no quote of document {number}, “{chunk.title}”")
    reasoning, _, _ = found.cot_answer.rpartition(ANSWER_TAG)
    return replace(question, cot_answer=f"{reasoning}{ANSWER_TAG} {question.answer}")


def _judge_cot(
    question: Question, oracles: Sequence[Chunk], reply: str, recipe: Recipe, *, given: bool = False
) -> Question:
    """The question with its answer (`given`: check_given has judged it), each quote in an oracle's
    own characters."""
    cot_answer = canonical(reply)
    parsed = parse_answer(cot_answer)
    if parsed.refused or is_none(parsed.final_answer or cot_answer):
        raise Rejection("teacher_refused", "the teacher finds no answer in the document")
    if parsed.final_answer is None or not re.search(r"\w", parsed.final_answer):
        raise Rejection("parsable", f"no final answer behind {ANSWER_TAG}")
    if cot_answer.count(ANSWER_TAG) > 1:
        raise Rejection("parsable", f"{ANSWER_TAG} is in it more than once")
    if not given:
        _check_final(question, parsed.final_answer, recipe)
    if not parsed.quotes or cot_answer.count(QUOTE_BEGIN) != len(parsed.quotes):
        raise Rejection("quoted", "no quote, or one that is not closed")

    def own_words(quoted: re.Match[str]) -> str:
        begin, quote, end = quoted.groups()
        found = (find_quote(form, chunk.text) for form in _forms(quote) for chunk in oracles)
        own = next(filter(None, found), None)
        if own is None:
            raise Rejection("verbatim", f"not in the document: “{quote[:120]}”")
        return f"{begin}{own}{end}"

    cot_answer = _QUOTED.sub(own_words, cot_answer)
    if recipe.language:
        said = _QUOTED.sub(" ", cot_answer.partition(ANSWER_TAG)[0])
        _check_language("its reasoning", said, recipe)
    return replace(question, cot_answer=cot_answer, answer=parsed.final_answer)


def _forms(quote: str) -> Iterator[str]:
    """A quote, then without what teachers add: marks around it, a full stop, a capital."""
    yield quote
    plain = _AROUND.sub("", quote)
    for form in (plain, plain.rstrip(".,;:")):
        yield form
        yield form[:1].swapcase() + form[1:]


def judge_pair(question: Question, answer: str, recipe: Recipe) -> Question:
    """The question with a plain answer, when that passes the gates."""
    if parse_answer(answer).refused or is_none(answer):
        raise Rejection("teacher_refused", "the teacher finds no answer in the document")
    if not re.search(r"\w", answer):
        raise Rejection("parsable", "it has no answer")
    if neutralise(answer) != answer:
        raise Rejection("form", "its answer holds a marker of the prompts")
    _check_final(question, answer, recipe)
    _check_language("its answer", answer, recipe)
    return replace(question, answer=answer)


def _judge_api_answer(question: Question, chunk: Chunk, reply: str, recipe: Recipe) -> Question:
    """The instruction with its five fields; the call, verbatim in the record, is its answer (of a
    plain pair, the fields are)."""
    try:
        answer = parse_api_answer(reply)
    except ValueError as error:
        raise Rejection("parsable", str(error)) from None
    text = format_api_answer(answer)
    if neutralise(text) != text:
        raise Rejection("form", "it holds a marker of the prompts")
    call = find_quote(answer["api_call"], chunk.text)
    if call is None:
        raise Rejection("verbatim", f"not in the document: “{answer['api_call'][:120]}”")
    if holds(question.text, call):
        raise Rejection("told", "the instruction holds the call")
    if recipe.dataset_kind == "qa":
        return replace(question, answer=text)
    label = f"{QUOTE_BEGIN} {call} {QUOTE_END}\n{text}\n{ANSWER_TAG} {call}"
    return replace(question, cot_answer=label, answer=call)


def _check_final(question: Question, answer: str, recipe: Recipe) -> None:
    _check_length(answer, recipe)
    if holds(question.text, answer):
        raise Rejection("told", "the question holds its answer")


def _check_length(answer: str, recipe: Recipe) -> None:
    default = MAX_PAIR_ANSWER_WORDS if recipe.dataset_kind == "qa" else MAX_ANSWER_WORDS
    most = recipe.max_answer_words or default
    if len(answer.split()) > most or len(answer) > 10 * most:
        raise Rejection("length", f"the final answer has more than {most} words")


def _check_language(what: str, text: str, recipe: Recipe) -> None:
    language = language_name(recipe.language)
    if language and not is_in(text, language):
        raise Rejection("language", f"{what} is not in {language}")


def remedy(gate: str, recipe: Recipe) -> str:
    """What to do where a gate refuses most replies."""
    said = _REMEDIES.get(gate, "Look at the documents' text, or take another teacher.")
    is_set = f"'{recipe.prompt_variant}'" in said
    return "Take another teacher." if is_set else said


class Rejection(Exception):
    """A gate refuses a question or an answer."""

    def __init__(self, gate: str, reason: str) -> None:
        super().__init__(reason)
        self.gate, self.reason = gate, reason

    def of(self, question: Question, reply: str = "") -> Rejected:
        """The question as rejected, with its own answer or the reply that held none."""
        said = self.gate, self.reason, question.text, reply or question.cot_answer
        return Rejected(question.id, question.chunk_id, *said)
