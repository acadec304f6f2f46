"""How a check fails: one message with the cause and the fix."""

import re

import numpy as np
import tensorflow as tf


class CheckError(AssertionError):
    """A class does not pass its check; the message says what to change."""


def reason(error: BaseException) -> str:
    """An error's message on one line, without the text that Keras adds around it."""
    text = re.sub(r"\x1b\[\d*m", "", str(error)).split("Arguments received")[0]
    text = re.sub(r"Exception encountered when calling \S+\s*", "", text)
    text = text.split("Exception encountered: ")[-1]
    text = " ".join(text.split())
    return f"{type(error).__name__}: {text if len(text) <= 300 else text[:300] + ' ...'}"


# A pattern in the message of a tracing error, and what to do about it.
_CAUSES = (
    (
        r"numpy|__array__|symbolic",
        "NumPy code cannot be traced: compute with keras.ops or TensorFlow, without .numpy()",
    ),
    (
        r"Python `?bool|iterating over|as a Python",
        "Python's if and for cannot test a tensor: use keras.ops.where, cond or while_loop",
    ),
    (
        r"None|unknown",
        "the batch size is None while a graph is traced: use keras.ops.shape(x)[0] or -1 "
        "instead of x.shape[0]",
    ),
    (
        r"reshape|shape|dimension|size",
        "the batch size is hard-coded: use keras.ops.shape(x)[0] or -1",
    ),
)


def remedy(error: BaseException) -> str:
    """What to do about an error from tracing, or from a batch of a different size."""
    for pattern, words in _CAUSES:
        if re.search(pattern, str(error)):
            return words
    return "compute with keras.ops or TensorFlow only"


def numbers(value) -> str:
    """An array as a short string."""
    return np.array2string(np.asarray(value), precision=6, threshold=6, edgeitems=2).replace(
        "\n", ""
    )


def plain(value) -> np.ndarray:
    """A tensor, variable or number as a NumPy array; floating-point values as float64."""
    array = np.asarray(tf.convert_to_tensor(value))
    return array if array.dtype.kind in "biuSUO" else array.astype("float64")


def unlike(actual, expected, rounding: float) -> str:
    """The first difference between two structures of tensors beyond rounding, or ''.

    Args:
      actual, expected: tensors, arrays or numbers, with the same nesting.
      rounding: allowed error, relative to the value and to the largest value of its array.
    """
    first, second = tf.nest.flatten(actual), tf.nest.flatten(expected)
    if len(first) != len(second):
        return f"{len(first)} values instead of {len(second)}"
    for a, b in zip(map(plain, first), map(plain, second), strict=True):
        if a.shape != b.shape:
            return f"shape {a.shape} instead of {b.shape}"
        if a.dtype.kind in "SUO":
            same = a == b
        else:
            a, b = a.astype("float64"), b.astype("float64")
            finite = np.abs(b[np.isfinite(b)])
            allowed = rounding * (max(finite.max(initial=0.0), 1e-3) + np.abs(b))
            with np.errstate(invalid="ignore"):
                same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= allowed)
        if not np.all(same):
            return f"{numbers(a[~same])} instead of {numbers(b[~same])}"
    return ""


def not_finite(value) -> str:
    """The first values that are NaN or infinite, or ''."""
    for array in map(plain, tf.nest.flatten(value)):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return numbers(array[~np.isfinite(array)])
    return ""


def factor(actual, expected) -> str:
    """Describes the constant factor between two arrays, or '' if there is none."""
    a, b = plain(actual).astype("float64").ravel(), plain(expected).astype("float64").ravel()
    known = a.shape == b.shape
    chosen = np.abs(b) > 1e-6 * np.abs(b).max(initial=0.0) if known else np.array([], bool)
    if not chosen.any() or not np.isfinite(a).all():
        return ""
    ratios = a[chosen] / b[chosen]
    ratio = float(np.median(ratios))
    if not ratio or not np.allclose(ratios, ratio, rtol=1e-4):
        return ""
    for value, words in (
        (-1.0, ": the sign is flipped"),
        (1 / np.log(2), ": log2 instead of the natural logarithm"),
        (1 / np.log(10), ": log10 instead of the natural logarithm"),
    ):
        if abs(ratio / value - 1) < 1e-4:
            return words
    return f": it is {ratio:.4g} times as large"
