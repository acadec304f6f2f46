"""Makes `tf.data` datasets of arrays, in memory or in files, in pieces of one or more batches.

Samples keep the arrays' own type (the model scales uint8 pixels, in the graph), so that an
epoch moves a quarter of the bytes of float32 images.
"""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.data.gather import Gather
from mlp_lab.data.order import block_order, epoch_key, row_order
from mlp_lab.data.rows import Rows


def one_hot(labels: Any, num_classes: int) -> Any:
    """Class indices [n] as rows [n, num_classes] float32: label 2 of 4 is [0, 0, 1, 0].

    For `Rows`, the conversion happens when the labels are read.
    """
    if isinstance(labels, Rows):
        return labels.mapped(lambda some: one_hot(some, num_classes))
    return np.eye(num_classes, dtype=np.float32)[labels]


def pieces(
    arrays: Any,
    batch_size: int,
    per_piece: int = 1,
    *,
    shuffle: bool = False,
    seed: int | tf.Variable = 0,
    first_epoch: int | tf.Variable = 0,
    own: Callable[[int], tuple[int, int]] | None = None,
) -> tuple[tf.data.Dataset, int]:
    """Endless pieces of up to `per_piece` batches, epoch after epoch.

    A piece is per_piece * batch_size rows, gathered in one go; the last piece of an epoch, and
    of a run of rows from files, has the rows that are left over. With per_piece=1, pieces are
    batches. The order of shuffled rows depends on (seed, epoch) alone, not on per_piece: see
    `mlp_lab.data.order`.

    Args:
      arrays: an array or `Rows` [n, ...], or a nested tuple, list or dict of them. Arrays are
        not copied: they must not change while pieces are drawn.
      batch_size: samples per batch, from 1 to n.
      per_piece: batches per piece, at least 1.
      shuffle: False keeps the order of the arrays.
      seed: of the order, at least 0. A variable (int64) is read at the start of each epoch.
      first_epoch: the epoch to start with, counted from 0. A variable (int64) is read when an
        iterator over the pieces starts.
      own: for one of several workers: takes the number of rows in a batch, returns the first
        row that this worker takes and the one after its last. An element is then a pair: the
        number of rows in the whole piece, and this worker's rows of it. Only those are gathered.

    Returns:
      The dataset, and the number of batches in an epoch, ceil(n / batch_size).

    Raises:
      ValueError: arrays differ in length, or a size is out of range.
      InputError: a batch does not fit into the memory for rows from files.
    """
    rows = _rows(arrays, batch_size, per_piece)
    parts = _Pieces(arrays, batch_size, per_piece, shuffle, own)

    def of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        return parts.shuffled(epoch_key(seed, epoch)) if shuffle else parts.in_order()

    start = tf.data.Dataset.range(1)  # a variable is read late only inside `flat_map`
    epochs = start.flat_map(lambda _: tf.data.Dataset.counter(start=tf.cast(first_epoch, tf.int64)))
    # Pieces are made when they are asked for, not ahead by a thread of tf.data: a process that
    # ends while such a thread calls Python would wait for it forever.
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    data = epochs.flat_map(of_epoch).with_options(options)
    data.gather = parts.gather  # iterators hold the dataset, which holds this
    return data, -(-rows // batch_size)


def _rows(arrays: Any, batch_size: int, per_piece: int) -> int:
    """How many rows the arrays have; raises `ValueError` as `pieces` does."""
    lengths = sorted({len(array) for array in tf.nest.flatten(arrays)})
    if len(lengths) != 1:
        raise ValueError(f"arrays: expected equal lengths, got {lengths}")
    if not 1 <= batch_size <= lengths[0]:
        raise ValueError(f"batch_size: expected 1 to {lengths[0]} (the samples), got {batch_size}")
    if per_piece < 1:
        raise ValueError(f"per_piece: expected at least 1, got {per_piece}")
    return lengths[0]


class _Pieces:
    """The pieces of an epoch, in order or shuffled. The arguments are those of `pieces`.

    Attributes:
      gather: takes the rows from the arrays.
    """

    def __init__(
        self, arrays: Any, batch_size: int, per_piece: int, shuffle: bool, own: Callable | None
    ):
        self.gather = Gather(tf.nest.flatten(arrays), batch_size, shuffle)
        self._structure = tf.nest.map_structure(lambda _: None, arrays)
        self._batch_size, self._size, self._own = batch_size, per_piece * batch_size, own

    def in_order(self) -> tf.data.Dataset:
        """All rows in the order of the arrays."""

        def piece(first: tf.Tensor) -> Any:
            last = tf.minimum(first + self._size, np.int64(self.gather.rows))
            found = self._call(self.gather.slice, first, last)
            if self._own is None:
                return found
            mask = self._owned(last - first, self._own)
            return last - first, tf.nest.map_structure(lambda t: tf.boolean_mask(t, mask), found)

        return tf.data.Dataset.range(0, self.gather.rows, self._size).map(piece)

    def shuffled(self, key: tf.Tensor) -> tf.data.Dataset:
        """All rows in the order of the epoch with this key."""
        blocks = block_order(key, self.gather)

        def of_run(run: tf.Tensor) -> tf.data.Dataset:
            order = row_order(key, run, self.gather)

            def piece(first: tf.Tensor) -> Any:
                chosen = order[first : first + self._size]
                if self._own is None:
                    return self._call(self.gather.take, blocks, run, chosen)
                count = tf.size(chosen)
                mine = tf.boolean_mask(chosen, self._owned(count, self._own))
                return count, self._call(self.gather.take, blocks, run, mine)

            return tf.data.Dataset.range(0, tf.size(order, tf.int64), self._size).map(piece)

        return tf.data.Dataset.range(-(-self.gather.rows // self.gather.run)).flat_map(of_run)

    def _call(self, method: Callable, *inputs: Any) -> Any:
        """What a method of `gather` returns, in the structure of the arrays."""
        # TensorFlow keeps such a function forever; it must not keep the arrays.
        weak = weakref.WeakMethod(method)
        types = [dtype for dtype, _ in self.gather.signature]
        found = tf.numpy_function(lambda *values: weak()(*values), inputs, types)  # type: ignore[misc]
        for tensor, (_, shape) in zip(found, self.gather.signature, strict=True):
            tensor.set_shape(shape)
        return tf.nest.pack_sequence_as(self._structure, found)

    def _owned(self, count: tf.Tensor, own: Callable) -> tf.Tensor:
        """Which of a piece's `count` rows this worker takes, bool [count]."""
        rest = self.gather.rows % self._batch_size  # rows of an epoch's last, smaller batch
        positions = tf.range(count)
        in_rest = positions >= count - count % self._batch_size
        within = positions % self._batch_size
        bounds = zip(own(rest or self._batch_size), own(self._batch_size), strict=True)
        first, last = (
            tf.where(in_rest, *(tf.cast(b, count.dtype) for b in both)) for both in bounds
        )
        return (within >= first) & (within < last)


def most_rows(arrays: Any, batch_size: int, shuffle: bool, piece_bytes: int) -> tuple[int, int]:
    """The limits on the size of pieces of these arrays.

    Args:
      arrays: as for `pieces`.
      batch_size: as for `pieces`.
      shuffle: as for `pieces`.
      piece_bytes: most bytes in a piece of arrays in memory.

    Returns:
      The most rows that a piece may have, and the rows in a run, which no piece exceeds: the
      rows in the buffer if rows from files pass through one, else all.
    """
    leaves = tf.nest.flatten(arrays)
    gather = Gather(leaves, batch_size, shuffle)
    row_bytes = sum(np.asarray(leaf[:1]).nbytes for leaf in leaves)
    most = min(piece_bytes, gather.piece_bytes or piece_bytes)
    return most // max(row_bytes, 1), gather.run
