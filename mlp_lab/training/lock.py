"""One run at a time in a folder."""

import os
from pathlib import Path
from typing import IO

from mlp_lab.errors import InputError

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

LOCK = "run.lock"


class Lock:
    """A process' lock on a run's folder; it is released when the process ends, however it ends.

    The operating system holds it (flock); the file stays. Outside of POSIX nothing is locked.

    Args:
      folder: an existing folder.

    Raises:
      InputError: another process holds it.
    """

    def __init__(self, folder: Path):
        self._file: IO[str] = open(folder / LOCK, "a+", encoding="utf-8")  # noqa: SIM115
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise InputError(
                "name",
                f"the run {str(folder)!r} is being trained by process {holder}; wait for it, or "
                "choose another --name",
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Releases it."""
        self._file.close()
