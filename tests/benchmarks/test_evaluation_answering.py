"""What the benchmark of answering asks."""

from __future__ import annotations

from benchmarks.evaluation_answering import DOCUMENTS, NUM_QUESTIONS, benchmark_cases


def test_no_two_cases_are_one_request() -> None:
    cases = benchmark_cases()
    assert len(cases) == NUM_QUESTIONS * len(DOCUMENTS)
    assert len({(case.question, case.chunks) for case in cases}) == len(cases)


def test_a_condition_shows_the_documents_that_it_says() -> None:
    for case in benchmark_cases():
        count, with_oracle = DOCUMENTS[case.condition]
        oracle = f"d{case.question_id.removeprefix('q')}#0"
        assert len(case.chunks) == len({chunk.id for chunk in case.chunks}) == count
        assert (oracle in {chunk.id for chunk in case.chunks}) == with_oracle
        assert case.oracle_in_context == with_oracle
