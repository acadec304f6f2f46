"""Steps run one after another inside one compiled call, and looked at where asked."""

import functools
import itertools
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.engine.capture import Capture, weight_names
from mlp_lab.engine.step import Step
from mlp_lab.engine.tensors import (
    array,
    compiled,
    handle,
    part_of,
    rows_from,
    size_of,
    with_absent,
)


class Execution:
    """What Keras calls its `train_function`: draws data and runs up to K steps on it.

    All steps of all modes pass one and the same program, a loop of n steps that hands out
    the tensors of its last one. To look at step s, the loop is stopped after s, the step is
    run as a loop of one, and the rest follows. So whoever looks changes nothing: the
    program, and with it every last bit of every weight, is the same with and without.

    Args:
      model: the model; its `steps_per_execution`, `jit_compile` and `run_eagerly` rule.
      step: `model.train_step` or `model.test_step`.
      piece_batch: None if the data set gives batches; else the rows of a batch in
        pieces of up to K batches, from `mlp_lab.data.pipeline.pieces`.
      observers: those who look at training steps; see `GlassBox.observers`.
    """

    def __init__(self, model, step, piece_batch=None, observers=()):
        self._model = model
        self._step = step
        self._piece_batch = piece_batch
        self._observers = observers
        self._capturing = step == model.train_step
        self._layers = {}
        self._metrics = None
        self._read: list | None = None  # the weights: name, handle, type
        self._on_spec: Any = (None, None)
        if model.run_eagerly:
            self._one: Any = self._one_step
            self._run_piece = self._eager_piece
        else:
            # XLA compiles the whole loop over a piece, for sizes that are known, but of the
            # loop over an iterator, which it cannot see, only the step.
            open_ended = functools.partial(compiled, reduce_retracing=piece_batch is None)
            self._one = open_ended(self._one_step, jit_compile=model.jit_compile or None)
            self._run_piece = compiled(self._loop_over_piece, jit_compile=model.jit_compile or None)
            self._run_iterator = open_ended(self._loop_over_iterator)

    def __call__(self, iterator):
        """Draws from the iterator and runs; the logs of the last step.

        Raises:
          StopIteration: there are no more data.
        """
        limit = self._model.steps_per_execution
        skip = self._model.steps_to_skip if self._capturing else 0
        if skip and self._piece_batch is None:
            # A resumed epoch: these have been trained on before.
            skipped = sum(1 for _ in itertools.islice(iterator, min(skip, limit)))
            self._model.steps_to_skip -= skipped
            limit -= skipped
            if not skipped:
                raise StopIteration
            if not limit:
                return self._model.get_metrics_result()
        # Not tf.data's: train_on_batch and its like. Steps run eagerly take data one by one too.
        if self._model.run_eagerly or not isinstance(iterator, tf.data.Iterator):
            if self._piece_batch is None:
                return self._batch_by_batch(iterator, limit)
        elif self._piece_batch is None:
            return self._on_iterator(iterator, limit)
        return self._on_piece(with_absent(next(iterator)))

    def _batch_by_batch(self, iterator, limit):
        logs = None
        for data in map(with_absent, itertools.islice(iterator, limit)):
            self._build_on(data)
            logs = self._observed(functools.partial(self._on_data, data), 1, data)
        if logs is None:
            raise StopIteration
        return logs

    def _on_iterator(self, iterator, limit):
        if self._model.steps_per_execution == 1:
            # Drawn here rather than in the loop: quicker, and the batch is at hand.
            spec = iterator.element_spec
            if self._on_spec[0] is not spec:  # tracing makes the weights, and runs nothing
                self._on_spec = spec, self._one.get_concrete_function(spec)
            data = next(iterator)
            return self._observed(functools.partial(self._on_drawn, data), 1, with_absent(data))
        if not self._model.built:
            self._run_iterator.get_concrete_function(iterator, tf.constant(1))
        return self._observed(lambda _, n: self._run_iterator(iterator, tf.constant(n)), limit)

    def _on_piece(self, piece, rows=None):
        rows = rows or next(iter(tf.nest.flatten(piece))).shape[0]
        whole = rows // self._piece_batch
        skip = min(self._model.steps_to_skip, -(-rows // self._piece_batch))
        if self._capturing and skip:
            self._model.steps_to_skip -= skip
            if skip * self._piece_batch >= rows:
                return self._model.get_metrics_result()
        done, logs = skip if self._capturing else 0, None
        batch, own = self._piece_batch, self._own(self._piece_batch)
        looped = piece
        if whole == 1:
            # Of a piece that is one batch XLA would drop the slicing, fuse what is left in
            # another way, and come to other last bits than with longer pieces.
            looped = tf.nest.map_structure(lambda t: tf.concat([t, t], axis=0), piece)

        def run(first, n):
            start = done + first
            return n, self._run_piece(looped, tf.constant(start), tf.constant(start + n), batch)

        if whole > done:
            logs = self._observed(
                run, whole - done, piece, lambda i: part_of(piece, (done + i) * own, own)
            )
        if rows % batch:
            rows -= whole * batch
            rest = part_of(piece, whole * own, self._own(rows))
            logs = self._observed(functools.partial(self._on_rest, rest, rows), 1, rest)
        return logs

    def _own(self, rows):
        """How many of a batch's rows are given to this process."""
        return rows

    def _of(self, rows):
        """What runs one step on a batch of so many rows."""
        return self._one

    def _on_rest(self, rest, rows, first, n):
        return n, self._run_piece(rest, tf.constant(0), tf.constant(1), rows)

    def _on_data(self, data, first, n):
        return n, self._one(data)

    def _build_on(self, data):
        if not self._model.built:
            self._model(keras.utils.unpack_x_y_sample_weight(data)[0])

    def _on_drawn(self, data, first, n):
        return n, self._on_spec[1](data)

    def _observed(self, run, steps, data=None, part=None):
        """Runs `steps` steps by `run(first, n)`, which returns how many it ran, and results.

        `data` is what they go through, if that is known, and `part(i)` the i-th one's batch
        if not all of it.
        """
        if not self._capturing:
            ran, results = run(0, steps)
            if not int(ran):
                raise StopIteration
            return results[0]
        batch = None if data is None else part or (lambda _: data)
        guard = self._model.guard
        if guard is None:
            return self._looked_at(run, steps, batch, self._observers)
        # The same steps once more, one by one and seen, should something go wrong in them.
        again = None if data is None else functools.partial(self._looked_at, run, steps, batch)
        guard.before(again, 0 if data is None else size_of(data))
        logs = self._looked_at(run, steps, batch, self._observers)
        guard.after(logs)
        return logs

    def _looked_at(self, run, steps, batch, observers):
        """Runs steps, stopping at each that an observer wants to see."""
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
            step = self._step_record(now, before, tensors) if looked_at else None
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

    # One step, and the loops around it.

    def _one_step(self, data):
        data = with_absent(data)
        if not self._capturing:
            return self._step(data), {}
        with Capture(self._model) as capture:
            logs = self._step(data)
        self._layers = capture.layers
        return logs, capture.tensors

    def _results_of(self, one, spec):
        """Zeros of what a step returns, and shapes that hold for every batch."""
        traced = one.get_concrete_function(spec)
        outputs = traced.structured_outputs
        flat = tf.nest.flatten(outputs)
        zeros = [tf.zeros([size or 0 for size in t.shape], t.dtype) for t in flat]
        return outputs, zeros, [t.shape for t in flat]

    def _loop_over_piece(self, piece, start, stop, batch):
        one, own = self._of(batch), self._own(batch)

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
        outputs, zeros, shapes = self._results_of(self._one, iterator.element_spec)
        first = iterator.get_next_as_optional()

        def more(i, batch, _):
            return tf.logical_and(i < n, batch.has_value())

        def body(i, batch, _):
            flat = tf.nest.flatten(self._one(batch.get_value()))
            following = tf.cond(i + 1 < n, iterator.get_next_as_optional, lambda: batch)
            return i + 1, following, flat

        # A data set's last batch may be smaller, so only the other sizes are sure.
        ran, _, flat = tf.while_loop(
            more,
            body,
            [tf.constant(0), first, zeros],
            shape_invariants=[tf.TensorShape([]), first._type_spec, shapes],
        )
        return ran, tf.nest.pack_sequence_as(outputs, flat)

    def _eager_piece(self, piece, start, stop, batch):
        own = self._own(batch)
        for i in range(int(start), int(stop)):
            results = self._of(batch)(part_of(piece, i * own, own))
        return results

    # What is handed to observers.

    def _weights(self):
        if self._read is None:
            names = weight_names(self._model)
            self._read = [
                (names[id(w)], handle(w), tf.as_dtype(w.dtype))
                for w in self._model.weights
                if id(w) in names
            ]
        # A third of the time of `variable.read_value()`.
        return {
            name: array(tf.raw_ops.ReadVariableOp(resource=resource, dtype=dtype))
            for name, resource, dtype in self._read
        }

    def _before(self):
        """What a step begins with, and changes."""
        rate = float(self._model.optimizer.learning_rate.numpy())  # a schedule goes by the step
        return {"weights": self._weights(), "learning_rate": rate}

    def _step_record(self, number, before, tensors):
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
            layers=self._layers,
            spread=float(arrays.get("spread", np.nan)),
        )

    def _batch_metrics(self, tensors):
        """The metrics of one batch; the epoch's, which are being summed up, stay as they are."""
        if "outputs" not in tensors or "labels" not in tensors:
            return {}
        if self._metrics is None:
            self._metrics = self._metrics_of_batch
            if not self._model.run_eagerly:
                self._metrics = compiled(self._metrics, reduce_retracing=True)
        results = self._metrics(tensors["labels"], tensors["outputs"], tensors.get("sample_weight"))
        return {name: value.numpy() for name, value in results.items() if name != "loss"}

    def _metrics_of_batch(self, labels, outputs, sample_weight):
        # In the scope variables are replaced by tensors; nothing is assigned.
        with keras.StatelessScope():
            for metric in self._model.metrics:
                metric.reset_state()
            results = self._model.compute_metrics(None, labels, outputs, sample_weight)
        plain = {}
        for name, value in results.items():  # a metric of several numbers gives a dict
            plain.update(value if isinstance(value, dict) else {name: value})
        return tf.nest.map_structure(tf.convert_to_tensor, plain)
