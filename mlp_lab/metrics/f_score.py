"""The F1 score."""

from typing import ClassVar

from keras import ops

from mlp_lab.metrics.counts import Counts, mean_of
from mlp_lab.metrics.decisions import register


@register
class F1(Counts):
    """The mean over the classes of 2 precision * recall / (precision + recall): macro F1.

    F1_i = 2 counts[i, i] / (sum_j counts[i, j] + sum_j counts[j, i]), over the classes that have
    samples or predictions. Binary: the mean over both classes. Labels: the mean over the labels
    of the F1 of "applies". Equals sklearn.metrics.f1_score with average="macro" and
    zero_division=nan, which leaves out classes without samples and predictions. Before the first
    sample, the result is 0.

    Args:
      num_classes: number of classes, 2 if there is one output; number of labels.
      from_logits: whether the outputs are logits; only binary and labels depend on it.
      task: "classes", "binary", "labels", or "auto"; see `mlp_lab.metrics`.
    """

    direction: ClassVar[str] = "max"

    def __init__(self, num_classes, name="f1", dtype=None, *, from_logits=False, task="auto"):
        super().__init__(num_classes, name, dtype, from_logits=from_logits, task=task)

    def result(self):
        counts = ops.convert_to_tensor(self.counts)
        both = ops.sum(counts, axis=-1) + ops.sum(counts, axis=-2)
        right = ops.diagonal(counts, axis1=-2, axis2=-1)
        if self.task == "labels":
            both, right = both[:, 1], right[:, 1]
        return ops.cast(mean_of(ops.divide_no_nan(2.0 * right, both), both > 0), self.dtype)
