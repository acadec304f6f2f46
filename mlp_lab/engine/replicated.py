"""Steps run on all replicas of a `tf.distribute` strategy at once."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.engine.capture import Capture
from mlp_lab.engine.execution import Execution
from mlp_lab.engine.sharing import summed_once
from mlp_lab.engine.tensors import array, compiled, with_absent


class Replicated(Execution):
    """`Execution` for a model made under a strategy of several replicas.

    Data are whole batches, of which each replica takes its rows, or pairs of `pieces` with
    this worker's. Each replica runs `train_step` on its rows; the strategy adds up gradients.
    A step that is looked at is put together again: its rows are joined over all replicas, its
    losses added up. XLA does not compile it: it has no operation that crosses devices here.
    """

    def __init__(self, model, step, piece_batch=None, observers=()):
        super().__init__(model, step, piece_batch, observers)
        self._replicas = model.replicas
        self._compiled: Any = lambda function: function
        if not model.run_eagerly:
            self._compiled = compiled
            self._run_piece = self._compiled(self._loop_over_piece)
        self._steps: dict[int, Any] = {}
        # Reading a metric adds up what the replicas have counted.
        self._results = self._compiled(lambda: model.get_metrics_result())

    # Data, and how many rows they have.

    def _own(self, rows):
        first, last = self._replicas.own(rows)
        return last - first

    def _of(self, rows):
        if rows not in self._steps:
            self._steps[rows] = self._compiled(functools.partial(self._step_of, rows))
        return self._steps[rows]

    def _on_piece(self, piece, rows=None):
        rows, own = piece
        return super()._on_piece(own, int(rows))

    def _on_iterator(self, iterator, limit):
        return self._batch_by_batch(iterator, limit)

    def _on_data(self, data, first, n):
        rows = len(next(iter(tf.nest.flatten(data))))
        begin, end = self._replicas.own(rows)
        own = tf.nest.map_structure(lambda t: None if t is None else t[begin:end], data)
        return n, self._of(rows)(own)

    def _observed(self, run, steps, data=None, part=None):
        logs = super()._observed(run, steps, data, part)
        return logs if self._capturing else self._with_results(logs)

    def _looked_at(self, run, steps, batch, observers):
        return self._with_results(super()._looked_at(run, steps, batch, observers))

    def _with_results(self, logs):
        return {**logs, **self._results()}

    # One step.

    def _step_of(self, rows, data):
        """A step on this worker's part of a batch of so many rows; the first replica's logs."""
        data, strategy = with_absent(data), self._replicas.strategy
        capture = Capture(self._model)

        def replica():
            with self._replicas.sharing(rows, data) as own:
                logs = self._step(own)
            return self._other(logs), capture.tensors if self._capturing else {}

        if self._capturing:
            with capture, summed_once(self._model):
                logs, tensors = strategy.run(replica)
            self._layers = capture.layers
        else:
            logs, tensors = strategy.run(replica)
        values = strategy.experimental_local_results
        parts = [
            tf.nest.map_structure(lambda t, i=i: values(t)[i], tensors)
            for i in range(self._replicas.local)
        ]
        logs = tf.nest.map_structure(lambda t: values(t)[0], logs)
        if not self._capturing:
            return logs, {}
        gradients, *_ = [part.pop("gradients") for part in parts]
        return logs, {"rows": tf.constant(rows), "gradients": gradients, "parts": parts}

    def _other(self, logs):
        """What a step of one's own returns beside metrics: the mean over replicas."""
        counted = self._model.get_metrics_result()
        context = tf.distribute.get_replica_context()
        return {
            name: context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.cast(value, tf.float32))
            for name, value in logs.items()
            if name not in counted
        }

    # What is handed to observers.

    def _step_record(self, number, before, tensors):
        whole = {**self._joined(tensors), "gradients": tensors["gradients"]}
        rows = int(tensors["rows"])
        shares = np.diff([self._replicas.begin(rows, r) for r in range(self._replicas.count + 1)])
        if "loss" in whole:
            whole["loss"] = whole["loss"].sum()
        if "spread" in whole:
            # A replica's part of the sum is n_r / n times as long as its mean.
            squares = whole["spread"][shares > 0] * rows / shares[shares > 0]
            whole["spread"] = np.sqrt(max(squares.sum() - 1, 0.0))
        return super()._step_record(number, before, whole)

    def _joined(self, tensors):
        """The parts of all replicas: their rows one after another, their numbers in a vector."""
        replicas, rows = self._replicas, int(tensors["rows"])
        begins = [replicas.begin(rows, r) for r in range(replicas.count + 1)]
        local = range(replicas.first, replicas.first + replicas.local)
        counts = [begins[r + 1] - begins[r] for r in local]

        def placed(own, start, length):
            place = np.zeros((length, *own.shape[1:]), own.dtype)
            place[start : start + len(own)] = own
            return place

        def part(arrays):
            if not arrays[0].ndim:
                return placed(np.stack(arrays), local[0], replicas.count)
            if all(len(a) == max(n, 1) for a, n in zip(arrays, counts, strict=True)):
                own = np.concatenate([a[:n] for a, n in zip(arrays, counts, strict=True)])
                return placed(own, begins[local[0]], rows)
            # Not of the batch, then; the first replica's.
            return arrays[0] if replicas.chief else np.zeros_like(arrays[0])

        def batch(tensor):
            if tensor is None or len(tensor) == rows:
                return tensor
            return replicas.total([placed(array(tensor)[: sum(counts)], begins[local[0]], rows)])[0]

        parts = [tf.nest.map_structure(array, each) for each in tensors["parts"]]
        flat = zip(*map(tf.nest.flatten, parts), strict=True)
        joined = replicas.total([part(arrays) for arrays in flat])
        whole = tf.nest.pack_sequence_as(parts[0], joined)
        if "data" in tensors:
            whole["data"] = tf.nest.map_structure(batch, tensors["data"])
        return whole
