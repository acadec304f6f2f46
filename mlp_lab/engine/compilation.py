"""`compile`: how steps are run, with two choices that are left to `fit`."""

from typing import TYPE_CHECKING

import keras
import tensorflow as tf

# What a type checker takes the mix-in's later base to be.
if TYPE_CHECKING:
    from keras import Model as _Mixin
else:
    _Mixin = object

# XLA takes 1 to 2 seconds to compile a small network's steps, and saves about half a
# millisecond in each: below this number of steps it does not pay. See docs/performance.md.
_STEPS_WORTH_XLA = 4000


class Compilation(_Mixin):
    """Keras' `compile`, and the choices that "auto" leaves to `fit`."""

    _auto = (False, False)  # steps_per_execution, jit_compile

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
            up half a second of work, 1 if a callback must be called after every batch;
            otherwise 1.
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
        """As in Keras; what is left to `fit` is saved as "auto"."""
        config = super().get_compile_config()
        for name, auto in zip(("steps_per_execution", "jit_compile"), self._auto, strict=True):
            if config and auto:
                config[name] = "auto"
        return config

    def compile_from_config(self, config):
        """Compiles a loaded model as the saved one was; Keras does not do this for a class with
        its own `compile`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def _worth_xla(self, steps, arrays, batch) -> bool:
        """Whether XLA is to compile a fit of this many steps on arrays."""
        if not self._auto[1] or self.jit_compile:
            return self.jit_compile
        return steps >= _STEPS_WORTH_XLA and self._compiles(arrays, batch)

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
