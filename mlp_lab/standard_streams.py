"""Standard output and error that never end a run: nobody may be reading, or the disk be full."""

import io
import os
import select
import sys


def guard() -> None:
    """Makes this process' standard streams last.

    Where one is closed, it leads nowhere: else the next file that is opened would get its number,
    and receive what C code prints. Where writing fails (the reader has gone, the terminal is
    closed, the disk is full), what is printed from then on is lost. Characters that a stream's
    encoding lacks are escaped. Streams that a program has put in their place stay.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which gets the lowest free number, this one
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None or _number(stream) == number:
            setattr(sys, name, _lasting(number, stream))


def _number(stream) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _lasting(number: int, stream) -> io.TextIOWrapper:
    if stream is not None:
        stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Lasting(number, "w", closefd=False)),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=number == 2 or os.isatty(number),
    )


class _Lasting(io.FileIO):
    """A file whose writes succeed: after the first that fails, it leads nowhere."""

    def write(self, content) -> int:
        try:
            written = super().write(content)
            while written is None:  # it does not block, and its reader is slow
                select.select([], [self], [])
                written = super().write(content)
            return written
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(content).nbytes
