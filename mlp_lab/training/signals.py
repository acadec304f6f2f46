"""Signals that ask a run to end."""

import signal
import threading


class Signals:
    """Inside its `with`, the first SIGINT or SIGTERM is only noted.

    A second one of the same kind has its usual effect: it ends the process at once. Python
    delivers signals to the main thread; in other threads nothing is changed.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, object] = {}
        self._received: signal.Signals | None = None

    def asked(self) -> signal.Signals | None:
        """The signal that was received, or None."""
        return self._received

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def _note(self, number, frame):
        self._received = signal.Signals(number)
        signal.signal(number, signal.SIG_DFL)
