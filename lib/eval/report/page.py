"""HTML from templates/: everything that is not Markup is escaped by the template engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from lib.eval import wording
from lib.eval.conditions import meaning

if TYPE_CHECKING:
    from IPython.display import HTML
    from jinja2 import Environment
    from pandas import DataFrame

TEMPLATES = Path(__file__).parent / "templates"
STYLE = Markup(f"<style>{(TEMPLATES / 'style.css').read_text(encoding='utf-8')}</style>")
_FILTERS = ("called", "interval", "metric_name", "percent", "points", "signed")


@dataclass(frozen=True)
class Table:
    """Rows of texts. The lines of a text after its first are shown small, below it.

    An index of two levels groups the rows: (title of the group, name of the row).
    """

    caption: str
    frame: DataFrame
    note: str = ""
    main: str = ""  # the title of the group that the verdict is about

    @property
    def groups(self) -> Iterator[tuple[str, DataFrame]]:
        if self.frame.index.nlevels == 1:
            yield "", self.frame
        else:
            for title, rows in self.frame.groupby(level=0, sort=False):
                yield str(title), rows.droplevel(0)


def table_of(rows: list[dict[str, str]], *index: str) -> DataFrame:
    """Column → text, for each row."""
    import pandas as pd

    return pd.DataFrame(rows, dtype=object).set_index(list(index))


def render(template: str, **values: Any) -> Markup:
    return Markup(_environment().get_template(template).render(values))


def show(template: str, **values: Any) -> HTML:
    """A template as the output of a cell, with the style."""
    from IPython.display import HTML

    return HTML(f"{STYLE}\n{render(template, **values)}")


def show_note(sentence: str) -> HTML:
    return show("note.html.j2", sentence=sentence)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {name: getattr(wording, name) for name in _FILTERS} | {"meaning": meaning}
    made.globals |= {"STYLE": STYLE, "counted": wording.counted}
    return made
