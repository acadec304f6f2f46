"""Signals that ask a run to end."""

import signal
import threading


class Signals:
    """Between `with` and its end, SIGINT and SIGTERM are noted, the first time.

    The second one of a kind does what it does without us: it ends the process at once.
    Only the main thread of a process can be asked so; elsewhere nothing is changed.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, object] = {}
        self._received: signal.Signals | None = None

    def asked(self) -> signal.Signals | None:
        """The signal that has come, or None."""
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
