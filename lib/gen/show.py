"""Look at the data: a table of documents, some rows, plots of the counts."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from lib.dataset import SPLITS, read_dataset
from lib.drawing import COLOURS, INK, Figure, drawn, new_figure
from lib.gen.corpus import Corpus
from lib.progress import show_points
from lib.prompts.student import ANSWER_TAG, QUOTE_BEGIN, QUOTE_END, parse_answer
from lib.records import RaftExample, Rejected
from lib.text import divided_at

KINDS = ("oracle", "memorise", "refuse")
_COLOURS = dict(zip(KINDS, (COLOURS[2], COLOURS[4], COLOURS[3]), strict=True))

# Colours with alpha over the notebook's own ground: readable in light and in dark. Without the
# style, which viewers may drop, lines and bold words say the same.
STYLE = Markup("""<style>
.raft {border: 1px solid rgba(128,128,128,.5); border-radius: 6px; padding: .6em .9em;
 margin: .8em 0}
.raft .document {border-left: 4px solid rgba(128,128,128,.4); padding: .2em .7em; margin: .4em 0;
 white-space: pre-wrap; max-height: 9em; overflow: auto; font-size: 90%}
.raft .oracle {border-left-color: #2a9d8f; max-height: none}
.raft .label {white-space: pre-wrap; background: rgba(42,157,143,.14); padding: .4em .7em}
.raft mark {background: rgba(233,162,59,.45); color: inherit}
.raft .where {opacity: .7; font-size: 80%}
</style>""")


def show_documents(corpus: Corpus) -> Any:
    """A table (pandas) with one row a file, read or skipped."""
    import pandas as pd

    rows = [
        (d.id, d.title, len(d.pages), len(d.text), sum(count for _, count in d.dropped), "")
        for d in corpus.documents
    ]
    rows += [(skip.path, "", 0, 0, 0, skip.reason) for skip in corpus.skipped]
    columns = ["file", "title", "pages", "characters", "dropped lines", "skipped"]
    return pd.DataFrame(rows, columns=columns).set_index("file")


def show_examples(examples: Sequence[RaftExample], *, n: int = 3) -> Any:
    """n rows as HTML, of every kind if possible: the oracle marked, its quotes highlighted."""
    from IPython.display import HTML

    first = {example.kind: example for example in reversed(examples)}
    shown = [first[kind] for kind in KINDS if kind in first]
    shown += [example for example in examples if example not in shown]
    return HTML(Markup().join([STYLE, *map(example_html, shown[:n])]))


def example_html(example: RaftExample) -> Markup:
    shown = [str(place) for place, c in enumerate(example.context, 1) if c in example.oracles]
    place = f"document {' and '.join(shown)}" if shown else "left out"
    documents = Markup().join(document_html(example, i) for i in range(len(example.context)))
    return Markup(
        '<div class="raft">'
        '<small class="where">{} · {} · kind <b>{}</b> · the oracle is {}</small>\n'
        "<p><b>{}</b></p>\n{}"
        '<small class="where">label</small>\n<div class="label">{}</div></div>\n'
    ).format(
        *(example.id, example.split, example.kind, place),
        *(example.question.text, documents, label_html(example.label)),
    )


def document_html(example: RaftExample, index: int) -> Markup:
    """One document of the context; in the oracle the quotes are marked."""
    chunk = example.context[index]
    is_oracle = chunk in example.oracles
    quotes = parse_answer(example.question.cot_answer).quotes if is_oracle else ()
    return Markup(
        '<div class="{}"><small class="where">{} · {}, page {}{}</small> <br>{}</div>\n'
    ).format(
        "document oracle" if is_oracle else "document",
        *(index + 1, chunk.title, chunk.page, Markup(" · <b>oracle</b>") if is_oracle else ""),
        _with_tags(chunk.text, quotes, Markup("<mark>{}</mark>")),
    )


def label_html(label: str) -> Markup:
    """A label with its quote markers and answer tag in bold."""
    return _with_tags(label, (QUOTE_BEGIN, QUOTE_END, ANSWER_TAG), Markup("<b>{}</b>"))


def _with_tags(text: str, parts: Sequence[str], tag: Markup) -> Markup:
    """The text escaped, each of the parts in a tag, whatever white space it has in the text."""
    pieces = divided_at(text, parts)
    return Markup().join(tag.format(p) if i % 2 else escape(p) for i, p in enumerate(pieces))


@drawn
def plot_counts(
    examples: Sequence[RaftExample], rejected: Sequence[Rejected]
) -> tuple[Figure, str, str]:
    """Three panels: rows by split and kind, the oracle's places, rejections by gate."""
    import pandas as pd

    figure, (rows, places, gates) = new_figure(3.2, width=12, columns=3)
    table = pd.DataFrame([(e.split, e.kind) for e in examples], columns=["split", "kind"])
    kinds = pd.crosstab(table.split, table.kind).reindex(SPLITS, fill_value=0)
    kinds = kinds[[kind for kind in KINDS if kind in kinds]]
    kinds.plot.bar(stacked=True, ax=rows, color=_COLOURS, rot=0, xlabel="", ylabel="rows")
    rows.set(title="Rows by split and kind")
    rows.legend(frameon=False)
    shown = Counter(e.oracle_position for e in examples if e.oracle_position is not None)
    size = max((len(example.context) for example in examples), default=1)
    counts = [shown[position] for position in range(size)]
    places.bar([str(position + 1) for position in range(size)], counts, color=_COLOURS["oracle"])
    places.axhline(sum(counts) / size, color=INK, linestyle=":")
    places.set(title="The oracle's place in the context", xlabel="document", ylabel="rows")
    by_gate = Counter(item.gate for item in rejected).most_common()[::-1]
    gates.barh([gate for gate, _ in by_gate], [count for _, count in by_gate], color=INK)
    gates.set(title=f"Rejected by gate ({len(rejected)})")
    train = table.kind[table.split == "train"].value_counts(normalize=True)
    shares = ", ".join(f"{share:.0%} {kind}" for kind, share in train.items())
    said = f"Training rows: {shares}. "
    said += f"The oracle is at each place in {min(counts):,} to {max(counts):,} rows."
    return figure, "Bars: rows by split and kind, the oracle's places, rejections by gate.", said


def show_learned(dataset_dir: Path) -> Any:
    """The dataset in three sentences: its rows, those without an oracle, and what was rejected."""
    counts = read_dataset(dataset_dir).manifest["counts"]
    rows, rejected = counts["rows"], counts["rejected"]
    kinds = Counter[str]()
    for of_split in counts["kinds"].values():
        kinds.update(of_split)
    without = kinds.total() - kinds["oracle"]
    most = max(rejected, key=rejected.__getitem__, default="")
    return show_points(
        f"{counts['documents']:,} documents gave {sum(counts['chunks'].values()):,} chunks and "
        f"{kinds.total():,} rows: {rows['train']:,} to train on, {rows['valid']:,} to validate, "
        f"{rows['eval']:,} to evaluate. No tested chunk is in training.",
        f"{without:,} rows ({without / max(1, kinds.total()):.0%}) have no oracle on purpose: "
        f"{kinds['memorise']:,} ask the student to remember, {kinds['refuse']:,} to refuse.",
        f"{sum(rejected.values()):,} questions and chunks were rejected"
        + (f", most of them ({rejected[most]:,}) by the gate {most}" if most else "")
        + ". Each is in rejected.jsonl with its reason.",
    )
