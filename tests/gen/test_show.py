from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from markupsafe import escape

from lib.dataset import write_dataset
from lib.gen import show
from lib.gen.corpus import Corpus
from lib.reading.documents import Skipped
from lib.recipe import Recipe
from lib.records import Rejected
from tests.gen.dataset import make
from tests.plain_html import glued


def test_rows_are_shown_with_tags_escaped_and_the_quote_marked(home_dir: Path) -> None:
    example = next(e for e in make().built.examples if e.kind == "oracle")
    oracle = replace(example.oracle, text=f"<script>x</script> {example.oracle.text}")
    context = tuple(oracle if c == example.oracle else c for c in example.context)
    html = show.show_examples([replace(example, oracle=oracle, context=context)]).data
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;ANSWER&gt;:" in html
    assert html.count("<mark>") == 1
    assert glued(html) == []
    assert html.count(" · <b>oracle</b></small>") == html.count('class="document oracle"') == 1


def test_a_quote_is_found_across_a_line_break(home_dir: Path) -> None:
    example = next(e for e in make().built.examples if e.kind == "oracle")
    broken = replace(example.oracle, text=example.oracle.text.replace(" ", "\n"))
    context = tuple(broken if c == example.oracle else c for c in example.context)
    html = show.show_examples([replace(example, oracle=broken, context=context)]).data
    assert html.count("<mark>") == 1


def test_every_kind_is_shown_first(home_dir: Path) -> None:
    examples = make().built.examples
    html = show.show_examples(examples, n=3).data
    for kind in ("oracle", "memorise", "refuse"):
        assert f"kind <b>{kind}</b>" in html
        assert escape(next(e.question.text for e in examples if e.kind == kind)) in html
    assert html.count('class="raft"') == 3


def test_counts_are_drawn(home_dir: Path) -> None:
    examples = make().built.examples
    rejected = [Rejected("", "c", "verbatim", "no")]
    figure, *_ = inspect.unwrap(show.plot_counts)(examples, rejected)
    rows, places, gates = figure.axes
    assert sum(bar.get_height() for bar in rows.patches) == len(examples)
    assert sum(bar.get_height() for bar in places.patches) == sum(
        e.oracle_position is not None for e in examples
    )
    assert [label.get_text() for label in gates.get_yticklabels()] == ["verbatim"]


def test_the_reading_of_the_counts_is_the_counts() -> None:
    examples = make().built.examples
    train = [example.kind for example in examples if example.split == "train"]
    said = show.plot_counts(examples, []).reading
    for kind, count in Counter(train).items():
        assert f"{count / len(train):.0%} {kind}" in said


@pytest.mark.filterwarnings("error")  # the next pandas raises what this one warns of
def test_documents_and_skipped_files_stand_in_one_table() -> None:
    corpus = Corpus(Recipe())
    corpus.documents = documents = list(make().documents)
    documents[0] = replace(documents[0], dropped=(("Lights", 3), ("Page #", 4)))
    assert list(show.show_documents(corpus).skipped.unique()) == [""]
    corpus.skipped = [Skipped("x.pdf", "it is encrypted")]
    table = show.show_documents(corpus)
    assert glued(table.to_html()) == []
    assert list(table.index) == [*(d.id for d in documents), "x.pdf"]
    assert table.loc["x.pdf", "skipped"] == "it is encrypted"
    assert table.loc["0.txt", "characters"] == len(documents[0].text)
    assert list(table["dropped lines"]) == [7, *[0] * len(documents)]


def test_what_was_learnt_are_the_counts_of_the_dataset(home_dir: Path) -> None:
    made = make()
    said = show.show_learned(write_dataset(**made.arguments())).data
    splits = Counter(example.split for example in made.built.examples)
    kinds = Counter(example.kind for example in made.built.examples)
    assert f"{splits['train']:,} to train on" in said
    assert f"{splits['eval']:,} to evaluate" in said
    assert f"{kinds.total() - kinds['oracle']:,} rows" in said
