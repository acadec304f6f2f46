"""Accuracy in which all classes weigh the same."""

from typing import ClassVar

from keras import ops

from mlp_lab.metrics.counts import Counts, mean_of
from mlp_lab.metrics.decisions import register


@register
class BalancedAccuracy(Counts):
    """The mean recall of the classes that have samples.

    recall_i = counts[i, i] / sum_j counts[i, j]. A model that always gives the same class gets
    1 / classes, however frequent that class is. Binary: the mean of the recalls of negatives and
    positives. Labels: the mean over the labels of the same. Equals
    sklearn.metrics.balanced_accuracy_score. Before the first sample, the result is 0.

    Args:
      num_classes: number of classes, 2 if there is one output; number of labels.
      from_logits: whether the outputs are logits; only binary and labels depend on it.
      task: "classes", "binary", "labels", or "auto"; see `mlp_lab.metrics`.
    """

    direction: ClassVar[str] = "max"

    def __init__(
        self, num_classes, name="balanced_accuracy", dtype=None, *, from_logits=False, task="auto"
    ):
        super().__init__(num_classes, name, dtype, from_logits=from_logits, task=task)

    def result(self):
        counts = ops.convert_to_tensor(self.counts)
        samples = ops.sum(counts, axis=-1)
        recalls = ops.divide_no_nan(ops.diagonal(counts, axis1=-2, axis2=-1), samples)
        return ops.cast(ops.mean(mean_of(recalls, samples > 0)), self.dtype)
