"""Finds the first number that is not finite: in which tensor and in which batch."""

import dataclasses
import io
import json
import math
import os
import tempfile
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.callbacks.checks import check_glass_box, finite_weights
from mlp_lab.callbacks.copies import FreshCopies
from mlp_lab.callbacks.finding import Finding, first_non_finite
from mlp_lab.checkpoints import Held
from mlp_lab.checkpoints.walk import Found
from mlp_lab.engine.capture import weight_names
from mlp_lab.engine.keras_hooks import optimizers_of
from mlp_lab.engine.step import Step
from mlp_lab.folders import Remote
from mlp_lab.folders import folder as as_folder

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


class NonFinite(FreshCopies):
    """Ends a training whose numbers are no longer finite, and finds the first that is not.

    Up to twice a second and at the end of every epoch it looks at the loss and the weights. If
    they are finite, it keeps the state of the training, as far as `Checkpoints` can save it. If
    they are not, it goes back to the state it kept, repeats the same steps one by one with all
    their tensors, up to the first tensor that is not finite, and raises an error. The model then
    has the weights from before that step. Otherwise steps run as they do without it: results are
    equal bit for bit. It holds one copy of the weights and of the optimizers' variables, and up
    to 64 MiB of data. A copy, and what is unpickled, is a new callback with the same arguments.

    If several steps per call draw from a `tf.data` pipeline (`steps_per_execution` above 1),
    their data are not known. The error then names no step, and the model has the weights that
    were kept.

    Args:
      folder: where to write the findings; made when there are any; also on a file system that
        only TensorFlow knows (`gs://`). `report.json`; `batch.npz`,
        the arguments of `train_step`; `last_finite.weights.h5`, the weights before the step,
        for `model.load_weights`. None writes nothing.

    Raises:
      NonFiniteError: (in `fit`) names the step and the tensor that is not finite.
      TypeError: (when `fit` starts) the model is not a `GlassBox`.
    """

    # It needs no call after every step; once per compiled call is enough.
    any_steps_per_execution = True
    # It goes back to before the first step.
    needs_variables = True
    of_a_fit = ("_calls", "_kept", "_found", "_bytes", "_next", "_loss")

    def __init__(self, folder: str | os.PathLike | None = None):
        super().__init__()
        self._folder = None if folder is None else as_folder(folder)
        self._reset()

    def _reset(self) -> None:
        self._calls: list[Any] = []
        self._kept: Held | None = None
        self._found: Found | None = None  # where the state is
        self._bytes = 0
        self._next = 0.0
        self._loss: Any = None

    # As a Keras callback.

    def on_train_begin(self, logs=None):
        check_glass_box(self, self.model)
        self._loss = self._found = None
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
        if self._kept is None:
            self._keep()
        self._calls.append(again)
        self._bytes += size

    def after(self, logs):
        """Called after a call of steps."""
        self._loss = logs.get("loss") if isinstance(logs, dict) else None
        full = len(self._calls) >= _CALLS or self._bytes >= _BYTES
        if self._found is None and self._kept is not None:
            # The first steps may make variables, of which there is no earlier state.
            outgrown = self._kept.outgrown()
            self._found = None if outgrown else self._kept.found
            full = full or outgrown
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
        self._kept, self._calls, self._bytes = None, [], 0

    def _finite(self) -> bool:
        # A step of the user's may return the losses of single samples.
        losses = tf.nest.flatten(self._loss, expand_composites=True)
        known = [np.asarray(loss, float) for loss in losses if loss is not None]
        return all(np.isfinite(loss).all() for loss in known) and finite_weights(self.model)

    def _keep(self):
        optimizer = self.model.optimizer
        weights = self.model.trainable_variables
        if weights and isinstance(optimizer, keras.Optimizer) and not optimizer.built:
            optimizer.build(weights)  # else only in the first step
        # Steps that run eagerly may set new attributes.
        self._kept = Held(self.model, None if self.model.run_eagerly else self._found)

    def _go_back(self):
        if self._kept is not None:
            self._kept.put_back()

    def _check(self, step: Step):
        optimizers = optimizers_of(self.model)
        skips = any(isinstance(o, keras.optimizers.LossScaleOptimizer) for o in optimizers)
        finding = first_non_finite(step, skips)
        if finding is not None:
            self._report(step, finding)

    def _report(self, step: Step, finding: Finding):
        """Puts the weights from before the step back, writes the finding, and raises it."""
        names = weight_names(self.model)
        for weight in self.model.weights:
            if id(weight) in names:
                weight.assign(step.weights[names[id(weight)]])
        of = f" of {finding.name}" if finding.name else ""
        self.model.training_progress.steps = step.number
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
        flat = [tf.nest.flatten(part, expand_composites=True) for part in parts]
        arrays = {
            name if len(part) == 1 else f"{name}_{i}": array
            for name, part in zip(names, flat, strict=True)
            for i, array in enumerate(part)
            if array is not None
        }
        content = io.BytesIO()
        np.savez(content, **arrays)
        (folder / "batch.npz").write_bytes(content.getvalue())
        weights = folder / "last_finite.weights.h5"
        if not isinstance(folder, Remote):
            self.model.save_weights(weights)
            return
        with tempfile.TemporaryDirectory() as local:  # Keras writes local files
            self.model.save_weights(os.path.join(local, weights.name))
            with open(os.path.join(local, weights.name), "rb") as file:
                weights.write_bytes(file.read())


class _EveryStep:
    """An observer that passes every step to a function."""

    def __init__(self, see):
        self._see = see

    def next_step(self, step):
        return step

    def ran(self, steps, seconds, seen):
        self._see(seen)
