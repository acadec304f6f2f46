"""What a training is about: the form of labels, outputs and loss, and how well outputs do."""

import dataclasses
from typing import Any

import keras
import numpy as np

# Losses by their function's or class' name, without underscores.
FAMILIES = {
    **dict.fromkeys(("mse", "meansquarederror"), "mse"),
    **dict.fromkeys(("mae", "meanabsoluteerror"), "mae"),
    **dict.fromkeys(("huber", "logcosh", "msle", "meansquaredlogarithmicerror"), "numbers"),
    **dict.fromkeys(("mape", "meanabsolutepercentageerror"), "numbers"),
    **dict.fromkeys(("bce", "binarycrossentropy", "binaryfocalcrossentropy"), "bce"),
    **dict.fromkeys(("categoricalcrossentropy", "categoricalfocalcrossentropy"), "cce"),
    "sparsecategoricalcrossentropy": "scce",
}
_CLASSES = 1000  # at most


@dataclasses.dataclass(eq=False)
class Task:
    """One array of labels, one tensor of outputs, and a loss.

    Attributes:
      loss: "mse", "mae", "numbers" (others of regression), "bce", "cce", "scce" or "other".
      loss_name: as Keras calls it.
      from_logits: whether the loss takes logits.
      form: of the labels: "classes" (one index a row), "one-hot", "binary" (0 and 1, one output),
        "several" (rows of 0 and 1), or "numbers".
      units: outputs of a row, its last axis.
      accuracy: whether a metric counts right classes.
    """

    loss: str
    loss_name: str
    from_logits: bool
    form: str
    units: int
    accuracy: bool

    def targets(self, y: np.ndarray) -> np.ndarray:
        """The labels as outputs should be: [n, units]."""
        y = np.asarray(y, np.float64)
        if self.form == "classes":
            return np.eye(self.units)[np.clip(y.reshape(len(y)).astype(int), 0, self.units - 1)]
        return y.reshape(len(y), -1)

    def classes(self, y: np.ndarray) -> np.ndarray | None:
        """The class of each row; None if it has none."""
        if self.form in ("classes", "binary"):
            return np.asarray(y).reshape(len(y), -1)[:, 0].astype(int)
        return np.argmax(y, axis=-1) if self.form == "one-hot" and np.ndim(y) == 2 else None

    def skill(self, y: np.ndarray, outputs: np.ndarray) -> float:
        """0 for what ignorance gives, 1 for no error: (accuracy - m) / (1 - m), or R^2.

        m is the share of the most frequent class. For numbers 1 - mean square / variance.
        """
        outputs = np.asarray(outputs, np.float64)
        if not np.isfinite(outputs).all():
            return -np.inf
        classes = self.classes(y)
        if classes is None or (self.units == 1 and self.form == "classes"):
            return self._explained(y, outputs)
        flat = outputs.reshape(len(outputs), -1)
        if self.units == 1:
            half = 0.0 if self.from_logits else 0.5
            right = np.mean((flat[:, 0] > half) == (classes > 0))
        else:
            right = np.mean(np.argmax(flat, axis=-1) == classes)
        most = np.bincount(classes - classes.min()).max() / len(classes)
        return float((right - most) / (1 - most)) if most < 1 else float(right - 1)

    def _explained(self, y: np.ndarray, outputs: np.ndarray) -> float:
        y = np.asarray(y, np.float64).reshape(len(y), -1)
        outputs = outputs.reshape(len(outputs), -1)
        if self.form == "several":
            right = np.mean((outputs > (0.0 if self.from_logits else 0.5)) == (y > 0.5))
            most = np.mean(np.maximum(y.mean(axis=0), 1 - y.mean(axis=0)))
            return float((right - most) / (1 - most)) if most < 1 else 0.0
        if outputs.shape[1] != y.shape[1]:
            return 0.0
        variance = np.mean((y - y.mean(axis=0)) ** 2)
        return float(1 - np.mean((y - outputs) ** 2) / variance) if variance > 0 else 0.0


def task_of(model: keras.Model, y: Any, outputs: Any) -> tuple[Task | None, str]:
    """What the training is about; None, and why, where rules of labels cannot judge it."""
    if y is None:
        return None, "no labels are known"
    if not isinstance(y, np.ndarray) or not isinstance(outputs, np.ndarray):
        return None, "labels or outputs are not one array"
    if outputs.ndim < 2 or y.ndim < 1 or y.dtype.kind not in "biuf" or len(y) != len(outputs):
        return None, f"labels {y.shape} {y.dtype} and outputs {outputs.shape} are not rows"
    name, config = _loss_of(model)
    family = FAMILIES.get(name.replace("_", "").lower(), "other")
    units = outputs.shape[-1]
    form = _form(y, family, outputs)
    logits = bool(config.get("from_logits", False))
    return Task(family, name, logits, form, units, _counts_classes(model)), ""


def _loss_of(model: keras.Model) -> tuple[str, dict[str, Any]]:
    """The name of the loss, and its settings."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, list | tuple | dict):
        losses = list(loss.values() if isinstance(loss, dict) else loss)
        loss = losses[0] if len(losses) == 1 else None
    if isinstance(loss, str):
        return loss, {}
    if isinstance(loss, keras.losses.Loss):
        try:
            return type(loss).__name__, dict(loss.get_config())
        except Exception:  # a user's class may have no config
            return type(loss).__name__, vars(loss)
    return getattr(loss, "__name__", "none" if loss is None else type(loss).__name__), {}


def _form(y: np.ndarray, family: str, outputs: np.ndarray) -> str:
    flat = np.asarray(y, np.float64).reshape(len(y), -1)
    finite = flat[np.isfinite(flat)]
    whole = bool(finite.size) and bool((finite == np.round(finite)).all())
    zero_one = whole and set(np.unique(finite)) <= {0.0, 1.0}
    if family == "scce" and outputs.ndim == 2:
        return "classes"
    if outputs.ndim == 2 and y.ndim == 2 and y.shape[1] > 1:
        if zero_one and (flat.sum(axis=1) == 1).all():
            return "one-hot"
        return "several" if zero_one and family in ("bce", "other") else "numbers"
    if flat.shape[1] == 1 and zero_one and outputs.shape[-1] == 1:
        return "binary"
    few = whole and finite.size > 0 and finite.min() >= 0 and finite.max() < _CLASSES
    return "classes" if few and flat.shape[1] == 1 and family in ("bce", "cce") else "numbers"


def _counts_classes(model: keras.Model) -> bool:
    """Whether a metric of classes is among those of `compile`."""
    try:
        metrics = model.get_compile_config().get("metrics")
    except Exception:  # what cannot be serialized
        return False
    return "acc" in str(metrics).lower()
