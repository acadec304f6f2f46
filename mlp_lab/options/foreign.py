"""Running the user's code: whatever it does, the run goes on or says in one line why not."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import sysconfig
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from mlp_lab.errors import one_line

PATIENCE_SECONDS = 10.0
"""After this time a message says what the run waits for."""

_MOST_TOLD = 500
_SIGNALS = [
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGUSR1", "SIGUSR2", "SIGCHLD")
    if (number := getattr(signal, name, None)) is not None
]
_MASKS = hasattr(signal, "pthread_sigmask")
# Frames of these are not the user's, and say less than the line that led there.
_LIBRARIES = [
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,
    *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")),
    "<frozen",
]


class Refused(Exception):
    """The user's code raised something; the message says what and where, on one line.

    `__cause__` is what it raised.
    """


@contextlib.contextmanager
def users_code(doing: str) -> Iterator[None]:
    """Runs the user's code inside its `with`.

    - Whatever it raises becomes a `Refused`, `SystemExit` too: the command line would end with
      status 0 and without a word. `os._exit` cannot be caught.
    - Ctrl-C raises a KeyboardInterrupt, at the end of the block at the latest; a second one ends
      the process, also if the code catches what the first one raised.
    - If it takes longer than `PATIENCE_SECONDS`, standard error says so.
    - What it prints is let through. The working directory, `sys.argv`, the standard streams and
      the handlers of signals are what they were before.

    Args:
      doing: what is being done, for the message: "importing 'my_module'".
    """
    ended = threading.Event()
    main = threading.current_thread() is threading.main_thread()
    with _restored(), _interruptible() if main else contextlib.nullcontext():
        threading.Thread(
            target=_say_if_long, args=(doing, ended, sys.stderr), name="mlp_lab-wait", daemon=True
        ).start()
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise Refused(_told(error)) from error
        finally:
            ended.set()


def _say_if_long(doing: str, ended: threading.Event, stream: Any) -> None:
    if not ended.wait(PATIENCE_SECONDS):
        with contextlib.suppress(OSError, ValueError):
            print(f"{doing} takes long; Ctrl-C ends it", file=stream, flush=True)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Keeps the first Ctrl-C even if the code inside swallows it; the second one is deadly."""
    received = False

    def interrupt(number: int, frame: Any) -> None:
        nonlocal received
        received = True
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, []) if _MASKS else ()
    # Where Ctrl-C is ignored (nohup), or somebody else handles it, it stays so.
    if before[signal.SIGINT] is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)
        if _MASKS:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    if received:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Puts back what a module may change for the whole process."""
    folder, arguments, hook = os.getcwd(), sys.argv, sys.excepthook
    kept = [*arguments]
    streams = [_Stream(name) for name in ("stdin", "stdout", "stderr")]
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the folder has been removed
            os.chdir(folder)
        sys.argv, sys.argv[:] = arguments, kept
        sys.excepthook = hook
        for stream in streams:
            stream.restore()


class _Stream:
    """A standard stream, which is opened again if it is closed."""

    def __init__(self, name: str):
        self._name, self._stream = name, getattr(sys, name)
        self._copy = None
        with contextlib.suppress(AttributeError, OSError, ValueError):  # none, or of other kinds
            self._form = self._stream.encoding, self._stream.errors
            self._number = self._stream.fileno()
            self._copy = os.dup(self._number)

    def restore(self) -> None:
        """Puts it back."""
        setattr(sys, self._name, self._stream)
        if self._copy is None:
            return
        if self._stream.closed:
            encoding, errors = self._form
            mode = "r" if self._name == "stdin" else "w"
            os.dup2(self._copy, self._number)
            again = open(  # noqa: SIM115
                self._number, mode, encoding=encoding, errors=errors, closefd=False
            )
            setattr(sys, self._name, again)
        os.close(self._copy)


def _told(error: BaseException) -> str:
    """What was raised, and on which of the user's lines."""
    try:
        text = str(error)
    except BaseException:  # its own __str__ may raise too
        text = ""
    told = f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = _place(error.__traceback__)
    told = told if len(told) <= _MOST_TOLD else f"{told[:_MOST_TOLD]}..."
    return one_line(f"{told}, at {place}" if place else told)


def _place(trace: TracebackType | None) -> str:
    """`"my_module.py:3"`: the last line that is neither a library's nor this package's."""
    found = ""
    for frame, line in traceback.walk_tb(trace):
        path = frame.f_code.co_filename
        if not path.startswith(tuple(_LIBRARIES)):
            found = f"{os.path.basename(path)}:{line}"
    return found
