"""Do the parts fit each other? One batch tells before training starts."""

import re
from collections.abc import Sequence

import keras
import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.options.config import Config


def check_fit(
    config: Config,
    model: keras.Model,
    loss: keras.losses.Loss,
    metrics: Sequence[keras.metrics.Metric],
    labels: str,
    batch: tuple[np.ndarray, np.ndarray],
    num_classes: int,
) -> None:
    """Runs the model, the loss and the metrics once, without training.

    Builds the model's weights. No random stream moves and metrics are left reset.

    Args:
      config: for the wording of errors.
      model: the model to train.
      loss: the loss to descend.
      metrics: the metrics to measure.
      labels: form of the labels in `batch`, `"one_hot"` or `"integer"`.
      batch: (x, y), some training samples.
      num_classes: number of classes in the data.

    Raises:
      InputError: the model fails on the data, or its outputs, the labels and the
        loss or a metric do not go together.
    """
    x, y = batch
    outputs = _outputs(config, model, x, num_classes)
    if getattr(loss, "label_form", labels) != labels:
        raise InputError(
            "loss",
            f"{config.loss!r} takes {loss.label_form} labels, --labels={labels} gives others; "
            "leave --labels out, or choose another loss",
        )
    _check_scale(config, loss, outputs)
    what = f"{labels} labels of shape {y.shape} and outputs of shape {outputs.shape}"
    try:
        value = np.asarray(loss(y, outputs))
    except Exception as error:  # A user's loss may raise anything.
        raise InputError(
            "loss",
            f"{config.loss!r} does not fit {what}: {_reason(error)}; {_other_labels(labels)}",
        ) from error
    if value.shape != ():
        raise InputError(
            "loss",
            f"expected one number for a batch, {config.loss!r} returned shape {value.shape} from "
            f"{what}; let it reduce over the batch (reduction='sum_over_batch_size')",
        )
    for metric, text in zip(metrics, config.metrics, strict=True):
        wanted = getattr(metric, "label_form", labels)
        if wanted not in (labels, "any"):
            raise InputError(
                "metrics",
                f"{text!r} takes {wanted} labels, {config.loss!r} trains on {labels} ones; leave "
                f"it out, choose a loss with the same labels, or {_other_labels(labels)}",
            )
        try:
            metric.update_state(y, outputs)
            result = metric.result()
            metric.reset_state()
        except Exception as error:  # A user's metric may raise anything.
            raise InputError(
                "metrics", f"{text!r} does not fit {what}: {_reason(error)}"
            ) from error
        for value in result.values() if isinstance(result, dict) else [result]:
            if np.shape(value) != ():
                raise InputError(
                    "metrics",
                    f"expected a number, or a dict of numbers by name, {text!r} returned shape "
                    f"{np.shape(value)}; let result() return one of these",
                )


def _outputs(config: Config, model: keras.Model, x: np.ndarray, num_classes: int) -> np.ndarray:
    try:
        outputs = model(x, training=False)
    except Exception as error:  # A user's model may raise anything.
        raise InputError(
            "model",
            f"{config.model!r} fails on a batch of shape {x.shape} {x.dtype}: {_reason(error)}",
        ) from error
    shape = tuple(getattr(outputs, "shape", ()))
    if shape != (len(x), num_classes):
        raise InputError(
            "loss",
            f"{config.loss!r} needs one output per class, shape {(len(x), num_classes)} for "
            f"{len(x)} samples; {config.model!r} returned {shape or type(outputs).__name__}; end "
            "the model in a Dense layer of num_classes units",
        )
    if not model.trainable_weights:
        raise InputError(
            "model", f"{config.model!r} has no trainable weights; there is nothing to train"
        )
    return np.asarray(keras.ops.cast(outputs, "float32"))


def _check_scale(config: Config, loss: keras.losses.Loss, outputs: np.ndarray) -> None:
    """Logits taken for probabilities, or the reverse, train without an error, and badly."""
    from_logits = getattr(loss, "from_logits", None)
    if from_logits is None:
        return
    low, high = float(outputs.min()), float(outputs.max())
    probabilities = low >= 0 and high <= 1
    if not from_logits and not probabilities:
        raise InputError(
            "from_logits",
            f"is false, but {config.model!r} returned values from {low:.3g} to {high:.3g}, which "
            "are no probabilities; leave --nofrom_logits out, or end the model in softmax",
        )
    if from_logits and probabilities and np.allclose(outputs.sum(axis=-1), 1, atol=1e-2):
        raise InputError(
            "from_logits",
            f"is true, but {config.model!r} returned probabilities (each row sums to 1); give "
            "--nofrom_logits, or let the model return logits",
        )


def _other_labels(labels: str) -> str:
    """What to do for a loss that does not state its `label_form`."""
    other = {"integer": "one_hot", "one_hot": "integer"}[labels]
    return f"give --labels={other} if the loss takes {other} labels"


def _reason(error: Exception) -> str:
    """The error's type and the line that tells; Keras and TensorFlow add others around it."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith("Exception encountered")]
    return f"{type(error).__name__}: {telling[0] if telling else 'no message'}"
