"""Importing TensorFlow without its startup messages."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from mlp_lab.errors import RunError

# Below, imports fail at any place, or threads cannot start, and the process is killed.
_LEAST_BYTES = 3 * 2**30


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Holds back standard error inside the block, and shows it if an error is raised.

    While they load, TensorFlow's C++ libraries write notes about processors and drivers,
    which no setting of theirs can prevent and which would bury messages to the user. To
    see them, set TF_CPP_MIN_LOG_LEVEL below 3; it also controls what TensorFlow writes
    afterwards (by default here: fatal errors only).

    Raises:
      RunError: this process may have too little memory for TensorFlow, which would crash.
    """
    _check_limits()
    os.environ["KERAS_BACKEND"] = "tensorflow"  # The tape is TensorFlow's.
    # A child process inherits the 3, and TensorFlow writes its notes even at that level.
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        yield
        return
    sys.stderr.flush()
    with contextlib.ExitStack() as undo:
        try:
            held = undo.enter_context(tempfile.TemporaryFile())
        except OSError:  # no folder for it, or a full one
            yield
            return
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


def _check_limits() -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 0:
        raise RunError("this process may not write files; raise the limit with ulimit -f")
    for option, name in (("-v", "RLIMIT_AS"), ("-d", "RLIMIT_DATA")):
        limit = resource.getrlimit(getattr(resource, name))[0]
        if limit != resource.RLIM_INFINITY and limit < _LEAST_BYTES:
            raise RunError(
                f"TensorFlow needs {_LEAST_BYTES / 2**30:g} GiB of address space, the limit of "
                f"this process is {limit / 2**30:.2g}; raise it with ulimit {option}"
            )
