"""Where in its course a `fit` is, and how one goes on later."""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

# What a type checker takes the mix-in's later base to be.
if TYPE_CHECKING:
    from keras import Model as _Mixin
else:
    _Mixin = object


class Order(NamedTuple):
    """What the order of samples follows from, as variables that an iterator reads."""

    seed: tf.Variable
    first_epoch: tf.Variable


class Position(_Mixin):
    """What a training that goes on elsewhere than at its beginning has to set.

    Attributes:
      steps_to_skip: of the epoch that it goes on in.
    """

    shuffle_seed: int | None = None
    steps_to_skip = 0

    def resume_at(self, epoch: int, in_epoch: int, order: Sequence[int] | None) -> None:
        """Has the `fit` that is beginning go on later; to be called in `on_train_begin`.

        Args:
          epoch: that it goes on in, counted from 0.
          in_epoch: steps of that epoch which have been made and are to be skipped.
          order: what `sample_order(epoch)` was; None leaves it.
        """
        self._initial_epoch = epoch  # as keras.callbacks.BackupAndRestore does
        self.steps_to_skip = in_epoch
        own = self.__dict__["_position"][1]
        self.__dict__["_position"] = epoch, own
        if own is not None and order is not None:
            self.shuffle_seed = order[0]
            own.seed.assign(order[0])
            own.first_epoch.assign(order[1])

    def sample_order(self, epoch: int) -> tuple[int, int] | None:
        """What the order of samples in an epoch of this `fit` depends on.

        Returns:
          The seed, and the number of the epoch over all calls of `fit`; None where data are
          not arrays.
        """
        start, order = self.__dict__["_position"]
        return order and (int(order.seed), int(order.first_epoch) + epoch - start)

    @contextlib.contextmanager
    def _positioned(self, initial_epoch, order: Order | None = None):
        # Past Keras' __setattr__, which would track the variables as weights.
        self.__dict__["_position"] = initial_epoch, order
        try:
            yield
        finally:
            del self.__dict__["_position"]
            self._initial_epoch = 0
            self.steps_to_skip = 0
