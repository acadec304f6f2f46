"""Outputs for many batches from one compiled call."""

from typing import Any

import tensorflow as tf

from mlp_lab.engine.tensors import compiled


class Prediction:
    """What Keras calls its `predict_function`, for pieces of several batches.

    Args:
      model: the model; its `predict_step` computes a batch, its `jit_compile` and
        `run_eagerly` apply.
      batch: rows of a batch; the last one of a piece may be smaller.
    """

    def __init__(self, model, batch: int):
        self._step = model.predict_step
        self._batch = batch
        self._one: Any = self._step
        self._rest: Any = self._step
        self._whole: Any = self._batch_by_batch
        if not model.run_eagerly:
            # The step is traced as a separate function, to know what it returns.
            self._one = compiled(self._step)
            # XLA needs sizes that are known; a graph serves pieces of all lengths.
            options = {"jit_compile": True} if model.jit_compile else {"reduce_retracing": True}
            self._rest = compiled(self._step, **options)
            self._whole = compiled(self._mapped, **options)

    def by_rows(self, spec) -> bool:
        """Whether a batch of this form gives a dense output for each row, which can be joined."""
        if self._one is self._step:
            return False  # run eagerly, it is known only when it runs
        outputs = tf.nest.flatten(self._one.get_concrete_function(spec).structured_outputs)
        return all(
            isinstance(t, tf.Tensor | tf.TensorSpec) and t.shape.rank and t.shape[0] == self._batch
            for t in outputs
        )

    def __call__(self, data):
        """Outputs [rows, ...] for `data`, a list of one piece, as Keras draws it."""
        (piece,) = data
        rows = len(tf.nest.flatten(piece)[0])
        whole = rows - rows % self._batch
        parts = []
        # The rest is a program of its own, so that there are two, however many rows there are.
        for run, start, stop in ((self._whole, 0, whole), (self._rest, whole, rows)):
            if start < stop:
                some = tf.nest.map_structure(lambda t, a=start, b=stop: t[a:b], piece)
                parts.append(run(some))
        return _concatenated(parts)

    def _batch_by_batch(self, piece):
        rows = len(tf.nest.flatten(piece)[0])
        return _concatenated(
            [
                self._step(tf.nest.map_structure(lambda t, a=a: t[a : a + self._batch], piece))
                for a in range(0, rows, self._batch)
            ]
        )

    def _mapped(self, piece):
        batches = tf.nest.map_structure(
            lambda t: tf.reshape(t, [-1, self._batch, *t.shape[1:]]), piece
        )
        spec = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape[1:], t.dtype), batches)
        outputs = self._one.get_concrete_function(spec).structured_outputs
        signature = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), outputs)
        # One after another: memory then holds the activations of one batch only.
        found = tf.map_fn(self._one, batches, fn_output_signature=signature, parallel_iterations=1)
        return tf.nest.map_structure(lambda t: tf.reshape(t, [-1, *t.shape[2:]]), found)


def _concatenated(parts):
    if len(parts) == 1:
        return parts[0]
    return tf.nest.map_structure(lambda *tensors: tf.concat(tensors, axis=0), *parts)
