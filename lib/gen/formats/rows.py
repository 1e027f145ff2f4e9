"""The formats of `convert`: each a function of one `hf` row, ours or of another tool, that yields
the rows of its format, and a reason for whatever it leaves out."""

from collections.abc import Iterator, Mapping, Sequence

from lib.dataset import BETWEEN_ORACLES, Row, Rows, chat_row, oracle_places, prompt_messages
from lib.duplicates import conflicts
from lib.prompts.student import REFUSAL, parse_answer, parse_prompt, plain_prompt, student_question
from lib.records import Chunk, Rejected
from lib.text import holds

Fitted = Iterator[Row | str]  # a row, or why there is none

OURS = ("kind", "answer", "oracle_position", "oracle", "context_chunks")
_KNOWN = ("id", "type", *OURS, "more_oracles")
_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}
_NO_ANSWER = "no final answer to compare with"


# --- the contents of an hf row -------------------------------------------------------------------


def is_ours(row: Row) -> bool:
    """Whether it has our fields behind the published layout."""
    return all(name in row for name in OURS)


def context_texts(row: Row) -> list[str]:
    return row["context"]["sentences"][0]


def oracle_texts(row: Row) -> list[str]:
    """The text of each oracle: oracle_context, or its parts."""
    if not row.get("more_oracles"):
        return [row["oracle_context"]]
    texts, at = [], 0
    for place in oracle_places(row):
        length = place["end"] - place["start"]
        texts.append(row["oracle_context"][at : at + length])
        at += length + len(BETWEEN_ORACLES)
    return texts


def kind_of(row: Row) -> str:
    """ "oracle", "memorise" or "refuse"; found out where the row does not say it."""
    if is_ours(row):
        return row["kind"]
    if row["oracle_context"] in context_texts(row):
        return "oracle"
    refused = parse_answer(row["cot_answer"], refusal=row.get("refusal", "")).refused
    return "refuse" if refused else "memorise"


def final_answer(row: Row) -> str:
    """The question's short answer; "" = the row does not say it."""
    return row["answer"] if is_ours(row) else parse_answer(row["cot_answer"]).final_answer or ""


def provenance(row: Row) -> Row:
    """The row's kind and sources, as far as it has these columns."""
    return {name: row[name] for name in _KNOWN if name in row and name != "answer"}


# --- back from the formats -----------------------------------------------------------------------


def published(row: Row, *, row_id: str) -> Row | str:
    """A chat, completion, alpaca, sharegpt or preference row in the published layout, or why it
    cannot be; any other row as it is. Its oracle_context is None: the prompt does not name it."""
    turns = None if "cot_answer" in row else _turns(row)
    if turns is None:
        return row
    *prompt, label = turns or [""]
    parsed = parse_prompt(plain_prompt([{"content": text} for text in prompt]))
    if not 1 <= len(prompt) <= 2 or parsed is None:
        return (
            "it has no prompt of <DOCUMENT>…</DOCUMENT> lines and one question, with one reply: "
            "its documents, question and oracle cannot be known"
        )
    question, documents, refusal = parsed
    found = {
        "id": row_id,
        "type": "general",
        "question": question,
        "context": {"title": [[""] * len(documents)], "sentences": [documents]},
        "oracle_context": None,
        "cot_answer": label,
        "instruction": student_question(question, documents),
        "answer": parse_answer(label).final_answer or "",
    }
    found |= {name: row[name] for name in ("split", *_KNOWN) if name in row}
    return found | ({"refusal": refusal} if refusal else {})


def _turns(row: Row) -> list[str] | None:
    """The texts of system, user and reply; [] = there are no such; None = the row has no turns."""
    turns = row.get("messages", row.get("conversations"))
    if isinstance(row.get("prompt"), list) and isinstance(row.get("chosen"), list):
        turns = row["prompt"] + row["chosen"]
    if isinstance(turns, list):
        turns = [turn if isinstance(turn, dict) else {} for turn in turns]
        replied = turns and turns[-1].get("role", turns[-1].get("from")) in ("assistant", "gpt")
        texts = [turn.get("content", turn.get("value")) for turn in turns] if replied else []
    else:
        forms = ("instruction", "input", "output"), ("prompt", "completion")
        columns = next((form for form in forms if all(name in row for name in form)), None)
        if columns is None:
            return None
        texts = [row[name] for name in columns]
    return texts if all(isinstance(text, str) for text in texts) else []


# --- the formats ---------------------------------------------------------------------------------


def completion(row: Row, *, prompt_column: str, completion_column: str, stop: str) -> Fitted:
    """The student's prompt as plain text, for base models; `stop` ends the completion."""
    prompt = plain_prompt(prompt_messages(row))
    yield {prompt_column: prompt, completion_column: row["cot_answer"] + stop}


def evaluation(row: Row, *, split: str) -> Fitted:
    """Question and gold answer of an eval row; rows that were trained on test nothing."""
    if split != "eval" or not final_answer(row):
        yield "not of the eval split" if split != "eval" else _NO_ANSWER
        return
    found = {"id": row["id"], "question": row["question"], "gold_final_answer": final_answer(row)}
    found["cot_answer"] = row["cot_answer"]
    if is_ours(row):
        found["oracle_chunk_ids"] = [place["chunk_id"] for place in oracle_places(row)]
        found["context_chunk_ids"] = [place["chunk_id"] for place in row["context_chunks"]]
    yield {**found, "context": context_texts(row)}


def alpaca(row: Row) -> Fitted:
    """The prompt's two messages and the label (tatsu-lab/stanford_alpaca)."""
    texts = [message["content"] for message in chat_row(row)["messages"]]
    yield dict(zip(("instruction", "input", "output"), texts, strict=True)) | provenance(row)


def sharegpt(row: Row) -> Fitted:
    """The chat row's messages as conversations of "from" (system, human, gpt) and "value"."""
    turns = [
        {"from": _SPEAKERS[message["role"]], "value": message["content"]}
        for message in chat_row(row)["messages"]
    ]
    yield {"conversations": turns, **provenance(row)}


def preference(row: Row, *, answer: str, refused: Sequence[Rejected]) -> Fitted:
    """Pairs in TRL's conversational form: prompt, chosen (the label), rejected, and where that is
    from: refusal_with_oracle, answer_without_oracle, or rejected_by_<gate>."""
    kind, label = kind_of(row), row["cot_answer"]
    worse: dict[str, str] = {}
    if kind == "memorise":
        yield "the oracle is absent and the label answers: neither answer nor refusal is worse"
    elif kind == "refuse" and not answer:
        yield "the label refuses, and no answer is known to compare it with"
    elif kind == "refuse":
        worse[answer] = "answer_without_oracle"
    else:
        worse[row.get("refusal", REFUSAL)] = "refusal_with_oracle"
        for item in refused:
            if text := item.cot_answer.strip():
                worse.setdefault(text, f"rejected_by_{item.gate}")
    for text, rejected_from in worse.items():
        if text.strip() == label.strip():
            yield "both sides of a pair are the same"
            continue
        yield {
            "prompt": prompt_messages(row),
            "chosen": [{"role": "assistant", "content": label}],
            "rejected": [{"role": "assistant", "content": text}],
            "rejected_from": rejected_from,
            **provenance(row),
        }


def triplets(row: Row, *, same: Mapping[str, set[str]]) -> Fitted:
    """One for each distractor: query, positive (the oracle), negative, and no other column, which
    sentence-transformers would train on. `same` are near duplicates, by text."""
    answer, oracles = final_answer(row), oracle_texts(row)
    distractors = [text for text in dict.fromkeys(context_texts(row)) if text not in oracles]
    if not answer or not distractors:
        yield "no distractor" if answer else _NO_ANSWER
        return
    for text in distractors:
        if any(text in same[oracle] for oracle in oracles):
            yield "a distractor that is a near duplicate of the oracle"
        elif holds(text, answer):
            yield "a distractor that holds the answer"
        else:
            for oracle in oracles:
                yield {"query": row["question"], "positive": oracle, "negative": text}


def same_texts(rows: Rows) -> dict[str, set[str]]:
    """Each text of the rows with its near duplicates."""
    listed = (row for of_split in rows.values() for row in of_split)
    texts = dict.fromkeys(text for r in listed for text in (*oracle_texts(r), *context_texts(r)))
    return conflicts([Chunk(text, text, "", 1, 0, len(text), text) for text in texts])
