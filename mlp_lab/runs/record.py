"""Reading a run's JSON files, whoever wrote them."""

import json
from pathlib import Path
from typing import Any

from mlp_lab.regular import read_regular

# A record with its history is a few KB; one of a million epochs 100 MB.
_MOST_BYTES = 2**28


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None if there is no such file, or it holds something else."""
    try:
        found = json.loads(read_regular(path, _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
