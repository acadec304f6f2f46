"""Do the parts fit each other? One batch tells before training starts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.options import foreign
from mlp_lab.training import parts

if TYPE_CHECKING:
    from mlp_lab.training.setup import Setup


class _Tried(NamedTuple):
    """Labels and outputs of a batch, and how an error calls them."""

    y: np.ndarray
    outputs: np.ndarray
    words: str


def check_fit(setup: Setup, batch: tuple[np.ndarray, np.ndarray]) -> None:
    """Runs the model, the loss and the metrics once, without training.

    Builds the model's weights. No random stream moves, and metrics are left reset.

    Args:
      setup: the parts.
      batch: (x, y), some training samples, the labels in the loss's form.

    Raises:
      InputError: the model fails on the data, or its outputs, the labels and the
        loss or a metric do not go together.
    """
    x, y = batch
    outputs = _outputs(setup, x)
    words = f"{setup.label_form} labels of shape {y.shape} and outputs of shape {outputs.shape}"
    tried = _Tried(y, outputs, words)
    _check_loss(setup, tried)
    for metric, text in zip(setup.metrics, setup.config.metrics or (), strict=True):
        _check_metric(setup, metric, text, tried)


def _outputs(setup: Setup, x: np.ndarray) -> np.ndarray:
    model, name = setup.model, setup.config.model
    with (
        parts.fits_memory(parts.model_option(setup.config), name),
        _told("model", f"{name!r} fails on a batch of shape {x.shape} {x.dtype}"),
    ):
        outputs = model(x, training=False)
    task = setup.dataset.task
    shape, wanted = tuple(getattr(outputs, "shape", ())), (len(x), task.num_outputs)
    if shape != wanted:
        what = {
            "classes": "one output per class",
            "binary": "one output (--task=classes for one per class)",
            "labels": "one output per label",
            "numbers": "one output per number",
        }[task.kind]
        raise InputError(
            "loss",
            f"{setup.config.loss!r} needs {what}, shape {wanted} for {len(x)} "
            f"samples; {name!r} returned {shape or type(outputs).__name__}; end the model in a "
            f"Dense layer of {'num_classes' if task.kind == 'classes' else 'num_outputs'} units",
        )
    if not model.trainable_weights:
        raise InputError("model", f"{name!r} has no trainable weights; there is nothing to train")
    return np.asarray(keras.ops.cast(outputs, "float32"))


def _check_loss(setup: Setup, tried: _Tried) -> None:
    loss, name, labels = setup.loss, setup.config.loss, setup.label_form
    takes = getattr(loss, "label_form", labels)
    if labels == "outputs":
        if takes == "integer":
            kind = setup.dataset.task.kind
            raise InputError(
                "loss",
                f"{name!r} takes one of several classes, the task is {kind}; leave --loss out, "
                "or choose another loss or --task",
            )
    elif takes != labels:
        raise InputError(
            "loss",
            f"{name!r} takes {takes} labels, --labels={labels} gives others; leave --labels out, "
            "or choose another loss",
        )
    _check_scale(setup, tried.outputs)
    with _told("loss", f"{name!r} does not fit {tried.words}", f"; {_other_labels(labels)}"):
        value = np.asarray(loss(tried.y, tried.outputs))
    if value.shape != ():
        raise InputError(
            "loss",
            f"expected one number for a batch, {name!r} returned shape {value.shape} from "
            f"{tried.words}; let it reduce over the batch (reduction='sum_over_batch_size')",
        )


def _check_scale(setup: Setup, outputs: np.ndarray) -> None:
    """Logits taken for probabilities, or the reverse, train without an error, and badly."""
    from_logits = getattr(setup.loss, "from_logits", None)
    if from_logits is None:
        return
    low, high = float(outputs.min()), float(outputs.max())
    probabilities = low >= 0 and high <= 1
    if not from_logits and not probabilities:
        raise InputError(
            "from_logits",
            f"is false, but {setup.config.model!r} returned values from {low:.3g} to {high:.3g}, "
            "which are not probabilities; leave --nofrom_logits out, or end the model in softmax",
        )
    if from_logits and probabilities and np.allclose(outputs.sum(axis=-1), 1, atol=1e-2):
        raise InputError(
            "from_logits",
            f"is true, but {setup.config.model!r} returned probabilities (each row sums to 1); "
            "give --nofrom_logits, or let the model return logits",
        )


def _check_metric(setup: Setup, metric: Any, text: str, tried: _Tried) -> None:
    labels = setup.label_form
    takes = getattr(metric, "label_form", labels)
    if labels == "outputs":
        if takes == "integer":
            raise InputError(
                "metrics",
                f"{text!r} takes one of several classes, the task is {setup.dataset.task.kind}; "
                "leave it out",
            )
    elif takes not in (labels, "any"):
        raise InputError(
            "metrics",
            f"{text!r} takes {takes} labels, {setup.config.loss!r} trains on {labels} ones; leave "
            f"it out, choose a loss with the same labels, or {_other_labels(labels)}",
        )
    with _told("metrics", f"{text!r} does not fit {tried.words}"):
        metric.update_state(tried.y, tried.outputs)
        result = metric.result()
        metric.reset_state()
    for value in result.values() if isinstance(result, dict) else [result]:
        if np.shape(value) != ():
            raise InputError(
                "metrics",
                f"expected a number, or a dict of numbers by name, {text!r} returned shape "
                f"{np.shape(value)}; let result() return one of these",
            )


def _other_labels(labels: str) -> str:
    """What to do about a loss that does not state its `label_form`."""
    if labels == "outputs":
        return "choose another loss, or another --task"
    other = {"integer": "one_hot", "one_hot": "integer"}[labels]
    return f"give --labels={other} if the loss takes {other} labels"


@contextlib.contextmanager
def _told(option: str, words: str, then: str = "") -> Iterator[None]:
    """Whatever the user's code raises inside becomes an `InputError`."""
    try:
        with foreign.users_code(f"trying --{option}"):
            yield
    except foreign.Refused as refused:
        error = refused.__cause__
        raise InputError(option, f"{words}: {_reason(error)}{then}") from error


def _reason(error: BaseException | None) -> str:
    """The error's type and the line that tells; Keras and TensorFlow add others around it."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith("Exception encountered")]
    return f"{type(error).__name__}: {telling[0] if telling else 'no message'}"
