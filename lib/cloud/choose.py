"""`python -m lib.cloud choose`: a model for each role, and a region that has them all.

A Foundry resource is in one region: each choice leaves the regions that have its model, too.
"""

import argparse
import sys

from lib.cloud.models import MAY_BE_NONE, NONE, ROLES, Models, load_models, offered
from lib.cloud.state import azd_values, run_azd
from lib.settings import SetupError


def choose(options: argparse.Namespace) -> None:
    """Ask for what no option names; without a terminal, take the models that are suggested."""
    azd_values()  # is there an azd, and a login? Before anything is asked
    models, given = load_models(), {role: getattr(options, role) for role in ROLES}
    chosen, region = chosen_models(models, given, options.region)
    run_azd("env", "set", "AZURE_LOCATION", region)
    for role, name in chosen.items():
        run_azd("env", "set", f"OPENBOOK_{role.upper()}", name)
        print(f"{role:9} {_line(name, models)}")
    print(f"region    {region}\nNext: azd up")


def chosen_models(
    models: Models, given: dict[str, str | None], region: str | None
) -> tuple[dict[str, str], str]:
    """Role → model, and the region."""
    everywhere = set[str]().union(*(facts["regions"] for facts in models.values()))
    if region and region not in everywhere:
        raise SetupError(f"No model is known in '{region}'. Regions: {_list(everywhere)}.")
    regions, chosen = {region} if region else everywhere, dict[str, str]()
    for role in sorted(ROLES, key=lambda role: not given[role]):  # what is fixed narrows first
        names = offered(models, role, regions)
        if role == "baseline":  # the student's lead is over the model that it started from
            names.sort(key=lambda name: name != chosen.get("student"))
        names += [NONE] if role in MAY_BE_NONE else []
        name = given[role] or (_ask(role, names, models) if names else "")
        if name not in names:
            where = f" in {_list(regions)}" if regions != everywhere else ""
            raise SetupError(
                f"'{name}' is not offered as {role}{where}. Offered: {', '.join(names) or NONE}."
            )
        chosen[role] = name
        regions = regions & models[name]["regions"] if name != NONE else regions
    if not region and not sys.stdin.isatty():
        raise SetupError(f"Set --region. Regions with these models: {_list(regions)}.")
    return {role: chosen[role] for role in ROLES}, region or _ask("region", sorted(regions), {})


def _ask(what: str, names: list[str], models: Models) -> str:
    """One by its number or name; the first, for Enter or if nobody is there to ask."""
    if len(names) == 1 or not sys.stdin.isatty():
        return names[0]
    numbered = {str(number): name for number, name in enumerate(names, start=1)}
    for number, name in numbered.items():
        print(f"{number:>3}  {_line(name, models)}")
    while (typed := input(f"{what} [1]: ").strip() or "1") not in (*numbered, *names):
        print(f"'{typed}' is none of 1 to {len(names)}.")
    return numbered.get(typed, typed)


def _line(name: str, models: Models) -> str:
    """`gpt-5.4-mini, until 2027-09-21`"""
    facts = models.get(name, {})
    ends = f"until {facts['ends']}" if "ends" in facts else ""
    return ", ".join(filter(None, (name, ends, facts.get("note"))))


def _list(regions: set[str]) -> str:
    return ", ".join(sorted(regions))
