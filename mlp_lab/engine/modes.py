"""How `fit`, `evaluate` and `predict` feed and compile steps while they run, in each thread."""

import contextlib
import dataclasses
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

# What a type checker takes the mix-in's later base to be.
if TYPE_CHECKING:
    from keras import Model as _Mixin
else:
    _Mixin = object


class PieceBatch(NamedTuple):
    """Rows of a batch if arrays are fed in pieces of several; None if Keras feeds batches."""

    train: int | None
    test: int | None
    predict: int | None


NO_PIECES = PieceBatch(None, None, None)


@dataclasses.dataclass
class _Mode:
    """What one call of `fit`, `evaluate` or `predict` chose."""

    piece_batch: PieceBatch
    steps_per_execution: int
    jit_compile: bool
    predict_function: Any = None


class Modes(_Mixin):
    """Settings of Keras that a call may choose otherwise than `compile`, until it returns.

    A choice holds in the thread of the call: `predict` may run while another thread trains.
    """

    @contextlib.contextmanager
    def _feeding(self, piece_batch, steps_per_execution, jit_compile):
        """While it is open, steps are fed and compiled so in this thread."""
        modes, thread = self._modes, threading.get_ident()
        before = modes.get(thread)
        modes[thread] = _Mode(piece_batch, steps_per_execution, jit_compile)
        try:
            yield
        finally:
            if before is None:
                del modes[thread]
            else:
                modes[thread] = before

    @property
    def _modes(self) -> dict[int, _Mode]:
        # Past Keras' __setattr__, which would track it.
        return self.__dict__.setdefault("_modes_of_threads", {})

    @property
    def _mode(self) -> _Mode | None:
        return self._modes.get(threading.get_ident())

    @property
    def _piece_batch(self) -> PieceBatch:
        return NO_PIECES if self._mode is None else self._mode.piece_batch

    @property
    def steps_per_execution(self) -> int:
        """Batches in a call; what `fit` chose while it runs."""
        kept = self.__dict__.get("_steps_per_execution", 1)
        return kept if self._mode is None else self._mode.steps_per_execution

    @steps_per_execution.setter
    def steps_per_execution(self, steps: int) -> None:
        self.__dict__["_steps_per_execution"] = steps

    @property
    def jit_compile(self) -> bool:
        """Whether XLA compiles steps; what `fit` chose while it runs."""
        return super().jit_compile if self._mode is None else self._mode.jit_compile

    @jit_compile.setter
    def jit_compile(self, value: bool) -> None:
        super(Modes, type(self)).jit_compile.fset(self, value)

    @property
    def predict_function(self) -> Any:
        """What `predict` calls, in this thread; otherwise the last that was made."""
        mode = self._mode
        own = None if mode is None else mode.predict_function
        return self.__dict__.get("_predict_function") if own is None else own

    @predict_function.setter
    def predict_function(self, function: Any) -> None:
        self.__dict__["_predict_function"] = function
        if self._mode is not None:
            self._mode.predict_function = function
