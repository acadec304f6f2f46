"""Importing TensorFlow without its startup messages."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Holds back standard error inside the block, and shows it if an error is raised.

    While they load, TensorFlow's C++ libraries write notes about processors and drivers,
    which no setting of theirs can prevent and which would bury messages to the user. To
    see them, set TF_CPP_MIN_LOG_LEVEL below 3; it also controls what TensorFlow writes
    afterwards (by default here: fatal errors only).
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"  # The tape is TensorFlow's.
    # A child process inherits the 3, and TensorFlow writes its notes even at that level.
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, contextlib.ExitStack() as undo:
        stderr = os.dup(2)
        undo.callback(os.close, stderr)
        os.dup2(held.fileno(), 2)
        undo.callback(os.dup2, stderr, 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
