"""The lengths of event files, to which they are cut back when a training is resumed."""

import os
from typing import Any

from mlp_lab.folders import Remote


def _event_files(folder: Any) -> dict[str, Any]:
    found = folder.rglob("events.out.tfevents.*") if folder.is_dir() else []
    return {str(path.relative_to(folder)): path for path in found}


def sizes(folder: Any) -> dict[str, int]:
    """The length of each event file below a folder."""
    return {name: _size(path) for name, path in _event_files(folder).items()}


def cut_back(folder: Any, lengths: dict[str, int]) -> None:
    """Removes what was written to the event files after the checkpoint."""
    for name, path in _event_files(folder).items():
        if name not in lengths:
            path.unlink()
        elif _size(path) > lengths[name]:
            _cut(path, lengths[name])


def _size(path: Any) -> int:
    return path.size() if isinstance(path, Remote) else path.stat().st_size


def _cut(path: Any, size: int) -> None:
    if isinstance(path, Remote):  # which can only be written anew
        path.write_bytes(path.read_bytes()[:size])
    else:
        os.truncate(path, size)
