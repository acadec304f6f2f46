"""The base of all tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from mlp_lab.display import Displayed, Row, shortened
from mlp_lab.errors import InputError
from mlp_lab.tasks.predictions import Predictions

ROUNDING = 1e-2
"""How far probabilities may be beyond 0 and 1; bfloat16 has three digits."""
CLIP = float(np.finfo(np.float32).eps)
"""How far probabilities are kept from 0 and 1 before the logarithm, as in scikit-learn."""

_SUBCLASSES: dict[str, type[Task]] = {}


@dataclasses.dataclass(frozen=True, repr=False)
class Task(Displayed):
    """What a model learns to predict: a kind of target and its names.

    Attributes:
      names: of the classes, labels or targets, in the order of their ids or columns.

    Class attributes, of each subclass:
      kind: "classes", "binary", "labels" or "numbers".
      loss: the default loss, a name of `options.registry`.
      metrics: the default metrics, names of `options.registry`; each is in `baseline` too.
      monitor: the value of an epoch's logs by which epochs are compared by default.
      label_forms: the forms of labels that a loss may take; the first is that of `y`.
        "integer" and "one_hot" are for classes; "outputs" is the shape of the outputs.
    """

    names: tuple[str, ...]

    kind: ClassVar[str]
    loss: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    monitor: ClassVar[str] = "val_loss"
    label_forms: ClassVar[tuple[str, ...]] = ("outputs",)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _SUBCLASSES[cls.kind] = cls

    def __post_init__(self) -> None:
        names = self.names
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            raise InputError("task", f"expected a tuple of names, got {names!r:.200}")
        if len(set(names)) < len(names):
            double = next(name for name in names if names.count(name) > 1)
            raise InputError("task", f"the name {double[:60]!r} comes twice; names must differ")
        self._check_names()

    def _check_names(self) -> None:
        if not self.names:
            raise InputError("task", f"{self.kind}: expected at least one name, got none")

    @property
    def num_outputs(self) -> int:
        """How many outputs the model has for each sample."""
        return len(self.names)

    @property
    def num_classes(self) -> int | None:
        """How many classes or labels there are; None for numbers."""
        return len(self.names)

    def y(self, values: Any) -> np.ndarray:
        """The targets in the form that models are trained on.

        Args:
          values: class ids, int [n]; 0 and 1 of labels, [n, labels]; numbers in the unit of the
            target, [n, targets], or [n] if there is one.

        Returns:
          Classes: int32 [n]. Binary: float32 [n, 1] of 0 and 1. Labels: float32 [n, labels].
          Numbers: float32 [n, targets].

        Raises:
          InputError: they have another shape, or are not such values.
        """
        raise NotImplementedError

    def encode_labels(self, y: np.ndarray, form: str) -> np.ndarray:
        """`y` in one of the `label_forms`, such as one-hot rows for classes.

        Raises:
          InputError: the task has no labels of that form.
        """
        if form not in self.label_forms:
            raise InputError(
                "labels",
                f"{self.kind} have labels of the form {' or '.join(self.label_forms)}, got "
                f"{form!r}; choose a loss for {self.kind}, or leave --labels out",
            )
        return y

    def baseline(self, y_train: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """What the best guess without inputs reaches, by the name of the metric.

        Args:
          y_train: the targets, in the form of `y`, from which the guess is made.
          y: the targets on which it is measured, such as those of the validation part.

        Returns:
          Values as the metrics of these names would give. Empty if there is no `y`.
        """
        raise NotImplementedError

    def read(self, outputs: np.ndarray, from_logits: bool = True) -> Predictions:
        """What the outputs of a model say.

        Args:
          outputs: [n, num_outputs] of any floating-point type; [n] if there is one output.
          from_logits: whether they are logits rather than probabilities; for numbers it has no
            meaning.

        Raises:
          InputError: they have another shape, are not finite, or are not probabilities.
        """
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; `from_dict` reads it."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"kind": self.kind, **{name: list(value) for name, value in fields.items()}}

    @staticmethod
    def from_dict(data: Any, source: str = "the task") -> Task:
        """Reads what `to_dict` gave, from a file that may be damaged.

        Args:
          source: what messages call it.

        Raises:
          InputError: it is not a task.
        """
        try:
            if not isinstance(data, Mapping) or data.get("kind") not in _SUBCLASSES:
                raise ValueError(f"expected a kind, one of {', '.join(_SUBCLASSES)}")
            cls = _SUBCLASSES[data["kind"]]
            fields = {field.name for field in dataclasses.fields(cls)}
            if set(data) != {"kind", *fields}:
                raise ValueError(f"expected the entries kind, {', '.join(sorted(fields))}")
            if not all(isinstance(data[name], list) for name in fields):
                raise ValueError("expected lists")
            return cls(**{name: tuple(data[name]) for name in fields})
        except (ValueError, TypeError) as error:  # InputError too
            reason = getattr(error, "problem", str(error))
            raise InputError("", f"{source} is not a task of a model ({reason[:200]})") from None

    def _display(self) -> tuple[str, list[Row]]:
        return shortened(self.names), [
            ("outputs", self.num_outputs),
            ("loss", self.loss),
            ("metrics", ", ".join(self.metrics)),
        ]

    def _outputs(self, outputs: Any) -> np.ndarray:
        """The outputs of a model, checked: float64 [n, num_outputs]."""
        found = np.asarray(outputs)
        if found.ndim == 1 and self.num_outputs == 1:
            found = found[:, None]
        if found.ndim != 2 or found.shape[1] != self.num_outputs:
            raise InputError(
                "model",
                f"expected outputs of shape [n, {self.num_outputs}] for {self.kind}, got "
                f"{list(np.shape(outputs))}; the task and the model do not belong together",
            )
        found = found.astype(np.float64)
        wrong = ~np.isfinite(found).all(axis=1)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                "model",
                f"{wrong.sum():,} of {len(found):,} outputs are not finite, first row {row}: "
                f"{found[row][~np.isfinite(found[row])][0]}; the inputs have such values or are "
                "far outside the training data, or the training has diverged",
            )
        return found

    def _indicators(self, values: Any) -> np.ndarray:
        """Values of 0 and 1, checked: float32 [n, num_outputs]."""
        found = np.asarray(values)
        if found.ndim == 1 and self.num_outputs == 1:
            found = found[:, None]
        if found.ndim != 2 or found.shape[1] != self.num_outputs:
            raise InputError(
                "task",
                f"expected {self.kind} of shape [n, {self.num_outputs}], got "
                f"{list(np.shape(values))}",
            )
        if found.dtype.kind not in "buif" or not np.isin(found, (0, 1)).all():
            raise InputError("task", f"expected {self.kind} of 0 and 1, got other values")
        return found.astype(np.float32)


def probabilities(outputs: np.ndarray, from_logits: bool) -> np.ndarray:
    """sigmoid(outputs), or the outputs if they are probabilities: float64.

    Raises:
      InputError: a probability is below 0 or above 1.
    """
    if from_logits:
        small = np.exp(-np.abs(outputs))  # never overflows
        return np.where(outputs >= 0, 1.0, small) / (1.0 + small)
    if len(outputs) and not (outputs.min() >= -ROUNDING and outputs.max() <= 1 + ROUNDING):
        raise InputError(
            "from_logits",
            f"expected probabilities, got outputs from {outputs.min():.4g} to "
            f"{outputs.max():.4g}; they are logits if the model does not end in sigmoid or softmax",
        )
    return np.clip(outputs, 0.0, 1.0)


def log_loss(indicators: np.ndarray, p: np.ndarray) -> np.ndarray:
    """-y log p - (1 - y) log(1 - p) of each entry, with p clipped as the metric of that name."""
    p = np.clip(p, CLIP, 1.0 - CLIP)
    return -indicators * np.log(p) - (1.0 - indicators) * np.log1p(-p)
