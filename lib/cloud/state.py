"""azd, the Azure Developer CLI; `state` writes what it made into .env, `down` deletes it."""

import argparse
import io
import re
import shutil
import subprocess

from lib.cloud.deployment import wait_until_it_answers
from lib.cloud.models import NONE, ROLES, fine_tune_of, foundry_config, load_models
from lib.endpoints import endpoint_settings, prefixes_of
from lib.settings import PROJECT_DIR, CheckFailed, SetupError, home, write_text
from lib.state import read_env
from lib.store import write_json

CONFIG = {  # key of config.json → a name of azd's environment
    "subscription_id": "AZURE_SUBSCRIPTION_ID",
    "resource_group": "AZURE_RESOURCE_GROUP",
    "account_name": "AZURE_FOUNDRY_ACCOUNT",
    "project_name": "AZURE_FOUNDRY_PROJECT",
}
NEEDED = ("OPENBOOK_BASE_URL", *(f"OPENBOOK_{role.upper()}" for role in ROLES), *CONFIG.values())
_BEGIN, _END = "# >>> of `python -m lib.cloud state`, which replaces these lines", "# <<<"
_BLOCK = re.compile(rf"{re.escape(_BEGIN)}\r?\n.*?{re.escape(_END)}\r?\n?", re.DOTALL)


def run_azd(*arguments: str, shown: bool = False) -> str:
    """What an azd command prints; shown: on the terminal."""
    if not (program := shutil.which("azd")):
        raise SetupError(
            "The Azure Developer CLI (azd) is not installed. Install it (https://aka.ms/azd-install),"
            " log in with `azd auth login`, then run this again."
        )
    done = subprocess.run(
        [program, *arguments], cwd=PROJECT_DIR, capture_output=not shown, text=True, check=False
    )
    if done.returncode:
        lines = f"{done.stderr or ''}{done.stdout or ''}".strip().splitlines()
        said = f": {lines[-1].removeprefix('ERROR: ')}" if lines else ""
        raise SetupError(
            f"`azd {' '.join(arguments)}` failed (exit code {done.returncode}){said}. Log in with "
            "`azd auth login`, make an environment with `azd env new NAME`, then run this again."
        )
    return done.stdout or ""


def azd_values() -> dict[str, str]:
    """The names of the azd environment with their values."""
    from dotenv import dotenv_values

    text = run_azd("env", "get-values")
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value}


def state(options: argparse.Namespace) -> None:
    """Write addresses and names, never a key, and have each model answer once."""
    values, failed = azd_values(), []
    if missing := [name for name in NEEDED if not values.get(name)]:
        raise SetupError(f"azd has no {', '.join(missing)}. Run `azd up` first.")
    path = home() / "config.json"
    if path.is_file() and not foundry_config():
        raise SetupError(f"{path} is another program's (no account_name in it). Move it away.")
    write_json(path, {key: values[name] for key, name in CONFIG.items()})
    for role in _write_endpoints(values):
        settings = endpoint_settings(role, deployment=NONE)
        if settings and settings.deployment != NONE:  # the student is not trained yet
            try:
                wait_until_it_answers(settings, timeout_s=options.wait)
            except CheckFailed as error:
                failed.append(str(error))
    if failed:
        raise CheckFailed(" ".join(failed))
    how = fine_tune_of(load_models(), values["OPENBOOK_STUDENT"]) or {}
    print(f"Next: ./run_all.sh -p parameters/azure-foundry.yaml -r student_model {how.get('name')}")


def _write_endpoints(values: dict[str, str]) -> list[str]:
    """Replace our lines of .env; their roles. A role that other lines of it name stays as it is."""
    from dotenv import dotenv_values

    own = _own_env()
    names = dotenv_values(stream=io.StringIO(own), interpolate=False)
    lines, url = dict[str, list[str]](), values["OPENBOOK_BASE_URL"]
    for role in ROLES:
        name, prefix = values[f"OPENBOOK_{role.upper()}"], f"{prefixes_of(role)[0]}OPENAI_"
        if any(own_name.startswith(prefixes_of(role)) for own_name in names):
            print(f"{role:9} as .env sets it already")
        elif name != NONE:
            lines[role] = [f'{prefix}BASE_URL="{url}"', f'{prefix}USE_ENTRA_ID="true"']
            lines[role] += [f'{prefix}DEPLOYMENT="{name}"'] if role != "student" else []
    ours = "\n".join([_BEGIN, *(line for of_role in lines.values() for line in of_role), _END])
    _write_env(f"{own}{ours}\n")
    print(f"Written: .env ({', '.join(lines)}) and config.json")
    return list(lines)


def _own_env() -> str:
    """The text of .env without our lines."""
    read_env()  # it says what is wrong with a file that is not a text
    path = home() / ".env"
    text = path.read_bytes().decode("utf-8-sig") if path.is_file() else ""
    own = _BLOCK.sub("", text)
    return own if not own or own.endswith("\n") else f"{own}\n"


def _write_env(text: str) -> None:
    path = home() / ".env"
    write_text(path, text, mode=path.stat().st_mode & 0o777 if path.is_file() else 0o600)


def down(options: argparse.Namespace) -> None:
    """Say what goes; azd asks and deletes it; then forget its addresses."""
    group = azd_values().get("AZURE_RESOURCE_GROUP", "of this azd environment")
    print(
        f"This deletes the resource group {group} for good: the Foundry resource and its project,\n"
        "its deployments, the models that were trained there, and the files that were uploaded.\n"
        "Here it removes our lines of .env, and config.json; datasets and reports stay.",
        flush=True,
    )
    run_azd("down", "--purge", *(["--force"] if options.yes else []), shown=True)
    _write_env(_own_env())
    (home() / "config.json").unlink(missing_ok=True)
