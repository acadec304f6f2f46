"""An end for calls into TensorFlow that would wait for ever."""

import contextlib
import faulthandler
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

_TELLER = "import sys; sys.stdin.buffer.readline() and print(sys.argv[1], file=sys.stderr)"


@contextlib.contextmanager
def ended_after(seconds: float, problem: str) -> Iterator[None]:
    """Ends the process with status 1 and one line if the block takes longer.

    For a call that holds Python's lock while it waits: no thread of Python can run then, nor
    a handler of signals. Python's `faulthandler` still ends the process; another process, which
    hears of that through a pipe, tells why.
    """
    line = f"{os.path.basename(sys.argv[0])}: error: {problem}"
    heard, told = os.pipe()
    with open(told, "wb") as pipe:
        with open(heard, "rb") as stdin:
            teller = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _TELLER, line],
                stdin=stdin, stdout=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        faulthandler.dump_traceback_later(seconds, exit=True, file=pipe)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
    teller.wait()  # the pipe is closed


@contextlib.contextmanager
def sigterm_kept() -> Iterator[None]:
    """Keeps what SIGTERM does, where TensorFlow would take it over; it is delivered afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM) or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
