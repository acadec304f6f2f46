"""Steps run on all replicas of a `tf.distribute` strategy at once."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.engine.capture import Capture
from mlp_lab.engine.execution import Execution
from mlp_lab.engine.looks import Looks
from mlp_lab.engine.program import Program
from mlp_lab.engine.sharing import summed_once
from mlp_lab.engine.tensors import array, compiled, with_absent


class ReplicatedProgram(Program):
    """Each replica runs the step on its rows; the strategy sums up the gradients.

    XLA does not compile it: it has no operation that crosses devices here.
    """

    def __init__(self, model, step, pieces, capturing):
        super().__init__(model, step, pieces, capturing)
        self._step = step  # run by the strategy below, with the rows of each replica
        self._replicas = model.replicas
        self.compiled: Any = lambda function: function
        if not model.run_eagerly:
            self.compiled = compiled
            self.on_piece = compiled(self._loop_over_piece)
        self._steps: dict[int, Any] = {}

    def on_rest(self, data, rows):
        """One step on this process' part of an epoch's last rows."""
        return self.on_piece(data, tf.constant(0), tf.constant(1), rows)

    def own(self, rows):
        """How many of a batch's rows this process gets."""
        first, last = self._replicas.own(rows)
        return last - first

    def of(self, rows):
        """The function that runs one step on this process' part of so large a batch."""
        if rows not in self._steps:
            self._steps[rows] = self.compiled(functools.partial(self._step_of, rows))
        return self._steps[rows]

    def _step_of(self, rows, data):
        """A step on this worker's part of a batch of this many rows; the first replica's logs."""
        data, strategy = with_absent(data), self._replicas.strategy
        capture = Capture(self._model)

        def replica():
            with self._replicas.sharing(rows, data) as own:
                logs = self._step(own)
            return self._other(logs), capture.tensors if self._capturing else {}

        if self._capturing:
            with capture, summed_once(self._model):
                logs, tensors = strategy.run(replica)
            self.layers = capture.layers
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
        """What a custom step returns beside metrics: the mean over replicas."""
        counted = self._model.get_metrics_result()
        context = tf.distribute.get_replica_context()
        return {
            name: context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.cast(value, tf.float32))
            for name, value in logs.items()
            if name not in counted
        }


class ReplicatedLooks(Looks):
    """Puts a step together again: the rows of all replicas are joined, their losses summed."""

    def _step(self, number, before, tensors):
        replicas, rows = self._model.replicas, int(tensors["rows"])
        whole = {**self._joined(tensors), "gradients": tensors["gradients"]}
        shares = np.diff([replicas.begin(rows, r) for r in range(replicas.count + 1)])
        if "loss" in whole:
            whole["loss"] = whole["loss"].sum()
        if "spread" in whole:
            # A replica's part of the sum is n_r / n times as long as its mean.
            squares = whole["spread"][shares > 0] * rows / shares[shares > 0]
            whole["spread"] = np.sqrt(max(squares.sum() - 1, 0.0))
        return super()._step(number, before, whole)

    def _joined(self, tensors):
        """The parts of all replicas: rows one after another, single numbers in a vector."""
        replicas, rows = self._model.replicas, int(tensors["rows"])
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
            # It does not have the batch's rows, then; the first replica's is taken.
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


class Replicated(Execution):
    """`Execution` for a model made under a strategy of several replicas.

    Data are whole batches, of which each replica takes its rows, or pairs of `pieces` with
    the rows of this worker.
    """

    kinds = (ReplicatedProgram, ReplicatedLooks)

    def __init__(self, model, step, piece_batch=None):
        super().__init__(model, step, piece_batch)
        # Reading a metric sums up what the replicas have counted.
        self._results = self._program.compiled(lambda: model.get_metrics_result())

    def _on_piece(self, piece, rows=None):
        rows, own = piece
        return super()._on_piece(own, int(rows))

    def _on_iterator(self, iterator, limit):
        return self._batch_by_batch(iterator, limit)

    def _on_data(self, data, first, n):
        rows = len(next(iter(tf.nest.flatten(data))))
        begin, end = self._model.replicas.own(rows)
        own = tf.nest.map_structure(lambda t: None if t is None else t[begin:end], data)
        return n, self._program.of(rows)(own)

    def _logs(self, logs):
        return {**logs, **self._results()}
