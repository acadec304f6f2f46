"""What the user is told of an error that ended a run."""

import errno
import re

import tensorflow as tf

from mlp_lab.callbacks import Stopped
from mlp_lab.checkpoints import CheckpointError, OtherTraining
from mlp_lab.errors import InputError, Interrupted, RunError
from mlp_lab.runs.layout import FLAGS
from mlp_lab.training.folder import RunFolder

# No space, a quota, a limit of a file's size.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def told(error: BaseException, folder: RunFolder) -> Exception | None:
    """The error to raise in its place, if it comes from outside of the training; or None.

    Args:
      error: what ended the training: a signal, the disk, a checkpoint, the data.
      folder: of the run; from its checkpoint the user can go on.
    """
    command = f"--flagfile={folder.path / FLAGS} --name={folder.path.name} --resume"
    if isinstance(error, Stopped) and isinstance(error.why, int):
        message = f"interrupted, and saved; to resume: python train.py {command}"
        return Interrupted(int(error.why), message)
    if isinstance(error, OtherTraining):
        return InputError("resume", str(error))
    if isinstance(error, CheckpointError):
        return RunError(str(error))
    if isinstance(error, InputError):
        return error
    reason = _from_outside(error)
    if reason is None:
        return None
    goes_on = (
        f"once that is mended, resume: python train.py {command}"
        if folder.has_checkpoint()
        else "there is no checkpoint to resume from"
    )
    return RunError(f"the run {str(folder.path)!r} has stopped: {reason}; {goes_on}")


def told_of_start(error: BaseException, folder: RunFolder) -> Exception | None:
    """As `told`, for a run that has not begun."""
    if folder.resumed or not isinstance(error, OSError):
        return told(error, folder)
    if error.errno in _FULL:
        return RunError(f"the run {str(folder.path)!r} cannot begin: {error}")
    return InputError("log_dir", f"cannot write to {str(folder.path)!r}: {error.strerror}")


def _from_outside(error: BaseException) -> str | None:
    """What was wrong with the disk, the data or the system; None if it is something else."""
    # Found in a file by a thread of tf.data, which passes on only its message.
    fault = re.search(r"DataFault: (.*)", str(error))
    if isinstance(error, OSError):
        return fault[1] if fault else str(error)
    if isinstance(error, SystemExit):
        return f"the program that trains has called sys.exit({error.code!r})"
    if isinstance(error, MemoryError):
        return f"out of memory ({error})" if str(error) else "out of memory"
    if not isinstance(error, tf.errors.OpError):
        return None
    if fault:
        return fault[1]
    if isinstance(error, tf.errors.InvalidArgumentError):
        return None  # a mistake in the program
    return f"{type(error).__name__}: {error}"
