"""Takes rows of several arrays, in memory or in files, by NumPy."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.data.rows import Rows
from mlp_lab.errors import InputError

# Shares of the memory for rows from files: what the buffer gets, and what a piece may take. A
# piece is held up to five times: in the making, as a tensor, ready, in use, and not yet freed;
# and there may be pieces of validation data beside those of training.
BUFFER_SHARE, PIECE_SHARE = 2, 20
# A row's place in the buffer's order, and the random number that it is sorted by.
_PLACE_BYTES = 16
# TensorFlow takes an array that begins at a multiple of it without a copy.
_ALIGNMENT = 64


class Gather:
    """Rows by number, of arrays that belong together.

    Rows from files that are to be shuffled pass a buffer: it is filled with blocks of neighboring
    rows, and emptied row by row in an order of its own.

    Args:
      leaves: arrays, tensors or `Rows` of equal lengths.
      batch_size: the buffer holds whole batches.
      shuffle: whether rows will be asked for in another order than the files'.

    Attributes:
      rows: how many there are.
      run: of these, how many lie in the buffer at once; all if there is no need of one.
      block_rows: rows of a block.
      piece_bytes: most bytes to be taken at once; None if there is no bound.

    Raises:
      InputError: the memory for rows from files does not hold a batch.
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
                    f"{memory // 10**6} MB are too few for batches of {batch_size} rows of "
                    f"{row_bytes:,} bytes; give at least "
                    f"{-(-batch_size * row_bytes * PIECE_SHARE // 10**6)}",
                )
            if shuffle and self.rows > room:
                runs = -(-self.rows // (room // batch_size * batch_size))
                batches = -(-self.rows // (runs * batch_size))
                self.run = batches * batch_size

    @property
    def signature(self) -> list[tuple[tf.DType, list[int | None]]]:
        """Type and shape of what is taken of each array."""
        return [(tf.as_dtype(leaf.dtype), [None, *leaf.shape[1:]]) for leaf in self._leaves]

    def slice(self, start: int, stop: int) -> list[np.ndarray]:
        """Rows start to stop, in their own order."""
        return [leaf[start:stop] for leaf in self._leaves]

    def take(self, blocks: np.ndarray, run: int, chosen: np.ndarray) -> list[np.ndarray]:
        """Rows of the buffer.

        Args:
          blocks: the order in which the epoch's blocks pass the buffer.
          run: how often the buffer has been filled before in this epoch.
          chosen: numbers of the rows in the buffer.
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
        # Of the rows in the order of the blocks, the run's; only the last block may be shorter.
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
        # `np.take` would copy an array of another layout, whole, every time.
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
