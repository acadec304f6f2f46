"""The position of a `fit` in its epochs, and how it is resumed elsewhere."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import tensorflow as tf

from mlp_lab.engine.keras_hooks import pass_epoch
from mlp_lab.engine.progress import Progress

# What a type checker takes the mix-in's later base to be.
if TYPE_CHECKING:
    from keras import Model as _Mixin
else:
    _Mixin = object


class Order(NamedTuple):
    """What the order of samples depends on, as variables that an iterator reads."""

    seed: tf.Variable
    first_epoch: tf.Variable


class _Fit:
    """The `fit` that is running.

    Attributes:
      initial_epoch: its argument of that name.
      before: epochs begun before it, over all calls of `fit`.
      order: of its samples; None if data are not arrays.
      data: what Keras draws them from in this case, once it has made it.
      logs: of the last step that is skipped, if it is known.
      skipped: called when the steps to skip have been skipped.
    """

    def __init__(self, initial_epoch: int, before: int, order: Order | None):
        self.initial_epoch, self.before, self.order = initial_epoch, before, order
        self.data: Any = None
        self.logs: Mapping[str, Any] | None = None
        self.skipped: Callable[[], None] | None = None

    def number(self, epoch: int) -> int:
        """The number of one of its epochs over all calls of `fit`."""
        return self.before + epoch - self.initial_epoch


class Position(_Mixin):
    """Counts steps and epochs, and lets a training start elsewhere than at its beginning."""

    shuffle_seed: int | None = None

    @property
    def steps_to_skip(self) -> int:
        """Steps of the resumed epoch that were made before."""
        return self.__dict__.get("_steps_to_skip", 0)

    @steps_to_skip.setter
    def steps_to_skip(self, steps: int) -> None:
        last = steps <= 0 < self.steps_to_skip
        self.__dict__["_steps_to_skip"] = steps
        fit: _Fit | None = self.__dict__.get("_fit")
        if last and fit is not None and fit.skipped is not None:
            fit.skipped()

    @property
    def training_progress(self) -> Progress:
        """Steps made and epochs begun, over all calls of `fit`."""
        # Past Keras' __setattr__, which would track it.
        return self.__dict__.setdefault("_training_progress", Progress())

    def resume_at(
        self,
        epoch: int,
        in_epoch: int,
        order: Sequence[int] | None,
        number: int | None = None,
        logs: Mapping[str, Any] | None = None,
        skipped: Callable[[], None] | None = None,
    ) -> None:
        """Moves the `fit` that is beginning to a later position; to be called in `on_train_begin`.

        Data other than arrays are drawn as in the epochs before it: all of them from an iterator
        that lives over epochs; otherwise every epoch's iterator is only begun.

        Args:
          epoch: the epoch to resume, counted from 0.
          in_epoch: steps of that epoch that were made before and are skipped.
          order: what `sample_order(epoch)` returned then; None leaves it.
          number: what `epoch_number(epoch)` returned then; None leaves it.
          logs: of the last step that is skipped.
          skipped: called when these steps have been skipped.
        """
        self._initial_epoch = epoch  # as keras.callbacks.BackupAndRestore does
        self.steps_to_skip = in_epoch
        fit: _Fit = self.__dict__["_fit"]
        fit.logs, fit.skipped = logs, skipped
        if fit.order is not None and order is not None:
            self.shuffle_seed = order[0]
            fit.order.seed.assign(order[0])
            number = order[1]
        if number is not None:
            fit.before = number - (epoch - fit.initial_epoch)
        if fit.order is None and fit.data is not None:
            for _ in range(fit.initial_epoch, epoch):
                pass_epoch(fit.data)

    def skipped_logs(self) -> Mapping[str, Any]:
        """The logs of a call all of which is skipped."""
        metrics, fit = self.get_metrics_result(), self.__dict__["_fit"]
        # A step of the user's may return others than the metrics.
        return metrics if not fit.logs or fit.logs.keys() == metrics.keys() else fit.logs

    def epoch_number(self, epoch: int) -> int:
        """The number of an epoch of this `fit`, over all calls of `fit`."""
        return self.__dict__["_fit"].number(epoch)

    def sample_order(self, epoch: int) -> tuple[int, int] | None:
        """What the order of samples in an epoch of this `fit` depends on.

        Returns:
          The seed, and the number of the epoch over all calls of `fit`; None if data are not
          arrays.
        """
        fit: _Fit = self.__dict__["_fit"]
        return fit.order and (int(fit.order.seed), fit.number(epoch))

    @contextlib.contextmanager
    def _positioned(self, initial_epoch, order: Order | None = None):
        """While it is open a `fit` runs, whose callbacks include the one that it gives."""
        self.training_progress.at_least(self.optimizer)
        # Past Keras' __setattr__, which would track the variables as weights.
        self.__dict__["_fit"] = fit = _Fit(initial_epoch, self.training_progress.epochs, order)
        try:
            yield _CountEpochs(fit, self.training_progress)
        finally:
            del self.__dict__["_fit"]
            self._initial_epoch = 0
            self.steps_to_skip = 0


class _CountEpochs(keras.callbacks.Callback):
    """Tells the data, before their first epoch starts, which one it is, and counts epochs.

    A callback, since others may move the beginning in `on_train_begin`.
    """

    def __init__(self, fit: _Fit, progress: Progress):
        super().__init__()
        self._fit, self._progress, self._begun = fit, progress, False

    def on_epoch_begin(self, epoch, logs=None):
        number = self._fit.number(epoch)
        if self._fit.order is not None and not self._begun:
            self._fit.order.first_epoch.assign(number)
        self._begun = True
        self._progress.epochs = number + 1
