"""The compiled functions behind `fit`, `evaluate` and `predict`, and how they are fed."""

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from mlp_lab.models.execution import Execution
from mlp_lab.models.prediction import Prediction

# What a type checker takes the mix-in's later base to be.
if TYPE_CHECKING:
    from keras import Model as _Mixin
else:
    _Mixin = object


class PieceBatch(NamedTuple):
    """Rows of a batch where arrays are fed in pieces of several; None where Keras feeds batches."""

    train: int | None
    test: int | None
    predict: int | None


NO_PIECES = PieceBatch(None, None, None)


class Feeding(_Mixin):
    """Makes the functions that Keras' loops call, one for each way of feeding and compiling."""

    train_function: Any
    test_function: Any
    predict_function: Any
    _piece_batch = NO_PIECES

    def make_train_function(self, force=False):
        """Sets `train_function` to what runs `train_step`."""
        if not self._single_device():
            return super().make_train_function(force)
        force = force or self.train_function is None
        self.train_function = self._execution(self.train_step, self._piece_batch.train, force)
        return self.train_function

    def make_test_function(self, force=False):
        """Sets `test_function` to what runs `test_step`."""
        if not self._single_device():
            return super().make_test_function(force)
        force = force or self.test_function is None
        self.test_function = self._execution(self.test_step, self._piece_batch.test, force)
        return self.test_function

    def make_predict_function(self, force=False):
        """Sets `predict_function` to what runs `predict_step`."""
        batch = self._piece_batch.predict
        kept = self.__dict__.setdefault("_executions", {})
        key = "predict_step", batch, self.jit_compile
        force = force or self.predict_function is None
        if key not in kept or force:
            if batch is None:
                super().make_predict_function(force=True)
                kept[key] = self.predict_function
            else:
                kept[key] = Prediction(self, batch)
        self.predict_function = kept[key]
        return self.predict_function

    def _execution(self, step, piece_batch, force):
        """Compiled functions are kept, one for each way of feeding and compiling."""
        kept = self.__dict__.setdefault("_executions", {})
        key = step.__name__, piece_batch, self.jit_compile
        if key not in kept or force:
            observers = self.observers if step == self.train_step else ()
            kept[key] = Execution(self, step, piece_batch, observers)
        return kept[key]

    @contextlib.contextmanager
    def _feeding(self, *mode):
        before = self._piece_batch, self.steps_per_execution, self.jit_compile
        self._set_feeding(*mode)
        try:
            yield
        finally:
            self._set_feeding(*before)

    def _set_feeding(self, piece_batch, steps_per_execution, jit_compile):
        self._piece_batch = piece_batch
        self.steps_per_execution = steps_per_execution
        self.jit_compile = jit_compile

    def _single_device(self):
        return self.distribute_strategy.num_replicas_in_sync == 1
