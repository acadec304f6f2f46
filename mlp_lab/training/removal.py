"""Deleting a run."""

from pathlib import Path

from mlp_lab.errors import InputError
from mlp_lab.runs.layout import is_run
from mlp_lab.training import files
from mlp_lab.training.lock import LOCK, Lock


def remove_run(path: Path) -> None:
    """Deletes a run's folder; a run that is being trained is not deleted.

    If this is interrupted, it can be called again.

    Raises:
      InputError: it is being trained, is not a run's folder, or cannot be deleted.
    """
    if path.is_symlink() or not is_run(path):
        raise InputError("delete", f"{str(path)!r} is not a run's folder; nothing was deleted")
    try:
        lock = Lock(path)
        try:
            files.empty(path)
            (path / LOCK).unlink()
        finally:
            lock.release()
        path.rmdir()
    except InputError as error:
        raise InputError("delete", error.problem) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError("delete", f"{str(path)!r} cannot be deleted ({reason})") from None
