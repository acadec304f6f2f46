"""Counts of true and decided classes, from which several metrics are computed."""

from typing import ClassVar

import keras
from keras import ops

from mlp_lab.metrics.decisions import check_task, decisions, flat, weights


class Counts(keras.metrics.Metric):
    """counts[i, j]: how many samples of class i were decided to be j.

    Of classes and binary [num_classes, num_classes]; of labels [num_classes, 2, 2], where the
    classes are no and yes, for each label. With sample weights the entries are sums of weights.
    Labels outside of the classes are not counted.

    Args:
      num_classes: number of classes, 2 if there is one output; number of labels.
      from_logits: whether the outputs are logits; only binary and labels depend on it.
      task: "classes", "binary", "labels", or "auto"; see `mlp_lab.metrics`.
    """

    label_form: ClassVar[str] = "any"

    def __init__(self, num_classes, name, dtype=None, *, from_logits=False, task="auto"):
        super().__init__(name=name, dtype=dtype)
        check_task(task)
        check_classes(num_classes, task)
        self.num_classes, self.from_logits, self.task = num_classes, from_logits, task
        shape = (num_classes, 2, 2) if task == "labels" else (num_classes, num_classes)
        self.counts = self.add_variable(shape, "zeros", dtype="float64", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels, predictions = decisions(y_true, y_pred, self.from_logits, self.task)
        check_outputs(self, y_pred)
        weight = weights(sample_weight, labels)
        if self.task == "labels":
            shape = (-1, self.num_classes)
            rows = ops.one_hot(ops.reshape(labels, shape), 2, dtype="float64")
            columns = ops.one_hot(ops.reshape(predictions, shape), 2, dtype="float64")
            weighted = rows * ops.reshape(weight, shape)[..., None]
            self.counts.assign_add(ops.einsum("nki,nkj->kij", weighted, columns))
            return
        rows = ops.one_hot(flat(labels), self.num_classes, dtype="float64")
        columns = ops.one_hot(flat(predictions), self.num_classes, dtype="float64")
        self.counts.assign_add(ops.matmul(ops.transpose(rows * flat(weight)[:, None]), columns))

    def get_config(self):
        own = {
            "num_classes": self.num_classes,
            "from_logits": self.from_logits,
            "task": self.task,
        }
        return {**super().get_config(), **own}


def check_classes(num_classes, task):
    """Raises a ValueError if it is not a number of classes or labels."""
    least = 1 if task == "labels" else 2
    whole = isinstance(num_classes, int) and not isinstance(num_classes, bool)
    if not whole or num_classes < least or (task == "binary" and num_classes != 2):
        wanted = "2" if task == "binary" else f"a whole number of at least {least}"
        raise ValueError(f"num_classes: expected {wanted}, got {num_classes!r}")


def check_outputs(metric, y_pred):
    """Raises a ValueError if the outputs are not those of a metric's number of classes."""
    outputs = ops.convert_to_tensor(y_pred).shape[-1]
    one = metric.task != "labels" and metric.num_classes == 2 and outputs == 1
    if outputs not in (None, metric.num_classes) and not one:
        raise ValueError(
            f"{metric.name}: expected outputs for num_classes={metric.num_classes} classes, got "
            f"{outputs}"
        )


def mean_of(values, counted):
    """The mean along the last axis of the values that are counted; 0 if none is."""
    counted = ops.cast(counted, "float64")
    return ops.divide_no_nan(ops.sum(values * counted, axis=-1), ops.sum(counted, axis=-1))
