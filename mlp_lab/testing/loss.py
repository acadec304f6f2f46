"""The check of a loss."""

from collections.abc import Callable, Collection
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.testing.agreement import (
    ROUNDING,
    check_half,
    check_independence,
    check_modes,
    check_reference,
    check_repeats,
    computed_in,
)
from mlp_lab.testing.failure import not_finite, numbers, plain, reason, remedy, unlike
from mlp_lab.testing.gradients import check_gradients
from mlp_lab.testing.pairs import pair
from mlp_lab.testing.serialization import check_copy
from mlp_lab.testing.subject import Subject, floating, in_dtype, precision
from mlp_lab.testing.training import check_training_on

PARTS = ("serialization", "weights", "graph", "xla", "gradients", "precision", "training")
_HUGE = 1e4
_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


def check_loss(
    loss: keras.losses.Loss | Callable[[], keras.losses.Loss],
    labels: Any = None,
    outputs: Any = None,
    *,
    output_shape: tuple[int, ...] = (3,),
    from_logits: bool | None = None,
    reduction: str | None = "sum_over_batch_size",
    reference: Callable | None = None,
    skip: Collection[str] = (),
    seed: int = 0,
) -> list[str]:
    """Checks your own loss; an error says what is wrong and what to change.

    - "serialization": `get_config` and `from_config` through JSON, in safe mode.
    - It is a mean over the batch: repeating the batch changes nothing. `call` returns one
      value per sample, which does not depend on the other samples.
    - "weights": it respects sample weights: 0 drops a sample, 2 counts it twice.
    - With logits, value and gradient are finite at +-10,000 in every precision.
    - "graph" and "xla": eager, graph and XLA agree in value and gradient, with a batch of
      unknown size and batches of 1.
    - "gradients": the tape's gradient against central differences in float64.
    - "precision": bfloat16 and float16 give finite values and gradients, close to float32.
    - "training": training with it changes every weight, and probes change no bit.

    Only a `reference` reveals a wrong formula (log2 for the natural logarithm, a flipped sign).

    Args:
      loss: an instance, or a class or other callable that makes one without arguments.
      labels: of a batch; by default in the form of its `label_form`, or one-hot.
      outputs: of a model for the batch; by default logits, or probabilities.
      output_shape: shape of one sample's outputs, if no outputs are given.
      from_logits: whether it expects logits; by default its attribute of that name.
      reduction: the intended reduction of the samples' values: a mean, "sum" or "none".
      reference: a second implementation in NumPy: labels and outputs -> the samples' values,
        [batch, ...], compared in float64.
      skip: names of parts to leave out, from those quoted above.
      seed: for the random numbers.

    Returns:
      Notes on what could not be checked, and why.

    Raises:
      CheckError: the loss fails; the message names the cause and the fix.
      ValueError, TypeError: the arguments of the check itself are wrong.

    Example:

    >>> mlp_lab.testing.check_loss(
    ...     mlp_lab.losses.MeanSquaredError,
    ...     reference=lambda y, p: np.mean((y - p) ** 2, axis=-1),
    ... )
    []
    """
    with precision("float32"):
        subject = Subject(loss, keras.losses.Loss, skip, PARTS)
        rng = np.random.default_rng(seed)
        y, p, logits = pair(subject.first, labels, outputs, output_shape, from_logits, rng)
        _check_parts(subject, y, p, logits, reduction, reference, rng)
    return subject.notes


def _check_parts(subject, y, p, from_logits, reduction, reference, rng):
    """All parts, in order."""
    loss = subject.first
    _check_value(subject, y, p)
    check_repeats(subject, lambda x: loss(*x), (y, p))
    _check_samples(subject, y, p, reduction, rng)
    if subject.wants("weights"):
        _check_weights(subject, y, p, reduction, rng)
    if subject.wants("serialization"):
        check_copy(subject, lambda b, x: b(*x), (y, p))
    check_modes(subject, lambda x: _value_and_gradient(loss, *x), (y, p))
    if from_logits:
        _check_extremes(subject, y, p)
    if subject.wants("gradients"):
        _check_gradients(subject, y, p, rng)
    if reference is not None:
        _check_reference(subject, y, p, reference)
    if subject.wants("precision"):
        check_half(subject, lambda given: _value_and_gradient(loss, y, given), p)
    if subject.wants("training"):
        _check_training(subject, y, p, from_logits, rng)


def _check_value(subject, y, p):
    try:
        value = subject.first(y, p)
    except Exception as error:
        subject.fail(f"fails when it is called: {reason(error)}", remedy(error), error)
    if not tf.is_tensor(value):
        subject.fail(
            f"returns a {type(value).__name__} instead of a tensor: NumPy code has no gradient",
            "compute with keras.ops or TensorFlow",
        )
    found = not_finite(value)
    if found:
        subject.fail(f"is {found} for ordinary outputs", "keep logarithms away from 0")


def _value_and_gradient(loss, y, p):
    with tf.GradientTape() as tape:
        p = tf.convert_to_tensor(p)
        tape.watch(p)
        value = loss(y, p)
    gradient = tape.gradient(value, p)
    return [value, tf.zeros_like(p) if gradient is None else gradient]


def _check_reduction(subject, y, p, reduction):
    loss, once = subject.first, subject.first(y, p)
    twice = loss(np.concatenate([y, y]), np.concatenate([p, p]))
    if reduction in ("none", None):
        once, twice = once, twice[: len(p)]
    elif reduction == "sum":
        twice = twice / 2
    found = unlike(twice, once, ROUNDING)
    if not found:
        return
    if reduction in _MEANS:
        subject.fail(
            f"missing mean: repeating the batch changes the loss ({found}), so learning depends on "
            "the batch size",
            "return one value per sample from call, and leave the mean to Keras' "
            'reduction="sum_over_batch_size" (if a sum is intended, check it with '
            'reduction="sum")',
        )
    subject.fail(
        f"does not follow reduction={reduction!r}: repeating the batch gives {found}",
        "return one value per sample from call, and leave the rest to Keras' reduction",
    )


def _check_samples(subject, y, p, reduction, rng):
    try:
        values = subject.first.call(tf.convert_to_tensor(y), tf.convert_to_tensor(p))
    except Exception as error:
        subject.fail(f"call fails: {reason(error)}", remedy(error), error)
    shape = tuple(values.shape)
    if not shape or shape[0] != len(p):
        _check_reduction(subject, y, p, reduction)
        subject.fail(
            f"call returns values of shape {shape}, expected one per sample, [{len(p)}]: sample "
            "weights cannot reach the samples",
            "take means and sums only along axis=-1, and leave the mean over the batch to Keras",
        )
    check_independence(subject, lambda x: subject.first.call(*x), (y, p), rng, "")
    _check_reduction(subject, y, p, reduction)


def _check_weights(subject, y, p, reduction, rng):
    loss = subject.first
    ignored = "do not override __call__, and return one value per sample from call"
    weight = rng.uniform(0.5, 2, len(p)).astype("float32")
    try:
        weighted = loss(y, p, sample_weight=weight)
    except Exception as error:
        subject.fail(f"takes no sample weights: {reason(error)}", ignored, error)
    zero = weight * (np.arange(len(p)) != 1)
    other = p.copy()
    other[1] = p[0]
    a = loss(y, p, sample_weight=zero)
    if not unlike(a, loss(y, p), 1e-6) and not unlike(weighted, loss(y, p), 1e-6):
        subject.fail("sample weights are ignored", ignored)
    found = unlike(loss(y, other, sample_weight=zero), a, ROUNDING)
    if found:
        subject.fail(f"a sample of weight 0 still counts: {found}", ignored)
    values = plain(loss.call(tf.convert_to_tensor(y), tf.convert_to_tensor(p)))
    each = values * weight.reshape(-1, *[1] * (values.ndim - 1))
    expected = {
        "sum": each.sum(),
        "mean_with_sample_weight": each.sum() / (weight.sum() * values[0].size),
    }.get(str(reduction), each.mean())
    if reduction in ("none", None):
        expected = each
    found = unlike(weighted, expected, ROUNDING)
    if found:
        subject.fail(
            f"with sample weights, it is not the {reduction} of weight * value: {found}", ignored
        )


def _check_extremes(subject, y, p):
    for dtype in ("float32", "float16", "bfloat16"):
        for logits in (
            np.where(p > np.median(p), _HUGE, -_HUGE),
            np.full(p.shape, _HUGE),
            np.full(p.shape, -_HUGE),
        ):
            value, gradient = _value_and_gradient(subject.first, y, tf.cast(logits, dtype))
            for what, found in (("value", not_finite(value)), ("gradient", not_finite(gradient))):
                if found:
                    subject.fail(
                        f"its {what} is {found} at logits of +-{_HUGE:.0f} in {dtype}",
                        "compute from logits with keras.ops.log_softmax, log_sigmoid or softplus, "
                        "in float32, not with the logarithm of a softmax",
                    )


def _check_gradients(subject, y, p, rng):
    wide = subject.another("float64")
    place = tf.Variable(p.astype("float64"))
    y = in_dtype(y, "float64")

    def compute():
        return wide(y, tf.convert_to_tensor(place))

    computed_in(subject, "float64", compute)
    check_gradients(subject, compute, {"the outputs": place}, rng)


def _check_reference(subject, y, p, reference):
    wide = subject.another("float64")
    y, p = (a.astype("float64") if floating(a) else a for a in (y, p))
    value = computed_in(
        subject, "float64", lambda: wide.call(tf.convert_to_tensor(y), tf.convert_to_tensor(p))
    )
    expected = np.asarray(reference(y, p), "float64")
    if expected.shape != tuple(value.shape):
        raise ValueError(
            f"reference: expected one value per sample, {tuple(value.shape)}, got {expected.shape}"
        )
    check_reference(subject, value, expected, 1e-6)


def _check_training(subject, y, p, from_logits, rng):
    if subject.first.reduction in ("none", None):
        subject.notes.append("training: not checked, the loss does not reduce to one number")
        return
    gradient = _value_and_gradient(subject.first, y, p)[1]
    if not np.any(plain(gradient)):
        subject.fail(
            f"its gradient is {numbers(gradient[0])} for every sample",
            "make the loss depend on the outputs",
        )
    check_training_on(subject, y, p, from_logits, rng, {"loss": subject.another})
