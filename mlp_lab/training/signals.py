"""Signals that ask a run to end."""

import signal
import threading


class Signals:
    """Inside its `with`, the first signal that asks the process to end is only noted.

    Those are SIGINT, SIGTERM, SIGHUP (the terminal is closed) and SIGXCPU (the limit of processor
    time is near). A second one of the same kind has its usual effect: it ends the process at
    once. What is ignored, by `nohup` say, stays ignored. Python delivers signals to the main
    thread; in other threads nothing is changed.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, object] = {}
        self._received: signal.Signals | None = None

    def asked(self) -> signal.Signals | None:
        """The signal that was received, or None."""
        return self._received

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGXCPU"):
                number = getattr(signal, name, None)  # not every system has all of them
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def _note(self, number, frame):
        self._received = signal.Signals(number)
        signal.signal(number, signal.SIG_DFL)
