"""runs/<run_name>/: the executed notebooks, results and report of a run, and of earlier ones."""

import shutil
import time
from pathlib import Path

from lib.store import building

HISTORY, NUM_KEPT = "history", 5
COMMAND = "OPENBOOK_COMMAND"  # of the environment, for kernels: `./run_all.sh -p FILE …`
_FINISHED = ("report.html", "metrics.json")
_FILES = ("[1-4]_*.ipynb", "[1-4]_*.log", "answers.*", *_FINISHED)


def unfinished(path: Path) -> Path:
    """`1_gen.ipynb` → `1_gen.unfinished.ipynb`: a copy that runs, failed or was killed."""
    return path.with_name(f"{path.stem}.unfinished{path.suffix}")


def keep_history(run_dir: Path) -> None:
    """Copy what a run is about to replace to `history/<when it was made>/`; the last 5 are kept.

    A copy has the files that comparisons and readers need: no state, no logs of servers.
    """
    files = [path for pattern in _FILES for path in run_dir.glob(pattern)]
    files = [path for path in files if ".unfinished." not in path.name]
    if not files:
        return
    dated = [path for path in files if path.name in _FINISHED] or files
    made = time.localtime(max(path.stat().st_mtime for path in dated))
    target = run_dir / HISTORY / time.strftime("%Y-%m-%d_%H-%M-%S", made)
    if not target.exists():
        with building(target) as folder:
            for path in files:
                shutil.copy2(path, folder / path.name)
    for old in sorted(target.parent.glob("[0-9]*"))[:-NUM_KEPT]:
        shutil.rmtree(old)
