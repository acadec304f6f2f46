"""The object under test: an instance, and new ones like it in any precision."""

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.testing.failure import CheckError, reason

ROWS = 6  # samples in a random batch


@contextlib.contextmanager
def precision(policy: str):
    """Sets Keras' defaults for new layers, losses and metrics, and restores them afterwards."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64" if policy == "float64" else "float32")
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


class Subject:
    """An instance, and a way to make more like it.

    Args:
      given: an instance, or a class or other callable that makes one without arguments.
      base: the class that it must be an instance of.
      skip: names of the parts to leave out.
      parts: names of all parts.

    Attributes:
      first: the given instance, or the first one made.
      name: the name of its class, for messages.
      notes: what could not be checked, and why.
    """

    def __init__(self, given: Any, base: type, skip: Iterable[str], parts: Iterable[str]):
        unknown = sorted(set(skip) - set(parts))
        if unknown:
            raise ValueError(
                f"skip: expected some of {', '.join(sorted(parts))}, got {', '.join(unknown)}"
            )
        self._make: Callable | None = None
        made = given
        if inspect.isclass(given) or not isinstance(given, base):
            if not callable(given):
                raise TypeError(
                    f"expected a {base.__name__} or a callable that makes one, got {given!r}"
                )
            with precision("float32"):
                made = given()
            if not isinstance(made, base):
                raise TypeError(
                    f"expected a callable that makes a {base.__name__}, but it returned {made!r}"
                )
            self._make = given
        self.first: Any = made
        self.name = type(made).__name__
        self.notes: list[str] = []
        self._skip = frozenset(skip)

    def wants(self, part: str) -> bool:
        """Whether to check a part."""
        return part not in self._skip

    def another(self, policy: str = "float32") -> Any:
        """A new instance like the first, which computes in this precision."""
        with precision(policy):
            if self._make is not None:
                made = self._make()
                if made is not self.first:
                    return made
            try:
                config = _in_precision(self.first.get_config(), policy)
                return type(self.first).from_config(config)
            except Exception as error:
                self.fail(
                    f"cannot be re-created from its get_config(): {reason(error)}",
                    "return all arguments of __init__ from it, or pass the check a callable that "
                    "makes an instance",
                    error,
                )

    def fail(self, problem: str, change: str, cause: BaseException | None = None):
        """Raises `CheckError`."""
        raise CheckError(f"{self.name}: {problem}; {change}") from cause


def _in_precision(config: Any, policy: str) -> Any:
    """The config with this dtype policy in every layer."""
    changed = _replaced(copy.copy(config), policy)
    if isinstance(changed.get("dtype"), str):  # a metric's
        changed["dtype"] = "float64" if policy == "float64" else "float32"
    return changed


def _replaced(value: Any, policy: str) -> Any:
    if isinstance(value, list | tuple):
        return [_replaced(item, policy) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "DTypePolicy":
        return {**value, "config": {"name": policy}}
    return {name: _replaced(item, policy) for name, item in value.items()}


def drawn(inputs: Any, shape: tuple | None, argument: str, rng: np.random.Generator) -> Any:
    """The given inputs as NumPy arrays, or standard normal ones, float32 [rows, *shape]."""
    if inputs is None:
        if shape is None:
            raise ValueError(f"expected either inputs or {argument}, without the batch axis")
        return rng.normal(size=(ROWS, *shape)).astype("float32")
    arrays = tf.nest.map_structure(np.asarray, inputs)
    rows = {len(a) if a.ndim else 0 for a in tf.nest.flatten(arrays)}
    if len(rows) != 1 or min(rows) < 3:
        raise ValueError(
            f"expected at least 3 samples, the same number in each array, got {sorted(rows)}"
        )
    return tf.nest.map_structure(
        lambda a: a.astype("float32") if a.dtype == "float64" else a, arrays
    )


def rows_of(inputs: Any) -> int:
    """The number of samples in a batch."""
    return len(tf.nest.flatten(inputs)[0])


def some(inputs: Any, chosen: Any) -> Any:
    """The samples of a batch with these indices, as tensors."""
    return tf.nest.map_structure(lambda a: tf.convert_to_tensor(np.asarray(a)[chosen]), inputs)


def floating(array: Any) -> bool:
    """Whether an array holds floating-point numbers."""
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(array.dtype))


def in_dtype(inputs: Any, dtype: str) -> Any:
    """Floating-point arrays as tensors of this type; others keep their type."""
    return tf.nest.map_structure(
        lambda a: tf.cast(a, dtype) if floating(a) else tf.convert_to_tensor(a), inputs
    )


def copy_variables(target: Any, source: Any) -> None:
    """Copies all variables of one block to another, counters and generator states included."""
    for to, value in zip(target.variables, source.variables, strict=True):
        to.assign(keras.ops.cast(value, to.dtype))
