"""Labels, decisions and weights, as the metrics count them."""

import keras
from keras import ops

register = keras.saving.register_keras_serializable("mlp_lab.metrics")

TASKS = ("auto", "classes", "binary", "labels")


def check_task(task, allowed=TASKS):
    """Raises a ValueError if it is not the name of a kind of outputs."""
    if task not in allowed:
        raise ValueError(f"task: expected one of {', '.join(allowed)}, got {task!r}")


def kind_of(y_pred, task):
    """The kind of these outputs: "classes", "binary" or "labels".

    Raises:
      ValueError: the outputs are not of the kind that `task` says.
    """
    shape = tuple(y_pred.shape)
    if len(shape) < 2:
        raise ValueError(
            f"expected one output per class, [batch, classes], or [batch, 1] for two classes, got "
            f"shape {shape}"
        )
    if task == "auto":
        return "binary" if shape[-1] == 1 else "classes"
    if (task == "binary") != (shape[-1] == 1) and task != "labels" and shape[-1] is not None:
        raise ValueError(
            f"task={task!r}: expected {'one output' if task == 'binary' else 'one per class'}, got "
            f"outputs of shape {shape}"
        )
    return task


def decisions(y_true, y_pred, from_logits, task):
    """Labels and decisions, int32 of one shape.

    Args:
      y_true: class indices [batch, ...] or [batch, ..., 1], or one-hot in the shape of y_pred;
        for labels 0 and 1 in the shape of y_pred.
      y_pred: logits or probabilities, [batch, ..., outputs].
      from_logits: which; classes do not depend on it.
      task: the kind of outputs, one of `TASKS`.

    Returns:
      Classes and binary: class indices, [batch, ...]. Labels: 0 or 1, [batch, ..., labels].
    """
    y_pred = ops.convert_to_tensor(y_pred)
    kind = kind_of(y_pred, task)
    truth = true_ids(y_true, y_pred, kind)
    if kind == "classes":
        return truth, ops.cast(ops.argmax(y_pred, axis=-1), "int32")
    decided = ops.cast(y_pred > (0.0 if from_logits else 0.5), "int32")
    return truth, decided[..., 0] if kind == "binary" else decided


def true_ids(y_true, y_pred, kind):
    """The labels as int32: class indices [batch, ...]; of labels, the shape of y_pred."""
    y_true = ops.convert_to_tensor(y_true)
    if kind == "classes":
        return _class_indices(y_true, y_pred)
    shape, given = tuple(y_pred.shape), tuple(y_true.shape)
    if len(given) == len(shape) - 1 and shape[-1] == 1:
        y_true = ops.expand_dims(y_true, axis=-1)
    if len(y_true.shape) != len(shape) or any(
        a is not None and b is not None and a != b for a, b in zip(y_true.shape, shape, strict=True)
    ):
        raise ValueError(
            f"expected labels of 0 and 1 of the outputs' shape {shape}, got labels of shape {given}"
        )
    # Rounded down, so that a label that is no whole number is not taken for another.
    ids = ops.cast(ops.floor(ops.cast(y_true, "float32")), "int32")
    return ids[..., 0] if kind == "binary" else ids


def _class_indices(y_true, y_pred):
    """Class indices, [batch, ...]: one-hot labels become their argmax, others keep their values."""
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
    return ops.cast(y_true, "int32")


def weights(sample_weight, like):
    """One weight per entry of `like`, by default 1: float64 of its shape."""
    if sample_weight is None:
        return ops.ones_like(like, dtype="float64")
    weight = ops.cast(sample_weight, "float64")
    while len(weight.shape) < len(like.shape):
        weight = ops.expand_dims(weight, axis=-1)
    if len(weight.shape) > len(like.shape):
        weight = ops.squeeze(weight, axis=-1)
    return ops.broadcast_to(weight, ops.shape(like))


def flat(tensor):
    """All entries in one row."""
    return ops.reshape(tensor, (-1,))
