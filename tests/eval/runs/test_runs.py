"""Runs side by side: ranked where they can be, paired by question, and gated."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas
import pytest

from lib.eval.__main__ import main
from lib.eval.runs.compare import compare_runs, gate, regressions
from lib.eval.runs.files import ANSWERS_FILE, METRICS_FILE, read_answers, read_metrics
from lib.eval.runs.runs import all_runs, load_run
from lib.eval.runs.text import leaderboard, wrapped
from lib.settings import SetupError
from tests.eval.toy_runs import write_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("made")
    write_run(runs / "weak", lambda i, case: i % 4 == 0)
    shutil.copytree(runs / "weak", runs / "same")
    write_run(runs / "strong", lambda i, case: i % 2 == 0, date="2026-11-21T10:00:00+00:00")
    return runs


@pytest.fixture(scope="module")
def made_apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run under fewer conditions, and one of other questions."""
    runs = tmp_path_factory.mktemp("apart")
    write_run(runs / "fewer", lambda i, case: True, conditions=("closed_book", "oracle"))
    write_run(runs / "apart", lambda i, case: True, first_question=40)
    return runs


@pytest.fixture
def runs_dir(made: Path, home_dir: Path) -> Path:
    """Three runs of one dataset: the last is right where the others are, and twice as often."""
    return shutil.copytree(made, home_dir / "runs")


def rewrite(run_dir: Path, rows: list[dict[str, Any]]) -> None:
    pandas.DataFrame(rows).to_parquet(run_dir / ANSWERS_FILE)


def narrow(text: str) -> bool:
    return max(map(len, text.splitlines())) <= 100


# --- the leaderboard -----------------------------------------------------------------------------


def ranked(condition: str = "") -> list[str]:
    """The runs' names, from the top of the leaderboard to its end."""
    runs = all_runs()
    lines = leaderboard(runs, metric="exact_match", condition=condition).splitlines()
    return [line.split()[0] for line in lines if line.split()[:1] in [[run.name] for run in runs]]


def test_the_best_run_of_a_group_comes_first(runs_dir: Path) -> None:
    assert ranked() == ["strong", "same", "weak"]


def test_a_run_is_ranked_by_the_condition_that_decided_it(home_dir: Path) -> None:
    for number, conditions in enumerate((("oracle", "top_3", "top_5"), ("top_5", "top_3"))):
        folder = home_dir / "runs" / str(number)
        write_run(folder, lambda i, case: True, conditions=conditions, num_questions=3)
        run = load_run(str(number))
        assert run.results.primary.condition == conditions[-1]
        assert f"3 questions, {conditions[-1]}: student" in leaderboard([run], metric="f1")


def test_runs_are_compared_by_the_metric_that_decided_the_first(
    home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(home_dir / "runs" / "one", lambda i, case: i % 2 == 0, metric="f1")
    write_run(home_dir / "runs" / "other", lambda i, case: i % 4 == 0, metric="f1")
    capsys.readouterr()
    assert main(["compare", "one", "other"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("f1 in %")
    assert "f1, %" in out
    assert "exact_match" not in out
    assert {pair.figures.metric for pair in gate(load_run("one"), load_run("other")).pairs} == {
        "f1"
    }
    assert main(["headline", "one"]) == 0
    assert "top_3 *" in " ".join(capsys.readouterr().out.split())


def test_where_less_is_better_the_least_comes_first(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.eval.runs.text.LOWER_IS_BETTER", frozenset({"exact_match"}))
    assert ranked() == ["same", "weak", "strong"]


def test_other_datasets_questions_and_conditions_are_ranked_apart(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(runs_dir / "elsewhere", lambda i, case: True, dataset="other-1")
    write_run(runs_dir / "fewer", lambda i, case: True, num_questions=12)
    write_run(runs_dir / "unretrieved", lambda i, case: True, conditions=("closed_book", "oracle"))
    assert main(["compare"]) == 0
    out = capsys.readouterr().out
    assert out.count("\nrun  ") == 4
    assert "NOT comparable" in out
    assert "docs-0123456789ab, 12 questions, top_3: student against baseline" in out
    assert narrow(out)


def test_the_leaderboard_reads_the_figures_with_their_intervals(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = f"a-very-{'long-' * 6}name"
    write_run(runs_dir / long, lambda i, case: True)
    assert main(["compare"]) == 0
    out = capsys.readouterr().out
    assert "NOT comparable" not in out
    found = next(line for line in out.splitlines() if line.startswith("strong"))
    assert found.split()[1:5] == ["50", "(35–65)", "35", "(22–50)"]
    assert "+15 (" in found
    assert found.split()[-5:] == ["cannot", "tell", "40", "0", "2026-11-21"]
    assert f"{long}  100 (91–100)" in out
    assert main(["compare", "--markdown"]) == 0
    assert f"| {long} | 100 (91–100) |" in capsys.readouterr().out


def test_what_could_not_be_read_is_said(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs_dir / "old").mkdir()
    (runs_dir / "old" / METRICS_FILE).write_text('{"conditions": []}')
    (runs_dir / "unevaluated").mkdir()
    assert ranked() == ["strong", "same", "weak"]
    capsys.readouterr()
    assert main(["compare"]) == 0
    out = capsys.readouterr().out
    assert out.count("metrics.json") == out.count("runs/old/metrics.json has schema None") == 1


def test_a_run_without_the_figure_stands_last(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(runs_dir / "mute", lambda i, case: None)
    write_run(runs_dir / "a-closed", lambda i, case: True, conditions=("closed_book",))
    write_run(runs_dir / "wrong", lambda i, case: False)
    assert ranked("top_3") == ["strong", "same", "weak", "mute", "wrong", "a-closed"]
    assert main(["compare", "--condition", "top_3"]) == 0
    out = capsys.readouterr().out
    assert "nan" not in out
    found = next(line for line in out.splitlines() if line.startswith("a-closed"))
    assert found.split()[1:] == ["–", "–", "–", "–", "0", "–", "2026-11-20"]


def test_models_may_have_any_name(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = ("student", "baseline, plain prompt")
    write_run(runs_dir / "renamed", lambda i, case: True, models=models)
    assert main(["compare"]) == 0
    out = capsys.readouterr().out
    assert "renamed" in out
    # The first of the block names its models; who differs from it says so.
    assert "top_3: student against baseline, plain prompt" in out
    assert "strong (student against baseline)" in out


def test_an_earlier_run_is_named_with_its_time_and_only_compared_when_named(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = runs_dir / "strong" / "history" / "2026-11-20_10-00-00"
    shutil.copytree(runs_dir / "weak", earlier)
    assert [run.name for run in all_runs()] == ["same", "strong", "weak"]
    assert main(["compare", "strong", f"strong/history/{earlier.name}"]) == 0
    said = capsys.readouterr().out
    assert "strong/history/2026-11-20_10-00-00 (student) against strong (student)" in said.replace(
        "\n", " "
    )


# --- question by question ------------------------------------------------------------------------


def test_the_same_questions_are_paired(runs_dir: Path) -> None:
    strong, weak = load_run("strong"), load_run("weak")
    found = compare_runs(strong, weak)
    assert found.not_comparable == []
    assert found.shared == 40
    assert [one.figures.condition for one in found.pairs] == ["closed_book", "oracle", "top_3"]
    pair = found.pairs[2]
    one = pair.figures
    assert (one.model, one.against) == ("strong", "weak")
    assert (one.n, one.value, one.against_value) == (40, 0.5, 0.25)
    assert one.difference == pytest.approx(0.25)
    assert 0 < one.low < 0.25 < one.high
    assert (one.verdict, pair.more_unscored) == ("better", False)
    assert compare_runs(weak, strong).pairs[2].figures.verdict == "worse"
    # Every pair that differs went up: the interval is narrower than that of two samples.
    assert one.high - one.low < 0.30


def test_of_a_metric_of_which_less_is_better_the_verdict_turns(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.eval.summaries.LOWER_IS_BETTER", frozenset({"exact_match"}))
    strong, weak = load_run("strong"), load_run("weak")
    assert {one.figures.verdict for one in compare_runs(strong, weak).pairs} == {"worse"}


def test_only_shared_questions_count_and_it_says_so(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(runs_dir / "half", lambda i, case: i % 2 == 0, first_question=20, num_questions=40)
    half, weak = load_run("half"), load_run("weak")
    found = compare_runs(half, weak)
    assert (found.shared, found.pairs[0].figures.n) == (20, 20)
    assert "other questions: 40 against 40, 20 of them the same" in found.not_comparable[0]
    assert main(["compare", "weak", "half"]) == 0
    out = capsys.readouterr().out
    assert "Not the same in both: other questions" in out
    assert "question by question: 20 questions" in out.replace("\n", " ")


def test_the_same_id_is_not_the_same_question(runs_dir: Path) -> None:
    strong, weak = load_run("strong"), load_run("weak")
    rows = [{**row, "gold_answer": "another"} for row in strong.answers]
    rewrite(strong.run_dir, rows)
    found = compare_runs(load_run("strong"), weak)
    assert (found.shared, found.pairs) == (0, [])
    assert found.not_comparable == ["other questions: 40 against 40, none the same"]


def test_runs_that_cannot_be_compared_say_why(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(
        runs_dir / "apart",
        lambda i, case: True,
        dataset="other-1",
        first_question=40,
        conditions=("top_5",),
    )
    assert main(["compare", "weak", "apart"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for said in (
        "NOT comparable: other datasets: other-1 against docs-0123456789ab",
        "other questions: 40 against 40, none the same",
        "other conditions: apart has no closed_book, oracle, top_3",
        "other conditions: weak has no top_5",
    ):
        assert said in out
    assert "exact_match, %" not in out


def test_other_documents_are_counted(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = read_answers(runs_dir / "same")
    for row in rows[-3:]:
        row["context_ids"] = ["another"]
    for row in rows:
        row["model"] = {"student": "baseline", "baseline": "student"}[row["model"]]
    rewrite(runs_dir / "same", rows)
    assert main(["compare", "weak", "same"]) == 0
    said = "Not the same in both: other documents of as many questions: top_3 3."
    assert said in capsys.readouterr().out


def test_clusters_widen_the_interval(runs_dir: Path) -> None:
    strong, weak = load_run("strong"), load_run("weak")
    alone = compare_runs(strong, weak).pairs[0].figures
    # Four questions a chunk, and all four of a chunk change together.
    rows = [
        {**row, "oracle_id": str(int(row["oracle_id"].split("#")[1]) // 1000 % 4)}
        for row in weak.answers
    ]
    rewrite(weak.run_dir, rows)
    together = compare_runs(strong, load_run("weak")).pairs[0].figures
    assert together.difference == alone.difference
    assert together.verdict == "cannot tell"  # of 4 chunks nothing can be told
    assert together.high - together.low > alone.high - alone.low


def test_named_metrics_and_conditions(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "compare",
        "weak",
        "strong",
        "--metric",
        "f1",
        "exact_match",
        "--condition",
        "oracle",
    ]
    assert main([*command, "--markdown"]) == 0
    out = capsys.readouterr().out
    assert 0 < out.index("f1, %") < out.index("exact_match, %")
    assert out.count("questions, oracle: student against baseline") == 2
    row = next(line for line in out.splitlines() if line.startswith("| oracle") and "50.0" in line)
    assert row.replace(" ", "").startswith("|oracle|40|50.0|25.0|+25.0|+")
    assert main(["compare", "weak", "strong", "--metric", "rogue"]) == 2
    assert (
        "no metric rogue. Evaluate it so, or name others with --metric: exact_match"
        in capsys.readouterr().err
    )


# --- the gate ------------------------------------------------------------------------------------


def test_the_gate_passes_what_is_not_worse(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run, base, difference in (("strong", "weak", "+25.0"), ("same", "weak", "0.0")):
        assert main(["gate", run, "--against", base]) == 0
        out = capsys.readouterr().out
        assert "Nothing got worse beyond its interval." in out
        assert narrow(out)
        row = next(line for line in out.splitlines() if line.startswith("top_3"))
        assert row.split()[4] == difference


def test_the_gate_names_what_got_worse(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "weak", "--against", "strong", "--metric", "f1", "exact_match"]) == 1
    out = capsys.readouterr().out
    assert narrow(out)
    said = " ".join(out.split())
    for condition in ("closed_book", "oracle", "top_3"):
        for metric in ("f1", "exact_match"):
            assert f"WORSE: {metric} under {condition}: " in said
    assert "50.0% before, 25.0% now, -25.0 points (95% interval -" in said


def test_the_gate_looks_at_every_condition_of_the_base(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(runs_dir / "unread", lambda i, case: i % 4 == 0 and case.condition != "oracle")
    assert main(["gate", "unread", "--against", "weak"]) == 1
    out = capsys.readouterr().out
    assert out.count("WORSE") == 1
    assert "under oracle" in out
    assert main(["gate", "unread", "--against", "weak", "--condition", "top_3"]) == 0


def test_silence_is_wrong_though_the_rest_is_right(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(runs_dir / "silent", lambda i, case: True if i % 4 == 0 else None)
    found = gate(load_run("silent"), load_run("strong"))
    assert [(p.figures.n, p.figures.value, p.unscored) for p in found.pairs] == [(40, 0.25, 0)] * 3
    assert main(["gate", "silent", "--against", "strong"]) == 1
    assert capsys.readouterr().out.count("WORSE") == 3
    assert main(["gate", "strong", "--against", "silent"]) == 0


def test_more_replies_without_a_value_are_worse_though_the_rest_is_right(runs_dir: Path) -> None:
    rows = read_answers(runs_dir / "weak")
    for row in rows:
        if row["exact_match"] == 0:
            row |= {"exact_match": None, "exact_match_explanation": "unparsed: Hm."}
    write_run(runs_dir / "unread", lambda i, case: i % 4 == 0)
    rewrite(runs_dir / "unread", rows)
    found = gate(load_run("unread"), load_run("weak"))
    assert all(one.figures.value == 1 for one in found.pairs)  # of what has a value
    assert all("30 replies have no value, 0 had none before" in one for one in regressions(found))
    assert len(regressions(found)) == 3


def test_no_longer_refusing_is_worse(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conditions = ("oracle", "distractors_only")
    write_run(runs_dir / "base", lambda i, case: True, conditions=conditions)
    write_run(runs_dir / "bold", lambda i, case: case.condition == "oracle", conditions=conditions)
    assert main(["gate", "bold", "--against", "base"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "WORSE: refused_rightly under distractors_only: 100.0% before, 0.0% now" in said
    assert said.count("WORSE") == 1
    assert main(["gate", "bold", "--against", "base", "--metric", "f1"]) == 0
    assert "no reply of both under distractors_only has a value" in capsys.readouterr().out
    command = ["gate", "bold", "--against", "base", "--metric", "f1", "--condition"]
    for asked in (["distractors_only"], conditions):
        assert main([*command, *asked]) == 2
        assert "no reply of both under distractors_only has a value" in capsys.readouterr().err


def test_a_gate_asks_for_the_metric_that_decides_the_base(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    conditions = ("oracle", "distractors_only")
    write_run(runs_dir / "base", lambda i, case: True, conditions=conditions, metric="f1")
    monkeypatch.setattr("tests.eval.toy_runs.METRICS", ("exact_match", "refused_rightly"))
    write_run(runs_dir / "silent", lambda i, case: True, conditions=conditions)
    assert main(["gate", "silent", "--against", "base"]) == 2
    assert "silent: no metric f1" in capsys.readouterr().err


def test_a_run_is_not_worse_than_itself(runs_dir: Path) -> None:
    assert main(["gate", "weak", "--against", "weak"]) == 0


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["gate", "weak"], "the following arguments are required: --against"),
        (["gate", "gone", "--against", "weak"], "Evaluated are: apart, fewer, same, strong, weak"),
        (["gate", "weak", "--against", "strong", "--metric", "rogue"], "weak: no metric rogue"),
        (
            ["gate", "weak", "--against", "strong", "--condition", "top_9"],
            "weak: no condition top_9",
        ),
        (["gate", "fewer", "--against", "weak"], "fewer: no condition top_3"),
        (["gate", "apart", "--against", "weak"], "not comparable (other questions"),
        (["compare", "gone"], "metrics.json is not there"),
        (["compare", "weak", "--condition", "top_9"], "weak: no condition top_9"),
        (["nonsense"], "invalid choice"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    runs_dir: Path,
    made_apart: Path,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    said: str,
) -> None:
    shutil.copytree(made_apart, runs_dir, dirs_exist_ok=True)
    assert main(command) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_run_is_a_name_or_a_folder(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "weak", lambda i, case: True)
    here, there = load_run(str(tmp_path / "weak")), load_run("weak")
    assert there.run_dir == runs_dir / "weak"
    assert here.name == str(tmp_path / "weak")
    assert there.name == "weak"
    monkeypatch.chdir(there.run_dir)
    assert load_run(".").name == "weak"


def test_no_run_at_all_says_what_makes_one(
    home_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare"]) == 2
    assert "runs/ holds no evaluation. Run ./run_all.sh" in capsys.readouterr().err
    with pytest.raises(SetupError, match="none yet"):
        load_run("tiny")


def test_the_headline_of_a_run(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["headline", str(runs_dir / "strong")]) == 0
    out = capsys.readouterr().out
    verdict = read_metrics(runs_dir / "strong")["verdict"]
    assert " ".join(out.split()).endswith(verdict)
    rows = [line.split() for line in out.splitlines() if " exact_match " in line]
    results = load_run("strong").results
    assert [row[:2] for row in rows] == [
        *(["closed_book", "exact_match"], ["oracle", "exact_match"], ["top_3", "*"])
    ]
    tested = [one for one in results.comparisons if one.verdict]
    for one, row in zip(tested, rows, strict=True):
        assert f"{one.p if one is results.deciding else one.p_holm:.3f}" in row[-3:]
    assert narrow(out)
    assert main(["headline", "gone"]) == 2
    assert "metrics.json is not there" in capsys.readouterr().err


def test_every_model_of_the_headline_has_one_block(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(runs_dir / "many", lambda i, case: True, models=("student", "baseline", "teacher"))
    assert main(["headline", "many"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines.count("student against baseline") == lines.count("student against teacher") == 1
    assert sum(" exact_match " in line for line in lines) == 6


def test_retrieval_settings_have_a_block_of_their_own(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conditions = ("oracle", "top_3_hybrid", "top_3_keywords_rerank", "top_3")
    write_run(runs_dir / "several", lambda i, case: i % 2 == 0, conditions=conditions)
    capsys.readouterr()
    assert main(["headline", "several"]) == 0
    blocks = capsys.readouterr().out.split("\n\n")[1:-1]
    assert [block.splitlines()[0] for block in blocks] == [
        "student against baseline",
        "student, other retrieval settings against top_3",
    ]
    rows = [line.split()[0] for line in blocks[1].splitlines()[2:]]
    assert rows == ["top_3_hybrid", "top_3_keywords_rerank"]
    assert main(["gate", "several", "--against", "several"]) == 0
    assert main(["compare", "several", "several", "--condition", "top_3_hybrid"]) == 0
    assert " top_3_hybrid " in capsys.readouterr().out.replace("\n", " ")


def test_a_command_is_not_broken_at_its_hyphens() -> None:
    command = "./run_all.sh -p my-very-own-student.yaml --from 4 -r max_questions 190"
    for before in range(100):
        words = wrapped("x" * before + " " + command).split()
        assert words[-len(command.split()) :] == command.split()
