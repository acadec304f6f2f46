"""On which devices and machines a run trains: the strategy that --strategy asks for."""

import functools
import os
from collections.abc import Callable, Sequence

import tensorflow as tf

from mlp_lab.checkpoints.interval import interval
from mlp_lab.errors import InputError, RunError, WorkerLost
from mlp_lab.options.config import Config
from mlp_lab.training import agreement
from mlp_lab.training.rendezvous import Meeting
from mlp_lab.training.tf_config import check_tf_config, members
from mlp_lab.training.watchdog import ended_after, sigterm_kept

# Seconds in which TensorFlow starts on all workers once they are there.
_STARTING = 60

# How TensorFlow reports that a collective operation, or its connection, was given up.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.FailedPreconditionError,
)


def make_strategy(config: Config, say: Callable[[str], None]) -> tf.distribute.Strategy:
    """Makes the strategy; to be called before any other use of TensorFlow.

    With several workers it waits until all of them have started, for up to `worker_timeout`, and
    says so. Their connections are watched: if a worker ends, or does not answer for half a
    minute, the collective operations of all others end with an error.

    Raises:
      InputError: there is only one device, TF_CONFIG is missing or wrong, or the workers do not
        have the same flags or versions.
      Interrupted: SIGINT or SIGTERM came while workers were missing.
      RunError: workers were still missing after `worker_timeout`.
    """
    if config.strategy == "multi_worker":
        return _multi_worker(config, say)
    if config.strategy == "none":
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU")
    if config.strategy == "auto":
        several = len(devices) > 1 and not config.run_eagerly and not config.jit_compile
        return mirrored(_names(devices)) if several else tf.distribute.get_strategy()
    devices = devices or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        raise InputError(
            "strategy",
            f"mirrored needs several GPUs, this machine has only {devices[0].name}; leave "
            "--strategy out, or give multi_worker for several processes",
        )
    return mirrored(_names(devices))


@functools.cache
def mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """The strategy of these devices, always the same object.

    A second one in a process would number its collective operations from the start again, and
    TensorFlow would take them for those of the first.
    """
    return tf.distribute.MirroredStrategy(devices)


def _multi_worker(config: Config, say: Callable[[str], None]) -> tf.distribute.Strategy:
    cluster, task = check_tf_config(os.environ.get("TF_CONFIG"))
    addresses, me = members(cluster, task)
    if len(addresses) > 1:
        seconds = interval(config.worker_timeout)[1] or 0.0
        told = (lambda text: say(f"worker {me}: {text}")) if me else say
        report = agreement.report(config, cluster)
        Meeting(addresses, me, report, agreement.difference).wait(seconds, told)
    lost = f"a worker has ended, or cannot be reached, within {_STARTING} s after all had started"
    try:
        with sigterm_kept(), ended_after(_STARTING, f"{lost}; start the same command again"):
            return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise RunError(
            f"TensorFlow cannot start on {addresses[me]}: {error.message}; start the same command "
            "on every worker"
        ) from error


def _names(devices: Sequence[tf.config.LogicalDevice]) -> tuple[str, ...]:
    return tuple(device.name for device in devices)


def lost_worker(error: BaseException, step: int) -> RunError | None:
    """What the user is told, if the error says that another worker has ended.

    Args:
      error: what ended the training.
      step: of the last checkpoint; below 0 if there was none.
    """
    if not isinstance(error, _LOST):
        return None
    reason = error.message.splitlines()[0] if error.message else ""
    goes_on = f"to resume from step {step}" if step >= 0 else "to start over"
    return WorkerLost(
        f"another worker has ended, or cannot be reached ({type(error).__name__}: {reason}); start "
        f"the same command with --resume on every worker {goes_on}"
    )
