"""Compares the tape's gradients with central differences."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.testing.failure import numbers, plain
from mlp_lab.testing.subject import Subject

# Step size, allowed error relative to the value, and relative to the largest derivative. The
# second row is for code that computes in float32 internally: rounding hides shorter steps.
_STEPS = ((1e-6, 1e-5, 1e-3), (1e-3, 1e-2, 1e-1))
_ENTRIES = 10  # per tensor, plus two random directions through all of its entries


def check_gradients(
    subject: Subject,
    compute: Callable[[], Any],
    places: Mapping[str, Any],
    rng: np.random.Generator,
    needed: bool = True,
) -> None:
    """Compares derivatives of a random weighted sum of all outputs.

    They are taken along single entries and along random directions.

    Args:
      compute: from the current values of `places` to tensors.
      places: float64 variables by name (for the message); changed, then restored.
      needed: whether a place that nothing depends on is an error.
    """
    shapes = [t for t in tf.nest.flatten(compute()) if t.dtype.is_floating]
    upstream = [tf.constant(rng.normal(size=t.shape)) for t in shapes]

    def total():
        outputs = [t for t in tf.nest.flatten(compute()) if t.dtype.is_floating]
        return tf.add_n(
            [
                tf.reduce_sum(u * tf.cast(t, "float64"))
                for u, t in zip(upstream, outputs, strict=True)
            ]
        )

    variables = [v.value if isinstance(v, keras.Variable) else v for v in places.values()]
    with tf.GradientTape() as tape:
        value = total()
    gradients = tape.gradient(value, variables)
    for (name, _), variable, gradient in zip(places.items(), variables, gradients, strict=True):
        _check_place(subject, name, variable, gradient, total, rng, needed)


def _check_place(subject, name, variable, gradient, total, rng, needed):
    missing = gradient is None
    tape = np.zeros(variable.shape) if missing else plain(tf.convert_to_tensor(gradient))
    entries = rng.choice(tape.size, min(_ENTRIES, tape.size), replace=False)
    directions = [np.eye(1, tape.size, i).reshape(tape.shape) for i in entries]
    directions += list(rng.normal(size=(2, *tape.shape)))
    by_tape = np.array([np.sum(tape * d) for d in directions])
    found = ""
    for step, relative, absolute in _STEPS:
        differences = _differences(variable, directions, total, step)
        largest = np.abs(differences).max()
        allowed = relative * (
            np.maximum(np.abs(differences), np.abs(by_tape)) + absolute * max(largest, 1e-9)
        )
        wrong = ~(np.abs(by_tape - differences) <= allowed)
        if not wrong.any():
            break
        found = found or _words(by_tape, differences, wrong)
    else:
        if missing:
            subject.fail(
                f"no gradient reaches {name}, on which the outputs depend "
                f"({numbers(differences[wrong][0])} by central differences)",
                "use differentiable operations of keras.ops or TensorFlow, not NumPy, rounding or "
                "stop_gradient",
            )
        subject.fail(
            f"the gradient of {name} does not match central differences: {found}",
            "correct the custom gradient, or remove what stops the gradient on one path (if "
            "intended, skip=['gradients'])",
        )
    if needed and missing and not np.any(differences):
        subject.fail(
            f"nothing depends on {name}",
            "use it in call, or remove it (trainable=False if it is not a parameter)",
        )


def _differences(variable, directions, total, step):
    start = tf.identity(variable)
    found = []
    for direction in directions:
        ends = []
        for sign in (1, -1):
            variable.assign(start + tf.cast(sign * step * direction, start.dtype))
            ends.append(float(total()))
        found.append((ends[0] - ends[1]) / (2 * step))
    variable.assign(start)
    return np.array(found)


def _words(tape, differences, wrong):
    a, b = tape[wrong], differences[wrong]
    if not np.isfinite(a).all():
        return f"it is {numbers(a[~np.isfinite(a)][:1])}"
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = a / b
    ratio = np.median(ratios)
    told = f"{numbers(a[0])} instead of {numbers(b[0])}"
    if np.isfinite(ratios).all() and ratio and np.allclose(ratios, ratio, rtol=1e-3):
        if np.isclose(ratio, -1, rtol=1e-3):
            return f"{told}, the sign is flipped"
        return f"{told}, {ratio:.4g} times as large"
    return told
