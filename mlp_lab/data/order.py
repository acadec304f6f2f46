"""The order of an epoch's samples when they are shuffled: a function of the seed and the epoch.

Epoch 7 of a resumed run therefore sees what epoch 7 of an uninterrupted run sees.
(`keras.Model.fit` on arrays does not do this: after `keras.utils.set_random_seed` it repeats
the first epoch's order in every epoch, Keras 3.15.)

Arrays in memory, and rows from files that all fit into the buffer of `Gather`, are drawn one by
one from the whole set. Rows that do not all fit pass through the buffer in runs. Blocks of
neighboring rows enter it in an order that depends on (seed, epoch). When it is full, all of its
rows leave it in an order that depends on (seed, epoch, run). So blocks are shuffled first and
then what is in the buffer, as in CorgiPile (Xu et al., 2022).
"""

import numpy as np
import tensorflow as tf

from mlp_lab.data.gather import Gather


def epoch_key(seed: int | tf.Variable, epoch: tf.Tensor) -> tf.Tensor:
    """The key of an epoch's random numbers, int64 [2]. A variable `seed` is read here."""
    return tf.stack([tf.cast(seed, tf.int64), epoch])


def block_order(key: tf.Tensor, gather: Gather) -> tf.Tensor:
    """The order in which blocks enter the buffer: their numbers, int32 [blocks]."""
    blocks = tf.range(-(-gather.rows // gather.block_rows))
    return _shuffled(blocks, key) if gather.run < gather.rows else blocks


def row_order(key: tf.Tensor, run: tf.Tensor, gather: Gather) -> tf.Tensor:
    """The order in which a run's rows leave the buffer: their places in it, int32 [rows].

    Args:
      key: of the epoch.
      run: number of the run in the epoch, int64.
      gather: says how many rows there are and how many are in a run.
    """
    count = tf.minimum(np.int64(gather.run), gather.rows - run * gather.run)
    if gather.run < gather.rows:
        key = tf.random.fold_in(key, run, alg="philox")
    return _shuffled(tf.range(tf.cast(count, tf.int32)), key)


def _shuffled(values: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    # Philox by name: the automatic choice may differ between devices.
    return tf.random.experimental.stateless_shuffle(values, seed=key, alg="philox")
