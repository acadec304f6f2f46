"""The recall of each class."""

from typing import ClassVar

from keras import ops

from mlp_lab.metrics.confusion import ConfusionCounts
from mlp_lab.metrics.decisions import register


@register
class PerClassAccuracy(ConfusionCounts):
    """The share of each class's samples that were predicted correctly (its recall).

    The logs of `fit` hold one number per class, `<name>_<i>`. For a class without
    samples it is 0.

    Args:
      num_classes: number of classes, at least 2.
      from_logits: whether the outputs are logits; only a single output depends on it.
      task: "classes", "binary" or "auto"; see `mlp_lab.metrics`.
    """

    direction: ClassVar[str | None] = "max"

    def __init__(
        self, num_classes, name="class_accuracy", dtype=None, *, from_logits=False, task="auto"
    ):
        super().__init__(num_classes, name, dtype, from_logits=from_logits, task=task)

    def result(self):
        shares = ops.divide_no_nan(ops.diagonal(self.counts), ops.sum(self.counts, axis=1))
        shares = ops.unstack(ops.cast(shares, self.dtype))
        return {f"{self.name}_{i}": share for i, share in enumerate(shares)}
