"""`fit`, `evaluate` and `predict` with many steps in one compiled call."""

import contextlib
import math
import random
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.data.pipeline import pieces
from mlp_lab.data.rows import part
from mlp_lab.engine.call_size import steps_per_call
from mlp_lab.engine.compilation import Compilation
from mlp_lab.engine.feeding import Feeding
from mlp_lab.engine.first_batch import FirstBatch
from mlp_lab.engine.given import Given, Givens
from mlp_lab.engine.inputs import (
    arrays_of_rows,
    is_wide,
    refuse_rows,
    refuse_wide,
    unpacked,
    with_callback,
)
from mlp_lab.engine.interrupts import Interrupts
from mlp_lab.engine.modes import NO_PIECES, PieceBatch
from mlp_lab.engine.position import Order, Position
from mlp_lab.engine.tensors import spec_of


class Fused(FirstBatch, Compilation, Feeding, Position, Givens):
    """Keras' `fit`, `evaluate` and `predict`, with many steps run by one compiled call.

    Arrays, and `mlp_lab.data.Rows` of files, are shuffled in an order that depends only on
    (`shuffle_seed`, epoch), where epochs are counted over all calls of `fit`. They are taken in
    pieces of K batches, and K steps run in one call. Everything else that Keras takes (`tf.data`
    data sets, generators, `class_weight`, `steps_per_epoch`) goes Keras' way, batch by batch.

    Attributes:
      shuffle_seed: of the order of samples; None draws one from Python's generator, which
        `keras.utils.set_random_seed` sets.
      observers: those who look at training steps. Each has `next_step(step)`, the first
        step from `step` on that it wants to see (`math.inf` for none); `ran(steps, seconds,
        seen)`, called after every compiled call with the number of steps it ran, the time it took
        (handing over included), and the `Step` that was asked for or None; and `stopped()`,
        called when the `fit` in which it was added ends, also by an error. It is then removed.
      guard: what watches over every call of training steps, or None. It has `before(again,
        size)`, where `again(observers)` runs the steps of the call once more and holds `size`
        bytes of data for that, or is None; and `after(logs)`. See `callbacks.NonFinite`.
    """

    guard: Any = None

    @property
    def observers(self):
        """Those who look at training steps; a list to append to and remove from."""
        # Past Keras' __setattr__, which would wrap the list and copy it.
        return self.__dict__.setdefault("_step_observers", [])

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains as `keras.Model.fit` does, with the same arguments."""
        options = {
            "epochs": epochs,
            "verbose": verbose,
            "callbacks": callbacks,
            "initial_epoch": initial_epoch,
            "validation_freq": validation_freq,
            "validation_data": validation_data,
            "validation_steps": validation_steps,
            "validation_batch_size": validation_batch_size,
        }
        arrays = arrays_of_rows(x, y, sample_weight, self.autocast)
        simple = class_weight is None and steps_per_epoch is None and isinstance(shuffle, bool)
        if not simple or not self.compiled or self._replaces("make_train_function"):
            arrays = None
        self._tell_callbacks(callbacks, arrays, batch_size, (x, y, sample_weight))
        given = Given((x, y, sample_weight), validation_data, validation_split, batch_size, shuffle)
        if arrays is not None:
            return self._fit_arrays(arrays, given, options)
        refuse_rows(x, y, sample_weight, validation_data)
        refuse_wide(self, x, unpacked(validation_data)[0])
        feeding = self._feeding(NO_PIECES, self.steps_per_execution, self.jit_compile)
        with self._fitting(options, given), feeding:
            return super().fit(
                x=x,
                y=y,
                batch_size=batch_size,
                validation_split=validation_split,
                shuffle=shuffle,
                class_weight=class_weight,
                sample_weight=sample_weight,
                steps_per_epoch=steps_per_epoch,
                **options,
            )

    def _fit_arrays(self, arrays, given, options):
        """`fit` on pieces of arrays, several steps in a call."""
        if given.validation_split and options["validation_data"] is None:
            arrays, options["validation_data"] = _split(arrays, given.validation_split)
        rows = len(tf.nest.flatten(arrays)[0])
        batch, shuffle = min(given.batch_size or 32, rows), given.shuffle
        self._build_on(arrays, batch, "train_step")
        callbacks, phases = options["callbacks"], ("train", "test")
        per_call = self._steps_per_call(arrays, batch, callbacks, *phases, shuffle=shuffle)
        order, own = self._order(shuffle), self._own_rows(arrays)
        data, steps = pieces(
            arrays, batch, per_call,
            shuffle=shuffle, seed=order.seed, first_epoch=order.first_epoch, own=own,
        )  # fmt: skip
        validation_batch = self._validate_arrays(options, batch, per_call, own)
        jit = self.jit_compile
        if own is None:
            tested = options["validation_data"] is not None
            jit = self._worth_xla(steps * options["epochs"], arrays, batch, tested)
        feeding = self._feeding(PieceBatch(batch, validation_batch, None), per_call, jit)
        with self._fitting(options, given, order), feeding:
            return super().fit(x=data, steps_per_epoch=steps, shuffle=False, **options)

    @contextlib.contextmanager
    def _fitting(self, options, given, order=None):
        """While it is open a `fit` runs, with the callback that counts its epochs."""
        # Past Keras' __setattr__, which would track it.
        self.__dict__["_interrupts"] = interrupts = Interrupts()
        with (
            interrupts,
            self._keeping(given),
            self._dismissing_observers(),
            self._positioned(options["initial_epoch"], order) as counting,
            with_callback(options, counting),
        ):
            yield

    def _order(self, shuffle) -> Order:
        """The order of samples of a fit."""
        seed = self.shuffle_seed
        if shuffle and seed is None:
            seed = self.shuffle_seed = random.getrandbits(31)
        # Variables: a callback may find out in `on_train_begin` that training continues elsewhere.
        return Order(tf.Variable(seed or 0, dtype=tf.int64), tf.Variable(0, dtype=tf.int64))

    def _validate_arrays(self, options, batch, per_call, own):
        """Makes arrays in the options of a fit pieces too; rows of a batch, None for other data."""
        batch = options.pop("validation_batch_size") or batch
        x, y, sample_weight = unpacked(options["validation_data"])
        arrays = arrays_of_rows(x, y, sample_weight, self.autocast)
        if arrays is None or self._replaces("evaluate", "make_test_function"):
            refuse_rows(options["validation_data"])
            refuse_wide(self, x)
            options["validation_batch_size"] = batch
            return None
        rows = len(tf.nest.flatten(arrays)[0])
        if options["validation_steps"] is not None:
            rows = min(rows, options["validation_steps"] * batch)
            arrays = tf.nest.map_structure(lambda a: part(a, 0, rows), arrays)
        batch = min(batch, rows)
        data, steps = pieces(arrays, batch, per_call, own=own)
        options.update(validation_data=data, validation_steps=steps)
        return batch

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """Evaluates as `keras.Model.evaluate` does, with the same arguments."""
        options = {"verbose": verbose, "callbacks": callbacks, "return_dict": return_dict, **kwargs}
        given = {"x": x, "y": y, "batch_size": batch_size, "sample_weight": sample_weight}
        if kwargs:  # from fit, which has made everything ready
            if steps is None or self._piece_batch.test is not None:
                return super().evaluate(**given, steps=steps, **options)
            # Batches of other data: calls of several steps, as in training, would round them up.
            self._eval_epoch_iterator.steps_per_execution = 1
            with self._feeding(self._piece_batch, 1, self.jit_compile):
                return super().evaluate(**given, steps=steps, **options)
        arrays = arrays_of_rows(x, y, sample_weight, self.autocast)
        own = self._replaces("make_test_function")
        if arrays is None or steps is not None or not self.compiled or own:
            refuse_rows(x, y, sample_weight)
            refuse_wide(self, x)
            per_call = 1 if self._auto[0] else self.steps_per_execution
            feeding = self._piece_batch._replace(test=None)
            with self._feeding(feeding, per_call, self.jit_compile):
                return super().evaluate(**given, steps=steps, **options)
        batch = min(batch_size or 32, len(tf.nest.flatten(arrays)[0]))
        self._build_on(arrays, batch, "test_step")
        per_call = self._steps_per_call(arrays, batch, callbacks, "test")
        own = self._own_rows(arrays)
        data, steps = pieces(arrays, batch, per_call, own=own)
        feeding = self._piece_batch._replace(test=batch)
        with self._feeding(feeding, per_call, self.jit_compile):
            return super().evaluate(x=data, steps=steps, **options)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Predicts as `keras.Model.predict` does, with the same arguments.

        For arrays the progress bar counts compiled calls, each of which may run many batches.
        """
        options = {"verbose": verbose, "callbacks": callbacks}
        arrays = arrays_of_rows(x, None, None, self.autocast)
        rows = 0 if arrays is None else len(tf.nest.flatten(arrays)[0])
        batch = min(batch_size or 32, rows)
        fused = rows and steps is None and self.compiled and self._auto[0]
        fused = fused and not self._replaces("make_predict_function")
        if fused:
            self._build_on(arrays, batch, "predict_step")
        if not fused or not self._by_rows(arrays, batch):
            refuse_rows(x)
            if not self.autocast and is_wide(x):  # Keras would round arrays, not a data set
                x = (tf.nest.map_structure(np.asarray, x),)
                x = tf.data.Dataset.from_tensor_slices(x).batch(batch_size or 32)
                batch_size = None
            per_call = 1 if self._auto[0] else self.steps_per_execution
            feeding = self._piece_batch._replace(predict=None)
            with self._feeding(feeding, per_call, self.jit_compile):
                return super().predict(x, batch_size=batch_size, steps=steps, **options)
        per_piece = steps_per_call(self, arrays, batch, callbacks, ("predict",))
        data, _ = pieces(arrays, batch, per_piece)
        with self._feeding(self._piece_batch._replace(predict=batch), 1, self.jit_compile):
            return super().predict(data, steps=-(-rows // (batch * per_piece)), **options)

    def _by_rows(self, arrays, batch) -> bool:
        """Whether `predict` gives an output for each row, which pieces of several batches need."""
        with self._feeding(self._piece_batch._replace(predict=batch), 1, self.jit_compile):
            few = tf.nest.map_structure(lambda a: tf.convert_to_tensor(a[:batch]), arrays)
            return self.make_predict_function().by_rows(spec_of(few))

    @contextlib.contextmanager
    def _dismissing_observers(self):
        before = list(self.observers)
        try:
            yield
        finally:
            added = [observer for observer in self.observers if observer not in before]
            self.observers[:] = before
            for observer in added:
                observer.stopped()

    def _replaces(self, *names: str) -> bool:
        """Whether the user's class has methods of these names, which may want single batches."""
        return any(getattr(type(self), name) is not getattr(Fused, name) for name in names)

    def _steps_per_call(self, arrays, batch, callbacks, *phases, shuffle=False) -> int:
        if not self._auto[0]:
            return self.steps_per_execution
        return steps_per_call(self, arrays, batch, callbacks, phases, shuffle)


def _split(arrays, share):
    """The arrays, and their last rows, a share of them, for validation."""
    rows = len(tf.nest.flatten(arrays)[0])
    kept = math.floor(rows * (1 - share))
    if not 0 < kept < rows:
        raise ValueError(
            f"validation_split={share}: leaves {kept} of {rows} samples to train on and the rest "
            "to validate; choose a share that leaves some of each"
        )
    held_out = tf.nest.map_structure(lambda a: part(a, kept, rows), arrays)
    return tf.nest.map_structure(lambda a: part(a, 0, kept), arrays), held_out
