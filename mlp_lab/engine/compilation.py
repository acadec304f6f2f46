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
        """As in Keras; what is left to `fit` is saved as "auto". Counts of steps are added."""
        config = super().get_compile_config()
        if not config:
            return config
        for name, auto in zip(("steps_per_execution", "jit_compile"), self._auto, strict=True):
            if auto:
                config[name] = "auto"
        progress = self.training_progress
        return {**config, "steps_made": progress.steps, "epochs_begun": progress.epochs}

    def compile_from_config(self, config):
        """Compiles a loaded model as the saved one was.

        Keras does not do this for a class with its own `compile`, such as this one; for a
        user's own, whose arguments are not known, it does as Keras.
        """
        self.training_progress.steps = config.pop("steps_made", 0)
        self.training_progress.epochs = config.pop("epochs_begun", 0)
        if type(self).compile is not Compilation.compile:
            return super().compile_from_config(config)
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built and self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def _worth_xla(self, steps, arrays, batch, tested) -> bool:
        """Whether XLA is to compile a fit of this many steps on arrays."""
        if not self._auto[1] or self.jit_compile:
            return self.jit_compile
        return steps >= _STEPS_WORTH_XLA and self._compiles(arrays, batch, tested)

    def _compiles(self, arrays, batch, tested) -> bool:
        """Whether XLA can compile the steps; some operations have no XLA form."""
        few = tf.nest.map_structure(lambda a: tf.convert_to_tensor(a[:batch]), arrays)
        with self._feeding(self._piece_batch, self.steps_per_execution, True):
            try:
                for step in ("train_step", "test_step") if tested else ("train_step",):
                    self._execution(step, batch, False).lower(few)
            except Exception:
                return False
        return True
