"""Looks at training steps: stops at those that an observer wants to see, and records them."""

import time

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.engine.batch_metrics import BatchMetrics
from mlp_lab.engine.capture import weight_names
from mlp_lab.engine.program import Program
from mlp_lab.engine.step import Step
from mlp_lab.engine.tensors import array, handle


class Looks:
    """Runs steps for observers.

    To look at step s, the loop is stopped after s - 1, s is run as a loop of one step, which
    returns its tensors, and the loop continues.

    Args:
      model: the model that is trained.
      program: what runs its steps.
    """

    def __init__(self, model, program: Program):
        self._model = model
        self._program = program
        self._metrics = BatchMetrics(model)
        self._listed = 0  # weights, which a model may not have before its first step
        self._read: list[tuple] = []  # of each its name, handle, type

    def run(self, run, steps, batch, observers):
        """Runs steps, stopping at each that an observer wants to see; the logs of the last one.

        Args:
          run: `run(first, n)` runs n steps from the first one on; returns how many it ran, and
            what the program returned.
          steps: how many there are.
          batch: `batch(i)` is the batch of the i-th step; None if it is not known.
          observers: see `GlassBox.observers`.

        Raises:
          StopIteration: there are no more data.
        """
        logs, first = None, 0
        while first < steps:
            now, n = 0, steps - first
            if observers:
                now = self._model.training_progress.steps
                wanted = min(observer.next_step(now) for observer in observers)
                n = int(min(n, max(wanted - now, 1)))  # also of NumPy's numbers
            looked_at = bool(observers) and wanted == now
            start = time.perf_counter()
            before = self._before() if looked_at else {}
            ran, results = run(first, n)
            ran = int(ran)
            if not ran:
                break
            self._model.training_progress.steps += ran
            logs, tensors = results
            if looked_at and batch is not None:
                tensors = {**tensors, "data": batch(first)}
            step = self._step(now, before, tensors) if looked_at else None
            seconds = time.perf_counter() - start
            for observer in observers:
                wants = looked_at and observer.next_step(now) == now
                observer.ran(ran, seconds, step if wants else None)
            first += ran
            if ran < n:
                break
        if logs is None:
            raise StopIteration
        return logs

    def _before(self):
        """What a step starts with, and changes."""
        return {"weights": self._weights(), "learning_rate": _learning_rate(self._model.optimizer)}

    def _weights(self):
        if self._listed != len(self._model.weights):
            self._listed, names = len(self._model.weights), weight_names(self._model)
            self._read = [
                (names[id(w)], handle(w), tf.as_dtype(w.dtype))
                for w in self._model.weights
                if id(w) in names
            ]
        # This takes a third of the time of `variable.read_value()`.
        return {
            name: array(tf.raw_ops.ReadVariableOp(resource=resource, dtype=dtype))
            for name, resource, dtype in self._read
        }

    def _step(self, number, before, tensors):
        arrays = tf.nest.map_structure(lambda t: array(t) if tf.is_tensor(t) else t, tensors)
        return Step(
            number=number,
            **before,
            new_weights=self._weights(),
            gradients=arrays["gradients"],
            activations=arrays["activations"],
            loss=float(np.mean(arrays.get("loss", np.nan))),
            labels=arrays.get("labels"),
            outputs=arrays.get("outputs"),
            sample_weight=arrays.get("sample_weight"),
            data=arrays.get("data"),
            metrics=self._batch_metrics(tensors),
            layers=self._program.layers,
            spread=float(arrays.get("spread", np.nan)),
            has_loss="loss" in arrays,
        )

    def _batch_metrics(self, tensors):
        """The losses and metrics of one batch; those of the epoch, still being summed, stay."""
        losses = {name: float(np.mean(value)) for name, value in tensors["losses"].items()}
        if "outputs" not in tensors:
            return losses
        x = None
        if "data" in tensors:
            x = keras.utils.unpack_x_y_sample_weight(tensors["data"])[0]
        batch = x, tensors.get("labels"), tensors["outputs"], tensors.get("sample_weight")
        return {**losses, **self._metrics.of(*batch, tensors["masks"])}


def _learning_rate(optimizer) -> float:
    """The rate of the next update; NaN without an optimizer of the model's own."""
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        return float("nan")
    # A schedule's, and a function's, is that of this step. A strategy's variable is no number.
    return float(np.asarray(optimizer.learning_rate))
