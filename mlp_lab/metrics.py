"""Metrics: exact counts over all samples since the last reset.

Unlike an average of batch averages, a quotient of counts is correct for any batch
sizes. With sample weights, each sample counts as its weight.
"""

from collections.abc import Callable
from typing import ClassVar

import keras
from keras import ops

from mlp_lab import losses

_register = keras.saving.register_keras_serializable("mlp_lab.metrics")


def _class_indices(y_true, y_pred):
    """Labels and predictions as class indices, [batch, ...] int32 each.

    One-hot labels (the shape of y_pred) become their argmax; integer labels,
    [batch, ...] or [batch, ..., 1], keep their values.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    if len(y_pred.shape) < 2 or y_pred.shape[-1] == 1:
        raise ValueError(
            f"expected one output per class, [batch, classes], got shape {tuple(y_pred.shape)}; "
            "for a single output use keras.metrics.BinaryAccuracy"
        )
    if len(y_true.shape) == len(y_pred.shape):
        if y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, axis=-1)
        elif y_true.shape[-1] is None:  # not known before the batch is
            indices = ops.cast(y_true[..., 0], "int32")
            one_hot = ops.cast(ops.argmax(y_true, axis=-1), "int32")
            y_true = ops.where(ops.shape(y_true)[-1] == 1, indices, one_hot)
        elif y_true.shape[-1] == y_pred.shape[-1]:
            y_true = ops.argmax(y_true, axis=-1)
    if len(y_true.shape) != len(y_pred.shape) - 1:
        raise ValueError(
            "expected one class index per sample, or one-hot labels of the outputs' shape "
            f"{tuple(y_pred.shape)}, got labels of shape {tuple(y_true.shape)}"
        )
    return ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, axis=-1), "int32")


def _weights(sample_weight, like):
    """One weight per label, by default 1: float64, flat."""
    if sample_weight is None:
        return ops.reshape(ops.ones_like(like, dtype="float64"), (-1,))
    weight = ops.cast(sample_weight, "float64")
    while len(weight.shape) < len(like.shape):
        weight = ops.expand_dims(weight, axis=-1)
    if len(weight.shape) > len(like.shape):
        weight = ops.squeeze(weight, axis=-1)
    return ops.reshape(ops.broadcast_to(weight, ops.shape(like)), (-1,))


@_register
class Accuracy(keras.metrics.Metric):
    """correct / total: the share of samples whose largest output is their label.

    Labels may be class indices or one-hot; outputs may be logits or probabilities,
    [batch, ..., classes]. The counts are float64, exact up to 2^53 samples (float32
    would stop counting at 2^24). Before the first sample, the result is 0.
    """

    label_form: ClassVar[str] = "any"

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.correct = self.add_variable((), "zeros", dtype="float64", name="correct")
        self.total = self.add_variable((), "zeros", dtype="float64", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels, predictions = _class_indices(y_true, y_pred)
        weight = _weights(sample_weight, labels)
        hits = ops.reshape(ops.cast(labels == predictions, "float64"), (-1,))
        self.correct.assign_add(ops.sum(weight * hits))
        self.total.assign_add(ops.sum(weight))

    def result(self):
        return ops.cast(ops.divide_no_nan(self.correct, self.total), self.dtype)


@_register
class ConfusionCounts(keras.metrics.Metric):
    """counts[i, j]: how many samples of class i were predicted as class j.

    Rows are true classes and columns are predictions, as in
    sklearn.metrics.confusion_matrix; the diagonal holds the correct predictions. With
    sample weights the entries are sums of weights. Labels outside
    0 ... num_classes - 1 are not counted.

    The logs of `fit` hold one number per cell, `<name>_<i>_<j>`; `matrix()` returns
    the whole matrix, [num_classes, num_classes] float64.

    Args:
      num_classes: number of classes, at least 2.
    """

    label_form: ClassVar[str] = "any"

    def __init__(self, num_classes, name="confusion", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if not isinstance(num_classes, int) or num_classes < 2:
            raise ValueError(
                f"num_classes: expected a whole number of at least 2, got {num_classes!r}"
            )
        self.num_classes = num_classes
        self.counts = self.add_variable(
            (num_classes, num_classes), "zeros", dtype="float64", name="counts"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels, predictions = _class_indices(y_true, y_pred)
        outputs = ops.convert_to_tensor(y_pred).shape[-1]
        if outputs not in (None, self.num_classes):
            raise ValueError(
                f"{self.name}: expected outputs for num_classes={self.num_classes} classes, got "
                f"{outputs}"
            )
        weight = _weights(sample_weight, labels)
        rows = ops.one_hot(ops.reshape(labels, (-1,)), self.num_classes, dtype="float64")
        columns = ops.one_hot(ops.reshape(predictions, (-1,)), self.num_classes, dtype="float64")
        self.counts.assign_add(ops.matmul(ops.transpose(rows * weight[:, None]), columns))

    def matrix(self):
        """The counts, [num_classes, num_classes] float64."""
        return ops.convert_to_tensor(self.counts)

    def result(self):
        cells = ops.unstack(ops.reshape(ops.cast(self.counts, self.dtype), (-1,)))
        classes = range(self.num_classes)
        names = [f"{self.name}_{i}_{j}" for i in classes for j in classes]
        return dict(zip(names, cells, strict=True))

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}


@_register
class PerClassAccuracy(ConfusionCounts):
    """The share of each class's samples that were predicted correctly (its recall).

    The logs of `fit` hold one number per class, `<name>_<i>`. For a class without
    samples it is 0.

    Args:
      num_classes: number of classes, at least 2.
    """

    def __init__(self, num_classes, name="class_accuracy", dtype=None):
        super().__init__(num_classes, name=name, dtype=dtype)

    def result(self):
        shares = ops.divide_no_nan(ops.diagonal(self.counts), ops.sum(self.counts, axis=1))
        shares = ops.unstack(ops.cast(shares, self.dtype))
        return {f"{self.name}_{i}": share for i, share in enumerate(shares)}


class _MeanLoss(keras.metrics.Mean):
    """The mean of a loss over all samples: sum of weight * loss / sum of weights."""

    function: ClassVar[Callable]

    def __init__(self, name=None, dtype=None):
        super().__init__(name=name or self.function.__name__, dtype=dtype)

    def values(self, y_true, y_pred):
        """The loss of each sample, [batch, ...]."""
        return self.function(y_true, y_pred)

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.values(y_true, ops.cast(y_pred, self.dtype))
        return super().update_state(values, sample_weight=sample_weight)


@_register
class MeanSquaredError(_MeanLoss):
    """`losses.mean_squared_error`, averaged over all samples."""

    label_form: ClassVar[str] = "one_hot"
    function = staticmethod(losses.mean_squared_error)


class _MeanCrossentropy(_MeanLoss):
    """The mean of a cross-entropy over all samples.

    Args:
      from_logits: whether the outputs are logits rather than probabilities.
      name: by default the function's name.
    """

    def __init__(self, from_logits=False, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.from_logits = from_logits

    def values(self, y_true, y_pred):
        return self.function(y_true, y_pred, self.from_logits)

    def get_config(self):
        return {**super().get_config(), "from_logits": self.from_logits}


@_register
class CategoricalCrossentropy(_MeanCrossentropy):
    """`losses.categorical_crossentropy`, averaged over all samples."""

    label_form: ClassVar[str] = "one_hot"
    function = staticmethod(losses.categorical_crossentropy)


@_register
class SparseCategoricalCrossentropy(_MeanCrossentropy):
    """`losses.sparse_categorical_crossentropy`, averaged over all samples."""

    label_form: ClassVar[str] = "integer"
    function = staticmethod(losses.sparse_categorical_crossentropy)


@_register
class BinaryCrossentropy(_MeanCrossentropy):
    """`losses.binary_crossentropy`, averaged over all samples."""

    label_form: ClassVar[str] = "one_hot"
    function = staticmethod(losses.binary_crossentropy)
