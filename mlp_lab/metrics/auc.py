"""The area under the ROC curve."""

from typing import ClassVar

import keras
from keras import ops

from mlp_lab.metrics.counts import check_classes, check_outputs, mean_of
from mlp_lab.metrics.decisions import check_task, kind_of, register, true_ids, weights

_FARTHEST = 1e4
"""Logits beyond this count as equal."""


@register
class AUC(keras.metrics.Metric):
    """The probability that a positive sample has a higher score than a negative one; ties 1/2.

    Binary: of the only output. Labels: the mean over the labels. Several classes: the mean over
    the classes of "this class or another", scored by its probability; with two classes both are
    equal. Labels or classes without a positive or without a negative sample are left out; if
    none is left, and before the first sample, the result is 0. Equals
    sklearn.metrics.roc_auc_score with average="macro" and multi_class="ovr" but for rounding:

    Scores are counted in bins, since exact ranks need all of them. Bins are equally wide in
    sign(z) log(1 + |z|) of the logit z; each of 16,384 covers about 0.0011 (1 + |z|) in z. So
    probabilities near 0 and 1 are told apart, which bins of equal probability do not do where
    positives are rare. Scores in one bin count as ties; `error_bound()` is how much that can
    change the result. For normally distributed logits with a standard deviation of 1 the error is
    2e-6 around z = 0 and 2e-5 around z = -6; of 0.1, 2e-5 and 3e-4. Logits beyond 10,000 count as
    equal.

    Args:
      num_classes: number of classes, 2 if there is one output; number of labels.
      from_logits: whether the outputs are logits rather than probabilities.
      task: "classes", "binary", "labels", or "auto"; see `mlp_lab.metrics`.
      num_bins: the memory is 16 bytes for each, of each label or class.
    """

    label_form: ClassVar[str] = "any"
    direction: ClassVar[str] = "max"

    def __init__(
        self,
        num_classes=2,
        name="auc",
        dtype=None,
        *,
        from_logits=False,
        task="auto",
        num_bins=16384,
    ):
        super().__init__(name=name, dtype=dtype)
        check_task(task)
        check_classes(num_classes, task)
        whole = isinstance(num_bins, int) and not isinstance(num_bins, bool)
        if not whole or num_bins < 2:
            raise ValueError(f"num_bins: expected a whole number of at least 2, got {num_bins!r}")
        self.num_classes, self.from_logits, self.task = num_classes, from_logits, task
        self.num_bins = num_bins
        self._curves = 1 if num_classes == 2 and task != "labels" else num_classes
        shape = (self._curves, num_bins)
        self.positives = self.add_variable(shape, "zeros", dtype="float64", name="positives")
        self.negatives = self.add_variable(shape, "zeros", dtype="float64", name="negatives")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        kind = kind_of(y_pred, self.task)
        check_outputs(self, y_pred)
        ids = true_ids(y_true, y_pred, kind)
        weight = weights(sample_weight, ids)
        scores = _scores(ops.cast(y_pred, "float64"), self.from_logits, kind, self._curves)
        if kind == "classes":
            known = ops.logical_and(ids >= 0, ids < self.num_classes)
            curves = ops.arange(self.num_classes)[-self._curves :]
            positive = ops.equal(ids[..., None], ops.cast(curves, ids.dtype))
            negative = ops.logical_and(known[..., None], ops.logical_not(positive))
        else:
            ids = ids[..., None] if kind == "binary" else ids
            positive, negative = ids == 1, ids == 0
        if kind != "labels":
            weight = weight[..., None]
        self.positives.assign_add(self._binned(scores, weight, positive))
        self.negatives.assign_add(self._binned(scores, weight, negative))

    def _binned(self, scores, weight, counted):
        """The weights of the counted samples in their bins, [curves, num_bins]."""
        weight = weight * ops.cast(counted, "float64")
        unreadable = ops.isnan(scores)
        # NaN in a bin makes the result NaN.
        weight = ops.where(ops.logical_and(unreadable, weight != 0), float("nan"), weight)
        near = ops.clip(ops.where(unreadable, 0.0, scores), -_FARTHEST, _FARTHEST)
        place = (
            ops.sign(near) * ops.log1p(ops.abs(near)) / ops.log1p(ops.cast(_FARTHEST, "float64"))
        )
        bins = ops.cast(ops.floor((place + 1.0) / 2.0 * self.num_bins), "int32")
        bins = ops.clip(bins, 0, self.num_bins - 1)
        bins = bins + self.num_bins * ops.arange(self._curves, dtype="int32")
        size = self._curves * self.num_bins
        sums = ops.segment_sum(ops.reshape(weight, (-1,)), ops.reshape(bins, (-1,)), size)
        return ops.reshape(sums, (self._curves, self.num_bins))

    def result(self):
        positives, negatives = self._counts()
        lower = ops.cumsum(negatives, axis=-1) - negatives / 2.0
        return ops.cast(self._mean(positives * lower, positives, negatives), self.dtype)

    def error_bound(self):
        """How much the result can differ from that of exact ranks, because of ties in bins."""
        positives, negatives = self._counts()
        ties = positives * negatives / 2.0
        return ops.cast(self._mean(ties, positives, negatives), self.dtype)

    def _counts(self):
        return ops.convert_to_tensor(self.positives), ops.convert_to_tensor(self.negatives)

    def _mean(self, pairs, positives, negatives):
        """The share of the pairs, the mean over the curves that have any; NaN stays."""
        total = ops.sum(positives, axis=-1) * ops.sum(negatives, axis=-1)
        share = ops.divide_no_nan(ops.sum(pairs, axis=-1), total)
        return mean_of(share, ops.logical_or(total > 0, ops.isnan(total)))

    def get_config(self):
        own = {
            "num_classes": self.num_classes,
            "from_logits": self.from_logits,
            "task": self.task,
            "num_bins": self.num_bins,
        }
        return {**super().get_config(), **own}


def _scores(outputs, from_logits, kind, curves):
    """The logit of each curve's positives, [batch, ..., curves]."""
    if kind != "classes":
        return outputs if from_logits else ops.log(outputs) - ops.log1p(-outputs)
    logits = outputs if from_logits else ops.log(outputs)
    # log p - log(1 - p) of p = softmax(logits) is the logit minus the logarithm of the sum of the
    # others' powers. That sum is not the total less the own power where this is the largest:
    # then, the others are summed up.
    size = outputs.shape[-1]
    largest = ops.one_hot(ops.argmax(logits, axis=-1), size, dtype="bool")
    others = _log_sum(ops.where(largest, -float("inf"), logits))
    whole = _log_sum(logits)
    rest = whole + ops.log1p(-ops.exp(ops.where(largest, -float("inf"), logits - whole)))
    return (logits - ops.where(largest, others, rest))[..., -curves:]


def _log_sum(logits):
    """log sum exp along the last axis, which is kept."""
    most = ops.max(logits, axis=-1, keepdims=True)
    most = ops.where(ops.isinf(most), ops.zeros_like(most), most)
    return most + ops.log(ops.sum(ops.exp(logits - most), axis=-1, keepdims=True))
