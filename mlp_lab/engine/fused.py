"""`fit`, `evaluate` and `predict` with many steps in one compiled call."""

import contextlib
import math
import random
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from mlp_lab.data.pipeline import most_rows, pieces
from mlp_lab.data.rows import part
from mlp_lab.engine.feeding import NO_PIECES, Feeding, PieceBatch
from mlp_lab.engine.inputs import arrays_of_rows, listed, refuse_rows, unpacked, wants_every_batch
from mlp_lab.engine.position import Order, Position

# What a type checker takes the mix-in's later base to be.
if TYPE_CHECKING:
    from keras import Model as _Mixin
else:
    _Mixin = object

# One call computes at most this many floating-point operations, about half a second on two
# cores, so that progress bars move and Ctrl-C is heard; and takes a piece of at most so many bytes.
_FLOPS_PER_CALL = 5e10
_BYTES_PER_CALL = 32 * 2**20
_STEPS_PER_CALL = 512

# XLA takes 1 to 2 seconds to compile a small network's steps, and saves about half a
# millisecond in each: below this number of steps it does not pay. See docs/performance.md.
_STEPS_WORTH_XLA = 4000


class Fused(Feeding, Position, _Mixin):
    """Keras' `fit`, `evaluate` and `predict`, with many steps run by one compiled call.

    Arrays, and `mlp_lab.data.Rows` of files, are shuffled in an order that depends on
    (`shuffle_seed`, epoch) alone, where the epoch is counted by the updates made, over all calls
    of `fit`; taken in pieces of K batches; and K steps run in one call. Whatever else Keras takes
    (`tf.data` data sets, generators, `class_weight`, `steps_per_epoch`) goes Keras' way, batch by
    batch.

    Attributes:
      shuffle_seed: of the order of samples; None draws one from Python's generator, which
        `keras.utils.set_random_seed` sets.
      observers: those who look at training steps. Each has `next_step(step)`, the first
        step from `step` on that it wants to see (`math.inf` for none); `ran(steps, seconds,
        seen)`, called after every compiled call with how many steps it ran, how long it took
        (handing over included), and the `Step` it asked for or None; and `stopped()`, called
        when a `fit` in which it was added ends, by an error too. It is then removed.
      guard: who watches over every call of training steps, or None. It has `before(again,
        size)`, where `again(observers)` runs the steps of the call once more, holding `size`
        bytes of data for it, or is None; and `after(logs)`. See `callbacks.NonFinite`.
    """

    guard: Any = None

    _auto = (False, False)  # steps_per_execution, jit_compile

    @property
    def observers(self):
        """Those who look at training steps; a list to append to and remove from."""
        # Past Keras' __setattr__, which would wrap the list and copy it.
        return self.__dict__.setdefault("_step_observers", [])

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution="auto",
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """As `keras.Model.compile`, with two choices that are made by `fit`.

        Args:
          steps_per_execution: batches per compiled call. "auto": for arrays as many as make
            up half a second of work, 1 where a callback has to be called after every batch;
            else 1.
          jit_compile: whether XLA compiles the step. "auto": on a GPU as Keras does; on a CPU
            for arrays and at least 4,000 steps, and not if XLA cannot compile the model.
          **others: see `keras.Model.compile`.
        """
        self.__dict__.pop("_executions", None)
        self._auto = (steps_per_execution == "auto", jit_compile == "auto" and not run_eagerly)
        super().compile(
            optimizer=optimizer,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=1 if self._auto[0] else steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
        )

    def get_compile_config(self):
        """As in Keras; what is chosen by `fit` is saved as "auto"."""
        config = super().get_compile_config()
        for name, auto in zip(("steps_per_execution", "jit_compile"), self._auto, strict=True):
            if config and auto:
                config[name] = "auto"
        return config

    def compile_from_config(self, config):
        """Compiles a loaded model as the saved one was; Keras leaves that to whoever has an
        own `compile`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

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
        }
        preparing = [c for c in listed(callbacks) if hasattr(c, "before_fit")]
        if preparing and self.compiled:
            self._build_all(arrays_of_rows(x, y, sample_weight), x)
            for callback in preparing:
                callback.before_fit(self, listed(callbacks))
        arrays = arrays_of_rows(x, y, sample_weight)
        simple = class_weight is None and steps_per_epoch is None and isinstance(shuffle, bool)
        if arrays is None or not simple or not self.compiled:
            refuse_rows(x, y, sample_weight, validation_data)
            kept = self.steps_per_execution, self.jit_compile
            feeding = self._feeding(NO_PIECES, *kept)
            with self._dismissing_observers(), self._positioned(initial_epoch), feeding:
                return super().fit(
                    x=x,
                    y=y,
                    batch_size=batch_size,
                    validation_split=validation_split,
                    validation_data=validation_data,
                    shuffle=shuffle,
                    class_weight=class_weight,
                    sample_weight=sample_weight,
                    steps_per_epoch=steps_per_epoch,
                    validation_steps=validation_steps,
                    validation_batch_size=validation_batch_size,
                    **options,
                )

        if validation_split and validation_data is None:
            rows = len(tf.nest.flatten(arrays)[0])
            kept = math.floor(rows * (1 - validation_split))
            if not 0 < kept < rows:
                raise ValueError(
                    f"validation_split={validation_split}: leaves {kept} of {rows} samples to "
                    "train on and the rest to validate; choose a share that leaves some of each"
                )
            validation_data = tf.nest.map_structure(lambda a: part(a, kept, rows), arrays)
            arrays = tf.nest.map_structure(lambda a: part(a, 0, kept), arrays)
        rows = len(tf.nest.flatten(arrays)[0])
        batch = min(batch_size or 32, rows)
        steps = -(-rows // batch)
        self._build_on(arrays, batch)
        per_call = self._steps_per_call(arrays, batch, callbacks, "train", "test", shuffle=shuffle)
        seed = self.shuffle_seed
        if shuffle and seed is None:
            seed = self.shuffle_seed = random.getrandbits(31)
        # Variables: a callback may find out in `on_train_begin` that training goes on elsewhere.
        order = Order(
            tf.Variable(seed or 0, dtype=tf.int64),
            tf.Variable(int(self.optimizer.iterations.numpy()) // steps, dtype=tf.int64),
        )
        own = self._own_rows(arrays)
        data, steps = pieces(
            arrays, batch, per_call,
            shuffle=shuffle, seed=order.seed, first_epoch=order.first_epoch, own=own,
        )  # fmt: skip
        validation_batch = validation_batch_size or batch
        validation = arrays_of_rows(*unpacked(validation_data))
        if validation is not None and validation_steps is None:
            validation_batch = min(validation_batch, len(tf.nest.flatten(validation)[0]))
            validation_data, validation_steps = pieces(
                validation, validation_batch, per_call, own=own
            )
        else:
            validation_batch = None
            refuse_rows(validation_data)
            options["validation_batch_size"] = validation_batch_size or batch
        jit = self.jit_compile
        if self._auto[1] and not jit and own is None:
            jit = steps * epochs >= _STEPS_WORTH_XLA and self._compiles(arrays, batch)
        feeding = self._feeding(PieceBatch(batch, validation_batch, None), per_call, jit)
        with self._dismissing_observers(), self._positioned(initial_epoch, order), feeding:
            return super().fit(
                x=data,
                steps_per_epoch=steps,
                validation_data=validation_data,
                validation_steps=validation_steps,
                shuffle=False,
                **options,
            )

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
        arrays = arrays_of_rows(x, y, sample_weight)
        if kwargs:  # from fit, which has made everything ready
            return super().evaluate(
                x=x, y=y, batch_size=batch_size, sample_weight=sample_weight, steps=steps, **options
            )
        if arrays is None or steps is not None or not self.compiled:
            refuse_rows(x, y, sample_weight)
            per_call = 1 if self._auto[0] else self.steps_per_execution
            feeding = self._piece_batch._replace(test=None)
            with self._feeding(feeding, per_call, self.jit_compile):
                return super().evaluate(
                    x=x,
                    y=y,
                    batch_size=batch_size,
                    sample_weight=sample_weight,
                    steps=steps,
                    **options,
                )
        batch = min(batch_size or 32, len(tf.nest.flatten(arrays)[0]))
        self._build_on(arrays, batch)
        per_call = self._steps_per_call(arrays, batch, callbacks, "test")
        own = self._own_rows(arrays)
        data, steps = pieces(arrays, batch, per_call, own=own)
        feeding = self._piece_batch._replace(test=batch)
        with self._feeding(feeding, per_call, self.jit_compile):
            return super().evaluate(x=data, steps=steps, **options)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Predicts as `keras.Model.predict` does, with the same arguments.

        For arrays the progress bar counts compiled calls, of which each may run many batches.
        """
        options = {"verbose": verbose, "callbacks": callbacks}
        arrays = arrays_of_rows(x, None, None)
        if arrays is None or steps is not None or not self.compiled:
            refuse_rows(x)
            per_call = 1 if self._auto[0] else self.steps_per_execution
            feeding = self._piece_batch._replace(predict=None)
            with self._feeding(feeding, per_call, self.jit_compile):
                return super().predict(x, batch_size=batch_size, steps=steps, **options)
        rows = len(tf.nest.flatten(arrays)[0])
        batch = min(batch_size or 32, rows)
        self._build_on(arrays, batch)
        per_piece = self._steps_per_call(arrays, batch, callbacks, "predict")
        data, _ = pieces(arrays, batch, per_piece)
        with self._feeding(self._piece_batch._replace(predict=batch), 1, self.jit_compile):
            return super().predict(data, steps=-(-rows // (batch * per_piece)), **options)

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

    def _build_on(self, arrays, batch):
        if not self.built:
            x = keras.utils.unpack_x_y_sample_weight(arrays)[0]
            with self._scope():
                self(tf.nest.map_structure(lambda a: tf.convert_to_tensor(a[:batch]), x))

    def _build_all(self, arrays, x=None):
        """Makes the weights, the optimizer's and the metrics' variables, which Keras would
        leave to the first step, but for data that tell their shapes only by being drawn."""
        if isinstance(x, tf.data.Dataset):
            batch = x.element_spec
        elif arrays is not None:
            self._build_on(arrays, 1)
            batch = tf.nest.map_structure(lambda a: a[:1], arrays)
        else:
            return
        # Keras builds so where a distribution strategy is in use; tests/test_workarounds.py
        # watches it.
        with self._scope():
            self._symbolic_build(data_batch=batch)

    def _steps_per_call(self, arrays, batch, callbacks, *phases, shuffle=False) -> int:
        if not self._auto[0]:
            return self.steps_per_execution
        if self.run_eagerly or wants_every_batch(callbacks, *phases):
            return 1
        most, run = most_rows(arrays, batch, shuffle, _BYTES_PER_CALL)
        # Each weight is multiplied and added three times for a sample: forward, for its
        # gradient, and for the gradient of what is below.
        flops = 6 * sum(math.prod(w.shape) for w in self.trainable_weights) * batch
        limit = min(
            _STEPS_PER_CALL,
            most // batch,
            int(_FLOPS_PER_CALL / max(flops, 1)),
        )
        whole = run // batch
        if limit >= whole:
            return whole or 1
        limit = max(limit, 1)
        # Pieces of equal length need one program; a shorter last one would need another.
        divisors = [k for k in range(limit, limit // 2, -1) if whole % k == 0]
        return divisors[0] if divisors else limit

    def _compiles(self, arrays, batch) -> bool:
        """Whether XLA can compile the forward pass; some operations have no XLA form."""
        x = keras.utils.unpack_x_y_sample_weight(arrays)[0]
        few = tf.nest.map_structure(lambda a: tf.convert_to_tensor(a[:batch]), x)
        forward = tf.function(lambda x: self(x, training=False), jit_compile=True, autograph=False)
        try:
            forward.experimental_get_compiler_ir(few)(stage="hlo")
        except Exception:
            return False
        return True
