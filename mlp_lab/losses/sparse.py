"""Cross-entropy of class probabilities and class indices."""

from typing import ClassVar

from keras import ops

from mlp_lab.losses.crossentropy import Crossentropy, log_probabilities, smoothed
from mlp_lab.losses.tensors import outputs, register


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0):
    """-log p_y per sample: `categorical_crossentropy` for class indices.

    Args:
      y_true: class index per sample, [batch, ...] or [batch, ..., 1].
      y_pred: [batch, ..., classes]; logits, or probabilities (divided by their sum).
      from_logits: whether y_pred are logits.
      label_smoothing: s, from 0 to below 1; the label's probability 1 becomes
        1 - s + s / classes, and that of every other class s / classes.

    Returns:
      [batch, ...]; NaN for an index outside 0 ... classes - 1, so that a wrong
      label is noticed instead of learned.
    """
    y_pred = outputs(y_pred)
    y_true = ops.cast(y_true, "int32")
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    if len(y_true.shape) != len(y_pred.shape) - 1:
        raise ValueError(
            f"expected one class index per output {tuple(y_pred.shape)}, got labels of shape "
            f"{tuple(y_true.shape)}; for one-hot labels use categorical_crossentropy"
        )
    classes = y_pred.shape[-1]
    # A product with the one-hot row, not a gather: its gradient is dense algebra,
    # which XLA fuses and which costs the same as for one-hot labels.
    chosen = smoothed(ops.one_hot(y_true, classes, dtype=y_pred.dtype), label_smoothing, classes)
    losses = -ops.sum(chosen * log_probabilities(y_pred, from_logits), axis=-1)
    valid = ops.logical_and(y_true >= 0, y_true < classes)
    return ops.where(valid, losses, ops.cast(float("nan"), y_pred.dtype))


@register
class SparseCategoricalCrossentropy(Crossentropy):
    """`sparse_categorical_crossentropy`, averaged over the batch."""

    label_form: ClassVar[str] = "integer"
    function = staticmethod(sparse_categorical_crossentropy)
