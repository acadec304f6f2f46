"""Whether the label is among the k largest outputs."""

from typing import ClassVar

from keras import ops

from mlp_lab.metrics.decisions import kind_of, register, true_ids
from mlp_lab.metrics.means import MeanOfValues


@register
class TopK(MeanOfValues):
    """The share of samples whose label is among the k largest outputs.

    Of equal outputs the first counts as larger, as in argmax, so that k=1 is the accuracy, and a
    model whose outputs are all equal gains nothing. (In Keras' TopKCategoricalAccuracy all of
    them are among the k.) A NaN among the outputs, or a label outside of the classes, is a miss.

    Args:
      k: at least 1, and less than the number of classes.
      name: by default "top_" and k.
    """

    label_form: ClassVar[str] = "any"
    direction: ClassVar[str] = "max"

    def __init__(self, k=5, name=None, dtype=None):
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise ValueError(f"k: expected a whole number of at least 1, got {k!r}")
        super().__init__(name=name or f"top_{k}", dtype=dtype)
        self.k = k

    def values(self, y_true, y_pred):
        y_pred = ops.convert_to_tensor(y_pred)
        labels = true_ids(y_true, y_pred, kind_of(y_pred, "classes"))
        classes = y_pred.shape[-1]
        if classes <= self.k:
            raise ValueError(
                f"{self.name}: with {classes} classes every label is among the {self.k} largest; "
                "expected a smaller k, as in top_k(k=2)"
            )
        own = ops.one_hot(labels, classes, dtype="bool")
        output = ops.sum(ops.where(own, y_pred, ops.zeros_like(y_pred)), axis=-1, keepdims=True)
        before = ops.arange(classes) < labels[..., None]
        larger = ops.logical_or(y_pred > output, ops.logical_and(y_pred == output, before))
        rank = ops.sum(ops.cast(larger, "int32"), axis=-1)
        readable = ops.logical_and(
            ops.any(own, axis=-1), ops.logical_not(ops.any(ops.isnan(y_pred), axis=-1))
        )
        return ops.logical_and(rank < self.k, readable)

    def get_config(self):
        return {**super().get_config(), "k": self.k}
