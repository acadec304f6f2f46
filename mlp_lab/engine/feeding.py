"""The compiled functions behind `fit`, `evaluate` and `predict`, and how they are fed."""

import contextlib
from typing import Any

from mlp_lab.engine.execution import Execution
from mlp_lab.engine.modes import Modes
from mlp_lab.engine.prediction import Prediction
from mlp_lab.engine.replicas import Replicas
from mlp_lab.engine.replicated import Replicated
from mlp_lab.engine.sharing import check_reductions


class _Whole:
    """A strategy that does not touch the data of Keras' loops."""

    def __init__(self, strategy):
        self._strategy = strategy

    def __getattr__(self, name):
        return getattr(self._strategy, name)

    def experimental_distribute_dataset(self, dataset, options=None):
        """The data set, unchanged."""
        return dataset

    def run(self, fn, args=(), kwargs=None, options=None):
        """Runs it once: prediction uses one device."""
        return fn(*args, **(kwargs or {}))


class Feeding(Modes):
    """Makes the functions that Keras' loops call, one for each way of feeding and compiling."""

    train_function: Any
    test_function: Any

    @property
    def replicas(self):
        """The `Replicas` that the model is trained on; see `mlp_lab.engine.replicas`."""
        # Past Keras' __setattr__, which would track what is in it.
        kept = self.__dict__
        if "_replicas" not in kept:
            kept["_replicas"] = Replicas(super().distribute_strategy)
        return kept["_replicas"]

    @property
    def distribute_strategy(self):
        """The strategy under which the model was made.

        Keras' loops get one that leaves the data whole: they would divide pieces of several
        batches, and ignore how many rows each replica gets.
        """
        strategy = super().distribute_strategy
        return strategy if strategy.num_replicas_in_sync == 1 else _Whole(strategy)

    def make_train_function(self, force=False):
        """Sets `train_function` to a function that runs `train_step`."""
        force = force or self.train_function is None
        self.train_function = self._execution("train_step", self._piece_batch.train, force)
        return self.train_function

    def make_test_function(self, force=False):
        """Sets `test_function` to a function that runs `test_step`."""
        force = force or self.test_function is None
        self.test_function = self._execution("test_step", self._piece_batch.test, force)
        return self.test_function

    def make_predict_function(self, force=False):
        """Sets `predict_function` to a function that runs `predict_step`."""
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
        """A compiled function; one is kept for each way of feeding and compiling."""
        kept = self.__dict__.setdefault("_executions", {})
        key = step, piece_batch, self.jit_compile
        if key not in kept or force:
            kind = Execution if self.replicas.count == 1 else Replicated
            if kind is Replicated:
                check_reductions(self.loss)
            kept[key] = kind(self, step, piece_batch)
        return kept[key]

    def _scope(self):
        """The scope in which the model's variables are made."""
        replicas = self.replicas
        return replicas.strategy.scope() if replicas.count > 1 else contextlib.nullcontext()

    def _own_rows(self, arrays):
        """For `pieces`: which rows this worker takes; None if it takes all."""
        if self.replicas.count == 1:
            return None
        self._build_all(arrays)  # Keras would try to build on a piece as if it were a batch
        return self.replicas.own
