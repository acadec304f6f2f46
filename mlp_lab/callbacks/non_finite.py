"""Finds the first number that is not finite: in which tensor and in which batch."""

import dataclasses
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.callbacks.checks import check_glass_box, finite_weights
from mlp_lab.engine.capture import weight_names
from mlp_lab.engine.step import Step

# Time between looks at the weights: at least this many seconds, and this many times as long as
# a look takes.
_SECONDS = 0.5
_TIMES = 200
# Limits of what is kept to be run again: calls, and bytes of their data.
_CALLS = 1024
_BYTES = 64 * 2**20


class NonFiniteError(ArithmeticError):
    """A number in the training became NaN or infinite.

    Attributes:
      step: the number of the update, from 0, or None if it could not be determined.
      kind: "weight", "batch", "activation", "loss", "gradient" or "new weight", or None.
      name: of the layer or weight, "" for the loss, or None.
    """

    def __init__(self, message: str, step: int | None, kind: str | None, name: str | None):
        super().__init__(message)
        self.step, self.kind, self.name = step, kind, name


@dataclasses.dataclass(frozen=True)
class Finding:
    """A tensor that is not finite."""

    kind: str
    name: str
    nan: int
    inf: int
    size: int


def first_non_finite(step: Step, skipped: bool = False) -> Finding | None:
    """The first tensor of a step that is not finite, in the order of computation.

    The order is: weights, the batch, activations from the inputs to the outputs, the loss,
    gradients from the outputs back to the inputs, and the new weights.

    Args:
      step: the step.
      skipped: whether the optimizer skips steps whose gradients are not finite, as one that
        scales the loss does until it has found its scale. Such gradients are not reported.
    """
    batch = {f"part {i}": a for i, a in enumerate(tf.nest.flatten(step.data)) if a is not None}
    gradients = {} if skipped else step.gradients
    groups = {
        "weight": step.weights,
        "batch": batch,
        "activation": step.activations,
        "loss": {"": step.loss},
        "gradient": {name: gradients[name] for name in reversed(list(gradients))},
        "new weight": step.new_weights,
    }
    for kind, tensors in groups.items():
        for name, tensor in tensors.items():
            array = np.asarray(tensor)
            if array.dtype.kind not in "fV":  # bfloat16 is V
                continue
            array = array.astype("float32", copy=False)
            if not np.isfinite(array).all():
                nan, inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
                return Finding(kind, name, nan, inf, array.size)
    return None


class NonFinite(keras.callbacks.Callback):
    """Ends a training whose numbers are no longer finite, and finds the first that is not.

    Up to twice a second and at the end of every epoch it looks at the loss and the weights. If
    they are finite, it keeps the state of the training. If they are not, it goes back to the
    state it kept, repeats the same steps one by one with all their tensors, up to the first
    tensor that is not finite, and raises an error. The model then has the weights from before
    that step. Otherwise steps run as they do without it: results are equal bit for bit. It
    holds one copy of the weights and of the optimizer's variables, and up to 64 MiB of data.

    If several steps per call draw from a `tf.data` pipeline (`steps_per_execution` above 1),
    their data are not known. The error then names no step, and the model has the weights that
    were kept.

    Args:
      folder: where to write the findings; made when there are any. `report.json`; `batch.npz`,
        the arguments of `train_step`; `last_finite.weights.h5`, the weights before the step,
        for `model.load_weights`. None writes nothing.

    Raises:
      NonFiniteError: (in `fit`) names the step and the tensor that is not finite.
      TypeError: (when `fit` starts) the model is not a `GlassBox`.
    """

    # It needs no call after every step; once per compiled call is enough.
    any_steps_per_execution = True

    def __init__(self, folder: str | os.PathLike | None = None):
        super().__init__()
        self._folder = None if folder is None else Path(os.fspath(folder))
        self._calls: list[Any] = []
        self._kept: list[tuple[Any, tf.Tensor]] = []
        self._bytes = 0
        self._next = 0.0
        self._loss: Any = None

    # As a Keras callback.

    def on_train_begin(self, logs=None):
        check_glass_box(self, self.model)
        self._loss = None
        self.model.guard = self
        self.model.observers.append(self)  # so that `stopped` is called, after an error too

    def on_test_begin(self, logs=None):
        if self.model.guard is self:
            self._look()  # before the test resets the metrics' sums

    def on_epoch_end(self, epoch, logs=None):
        self._look()

    def on_train_end(self, logs=None):
        self._look()

    # As an observer of the training, and as the guard of its steps.

    def next_step(self, step: int) -> float:
        """No step is looked at unless something is wrong."""
        return math.inf

    def ran(self, steps, seconds, seen):
        """Does nothing."""

    def stopped(self):
        """Called when `fit` ends."""
        self.model.guard = None
        self._forget()

    def before(self, again, size):
        """Called before a call of steps; `again(observers)` repeats them."""
        if not self._kept:
            self._keep()
        self._calls.append(again)
        self._bytes += size

    def after(self, logs):
        """Called after a call of steps."""
        self._loss = logs.get("loss") if isinstance(logs, dict) else None
        full = len(self._calls) >= _CALLS or self._bytes >= _BYTES
        # All workers look after the same call.
        if self.model.replicas.any(full or time.monotonic() >= self._next):
            self._look()

    def _look(self):
        if not self._calls:
            return
        start = time.monotonic()
        finite = self._finite()
        now = time.monotonic()
        self._next = now + max(_SECONDS, _TIMES * (now - start))
        if finite:
            self._forget()
            return
        calls, self._calls = self._calls, []
        self._go_back()
        if None in calls:
            raise NonFiniteError(
                "the loss or a weight is no longer finite; to find the step, train with "
                "steps_per_execution=1: data that several steps in one call draw from a pipeline "
                "cannot be read again",
                None, None, None,
            )  # fmt: skip
        for again in calls:
            again([_EveryStep(self._check)])
        self._go_back()
        raise NonFiniteError(
            "the loss or a weight is no longer finite, but all steps are finite when repeated: "
            "something other than a step changed it (a callback?), or steps depend on more than "
            "the model's variables and the batch",
            None, None, None,
        )  # fmt: skip

    def _forget(self):
        self._kept, self._calls, self._bytes = [], [], 0

    def _finite(self) -> bool:
        if self._loss is not None and not math.isfinite(float(self._loss)):
            return False
        return finite_weights(self.model)

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def _keep(self):
        optimizer = self.model.optimizer
        if not optimizer.built:  # else its variables appear only in the first step
            optimizer.build(self.model.trainable_variables)
        # Not copies: assigning to a variable while its value is held gives it new memory.
        self._kept = [(v, tf.convert_to_tensor(v.value)) for v in self._variables()]

    def _go_back(self):
        for variable, value in self._kept:
            variable.assign(value)

    def _check(self, step: Step):
        skips = isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer)
        finding = first_non_finite(step, skips)
        if finding is not None:
            self._found(step, finding)

    def _found(self, step: Step, finding: Finding):
        """Puts the weights from before the step back, writes the finding, and raises it."""
        names = weight_names(self.model)
        for weight in self.model.weights:
            if id(weight) in names:
                weight.assign(step.weights[names[id(weight)]])
        of = f" of {finding.name}" if finding.name else ""
        message = (
            f"step {step.number}: the {finding.kind}{of} is not finite: {finding.nan} NaN and "
            f"{finding.inf} infinite of {finding.size} numbers"
        )
        if self._folder is not None and self.model.replicas.chief:
            self._write(self._folder, step, finding)
            message += f"; its batch and the weights before it are in {str(self._folder)!r}"
        raise NonFiniteError(message, step.number, finding.kind, finding.name)

    def _write(self, folder, step, finding):
        folder.mkdir(parents=True, exist_ok=True)
        report = {"step": step.number, "loss": repr(step.loss), **dataclasses.asdict(finding)}
        report["learning_rate"] = step.learning_rate
        (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        names = ("x", "y", "sample_weight")
        parts = keras.utils.unpack_x_y_sample_weight(step.data)
        arrays = {
            name if len(tf.nest.flatten(part)) == 1 else f"{name}_{i}": array
            for name, part in zip(names, parts, strict=True)
            for i, array in enumerate(tf.nest.flatten(part))
            if array is not None
        }
        np.savez(folder / "batch.npz", **arrays)
        self.model.save_weights(folder / "last_finite.weights.h5")


class _EveryStep:
    """An observer that passes every step to a function."""

    def __init__(self, see):
        self._see = see

    def next_step(self, step):
        return step

    def ran(self, steps, seconds, seen):
        self._see(seen)
