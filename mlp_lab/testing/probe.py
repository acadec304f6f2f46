"""A probe of one's own, put through what a probe has to stand."""

import copy
import dataclasses
import math
import tempfile
from collections.abc import Callable, Collection, Mapping
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
from mlp_lab.probes import Probe
from mlp_lab.testing.failure import numbers, reason, unlike
from mlp_lab.testing.subject import Subject, precision
from mlp_lab.testing.training import CLASSES

PARTS = ("names", "written")
_ROWS, _BATCH = 20, 8  # the last of three batches has 4


def check_probe(
    probe: Probe | Callable[[], Probe],
    model: Any = None,
    inputs: Any = None,
    labels: Any = None,
    *,
    skip: Collection[str] = (),
    seed: int = 0,
) -> list[str]:
    """Checks a probe of one's own on real steps; says what is wrong with it and what to change.

    - `read` returns a mapping from texts to numbers, arrays of numbers or texts.
    - It changes nothing of the step, whose arrays are the step's own, and gives the same
      when it is asked again.
    - It can read a last, smaller batch.
    - "names": the names are the same at every step, so that curves have no holes.
    - "written": all of it is found in TensorBoard's event file, at every step.

    Args:
      probe: a callable without arguments that makes one, a class too; or an instance.
      model: a compiled model with the explicit step to look at, which is trained for an
        epoch of 3 or more steps; by default a small `MLP` with ReLU layers.
      inputs, labels: for the model; by default 20 samples of 4 numbers and 3 classes. They
        are trained on in batches of 8.
      skip: names of parts to leave out, of those quoted above.
      seed: of the random numbers.

    Returns:
      Notes of what could not be checked and why; none so far.

    Raises:
      CheckError: the probe fails; the message names the cause and what to change.
      ValueError, TypeError: the arguments of the check itself are wrong.

    Example:

    >>> class Sparsity(mlp_lab.probes.Probe):
    ...     group = "sparsity"
    ...
    ...     def read(self, step):
    ...         return {name: np.mean(np.abs(w) < 1e-3) for name, w in step.weights.items()}
    >>> mlp_lab.testing.check_probe(Sparsity)
    []
    """
    with precision("float32"):
        subject = Subject(probe, Probe, skip, PARTS)
        first = subject.first
        _check_attributes(subject, first)
        rng = np.random.default_rng(seed)
        if (inputs is None) != (labels is None) or (model is not None and inputs is None):
            raise ValueError("expected model, inputs and labels together, or none of them")
        if inputs is None:
            inputs = rng.normal(size=(_ROWS, 4)).astype("float32")
            labels = rng.integers(0, CLASSES, _ROWS)
        steps = _Steps()
        with tempfile.TemporaryDirectory() as folder:
            every, first.every = first.every, None  # at every step, for as long as it is checked
            try:
                board = TensorBoard(folder, histogram_every=1, probes=[first])
                _train(subject, model or _small(), inputs, labels, [board], steps)
            finally:
                first.every = every
            tags = _tags(Path(folder) / "train")
        names: dict[int, set[str]] = {}
        for step in steps.seen:
            values = _check_reading(subject, first, step)
            names[step.number] = set(values)
            if subject.wants("written"):
                _check_written(subject, first, step, values, tags)
        if subject.wants("names"):
            _check_names(subject, names)
    return subject.notes


class _Steps:
    """Keeps a copy of every step that it sees, before others see it."""

    def __init__(self):
        self.seen: list[Step] = []

    def next_step(self, step):
        return step

    def ran(self, steps, seconds, seen):
        if seen is not None:
            self.seen.append(_writable(seen))

    def stopped(self):
        pass


class _Watch(keras.callbacks.Callback):
    """Puts an observer in for one `fit`; it dismisses it."""

    any_steps_per_execution = True

    def __init__(self, observer):
        super().__init__()
        self._observer = observer

    def on_train_begin(self, logs=None):
        self.model.observers.append(self._observer)


def _small():
    model = MLP((6, 5), CLASSES, dropout=0.25)
    # Eagerly: a program of three steps is not worth its tracing.
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
        # The probe was run on steps that others may look at; tell which fault it is.
        for step in steps.seen:
            _check_reading(subject, subject.first, step)
        subject.fail(
            f"its values cannot be written: {reason(error)}",
            "return numbers, arrays of numbers or texts",
            error,
        )


def _check_attributes(subject, probe):
    if not isinstance(probe.group, str):
        subject.fail(f"group is {probe.group!r}", "make it a text, the first part of the tags")
    if probe.every is not None and (
        not isinstance(probe.every, int) or isinstance(probe.every, bool) or probe.every < 1
    ):
        subject.fail(f"every is {probe.every!r}", "make it a number of steps, or None")


def _check_reading(subject, probe, step):
    given = _writable(step)
    try:
        values = probe.read(given)
    except Exception as error:
        rows = len(step.outputs) if step.outputs is not None else 0
        subject.fail(
            f"read fails at step {step.number}, a batch of {rows}: {reason(error)}",
            "take sizes from the step's arrays, the last batch is smaller, and only what the "
            "step has",
            error,
        )
    _check_values(subject, values)
    _check_unchanged(subject, given, step)
    kept = copy.deepcopy(dict(values))
    again = probe.read(_writable(step))
    _check_values(subject, again)
    if set(again) != set(kept) or any(unlike(again[n], kept[n], 0.0) for n in kept):
        subject.fail(
            f"read gives two results for one step, {step.number}",
            "read from the step alone: no random numbers, no clock, no state from step to step",
        )
    return kept


def _writable(step: Step) -> Step:
    """The step with arrays of its own, which can be written to."""
    fields = {field.name: getattr(step, field.name) for field in dataclasses.fields(step)}
    return Step(
        **{
            name: value
            if name == "layers"
            else tf.nest.map_structure(
                lambda a: a.copy() if isinstance(a, np.ndarray) else a, value
            )
            for name, value in fields.items()
        }
    )


def _check_values(subject, values):
    change = "return {name: number, array of numbers or text}"
    if not isinstance(values, Mapping):
        subject.fail(f"read returns a {type(values).__name__}", change)
    for name, value in values.items():
        if not isinstance(name, str):
            subject.fail(f"read returns {name!r} as a name", change)
        if isinstance(value, str):
            continue
        if tf.is_tensor(value) or isinstance(value, keras.Variable):
            subject.fail(
                f"read returns a {type(value).__name__} as {name!r}",
                "compute with NumPy: probes run beside the training, and not in its graph",
            )
        array = np.asarray(value)
        # ml_dtypes' bfloat16 is of kind V, and a number.
        if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
            subject.fail(f"read returns a {type(value).__name__} as {name!r}", change)


def _check_unchanged(subject, given, step):
    for field in dataclasses.fields(step):
        before, after = getattr(step, field.name), getattr(given, field.name)
        parts = before.items() if isinstance(before, Mapping) else [("", before)]
        if isinstance(before, Mapping) and set(before) != set(after):
            subject.fail(
                f"read changes which entries step.{field.name} has",
                "copy before changing: dict(step.weights)",
            )
        if field.name == "layers":
            continue
        for name, value in parts:
            now = after[name] if isinstance(before, Mapping) else after
            same = all(
                np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
                for a, b in zip(tf.nest.flatten(value), tf.nest.flatten(now), strict=True)
            )
            if not same:
                where = f"step.{field.name}" + (f"[{name!r}]" if name else "")
                subject.fail(
                    f"read changes {where}, which belongs to the step and to the other probes",
                    "copy before changing: np.array(...), and no operations in place (out=, +=)",
                )


def _check_names(subject, names):
    first, *others = sorted(names)
    for number in others:
        gone, new = names[first] - names[number], names[number] - names[first]
        if gone or new:
            subject.fail(
                f"names differ: step {first} has {sorted(gone) or 'none'} that step {number} has "
                f"not, and lacks {sorted(new) or 'none'}",
                "use names that do not depend on the step's number or values (where it is meant, "
                "skip=['names'])",
            )


def _check_written(subject, probe, step, values, tags):
    for name, value in values.items():
        tag = f"{probe.group}/{name}" if probe.group else name
        if isinstance(value, str):
            found = tag in tags  # written when it changes
        else:
            found = step.number in tags.get(tag, {})
            expected = float(value) if np.ndim(value) == 0 else math.nan
            if found and np.ndim(value) == 0:
                found = not unlike(tags[tag][step.number], expected, 1e-6)
        if not found:
            subject.fail(
                f"{tag} at step {step.number} is not in the event file as {numbers(value)}",
                "give the same value to everyone who reads the step, and a name of its own",
            )


def _tags(folder: Path) -> dict[str, dict[int, Any]]:
    """Values in the event files of a folder: tag -> step -> number, or None for others."""
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
