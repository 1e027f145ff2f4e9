"""Parameters: what the notebooks' `parameters` cells declare, and what a YAML may override.

A declaration is one line, `name: type = default  # meaning, unit, source`; it is the one place
where a default stands.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lib.settings import PROJECT_DIR, SetupError

NOTEBOOKS = ("1_gen", "2_finetune", "3_deploy", "4_eval")
DEFAULT_PARAMETERS = PROJECT_DIR / "parameters" / "tiny.yaml"


@dataclass(frozen=True)
class Parameter:
    """One declared parameter, with every notebook that knows it."""

    name: str
    type: str  # "bool", "int", "float", "str", "list[int]", … or "str | list[str]"
    default: Any
    meaning: str
    notebooks: tuple[str, ...]


def declared(source: str, notebook: str) -> list[Parameter]:
    """Read one parameters cell.

    Raises:
        ValueError: a line is not `name: type = default  # meaning`.
    """
    lines, found = source.splitlines(), []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            raise ValueError(f"{notebook}: '{ast.unparse(node)}' is not `name: type = default`")
        meaning = lines[node.lineno - 1].partition("  # ")[2].strip()
        if not meaning or node.value is None:
            raise ValueError(f"{notebook}: {node.target.id} lacks its default or its meaning")
        found.append(
            Parameter(
                name=node.target.id,
                type=ast.unparse(node.annotation),
                default=ast.literal_eval(node.value),
                meaning=meaning,
                notebooks=(notebook,),
            )
        )
    return found


def known_parameters(folder: Path = PROJECT_DIR) -> dict[str, Parameter]:
    """Every parameter of the four notebooks, in their order.

    Raises:
        ValueError: two notebooks declare one name with different types or defaults.
    """
    known: dict[str, Parameter] = {}
    for notebook in NOTEBOOKS:
        for new in declared(parameters_cell(folder / f"{notebook}.ipynb"), notebook):
            old = known.get(new.name, new)
            if (old.type, old.default) != (new.type, new.default):
                raise ValueError(f"{new.name} is declared differently in {notebook}")
            notebooks = tuple(dict.fromkeys((*old.notebooks, notebook)))
            known[new.name] = Parameter(old.name, old.type, old.default, old.meaning, notebooks)
    return known


def parameters_cell(notebook_path: Path) -> str:
    """The source of the cell tagged `parameters`."""
    cells = json.loads(notebook_path.read_text(encoding="utf-8"))["cells"]
    sources = [c["source"] for c in cells if "parameters" in c["metadata"].get("tags", [])]
    if len(sources) != 1:
        raise ValueError(f"{notebook_path.name} has {len(sources)} cells tagged parameters")
    return "".join(sources[0])


def read_parameters(path: Path, known: Mapping[str, Parameter]) -> dict[str, Any]:
    """The overrides of a YAML file, checked against the declarations.

    Raises:
        SetupError: no such file, not YAML, an unknown key, a value of the wrong type.
    """
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        there = ", ".join(sorted(p.name for p in (PROJECT_DIR / "parameters").glob("*.yaml")))
        raise SetupError(f"{path} is not there. parameters/ holds {there}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read as a text file: {error}.") from None
    except yaml.YAMLError as error:
        raise SetupError(f"{path} is not YAML: {' '.join(str(error).split())}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SetupError(f"{path} holds a {type(values).__name__}; expected `key: value` lines.")
    return {str(key): checked(str(key), value, known, path.name) for key, value in values.items()}


def override(name: str, text: str, known: Mapping[str, Parameter]) -> Any:
    """The value of `-r NAME VALUE`, read as the declared type says ("3,5" is a list; of a type that
    is a text or a list, only "[…]" is one).

    Raises:
        SetupError: an unknown name, or a text that is no such value.
    """
    parameter = _declaration(name, known, "-r")
    is_list = text.startswith("[")
    if "str" in parameter.type.split(" | ") and not (is_list and "list" in parameter.type):
        return text
    if parameter.type == "list[str]" and not is_list:
        return [item.strip() for item in text.split(",") if item.strip()]
    listed = parameter.type.startswith("list") and not is_list
    literal = {"true": "True", "false": "False"}.get(text.lower(), f"[{text}]" if listed else text)
    try:
        value = ast.literal_eval(literal)
    except (ValueError, SyntaxError):
        value = text
    return checked(name, value, known, "-r")


def checked(name: str, value: Any, known: Mapping[str, Parameter], where: str) -> Any:
    """The value itself (an int becomes a float where one is declared), else a SetupError."""
    parameter = _declaration(name, known, where)
    if parameter.type == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not _fits(value, parameter.type):
        raise SetupError(
            f"{where}: {name} is {value!r}, a {type(value).__name__}; expected {parameter.type}, "
            f"like {parameter.default!r}."
        )
    return value


def _fits(value: Any, declared_type: str) -> bool:
    if " | " in declared_type:
        return any(_fits(value, one) for one in declared_type.split(" | "))
    if declared_type.startswith("list["):
        return isinstance(value, list) and all(_fits(item, declared_type[5:-1]) for item in value)
    return type(value).__name__ == declared_type


def _declaration(name: str, known: Mapping[str, Parameter], where: str) -> Parameter:
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise SetupError(
            f"{where}: no notebook knows the parameter {name}.{hint} "
            "./run_all.sh --list shows them all."
        )
    return known[name]


def overrides(
    path: Path, pairs: Iterable[Sequence[str]], known: Mapping[str, Parameter]
) -> dict[str, Any]:
    """A file's values, then those of `-r NAME VALUE`; a run is named after its file.

    Raises:
        SetupError: anything that no notebook would understand.
    """
    values = read_parameters(path, known)
    values |= {name: override(name, text, known) for name, text in pairs}
    values.setdefault("run_name", path.stem)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", values["run_name"]):
        raise SetupError(
            f"run_name is {values['run_name']!r}; it names folders, so use letters, digits, "
            "'.', '_' and '-'."
        )
    return values


def resolved(path: Path, pairs: Iterable[Sequence[str]] = ()) -> dict[str, Any]:
    """The value of every parameter: the notebooks' defaults, the file's, those of `-r`.

    Raises:
        SetupError: as overrides.
    """
    known = known_parameters()
    defaults = {name: parameter.default for name, parameter in known.items()}
    return defaults | overrides(path, pairs, known)


def for_notebook(
    values: Mapping[str, Any], notebook: str, known: Mapping[str, Parameter]
) -> dict[str, Any]:
    """Only the values that this notebook declares."""
    return {name: value for name, value in values.items() if notebook in known[name].notebooks}


def listing(known: Iterable[Parameter], notebooks: Sequence[str] = NOTEBOOKS) -> str:
    """The text of `--list`: each parameter with its default and meaning, under its notebook."""
    known, lines = list(known), []
    for notebook in notebooks:
        own = [p for p in known if p.notebooks[0] == notebook]
        lines += ["", f"{notebook}.ipynb"]
        for p in own:
            also = f" [also {', '.join(p.notebooks[1:])}]" if p.notebooks[1:] else ""
            lines.append(f"  {p.name} = {p.default!r} ({p.type})\n      {p.meaning}{also}")
    return "\n".join(lines[1:])
