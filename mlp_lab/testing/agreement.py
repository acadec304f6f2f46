"""Checks that one computation agrees with itself: eager, graph, XLA, batch sizes, precision."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from mlp_lab.testing.failure import factor, not_finite, reason, remedy, unlike
from mlp_lab.testing.subject import Subject, rows_of, some

ROUNDING = 2e-5  # float32, after a few hundred operations
_NEAR = {"bfloat16": 8e-2, "float16": 1e-2}

# TensorFlow's messages when XLA has no version of an operation, or none for unknown sizes.
_NO_XLA = r"unsupported operations|No registered|compile-time constant|uncompilable|not compilable"


def check_repeats(subject: Subject, compute: Callable, inputs: Any) -> None:
    """Two calls give the same result.

    Args:
      compute: from a batch to tensors.
      inputs: the batch, nested arrays.
    """
    batch = some(inputs, np.arange(rows_of(inputs)))
    first = _eager(subject, compute, batch, rows_of(inputs))
    found = unlike(compute(batch), first, 0.0)
    if found:
        subject.fail(
            f"two calls with the same inputs and weights give different values: {found}",
            "keep state in variables (add_weight, add_variable), not in Python attributes, and "
            "draw random numbers only in training",
        )


def check_modes(subject: Subject, compute: Callable, inputs: Any) -> None:
    """Eager, graph and XLA agree for several batch sizes through one trace.

    Args:
      compute: from a batch to tensors.
      inputs: the batch, nested arrays.
    """
    whole = rows_of(inputs)
    batches = {rows: some(inputs, np.arange(rows)) for rows in (whole, 1, whole - 1)}
    results = {rows: _eager(subject, compute, batch, rows) for rows, batch in batches.items()}
    signature = tf.nest.map_structure(
        lambda t: tf.TensorSpec([None, *t.shape[1:]], t.dtype), batches[whole]
    )
    for mode in ("graph", "xla"):
        if not subject.wants(mode):
            continue
        name = {"graph": "graph", "xla": "XLA"}[mode]
        compiled = tf.function(
            compute, input_signature=[signature], jit_compile=mode == "xla", autograph=False
        )
        program = None
        for rows, batch in batches.items():
            if mode == "xla" and rows == whole - 1:
                continue  # XLA compiles again for each size
            try:
                program = program or compiled.get_concrete_function()
                value = program(batch)
            except Exception as error:
                if mode == "xla" and re.search(_NO_XLA, str(error)):
                    subject.notes.append(
                        f"XLA: not checked, an operation has no XLA form: {reason(error)}"
                    )
                    break
                subject.fail(
                    f"works eagerly but fails as a {name} program with a batch of unknown size "
                    f"({rows} here): {reason(error)}",
                    remedy(error),
                    error,
                )
            found = unlike(value, results[rows], ROUNDING)
            if found:
                subject.fail(
                    f"eager and {name} differ for a batch of {rows}: {found}",
                    "Python state and the static batch size are frozen when the graph is traced: "
                    "keep state in variables and use keras.ops.shape",
                )


def _eager(subject, compute, batch, rows):
    try:
        return compute(batch)
    except Exception as error:
        subject.fail(f"fails with a batch of {rows}: {reason(error)}", remedy(error), error)


def check_independence(
    subject: Subject, compute: Callable, inputs: Any, rng: np.random.Generator, allow: str
) -> None:
    """A sample's result does not depend on the other samples in the batch.

    Args:
      compute: from a batch to tensors [batch, ...].
      allow: what to do if it is intended, for the message.
    """
    rows = rows_of(inputs)
    batch = some(inputs, np.arange(rows))
    expected = compute(batch)
    for leaf in tf.nest.flatten(expected):
        if not len(leaf.shape) or leaf.shape[0] != rows:
            subject.fail(
                f"expected one result per sample, [{rows}, ...], got shape {tuple(leaf.shape)}",
                "reduce along axis=-1, or axes other than the batch axis" + allow,
            )
    change = (
        "a sum, mean, maximum or softmax runs over the batch, axis 0: use axis=-1, or axes other "
        "than the batch axis" + allow
    )
    order = rng.permutation(rows)
    found = unlike(
        compute(some(inputs, order)),
        tf.nest.map_structure(lambda t: tf.gather(t, order), expected),
        ROUNDING,
    )
    if found:
        subject.fail(f"a sample's result changes with the order of the samples: {found}", change)
    # The first sample stays; every other sample becomes a copy of the second.
    others = np.array([0, *([1] * (rows - 1))])
    found = unlike(_first(compute(some(inputs, others))), _first(expected), ROUNDING)
    if found:
        subject.fail(f"a sample's result changes with the other samples: {found}", change)


def _first(structure):
    return tf.nest.map_structure(lambda t: t[:1], structure)


def computed_in(subject: Subject, policy: str, compute: Callable) -> Any:
    """The result of a computation in another precision; a failure names the precision."""
    try:
        return compute()
    except Exception as error:
        subject.fail(
            f"fails in {policy}: {reason(error)}",
            "cast tensors of another type: keras.ops.cast(x, self.compute_dtype), or to float32 "
            "where an operation accepts nothing else",
            error,
        )


def check_near(subject: Subject, policy: str, value: Any, expected: Any) -> None:
    """A result in half precision is finite and close to the one in float32."""
    dtype = policy.removeprefix("mixed_")
    change = "compute large or small values and long sums in float32: keras.ops.cast(x, 'float32')"
    found = not_finite(value)
    if found and not not_finite(expected):
        subject.fail(f"is not finite in {policy}: {found}", change)
    found = unlike(value, expected, _NEAR[dtype])
    if found:
        subject.fail(f"{policy} is far from float32: {found}", change)


def check_half(subject: Subject, compute: Callable, outputs: np.ndarray) -> None:
    """Outputs in half precision give the same result as the same numbers in float32.

    Args:
      compute: from the outputs of a model to tensors.
    """
    for dtype in _NEAR:
        rounded = tf.cast(outputs, dtype)
        value = computed_in(subject, dtype, lambda given=rounded: compute(given))
        check_near(subject, dtype, value, compute(tf.cast(rounded, "float32")))


def check_reference(
    subject: Subject, value: Any, reference: Any, rounding: float, axes: bool = True
) -> None:
    """A result equals the one of a second implementation."""
    found = unlike(value, reference, rounding)
    if not found:
        return
    first, second = tf.nest.flatten(value), tf.nest.flatten(reference)
    named = factor(first[0], second[0]) if len(first) == len(second) == 1 else ""
    hint = "correct the formula or the reference"
    if axes and not named:
        hint += " (look at the axes, and at sums and means)"
    subject.fail(f"does not match its reference: {found}{named}", hint)
