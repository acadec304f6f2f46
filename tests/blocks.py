"""Second implementations and comparisons that the tests of the building blocks share."""

import inspect

import ml_dtypes
import numpy as np
import tensorflow as tf

# Relative error of one rounded operation, times the operations of one function.
TOLERANCE = {"float64": 1e-12, "float32": 4e-6, "float16": 4e-3, "bfloat16": 3e-2}
DTYPES = sorted(TOLERANCE)


def numpy_dtype(name):
    return np.dtype(getattr(ml_dtypes, name) if name == "bfloat16" else name)


def numpy64(x):
    x = x.numpy() if hasattr(x, "numpy") else x
    return np.asarray(x).astype("float64")


def assert_close(actual, expected, dtype="float32", scale=1.0):
    """Equal within `dtype`'s rounding, relative to the value and to `scale`."""
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(
        numpy64(actual), numpy64(expected), rtol=tolerance, atol=tolerance * scale
    )


def tape_gradient(f, x):
    """d sum(f(x)) / d x by the tape."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(f(x))
    return tape.gradient(y, x).numpy()


def central_differences(f, x, step=1e-6):
    """d sum(f(x)) / d x by differences, in float64; every perturbed x is one row of a batch.

    f takes [rows, *x.shape] and returns [rows, ...].
    """
    x = np.asarray(x, "float64")
    steps = step * np.eye(x.size).reshape(x.size, *x.shape)
    values = numpy64(f(tf.constant(np.concatenate([x + steps, x - steps]))))
    sums = values.reshape(2, x.size, -1).sum(axis=2)
    return ((sums[0] - sums[1]) / (2 * step)).reshape(x.shape)


def softmax64(z, axis=-1):
    z = numpy64(z)
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid64(z):
    z = numpy64(z)
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def own_classes(module):
    """The public classes that a module or a package's modules define, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and not issubclass(value, Exception)
        and not name.startswith("_")
        and value.__module__.startswith(module.__name__)
    }
