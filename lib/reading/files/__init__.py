"""Readers of files: one module for each type, found by its name.

The name of the module is the type (the value of `doctype`). A module has

    ENDINGS = (".html", ".htm")     the files that it reads unless doctype says otherwise; may be ()
    IN_WORKER = True                True: untrusted or slow to parse, so a worker process reads it

and one of two functions, which raise a ValueError with a reason that can be shown to users:

    read(path) -> Text              for a file that is one document
    read_record(record) -> Text     for a JSON file of records, each of which is one
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


@cache
def file_types() -> dict[str, ModuleType]:
    """The module of each type."""
    names = [found.name for found in iter_modules(__path__)]
    return {name: import_module(f"{__name__}.{name}") for name in names}


@cache
def types_by_ending() -> dict[str, str]:
    """`{".htm": "html", ".html": "html", …}`"""
    return {ending: name for name, module in file_types().items() for ending in module.ENDINGS}


def readable() -> str:
    """`.docx, .htm, … and .xhtml`: the endings, for messages."""
    *most, last = sorted(types_by_ending())
    return f"{', '.join(most)} and {last}"
