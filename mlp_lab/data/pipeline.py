"""Arrays in memory to pieces of one or more batches, as `tf.data` datasets.

Samples stay in the arrays' own type (uint8 pixels are scaled by the model, in the
graph): an epoch moves a quarter of the bytes that float32 images would.
"""

from typing import Any

import numpy as np
import tensorflow as tf


def one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Class indices [n] as rows [n, num_classes] float32: label 2 of 4 is [0, 0, 1, 0]."""
    return np.eye(num_classes, dtype=np.float32)[labels]


def pieces(
    arrays: Any,
    batch_size: int,
    per_piece: int = 1,
    *,
    shuffle: bool = False,
    seed: int | tf.Variable = 0,
    first_epoch: int | tf.Variable = 0,
) -> tuple[tf.data.Dataset, int]:
    """Endless pieces of up to `per_piece` batches, epoch after epoch.

    A piece is rows in one run, gathered in one go: per_piece * batch_size of them, and
    the last piece of an epoch whatever is left over. With per_piece=1 pieces are batches.

    Shuffling draws single samples from the whole set, in an order that depends on
    (seed, epoch) alone: epoch 7 of a resumed run sees what epoch 7 of an
    uninterrupted one does, and the order does not depend on per_piece.

    (`keras.Model.fit` on arrays does not do this: after `keras.utils.set_random_seed`
    it repeats the first epoch's order in every epoch, Keras 3.15.)

    Args:
      arrays: an array [n, ...], or a nested tuple, list or dict of them.
      batch_size: samples per batch, from 1 to n.
      per_piece: batches per piece, at least 1.
      shuffle: False keeps the order of the arrays.
      seed: of the order, at least 0.
      first_epoch: the epoch to start with, counted from 0. Variables (int64) are read when
        an iterator over the pieces starts, this one, and with each epoch, the seed.

    Returns:
      The dataset, and the number of batches in an epoch, ceil(n / batch_size).

    Raises:
      ValueError: arrays differ in length, or a size is out of range.
    """
    lengths = sorted({len(array) for array in tf.nest.flatten(arrays)})
    if len(lengths) != 1:
        raise ValueError(f"arrays: expected equal lengths, got {lengths}")
    rows = lengths[0]
    if not 1 <= batch_size <= rows:
        raise ValueError(f"batch_size: expected 1 to {rows} (the samples), got {batch_size}")
    if per_piece < 1:
        raise ValueError(f"per_piece: expected at least 1, got {per_piece}")
    size = per_piece * batch_size
    tensors = tf.nest.map_structure(tf.convert_to_tensor, arrays)

    def epoch_of_pieces(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(rows)
        if shuffle:
            # Philox by name: the automatic choice may differ between devices.
            order = tf.random.experimental.stateless_shuffle(
                order, seed=tf.stack([tf.cast(seed, tf.int64), epoch]), alg="philox"
            )

        def piece(i: tf.Tensor) -> Any:
            chosen = slice(i * size, (i + 1) * size)
            if not shuffle:
                return tf.nest.map_structure(lambda tensor: tensor[chosen], tensors)
            return tf.nest.map_structure(lambda t: tf.gather(t, order[chosen]), tensors)

        return tf.data.Dataset.range(-(-rows // size)).map(piece)

    start = tf.data.Dataset.range(1)  # inside `flat_map` a variable is read late
    epochs = start.flat_map(lambda _: tf.data.Dataset.counter(start=tf.cast(first_epoch, tf.int64)))
    # One piece is made ready while another is in use; more would only hold memory.
    return epochs.flat_map(epoch_of_pieces).prefetch(1), -(-rows // batch_size)
