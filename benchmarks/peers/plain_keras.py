"""Keras without mlp_lab."""

import itertools
from pathlib import Path

import keras

from peers import BATCH, HIDDEN, LEARNING_RATE, Task, fitting


class Fit:
    """`Sequential.fit` on float32 arrays, scaled beforehand.

    Args:
      task: the data.
      tensorboard: whether to log with `keras.callbacks.TensorBoard`: histograms of the weights
        after each epoch, losses every 100 batches.
      pipeline: whether to train on a `tf.data` pipeline, of uint8 images.
      **compilation: for `compile`.
    """

    def __init__(
        self, task: Task, tensorboard: bool = False, pipeline: bool = False, **compilation
    ):
        self.folder, self.tensorboard = task.folder, tensorboard
        hidden = [keras.layers.Dense(units, activation="relu") for units in HIDDEN]
        scale = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()] if pipeline else []
        self.model = keras.Sequential([*scale, *hidden, keras.layers.Dense(10)])
        self.model.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            **compilation,
        )
        self.data = (fitting.pipeline(task),) if pipeline else (task.flat(), task.y, BATCH)
        self.fits = itertools.count()

    def prepare(self):
        self.model.fit(*self.data, epochs=1, verbose=0, callbacks=self.callbacks())

    def epoch(self):
        return fitting.second_epoch(self.model, *self.data, callbacks=self.callbacks())

    def callbacks(self):
        """New callbacks for each `fit`, in a folder of their own."""
        if not self.tensorboard:
            return []
        folder = Path(self.folder) / f"keras-{next(self.fits)}"
        return [keras.callbacks.TensorBoard(str(folder), histogram_freq=1, update_freq=100)]
