"""What a `fit` was given, for callbacks that judge it."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

# What a type checker takes the mix-in's later base to be.
if TYPE_CHECKING:
    from keras import Model as _Mixin
else:
    _Mixin = object


class Given(NamedTuple):
    """Arguments of a `fit`, as they were given.

    Attributes:
      data: x, y and sample_weight, each None if it is not given.
      validation_data: as for `fit`.
      validation_split: the share of the last rows that are held out.
      batch_size: rows of a batch; None for the default, or where data come in batches.
      shuffle: whether rows of arrays are shuffled.
    """

    data: tuple[Any, Any, Any]
    validation_data: Any
    validation_split: float
    batch_size: int | None
    shuffle: Any


class Givens(_Mixin):
    """Keeps what the `fit` that is running was given."""

    @property
    def given(self) -> Given | None:
        """The arguments of the `fit` that is running; None outside of one."""
        kept = self.__dict__.get("_given_fit")
        return None if kept is None else kept()

    @contextlib.contextmanager
    def _keeping(self, given: Given) -> Iterator[None]:
        # A function, which is not part of the model's state as the data themselves would be.
        self.__dict__["_given_fit"] = lambda: given
        try:
            yield
        finally:
            del self.__dict__["_given_fit"]
