"""What the user is told of an error that ended a run."""

import re

import tensorflow as tf

from mlp_lab.callbacks import Stopped
from mlp_lab.checkpoints import CheckpointError
from mlp_lab.errors import Interrupted, RunError
from mlp_lab.training.folder import FLAGS, RunFolder


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
    if isinstance(error, CheckpointError):
        return RunError(str(error))
    reason = _from_outside(error)
    if reason is None:
        return None
    goes_on = (
        f"once that is mended, resume: python train.py {command}"
        if folder.has_checkpoint()
        else "there is no checkpoint to resume from"
    )
    return RunError(f"the run {str(folder.path)!r} has stopped: {reason}; {goes_on}")


def _from_outside(error: BaseException) -> str | None:
    """What was wrong with the disk, the data or the system; None if it is something else."""
    # Found in a file by a thread of tf.data, which passes on only its message.
    fault = re.search(r"DataFault: (.*)", str(error))
    if isinstance(error, OSError):
        return fault[1] if fault else str(error)
    if not isinstance(error, tf.errors.OpError):
        return None
    if fault:
        return fault[1]
    if isinstance(error, tf.errors.InvalidArgumentError):
        return None  # a mistake in the program
    return f"{type(error).__name__}: {error}"
