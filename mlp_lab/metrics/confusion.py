"""The confusion matrix."""

from typing import ClassVar

from keras import ops

from mlp_lab.metrics.counts import Counts
from mlp_lab.metrics.decisions import TASKS, check_task, register


@register
class ConfusionCounts(Counts):
    """counts[i, j]: how many samples of class i were predicted as class j.

    Rows are true classes and columns are predictions, as in
    sklearn.metrics.confusion_matrix; the diagonal holds the correct predictions. With
    sample weights the entries are sums of weights. Labels outside
    0 ... num_classes - 1 are not counted.

    The logs of `fit` hold one number per cell, `<name>_<i>_<j>`; `matrix()` returns
    the whole matrix, [num_classes, num_classes] float64.

    Args:
      num_classes: number of classes, at least 2.
      from_logits: whether the outputs are logits; only a single output depends on it.
      task: "classes", "binary" or "auto"; see `mlp_lab.metrics`. Several labels have no such
        matrix.
    """

    direction: ClassVar[str | None] = None

    def __init__(
        self, num_classes, name="confusion", dtype=None, *, from_logits=False, task="auto"
    ):
        check_task(task, TASKS[:-1])
        super().__init__(num_classes, name, dtype, from_logits=from_logits, task=task)

    def matrix(self):
        """The counts, [num_classes, num_classes] float64."""
        return ops.convert_to_tensor(self.counts)

    def result(self):
        cells = ops.unstack(ops.reshape(ops.cast(self.counts, self.dtype), (-1,)))
        classes = range(self.num_classes)
        names = [f"{self.name}_{i}_{j}" for i in classes for j in classes]
        return dict(zip(names, cells, strict=True))
