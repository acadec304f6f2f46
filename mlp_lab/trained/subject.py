"""A trained model with what is needed to use it: its inputs, its classes, its test data."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab import data
from mlp_lab.checkpoints import CheckpointError, Store
from mlp_lab.checkpoints.plain import typed
from mlp_lab.checkpoints.walk import find
from mlp_lab.data.catalogue import DATASETS
from mlp_lab.engine.keras_hooks import forward
from mlp_lab.errors import InputError
from mlp_lab.pictures.classes import says_logits
from mlp_lab.runs import Run, open_run
from mlp_lab.runs.layout import CHECKPOINTS, UNFINISHED
from mlp_lab.training import parts

# Up to this many rows at once, a compiled call does not pay for its tracing.
_FEW = 256


@dataclasses.dataclass
class Subject:
    """A trained model, ready to be used.

    Attributes:
      run: where it comes from.
      model: the model.
      class_names: of its outputs; empty if they are not known.
      from_logits: whether its outputs are logits.
      shape: of one input, without the batch.
      dtype: of the inputs, as trained; None if that is not known.
      notes: what the user should know, a line each.
    """

    run: Run
    model: keras.Model
    class_names: tuple[str, ...]
    from_logits: bool
    shape: tuple[int, ...] | None
    dtype: str | None
    notes: list[str]

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """The model's outputs in inference mode, float32 [n, outputs]."""
        if len(x) <= _FEW:
            return np.asarray(self._call(tf.constant(x)), np.float32)
        if not hasattr(self, "_compiled"):
            self._compiled = tf.function(self._call, autograph=False, reduce_retracing=True)
        return np.asarray(self._compiled(tf.constant(x)), np.float32)

    def _call(self, x: tf.Tensor) -> Any:
        found = keras.tree.flatten(forward(self.model, x, training=False))
        if len(found) != 1:
            raise InputError("", f"expected a model with one output, got one with {len(found)}")
        return keras.ops.cast(found[0], "float32")

    def names(self, outputs: int) -> tuple[str, ...]:
        """A name for each class of a model with so many outputs."""
        classes = 2 if outputs == 1 else outputs
        known = len(self.class_names) == classes
        return self.class_names if known else tuple(map(str, range(classes)))

    def check(self, x: np.ndarray) -> np.ndarray:
        """The inputs as the model was trained on them.

        Raises:
          InputError: another shape or type, or values that are not of the type.
        """
        if self.shape is not None and x.shape[1:] != self.shape:
            if int(np.prod(x.shape[1:])) != int(np.prod(self.shape)) or x.ndim != 2:
                raise InputError(
                    "data",
                    f"expected rows of shape {list(self.shape)}, as trained, got "
                    f"{list(x.shape[1:])}",
                )
            x = x.reshape(-1, *self.shape)
        if self.dtype is None:
            return x.astype(np.float32) if x.dtype == np.float64 else x
        if x.dtype == self.dtype:
            return x
        whole = x.dtype.kind in "iu" and self.dtype == "uint8"
        if self.dtype == "uint8" and not whole:
            raise InputError(
                "data",
                f"expected whole numbers from 0 to 255, uint8, as trained, got {x.dtype}; do not "
                "scale them: the model does",
            )
        if whole and x.size and not 0 <= int(x.min()) <= int(x.max()) <= 255:
            raise InputError(
                "data", f"expected whole numbers from 0 to 255, got {x.min()} to {x.max()}"
            )
        return x.astype(self.dtype)

    def test_data(self, say: Callable[[str], None]) -> tuple[Any, np.ndarray]:
        """The inputs and labels of the run's test set.

        Raises:
          InputError: the run's data cannot be loaded, or it is a model without a run.
        """
        if not self.run.record:
            raise InputError("data", "is needed for a model that lies in no run's folder")
        config = self.run.config
        found = data.load(
            config.dataset, config.data_source, config.data_dir, say, config.data_memory_mb
        )
        recorded = self.run.record.get("data")
        was = recorded.get("sha256", {}) if isinstance(recorded, dict) else {}
        now = found.origin.sha256
        if any(was.get(name, now[name]) != now[name] for name in now):
            say("note: the data are not those that the run was trained on: other checksums")
        return found.x_test, np.asarray(found.y_test[:])


def subject(path: str | os.PathLike[str], checkpoint: bool = False) -> Subject:
    """Loads what is needed to use a trained model.

    Args:
      path: a run's folder, or a .keras file.
      checkpoint: whether to use the last checkpoint of a run that has not ended.

    Raises:
      InputError: there is no run or model, or it cannot be loaded.
    """
    run, notes = open_run(path), []
    known = run.path.is_dir() and bool(run.record)
    if known and run.config.data is not None:
        raise InputError(
            "",
            f"the run {str(run.path)!r} was trained on your own data, and this command knows "
            "published data sets only; docs/tables.md tells how to predict in Python",
        )
    if known and run.status in UNFINISHED and not run.model_path.is_file():
        if not checkpoint:
            raise InputError(
                "",
                f"the run {str(run.path)!r} is {run.status} and has no trained model; resume it, "
                "or give --checkpoint to use its last checkpoint",
            )
        model, step = _from_checkpoint(run)
        notes.append(f"note: the run is {run.status}; this is its checkpoint of step {step}")
    else:
        model = run.model
    info = DATASETS.get(run.config.dataset) if known else None
    loss = getattr(model, "loss", None)
    return Subject(
        run=run,
        model=model,
        class_names=info.class_names if info else (),
        from_logits=run.config.from_logits if known else says_logits(loss, "", 0),
        shape=tuple(info.image_shape) if info else None,
        dtype="uint8" if info else None,
        notes=notes,
    )


def _from_checkpoint(run: Run) -> tuple[keras.Model, int]:
    """The model of a run with the weights of its last checkpoint, and the step of it."""
    try:
        tree = Store(run.path / CHECKPOINTS, say=lambda text: None).load()
    except (CheckpointError, OSError) as error:
        raise InputError("checkpoint", str(error)) from error
    if tree is None:
        raise InputError("checkpoint", f"the run {str(run.path)!r} has no checkpoint")
    config = run.config
    dataset = data.load(
        config.dataset, config.data_source, config.data_dir, lambda text: None,
        config.data_memory_mb,
    )  # fmt: skip
    model = parts.model(config, dataset)
    model(tf.constant(dataset.x_test[:1]))
    saved = tree["state"]["variables"]
    for name, variable in find(model).variables.items():
        if name not in saved:
            raise InputError("checkpoint", f"has no {name}, which the model of these flags has")
        variable.assign(typed(saved[name]["value"], saved[name]["dtype"]))
    return model, int(tree["position"]["step"])
