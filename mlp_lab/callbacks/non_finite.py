"""The first number that is not finite: where it came up, and in which batch."""

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

# Between looks at the weights: at least so many seconds, and so many times what a look takes.
_SECONDS = 0.5
_TIMES = 200
# What may wait to be run again: calls, and bytes of their data.
_CALLS = 1024
_BYTES = 64 * 2**20


class NonFiniteError(ArithmeticError):
    """Training came to a number that is not finite.

    Attributes:
      step: the update that was being made, from 0, or None if it could not be found out.
      kind: "weight", "activation", "loss", "gradient", "new weight", likewise.
      name: of the layer or weight; "" for the loss.
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
    """The first tensor of a step that is not finite, in the order they were computed.

    Weights, the batch, activations from the inputs on, the loss, gradients from the outputs
    back, and the weights that the optimizer made of them.

    Args:
      step: the step.
      skipped: whether the optimizer leaves out steps whose gradients are not finite, as one
        that scales the loss does until it has found its scale. Such gradients are no finding.
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
    """Ends a training whose numbers are no longer finite, and finds the first that was not.

    Up to twice a second and at the end of every epoch it looks at the loss and the weights,
    and keeps the state of the training if they are finite. If they are not it goes back to
    the state it kept, makes the same steps once more, one by one and with all their tensors,
    up to the first that is not finite, and raises. The model then has the weights from before
    that step. In between steps run as they do without it: results are equal bit for bit. It
    holds one copy of the weights and of the optimizer's variables, and up to 64 MiB of data.

    Where several steps per call draw from a `tf.data` pipeline (`steps_per_execution` above
    1) their data are not known: the error then names no step, and the model has the weights
    that were kept.

    Args:
      folder: for what is left of it, made then: `report.json`; `batch.npz`, what `train_step`
        got; `last_finite.weights.h5`, the weights before the step, for `model.load_weights`.
        None writes nothing.

    Raises:
      NonFiniteError: (in `fit`) it names the layer or weight, what of it, and the step.
      TypeError: (when `fit` starts) the model hides its training step.
    """

    # Steps of one call need not be told one by one.
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
        self.model.observers.append(self)  # to be told when `fit` ends, by an error too

    def on_test_begin(self, logs=None):
        if self.model.guard is self:
            self._look()  # before the sums of training give way to those of the test

    def on_epoch_end(self, epoch, logs=None):
        self._look()

    def on_train_end(self, logs=None):
        self._look()

    # As an observer of the training, and as the guard of its steps.

    def next_step(self, step: int) -> float:
        """Wants to see none, unless something is wrong."""
        return math.inf

    def ran(self, steps, seconds, seen):
        """Nothing to note."""

    def stopped(self):
        """Called when `fit` ends."""
        self.model.guard = None
        self._forget()

    def before(self, again, size):
        """Called before a call of steps; `again(observers)` makes them once more."""
        if not self._kept:
            self._keep()
        self._calls.append(again)
        self._bytes += size

    def after(self, logs):
        """Called after it."""
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
                "the loss or a weight is no longer finite; the step in which that began can be "
                "found with steps_per_execution=1, as data drawn from a pipeline by several steps "
                "in one call cannot be had again",
                None, None, None,
            )  # fmt: skip
        for again in calls:
            again([_EveryStep(self._check)])
        self._go_back()
        raise NonFiniteError(
            "the loss or a weight is no longer finite, but every step is when it is made again: "
            "something beside the steps set it (a callback?), or they depend on more than the "
            "model's variables and the batch",
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
        if not optimizer.built:  # or its variables come with the first step
            optimizer.build(self.model.trainable_variables)
        # No copies: a variable that is assigned to while its value is held gets new memory.
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
        """Leaves the model as it was before the step, writes what was found, and raises it."""
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
    """An observer that hands every step on."""

    def __init__(self, see):
        self._see = see

    def next_step(self, step):
        return step

    def ran(self, steps, seconds, seen):
        self._see(seen)
