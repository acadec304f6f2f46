"""What `fit` is given: arrays, rows of files, or other data; and callbacks."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.data.rows import Rows


def unpacked(data: Any) -> tuple:
    """Validation data as (x, y, sample_weight); all None if they are not a tuple."""
    if isinstance(data, tuple | list):
        return keras.utils.unpack_x_y_sample_weight(tuple(data))
    return None, None, None


def arrays_of_rows(x: Any, y: Any, sample_weight: Any, autocast: bool = True) -> Any:
    """The data in the structure in which Keras hands them to a step; None if not all are arrays.

    That is x, (x,), (x, y) or (x, y, sample_weight), with tuples in place of lists. Arrays are
    NumPy's, tensors and `Rows`. Floating-point numbers become Keras' `floatx`; but those of x keep
    their type if the model's `autocast` is false: it takes inputs as they are.
    """
    given = [part for part in (x, y, sample_weight) if part is not None]
    leaves = tf.nest.flatten(given)
    plain = leaves and all(
        isinstance(a, np.ndarray | tf.Tensor | Rows) and np.ndim(a) > 0 and a.dtype != object
        for a in leaves
    )
    if x is None or (y is None and sample_weight is not None) or not plain:
        return None
    # For unequal lengths and empty arrays Keras has an error message.
    if len({len(a) for a in leaves}) != 1 or not len(leaves[0]):
        return None
    floatx = keras.config.floatx()

    def standard(a):
        dtype = keras.backend.standardize_dtype(a.dtype)
        if keras.backend.is_float_dtype(dtype) and dtype != floatx:
            return tf.cast(a, floatx) if tf.is_tensor(a) else a.astype(floatx)
        return a

    if sample_weight is not None and tf.nest.is_nested(y):
        if tf.nest.is_nested(sample_weight):
            return None  # Keras compares the structures
        sample_weight = tf.nest.map_structure(lambda _: sample_weight, y)
    if autocast:
        x = tf.nest.map_structure(standard, x)
    y, sample_weight = tf.nest.map_structure(
        lambda a: None if a is None else standard(a), (y, sample_weight)
    )
    return keras.tree.lists_to_tuples(keras.utils.pack_x_y_sample_weight(x, y, sample_weight))


def refuse_rows(*data: Any) -> None:
    """Raises an error for `Rows`, which Keras' own ways cannot take."""
    if any(isinstance(leaf, Rows) for leaf in tf.nest.flatten(data)):
        raise ValueError(
            "rows from files: expected a compiled model, other data as arrays or rows of the same "
            "length, and no class_weight, steps or steps_per_epoch; leave those out, or give "
            "arrays, np.asarray(rows), or a tf.data.Dataset"
        )


def is_wide(x: Any) -> bool:
    """Whether Keras' own ways would round x: arrays of more digits than `floatx` has."""

    def wide(a):
        dtype = np.asarray(a).dtype if hasattr(a, "__array__") else None
        return dtype == np.float64 != keras.config.floatx()

    return any(map(wide, tf.nest.flatten(x)))


def refuse_wide(model: keras.Model, *data: Any) -> None:
    """Raises an error for x that would be rounded before a model that takes it as it is."""
    if not model.autocast and any(map(is_wide, data)):
        raise ValueError(
            "float64 inputs: expected a compiled model, all data as arrays, and no class_weight, "
            "steps or steps_per_epoch; leave those out, or give a tf.data.Dataset or float32 arrays"
        )


def listed(callbacks: Any) -> list[keras.callbacks.Callback]:
    """The callbacks as a list, in whatever form `fit` got them."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    return [callback for callback in keras.tree.flatten(callbacks or []) if callback is not None]


@contextlib.contextmanager
def with_callback(options: dict[str, Any], callback: keras.callbacks.Callback) -> Iterator[None]:
    """While it is open, `options["callbacks"]`, as `fit` takes them, include one more.

    Those that save the state of others, which say `comes_last = True`, are called after them. A
    `CallbackList` is changed, and put back: Keras uses it as it is.
    """
    given = options["callbacks"]
    ordered = sorted(listed(given), key=lambda c: getattr(c, "comes_last", False))
    if not isinstance(given, keras.callbacks.CallbackList):
        options["callbacks"] = [*ordered, callback]
        yield
        return
    before, given.callbacks = given.callbacks, ordered
    given.append(callback)
    try:
        yield
    finally:
        given.callbacks = before
