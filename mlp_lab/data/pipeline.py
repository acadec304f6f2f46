"""Arrays, in memory or in files, to pieces of one or more batches, as `tf.data` datasets.

Samples stay in the arrays' own type (uint8 pixels are scaled by the model, in the
graph): an epoch moves a quarter of the bytes that float32 images would.
"""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.data.gather import Gather
from mlp_lab.data.rows import Rows


def one_hot(labels: Any, num_classes: int) -> Any:
    """Class indices [n] as rows [n, num_classes] float32: label 2 of 4 is [0, 0, 1, 0].

    Of `Rows` they are made as the labels are read.
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

    A piece is rows in one run, gathered in one go: per_piece * batch_size of them, and
    the last piece of an epoch whatever is left over. With per_piece=1 pieces are batches.

    Shuffling draws single samples from the whole set, in an order that depends on
    (seed, epoch) alone: epoch 7 of a resumed run sees what epoch 7 of an
    uninterrupted one does, and the order does not depend on per_piece.

    Shuffled rows from files (`Rows`) that do not all fit into half of their `memory_mb` pass a
    buffer of that size. Its runs of rows follow from the memory, the row's length and the batch
    size. Blocks of neighbors, of up to 256 KiB, go into it in an order that depends on (seed,
    epoch), and when it is full all of its rows come out in one that depends on (seed, epoch,
    run): shuffling of blocks and then of what is in the buffer, as in CorgiPile (Xu et al.,
    2022). What fits has the very order that it has in memory.

    (`keras.Model.fit` on arrays does not do this: after `keras.utils.set_random_seed`
    it repeats the first epoch's order in every epoch, Keras 3.15.)

    Args:
      arrays: an array or `Rows` [n, ...], or a nested tuple, list or dict of them. Arrays are
        not copied: they must not change while pieces are drawn.
      batch_size: samples per batch, from 1 to n.
      per_piece: batches per piece, at least 1.
      shuffle: False keeps the order of the arrays.
      seed: of the order, at least 0.
      first_epoch: the epoch to start with, counted from 0. Variables (int64) are read when
        an iterator over the pieces starts, this one, and with each epoch, the seed.
      own: for one of several workers: of a batch of so many rows, the first that it takes and
        the one after its last. An element is then a pair, the number of rows in the whole
        piece and the rows that are taken of it, which alone are gathered.

    Returns:
      The dataset, and the number of batches in an epoch, ceil(n / batch_size).

    Raises:
      ValueError: arrays differ in length, or a size is out of range.
      InputError: a batch does not fit into the memory for rows from files.
    """
    leaves = tf.nest.flatten(arrays)
    lengths = sorted({len(array) for array in leaves})
    if len(lengths) != 1:
        raise ValueError(f"arrays: expected equal lengths, got {lengths}")
    rows = lengths[0]
    if not 1 <= batch_size <= rows:
        raise ValueError(f"batch_size: expected 1 to {rows} (the samples), got {batch_size}")
    if per_piece < 1:
        raise ValueError(f"per_piece: expected at least 1, got {per_piece}")
    size = per_piece * batch_size
    gather = Gather(leaves, batch_size, shuffle)
    types = [dtype for dtype, _ in gather.signature]
    shapes = [shape for _, shape in gather.signature]

    def taken(method: Callable, *inputs: Any) -> Any:
        # TensorFlow keeps such a function for ever; it must not keep the arrays.
        weak = weakref.WeakMethod(method)
        found = tf.numpy_function(lambda *values: weak()(*values), inputs, types)  # type: ignore[misc]
        for tensor, shape in zip(found, shapes, strict=True):
            tensor.set_shape(shape)
        return tf.nest.pack_sequence_as(arrays, found)

    def sliced(first: tf.Tensor) -> Any:
        last = tf.minimum(first + size, np.int64(rows))
        piece = taken(gather.slice, first, last)
        if own is None:
            return piece
        mask = _owned(last - first, batch_size, rows % batch_size, own)
        return last - first, tf.nest.map_structure(lambda t: tf.boolean_mask(t, mask), piece)

    def gathered(blocks: tf.Tensor, run: tf.Tensor, chosen: tf.Tensor) -> Any:
        if own is None:
            return taken(gather.take, blocks, run, chosen)
        count = tf.size(chosen)
        mask = _owned(count, batch_size, rows % batch_size, own)
        return count, taken(gather.take, blocks, run, tf.boolean_mask(chosen, mask))

    def epoch_of_pieces(epoch: tf.Tensor) -> tf.data.Dataset:
        if not shuffle:
            return tf.data.Dataset.range(0, rows, size).map(sliced)
        key = tf.stack([tf.cast(seed, tf.int64), epoch])
        blocks = tf.range(-(-rows // gather.block_rows))
        if gather.run < rows:
            blocks = _shuffled(blocks, key)

        def run_of_pieces(run: tf.Tensor) -> tf.data.Dataset:
            count = tf.minimum(np.int64(gather.run), rows - run * gather.run)
            of_run = key
            if gather.run < rows:
                of_run = tf.random.fold_in(key, run, alg="philox")
            order = _shuffled(tf.range(tf.cast(count, tf.int32)), of_run)
            return tf.data.Dataset.range(0, count, size).map(
                lambda first: gathered(blocks, run, order[first : first + size])
            )

        return tf.data.Dataset.range(-(-rows // gather.run)).flat_map(run_of_pieces)

    start = tf.data.Dataset.range(1)  # inside `flat_map` a variable is read late
    epochs = start.flat_map(lambda _: tf.data.Dataset.counter(start=tf.cast(first_epoch, tf.int64)))
    # Pieces are made when they are asked for, by no thread of tf.data ahead of it: a process
    # that ends while such a thread calls Python would wait for it for ever.
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    data = epochs.flat_map(epoch_of_pieces).with_options(options)
    data.gather = gather  # iterators hold the data set, which holds this
    return data, -(-rows // batch_size)


def most_rows(arrays: Any, batch_size: int, shuffle: bool, piece_bytes: int) -> tuple[int, int]:
    """What bounds pieces of these arrays.

    Args:
      arrays: as for `pieces`.
      batch_size: likewise.
      shuffle: likewise.
      piece_bytes: most bytes of a piece of arrays in memory.

    Returns:
      Rows that a piece may have; and rows of a run, of which pieces are parts: all, or where
      rows from files pass a buffer, those in it.
    """
    leaves = tf.nest.flatten(arrays)
    gather = Gather(leaves, batch_size, shuffle)
    row_bytes = sum(np.asarray(leaf[:1]).nbytes for leaf in leaves)
    most = min(piece_bytes, gather.piece_bytes or piece_bytes)
    return most // max(row_bytes, 1), gather.run


def _shuffled(values: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    # Philox by name: the automatic choice may differ between devices.
    return tf.random.experimental.stateless_shuffle(values, seed=key, alg="philox")


def _owned(count: tf.Tensor, batch_size: int, rest: int, own: Callable) -> tf.Tensor:
    """Which of a piece's rows are taken; the last `rest` of an epoch are a smaller batch."""
    positions = tf.range(count)
    in_rest = positions >= count - count % batch_size
    within = positions % batch_size
    bounds = zip(own(rest or batch_size), own(batch_size), strict=True)
    first, last = (tf.where(in_rest, *(tf.cast(b, count.dtype) for b in both)) for both in bounds)
    return (within >= first) & (within < last)
