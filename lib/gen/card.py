"""The dataset card: what `datasets.load_dataset` and a reader need to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SPLITS = ("train", "valid", "eval")


def dataset_card(manifest: Mapping[str, Any]) -> str:
    """README.md of a dataset folder, from its manifest."""
    counts, parameters = manifest["counts"], manifest["parameters"]
    kinds = sorted({kind for of_split in counts["kinds"].values() for kind in of_split})
    head = f"| split | {' | '.join(kinds)} | rows |\n|---|{'---:|' * (len(kinds) + 1)}\n"
    table = head + "".join(
        f"| {split} | {' | '.join(str(counts['kinds'][split].get(kind, 0)) for kind in kinds)} "
        f"| {counts['rows'][split]} |\n"
        for split in SPLITS
    )
    listed = "".join(f"- `{name}`: {value}\n" for name, value in sorted(parameters.items()))
    refused = "".join(f"- {gate}: {count}\n" for gate, count in counts["rejected"].items())
    extra = "".join(f", `{name}/`" for name in manifest["made_of"].get("extra_formats", ()))
    extra += ", `evaluation.jsonl` people's questions" * ("evaluation" in manifest["made_of"])
    return f"""{_front_matter(manifest)}
# {manifest["name"]}

A RAFT dataset (Retrieval Augmented Fine-Tuning, arXiv:2403.10131) made from
{counts["documents"]} documents ({counts["pages"]} pages) with the teacher `{manifest["teacher"]}`.

{table}
Kinds: in `oracle` rows one document of the context holds the answer; in `memorise` rows it is left
out and the answer is still the label; in `refuse` rows it is left out and the label declines. No
chunk that a valid or eval row asks about, nor one that counts as the same, stands in a train row.

```python
from datasets import load_dataset

rows = load_dataset("path/of/this/folder", "hf", split="train")  # or "chat", "completion", "eval"
```

`hf/` has the published RAFT row (with our fields behind it), `chat/` messages, `completion/`
prompts and completions, `eval/` what an evaluation asks{extra}; `rejected.jsonl` holds what
the gates refused and why, `manifest.json` counts, parameters and the checksum of every file.

## Parameters

{listed}
## Refused

{refused or "Nothing."}"""


def _front_matter(manifest: Mapping[str, Any]) -> str:
    lines = ["---", f"pretty_name: {manifest['name']}", "task_categories:", "- question-answering"]
    lines += ["tags:", "- raft", "- retrieval-augmented-generation", "configs:"]
    splits = [split for split in SPLITS if manifest["counts"]["rows"][split]]
    for name in ("hf", "chat", "completion"):
        lines += [f"- config_name: {name}"]
        lines += ["  default: true"] if name == "hf" else []
        lines += ["  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {name}/{split}.parquet"]
    lines += ["- config_name: eval", "  data_files:"]
    lines += ["  - split: eval", "    path: eval/eval.parquet"]
    for name in manifest["made_of"].get("extra_formats", ()):
        files = manifest["files"]  # a split may have no row that fits
        written = [split for split in SPLITS if f"{name}/{split}.parquet" in files]
        lines += [f"- config_name: {name}", "  data_files:"] if written else []
        for split in written:
            lines += [f"  - split: {split}", f"    path: {name}/{split}.parquet"]
    lines += ["---"]
    return "\n".join(lines) + "\n"
