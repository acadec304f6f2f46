"""Cross-entropy of class probabilities and one-hot labels."""

from typing import ClassVar

from keras import ops

from mlp_lab.losses.crossentropy import Crossentropy, log_probabilities, smoothed
from mlp_lab.losses.tensors import like, outputs, register


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0):
    """-sum_j y_true_j * log p_j per sample.

    Args:
      y_true: one-hot labels or class probabilities, [batch, ..., classes].
      y_pred: the same shape; logits z with p = softmax(z), or probabilities, which
        are first divided by their sum.
      from_logits: whether y_pred are logits.
      label_smoothing: s, from 0 to below 1; y_true becomes
        (1 - s) * y_true + s / classes.

    Returns:
      [batch, ...]; gradient with respect to logits: softmax(z) - y_true, if the
      labels sum to 1.
    """
    y_pred = outputs(y_pred)
    y_true = smoothed(like(y_true, y_pred), label_smoothing, y_pred.shape[-1])
    return -ops.sum(y_true * log_probabilities(y_pred, from_logits), axis=-1)


@register
class CategoricalCrossentropy(Crossentropy):
    """`categorical_crossentropy`, averaged over the batch."""

    label_form: ClassVar[str] = "one_hot"
    function = staticmethod(categorical_crossentropy)
