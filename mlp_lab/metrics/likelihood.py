"""The log loss."""

from typing import ClassVar

from keras import ops

from mlp_lab.metrics.decisions import check_task, kind_of, register, true_ids
from mlp_lab.metrics.means import MeanOfValues

CLIP = 2.0**-23
"""float32's machine epsilon. Probabilities are kept this far from 0 and 1."""


@register
class LogLoss(MeanOfValues):
    """The mean of -log p of what was true: the cross-entropy of labels without smoothing.

    Classes: p is the probability of the label, after division by the sum of the probabilities.
    Binary: that of the positive or the negative class. Labels: the mean over the labels of
    -log p that it applies, or does not. Logits are computed with as they are; probabilities are
    first clipped to [eps, 1 - eps] with float32's eps, 1.2e-7, as sklearn.metrics.log_loss does
    for float32. A label outside of the classes gives NaN. Before the first sample, the result
    is 0.

    Args:
      from_logits: whether the outputs are logits rather than probabilities.
      task: "classes", "binary", "labels", or "auto"; see `mlp_lab.metrics`.
    """

    label_form: ClassVar[str] = "any"

    def __init__(self, from_logits=False, name="log_loss", dtype=None, *, task="auto"):
        super().__init__(name=name, dtype=dtype)
        check_task(task)
        self.from_logits, self.task = from_logits, task

    def values(self, y_true, y_pred):
        y_pred = ops.convert_to_tensor(y_pred)
        kind = kind_of(y_pred, self.task)
        ids = true_ids(y_true, y_pred, kind)
        wide = ops.cast(y_pred, "float64")
        if kind == "classes":
            values, classes = self._of_classes(ids, wide), y_pred.shape[-1]
        else:
            wide = wide[..., 0] if kind == "binary" else wide
            values, classes = self._of_two(ids, wide), 2
        known = ops.logical_and(ids >= 0, ids < classes)
        values = ops.where(known, values, float("nan"))
        return ops.mean(values, axis=-1) if kind == "labels" else values

    def _of_classes(self, ids, outputs):
        if self.from_logits:
            shifted = outputs - ops.max(outputs, axis=-1, keepdims=True)
            logs = shifted - ops.log(ops.sum(ops.exp(shifted), axis=-1, keepdims=True))
        else:
            shares = outputs / ops.sum(outputs, axis=-1, keepdims=True)
            logs = ops.log(ops.clip(shares, CLIP, 1.0 - CLIP))
        chosen = ops.one_hot(ids, outputs.shape[-1], dtype="bool")
        # Not a product: 0 * -inf would be NaN.
        return -ops.sum(ops.where(chosen, logs, 0.0), axis=-1)

    def _of_two(self, ids, outputs):
        if self.from_logits:
            return ops.softplus(ops.where(ids == 1, -outputs, outputs))
        return -ops.log(ops.clip(ops.where(ids == 1, outputs, 1.0 - outputs), CLIP, 1.0 - CLIP))

    def get_config(self):
        return {**super().get_config(), "from_logits": self.from_logits, "task": self.task}
