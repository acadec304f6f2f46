"""Rows of arrays that stay in their files and are read when they are needed."""

from __future__ import annotations

import bisect
import itertools
import math
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mlp_lab.data.faults import DataFault
from mlp_lab.data.idx import read_idx_header
from mlp_lab.data.npz import HEADER_BYTES, read_npy_header
from mlp_lab.data.streams import open_regular, read_up_to, unreadable
from mlp_lab.display import Displayed, Row, megabytes, short_form, shortened

MEMORY_MB = 1024
"""Default for how many MB (of 10^6 bytes) of rows from files are in memory at once."""

BLOCK_BYTES = 256 * 1024
"""Rows are read in blocks of neighbors of up to this many bytes, large enough for fast reads."""

_CHUNK_BYTES = 4 * 2**20


def rows_of_block(row_bytes: int) -> int:
    """Rows per block: the largest power of two of rows that fits in `BLOCK_BYTES`, or 1."""
    return 1 << max(BLOCK_BYTES // max(row_bytes, 1), 1).bit_length() - 1


@dataclass(frozen=True)
class Segment:
    """One file of rows.

    Attributes:
      path: the file.
      offset: bytes before its first row.
      rows: the number of rows, stored one after another.
      checksums: `zlib.crc32` of each block of rows; empty if there are none.
      stamp: its size and time of change when it was opened, as of `stamp_of`; None if it may
        change, because checksums tell.
    """

    path: Path
    offset: int
    rows: int
    checksums: tuple[int, ...] = ()
    stamp: tuple[int, int] | None = None


def stamp_of(file: BinaryIO) -> tuple[int, int]:
    """What changes when an open file is written to: its size, and the time of that."""
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns


class RowFiles:
    """Rows of equal length in one or more files, as bytes.

    Args:
      segments: the files, in order.
      row_bytes: length of a row.
      memory_mb: how many MB (of 10^6 bytes) of these rows a pipeline may hold at once.
      block_rows: rows that one checksum covers; None for what `rows_of_block` returns.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        row_bytes: int,
        memory_mb: int = MEMORY_MB,
        block_rows: int | None = None,
    ):
        self.row_bytes = row_bytes
        self.memory = memory_mb * 10**6
        self.block_rows = block_rows or rows_of_block(row_bytes)
        self._segments = list(segments)
        self._starts = [0, *itertools.accumulate(segment.rows for segment in segments)]

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def names(self) -> str:
        """The files' names without their folders, on one line and shortened if there are many."""
        names = [segment.path.name for segment in self._segments]
        return names[0] if len(names) == 1 else f"files, {shortened(names)}"

    def read_into(self, out: np.ndarray, start: int) -> None:
        """Fills `out`, uint8 [n, row_bytes], with the rows from `start` on.

        Raises:
          DataFault: a file cannot be read, has been changed, or fails its checksum.
        """
        done = 0
        while done < len(out):
            at = bisect.bisect_right(self._starts, start + done) - 1
            segment, row = self._segments[at], start + done - self._starts[at]
            count = min(len(out) - done, segment.rows - row)
            if segment.checksums:
                block, skipped = divmod(row, self.block_rows)
                rows = self._block(segment, block)[skipped:]
                count = min(count, len(rows))
                out[done : done + count] = rows[:count]
            else:
                self._read(segment, row, out[done : done + count])
            done += count

    def _block(self, segment: Segment, block: int) -> np.ndarray:
        first = block * self.block_rows
        rows = np.empty((min(self.block_rows, segment.rows - first), self.row_bytes), np.uint8)
        self._read(segment, first, rows)
        found = zlib.crc32(rows.data)
        if found != segment.checksums[block]:
            raise DataFault(
                segment.path,
                f"is damaged: rows {first:,} to {first + len(rows) - 1:,} have the checksum "
                f"{found:08x}, expected {segment.checksums[block]:08x}; write the shards again",
            )
        return rows

    def _read(self, segment: Segment, row: int, out: np.ndarray) -> None:
        # Not a memory map: its pages would count as this process's memory, without a bound.
        view, place = out.data.cast("B"), segment.offset + row * self.row_bytes
        with open_regular(segment.path) as file:
            while len(view):
                try:
                    count = os.preadv(file.fileno(), [view], place)
                except OSError as error:
                    raise unreadable(segment.path, error) from error
                if not count:
                    raise DataFault(segment.path, "has become shorter since it was opened")
                view, place = view[count:], place + count
            # After reading: what was written before that is noticed.
            if segment.stamp not in (None, stamp_of(file)):
                raise DataFault(segment.path, "has been changed since it was opened")


class Rows(Displayed):
    """An array [n, ...] whose rows are in files.

    `fit`, `evaluate` and `predict` of `mlp_lab.Model` accept it in place of an array. At any
    time they hold at most the `memory_mb` with which it was opened. `rows[a:b]` and `rows[i]`
    read those rows; `np.asarray(rows)` reads all.

    Args:
      files: where the rows are.
      dtype: of the items, as stored in the file.
      shape: of one row.
      offset: bytes in a row of the file before this array's.
      start: first row.
      stop: the row after the last; None for all.
      then: applied to rows when they are read: a function from an array [m, *shape] to an
        array [m, ...], for every m.

    Attributes:
      shape: (n, ...), like that of an array.
      dtype: like that of an array.
    """

    def __init__(
        self,
        files: RowFiles,
        dtype: np.dtype,
        shape: Sequence[int],
        offset: int = 0,
        start: int = 0,
        stop: int | None = None,
        then: Callable[[np.ndarray], np.ndarray] | None = None,
    ):
        self.files, self.start = files, start
        self.stop = len(files) if stop is None else stop
        self._stored = np.dtype(dtype)
        self._item, self._then = tuple(shape), then
        self._columns = slice(offset, offset + math.prod(self._item) * self._stored.itemsize)
        none = self.decode(np.empty((0, files.row_bytes), np.uint8))
        self.dtype, self.shape = none.dtype, (self.stop - self.start, *none.shape[1:])

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the whole array would take in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: int | slice) -> np.ndarray:
        if isinstance(key, slice) and key.step in (None, 1):
            start, stop, _ = key.indices(len(self))
            raw = np.empty((max(stop - start, 0), self.files.row_bytes), np.uint8)
            self.files.read_into(raw, self.start + start)
            return self.decode(raw)
        if isinstance(key, int | np.integer) and -len(self) <= key < len(self):
            row = int(key) % len(self)
            return self[row : row + 1][0]
        kind = IndexError if isinstance(key, int | np.integer) else TypeError
        raise kind(f"rows from files: expected a row below {len(self)} or a slice a:b, got {key!r}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("rows from files: an array of them is a copy; omit copy=False")
        out = np.empty(self.shape, dtype or self.dtype)
        done = 0
        for chunk in self.chunks():
            out[done : done + len(chunk)] = chunk
            done += len(chunk)
        return out

    def chunks(self) -> Iterator[np.ndarray]:
        """All rows in order, some megabytes at a time."""
        count = max(_CHUNK_BYTES // self.files.row_bytes, 1)
        for first in range(0, len(self), count):
            yield self[first : first + count]

    def decode(self, raw: np.ndarray, chosen: Any = slice(None)) -> np.ndarray:
        """This array's part of rows that were read from the files.

        Args:
          raw: uint8 [m, files.row_bytes].
          chosen: which of these rows.
        """
        values = np.ascontiguousarray(raw[:, self._columns][chosen]).view(self._stored)
        values = values.reshape(len(values), *self._item)
        values = values.astype(self._stored.newbyteorder("="), copy=False)
        return values if self._then is None else self._then(values)

    def part(self, start: int, stop: int) -> Rows:
        """Rows from start to stop - 1, not read: one worker's share of the data."""
        return self._like(start=self.start + start, stop=self.start + min(stop, len(self)))

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Rows:
        """The same rows, with a function applied when they are read; see `then`."""
        before = self._then
        return self._like(then=function if before is None else lambda v: function(before(v)))

    def astype(self, dtype: Any) -> Rows:
        """The same rows in another type."""
        return self.mapped(lambda values: values.astype(dtype, copy=False))

    def _display(self) -> tuple[str, list[Row]]:
        return f"{short_form(self)}, {megabytes(self.nbytes)} in {self.files.names}", []

    def _like(self, **changes: Any) -> Rows:
        options: dict[str, Any] = {"start": self.start, "stop": self.stop, "then": self._then}
        offset = self._columns.start
        return Rows(self.files, self._stored, self._item, offset, **{**options, **changes})


def part(array: Any, start: int, stop: int) -> Any:
    """Rows from start to stop - 1 of an array; those of `Rows` are not read."""
    return array.part(start, stop) if isinstance(array, Rows) else array[start:stop]


def open_rows(path: str | os.PathLike[str], memory_mb: int = MEMORY_MB) -> Rows:
    """Opens an array in a `.npy` file or a plain IDX file, without reading its rows.

    Args:
      path: a .npy file of numbers in C order, or an IDX file.
      memory_mb: how many MB (of 10^6 bytes) of its rows a pipeline may hold at once.

    Raises:
      DataFault: the file is neither, or its size is not what its header says.
    """
    path = Path(path)
    with open_regular(path) as file:
        stamp = stamp_of(file)
        size = stamp[0]
        if path.suffix.lower() == ".npy":
            start = read_up_to(file.read, min(HEADER_BYTES, size))
            shape, fortran, dtype, header = read_npy_header(start, "it", path)
            if fortran and len(shape) > 1:
                raise DataFault(path, "holds an array in Fortran order; save it in C order")
            if dtype.kind not in "biufc":
                what = "pickled objects, which are never loaded" if dtype.hasobject else dtype
                raise DataFault(path, f"holds {what}, expected numbers")
        else:
            shape, dtype = read_idx_header(file, path)
            header = file.tell()
    if not shape or any(n < 1 for n in shape):
        raise DataFault(path, f"its header claims the shape {shape}: there are no rows")
    row_bytes = math.prod(shape[1:]) * dtype.itemsize
    if size != header + shape[0] * row_bytes:
        raise DataFault(
            path,
            f"its header claims the shape {shape} = {shape[0] * row_bytes:,} bytes, but "
            f"{size - header:,} follow it",
        )
    files = RowFiles([Segment(path, header, shape[0], stamp=stamp)], row_bytes, memory_mb)
    return Rows(files, dtype, shape[1:])
