"""Evaluates a trained model: metrics with intervals, calibration, confusion, worst rows."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.errors import InputError
from mlp_lab.folders import replacing
from mlp_lab.pictures.confusion import confusion_counts, picture
from mlp_lab.runs import texts
from mlp_lab.trained import scores
from mlp_lab.trained.labeled import class_ids, read_labeled
from mlp_lab.trained.reading import Predictions, read
from mlp_lab.trained.subject import Subject, subject
from mlp_lab.writers import Writer

FILE = "evaluation.json"
_CHUNK = 4096
_WORST = 10


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """How good a classifier is on some labeled rows; printed, it is a table.

    Attributes:
      data: where the rows come from; rows: how many.
      metrics: by name, the value and its 95 % interval: {"value", "low", "high", "interval"}.
      classes: for each class {"name", "rows", "recall", "low", "high", "precision", "f1"}.
      confusion: [true class][predicted class], numbers of rows.
      calibration: {"expected_calibration_error", "bins": [...]}.
      worst: the rows with the highest loss: {"row", "label", "class", "probability", "loss"}.
    """

    data: str
    rows: int
    metrics: dict[str, dict[str, Any]]
    classes: list[dict[str, Any]]
    confusion: list[list[int]]
    calibration: dict[str, Any]
    worst: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """What evaluation.json holds."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        number = texts.number
        parts = [f"{self.rows:,} rows of {self.data}"]
        rows = [
            [name, number(m["value"]), f"{number(m['low'])} to {number(m['high'])}", m["interval"]]
            for name, m in self.metrics.items()
        ]
        parts.append(texts.table(["metric", "value", "95 % interval", "method"], rows))
        rows = [
            [c["name"], number(c["rows"]), number(c["recall"]),
             f"{number(c['low'])} to {number(c['high'])}", number(c["precision"]), number(c["f1"])]
            for c in self.classes
        ]  # fmt: skip
        head = ["class", "rows", "recall", "95 % interval", "precision", "F1"]
        parts.append(texts.table(head, rows))
        error = self.calibration["expected_calibration_error"]
        parts.append(f"expected calibration error {number(error)}, in 15 bins")
        rows = [
            [number(w["row"]), w["label"], w["class"], number(w["probability"])] for w in self.worst
        ]
        parts.append("worst rows, counted from 0")
        parts.append(texts.table(["row", "label", "predicted", "p(label)"], rows))
        return "\n\n".join(parts)


def evaluate(
    path: str | os.PathLike[str],
    data: str | None = None,
    checkpoint: bool = False,
    samples: int = 1000,
    seed: int = 0,
    say: Callable[[str], None] = print,
    write: bool = True,
) -> Evaluation:
    """Evaluates a trained classifier on its run's test set, or on other labeled rows.

    Intervals of shares are Wilson's; those of log loss are of the bootstrap-t over rows, and those
    of other metrics are percentiles of a bootstrap. All take rows as drawn independently.

    Args:
      path: a run's folder, or a .keras file.
      data: an npz file with x and y; by default the test set of the run.
      checkpoint: whether to use the last checkpoint of a run that has not ended.
      samples: of the bootstrap.
      seed: of the bootstrap.
      say: told what the user should know.
      write: whether to write evaluation.json into the run's folder, and pages for TensorBoard
        into its folder evaluation/.

    Raises:
      InputError: the model or the data cannot be used, or the folder cannot be written to.
    """
    found = subject(path, checkpoint)
    for note in found.notes:
        say(note)
    x, y = found.test_data(say) if data is None else read_labeled(data)
    predictions = predict_rows(found, x)
    labels = class_ids(np.asarray(y), predictions.names)
    where = data or f"the test set of {found.run.config.dataset}"
    result = _evaluation(where, labels, predictions, samples, seed)
    if write and found.run.path.is_dir():
        _write(found, result)
    return result


def predict_rows(found: Subject, x: Any) -> Predictions:
    """The predictions for rows in memory or in files."""
    parts = []
    for start in range(0, len(x), _CHUNK):
        parts.append(found.outputs(found.check(np.asarray(x[start : start + _CHUNK]))))
    outputs = np.concatenate(parts)
    if not np.isfinite(outputs).all():
        row = int((~np.isfinite(outputs)).any(axis=tuple(range(1, outputs.ndim))).argmax())
        raise InputError("", f"the model's outputs for row {row} are not finite")
    return read(outputs, found.from_logits, found.names(outputs.shape[-1]))


def _evaluation(
    where: str, labels: np.ndarray, predictions: Predictions, samples: int, seed: int
) -> Evaluation:
    p, ids, names = predictions.probabilities, predictions.ids, predictions.names
    counts = confusion_counts(labels, ids, len(names))
    losses = scores.log_losses(labels, p)
    right = ids == labels
    table, error = scores.reliability(right, p[np.arange(len(ids)), ids])
    metrics = {
        "accuracy": _metric(right.mean(), scores.wilson(right.sum(), len(labels)), "Wilson"),
        "log_loss": _metric(
            losses.mean(), scores.bootstrap_mean(losses, samples, seed), "bootstrap-t"
        ),
    }
    for score in (scores.balanced_accuracy, scores.macro_f1):
        interval = scores.bootstrap_counts(counts, score, samples, seed)
        metrics[score.__name__] = _metric(score(counts), interval)
    recall, precision, f1 = scores.recall(counts), scores.precision(counts), scores.f1(counts)
    classes = []
    for i, name in enumerate(names):
        rows = int(counts[i].sum())
        low, high = scores.wilson(float(counts[i, i]), rows)
        share = float(recall[i]) if rows else None
        classes.append(
            {"name": name, "rows": rows, "recall": share, "low": low, "high": high,
             "precision": float(precision[i]), "f1": float(f1[i])}
        )  # fmt: skip
    worst = [
        {"row": int(row), "label": names[labels[row]], "class": names[ids[row]],
         "probability": float(p[row, labels[row]]), "loss": float(losses[row])}
        for row in np.argsort(-losses, kind="stable")[:_WORST]
    ]  # fmt: skip
    calibration = {"expected_calibration_error": error, "bins": table}
    return Evaluation(
        where, len(labels), metrics, classes, counts.tolist(), calibration, worst
    )  # fmt: skip


def _metric(value: Any, interval: scores.Interval, method: str = "bootstrap") -> dict[str, Any]:
    low, high = interval
    return {"value": float(value), "low": low, "high": high, "interval": method}


def _write(found: Subject, result: Evaluation) -> None:
    folder: Path = found.run.path
    try:
        with replacing(folder / FILE) as file:
            file.write((json.dumps(result.to_dict(), indent=2) + "\n").encode())
        writer = Writer(folder / "evaluation")
        step = int(found.run.record.get("epochs") or 0)
        writer.scalars({f"evaluation/{n}": m["value"] for n, m in result.metrics.items()}, step)
        writer.text("evaluation", f"    {result}".replace("\n", "\n    "), step)
        drawn = picture(
            np.array(result.confusion), [c["name"] for c in result.classes], result.data
        )
        writer.images("evaluation/confusion", drawn, step)
        writer.close()
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("", f"{str(folder)!r} cannot be written to ({reason})") from error
