"""Small functions of tensors, and of structures of them."""

import functools
import math

import numpy as np
import tensorflow as tf


def compiled(method, **options):
    """`tf.function` of this object's method.

    TensorFlow warns of functions that are traced often, and counts by their code: the fifth model
    of a process would look like too many traces of one function. A partial has no code.
    """
    return tf.function(functools.partial(method), autograph=False, **options)


def handle(weight):
    """The resource handle of the variable, or of the first replica's copy."""
    value = weight.value
    return getattr(value, "values", (value,))[0].handle


def array(tensor):
    """The tensor as a NumPy array that shares its memory, where NumPy knows its type.

    Sparse and ragged tensors, which are no arrays, are returned as they are.
    """
    if not isinstance(tensor, tf.Tensor):
        return tensor
    # `tensor.numpy()` would copy. A tensor's memory does not change: a variable that is
    # assigned while it is held gets new memory.
    known = tensor.dtype.is_floating and tensor.dtype != tf.bfloat16 and "CPU" in tensor.device
    return np.asarray(memoryview(tensor)) if known else tensor.numpy()


def rows_from(tensor, start, rows):
    rank = len(tensor.shape)
    return tf.slice(tensor, [start] + [0] * (rank - 1), [rows, *tensor.shape[1:]])


def part_of(data, start, rows):
    return tf.nest.map_structure(lambda t: t[start : start + rows], data)


def spec_of(tensors):
    """The form of tensors, for tracing."""
    return tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), tensors)


def size_of(data):
    """Bytes of all tensors; those of sparse and ragged ones by their parts."""
    parts = tf.nest.flatten(data, expand_composites=True)
    return sum(math.prod(t.shape) * t.dtype.size for t in parts if tf.is_tensor(t))


def with_absent(data):
    """Data in which tf.data's empty Optional, its form of None, is None again."""
    return tf.nest.map_structure(
        lambda t: None if isinstance(t, tf.experimental.Optional) else t, data
    )
