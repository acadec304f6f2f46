"""Short trainings that start from the same state, and leave no trace."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.checkpoints import Held
from mlp_lab.engine.inputs import arrays_of_rows
from mlp_lab.engine.keras_hooks import optimizers_of
from mlp_lab.engine.rated import Rated
from mlp_lab.search.batches import Batches

# Steps in a call: after each it is seen whether going on makes sense.
CALL = 12
# A training whose loss has risen by so many times as much as it had fallen has diverged.
_DIVERGED = 10


class Trials:
    """Trains a model from where it is, again and again.

    Args:
      model: compiled, on one device.
      arrays: what `arrays_of_rows` returned.
      batch: rows of a batch.
      most: steps that any of the trainings makes.
    """

    def __init__(self, model: Any, arrays: Any, batch: int, most: int):
        self.batches = Batches(arrays, batch, most)
        self._model, self._held = model, Held(model)
        self._call = min(CALL, self.batches.per_call)
        jit = bool(model.jit_compile) and not model._auto[1]
        self._program = Rated(model, jit)
        piece = self.batches.piece(0, 0, self._call)
        self._program.trace(piece, self._rates(np.zeros(self._call)), batch)
        # The first trace makes variables: of metrics, and of an optimizer that is not built.
        self._grown = Held(model)

    def losses(self, order: int, rates: np.ndarray, mixed: bool = False) -> np.ndarray:
        """The loss of each batch of a training, before its step.

        Args:
          order: number of the order of rows.
          rates: the learning rate of each step; their number is rounded up to whole calls.
          mixed: see `Batches.piece`.

        Returns:
          float64 [len(rates)]; infinite from where the training has diverged.
        """
        found: list[float] = []
        try:
            for start in range(0, len(rates), self._call):
                part = self._rates(rates[start : start + self._call])
                piece = self.batches.piece(order, start, self._call, mixed)
                found.extend(map(float, self._program.run(piece, part, self.batches.batch)))
                if _diverged(found):
                    break
        finally:
            self.put_back()
        known = np.array(found[: len(rates)])
        bad = np.flatnonzero(~np.isfinite(known))
        known = known[: bad[0]] if len(bad) else known
        return np.concatenate([known, np.full(len(rates) - len(known), np.inf)])

    def put_back(self) -> None:
        """Gives the model the state that it had."""
        self._grown.put_back()
        self._held.put_back()

    def _rates(self, rates: np.ndarray) -> Any:
        rates = np.asarray(rates, np.float32)
        return tf.constant(np.pad(rates, (0, self._call - len(rates)), mode="edge"))


@contextlib.contextmanager
def trials(model: Any, x: Any, y: Any, sample_weight: Any, batch: int, most: int) -> Iterator:
    """`Trials` of a model, whose state is put back also after an error.

    Raises:
      ValueError: the model is not compiled, or the data are not arrays.
    """
    arrays = _checked(model, x, y, sample_weight)
    rows = len(tf.nest.flatten(arrays)[0])
    batch = min(batch, rows)
    model._build_on(arrays, batch, "train_step")
    before = Held(model)
    try:
        yield Trials(model, arrays, batch, most)
    finally:
        before.put_back()


def _checked(model: Any, x: Any, y: Any, sample_weight: Any) -> Any:
    if not getattr(model, "compiled", False) or not hasattr(model, "observers"):
        raise ValueError("find_lr: expected a compiled mlp_lab.Model or GlassBox; compile it first")
    if model.replicas.count > 1:
        raise ValueError(
            f"find_lr: expected a model on one device, got {model.replicas.count} replicas; find "
            "the rate with a model that is made outside of the strategy"
        )
    count = len(optimizers_of(model))
    if count != 1:
        raise ValueError(
            f"find_lr: expected a model with one optimizer, got {count}: their rates depend on "
            "each other; set them by hand"
        )
    arrays = arrays_of_rows(x, y, sample_weight)
    if arrays is None:
        raise ValueError(
            "find_lr: expected x, y and sample_weight as arrays or rows of files of equal length: "
            "reading from a tf.data data set or a generator would change what fit gets from it; "
            "give some batches of it as arrays"
        )
    return arrays


def _diverged(losses: list[float]) -> bool:
    """Whether the last call has come far above where the training began."""
    last = np.mean(losses[-CALL:])
    if not np.isfinite(last):
        return True
    first = losses[:CALL]
    fallen = max(np.mean(first) - np.min(losses), np.std(first), 1e-6 * abs(np.mean(first)))
    return bool(last - np.mean(first) > _DIVERGED * fallen)
