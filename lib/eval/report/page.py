"""Templates → HTML: everything that is not Markup is escaped by the template engine."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lib.eval import wording
from lib.eval.conditions import meaning, setting_of

TEMPLATES = Path(__file__).parent / "templates"
STYLE = Markup(f"<style>{(TEMPLATES / 'style.css').read_text(encoding='utf-8')}</style>")
HTML = Any  # the output of a cell: IPython.display.HTML, which is imported late


def render(template: str, **values: Any) -> Markup:
    return Markup(_environment().get_template(template).render(values))


def show(template: str, **values: Any) -> HTML:
    """A template as the output of a cell; the first one, verdict.html.j2, brings the style."""
    from IPython import display

    return display.HTML(render(template, **values))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = {name: value for name, value in vars(wording).items() if not name.startswith("_")}
    made.filters |= known | {"meaning": meaning, "setting_of": setting_of}
    made.filters["thousands"] = "{:,}".format
    made.globals |= known | {"STYLE": STYLE}
    return made
