"""On which devices and machines a run trains: the strategy that --strategy asks for."""

import functools
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from mlp_lab.errors import InputError, RunError, WorkerLost
from mlp_lab.options.config import Config

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

    With several workers it waits until all of them have started; the chief says so. Their
    connections are watched: if a worker ends, or does not answer for half a minute, the
    collective operations of all others end with an error.

    Raises:
      InputError: there is only one device, or TF_CONFIG is missing or wrong.
    """
    if config.strategy == "multi_worker":
        cluster, task = check_tf_config(os.environ.get("TF_CONFIG"))
        chief, *others = [*cluster.get("chief", []), *cluster.get("worker", [])]
        if cluster[task["type"]][int(task["index"])] == chief and others:
            say(f"waiting for the other workers: {', '.join(others)}")
        return tf.distribute.MultiWorkerMirroredStrategy()
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


def _names(devices: Sequence[tf.config.LogicalDevice]) -> tuple[str, ...]:
    return tuple(device.name for device in devices)


def check_tf_config(text: str | None) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Checks the environment variable TF_CONFIG, as TensorFlow's guides and operators set it.

    A JSON object: `{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker",
    "index": 0}}`, where "cluster" may also have a "chief" with one address.

    Returns:
      The values of "cluster" and of "task".

    Raises:
      InputError: it is missing or incomplete; the message says what.
    """

    def wrong(what: str) -> InputError:
        return InputError(
            "strategy",
            f"multi_worker: TF_CONFIG {what}; on each worker set, with its own index, TF_CONFIG="
            '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", '
            '"index": 0}}',
        )

    if not text:
        raise wrong("is not set")
    try:
        given: Any = json.loads(text)
    except ValueError as error:
        raise wrong(f"is not JSON ({error})") from None
    cluster = given.get("cluster") if isinstance(given, dict) else None
    task = given.get("task") if isinstance(given, dict) else None
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise wrong('needs "cluster" and "task"')
    for kind, addresses in cluster.items():
        if kind not in ("chief", "worker"):
            raise wrong(f'has {kind!r} in its cluster; there are "worker" and "chief"')
        listed = isinstance(addresses, list) and addresses
        if not listed or not all(isinstance(a, str) and ":" in a for a in addresses):
            raise wrong(f"has {addresses!r} for {kind!r}, expected a list of host:port")
    kind, index = task.get("type"), task.get("index")
    if kind not in cluster:
        raise wrong(f"has the task type {kind!r}, its cluster has {', '.join(cluster) or 'none'}")
    count = len(cluster[kind])
    if not str(index).isdigit() or int(str(index)) >= count:
        raise wrong(f"has the task index {index!r}, expected 0 to {count - 1}")
    return cluster, task


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
