"""infra/models.yaml: models of Foundry, the roles that they are offered for, and their regions."""

from contextlib import suppress
from typing import Any

from lib.engine.faults import short
from lib.settings import PROJECT_DIR, SetupError, home
from lib.store import read_json

PATH = PROJECT_DIR / "infra" / "models.yaml"
ROLES = ("teacher", "student", "embedding", "baseline", "judge")
MAY_BE_NONE = ("embedding", "baseline", "judge")
NONE = "none"  # in the place of a model: nothing is deployed for this role
Models = dict[str, dict[str, Any]]


def load_models() -> Models:
    """Name → its facts as in the file, with `regions` as a set of names."""
    import yaml

    try:
        data = yaml.safe_load(PATH.read_text(encoding="utf-8"))
        models, regions = data["models"], data["regions"]
        return {name: {**m, "regions": {*regions[m["regions"]]}} for name, m in models.items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(f"{PATH} cannot be read ({short(error)}); see its first lines.") from error


def offered(models: Models, role: str, regions: set[str]) -> list[str]:
    """Those for a role in one of the regions; first those for which it is their first role."""
    found = [n for n, m in models.items() if role in m["roles"] and m["regions"] & regions]
    return sorted(found, key=lambda name: models[name]["roles"].index(role))


def fine_tune_of(models: Models, base: str) -> dict[str, Any] | None:
    """How a model is trained, and what was trained deployed. `base`: its name, here or in a job."""
    known = {name: m["fine_tune"] for name, m in models.items() if "fine_tune" in m}
    return next((how for name, how in known.items() if base in (name, how["name"])), None)


def foundry_config() -> dict[str, str]:
    """config.json, where the resource is; {} = there is none, or it is another program's."""
    with suppress(OSError, ValueError, TypeError):
        config = dict(read_json(home() / "config.json"))
        return config if "account_name" in config else {}
    return {}
