"""Ctrl-C in `fit`, wherever it comes."""

import signal
import threading


class Interrupts:
    """Inside its `with`, a Ctrl-C that is lost comes again at the next call of `check`.

    Python drops a KeyboardInterrupt that is raised while an object is finalized, as TensorFlow's
    iterators are in every epoch. Only Python's own handler is replaced, in the main thread.
    """

    def __init__(self) -> None:
        self._came = self._replaced = False

    def check(self) -> None:
        """Raises a KeyboardInterrupt if one has come and `fit` still runs."""
        if self._came:
            self._came = False
            raise KeyboardInterrupt

    def __enter__(self):
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._replaced = True
        return self

    def __exit__(self, kind, *_):
        if self._replaced:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        came, self._came = self._came, False  # an `evaluate` after the fit is not interrupted
        if came and kind is None:
            raise KeyboardInterrupt

    def _note(self, number, frame):
        self._came = True
        raise KeyboardInterrupt
