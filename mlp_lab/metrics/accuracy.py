"""The share of right decisions."""

from typing import ClassVar

import keras
from keras import ops

from mlp_lab.metrics.decisions import check_task, decisions, register, weights


@register
class Accuracy(keras.metrics.Metric):
    """correct / total: the share of decisions that are right.

    Classes: whether the largest output is the label, one decision a sample. Binary: whether the
    output is above 0.5, the logit 0, and the label 1, or neither. Labels: one decision for each
    label of a sample (not for the set of its labels, which is harder to match the more there
    are).

    Labels may be class indices or one-hot; outputs may be logits or probabilities,
    [batch, ..., outputs]. Before the first sample, the result is 0.

    Args:
      from_logits: whether the outputs are logits; only binary and labels depend on it.
      task: "classes", "binary", "labels", or "auto"; see `mlp_lab.metrics`.
    """

    label_form: ClassVar[str] = "any"
    direction: ClassVar[str] = "max"

    def __init__(self, name="accuracy", dtype=None, *, from_logits=False, task="auto"):
        super().__init__(name=name, dtype=dtype)
        check_task(task)
        self.from_logits, self.task = from_logits, task
        self.correct = self.add_variable((), "zeros", dtype="float64", name="correct")
        self.total = self.add_variable((), "zeros", dtype="float64", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels, predictions = decisions(y_true, y_pred, self.from_logits, self.task)
        weight = weights(sample_weight, labels)
        hits = ops.cast(labels == predictions, "float64")
        self.correct.assign_add(ops.sum(weight * hits))
        self.total.assign_add(ops.sum(weight))

    def result(self):
        return ops.cast(ops.divide_no_nan(self.correct, self.total), self.dtype)

    def get_config(self):
        return {**super().get_config(), "from_logits": self.from_logits, "task": self.task}
