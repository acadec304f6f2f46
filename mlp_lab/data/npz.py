"""Reader of .npz files, such as Keras' (x_train, y_train, x_test, y_test), and of .npy files.

`numpy.load` trusts a member's header and allocates what it claims. This reader first compares
the header, the zip directory and the size limit, and it cannot unpickle anything.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

import numpy as np

from mlp_lab.data.catalogue import ARRAY_NAMES
from mlp_lab.data.faults import DataFault
from mlp_lab.data.streams import CHUNK_BYTES, MAX_ARRAY_BYTES, open_regular, read_up_to, unreadable

HEADER_BYTES = 16 * 1024
"""More than the longest header numpy accepts (10,000 bytes)."""

_MOST_DIMS = 32

Check = Callable[[np.dtype, str, Path], None]
"""Raises `DataFault` if the array with this name, in this file, must not have this type."""

# NotImplementedError: unknown zip version. RuntimeError: encrypted member. ValueError,
# OverflowError and struct.error: damaged directory entries.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)


def check_dtype(dtype: np.dtype, name: str, path: Path) -> None:
    """Refuses images (`x_*`) that are not uint8, and labels (`y_*`) that are not integers."""
    check_plain(dtype, name, path)
    if name.startswith("x") and dtype != np.uint8:
        raise DataFault(path, f"{name} holds {dtype} items, expected uint8 pixels (0 to 255)")
    if dtype.kind not in "iu":
        raise DataFault(path, f"{name} holds {dtype} items, expected integer labels")


def check_plain(dtype: np.dtype, name: str, path: Path) -> None:
    """Refuses arrays that only unpickling could read."""
    if dtype.hasobject:
        raise DataFault(
            path,
            f"{name} holds pickled objects, which are never loaded; before saving, convert it "
            "with astype(float) if it holds numbers, or astype(str) if it holds texts",
        )


def npz_names(path: str | os.PathLike[str]) -> list[str]:
    """Names of the arrays in an .npz file, without reading them.

    Raises:
      DataFault: the file cannot be used.
    """
    with _opened(Path(path)) as archive:
        names = [member.filename for member in archive.infolist()]
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def read_npz(
    path: str | os.PathLike[str], names: Sequence[str] = ARRAY_NAMES, check: Check = check_dtype
) -> dict[str, np.ndarray]:
    """Reads arrays of an .npz file.

    Shapes are checked elsewhere (`checks.checked`). Memory use grows with the data that the
    members really hold, not with what a header claims, and has a limit for all arrays together.

    Args:
      path: an .npz file, compressed or not.
      names: of the arrays to read.
      check: which types they may have.

    Returns:
      The arrays by name, read-only, with the stored types.

    Raises:
      DataFault: the file cannot be used; the message has the path, the array's name and the
        reason.
    """
    path = Path(path)
    with _opened(path) as archive:
        members = {member.filename: member for member in archive.infolist()}
        missing = [name for name in names if f"{name}.npy" not in members]
        if missing:
            raise DataFault(path, _missing(missing, names, list(members)))
        chosen = {name: members[f"{name}.npy"] for name in names}
        for name, member in chosen.items():
            _check_size(member.file_size, f"{name} takes", path)
        _check_size(sum(member.file_size for member in chosen.values()), "its arrays take", path)
        return {
            name: _read_member(archive, member, name, path, check)
            for name, member in chosen.items()
        }


def _check_size(size: int, what: str, path: Path) -> None:
    if size > MAX_ARRAY_BYTES:
        raise DataFault(
            path,
            f"{what} {size:,} bytes, more than the limit of {MAX_ARRAY_BYTES:,}; save each "
            "array with numpy.save as a .npy file, whose rows can stay in the file",
        )


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """An open archive; all errors of reading it become `DataFault`."""
    with open_regular(path) as raw:
        try:
            with zipfile.ZipFile(cast(IO[bytes], InPieces(raw))) as archive:
                yield archive
        except DataFault:
            raise
        except _BROKEN as error:
            raise DataFault(
                path, f"is not a readable .npz file ({str(error) or type(error).__name__})"
            ) from error
        except OSError as error:
            raise unreadable(path, error) from error


class InPieces:
    """A file from which only small pieces can be read.

    `zipfile` reads a zip directory in one go, whatever its size, and makes an object of half a
    kilobyte for each entry: more than a gigabyte for a directory of 100 MB. Nothing else that
    it reads here is larger than `CHUNK_BYTES`.

    Attributes:
      most: bytes of the largest piece; may be raised once the directory has been read.
    """

    def __init__(self, file: BinaryIO):
        self._file, self.most = file, CHUNK_BYTES
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Reads; without a size, as at the end of an archive, the largest piece allowed."""
        if not 0 <= size <= self.most:
            raise zipfile.BadZipFile(f"its directory claims {size:,} bytes")
        return self._file.read(size)


def _missing(missing: list[str], names: Sequence[str], found: list[str]) -> str:
    shown = [name.removesuffix(".npy") for name in found[:6]]
    return (
        f"lacks {', '.join(missing)}; an .npz file must hold {', '.join(names)}, "
        f"this one holds {', '.join(shown) or 'nothing'}"
        + (f" and {len(found) - 6} more" if len(found) > 6 else "")
    )


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, path: Path, check: Check
) -> np.ndarray:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # numpy writes no others, and zipfile decompresses them without a bound.
        raise DataFault(
            path,
            f"{name} is compressed with a method other than zip's DEFLATE; write it with "
            "numpy.savez_compressed",
        )
    with archive.open(member) as stream:
        start = read_up_to(stream.read, min(HEADER_BYTES, member.file_size))
        shape, fortran, dtype, header_bytes = read_npy_header(start, name, path)
        check(dtype, name, path)
        claimed = math.prod(shape) * dtype.itemsize
        stored = member.file_size - header_bytes
        if claimed != stored:
            raise DataFault(
                path,
                f"{name}: its header claims the shape {shape} = {claimed:,} bytes, "
                f"but the zip directory says {stored:,}",
            )
        data = start[header_bytes:]
        # zipfile verifies the checksum with the last byte that the directory announces.
        data += read_up_to(stream.read, claimed - len(data))
        if len(data) < claimed:
            raise DataFault(
                path, f"{name} is truncated: {len(data):,} bytes of {claimed:,} are there"
            )
    return _shaped(data, dtype, shape, fortran)


def read_npy(path: str | os.PathLike[str], check: Check = check_plain) -> np.ndarray:
    """Reads a .npy file.

    Args:
      path: a .npy file.
      check: which types it may have.

    Returns:
      The array, read-only, with the stored type.

    Raises:
      DataFault: the file cannot be used, or its size is not what its header says.
    """
    path = Path(path)
    with open_regular(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            data = read_up_to(file.read, min(HEADER_BYTES, size))
            shape, fortran, dtype, header_bytes = read_npy_header(data, "it", path)
            check(dtype, "it", path)
            claimed = math.prod(shape) * dtype.itemsize
            _check_size(claimed, "it takes", path)
            if claimed != size - header_bytes:
                raise DataFault(
                    path,
                    f"its header claims the shape {shape} = {claimed:,} bytes, but "
                    f"{size - header_bytes:,} follow it",
                )
            del data[:header_bytes]
            data += read_up_to(file.read, claimed - len(data))
            return _shaped(data, dtype, shape, fortran)
        except DataFault:
            raise
        except OSError as error:
            raise unreadable(path, error) from error
        except ValueError as error:  # the file has become shorter, or items have no size
            raise DataFault(path, f"is not a readable .npy file ({error})") from error


def _shaped(data: bytearray, dtype: np.dtype, shape: tuple[int, ...], fortran: bool) -> np.ndarray:
    array = np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")
    array.setflags(write=False)
    return array


def read_npy_header(
    start: bytearray, name: str, path: Path
) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Parses the header at the start of a .npy file.

    Args:
      start: the file's first bytes, at most `HEADER_BYTES`.
      name: of the array, for error messages.
      path: of the file, for error messages.

    Returns:
      Shape, whether in Fortran order, type, and the header's length in bytes.

    Raises:
      DataFault: it is not a valid header.
    """
    stream = io.BytesIO(start)
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            # 3.0 is needed only for field names beyond Latin-1, and no array here has fields.
            raise ValueError(f"unknown version {version}")
        # For numpy True is a size too.
        if len(shape) > _MOST_DIMS or any(type(size) is not int or size < 0 for size in shape):
            raise ValueError(f"it claims the shape {shape}")
    except Exception as error:  # numpy parses the header as Python, so any error may come.
        raise DataFault(path, f"{name} has no valid .npy header ({error})") from error
    return shape, fortran, dtype, stream.tell()
