"""hosted.yaml: services that train models as jobs, what they ask for, and until when."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from lib.endpoints import EndpointSettings, endpoint_settings
from lib.engine.faults import short
from lib.engine.transport import entra_token
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, SetupError, home

_DATED = re.compile(r"(^ft:|-\d{4}-\d{2}-\d{2}|:.*$)")  # "ft:gpt-4o-2024-08-06:org::id"


@dataclass(frozen=True)
class Service:
    host: str
    as_of: str  # the day on which the terms were read, YYYY-MM-DD
    terms: dict[str, Any]
    dpo: tuple[str, ...]  # the models that it trains on preferences; * matches any characters
    models: dict[str, dict[str, Any]]

    @property
    def min_rows(self) -> int:
        return int(self.terms.get("min_rows", 10))  # as most services have it

    def trains_on_preferences(self, model: str) -> bool:
        return any(fnmatchcase(_DATED.sub("", model), name) for name in self.dpo)

    def cost(self, model: str, tokens: int) -> float | None:
        """Of training so many tokens, in the currency of prices.yaml; None = unknown."""
        price = (self.models.get(_DATED.sub("", model)) or {}).get("price")
        return price and tokens * price / 1e6

    def endings(self, model: str) -> str:
        """The dates after which this is over; "" = none is known."""
        said = []
        if day := self.terms.get("no_new_jobs_from"):
            said.append(f"{self.host} takes no new jobs from {day}")
        if day := self.terms.get("ends", {}).get(_DATED.sub("", model)):
            said.append(f"{model} and what is trained from it answer until {day}")
        if note := self.terms.get("note"):
            said.append(note)
        return f"Known of it: {'; '.join(said)} (hosted.yaml, {self.as_of})." if said else ""


def service_of(base_url: str) -> Service:
    """By its host, from the user's hosted.yaml beside `.env`, else the project's."""
    import yaml

    own = home() / "hosted.yaml"
    path = own if own.exists() else PROJECT_DIR / "hosted.yaml"
    host = urlsplit(base_url).hostname or base_url
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = [t for pattern, t in data["services"].items() if fnmatchcase(host, pattern)]
        terms = dict(*found[:1])
        dpo = terms.get("dpo", [])
        names = (dpo,) if isinstance(dpo, str) else tuple(map(str, dpo))
        return Service(host, str(data["as_of"]), terms, names, dict(data["models"]))
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SetupError(
            f"{path} cannot be read: {short(error)}. Expected as_of, services and models, as in "
            "the project's own hosted.yaml."
        ) from error


def hosted_base(model: str) -> str:
    """What the state says of a student's base that is at a service."""
    return f"hosted {model}"


def require_service(recipe: Recipe) -> EndpointSettings:
    """Where the jobs run: the student's endpoint, whose key the baseline needs, too."""
    try:
        roles = "student", "baseline"
        settings, baseline = (
            endpoint_settings(it, deployment=recipe.student_model) for it in roles
        )
    except SetupError as error:
        raise SetupError(f"{error} In Azure, `azd up` makes one (docs/cloud.md).") from None
    assert settings is not None
    assert baseline is not None
    if settings.base_url != baseline.base_url:
        raise SetupError(
            f"The student is trained and answers at {settings.address}, and the baseline is asked "
            f"at {baseline.address}. Set BASELINE_OPENAI_BASE_URL and STUDENT_OPENAI_BASE_URL to "
            "the same address."
        )
    if settings.use_entra_id:
        entra_token(settings)  # its package is there
    if recipe.then == "dpo":
        service = service_of(settings.base_url)
        if not service.trains_on_preferences(recipe.student_model):
            raise SetupError(
                f"{service.host} is not known to train {recipe.student_model} on preferences "
                f"(hosted.yaml, {service.as_of}). If it does, name the model there, in dpo of the "
                "service; else set then to ''."
            )
    return settings
