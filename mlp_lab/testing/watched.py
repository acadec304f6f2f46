"""A short training run with a probe: its steps, and what TensorBoard's files contain."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event

from mlp_lab import losses, metrics
from mlp_lab.callbacks import TensorBoard
from mlp_lab.engine.step import Step
from mlp_lab.models import MLP
from mlp_lab.testing.failure import reason
from mlp_lab.testing.reading import check_reading, writable
from mlp_lab.testing.subject import Subject
from mlp_lab.testing.training import CLASSES

_ROWS, _BATCH = 20, 8  # the last of three batches has 4


def samples(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random inputs [20, 4] and labels for the default model."""
    inputs = rng.normal(size=(_ROWS, 4)).astype("float32")
    return inputs, rng.integers(0, CLASSES, _ROWS)


def watched(
    subject: Subject, model: Any, inputs: Any, labels: Any
) -> tuple[list[Step], dict[str, dict[int, Any]]]:
    """Trains for one epoch with the probe reading every step.

    Args:
      model: compiled, with the explicit step; None for a small MLP.

    Returns:
      A copy of every step, and the values written: tag -> step -> value (None if not a number).
    """
    probe, steps = subject.first, _Steps()
    with tempfile.TemporaryDirectory() as folder:
        every, probe.every = probe.every, None  # every step, while it is checked
        try:
            board = TensorBoard(folder, histogram_every=1, probes=[probe])
            _train(subject, model or _small(), inputs, labels, [board], steps)
        finally:
            probe.every = every
        return steps.seen, _tags(Path(folder) / "train")


class _Steps:
    """An observer that copies every step before other observers see it."""

    def __init__(self):
        self.seen: list[Step] = []

    def next_step(self, step):
        return step

    def ran(self, steps, seconds, seen):
        if seen is not None:
            self.seen.append(writable(seen))

    def stopped(self):
        pass


class _Watch(keras.callbacks.Callback):
    """Adds an observer for one `fit`, which removes it at the end."""

    any_steps_per_execution = True

    def __init__(self, observer):
        super().__init__()
        self._observer = observer

    def on_train_begin(self, logs=None):
        self.model.observers.append(self._observer)


def _small():
    model = MLP((6, 5), CLASSES, dropout=0.25)
    # Eagerly: tracing a graph for three steps takes longer.
    model.compile(
        keras.optimizers.SGD(0.1),
        losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[metrics.Accuracy()],
        run_eagerly=True,
    )
    return model


def _train(subject, model, inputs, labels, callbacks, steps):
    try:
        model.fit(
            inputs,
            labels,
            batch_size=_BATCH,
            verbose=0,
            shuffle=False,
            callbacks=[_Watch(steps), *callbacks],
        )
    except Exception as error:
        if not steps.seen:
            raise
        # A fault that the other checks know has a clearer message.
        for step in steps.seen:
            check_reading(subject, step)
        subject.fail(
            f"its values cannot be written: {reason(error)}",
            "return numbers, arrays of numbers or strings",
            error,
        )


def _tags(folder: Path) -> dict[str, dict[int, Any]]:
    """Values in a folder's event files: tag -> step -> value (None if not a number)."""
    found: dict[str, dict[int, Any]] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = Event.FromString(record)
            for value in event.summary.value:
                is_number = value.WhichOneof("value") == "simple_value"
                number = value.simple_value if is_number else _number(value)
                found.setdefault(value.tag, {})[event.step] = number
    return found


def _number(value):
    if value.WhichOneof("value") != "tensor":
        return None
    array = tf.make_ndarray(value.tensor)
    return float(array) if array.ndim == 0 and array.dtype.kind == "f" else None
