"""What `fit` is given: whether data are arrays, and how often callbacks must be called."""

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


def arrays_of_rows(x: Any, y: Any, sample_weight: Any) -> tuple | None:
    """(x, y, sample_weight) without those that are None, if all are arrays or `Rows`; else None."""
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

    return tuple(tf.nest.map_structure(standard, part) for part in given)


def refuse_rows(*data: Any) -> None:
    """Raises an error for `Rows`, which Keras' own ways cannot take."""
    if any(isinstance(leaf, Rows) for leaf in tf.nest.flatten(data)):
        raise ValueError(
            "rows from files: expected a compiled model, other data as arrays or rows of the same "
            "length, and no class_weight, steps or steps_per_epoch; leave those out, or give "
            "arrays, np.asarray(rows), or a tf.data.Dataset"
        )


_BATCH_HOOKS = {
    phase: [f"on_{phase}_batch_begin", f"on_{phase}_batch_end"]
    for phase in ("train", "test", "predict")
}
_BATCH_HOOKS["train"] += ["on_batch_begin", "on_batch_end"]  # older names of the same


def listed(callbacks: Any) -> list[keras.callbacks.Callback]:
    """The callbacks as a list, in whatever form `fit` got them."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    elif isinstance(callbacks, keras.callbacks.Callback):
        callbacks = [callbacks]
    return [callback for callback in callbacks or () if callback is not None]


def wants_every_batch(callbacks: Any, *phases: str) -> bool:
    """Whether a callback must be called for every batch.

    Args:
      callbacks: as `fit` takes them.
      *phases: of "train", "test" and "predict", those that are to be run.
    """
    hooks = [name for phase in phases for name in _BATCH_HOOKS[phase]]
    for callback in listed(callbacks):
        own = type(callback)
        if getattr(callback, "any_steps_per_execution", False):
            continue
        if own.__module__.startswith("keras."):
            # Keras' own can do with fewer calls, unless they were told otherwise.
            often = [getattr(callback, n, "epoch") for n in ("update_freq", "save_freq")]
            if often != ["epoch", "epoch"] or any(n in callback.__dict__ for n in hooks):
                return True
        elif any(getattr(own, n) is not getattr(keras.callbacks.Callback, n) for n in hooks):
            return True
    return False
