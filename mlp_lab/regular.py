"""Opening files that others named: regular ones only, so that nothing waits or never ends."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a regular file for reading, also through links.

    A pipe would block until somebody writes to it, a device may never end, and opening some
    devices has effects.

    Raises:
      OSError: the path does not exist, is not a regular file, or cannot be read; `strerror` says
        which.
      ValueError: the path has a null character.
    """
    _check(os.stat(path), path)
    # The file may have been replaced since: O_NONBLOCK opens a pipe without waiting.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0))
    try:
        _check(os.fstat(descriptor), path)
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | os.PathLike[str], most: int) -> bytes:
    """The content of a regular file.

    Raises:
      OSError: as `open_regular`, or the file has more than `most` bytes.
      ValueError: the path has a null character.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"has more than {most:,} bytes", os.fspath(path))
    return content


def _check(found: os.stat_result, path: str | os.PathLike[str]) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory, expected a file", os.fspath(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file (a pipe or device?)", os.fspath(path))
