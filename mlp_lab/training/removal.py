"""Deleting a run."""

import shutil
from pathlib import Path

from mlp_lab.errors import InputError
from mlp_lab.runs.layout import FLAGS, RECORD
from mlp_lab.training.lock import LOCK, Lock


def remove_run(path: Path) -> None:
    """Deletes a run's folder; a run that is being trained is not deleted.

    What tells that it is a run's goes last: if this is interrupted, it can be called again.

    Raises:
      InputError: it is being trained, is not a run's folder, or cannot be deleted.
    """
    if path.is_symlink() or not ((path / FLAGS).is_file() or (path / RECORD).is_file()):
        raise InputError("delete", f"{str(path)!r} is not a run's folder; nothing was deleted")
    try:
        lock = Lock(path)
        try:
            last = (FLAGS, RECORD, LOCK)
            for entry in sorted(path.iterdir(), key=lambda entry: entry.name in last):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
        finally:
            lock.release()
        path.rmdir()
    except InputError as error:
        raise InputError("delete", error.problem) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError("delete", f"{str(path)!r} cannot be deleted ({reason})") from None
