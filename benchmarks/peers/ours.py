"""mlp_lab."""

import itertools
from pathlib import Path

import keras

import mlp_lab
from peers import BATCH, LEARNING_RATE, Task, fitting


class Fit:
    """`MLP.fit` on uint8 arrays, with the scaling inside the model.

    Args:
      task: the data.
      jit_compile: for `compile`.
      probes: steps from one look of all probes to the next; 0 for no callback.
      pictures: whether the standard pictures are drawn after each epoch, as `train.py` does.
      pipeline: whether to train on a `tf.data` pipeline.
      guard: whether `NonFinite` watches the numbers.
    """

    def __init__(
        self,
        task: Task,
        jit_compile: bool | str = True,
        probes: int = 0,
        pictures: bool = False,
        pipeline: bool = False,
        guard: bool = False,
    ):
        self.task, self.probes, self.pictures, self.guard = task, probes, pictures, guard
        self.model = mlp_lab.MLP(input_scale=1 / 255)
        self.model.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=jit_compile,
        )
        self.data = (fitting.pipeline(task),) if pipeline else (task.x, task.y, BATCH)
        self.fits = itertools.count()

    def prepare(self):
        self.model.fit(*self.data, epochs=1, verbose=0, callbacks=[*self.callbacks()])

    def epoch(self):
        return fitting.second_epoch(self.model, *self.data, callbacks=[*self.callbacks()])

    def callbacks(self):
        """New callbacks for each `fit`, in a folder of their own."""
        folder = Path(self.task.folder) / f"ours-{id(self)}-{next(self.fits)}"
        if self.probes:
            yield mlp_lab.callbacks.TensorBoard(folder, histogram_every=self.probes)
        if self.pictures:
            yield mlp_lab.callbacks.Pictures(folder, self.task.x_test, self.task.y_test)
        if self.guard:
            yield mlp_lab.callbacks.NonFinite()
