"""Questions and answers of people's own, to evaluate with or to train on: tables (tables.py)."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from lib.reading.assemble import Skipped, Text, as_read, assemble, clean
from lib.reading.tables import read_table, shown, structure, text_value
from lib.records import Document
from lib.settings import SetupError
from lib.text import one_line

ROW_ID = "train_file, row "  # the ids of its questions begin with this
# The second are those of our own format `eval`; then come those of Ragas, DeepEval, Langfuse,
# LlamaIndex, SQuAD and PubMedQA.
_QUESTION = ("question", "query", "user_input", "input")
_ANSWER = (
    *("answer", "gold_final_answer", "ground_truth", "expected_output", "reference"),
    *("expectedoutput", "reference_answer", "answers", "final_decision"),
)
_DOCUMENT = ("document", "document_id", "source", "title", "path", "source_file", "filename")
_PASSAGE = ("passage", "oracle_context", "context", "reference_contexts")
_QUOTE = ("quote", "evidence")
_REASONING = ("reasoning", "rationale", "cot_answer", "long_answer")
_DISTRACTORS = ("distractors", "negatives")
_LIST = re.compile(r"""\s*\[\s*['"].*['"]\s*\]\s*""", re.DOTALL)  # without commas: numpy's

Item = TypeVar("Item", bound="EvaluationItem")


@dataclass(frozen=True)
class EvaluationItem:
    """One question and the answer that counts as right."""

    row: int  # its number in the file, from 1; a CSV's header is not counted
    question: str
    answer: str
    more_answers: tuple[str, ...] = field(default=(), kw_only=True)  # that are right, too


@dataclass(frozen=True)
class Evidence:
    """What a row says of one document that holds its answer, or of a distractor."""

    document: str = ""  # its id, path or title
    passage: str = ""
    quotes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingItem(EvaluationItem):
    """Also where the documents hold the answer."""

    reasoning: str = ""  # may hold the markers of a label; "" = it is to be written
    evidence: tuple[Evidence, ...] = ()  # one for each oracle
    distractors: tuple[Evidence, ...] = ()


def read_evaluation_file(path: str | Path) -> list[EvaluationItem]:
    """`question,answer⏎Who lit the lamp?,the keeper` → one item; of equal rows the first.

    Rows that differ in the answer alone are printed.
    """

    def item(number: int, row: Mapping[str, Any]) -> EvaluationItem:
        question, (answer, *more) = text_value(row, *_QUESTION), _right_answers(row)
        return EvaluationItem(number, question, answer, more_answers=tuple(more))

    names = _QUESTION + _ANSWER
    columns = f"a question ({' or '.join(_QUESTION)}) and an answer ({' or '.join(_ANSWER)})"
    items = _answered(path, read_table(path, item, names=names, columns=columns))
    different: dict[tuple[str, ...], EvaluationItem] = {}
    for one in items:
        texts = one.question, one.answer, *one.more_answers
        different.setdefault(tuple(map(one_line, texts)), one)
    if again := len(items) - len(different):
        print(f"{path}: rows that repeat another one, which is asked once: {again:,}.")
    counts = Counter(question for question, *_ in different)
    if several := [question for question, number in counts.items() if number > 1]:
        print(
            f"{path}: questions with several answers, in rows of their own: {len(several):,} "
            f"(“{several[0][:100]}”). A reply can match only one: leave one row of each, with a "
            "list of its right answers."
        )
    return [*different.values()]


def read_training_file(path: str | Path) -> list[TrainingItem]:
    """`question,answer,quote⏎Who lit it?,the keeper,The keeper lit it.` → one item.

    A cell may hold a JSON list: several passages, documents or quotes are several oracles. Rows in
    HotpotQA's layout have `supporting_facts` and `context`: each title of the facts is an oracle,
    its sentences are quotes, the other passages are distractors. In PubMedQA's, the sections of the
    abstract are one passage. Of several right answers the first is the label's.
    """
    names = (*_QUESTION, *_ANSWER, *_DOCUMENT, *_PASSAGE, *_QUOTE, *_REASONING, *_DISTRACTORS)
    columns = (
        f"a question ({' or '.join(_QUESTION)}), an answer ({' or '.join(_ANSWER)}), and the "
        "document, passage or quote that holds it"
    )
    key = (*_QUESTION, *_ANSWER)
    items = _answered(path, read_table(path, _item, names=names, columns=columns, key=key))
    if several := sum(bool(one.more_answers) for one in items):
        print(
            f"{path}: questions with several right answers: {several:,}. The first is learnt, and "
            "of held-out rows it alone counts; in eval_file any of them does."
        )
    return items


def _answered(path: str | Path, items: list[Item]) -> list[Item]:
    """Those with an answer; the number of the others is printed."""
    answered = [one for one in items if one.answer]
    if without := len(items) - len(answered):
        print(f"{path}: questions that it says are unanswerable, left out: {without:,}.")
    if not answered:
        raise SetupError(f"{path} says of each of its questions that it has no answer.")
    return answered


def _item(number: int, row: Mapping[str, Any]) -> TrainingItem:
    if "final_decision" in row:  # PubMedQA's
        context = row.get("context")
        sections = context.get("contexts") if isinstance(context, Mapping) else row.get("contexts")
        if isinstance(sections, list):
            row = {**row, "context": "\n".join(map(str, sections))}
    if "supporting_facts" in row:
        evidence, distractors = _hotpot(row)
    else:
        evidence = _evidence(row)
        texts = map(as_read, _texts(row, _DISTRACTORS))
        distractors = tuple(Evidence(document=one_line(text), passage=text) for text in texts)
    question, (answer, *more) = text_value(row, *_QUESTION), _right_answers(row)
    reasoning = unicodedata.normalize("NFC", clean("\n".join(_texts(row, _REASONING)))).strip()
    said = one_line(question), answer, reasoning, evidence, distractors
    return TrainingItem(number, *said, more_answers=tuple(more))


def _right_answers(row: Mapping[str, Any]) -> list[str]:
    """Each once, in their order; [""] = the row says that its question has none.

    `"Ann"`, `["Ann"]`, and of several SQuAD's `[{"text": "Ann", "answer_start": 3}, …]`,
    `datasets`' `{"text": ["Ann", …], "answer_start": [3, …]}`, TriviaQA's
    `{"value": "Ann", "aliases": […]}`, or a list under `answers`.
    """
    given = [name for name in _ANSWER if name in row]
    # Ragas calls a model's answer `answer`; a `reference` beside one may be where it is from.
    if len(rivals := [name for name in given if name != "reference"]) > 1:
        raise ValueError(f"it has {' and '.join(rivals)}: leave the right one's column alone")
    name = next(iter(given), _ANSWER[0])
    value = structure(row[name]) if name == "answers" else row.get(name, "")
    if name == "answers" and isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        raise ValueError("its answers are a list that cannot be read: write it as JSON")
    found = [text_value({name: one}, name) for one in _each(value)]
    if name != "answers" and isinstance(value, list) and len({*found}) > 1:
        reason = "if each of them is right, name the column answers; else join them to one text"
        raise ValueError(f"its {name} is a list of {len({*found})}: {reason}")
    said = shown(row.get("is_impossible")).lower(), shown(row.get("answerable")).lower()
    return [""] if said[0] == "true" or said[1] == "false" else [*dict.fromkeys(found)] or [""]


def _each(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        value = [value[name] for name in ("value", "text", "aliases") if name in value] or value
    return [text for one in value for text in _each(one)] if isinstance(value, list) else [value]


def _evidence(row: Mapping[str, Any]) -> tuple[Evidence, ...]:
    """Several passages, or documents without passages, are one oracle each; quotes go to all: the
    finder knows which document holds which."""
    documents, passages, quotes = (
        list(map(as_read, _texts(row, names))) for names in (_DOCUMENT, _PASSAGE, _QUOTE)
    )
    passages = [re.sub(r"^<\d+-hop>\s*", "", passage) for passage in passages]  # Ragas'
    quotes = [quote.strip('"“”„«»') or quote for quote in quotes]  # marks of whoever quotes
    if len(documents) == 1 < len(passages):
        documents *= len(passages)
    pairs = list(zip_longest(documents, passages, fillvalue="")) or [("", "")] * bool(quotes)
    return tuple(Evidence(document, passage, tuple(quotes)) for document, passage in pairs)


def _texts(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """The text or texts under the first of the names that the row has."""
    name = next((name for name in names if name in row), "")
    value = row.get(name, [])
    if isinstance(parsed := structure(value), list):
        value = parsed
    elif isinstance(value, str) and _LIST.fullmatch(value):
        raise ValueError(f"its {name} is a list that cannot be read: write it as JSON")
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float) for one in values):
        raise ValueError(f"its {name} is neither a text nor a list of texts")
    return list(dict.fromkeys(shown(one) for one in values if shown(one).strip()))


def _hotpot(row: Mapping[str, Any]) -> tuple[tuple[Evidence, ...], tuple[Evidence, ...]]:
    """`{"supporting_facts": [["Velm", 0]], "context": [["Velm", ["A pier.", "It is long."]], …]}`

    Also `datasets`' form, with a list for each column: `{"title": […], "sent_id": […]}`.
    """
    try:
        passages = {
            as_read(title): [as_read(one_line(text)) for text in said]
            for title, said in _pairs(structure(row["context"]), "sentences")
        }
        facts = defaultdict[str, list[str]](list)
        for title, number in _pairs(structure(row["supporting_facts"]), "sent_id"):
            said = passages[title := as_read(title)]
            # Some of HotpotQA's facts name a sentence that its passage does not have.
            facts[title] += said[number : number + 1]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            "its supporting_facts and context do not have HotpotQA's layout, [[title, number], …] "
            f"and [[title, [sentence, …]], …] ({type(error).__name__}: {error})"
        ) from None
    every = {
        title: Evidence(title, one_line(" ".join(said)), tuple(facts.get(title, ())))
        for title, said in passages.items()
    }
    others = (one for title, one in every.items() if title not in facts)
    return tuple(every[title] for title in facts), tuple(others)


def _pairs(value: Any, second: str) -> Iterable[tuple[Any, Any]]:
    return zip(value["title"], value[second], strict=True) if isinstance(value, dict) else value


def documents_of(items: Sequence[TrainingItem], name: str) -> Iterator[Document | Skipped]:
    """Each different passage of the rows, and of their distractors, as a document, for a file that
    brings its own (doc_path is empty). `name` begins the ids."""
    seen = dict.fromkeys(
        ("" if one.document == one_line(one.passage) else one.document, one.passage)
        for item in items
        for one in (*item.evidence, *item.distractors)
        if one.passage
    )
    for number, (title, text) in enumerate(seen, start=1):
        id = f"{name}/{number}"
        try:
            yield assemble(Text(title, [text]), id=id, name=Path(name).stem)
        except ValueError as error:
            yield Skipped(id, str(error))
