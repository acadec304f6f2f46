"""Real training steps, each at a learning rate of its own, and the loss of each batch."""

from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.engine.keras_hooks import at_rate
from mlp_lab.engine.program import Program
from mlp_lab.engine.tensors import compiled, part_of, rows_from


class Rated(Program):
    """Runs the model's own training step in a loop, at given learning rates.

    The rate is a variable that the loop sets before each step, in place of the optimizer's own
    rate or schedule. Of every step the loss of its batch is kept. The model changes as in any
    training; who calls this puts it back.

    Args:
      model: built and compiled, on one device, with one optimizer; `run_eagerly` applies.
      jit_compile: whether XLA compiles the loop.
    """

    def __init__(self, model: Any, jit_compile: bool):
        super().__init__(model, model.train_step, True, True)
        self._rate = tf.Variable(0.0, trainable=False, dtype=tf.float32)
        self.losses: Any = self._eager_losses
        if not model.run_eagerly:
            self.losses = compiled(self._losses, jit_compile=jit_compile or None)

    def trace(self, piece: Any, rates: Any, batch: int) -> None:
        """Traces the loop for data of this form, which makes the variables and runs nothing."""
        if not self._model.run_eagerly:
            with at_rate(self._model.optimizer, self._current):
                self.losses.get_concrete_function(piece, rates, batch)

    def run(self, piece: Any, rates: Any, batch: int) -> np.ndarray:
        """Trains on the batches of a piece one after another.

        Args:
          piece: len(rates) * batch rows.
          rates: float32 [n], the learning rate of each step.
          batch: rows of a batch.

        Returns:
          float32 [n], the loss of each batch before its step: what `compute_loss` returned; of a
          step that does not call it, the loss that it logs.

        Raises:
          ValueError: the step does neither.
        """
        with at_rate(self._model.optimizer, self._current):
            return np.asarray(self.losses(piece, rates, batch))

    def _current(self) -> Any:
        return tf.convert_to_tensor(self._rate)

    def _loss(self, data: Any) -> Any:
        """The loss of one batch, whose step is made."""
        for metric in self._model.metrics:  # so that a logged mean is of this batch alone
            metric.reset_state()
        logs, tensors = self.one(data)
        loss = tensors.get("loss")
        if loss is None and isinstance(logs, dict):
            loss = logs.get("loss")
        if loss is None:
            raise ValueError(
                "train_step: expected a step that calls compute_loss or returns the batch's "
                '"loss" among its logs, got neither; the learning rate cannot be judged by it'
            )
        return tf.reduce_mean(tf.cast(loss, tf.float32))

    def _losses(self, piece: Any, rates: Any, batch: int) -> Any:
        def body(i, losses):
            self._rate.assign(rates[i])
            data = tf.nest.map_structure(lambda t: rows_from(t, i * batch, batch), piece)
            return i + 1, losses.write(i, self._loss(data))

        count = rates.shape[0]
        kept = tf.TensorArray(tf.float32, size=count, element_shape=[])
        _, losses = tf.while_loop(lambda i, _: i < count, body, [tf.constant(0), kept])
        return losses.stack()

    def _eager_losses(self, piece: Any, rates: Any, batch: int) -> Any:
        found = []
        for i, rate in enumerate(rates):
            self._rate.assign(rate)
            found.append(float(self._loss(part_of(piece, i * batch, batch))))
        return found
