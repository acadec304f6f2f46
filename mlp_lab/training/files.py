"""The files of a run's folder: where it may be, and how its record is read and written."""

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from mlp_lab.errors import InputError
from mlp_lab.folders import replacing, scheme_of
from mlp_lab.runs.layout import FLAGS, RECORD
from mlp_lab.runs.record import read_json
from mlp_lab.training.lock import LOCK

_KINDS: dict[str, type] = {
    "id": str, "status": str, "started": str, "resumed": list, "versions": dict, "config": dict,
}  # fmt: skip


def log_dir(given: str) -> Path:
    """The folder of runs as a path, with the home folder in place of ~.

    Raises:
      InputError: it is not a local folder, or cannot be written to.
    """
    if scheme_of(given):
        raise InputError(
            "log_dir",
            f"expected a local folder, where runs can be locked and resumed, got {given!r}; write "
            "to a local one and copy it there",
        )
    path = Path(os.path.expanduser(given))
    if path.parts[:1] and path.parts[0].startswith("~"):
        raise InputError(
            "log_dir",
            f"there is no home folder {path.parts[0]!r}; for a folder of that name write ./{given}",
        )
    existing = path
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(
            "log_dir", f"{str(existing)!r} is not a folder; choose a folder that can be written to"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            "log_dir",
            f"no permission to write to {str(existing)!r}; choose a folder that can be written to",
        )
    return path


def read_record(path: Path) -> dict[str, Any]:
    """A record; empty if it cannot be read, or is not one."""
    record = read_json(path) or {}
    kinds = _KINDS.items()
    return {} if any(not isinstance(record.get(n, k()), k) for n, k in kinds) else record


def empty(folder: Path) -> None:
    """Deletes what a run has left in its folder, but for the lock, which its caller holds.

    What tells that the folder is a run's goes last, so that it can be emptied again if this is
    interrupted.
    """
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name in (FLAGS, RECORD))
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()


def write_text(path: Path, text: str) -> None:
    """Writes a text completely or not at all."""
    with replacing(path) as file:
        file.write(text.encode())


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Writes a record completely or not at all: a reader never finds half of it.

    Where there is no room for a second file, such as on a full disk, it is written over the old
    one if it fits into the blocks that this has.

    Raises:
      OSError: it cannot be written.
    """
    content = (json.dumps(record, indent=2, allow_nan=False) + "\n").encode()
    try:
        with replacing(path) as file:
            file.write(content)
    except OSError:
        if not _write_over(path, content):
            raise


def _write_over(path: Path, content: bytes) -> bool:
    """Whether a file could be written over in the blocks that it has."""
    try:
        file = os.open(path, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        found = os.fstat(file)
        # One with another name, in a backup say, is not this run's alone.
        if found.st_nlink > 1 or not stat.S_ISREG(found.st_mode):
            return False
        if found.st_blocks * 512 < len(content):  # POSIX counts blocks of 512 bytes
            return False
        os.write(file, content)
        os.truncate(file, len(content))
    except OSError:
        return False
    finally:
        os.close(file)
    return True
