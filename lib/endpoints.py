"""The endpoint of each model role, from the names with its prefix."""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from itertools import chain
from urllib.parse import parse_qs, unquote, urlsplit

from lib.settings import SetupError, without_secrets
from lib.state import check_origin, environment, layers, read_env, read_state

PREFIXES = {  # role → its prefix, then accepted aliases; see `prefixes_of` for other roles
    "teacher": ("COMPLETION_", "TEACHER_"),
    "embedding": ("EMBEDDING_",),
    "baseline": ("BASELINE_",),
    "student": ("STUDENT_", "FINETUNED_"),
    "judge": ("JUDGE_", "SCORE_"),
}
_NAMES: dict[str, dict[str, tuple[str, ...]]] = {  # style → field → names, the first set one wins
    "openai": {
        "api_key": ("OPENAI_API_KEY",),
        "base_url": ("OPENAI_BASE_URL",),
        "deployment": ("OPENAI_DEPLOYMENT",),
        "use_entra_id": ("OPENAI_USE_ENTRA_ID",),  # a login in place of a key: Azure's /openai/v1/
    },
    "azure": {
        "api_key": ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_KEY"),
        "base_url": ("AZURE_OPENAI_ENDPOINT",),
        "deployment": ("AZURE_OPENAI_DEPLOYMENT",),
        "api_version": ("OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION"),
        "use_entra_id": ("AZURE_OPENAI_USE_ENTRA_ID",),
    },
}
_YES = ("1", "true", "yes", "on")


@dataclass(frozen=True)
class EndpointSettings:
    role: str
    style: str  # "openai" or "azure"
    base_url: str = field(repr=False)  # it may hold a password
    deployment: str  # the model's name there
    api_key: str = field(default="", repr=False)
    api_version: str = ""
    use_entra_id: bool = False  # Entra ID in place of the key
    engine: str = ""  # that 3_deploy serves it by: another one's answers may differ

    @cached_property
    def address(self) -> str:
        """The base URL as it may be shown: without the password and the values of its query."""
        return without_secrets(self.base_url)

    @property
    def where(self) -> str:
        """`teacher at http://127.0.0.1:8000/v1`, for messages."""
        return f"{self.role} at {self.address}"


def prefixes_of(role: str) -> tuple[str, ...]:
    """`gpt-4o` → `("GPT_4O_",)`: a role outside of PREFIXES uses its own name as prefix."""
    return PREFIXES.get(role) or (re.sub(r"[^A-Z0-9]", "_", role.upper()) + "_",)


def endpoint_settings(
    role: str, run_name: str = "", *, deployment: str = ""
) -> EndpointSettings | None:
    """The endpoint of a role, or None when no name with its prefix is set.

    With run_name, student and baseline may also be served by that run's 3_deploy. `deployment`
    is the model's name where no setting has one; then names without a prefix are enough.

    A prefixed name beats the same name unprefixed, which fills gaps only; names of other prefixes
    never leak in. The style is that of the prefixed names in the first layer that has any. The
    address of a request (`…/chat/completions?api-version=…`) is understood as its base URL.
    """
    prefixes, merged = prefixes_of(role), environment(run_name)
    style = _style_of(role, run_name)
    if style is None and not deployment:
        check_names()
        return None
    style = style or "openai"
    check_origin(f"{role.upper()}_OPENAI_DEPLOYMENT", run_name)
    own_key = any(p + n in merged for p in prefixes for n in _NAMES[style]["api_key"])
    values = {}
    for name_of, names in _NAMES[style].items():
        gaps = () if name_of == "use_entra_id" and own_key else names  # the role has a key
        candidates = [p + n for p in prefixes for n in names] + list(gaps)
        values[name_of] = next((merged[name] for name in candidates if name in merged), "").strip()
    values["api_key"] = re.sub("^bearer +", "", values["api_key"], flags=re.IGNORECASE)
    values["deployment"] = values["deployment"] or deployment
    values |= _parts_of_address(style, values)
    if use_entra_id := values.pop("use_entra_id").lower() in _YES:
        del values["api_key"]
    elif style == "openai" and not values["base_url"]:
        values["base_url"] = "https://api.openai.com/v1"
    if values["base_url"] and not _is_address(values["base_url"]):
        raise no_address(f"{role} at {without_secrets(values['base_url'])}")
    if missing := [name_of for name_of, value in values.items() if not value]:
        needed = ", ".join(prefixes[0] + _NAMES[style][name_of][0] for name_of in missing)
        raise SetupError(
            f"{needed} not set, and the {role} is configured {style} style. "
            "Put it into .env (cp .env.sample .env; a local server takes any key)."
        )
    if not re.fullmatch("[ -~]*", values.get("api_key", "")):
        raise SetupError(
            f"The key of the {role} holds a line break or a character that is not ASCII, so it is "
            f"not a key. Copy it again into {prefixes[0]}{_NAMES[style]['api_key'][0]}."
        )
    state, name = read_state(run_name) if run_name else {}, role.upper()
    is_ours = values["base_url"] == state.get(f"{name}_OPENAI_BASE_URL")
    engine = state.get(f"{name}_SERVED_BY", "").partition(",")[0] if is_ours else ""
    return EndpointSettings(
        role=role, style=style, use_entra_id=use_entra_id, engine=engine, **values
    )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        known = parts.hostname and parts.hostname.encode("idna") and parts.port != 0
    except ValueError:
        return False
    return bool(known) and parts.scheme in ("http", "https")


def no_address(where: str) -> SetupError:
    return SetupError(
        f"The {where} is not the address of a server. Set its base URL in .env, such as "
        "http://127.0.0.1:8000/v1 (# / ? and @ in a password are written %23 %2F %3F %40)."
    )


def _parts_of_address(style: str, values: dict[str, str]) -> dict[str, str]:
    """`https://host/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21` → what each
    part of it sets; deployment and version only fill gaps.
    """
    base_url = re.sub(r"/((chat/)?completions|embeddings)/?(?=$|\?)", "", values["base_url"])
    if style == "openai":  # Azure's portal shows the address of the resource alone
        resource = r"((openai|services\.ai|cognitiveservices)\.azure\.com)/?$"
        return {"base_url": re.sub(resource, r"\1/openai/v1", base_url)}
    host, _, path = base_url.partition("/openai/deployments/")
    versions = parse_qs(urlsplit(base_url).query).get("api-version", [""])
    return {
        "base_url": re.sub(r"/openai/?$", "", host.partition("?")[0].rstrip("/")),
        "deployment": values["deployment"] or unquote(re.split("[/?]", path)[0]),
        "api_version": values["api_version"] or versions[0],
    }


def is_set_by_user(role: str) -> bool:
    """Whether the process environment or `.env` names an endpoint; `.env.state` does not count."""
    return _style_of(role) is not None


def _style_of(role: str, run_name: str = "") -> str | None:
    for layer in layers(run_name):
        for style in ("azure", "openai"):
            names = chain.from_iterable(_NAMES[style].values())
            if any(prefix + name in layer for name in names for prefix in prefixes_of(role)):
                return style
    return None


_VALUE_NAME = re.compile("(KEY|TOKEN|DEPLOYMENT|MODEL|URL|HOST|ENDPOINT|BASE|VERSION)$")
_OTHER_WORDS = {
    "MODEL": "DEPLOYMENT", "API_BASE": "BASE_URL", "HOST": "BASE_URL", "API_TOKEN": "API_KEY",
    "TOKEN": "API_KEY",
}  # fmt: skip


def check_names() -> None:
    """Raise a SetupError for a name of `.env` that nothing reads and that looks like one of ours.

    `OPENAI_KEY` and `COMPLETION_KEY` do, and so does `OPENAI_API_KEY` where no name has a prefix.
    """
    names, prefixes = read_env(), tuple(chain.from_iterable(PREFIXES.values()))
    known = [name for style in _NAMES.values() for name in chain.from_iterable(style.values())]
    ends = tuple("_" + name for name in known)
    with_prefix = [n for n in environment() if n.endswith(ends) and n not in known]
    for given in names:
        name = given.upper()
        prefix = next((p for p in prefixes if name.startswith(p)), "")
        rest = name.removeprefix(prefix)
        if rest in known and (prefix or with_prefix) and name == given:
            continue
        if rest.endswith(ends) and rest not in known:  # a role of `models`, or a misspelt prefix
            end = next(end for end in known if rest.endswith("_" + end))
            close = get_close_matches(rest.removesuffix(end), prefixes, n=1, cutoff=0.8)
            prefix, rest = prefix or next(iter(close), ""), end
            if not prefix:
                continue
        if not _VALUE_NAME.search(rest) or not (prefix or "OPENAI" in rest):
            continue
        for other, ours in _OTHER_WORDS.items():
            rest = rest.replace(other, ours)
        nearest = (prefix or prefixes[0]) + get_close_matches(rest, known, n=1, cutoff=0)[0]
        raise SetupError(
            f".env sets {given}, which nothing reads. Did you mean {nearest}? Rename it or remove "
            "it (.env.sample has all names)."
        )
