"""The metrics of one batch, taken without touching those of the epoch."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.checkpoints.held import held
from mlp_lab.checkpoints.own_names import library
from mlp_lab.engine.keras_hooks import loss_tracker, output_losses, parts_of, set_mask
from mlp_lab.engine.tensors import compiled


class BatchMetrics:
    """Calls the model's `compute_metrics` on one batch, with copies of its metrics.

    While it is called, everything that the metrics hold is exchanged for copies made once:
    Keras variables, `tf.Variable`s, lists. So the epoch's metrics, still being summed, keep
    their values. What a `compute_metrics` of the user's does to the model is put back. Metrics
    that cannot be copied, or cannot be computed again on the batch, are left out, with one
    warning.

    Args:
      model: the model that is trained.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        self._copies: dict[int, dict[str, Any]] | None = None
        self._compute: Any = self._results
        if not model.run_eagerly:
            self._compute = compiled(self._results, reduce_retracing=True)
        self._failed = False

    def of(
        self, x: Any, labels: Any, outputs: Any, sample_weight: Any, masks: Any
    ) -> dict[str, np.ndarray]:
        """The results by name, without the losses; empty if they cannot be computed."""
        if self._failed:
            return {}
        try:
            with self._put_back(), self._exchanged():
                results = self._compute(x, labels, outputs, sample_weight, masks)
        except Exception as error:  # A custom metric may raise anything.
            self._failed = True
            reason = str(error).strip().splitlines() or [""]
            warnings.warn(
                f"metrics of single batches are not recorded: compute_metrics cannot be called "
                f"again on the batch ({type(error).__name__}: {reason[0]})",
                stacklevel=2,
            )
            return {}
        return {name: np.asarray(value) for name, value in results.items()}

    def _results(self, x, labels, outputs, sample_weight, masks):
        outputs = tf.nest.map_structure(tf.identity, outputs)
        flat = tf.nest.flatten(outputs)
        for number, mask in masks.items():
            set_mask(flat[number], mask)
        for metric in self._model.metrics:
            metric.reset_state()
        results = self._model.compute_metrics(x, labels, outputs, sample_weight)
        losses = {metric.name for metric in self._losses()}
        plain: dict[str, Any] = {}
        for name, value in results.items():  # a metric of several numbers gives a dict
            plain.update(value if isinstance(value, dict) else {name: value})
        kept = {name: value for name, value in plain.items() if name not in losses}
        return tf.nest.map_structure(tf.convert_to_tensor, kept)

    def _losses(self) -> list[keras.metrics.Metric]:
        tracker = loss_tracker(self._model)
        return [*output_losses(self._model), *([] if tracker is None else [tracker])]

    def _put_back(self) -> AbstractContextManager:
        """What puts the model's state back, where the code that runs is the user's."""
        classes = type(self._model).__mro__
        owner = next(cls for cls in classes if "compute_metrics" in vars(cls))
        own = library(owner) not in ("keras", "mlp_lab")
        return held(self._model) if own else nullcontext()

    @contextmanager
    def _exchanged(self) -> Iterator[None]:
        metrics = list({id(metric): metric for metric in _all(self._model.metrics)}.values())
        if self._copies is None:
            # The model and its layers, which a metric may know, are not copied.
            memo: dict[int, Any] = {id(part): part for part in (self._model, *self._model.layers)}
            states = {id(metric): vars(metric) for metric in metrics}
            # Metrics that know each other stay themselves: only what they hold is exchanged.
            memo |= {id(metric): metric for metric in metrics}
            self._copies = {key: _copied(state, memo) for key, state in states.items()}
        before = [(metric, metric.__dict__) for metric in metrics]
        try:
            for metric in metrics:
                object.__setattr__(metric, "__dict__", self._copies[id(metric)])
            yield
        finally:
            for metric, state in before:
                object.__setattr__(metric, "__dict__", state)


def _copied(state: dict[str, Any], memo: dict[int, Any]) -> dict[str, Any]:
    return {name: copy.deepcopy(value, memo) for name, value in state.items()}


def _all(metrics: Any) -> Iterator[keras.metrics.Metric]:
    """The metrics, and those inside them, as in the containers that `compile` makes."""
    for metric in metrics:
        yield metric
        yield from _all(m for m in parts_of(vars(metric)) if isinstance(m, keras.metrics.Metric))
