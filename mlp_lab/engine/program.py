"""The compiled loops: steps run one after another in one call."""

import contextlib
import functools
from typing import Any

import tensorflow as tf

from mlp_lab.engine.capture import Capture
from mlp_lab.engine.keras_hooks import output_losses_of_batches, unreduced
from mlp_lab.engine.replicas import in_strategy
from mlp_lab.engine.tensors import compiled, part_of, rows_from, with_absent


class Program:
    """Runs steps in a loop, and returns the logs and the tensors of the last one.

    All steps pass the same program, whether somebody looks at them or not: a second program for
    the steps that are looked at would be fused differently by compilers, and the last bits of
    the weights would then depend on who is looking.

    Args:
      model: the model; its `jit_compile` and `run_eagerly` apply.
      step: the model's `train_step` or `test_step`.
      pieces: whether data are pieces of several batches, from `mlp_lab.data.pipeline.pieces`.
      capturing: whether the step's tensors are returned.

    Attributes:
      one: one step on a batch: `one(data)`.
      on_piece: steps on the batches start to stop of a piece: `on_piece(piece, start, stop,
        batch)`, with `batch` rows in each.
      on_iterator: up to n steps on an iterator's batches, and how many there were:
        `on_iterator(iterator, n)`.
      layers: the layer of each of the captured activations.
    """

    def __init__(self, model, step, pieces: bool, capturing: bool):
        self.layers: dict[str, Any] = {}
        self._model = model
        self._step = in_strategy(model.replicas.strategy, step)
        self._capturing = capturing
        self._pieces = pieces
        self.on_iterator: Any = None
        if model.run_eagerly:
            self.one: Any = self._one_step
            self.on_piece: Any = self._eager_piece
            self._rest: Any = self._one_step
        else:
            # XLA compiles the whole loop over a piece, whose sizes are known; of the loop over an
            # iterator, which it cannot see into, only the step.
            open_ended = functools.partial(compiled, reduce_retracing=not pieces)
            self.one = open_ended(self._one_step, jit_compile=model.jit_compile or None)
            # XLA needs sizes that are known; a graph serves pieces of all lengths.
            options = {"jit_compile": True} if model.jit_compile else {"reduce_retracing": True}
            self.on_piece = compiled(self._loop_over_piece, **options)
            self._rest = compiled(self._one_step, **options)
            self.on_iterator = open_ended(self._loop_over_iterator)

    def on_rest(self, data, rows):
        """One step on a batch of an epoch's last rows, fewer than in the others."""
        if self._model.jit_compile and not self._model.run_eagerly:
            return self.on_piece(data, tf.constant(0), tf.constant(1), rows)
        return self._rest(data)

    def own(self, rows):
        """How many of a batch's rows this process gets."""
        return rows

    def of(self, rows):
        """The function that runs one step on a batch of this many rows."""
        return self.one

    def _one_step(self, data):
        data = with_absent(data)
        with contextlib.ExitStack() as stack:
            if not self._model.run_eagerly:
                stack.enter_context(unreduced(self._model))
                if self._pieces:
                    stack.enter_context(output_losses_of_batches(self._model))
            if not self._capturing:
                return self._step(data), {}
            capture = stack.enter_context(Capture(self._model))
            logs = self._step(data)
        self.layers = capture.layers
        return logs, capture.tensors

    def _results_of(self, one, spec):
        """What a step returns, as zeros, and shapes that hold for every batch."""
        traced = one.get_concrete_function(spec)
        outputs = traced.structured_outputs
        flat = tf.nest.flatten(outputs)
        zeros = [tf.zeros([size or 0 for size in t.shape], t.dtype) for t in flat]
        return outputs, zeros, [t.shape for t in flat]

    def _loop_over_piece(self, piece, start, stop, batch):
        one, own = self.of(batch), self.own(batch)

        def data(i):
            return tf.nest.map_structure(lambda t: rows_from(t, i * own, own), piece)

        spec = tf.nest.map_structure(lambda t: tf.TensorSpec([own, *t.shape[1:]], t.dtype), piece)
        outputs, zeros, shapes = self._results_of(one, spec)
        _, flat = tf.while_loop(
            lambda i, _: i < stop,
            lambda i, _: (i + 1, tf.nest.flatten(one(data(i)))),
            [start, zeros],
            shape_invariants=[tf.TensorShape([]), shapes],
        )
        return tf.nest.pack_sequence_as(outputs, flat)

    def _loop_over_iterator(self, iterator, n):
        outputs, zeros, shapes = self._results_of(self.one, iterator.element_spec)
        first = iterator.get_next_as_optional()

        def more(i, batch, _):
            return tf.logical_and(i < n, batch.has_value())

        def body(i, batch, _):
            flat = tf.nest.flatten(self.one(batch.get_value()))
            following = tf.cond(i + 1 < n, iterator.get_next_as_optional, lambda: batch)
            return i + 1, following, flat

        # A data set's last batch may be smaller, so only the other sizes are certain.
        ran, _, flat = tf.while_loop(
            more,
            body,
            [tf.constant(0), first, zeros],
            shape_invariants=[tf.TensorShape([]), first._type_spec, shapes],
        )
        return ran, tf.nest.pack_sequence_as(outputs, flat)

    def _eager_piece(self, piece, start, stop, batch):
        own = self.own(batch)
        for i in range(int(start), int(stop)):
            results = self.of(batch)(part_of(piece, i * own, own))
        return results
