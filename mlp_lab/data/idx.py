"""Reader of IDX files, plain or gzipped: the format in which MNIST is published.

An IDX file consists of two zero bytes, one byte for the type of the items (8 = unsigned
byte), one byte for the number of dimensions, one 32-bit big-endian size per dimension, and
the items in C order, big-endian.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mlp_lab.data.faults import DataFault
from mlp_lab.data.streams import MAX_ARRAY_BYTES, open_regular, read_up_to, unreadable

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""NumPy's name of each type of items, as stored."""

MAX_DIMS = 4
"""Most dimensions accepted: rows, height, width and channels."""

_GZIP_MAGIC = b"\x1f\x8b"

# DEFLATE cannot expand a byte of input to more than 1032 bytes (zlib's technical notes).
_MAX_EXPANSION = 1032


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads one IDX file.

    Compression is recognized by gzip's first two bytes, whatever the file's name. Memory is
    bounded by what the file really holds: the size that the header claims is compared with
    `MAX_ARRAY_BYTES` and with the size of the file before any data is read, and at most one
    byte more than that is decompressed.

    Args:
      path: an IDX or gzipped IDX file.

    Returns:
      A read-only array with the shape and the type given in the header: uint8, int8, or 16-bit
      or 32-bit integers, floats or doubles in big-endian order.

    Raises:
      DataFault: the file cannot be used; the message has the path and the reason.
    """
    path = Path(path)
    with open_regular(path) as raw:
        try:
            size = os.fstat(raw.fileno()).st_size
            zipped = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            if not zipped:
                return _decode(raw, path, size, zipped=False)
            with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                return _decode(stream, path, size, zipped=True)
        except EOFError:
            raise DataFault(path, "the gzip data is truncated (the file ends too early)") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DataFault(path, f"the gzip data is corrupt ({error})") from error
        except OSError as error:
            raise unreadable(path, error) from error


def is_gzip(path: Path) -> bool:
    """Whether the file starts with gzip's two bytes."""
    with open_regular(path) as raw:
        return raw.read(2) == _GZIP_MAGIC


def _decode(
    stream: BinaryIO | gzip.GzipFile, path: Path, file_size: int, *, zipped: bool
) -> np.ndarray:
    """Reads header and items; `file_size` is in bytes, as stored on the disk."""
    shape, dtype = read_idx_header(stream, path)
    claimed = math.prod(shape) * dtype.itemsize
    claim = f"its header claims {_dims(shape)} = {claimed:,} bytes"
    # Of no rows or no columns too: NumPy multiplies the other sizes.
    if math.prod(size or 1 for size in shape) * dtype.itemsize > MAX_ARRAY_BYTES:
        raise DataFault(path, f"{claim}, more than the limit of {MAX_ARRAY_BYTES:,} in all sizes")
    # What the file can hold at most is known before a single item is read.
    room = file_size * _MAX_EXPANSION if zipped else file_size - _header_bytes(shape)
    if claimed > room:
        raise DataFault(
            path,
            f"is truncated: {claim}, but the file has only {file_size:,} bytes"
            + (" of gzip data" if zipped else f" with a header of {_header_bytes(shape)}"),
        )
    data = read_up_to(stream.read, claimed)
    if len(data) < claimed:
        raise DataFault(path, f"is truncated: {claim}, but only {len(data):,} follow")
    # One more byte reveals trailing data, and makes gzip verify its checksum at the end.
    if stream.read(1):
        raise DataFault(path, f"has trailing bytes: {claim}, but more follow")
    array = np.frombuffer(data, dtype).reshape(shape)
    array.setflags(write=False)
    return array


def read_idx_header(
    stream: BinaryIO | gzip.GzipFile, path: Path
) -> tuple[tuple[int, ...], np.dtype]:
    """Reads the header and returns the shape and the type of the items.

    Raises:
      DataFault: it is not the header of an IDX file.
    """
    magic = bytes(read_up_to(stream.read, 4))
    if not magic:
        raise DataFault(path, "is empty")
    if len(magic) < 4:
        raise DataFault(path, f"is truncated: {len(magic)} bytes are too few for an IDX header")
    if magic[:2] != b"\0\0":
        raise DataFault(
            path, f"is not an IDX file: bad magic number 0x{magic.hex()}, expected 0x000008.."
        )
    kind, dims = magic[2], magic[3]
    if kind not in TYPES:
        known = ", ".join(f"0x{known:02x}" for known in TYPES)
        raise DataFault(path, f"holds items of IDX type 0x{kind:02x}, expected one of {known}")
    if not 1 <= dims <= MAX_DIMS:
        raise DataFault(path, f"claims {dims} dimensions, expected 1 to {MAX_DIMS}")
    sizes = bytes(read_up_to(stream.read, 4 * dims))
    if len(sizes) < 4 * dims:
        raise DataFault(path, "is truncated: it ends within the IDX header")
    return struct.unpack(f">{dims}I", sizes), np.dtype(TYPES[kind])


def is_idx(path: Path) -> bool:
    """Whether the file, unpacked if it is gzipped, starts like an IDX file."""
    with open_regular(path) as raw:
        try:
            start = raw.read(4)
            if start[:2] == _GZIP_MAGIC:
                raw.seek(0)
                with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                    start = stream.read(4)
        except (EOFError, OSError, zlib.error):
            return False
    return len(start) == 4 and start[:2] == b"\0\0" and start[2] in TYPES and start[3] > 0


def _header_bytes(shape: tuple[int, ...]) -> int:
    return 4 + 4 * len(shape)


def _dims(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)
