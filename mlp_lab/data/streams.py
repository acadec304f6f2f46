"""Opening and reading data files with bounded memory, for all readers of files."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from mlp_lab import regular
from mlp_lab.data.faults import DataFault

MAX_ARRAY_BYTES = 2 * 1024**3
"""Largest decoded array that is read: 2 GiB, 45 times MNIST's training images
(47,040,000 bytes) and well below what a header can claim (4 GiB per dimension)."""

CHUNK_BYTES = 1024**2
"""Bytes requested from a decompressor at a time; memory beyond the data itself stays near this."""


def open_regular(path: Path) -> BinaryIO:
    """Opens a regular file for reading.

    Raises:
      DataFault: the path does not exist, is a directory, a pipe or a device (which could
        block or go on forever), or cannot be read.
    """
    try:
        return regular.open_regular(path)
    except FileNotFoundError:
        raise DataFault(path, "does not exist") from None
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.EINVAL):
            raise DataFault(path, reason_of(error)) from None
        raise unreadable(path, error) from error
    except ValueError as error:
        raise unreadable(path, error) from error


def reason_of(error: BaseException) -> str:
    """The operating system's text for an error, without its number and path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def unreadable(path: Path, error: BaseException) -> DataFault:
    """What to raise when the operating system cannot read a file."""
    return DataFault(path, f"cannot be read ({reason_of(error)})")


def read_up_to(read: Callable[[int], bytes], count: int) -> bytearray:
    """Reads `count` bytes, or fewer if the stream ends earlier.

    The buffer grows with the bytes that really arrive, so that a header that claims
    gigabytes costs nothing if the file is small.

    Args:
      read: the `read` method of a binary stream.
      count: number of bytes to read.
    """
    data = bytearray()
    while len(data) < count:
        piece = read(min(CHUNK_BYTES, count - len(data)))
        if not piece:
            break
        data += piece
    return data
