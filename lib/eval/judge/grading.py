"""The judge: its endpoint, and its scores: right or wrong, and five ratings, from one request."""

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import closing

from lib.endpoints import EndpointSettings, endpoint_settings
from lib.engine.endpoint import Budget, Endpoint, Reply, gather_all, run
from lib.engine.ledger import Ledger
from lib.eval.answers import Outcome, require_replies
from lib.eval.conditions import DISTRACTORS_ONLY, Case
from lib.eval.metrics.scoring import no_answer
from lib.eval.questions import EvalQuestion
from lib.progress import Progress
from lib.prompts.judge import JudgePrompts, JudgeRequest, load_prompts
from lib.prompts.verdicts import FIELDS, JUDGED, UNPARSED, Grade, parse_verdict
from lib.recipe import Recipe
from lib.records import Answer, Score
from lib.text import one_line

PREFIX = "judge_"
JUDGE_METRICS = tuple(PREFIX + field for field in FIELDS)
JUDGE_CORRECT = PREFIX + "correct"  # 0 or 1; the others are ratings
_OF_WHOLE_REPLY = ("groundedness", "coherence", "fluency")  # the others: of the final answer
WITHOUT_DOCUMENTS = tuple(field for field in FIELDS if field != "groundedness")
_MANY_UNREAD = 0.2  # share of the judge's verdicts


@dataclasses.dataclass(frozen=True)
class Judge:
    """An endpoint that grades, and how it is asked."""

    settings: EndpointSettings
    recipe: Recipe
    prompts: JudgePrompts
    budget: Budget | None = dataclasses.field(default=None, compare=False)


def find_judge(recipe: Recipe, *, budget: Budget | None = None) -> Judge | None:
    """The judge of JUDGE_… in .env; None if it names none: the judge's metrics are then absent."""
    if settings := endpoint_settings("judge"):
        return Judge(settings, recipe, load_prompts(recipe.judge_prompts_path), budget)
    return None


def ask_judge(judge: Judge, requests: Sequence[JudgeRequest]) -> list[dict[str, Grade]]:
    """The verdict on each request, field → grade, in their order."""
    if not requests:
        return []

    async def ask(request: JudgeRequest) -> Reply:
        return await endpoint.ask(request.messages, max_tokens=judge.recipe.max_judge_tokens)

    async def ask_all() -> list[Outcome]:
        progress = Progress("judge", len(requests), note=endpoint.note)
        async with endpoint:
            outcomes = await gather_all(requests, ask, on_done=progress.advance)
        progress.close()
        return outcomes

    with closing(Ledger()) as ledger:
        endpoint = Endpoint(judge.settings, judge.recipe, ledger=ledger, budget=judge.budget)
        outcomes = run(ask_all())
    replies = require_replies([("judge", outcome) for outcome in outcomes])
    verdicts = [_verdict(request, reply) for request, reply in zip(requests, replies, strict=True)]
    told = [grade for grades in verdicts for grade in grades.values()]
    unread = [grade.explanation for grade in told if grade.value is None]
    if len(unread) > _MANY_UNREAD * len(told):
        print(
            f"judge: {len(unread):,} of {len(told):,} verdicts cannot be read, and are in no mean. "
            f"The first: {unread[0].removeprefix(UNPARSED)}. Take another judge; one that thinks "
            "needs a larger max_judge_tokens."
        )
    return verdicts


def _verdict(request: JudgeRequest, reply: Reply) -> dict[str, Grade]:
    whole = reply.finish_reason in ("stop", "")
    shown = request.shown if whole else None  # "4" of a reply that was cut may have begun "4.5"
    grades = parse_verdict(reply.text, key=request.key, fields=request.fields, shown=shown)
    if whole:
        return grades
    # Cut or filtered: grades that were read stay, the others get this reason.
    why = f"{UNPARSED}the judge's reply ended with “{one_line(reply.finish_reason)[:100]}”"
    return {
        name: grade if grade.value is not None else Grade(None, why)
        for name, grade in grades.items()
    }


def judge_answers(
    judge: Judge | None,
    answers: Sequence[Answer],
    questions: Sequence[EvalQuestion],
    cases: Sequence[Case],
) -> list[Score]:
    """The recipe's judge_metrics of every answer, in the answers' order; [] without a judge.

    `judge_correct` is 0 or 1, a rating from 1 to 5 becomes (rating - 1) / 4. Documents are sent for
    groundedness alone, the reply around the final answer if a criterion needs it: so with
    `judge_correct` alone, a final answer that comes again under another condition is paid once.

    - A refusal is not correct (0) and not rated; a reply without a final answer is not correct
      and has the lowest rating. Neither is sent.
    - A verdict that cannot be read is unscored, field by field; `unparsed_counts` counts these.
    - Absent: every metric in `distractors_only`, and groundedness without documents.
    """
    if judge is None:
        return []
    by_id = {question.id: question for question in questions}
    shown = {(case.question_id, case.condition): case for case in cases}
    plans = [
        (one, _plan(judge, one, by_id[one.question_id], shown[one.question_id, one.condition]))
        for one in answers
        if one.condition != DISTRACTORS_ONLY
    ]
    requests = [plan for _, plan in plans if isinstance(plan, JudgeRequest)]
    verdicts = iter(ask_judge(judge, requests))
    scores = []
    for one, plan in plans:
        for field, grade in (plan if isinstance(plan, dict) else next(verdicts)).items():
            value = grade.value
            if value is not None and field != "correct":
                value = (value - 1) / 4
            of = (one.question_id, one.model, one.condition, PREFIX + field)
            scores.append(Score(*of, value, grade.explanation))
    return scores


def _plan(
    judge: Judge, answer: Answer, question: EvalQuestion, case: Case
) -> JudgeRequest | dict[str, Grade]:
    """The request for the grades of an answer, or the grades of one that is not sent."""
    documents = [chunk.text for chunk in case.chunks]
    asked_for = judge.recipe.judge_metrics or JUDGE_METRICS
    possible = FIELDS if documents else WITHOUT_DOCUMENTS
    fields = [field for field in possible if PREFIX + field in asked_for]
    if why := no_answer(answer):
        return {field: Grade(float(field != "correct"), why) for field in fields}
    if answer.refused or not fields:
        return {field: Grade(0.0, "refused") for field in fields if field == "correct"}
    final = answer.final_answer or ""
    whole = any(field in _OF_WHOLE_REPLY for field in fields) and answer.text.strip() != final
    return judge.prompts.grade(
        fields,
        question=question.text,
        reference=question.gold,
        answer=final,
        reply=answer.text if whole else "",
        documents=documents if "groundedness" in fields else (),
    )


def unparsed_counts(scores: Iterable[Score]) -> dict[tuple[str, str], tuple[int, int]]:
    """(model, metric) → verdicts that could not be read, and how many were asked for.

    Refusals and replies without a final answer are not sent, so not counted.
    """
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for score in scores:
        if score.explanation.startswith((UNPARSED, JUDGED)) and score.metric in JUDGE_METRICS:
            unparsed, asked = counts.get((score.model, score.metric), (0, 0))
            counts[score.model, score.metric] = unparsed + (score.value is None), asked + 1
    return counts
