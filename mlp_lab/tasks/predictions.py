"""What a model's outputs say, sample by sample."""

from __future__ import annotations

import dataclasses

import numpy as np

from mlp_lab.display import Displayed, Row


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Predictions(Displayed):
    """The predictions of a task for n samples.

    Attributes:
      kind: of the task.
      names: of the task's classes, labels or targets.
      values: class ids, int32 [n], also for binary; which labels apply, bool [n, labels]; or
        numbers in the unit of the target, float64 [n, targets].
      probabilities: float64 [n, names], of classes in a sum of 1; None for numbers.
    """

    kind: str
    names: tuple[str, ...]
    values: np.ndarray
    probabilities: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values)

    def labels(self) -> list:
        """By sample: the name of its class; the names of its labels, a tuple; its numbers, a tuple.

        A task with one number gives the number itself.
        """
        if self.kind in ("classes", "binary"):
            return [self.names[i] for i in self.values]
        if self.kind == "labels":
            return [
                tuple(name for name, applies in zip(self.names, row, strict=True) if applies)
                for row in self.values
            ]
        rows = self.values.tolist()
        return [row[0] for row in rows] if len(self.names) == 1 else list(map(tuple, rows))

    def columns(self) -> dict[str, np.ndarray]:
        """The columns of a table of predictions, by name, each of n values.

        Classes: "class", the names, and "probability of NAME" for each. Labels: NAME, 1 or 0, for
        each, and "probability of NAME". Numbers: NAME for each target. Of two equal names, the
        second gets an apostrophe.
        """
        found: dict[str, np.ndarray] = {}
        if self.kind in ("classes", "binary"):
            found["class"] = np.array(self.names, object)[self.values]
        else:
            whole = self.values.astype(np.int8) if self.kind == "labels" else self.values
            found |= dict(zip(self.names, whole.T, strict=True))
        if self.probabilities is not None:
            for name, column in zip(self.names, self.probabilities.T, strict=True):
                title = f"probability of {name}"
                while title in found:
                    title += "'"
                found[title] = column
        return found

    def _display(self) -> tuple[str, list[Row]]:
        rows: list[Row] = [("values", self.values)]
        if self.probabilities is not None:
            rows.append(("probabilities", self.probabilities))
        return f"{self.kind}, {len(self):,} samples", rows
