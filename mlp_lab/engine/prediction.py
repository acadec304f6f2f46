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
        self._run: Any = self._outputs
        if not model.run_eagerly:
            self._run = compiled(self._outputs, jit_compile=model.jit_compile or None)

    def __call__(self, data):
        """Outputs [rows, ...] for `data`, a list of one piece, as Keras draws it."""
        (piece,) = data
        rows = len(tf.nest.flatten(piece)[0])
        whole = rows - rows % self._batch
        parts = []
        # The rest is a program of its own, so that there are two, however many rows there are.
        for start, stop in ((0, whole), (whole, rows)):
            if start < stop:
                some = tf.nest.map_structure(lambda t, a=start, b=stop: t[a:b], piece)
                parts.append(self._run(some))
        return _concatenated(parts)

    def _outputs(self, piece):
        rows = tf.nest.flatten(piece)[0].shape[0]
        if rows <= self._batch:
            return self._step(piece)
        if tf.executing_eagerly():
            starts = range(0, rows, self._batch)
            return _concatenated([self._step(self._rows(piece, start)) for start in starts])
        # The step is traced once, as a separate function, to know what it returns.
        step = compiled(self._step)
        spec = tf.nest.map_structure(
            lambda t: tf.TensorSpec([self._batch, *t.shape[1:]], t.dtype), piece
        )
        outputs = step.get_concrete_function(spec).structured_outputs
        batches = tf.nest.map_structure(
            lambda t: tf.reshape(t, [-1, self._batch, *t.shape[1:]]), piece
        )
        signature = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), outputs)
        # One after another: memory then holds the activations of one batch only.
        found = tf.map_fn(step, batches, fn_output_signature=signature, parallel_iterations=1)
        return tf.nest.map_structure(lambda t: tf.reshape(t, [-1, *t.shape[2:]]), found)

    def _rows(self, piece, start):
        return tf.nest.map_structure(lambda t: t[start : start + self._batch], piece)


def _concatenated(parts):
    if len(parts) == 1:
        return parts[0]
    return tf.nest.map_structure(lambda *tensors: tf.concat(tensors, axis=0), *parts)
