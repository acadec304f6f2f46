"""What Keras calls its `train_function`: draws data, and runs steps on them."""

import functools
import itertools
from typing import Any

import tensorflow as tf

from mlp_lab.engine.looks import Looks
from mlp_lab.engine.program import Program
from mlp_lab.engine.tensors import part_of, size_of, with_absent


class Execution:
    """Draws data from Keras' iterator and runs up to K steps on them, watched by observers.

    Args:
      model: the model; its `steps_per_execution`, `jit_compile` and `run_eagerly` apply.
      step: "train_step", which the model's observers look at, or "test_step".
      piece_batch: None if the data set gives batches; otherwise the rows of a batch in
        pieces of up to K batches, from `mlp_lab.data.pipeline.pieces`.
    """

    # What runs the steps, and what looks at them.
    kinds: tuple[type[Program], type[Looks]] = (Program, Looks)

    def __init__(self, model, step, piece_batch=None):
        program, looks = self.kinds
        self._model = model
        self._piece_batch = piece_batch
        self._capturing = step == "train_step"
        method = getattr(model, step)
        self._program: Any = program(model, method, piece_batch is not None, self._capturing)
        self._looks = looks(model, self._program)
        self._on_spec: Any = (None, None)

    def __call__(self, iterator):
        """Draws from the iterator and runs; the logs of the last step.

        Raises:
          StopIteration: there are no more data.
        """
        interrupts = self._model.__dict__.get("_interrupts")
        if interrupts is not None:
            interrupts.check()
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
                return self._model.skipped_logs()
        # train_on_batch and the like bring no tf.data iterator. Steps that run eagerly also take
        # their data one by one.
        if self._model.run_eagerly or not isinstance(iterator, tf.data.Iterator):
            if self._piece_batch is None:
                return self._batch_by_batch(iterator, limit)
        elif self._piece_batch is None:
            return self._on_iterator(iterator, limit)
        return self._on_piece(with_absent(next(iterator)))

    def trace(self, spec):
        """Traces one step on a batch of this form; makes the variables, and runs nothing."""
        return self._program.one.get_concrete_function(spec)

    def lower(self, batch):
        """Has XLA translate one step on a batch; raises an error if it cannot."""
        self._program.one.experimental_get_compiler_ir(batch)(stage="hlo")

    def _batch_by_batch(self, iterator, limit):
        logs = None
        for data in map(with_absent, itertools.islice(iterator, limit)):
            logs = self._observed(functools.partial(self._on_data, data), 1, data)
        if logs is None:
            raise StopIteration
        return logs

    def _on_iterator(self, iterator, limit):
        program = self._program
        if self._model.steps_per_execution == 1:
            # Drawn here rather than in the loop: this is faster, and the batch is known.
            spec = iterator.element_spec
            if self._on_spec[0] is not spec:  # tracing makes the weights, and runs nothing
                self._on_spec = spec, program.one.get_concrete_function(spec)
            data = next(iterator)
            return self._observed(functools.partial(self._on_drawn, data), 1, with_absent(data))
        if not self._model.built:
            program.on_iterator.get_concrete_function(iterator, tf.constant(1))
        return self._observed(lambda _, n: program.on_iterator(iterator, tf.constant(n)), limit)

    def _on_piece(self, piece, rows=None):
        rows = rows or next(iter(tf.nest.flatten(piece))).shape[0]
        whole = rows // self._piece_batch
        skip = min(self._model.steps_to_skip, -(-rows // self._piece_batch))
        if self._capturing and skip:
            self._model.steps_to_skip -= skip
            if skip * self._piece_batch >= rows:
                return self._model.skipped_logs()
        done, logs = skip if self._capturing else 0, None
        program, batch = self._program, self._piece_batch
        own = program.own(batch)
        looped = piece
        if whole == 1:
            # XLA would drop the slicing of a piece that is one batch, fuse the rest differently,
            # and come to other last bits than with longer pieces.
            looped = tf.nest.map_structure(lambda t: tf.concat([t, t], axis=0), piece)

        def run(first, n):
            start = done + first
            return n, program.on_piece(looped, tf.constant(start), tf.constant(start + n), batch)

        if whole > done:
            logs = self._observed(
                run, whole - done, piece, lambda i: part_of(piece, (done + i) * own, own)
            )
        if rows % batch:
            rows -= whole * batch
            rest = part_of(piece, whole * own, program.own(rows))
            logs = self._observed(functools.partial(self._on_rest, rest, rows), 1, rest)
        return logs

    # Ways to run n steps from the first one on: how many ran, and what the program returned.

    def _on_rest(self, rest, rows, first, n):
        return n, self._program.on_rest(rest, rows)

    def _on_data(self, data, first, n):
        return n, self._program.one(data)

    def _on_drawn(self, data, first, n):
        return n, self._on_spec[1](data)

    def _observed(self, run, steps, data=None, part=None):
        """Runs `steps` steps by `run(first, n)`, watched by the observers and the guard.

        `data` is what they run on, if that is known; `part(i)` is the batch of the i-th step,
        if that is not all of it.
        """
        if not self._capturing:
            ran, results = run(0, steps)
            if not int(ran):
                raise StopIteration
            return self._logs(results[0])
        batch = None if data is None else part or (lambda _: data)
        look = functools.partial(self._looks.run, run, steps, batch)
        guard = self._model.guard
        if guard is None:
            return self._logs(look(self._model.observers))
        # If something goes wrong in these steps, they are run again, one by one and observed.
        guard.before(None if data is None else look, 0 if data is None else size_of(data))
        logs = self._logs(look(self._model.observers))
        guard.after(logs)
        return logs

    def _logs(self, logs):
        """The logs that Keras gets, of those that a step returned."""
        return logs
