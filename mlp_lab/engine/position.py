"""The position of a `fit` in its epochs, and how it is resumed elsewhere."""

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
    """What the order of samples depends on, as variables that an iterator reads."""

    seed: tf.Variable
    first_epoch: tf.Variable


class Position(_Mixin):
    """Lets a training start elsewhere than at its beginning.

    Attributes:
      steps_to_skip: steps of the resumed epoch that were made before.
    """

    shuffle_seed: int | None = None
    steps_to_skip = 0

    def resume_at(self, epoch: int, in_epoch: int, order: Sequence[int] | None) -> None:
        """Moves the `fit` that is beginning to a later position; to be called in `on_train_begin`.

        Args:
          epoch: the epoch to resume, counted from 0.
          in_epoch: steps of that epoch that were made before and are skipped.
          order: what `sample_order(epoch)` returned then; None leaves it.
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
          The seed, and the number of the epoch over all calls of `fit`; None if data are not
          arrays.
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
