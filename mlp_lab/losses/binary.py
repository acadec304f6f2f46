"""Cross-entropy of independent yes-or-no outputs."""

from typing import ClassVar

from keras import ops

from mlp_lab.losses.crossentropy import Crossentropy, smoothed
from mlp_lab.losses.tensors import EPSILON, like, outputs, register


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0):
    """mean_j of -y_j log p_j - (1 - y_j) log(1 - p_j) per sample.

    Args:
      y_true: [batch, ..., n], each entry in [0, 1].
      y_pred: the same shape; logits z with p = sigmoid(z), or probabilities.
      from_logits: whether y_pred are logits.
      label_smoothing: s, from 0 to below 1; y_true becomes (1 - s) * y_true + s / 2.

    Returns:
      [batch, ...]; gradient with respect to logits: (sigmoid(z) - y_true) / n.
    """
    y_pred = outputs(y_pred)
    y_true = smoothed(like(y_true, y_pred), label_smoothing, 2)
    if from_logits:
        # -log sigmoid(z) = softplus(-z) and -log(1 - sigmoid(z)) = softplus(z).
        losses = y_true * ops.softplus(-y_pred) + (1.0 - y_true) * ops.softplus(y_pred)
    else:
        p = ops.clip(y_pred, EPSILON, 1.0 - EPSILON)
        losses = -y_true * ops.log(p) - (1.0 - y_true) * ops.log(1.0 - p)
    return ops.mean(losses, axis=-1)


@register
class BinaryCrossentropy(Crossentropy):
    """`binary_crossentropy`, averaged over the batch."""

    label_form: ClassVar[str] = "one_hot"
    function = staticmethod(binary_crossentropy)
