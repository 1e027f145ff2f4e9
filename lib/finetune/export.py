"""`python -m lib.finetune.export`: a trained student for other places.

`--to gguf`: one file for llama.cpp and Ollama, with a Modelfile. `--to hub NAME`: the model hub.
`--from-sharded CHECKPOINT`: a checkpoint of SHARDED_STATE_DICT as a whole student; `-p` and `-r` as
in its training.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.cli import Parser, run_command
from lib.engine.faults import short
from lib.finetune.gguf_file import TYPES, own_type, require_converter, write_gguf
from lib.finetune.merge import licence_of, save_adapter, save_model
from lib.finetune.methods import adapter_dir, load_adapter, lora_config
from lib.finetune.model_files import load_weights, missing_in_folder
from lib.finetune.students import fetch_student
from lib.finetune.tokens import load_tokenizer
from lib.finetune.watch import plain_output
from lib.parameters import add_parameters, overrides, typed_path
from lib.recipe import Recipe
from lib.settings import SetupError, expanded, home, portable, write_text
from lib.state import environment, hosted_job, latest_run, require_path
from lib.store import building, read_json


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m lib.finetune.export", description=__doc__)
    add = parser.add_argument
    add("folder", nargs="?", metavar="FOLDER", help="a student or a model; default: of --run")
    add("--run", dest="run_name", metavar="NAME", help="a run's student; default: the last run's")
    add("--to", nargs="+", metavar=("FORMAT", "NAME"), help="gguf, or hub with a name on it")
    add("--type", choices=TYPES, help="numbers in the GGUF file; default: the model's 16 bits")
    add("--public", action="store_true", help="with --to hub: everybody may read it")
    add("--from-sharded", metavar="CHECKPOINT", help="make a sharded checkpoint a whole student")
    add("--out", type=Path, metavar="DIR", help="a new folder; default: in artefacts/exports/")
    add_parameters(parser)
    parser.set_defaults(run=_export)
    return run_command(parser, arguments)


_USED = {  # options by the way of exporting
    "gguf": ("--run", "--type", "--out"),
    "hub": ("--run", "--public"),
    "--from-sharded": ("--out", "-p", "-r"),
}


def _export(options: argparse.Namespace) -> None:
    kind, *words = options.to or ["--from-sharded"]
    name = words.pop(0) if kind == "hub" and words else ""
    words += [options.folder] if options.folder else []
    folder = words.pop(0) if words else None
    sharded = kind == "--from-sharded"
    given = sharded == bool(options.from_sharded) and (kind == "hub") == bool(name)
    if kind not in _USED or not given or words or (sharded and folder):
        raise SetupError(
            f"--to is '{' '.join(options.to or [])}'. Give --to gguf, --to hub NAME, or "
            "--from-sharded CHECKPOINT alone."
        )
    values = {"--run": options.run_name, "--type": options.type, "--public": options.public}
    values |= {"--out": options.out, "-p": options.file, "-r": options.overrides}
    unused = [option for option, value in values.items() if value and option not in _USED[kind]]
    if unused or (folder and options.run_name):
        raise SetupError(
            f"{kind} does not use {', '.join(unused) or '--run beside a folder'}: leave it out. It "
            f"uses {', '.join(_USED[kind])}."
        )
    if sharded:
        checkpoint = home() / typed_path(options.from_sharded)
        recipe = Recipe(**overrides(options.file, options.overrides))
        target = _new_folder(options.out, f"{recipe.run_name}-{checkpoint.name}")
        with plain_output(), building(target) as scratch:
            _write_whole(checkpoint, recipe, scratch)
        print(f"Written: {portable(target)}")
        return
    if kind == "gguf":
        require_converter()
    model_dir = _model_dir(folder, options.run_name)
    card = _card(model_dir)
    if kind == "hub":
        print(f"Sent: {_push_to_hub(model_dir, card, name, public=options.public)}")
        return
    student = _name_of(model_dir)
    number_type = options.type or own_type(model_dir)
    target = _new_folder(options.out, f"{student}-{number_type}")
    with building(target) as scratch:
        write_text(scratch / "README.md", card)
        said = write_gguf(model_dir, scratch, name=student, kind=number_type, card=card)
    print(*said, f"Written: {portable(target)}", sep="\n")
    print(f"In that folder: ollama create {student} -f Modelfile")


def _push_to_hub(model_dir: Path, card: str, name: str, *, public: bool) -> str:
    """Upload the merged model with its card in one commit, private unless public; its address."""
    import httpx2
    from huggingface_hub import CommitOperationAdd, HfApi, errors

    files: dict[str, Any] = {it.name: it for it in model_dir.iterdir() if it.is_file()}
    files |= {"README.md": card.encode()}
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    api = HfApi(token=environment().get("HF_TOKEN"))
    try:
        name = api.create_repo(name, private=not public, exist_ok=True).repo_id
        if not public and not api.model_info(name, timeout=30).private:
            raise SetupError(
                f"{name} is a public model on the hub already, so nothing was sent. Add --public, "
                "or give another name."
            )
        api.create_commit(name, operations, commit_message="Add the student")
    except (errors.HfHubHTTPError, httpx2.HTTPError, OSError, ValueError) as error:
        raise SetupError(
            f"{portable(model_dir)} was not sent to {name} on the model hub ({short(error)}). It "
            "needs a name like you/model, and in .env an HF_TOKEN that may write."
        ) from None
    return f"{api.endpoint}/{name}"


def _write_whole(checkpoint: Path, recipe: Recipe, folder: Path) -> None:
    """Write merged/, and adapter/ if adapters were trained, of a checkpoint that each process wrote
    a part of (SHARDED_STATE_DICT): accelerate joins the weights alone; the base model gives config
    and tokenizer, the recipe the adapter's settings."""
    parts = checkpoint / "pytorch_model_fsdp_0"  # accelerate's name
    parts = parts if parts.is_dir() else checkpoint
    if not (parts / ".metadata").is_file():
        raise SetupError(
            f"{portable(parts)} has no .metadata, so it is not a whole checkpoint of "
            "SHARDED_STATE_DICT. Give a folder checkpoint-N of a training with parallel 'fsdp2'."
        )
    import torch
    from accelerate.utils import merge_fsdp_weights
    from safetensors.torch import load_file

    base = fetch_student(recipe.student_model)
    tokenizer = load_tokenizer(base.folder, recipe.dataset_format, recipe.chat_template_path)
    adapter = folder / "adapter"
    merge_fsdp_weights(str(parts), str(adapter))
    weights = adapter / "model.safetensors"
    model = load_weights(base.folder, dtype=torch.float32)
    try:
        if recipe.method == "full":
            absent, unknown = model.load_state_dict(load_file(weights), strict=False)
            if unknown or {*absent} - model.all_tied_weights_keys.keys():
                raise RuntimeError
            shutil.rmtree(adapter)
        else:
            weights.rename(adapter / "adapter_model.safetensors")
            if recipe.from_adapter:
                config = adapter_dir(recipe.from_adapter) / "adapter_config.json"
                shutil.copyfile(config, adapter / config.name)
            else:
                lora_config(recipe, model).save_pretrained(adapter)
            adapted = load_adapter(model, adapter)
            save_adapter(adapted, adapter, base, state=None)
            model = adapted.merge_and_unload(safe_merge=True)
    except (SetupError, RuntimeError):
        raise SetupError(
            f"{portable(checkpoint)} does not fit these parameters: its weights have other names "
            "or sizes. Give the training's own: -p FILE, -r NAME VALUE."
        ) from None
    # Writes config.json, and no lm_head.weight that is tied to the embeddings
    save_model(model, folder / "merged", tokenizer=tokenizer)
    about = f"---\nbase_model: {base.name}\nlicense: {licence_of(base.folder)}\n---\n\n"
    title = f"# {checkpoint.name} of a training of {base.name}\n"
    write_text(folder / "README.md", about + title)


def _model_dir(folder: str | None, run_name: str | None) -> Path:
    """The merged model of a student's folder, a model's own folder, or a run's student."""
    run_name = run_name or latest_run()
    if not folder and hosted_job(run_name):
        raise SetupError(
            f"The student of run '{run_name}' is at the service that trained it, which gives no "
            "weights away. Export one that was trained here."
        )
    path = home() / typed_path(folder) if folder else require_path("STUDENT_MODEL_DIR", run_name)
    path = path / "merged" if (path / "merged").is_dir() else path
    if missing := missing_in_folder(path):
        raise SetupError(missing)
    return path


def _name_of(model_dir: Path) -> str:
    """`students/tiny-92d43bacd3b7/merged` → "tiny-92d43bacd3b7", in letters that are served."""
    folder = model_dir.resolve()
    name = folder.parent.name if folder.name == "merged" else folder.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "student"


def _new_folder(out: Path | None, name: str) -> Path:
    target = Path.cwd() / expanded(out) if out else home() / "artefacts" / "exports" / name
    if target.exists():
        raise SetupError(f"{portable(target)} is there already. Delete it, or give another --out.")
    return target


def _card(model_dir: Path) -> str:
    """The model card of the merged student, with its evaluation if a run here has one."""
    path = (model_dir.parent if model_dir.name == "merged" else model_dir) / "README.md"
    card = path.read_text(encoding="utf-8") if path.is_file() else ""
    card = card or f"---\nlicense: {licence_of(model_dir)}\n---\n\n# {_name_of(model_dir)}\n"
    if not (said := evaluation_of(model_dir)):
        return card
    before, table, after = card.partition("\n| setting |")
    return f"{before.rstrip()}\n- Evaluation: {said}\n{table}{after}"


def evaluation_of(model_dir: Path) -> str:
    """`run tiny, 2026-11-28: The student beats …`, of the newest results of exactly this student;
    "" = there are none."""
    found, names = [], {portable(model_dir)}
    if model_dir.name == "merged":
        names.add(portable(model_dir.parent / "adapter"))  # as it answers with serve_adapter
    for path in (home() / "runs").glob("*/metrics.json"):
        metrics = read_json(path)
        models = metrics.get("made_of", {}).get("models", [])
        if names & {model["deployment"] for model in models if model["role"] == "student"}:
            found.append((metrics["date"], path.parent.name, metrics["verdict"]))
    return "run {1}, {0:.10}: {2}".format(*max(found)) if found else ""


if __name__ == "__main__":
    sys.exit(main())
