"""A metric of one's own, put through what a metric has to stand."""

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
    """Checks a metric of one's own; says what is wrong with it and what to change.

    - `reset_state` forgets everything; before the first sample the result is finite.
    - Updates by parts, of unequal size, and in any order come to the result of all at once;
      asking for the result changes nothing.
    - "weights": sample weights are respected: 0 drops a sample, 2 counts it twice.
    - "serialization": `get_config` and `from_config` through JSON, in safe mode.
    - "graph" and "xla": eager, graph and XLA agree, with a batch of unknown size and batches
      of 1.
    - "precision": of bfloat16 and float16 outputs the result is finite, and near that of the
      same numbers in float32.
    - "training": it can be measured in training, where all of `mlp_lab.probes.standard()`
      looking on changes no bit of any weight.

    Args:
      metric: a callable without arguments that makes one, a class too; or an instance, whose
        counts stay as they are.
      labels: of a batch; by default in the form that its `label_form` says, or one-hot.
      outputs: of a model for the batch; by default logits, or probabilities.
      output_shape: of the outputs of a sample, where none are given.
      from_logits: whether it takes logits; by default what its attribute of that name says.
      reference: a second implementation in NumPy: of labels and outputs, what `result` gives
        for them, a number or a dict of numbers.
      skip: names of parts to leave out, of those quoted above.
      seed: of the random numbers.

    Returns:
      Notes of what could not be checked and why.

    Raises:
      CheckError: the metric fails; the message names the cause and what to change.
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
    """Puts the metric's counts back as they were."""
    values = [v.numpy() for v in metric.variables]
    try:
        yield
    finally:
        for variable, value in zip(metric.variables, values, strict=True):
            variable.assign(value)


def _check_parts(subject, y, p, from_logits, reference, rng):
    """All parts in order, from what others build on to what takes long."""
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
    """The result for these samples alone."""
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
            f"asking twice for the result gives two: {found}",
            "compute in result, and change what is counted in update_state only",
        )
    metric.reset_state()
    found = unlike(metric.result(), empty, 0.0)
    if not found:
        metric.update_state(y, p)
        found = unlike(metric.result(), once, 0.0)
    if found:
        subject.fail(
            f"reset_state does not reset it: {found}",
            "keep every count in a variable of add_variable, not in a Python attribute, and leave "
            "reset_state to Keras or assign all of them",
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
    metric.result()  # nobody may mind being asked in between
    metric.update_state(y[cut:], p[cut:])
    found = unlike(metric.result(), whole, ROUNDING)
    if found:
        subject.fail(
            f"updated with {cut} and {rows - cut} samples it is another than with all {rows} at "
            f"once: {found}",
            "an average of batch averages counts the samples of a small batch more: sum values "
            "and weights in two variables, and divide in result",
        )
    for order in (np.roll(np.arange(rows), 1), rng.permutation(rows)):
        found = unlike(_measured(metric, y[order], p[order]), whole, ROUNDING)
        if found:
            subject.fail(
                f"its result changes with the order of the samples: {found}",
                "sum over samples, without looking at which is first or last",
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
            "let update_state take sample_weight=None, and weigh each sample with it",
            error,
        )
    chosen = np.repeat(np.arange(len(p)), counts)
    found = unlike(weighted, _measured(metric, y[chosen], p[chosen]), ROUNDING)
    if not found:
        return
    if not unlike(weighted, _measured(metric, y, p), ROUNDING):
        subject.fail("sample weights are ignored", "multiply each sample's value with its weight")
    subject.fail(
        f"a sample of weight 2 does not count as two, or one of weight 0 as none: {found}",
        "sum weight * value, and weight, and divide in result",
    )


def _check_reference(subject, y, p, reference):
    wide = subject.another("float64")
    y, p = (np.asarray(in_dtype(a, "float64")) for a in (y, p))
    value = computed_in(subject, "float64", lambda: _measured(wide, y, p))
    expected = reference(y, p)
    if isinstance(value, dict) != isinstance(expected, dict):
        raise ValueError(
            f"reference: expected what result gives, a {type(value).__name__}, got {expected!r}"
        )
    if isinstance(value, dict) and set(value) != set(expected):
        raise ValueError(f"reference: expected values for {sorted(value)}, got {sorted(expected)}")
    check_reference(subject, value, expected, 1e-6)


class _Any(keras.losses.Loss):
    """For labels of any form: what is measured, not what is learned, is looked at."""

    def call(self, y_true, y_pred):
        rows = keras.ops.shape(y_pred)[0]
        target = keras.ops.mean(
            keras.ops.reshape(keras.ops.cast(y_true, "float32"), (rows, -1)), -1
        )
        flat = keras.ops.reshape(y_pred, (rows, -1))
        return losses.mean_squared_error(target[:, None] * keras.ops.cos(flat), flat)
