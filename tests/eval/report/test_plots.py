"""Each picture says the figures it was given; where there is nothing to draw it says so."""

from __future__ import annotations

import math
from dataclasses import replace

from lib.eval import plot_differences, plot_latency_and_cost, plot_losses, plot_refusals, plot_top_k
from lib.eval.metrics import count_refusals
from lib.eval.report.drawing import Picture
from lib.eval.results import Results
from tests.eval.report.made import (
    CONDITIONS,
    MODELS,
    answer,
    answers,
    comparison,
    estimate,
    losses,
    results,
)

# --- differences ---------------------------------------------------------------------------------


def test_differences_are_said_with_interval_questions_and_verdict() -> None:
    alt = plot_differences(results(MODELS[:3])).alt
    assert "ours minus each other model" in alt
    assert "top 5: minus theirs +13 (+3 to +23), 57 questions, better; minus theirs, plain" in alt
    assert "distractors only (right refusals): minus theirs +13" in alt
    assert "14 comparisons at once (Holm)" in alt
    assert "student" not in alt
    assert "ours minus theirs, in points" in plot_differences(results()).alt


def test_a_loss_is_a_loss() -> None:
    worse = comparison("ours", "theirs", "oracle", -0.2, verdict="worse")
    alt = plot_differences(Results(("ours", "theirs"), ("oracle",), [], [worse], [worse])).alt
    assert "oracle: minus theirs −20 (−30 to −10), 57 questions, worse." in alt
    assert "Holm" not in alt  # of one comparison there is no correction


def test_a_difference_without_a_value_is_a_dash() -> None:
    one = comparison("ours", "theirs", "oracle", math.nan)
    other = replace(comparison("ours", "theirs", "top_3", 0.1), low=math.nan, high=math.nan)
    made = plot_differences(Results(("ours", "theirs"), ("oracle", "top_3"), [], [one, other]))
    assert "oracle: minus theirs –, 57 questions, cannot tell." in made.alt
    assert "top 3: minus theirs +10, 57 questions" in made.alt


def test_differences_say_who_is_missing() -> None:
    found = replace(results(), models=("ours", "theirs", "ghost"))
    assert plot_differences(found).alt.endswith("No question in common with ours: ghost.")
    assert says_only(plot_differences(results(MODELS[:1])), "ours is the only model")
    nothing = Results(("ours", "ghost"), CONDITIONS, [], [])
    assert says_only(plot_differences(nothing), "no other model has questions in common with ours")


# --- top k ---------------------------------------------------------------------------------------


def test_curves_are_said_point_by_point() -> None:
    alt = plot_top_k(results()).alt
    assert (
        "ours: oracle 69% (59–79, n = 60), oracle + distractors 68% (58–78, n = 60), top 3" in alt
    )
    assert "top 7 64% (54–74, n = 60). theirs: oracle 60%" in alt
    assert "hit rate: top 3 95% (85–100, n = 60)" in alt
    assert "n = 60 scored replies a point" in alt
    assert "closed" not in alt


def test_curves_of_unlike_many_replies_say_so() -> None:
    found = results()
    fewer = [replace(e, n=41) if e.condition == "top_5" else e for e in found.estimates]
    assert "n = 41 to 60 scored replies" in plot_top_k(replace(found, estimates=fewer)).alt


def test_a_k_without_a_value_and_a_model_without_any_are_left_out_and_named() -> None:
    values = {"top_3": 0.4, "top_5": math.nan, "top_7": 0.2}
    estimates = [estimate("ours", name, value) for name, value in values.items()]
    found = Results(("ours", "ghost"), tuple(values), estimates, [])
    made = plot_top_k(found)
    assert "ours: top 3 40% (30–50, n = 60), top 7 20%" in made.alt
    assert "No value at any k: ghost." in made.alt
    assert "hit rate" not in made.alt.lower()  # none was measured
    assert "nan" not in made.svg.lower()


def test_one_k_is_a_point_with_its_interval() -> None:
    one = plot_top_k(results(conditions=("top_4",)))
    assert "ours: top 4 70% (60–80, n = 60). theirs: top 4 61%" in one.alt
    assert one != plot_top_k(results(conditions=("oracle", "top_4")))


def test_without_retrieval_there_is_no_curve() -> None:
    assert says_only(plot_top_k(results(conditions=CONDITIONS[:4])), "no retrieved condition")
    empty = replace(results(), estimates=[])
    assert says_only(plot_top_k(empty), "no reply has a value in exact match")


# --- refusals ------------------------------------------------------------------------------------


def test_refusals_are_counted_as_the_metrics_count_them() -> None:
    given = answers()
    found = count_refusals(one for one in given if one.model == "ours")
    assert (found.answered_rightly, found.refused_wrongly) == (8, 2)
    assert (found.answered_wrongly, found.refused_rightly) == (1, 3)
    alt = plot_refusals(given).alt
    for model in MODELS[:2]:
        assert (
            f"{model}: refused 2 of 10 (20%) with the oracle given, "
            "refused 3 of 4 (75%) with the oracle absent, 1 unscored."
        ) in alt


def test_refusals_of_documents_that_were_never_shown_are_not_drawn() -> None:
    closed = [answer("ours", "closed_book", refused=True, given=False)]
    assert says_only(plot_refusals(closed), "no reply was given over documents")
    assert says_only(plot_refusals([]), "no reply")
    only_given = plot_refusals([answer("ours", "oracle")])
    assert "refused 0 of 1 (0%) with the oracle given, no reply with the oracle absent." in (
        only_given.alt
    )


# --- losses --------------------------------------------------------------------------------------


def test_every_loss_is_said_however_small() -> None:
    alt = plot_losses(losses()).alt
    assert alt.startswith("Bars of what became of the answers under top 5.")  # the middle one
    assert (
        "ours, 1000 answers: right 900 (90%), retrieval missed 1 (<1%), wrong quote 1 (<1%), "
        "wrong answer 1 (<1%), wrong refusal 1 (<1%), format 96 (10%)."
    ) in alt


def test_the_answers_of_each_model_are_the_whole() -> None:
    found = losses(conditions=["top_3"])
    found["theirs", "top_3"]["right"] = 0
    assert "under top 3. ours, 1000" in plot_losses(found).alt
    assert "theirs, 100 answers: retrieval missed" in plot_losses(found).alt


def test_losses_say_who_gave_no_answers() -> None:
    found = losses(conditions=["top_3"]) | losses(["ghost"], ["oracle"])
    assert plot_losses(found).alt.endswith("No answers: ghost.")
    assert says_only(plot_losses({}), "no answer was given.")
    zero = losses(["ours"], ["top_3"], [0] * 6)
    assert says_only(plot_losses(zero), "no answer was given under top 3.")


# --- latency -------------------------------------------------------------------------------------


def test_latency_is_by_the_nearest_rank_and_tokens_are_means() -> None:
    given = [answer("ours", "oracle", latency_s=i / 10, prompt_tokens=i) for i in range(100, 0, -1)]
    alt = plot_latency_and_cost([*given, answer("theirs", "oracle", latency_s=12.0)]).alt
    assert "ours: median 5.00 s, 95th percentile 9.50 s, 50 prompt and 7 reply tokens, 100" in alt
    assert "theirs: median 12.0 s, 95th percentile 12.0 s, 100 prompt" in alt


def test_without_answers_there_is_no_latency() -> None:
    assert says_only(plot_latency_and_cost([]), "no answer was given")
    assert "median 0.00 s" in plot_latency_and_cost([answer("ours", "oracle", latency_s=0)]).alt


def says_only(picture: Picture, sentence: str) -> bool:
    """Whether it is one sentence in place of a picture."""
    assert picture.svg == ""
    assert picture._repr_mimebundle_() == {"text/plain": picture.alt}
    assert picture.alt.startswith("There is no ")
    assert picture.alt.count(". ") == 0
    return sentence in picture.alt
