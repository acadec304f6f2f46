"""Takes rows of several arrays, in memory or in files, with NumPy."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.data.rows import Rows
from mlp_lab.errors import InputError

# Divisors of the memory for rows from files: the buffer gets a half, a piece may take a
# twentieth. A piece may exist five times: being made, as a tensor, ready, in use, and not yet
# freed; and there may be pieces of validation data besides those of training.
BUFFER_SHARE, PIECE_SHARE = 2, 20
# A row's place in the buffer's order, and the random number by which it is sorted.
_PLACE_BYTES = 16
# TensorFlow does not copy an array whose address is a multiple of this.
_ALIGNMENT = 64


class Gather:
    """Takes rows by number from arrays that belong together.

    Rows from files that are shuffled pass through a buffer: it is filled with blocks of
    neighboring rows, and emptied row by row in another order (see `mlp_lab.data.order`).

    Args:
      leaves: arrays, tensors or `Rows` of equal lengths.
      batch_size: the buffer holds whole batches.
      shuffle: whether rows will be taken in an order other than that of the files.

    Attributes:
      rows: the number of rows.
      run: how many of them are in the buffer at once; all if no buffer is needed or all fit.
      block_rows: rows per block.
      piece_bytes: most bytes that may be taken at once; None if there is no bound.

    Raises:
      InputError: a batch does not fit into the memory for rows from files.
    """

    def __init__(self, leaves: Sequence[Any], batch_size: int, shuffle: bool):
        self.rows = self.run = len(leaves[0])
        self.block_rows, self.piece_bytes = 1, None
        self._leaves = [_leaf(leaf) for leaf in leaves]
        stored = [leaf for leaf in self._leaves if isinstance(leaf, Rows)]
        # Arrays of one file are read together.
        self._files = {_key(leaf): (leaf.files, leaf.start) for leaf in stored}
        self._shuffle = shuffle
        self._buffers: dict[Any, np.ndarray] = {}
        self._index: np.ndarray | None = None  # of the rows in the buffers
        self._held: tuple[int, bytes] | None = None
        self._lock = threading.Lock()
        if stored:
            memory = min(leaf.files.memory for leaf in stored)
            row_bytes = sum(files.row_bytes for files, _ in self._files.values())
            self.piece_bytes = memory // PIECE_SHARE
            self.block_rows = min(leaf.files.block_rows for leaf in stored)
            room = memory // BUFFER_SHARE // (row_bytes + _PLACE_BYTES)
            if row_bytes * batch_size > self.piece_bytes:
                raise InputError(
                    "data_memory_mb",
                    f"{memory // 10**6} MB is too little for batches of {batch_size} rows of "
                    f"{row_bytes:,} bytes; give at least "
                    f"{-(-batch_size * row_bytes * PIECE_SHARE // 10**6)}",
                )
            if shuffle and self.rows > room:
                runs = -(-self.rows // (room // batch_size * batch_size))
                batches = -(-self.rows // (runs * batch_size))
                self.run = batches * batch_size

    @property
    def signature(self) -> list[tuple[tf.DType, list[int | None]]]:
        """Type and shape of the rows taken from each array."""
        return [(tf.as_dtype(leaf.dtype), [None, *leaf.shape[1:]]) for leaf in self._leaves]

    def slice(self, start: int, stop: int) -> list[np.ndarray]:
        """Rows from start to stop - 1, in the order of the arrays."""
        return [leaf[start:stop] for leaf in self._leaves]

    def take(self, blocks: np.ndarray, run: int, chosen: np.ndarray) -> list[np.ndarray]:
        """Rows from the buffer, which is filled first if it holds another run.

        Args:
          blocks: the order in which the epoch's blocks enter the buffer.
          run: how many times the buffer has been filled before in this epoch.
          chosen: places of the rows in the buffer.
        """
        with self._lock:
            if self._files:
                self._fill(blocks, int(run))
            index = chosen if self._index is None else self._index[chosen]
            return [
                leaf.decode(self._buffers[_key(leaf)], chosen)
                if isinstance(leaf, Rows)
                else _taken(leaf, index)
                for leaf in self._leaves
            ]

    def _fill(self, blocks: np.ndarray, run: int) -> None:
        wanted = run, blocks.tobytes()
        if self._held == wanted:
            return
        self._held = None
        # The run's rows, in the order of the blocks; only the last block of all may be shorter.
        firsts = blocks * np.int64(self.block_rows)
        lasts = np.minimum(firsts + self.block_rows, self.rows)
        ends = np.cumsum(lasts - firsts)
        low, high = run * self.run, min((run + 1) * self.run, self.rows)
        done = 0
        if self.run < self.rows:
            self._index = np.empty(high - low, np.int64)
        begin, end = np.searchsorted(ends, [low, high - 1], side="right")
        for at in range(begin, end + 1):
            first = firsts[at] + max(low - (ends[at] - (lasts[at] - firsts[at])), 0)
            last = lasts[at] - max(ends[at] - high, 0)
            for key, (files, start) in self._files.items():
                if key not in self._buffers:
                    self._buffers[key] = np.empty((self.run, files.row_bytes), np.uint8)
                files.read_into(self._buffers[key][done : done + last - first], start + first)
            if self._index is not None:
                self._index[done : done + last - first] = np.arange(first, last)
            done += last - first
        self._held = wanted


def _key(leaf: Rows) -> tuple[int, int]:
    return id(leaf.files), leaf.start


def _leaf(leaf: Any) -> Any:
    if isinstance(leaf, Rows):
        return leaf
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biufc":
        # `np.take` would copy the whole of an array in another layout every time.
        return np.require(leaf, leaf.dtype.newbyteorder("="), "C")
    return np.asarray(tf.convert_to_tensor(leaf))


def _taken(array: np.ndarray, index: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biufc":
        return array[index]
    shape = len(index), *array.shape[1:]
    size = int(np.prod(shape)) * array.itemsize
    room = np.empty(size + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    out = room[start : start + size].view(array.dtype).reshape(shape)
    return np.take(array, index, axis=0, out=out, mode="clip")  # the other modes copy `out`
