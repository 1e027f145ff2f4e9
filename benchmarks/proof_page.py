"""The proof as a page: gates, a reading that follows the figures by rule, and tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean

from benchmarks.proof_figures import ABSENT, MAIN, Gate, SeedRun
from benchmarks.proof_rows import BASELINE, CONDITIONS, ORACLE_ONLY, RAFT, Variant
from lib.eval.statistics.pairs import BETTER, WORSE
from lib.eval.wording import percent, signed
from lib.parameters import DEFAULT_PARAMETERS
from lib.recipe import Recipe
from lib.settings import write_text
from offline.teacher import NAME


def write_page(
    runs: Sequence[SeedRun],
    variants: Sequence[Variant],
    found: Sequence[Gate],
    recipe: Recipe,
    *,
    docs_dir: Path,
) -> Path:
    """Write proof.md into docs_dir; returns the page's path."""
    page = "\n\n".join(
        [
            "# Does RAFT work on the embedded default?",
            "`python -m benchmarks proof` trains, asks and writes this page, its sentences "
            "included; change that, not this. `python -m benchmarks proof_ablations` measures what "
            "each part of the rows does.",
            "## In short",
            _in_short(runs, found),
            "## Gates",
            _gates(runs, found),
            "## What was run",
            method(runs, recipe, parameters=DEFAULT_PARAMETERS.name),
            "This is evidence about the pipeline and about a model of 5 million parameters, not "
            "about large ones.",
            trainings_table(runs, variants),
            "## Exact match",
            overview(runs),
            "## Every condition",
            *[condition_table(runs, condition) for condition in CONDITIONS],
        ]
    )
    path = docs_dir / "proof.md"
    write_text(path, page + "\n")
    return path


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, num_texts: int = 1) -> str:
    """A Markdown table; the first columns are texts, the others figures."""
    lines = [head, ["---"] * num_texts + ["---:"] * (len(head) - num_texts), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _models(runs: Sequence[SeedRun]) -> list[str]:
    return list(dict.fromkeys([BASELINE, *(model for model, _ in runs[0].marks)]))


# --- in words ------------------------------------------------------------------------------------


def comparison(runs: Sequence[SeedRun], other: str, condition: str) -> str:
    """RAFT against another model in a sentence; its words are those of the seeds' intervals."""
    differences = [run.difference(RAFT, other, condition) for run in runs]
    verdicts = [difference.verdict for difference in differences]
    seeds = len(runs)
    each, some = (f"{w} of {seeds} seeds" if seeds > 1 else "one seed" for w in ("each", "any"))
    better, worse = verdicts.count(BETTER), verdicts.count(WORSE)
    if seeds in (better, worse):
        word = BETTER if better == seeds else WORSE
        said = f"RAFT is {word} than “{other}” in {each}"
    elif not better and not worse:
        said = f"RAFT and “{other}” cannot be told apart in {some}"
    else:
        said = (
            f"RAFT against “{other}” is better in {better} of {seeds} seeds, worse in {worse}, and "
            f"cannot be told apart in {seeds - better - worse}"
        )
    points = ", ".join(signed(difference.mean) for difference in differences)
    rates = " against ".join(
        f"{percent(fmean(run.exact(model, condition) for run in runs))}%" for model in (RAFT, other)
    )
    return f"{said}: {rates}, {points} points."


def _in_short(runs: Sequence[SeedRun], found: Sequence[Gate]) -> str:
    reached = sum(gate.reached for gate in found)
    lines = [f"{reached} of {len(found)} gates are reached; the table below names each."]
    others = [name for name in _models(runs) if name != RAFT]
    lines.append(
        "Exact match with the oracle among 4 distractors, and the difference in each seed:"
    )
    lines += [f"  - {comparison(runs, other, MAIN)}" for other in others]
    without, alone, among = (
        _mean(run.exact(RAFT, condition) for run in runs)
        for condition in ("closed_book", "oracle", MAIN)
    )
    lines += [
        f"With no documents RAFT is right on {without}% of the questions, with the oracle alone on "
        f"{alone}%, with 4 distractors beside it on {among}%.",
        f"With the oracle absent {_refusals(runs, ABSENT)}; with the oracle among 4 distractors "
        f"{_refusals(runs, MAIN)}.",
    ]
    return "\n".join(line if line.startswith("  ") else f"- {line}" for line in lines)


def _refusals(runs: Sequence[SeedRun], condition: str) -> str:
    shares = {
        model: _mean(run.refused(model, condition) for run in runs)
        for model in (RAFT, ORACLE_ONLY, BASELINE)
    }
    others = ", ".join(f"{model} {shares[model]}%" for model in (ORACLE_ONLY, BASELINE))
    return f"{RAFT} refuses {shares[RAFT]}% of the questions, {others}"


def _mean(values: Iterable[float]) -> str:
    """In percent, over the seeds that have a value."""
    known = [value for value in values if not math.isnan(value)]
    return percent(fmean(known) if known else math.nan)


def gate_line(gate: Gate) -> str:
    return f"{'reached' if gate.reached else 'MISSED '} · {gate.demand} · {_numbers(gate)}"


def _numbers(gate: Gate) -> str:
    return ", ".join(f"{value:.1f}".removesuffix(".0") for value in gate.found)


def _gates(runs: Sequence[SeedRun], found: Sequence[Gate]) -> str:
    seeds = ", ".join(str(run.seed) for run in runs)
    rows = [
        [gate.demand, _numbers(gate), "reached" if gate.reached else "**not reached**"]
        for gate in found
    ]
    head = "A gate is reached when every seed meets it. Refusals are counted over oracle + 4 "
    head += "distractors, where none is right, and the same distractors without the oracle, where "
    return f"{head}each is.\n\n" + table(["gate", f"seeds {seeds}", ""], rows)


# --- what was run --------------------------------------------------------------------------------


def method(runs: Sequence[SeedRun], recipe: Recipe, *, parameters: str) -> str:
    asked = "; ".join(
        f"seed {run.seed}: {len(run.clusters)} questions on {run.num_documents} documents"
        for run in runs
    )
    hits = ", ".join(percent(run.hit_rate) for run in runs)
    return f"""The built-in teacher (`{NAME}`) asks about `{recipe.doc_path}`. Whole documents are
held out, and every figure is of questions on them:
{asked}.
Settings are those of `parameters/{parameters}`; a seed draws the questions, the split, the rows and
the order of training. The base is `{recipe.student_model}`; “baseline” is the base as it is.
Answers are greedy.

- Within a seed every student trains on the same questions, for {recipe.num_epochs:g} epochs:
  equal steps. Rows with fewer documents are shorter, so tokens differ.
- The distractors at test are random, drawn once: those of a smaller number are among those of a
  larger.
- The five nearest chunks hold the oracle for {hits}% of the questions (by seed).
- A refusal, and a reply without a final answer, count as wrong.
- Differences are paired by question; 95% intervals resample the chunks that questions were made
  from. Each is of one comparison: none is corrected for how many there are.
- The seeds share one corpus and one base."""


def trainings_table(runs: Sequence[SeedRun], variants: Sequence[Variant]) -> str:
    rows = []
    for variant in variants:
        of_seeds = [run.trainings[variant.name] for run in runs]
        rows.append(
            [
                variant.name,
                variant.differs,
                ", ".join(str(training.rows) for training in of_seeds),
                ", ".join(str(training.updates) for training in of_seeds),
                percent(fmean(training.oracle_share for training in of_seeds)),
                f"{fmean(training.tokens for training in of_seeds) / 1000:,.0f}",
                f"{fmean(training.seconds for training in of_seeds) / 60:.1f}",
            ]
        )
    head = "student|how its rows differ|rows, by seed|updates|with oracle, %|1,000 tokens|minutes"
    return table(head.split("|"), rows, num_texts=2)


# --- figures -------------------------------------------------------------------------------------


def overview(runs: Sequence[SeedRun]) -> str:
    rows = []
    conditions = {name: it for name, it in CONDITIONS.items() if (RAFT, name) in runs[0].marks}
    for name in _models(runs):
        values = [
            percent(fmean(run.exact(name, condition) for run in runs)) for condition in conditions
        ]
        rows.append([name, *values])
    said = "Percent, mean over the seeds. Where the oracle is absent the right reply is a refusal."
    return f"{said}\n\n" + table(["", *conditions.values()], rows)


def condition_table(runs: Sequence[SeedRun], condition: str) -> str:
    """One condition: every model's figures, and RAFT's lead over it with each seed's interval."""
    rows = []
    for name in _models(runs):
        leads = ["" if name == RAFT else _lead(run, name, condition) for run in runs]
        rows.append(
            [
                name,
                _mean(run.exact(name, condition) for run in runs),
                _mean(run.f1(name, condition) for run in runs),
                _mean(run.quotes(name, condition) for run in runs),
                _mean(run.refused(name, condition) for run in runs),
                *leads,
            ]
        )
    leads_of = [f"RAFT − this, seed {run.seed}" for run in runs]
    head = ["", "exact match, %", "F1, %", "quotes of the oracle, %", "refused, %", *leads_of]
    return f"### {CONDITIONS[condition].capitalize()}\n\n" + table(head, rows)


def _lead(run: SeedRun, other: str, condition: str) -> str:
    found = run.difference(RAFT, other, condition)
    return f"{signed(found.mean)} ({signed(found.low)} to {signed(found.high)})"
