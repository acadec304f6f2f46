"""One run at a time in a folder."""

import os
import stat
from pathlib import Path

from mlp_lab.errors import InputError

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

LOCK = "run.lock"
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Held(InputError):
    """Another process holds the lock."""


class Lock:
    """A process' lock on a run's folder; it is released when the process ends, however it ends.

    The operating system holds it (flock); the file stays.

    Args:
      folder: an existing folder.
      name: of the file in it that is locked.

    Attributes:
      held: False where nothing can be locked: outside of POSIX, and on file systems without
        flock.

    Raises:
      Held: another process holds it.
      InputError: the file is not the folder's own.
      OSError: it cannot be opened.
    """

    def __init__(self, folder: Path, name: str = LOCK):
        path = folder / name
        if path.is_symlink():
            raise _foreign(path)
        self._file = os.open(path, _FLAGS, 0o666)
        try:
            self.held = self._take(folder, path)
        except BaseException:
            self.release()
            raise

    def _take(self, folder: Path, path: Path) -> bool:
        found = os.fstat(self._file)
        # What is written to a file with another name outside would be written there.
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise _foreign(path)
        if fcntl is None:
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 20).decode(errors="replace").strip() or "unknown"
            raise Held(
                "name",
                f"the run {str(folder)!r} is being trained by process {holder}; wait for it, or "
                "choose another --name",
            ) from None
        except OSError:
            return False
        if not path.exists() or path.stat().st_ino != found.st_ino:
            raise InputError(
                "name", f"{str(folder)!r} has just been removed by another process; try again"
            )
        os.truncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())
        return True

    def release(self) -> None:
        """Releases it."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def _foreign(path: Path) -> InputError:
    return InputError(
        "name",
        f"{str(path)!r} is a link or not a regular file, so that locking it would change "
        "something outside of the run's folder; remove it, or choose another --name",
    )
