"""Processes that train at the same time, forked from one that has loaded TensorFlow."""

import contextlib
import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from mlp_lab.errors import InputError, Interrupted, RunError
from mlp_lab.training.signals import Signals

# How a process ends whose memory has grown, so that another takes its place.
_RENEW = 75
_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1

Work = Callable[[int, Callable[[], None]], bool]


def can_fork() -> bool:
    """Whether processes that have loaded TensorFlow can be forked: on Linux, before it computes.

    macOS has fork, but its libraries do not bear it.
    """
    return sys.platform == "linux"


class Processes:
    """Runs the same work in several processes, each pinned to its share of the cores.

    The first process says when it is ready before the others start. A signal that asks the
    parent to end is handed to all, once; if the parent is killed, they are asked to end too.

    Args:
      count: how many.
      work: called in each with its number and a function that says that it is ready; returns
        whether there is nothing left to do, otherwise another process takes its place.
      seconds: after which they are asked to end; None for never.
    """

    def __init__(self, count: int, work: Work, seconds: float | None):
        self._count, self._work = count, work
        self._end = None if seconds is None else time.monotonic() + seconds
        self._numbers: dict[int, int] = {}  # by process
        self._signals = Signals()
        self._why: Any = None
        self._status: list[int] = []
        self._said: int = -1

    def __enter__(self) -> "Processes":
        sys.stdout.flush()
        self._signals.__enter__()
        return self

    def __exit__(self, *_: Any) -> None:
        self._signals.__exit__()

    def wait(self) -> Any:
        """Runs them to their end.

        Returns:
          None; or why they were asked to end before: a signal, or "time".

        Raises:
          InputError: raised by the first before it was ready.
          RunError: one ended by an error or was killed.
        """
        self._said, told = os.pipe()
        self._start(0, told)
        os.close(told)
        refused = self._first_word()
        if not refused:
            for number in range(1, self._count):
                self._start(number, None)
        while self._numbers:
            self._ask_to_end()
            self._reap()
            time.sleep(_SECONDS)
        os.close(self._said)
        if refused:
            option, _, problem = refused.partition("\0")
            raise InputError(option, problem)
        bad = [status for status in self._status if status]
        if bad and self._why is None:
            raise RunError(
                f"{len(bad)} of the training processes ended with status {bad[0]}; the same "
                "command goes on"
            )
        return self._why

    def _first_word(self) -> str:
        """Waits for the first process: empty if it is ready, or has ended otherwise."""
        os.set_blocking(self._said, False)
        content = b""
        while True:
            self._ask_to_end()
            with contextlib.suppress(BlockingIOError):
                part = os.read(self._said, 1 << 16)
                content += part
                if not part or content.endswith(b"\n"):
                    return content.decode().strip("\n")
            time.sleep(_SECONDS)

    def _ask_to_end(self) -> None:
        if self._why is not None:
            return
        if self._signals.asked():
            self._why = self._signals.asked()
        elif self._end is not None and time.monotonic() >= self._end:
            self._why = "time"
        else:
            return
        number = self._why if isinstance(self._why, signal.Signals) else signal.SIGTERM
        for process in self._numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def _reap(self) -> None:
        for process, number in list(self._numbers.items()):
            found, status = os.waitpid(process, os.WNOHANG)
            if not found:
                continue
            del self._numbers[process]
            status = os.waitstatus_to_exitcode(status)
            if status == _RENEW:
                if self._why is None:
                    self._start(number, None)
            else:
                self._status.append(status)

    def _start(self, number: int, told: int | None) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        # A signal between fork and the child's own handlers would be lost.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        process = os.fork()
        if not process:
            status = 1
            try:
                self._signals.__exit__()
                self._isolate(number, parent)
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                status = self._in_child(number, told)
            except BaseException:
                traceback.print_exc()
            finally:
                with contextlib.suppress(OSError, ValueError):
                    sys.stdout.flush()
                    sys.stderr.flush()
                # The parent's `finally` blocks and exit functions are not the child's.
                os._exit(status)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._numbers[process] = number

    def _isolate(self, number: int, parent: int) -> None:
        """Signals of the terminal go to the parent alone, and its end is told to the child."""
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        cores = sorted(os.sched_getaffinity(0))
        # The last bits of results depend on into how many parts TensorFlow divides operations.
        # With as many threads as an unpinned process has, a trial equals the same run alone.
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(len(cores)))
        if 1 < self._count <= len(cores):
            os.sched_setaffinity(0, cores[number :: self._count])

    def _in_child(self, number: int, told: int | None) -> int:
        def say(text: str) -> None:
            if told is not None:
                with contextlib.suppress(OSError):
                    os.write(told, f"{text}\n".encode())

        ready = False

        def now_ready() -> None:
            nonlocal ready
            ready = True
            say("")

        try:
            return 0 if self._work(number, now_ready) else _RENEW
        except InputError as error:
            if ready:
                raise
            say(f"{error.option}\0{error.problem}")
            return 2
        except Interrupted as interruption:
            return 128 + interruption.signum
        except KeyboardInterrupt:  # before the first trial
            return 128 + signal.SIGINT
