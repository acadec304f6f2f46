"""The check of a metric."""

import contextlib
from collections.abc import Callable, Collection
from typing import Any

import keras
import numpy as np

from mlp_lab import losses
from mlp_lab.testing.agreement import (
    ROUNDING,
    check_half,
    check_modes,
    check_reference,
    check_repeats,
    computed_in,
)
from mlp_lab.testing.failure import not_finite, reason, remedy, unlike
from mlp_lab.testing.pairs import pair
from mlp_lab.testing.serialization import check_copy
from mlp_lab.testing.subject import Subject, in_dtype, precision
from mlp_lab.testing.training import check_training_on

PARTS = ("serialization", "weights", "graph", "xla", "precision", "training")


def check_metric(
    metric: keras.metrics.Metric | Callable[[], keras.metrics.Metric],
    labels: Any = None,
    outputs: Any = None,
    *,
    output_shape: tuple[int, ...] = (3,),
    from_logits: bool | None = None,
    reference: Callable | None = None,
    skip: Collection[str] = (),
    seed: int = 0,
) -> list[str]:
    """Checks your own metric; an error says what is wrong and what to change.

    - `reset_state` forgets everything; before the first sample the result is finite.
    - Updates with batches of unequal size, in any order, give the same result as one update
      with all samples; `result` changes nothing.
    - "weights": it respects sample weights: 0 drops a sample, 2 counts it twice.
    - "serialization": `get_config` and `from_config` through JSON, in safe mode.
    - "graph" and "xla": eager, graph and XLA agree, with a batch of unknown size and batches
      of 1.
    - "precision": for bfloat16 and float16 outputs, the result is finite and close to the one
      for the same numbers in float32.
    - "training": it works in training, and all of `mlp_lab.probes.standard()` change no bit
      of any weight.

    Args:
      metric: an instance, whose counts are kept; or a class or other callable that makes one
        without arguments.
      labels: of a batch; by default in the form of its `label_form`, or one-hot.
      outputs: of a model for the batch; by default logits, or probabilities.
      output_shape: shape of one sample's outputs, if no outputs are given.
      from_logits: whether it expects logits; by default its attribute of that name.
      reference: a second implementation in NumPy: labels and outputs -> the `result`, a
        number or a dict of numbers.
      skip: names of parts to leave out, from those quoted above.
      seed: for the random numbers.

    Returns:
      Notes on what could not be checked, and why.

    Raises:
      CheckError: the metric fails; the message names the cause and the fix.
      ValueError, TypeError: the arguments of the check itself are wrong.

    Example:

    >>> mlp_lab.testing.check_metric(
    ...     mlp_lab.metrics.Accuracy,
    ...     reference=lambda y, p: np.mean(y.argmax(axis=1) == p.argmax(axis=1)),
    ... )
    []
    """
    with precision("float32"):
        subject = Subject(metric, keras.metrics.Metric, skip, PARTS)
        rng = np.random.default_rng(seed)
        y, p, logits = pair(subject.first, labels, outputs, output_shape, from_logits, rng)
        with _kept(subject.first):
            _check_parts(subject, y, p, logits, reference, rng)
    return subject.notes


@contextlib.contextmanager
def _kept(metric):
    """Restores the metric's counts."""
    values = [v.numpy() for v in metric.variables]
    try:
        yield
    finally:
        for variable, value in zip(metric.variables, values, strict=True):
            variable.assign(value)


def _check_parts(subject, y, p, from_logits, reference, rng):
    """All parts, in order."""
    metric = subject.first
    _check_reset(subject, y, p)
    check_repeats(subject, lambda x: _measured(metric, *x), (y, p))
    if subject.wants("serialization"):
        check_copy(subject, lambda m, x: _measured(m, *x), (y, p))
    check_modes(subject, lambda x: _measured(metric, *x), (y, p))
    _check_updates(subject, y, p, rng)
    if subject.wants("weights"):
        _check_weights(subject, y, p)
    if reference is not None:
        _check_reference(subject, y, p, reference)
    if subject.wants("precision"):
        check_half(subject, lambda given: _measured(metric, y, given), p)
    if subject.wants("training"):
        options = {"loss": _Any, "metrics": lambda: [subject.another()]}
        check_training_on(subject, y, p, from_logits, rng, options)


def _measured(metric, y, p, **weights):
    """The result for only these samples."""
    metric.reset_state()
    metric.update_state(y, p, **weights)
    return metric.result()


def _check_reset(subject, y, p):
    metric = subject.first
    empty = _empty(metric)
    try:
        metric.update_state(y, p)
        once = metric.result()
    except Exception as error:
        subject.fail(f"fails when it is updated: {reason(error)}", remedy(error), error)
    for what, value in (("before the first sample", empty), ("after a batch", once)):
        found = not_finite(value)
        if found:
            subject.fail(f"its result {what} is {found}", "use keras.ops.divide_no_nan")
    found = unlike(metric.result(), once, 0.0)
    if found:
        subject.fail(
            f"calling result twice gives two values: {found}",
            "only compute in result, and change variables only in update_state",
        )
    metric.reset_state()
    found = unlike(metric.result(), empty, 0.0)
    if not found:
        metric.update_state(y, p)
        found = unlike(metric.result(), once, 0.0)
    if found:
        subject.fail(
            f"reset_state does not reset it: {found}",
            "keep every count in a variable from add_variable, not in a Python attribute, and "
            "leave reset_state to Keras or assign every variable",
        )


def _empty(metric):
    metric.reset_state()
    return metric.result()


def _check_updates(subject, y, p, rng):
    metric = subject.first
    whole, rows = _measured(metric, y, p), len(p)
    cut = max(rows // 3, 1)
    metric.reset_state()
    metric.update_state(y[:cut], p[:cut])
    metric.result()  # must not change the outcome
    metric.update_state(y[cut:], p[cut:])
    found = unlike(metric.result(), whole, ROUNDING)
    if found:
        subject.fail(
            f"updated with {cut} and {rows - cut} samples, its result differs from one update with "
            f"all {rows}: {found}",
            "do not average batch averages, which overweights small batches: sum values and "
            "weights in two variables, and divide in result",
        )
    for order in (np.roll(np.arange(rows), 1), rng.permutation(rows)):
        found = unlike(_measured(metric, y[order], p[order]), whole, ROUNDING)
        if found:
            subject.fail(
                f"its result changes with the order of the samples: {found}",
                "sum over all samples, whatever their position",
            )


def _check_weights(subject, y, p):
    metric = subject.first
    counts = np.array([2, 0, 3])[np.arange(len(p)) % 3]
    weight = counts.astype("float32")
    try:
        weighted = _measured(metric, y, p, sample_weight=weight)
    except Exception as error:
        subject.fail(
            f"takes no sample weights: {reason(error)}",
            "add sample_weight=None to update_state, and weight each sample by it",
            error,
        )
    chosen = np.repeat(np.arange(len(p)), counts)
    found = unlike(weighted, _measured(metric, y[chosen], p[chosen]), ROUNDING)
    if not found:
        return
    if not unlike(weighted, _measured(metric, y, p), ROUNDING):
        subject.fail("sample weights are ignored", "multiply each sample's value by its weight")
    subject.fail(
        f"a sample of weight 2 does not count as two, or one of weight 0 as none: {found}",
        "sum weight * value and weight in two variables, and divide in result",
    )


def _check_reference(subject, y, p, reference):
    wide = subject.another("float64")
    y, p = (np.asarray(in_dtype(a, "float64")) for a in (y, p))
    value = computed_in(subject, "float64", lambda: _measured(wide, y, p))
    expected = reference(y, p)
    if isinstance(value, dict) != isinstance(expected, dict):
        raise ValueError(
            f"reference: expected a {type(value).__name__}, as from result, got {expected!r}"
        )
    if isinstance(value, dict) and set(value) != set(expected):
        raise ValueError(f"reference: expected values for {sorted(value)}, got {sorted(expected)}")
    check_reference(subject, value, expected, 1e-6)


class _Any(keras.losses.Loss):
    """A loss for labels of any form: the metric is tested, not what the model learns."""

    def call(self, y_true, y_pred):
        rows = keras.ops.shape(y_pred)[0]
        target = keras.ops.mean(
            keras.ops.reshape(keras.ops.cast(y_true, "float32"), (rows, -1)), -1
        )
        flat = keras.ops.reshape(y_pred, (rows, -1))
        return losses.mean_squared_error(target[:, None] * keras.ops.cos(flat), flat)
