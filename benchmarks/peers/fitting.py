"""What contestants that train with `fit` have in common."""

import time

import keras
import tensorflow as tf

from peers import BATCH, Task


class Ends(keras.callbacks.Callback):
    """Notes when epochs end. Must be the last callback, so that the others are timed too."""

    def on_train_begin(self, logs=None):
        self.times = []

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter())


def second_epoch(model: keras.Model, *args, callbacks=(), **options) -> tuple[float, float]:
    """Seconds of the second of two epochs, from end to end, and its training accuracy.

    It is like every further epoch of a long `fit`: what `fit` does once, including compilation,
    happens in the first epoch and is measured by `speed.py --startup`.
    """
    ends = Ends()
    options = {"epochs": 2, "verbose": 0, **options, "callbacks": [*callbacks, ends]}
    history = model.fit(*args, **options).history
    first, second = ends.times
    return second - first, history["accuracy"][-1]


def pipeline(task: Task) -> tf.data.Dataset:
    """The `tf.data` pipeline that tutorials write, on uint8 images."""
    rows = tf.data.Dataset.from_tensor_slices((task.x, task.y))
    return rows.shuffle(len(task.x)).batch(BATCH).prefetch(tf.data.AUTOTUNE)
