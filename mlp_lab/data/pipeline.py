"""Arrays in memory to batches, as `tf.data` datasets.

Samples stay in the arrays' own type (uint8 pixels are scaled by the model, in the
graph): an epoch moves a quarter of the bytes that float32 images would.
"""

import numpy as np
import tensorflow as tf


def one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Class indices [n] as rows [n, num_classes] float32: label 2 of 4 is [0, 0, 1, 0]."""
    return np.eye(num_classes, dtype=np.float32)[labels]


def training_batches(
    x: np.ndarray,
    y: np.ndarray,
    batch_size: int,
    *,
    shuffle: bool = True,
    seed: int = 0,
    first_epoch: int = 0,
) -> tuple[tf.data.Dataset, int]:
    """Endless batches, epoch after epoch, each a pass over all samples.

    Shuffling draws single samples from the whole set, in an order that depends on
    (seed, epoch) alone: epoch 7 of a resumed run sees what epoch 7 of an
    uninterrupted one does. The last batch of an epoch holds what is left over.

    (`keras.Model.fit` on arrays does not do this: after `keras.utils.set_random_seed`
    it repeats the first epoch's order in every epoch, Keras 3.15.)

    Args:
      x: samples, [n, ...].
      y: labels, [n, ...].
      batch_size: samples per batch, from 1 to n.
      shuffle: False keeps the order of the arrays.
      seed: of the order, at least 0.
      first_epoch: the epoch to start with, counted from 0.

    Returns:
      The dataset of (x, y) batches and the number of batches in an epoch,
      ceil(n / batch_size).

    Raises:
      ValueError: x and y differ in length, or batch_size is out of range.
    """
    _check(x, y, batch_size)
    rows = len(x)
    steps = -(-rows // batch_size)
    x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)

    def epoch_of_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(rows)
        if shuffle:
            # Philox by name: the automatic choice may differ between devices.
            order = tf.random.experimental.stateless_shuffle(
                order, seed=[seed, epoch], alg="philox"
            )

        def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            chosen = order[step * batch_size : (step + 1) * batch_size]
            return tf.gather(x, chosen), tf.gather(y, chosen)

        return tf.data.Dataset.range(steps).map(batch)

    epochs = tf.data.Dataset.counter(start=first_epoch)
    return epochs.flat_map(epoch_of_batches).prefetch(tf.data.AUTOTUNE), steps


def evaluation_batches(x: np.ndarray, y: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """One pass over all samples in their order, as (x, y) batches.

    Args:
      x: samples, [n, ...].
      y: labels, [n, ...].
      batch_size: samples per batch, at least 1; more than n gives one batch.

    Raises:
      ValueError: x and y differ in length, or batch_size is below 1.
    """
    _check(x, y, min(batch_size, len(x)))
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _check(x: np.ndarray, y: np.ndarray, batch_size: int) -> None:
    if len(x) != len(y):
        raise ValueError(f"x and y: expected equal lengths, got {len(x)} and {len(y)}")
    if not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size: expected 1 to {len(x)} (the samples), got {batch_size}")
