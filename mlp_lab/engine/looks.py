"""Looks at training steps: stops at those that an observer wants to see, and records them."""

import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.engine.capture import weight_names
from mlp_lab.engine.program import Program
from mlp_lab.engine.step import Step
from mlp_lab.engine.tensors import array, compiled, handle


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
        self._metrics: Any = None
        self._read: list | None = None  # the weights: name, handle, type

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
                now = int(self._model.optimizer.iterations.numpy())
                wanted = min(observer.next_step(now) for observer in observers)
                n = min(n, max(wanted - now, 1))
            looked_at = bool(observers) and wanted == now
            start = time.perf_counter()
            before = self._before() if looked_at else {}
            ran, results = run(first, n)
            ran = int(ran)
            if not ran:
                break
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
        rate = float(self._model.optimizer.learning_rate.numpy())  # a schedule depends on the step
        return {"weights": self._weights(), "learning_rate": rate}

    def _weights(self):
        if self._read is None:
            names = weight_names(self._model)
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
            loss=float(arrays.get("loss", np.nan)),
            labels=arrays.get("labels"),
            outputs=arrays.get("outputs"),
            sample_weight=arrays.get("sample_weight"),
            data=arrays.get("data"),
            metrics=self._batch_metrics(tensors),
            layers=self._program.layers,
            spread=float(arrays.get("spread", np.nan)),
        )

    def _batch_metrics(self, tensors):
        """The metrics of one batch; those of the epoch, still being summed, do not change."""
        if "outputs" not in tensors or "labels" not in tensors:
            return {}
        if self._metrics is None:
            self._metrics = self._metrics_of_batch
            if not self._model.run_eagerly:
                self._metrics = compiled(self._metrics, reduce_retracing=True)
        results = self._metrics(tensors["labels"], tensors["outputs"], tensors.get("sample_weight"))
        return {name: value.numpy() for name, value in results.items() if name != "loss"}

    def _metrics_of_batch(self, labels, outputs, sample_weight):
        # In this scope variables are replaced by tensors; nothing is assigned.
        with keras.StatelessScope():
            for metric in self._model.metrics:
                metric.reset_state()
            results = self._model.compute_metrics(None, labels, outputs, sample_weight)
        plain = {}
        for name, value in results.items():  # a metric of several numbers gives a dict
            plain.update(value if isinstance(value, dict) else {name: value})
        return tf.nest.map_structure(tf.convert_to_tensor, plain)
