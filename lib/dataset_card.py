"""The dataset card, for readers and for `datasets.load_dataset`."""

from collections.abc import Mapping
from typing import Any


def dataset_card(manifest: Mapping[str, Any]) -> str:
    """README.md of a dataset folder, from its manifest."""
    counts = manifest["counts"]
    kinds = sorted({kind for of_split in counts["kinds"].values() for kind in of_split})
    cells = [["split", *kinds, "rows"], ["---", *["---:"] * (len(kinds) + 1)]]
    for split, of_split in counts["kinds"].items():
        cells.append([split, *(of_split.get(kind, 0) for kind in kinds), counts["rows"][split]])
    table = [f"| {' | '.join(map(str, row))} |" for row in cells]
    parameters = [f"- `{name}`: {v}" for name, v in sorted(manifest["parameters"].items())]
    rejected = [f"- {gate}: {count}" for gate, count in counts["rejected"].items()]
    people = ", `evaluation.jsonl` people's questions" * ("evaluation" in manifest["made_of"])
    return f"""{_front_matter(manifest)}
# {manifest["name"]}

A RAFT dataset (Retrieval Augmented Fine-Tuning, arXiv:2403.10131) made from
{counts["documents"]} documents ({counts["pages"]} pages) with the teacher `{manifest["teacher"]}`.

{_lines(table)}
Kinds: in `oracle` rows one document of the context holds the answer; in `memorise` rows it is left
out and the answer is still the label; in `refuse` rows it is left out and the label declines. No
chunk that a valid or eval row asks about, and no near duplicate of it, is in a train row.

```python
from datasets import load_dataset

rows = load_dataset("path/of/this/folder", "hf", split="train")  # or "chat"
```

`hf/` has the published RAFT row (followed by our fields), `chat/` messages{people};
`rejected.jsonl` holds the refused questions with the reason, `manifest.json` counts, parameters and
the checksum of every file.

## Parameters

{_lines(parameters)}
## Refused

{_lines(rejected) or "Nothing."}"""


def _lines(lines: Any) -> str:
    return "".join(f"{line}\n" for line in lines)


def _front_matter(manifest: Mapping[str, Any]) -> str:
    import yaml

    splits = [split for split, count in manifest["counts"]["rows"].items() if count]
    configs = [
        {
            "config_name": name,
            **({"default": True} if name == "hf" else {}),
            "data_files": [{"split": s, "path": f"{name}/{s}.parquet"} for s in splits],
        }
        for name in ("hf", "chat")
    ]
    head = {
        "pretty_name": manifest["name"],
        "task_categories": ["question-answering"],
        "tags": ["raft", "retrieval-augmented-generation"],
        "configs": configs,
    }
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n"
