"""Copies of callbacks."""

import contextlib
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import keras


class FreshCopies(keras.callbacks.Callback):
    """A callback that can be copied and pickled, before and after a fit.

    A copy has the same arguments, and has not begun: it knows no model, no files that are open,
    and nothing of what the original saw.

    Attributes:
      of_a_fit: names of the attributes that `_reset` sets: those that a fit changes.
    """

    of_a_fit: ClassVar[tuple[str, ...]] = ()

    def _reset(self) -> None:
        """Sets the attributes that a fit changes, as they are before the first one."""

    def __getstate__(self) -> dict[str, Any]:
        dropped = (*self.of_a_fit, *vars(keras.callbacks.Callback()))
        return {name: value for name, value in vars(self).items() if name not in dropped}

    def __setstate__(self, state: dict[str, Any]) -> None:
        keras.callbacks.Callback.__init__(self)
        self.__dict__.update(state)
        self._reset()


class Function:
    """A function among a callback's arguments; copies share it.

    One that cannot be pickled, such as a lambda, is left out of a pickle: the default holds.
    """

    def __init__(self, function: Callable[..., Any], default: Callable[..., Any]):
        self._function, self._default = function, default

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Function":
        return self

    def __reduce__(self):
        with contextlib.suppress(pickle.PicklingError, AttributeError, TypeError):
            pickle.dumps(self._function)
            return Function, (self._function, self._default)
        return Function, (self._default, self._default)
