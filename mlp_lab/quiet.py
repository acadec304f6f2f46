"""TensorFlow without the lines that it writes while it is loaded."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """While it is open, standard error is held back; it is shown if an error leaves.

    TensorFlow's C++ libraries write notes on processors and drivers while they are
    loaded, before any setting of theirs can stop it, and a message for the user
    would drown in them. Whoever wants them sets TF_CPP_MIN_LOG_LEVEL below 3, which also
    rules what TensorFlow writes afterwards (here: fatal errors only).
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"  # The tape is TensorFlow's.
    # A process started by a quiet one has inherited the 3, at which TensorFlow writes all the same.
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
