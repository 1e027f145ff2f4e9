from __future__ import annotations

from lib.gen.duplicate_questions import drop_ambiguous, drop_asked
from lib.records import Question


def test_ambiguous_questions_are_refused_and_duplicates_dropped() -> None:
    def question(number: int, text: str, answer: str) -> Question:
        return Question(f"c?{number}", "c", text, f"… <ANSWER>: {answer}", answer)

    kept, rejected = drop_ambiguous(
        [
            question(0, "When was the Tern built?", "1998"),
            question(1, "When was Tern built?", "2001"),
            question(2, "Who built the Tern?", "Ida Holm"),
            question(3, "Who built the  Tern?", "Ida Holm"),
        ]
    )
    assert [q.id for q in kept] == ["c?2"]
    assert [(r.question_id, r.gate) for r in rejected] == [
        ("c?0", "ambiguous"),
        ("c?1", "ambiguous"),
        ("c?3", "duplicate"),
    ]


def test_what_the_evaluation_asks_is_kept_out() -> None:
    texts = ["When was the Tern built?", "When was the Merrow built?", "Who built the Tern?"]
    questions = [
        Question(f"c?{n}", "c", text, "… <ANSWER>: x", "x") for n, text in enumerate(texts)
    ]
    kept, rejected = drop_asked(
        questions,
        ["who lit it?", "When was  the “Tern” built"],
        gate="evaluation",
        by="eval_file",
    )
    assert kept == questions[1:]
    assert [(r.question_id, r.gate) for r in rejected] == [("c?0", "evaluation")]
    assert drop_asked(questions, [], gate="duplicate", by="a") == (questions, [])
