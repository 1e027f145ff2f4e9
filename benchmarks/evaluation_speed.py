"""Scoring 10,000 answers with every metric that needs no judge: at most 60 s.

2 models, 5 conditions,
1,000 questions over documents of 1,000 characters: answers that are right, nearly right, long,
wrong, refused and without a final answer, in three scripts and as calls of an API. No two models
answer alike, so that the metrics find little in their caches. Asking is measured by
evaluation_answering.

Takes about half a minute.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random

from lib.eval.conditions import Case
from lib.eval.metrics.losses import decompose
from lib.eval.metrics.scoring import score_answers, score_retrieval
from lib.eval.questions import EvalQuestion, first_hit
from lib.prompts.student import REFUSAL, cot_label, parse_answer
from lib.records import Answer, Chunk

NUM_QUESTIONS, QUICK_QUESTIONS = 1000, 50
MODELS = ("student", "baseline")
CONDITIONS = ("oracle", "oracle_distractors", "distractors_only", "top_3", "top_7")
MOST_S = 60
LEAST_METRICS = 12
CHUNK_WORDS = 150
SYLLABLES = {
    "latin": "ta mo ri len dor va sku pel ish on gra nu".split(),
    "cyrillic": "мо рез ка лин то ва дор сту".split(),
    "han": "東 京 都 年 月 日 人 山 川 水 火 木".split(),
}


def main(*, quick: bool = False) -> int:
    """Print the figures; 1 when a target is missed."""
    questions, cases, answers, chunks = material(QUICK_QUESTIONS if quick else NUM_QUESTIONS)
    began, cpu_began = time.perf_counter(), time.process_time()
    scores = score_answers(answers, questions, cases)
    score_s = time.perf_counter() - began
    retrieved = score_retrieval(questions, cases, chunks)
    lost = decompose(answers, scores)
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    metrics = dict.fromkeys(score.metric for score in scores)
    print(f"metrics of answers: {', '.join(metrics)}")
    print(f"metrics of retrieval: {', '.join(dict.fromkeys(s.metric for s in retrieved))}")
    classes = {name: sum(of[name] for of in lost.values()) for name in lost[MODELS[0], "oracle"]}
    print(f"answers by loss: {', '.join(f'{name} {n:,}' for name, n in classes.items())}")
    print(f"score_answers {score_s:.1f} s; with retrieval and losses {took_s:.1f} s")
    print(
        f"{len(answers):,} answers × {len(metrics)} metrics: {len(scores) + len(retrieved):,} "
        f"scores in {took_s:.1f} s, {cpu_s:.1f} s of one core (target: {MOST_S} s)"
    )
    return int(took_s > MOST_S or len(metrics) < LEAST_METRICS)


# --- the answers ---------------------------------------------------------------------------------


def material(
    num_questions: int, *, seed: int = 0
) -> tuple[list[EvalQuestion], list[Case], list[Answer], list[Chunk]]:
    """Questions, their cases under each condition, every model's answers, and the corpus."""
    rng = Random(seed)
    chunks = [_chunk(i, rng) for i in range(num_questions)]
    questions = [_question(chunk, chunks, rng) for chunk in chunks]
    cases = [_case(question, name, chunks, rng) for name in CONDITIONS for question in questions]
    by_id = {question.id: question for question in questions}
    answers = [_answer(model, c, by_id[c.question_id], rng) for model in MODELS for c in cases]
    return questions, cases, answers, chunks


def _words(script: str, count: int, rng: Random) -> list[str]:
    return ["".join(rng.choices(SYLLABLES[script], k=rng.randint(1, 4))) for _ in range(count)]


def _chunk(number: int, rng: Random) -> Chunk:
    script = rng.choices(list(SYLLABLES), weights=(8, 1, 1))[0]
    text = " ".join(_words(script, CHUNK_WORDS, rng))
    if number % 10 == 0:
        name, value = _words("latin", 2, rng)
        text = f'api_call: hub.{name}("{value}", pretrained=True)\n{text}'
    return Chunk(f"d{number // 8}#{number}", f"d{number // 8}", "", 1, 0, len(text), text)


def _question(oracle: Chunk, chunks: Sequence[Chunk], rng: Random) -> EvalQuestion:
    first, words = oracle.text.partition("\n")[0], oracle.text.split()
    start, length = rng.randrange(100), rng.choice((1, 2, 3, 5, 8, 13))
    is_api = first.startswith("api_call")
    answer = first.partition(": ")[2] if is_api else " ".join(words[start : start + length])
    quote = first if is_api else " ".join(words[max(0, start - 6) : start + length + 6])
    context = [oracle, *rng.sample(chunks, 4)]
    rng.shuffle(context)
    return EvalQuestion(
        id=oracle.id,
        text=" ".join(_words("latin", 9, rng)),
        answer=answer,
        evidence=(quote,),
        oracle=oracle,
        context=tuple(context),
    )


def _case(question: EvalQuestion, condition: str, chunks: Sequence[Chunk], rng: Random) -> Case:
    others = [chunk for chunk in rng.sample(chunks, 8) if chunk.id != question.oracle.id]
    shown = {
        "oracle": (question.oracle,),
        "oracle_distractors": question.context,
        "distractors_only": tuple(others[:4]),
    }.get(condition)
    if shown is None:
        found = [question.oracle, *others] if rng.random() < 0.8 else others
        shown = tuple(found[: int(condition.removeprefix("top_"))])
    return Case(question.id, question.text, condition, shown, first_hit(shown, question))


def _answer(model: str, case: Case, question: EvalQuestion, rng: Random) -> Answer:
    text = _reply(question, rng)
    parsed = parse_answer(text)
    return Answer(
        question_id=case.question_id,
        model=model,
        condition=case.condition,
        text=text,
        final_answer=parsed.final_answer,
        quotes=parsed.quotes,
        refused=parsed.refused,
        oracle_in_context=case.oracle_in_context,
        finish_reason="stop",
        latency_s=0.0,
        prompt_tokens=0,
        completion_tokens=0,
    )


def _reply(question: EvalQuestion, rng: Random) -> str:
    script = rng.choice(list(SYLLABLES))
    kind = rng.choices(
        ("right", "near", "long", "wrong", "refused", "broken"), weights=(5, 5, 4, 4, 1, 1)
    )[0]
    if kind == "refused":
        return REFUSAL
    reasoning = " ".join(_words("latin", 25, rng))
    if kind == "broken":
        return reasoning
    around = {"right": 0, "near": 3, "long": 40, "wrong": 6}[kind]
    final = _words(script, around, rng)
    if kind != "wrong":
        final.insert(rng.randint(0, around), question.answer)
    quote = question.evidence[0]
    if rng.random() < 0.3:
        quote = f"{quote} {reasoning[:20]}"
    return cot_label(reasoning, quote, " ".join(final))
