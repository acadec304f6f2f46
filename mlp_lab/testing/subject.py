"""What is checked: an instance, and more of its kind in any precision."""

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.testing.failure import CheckError, reason

ROWS = 6  # of the batches that are drawn


@contextlib.contextmanager
def precision(policy: str):
    """Keras' defaults for new layers, losses and metrics, put back as they were afterwards."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64" if policy == "float64" else "float32")
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


class Subject:
    """An instance, and what makes more of its kind.

    Args:
      given: an instance; or a callable without arguments, a class too, that makes one.
      base: the class that it must be of.
      skip: names of the parts that are left out.
      parts: names of all parts.

    Attributes:
      first: the given instance, or the first that was made.
      name: of its class, for messages.
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
                    f"expected a callable that makes a {base.__name__}, got {made!r} from it"
                )
            self._make = given
        self.first: Any = made
        self.name = type(made).__name__
        self.notes: list[str] = []
        self._skip = frozenset(skip)

    def wants(self, part: str) -> bool:
        """Whether a part is to be checked."""
        return part not in self._skip

    def another(self, policy: str = "float32") -> Any:
        """One more of its kind, which computes in this precision."""
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
                    f"cannot be made again from its get_config(): {reason(error)}",
                    "return all arguments of __init__ there, or give the check a callable that "
                    "makes an instance",
                    error,
                )

    def fail(self, problem: str, change: str, cause: BaseException | None = None):
        """Raises the error of a failed check."""
        raise CheckError(f"{self.name}: {problem}; {change}") from cause


def _in_precision(config: Any, policy: str) -> Any:
    """A config in which every layer has another dtype policy."""
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
    """The given inputs as NumPy arrays, or normal random ones [rows, *shape] in float32."""
    if inputs is None:
        if shape is None:
            raise ValueError(f"expected either inputs or {argument}, without the batch axis")
        return rng.normal(size=(ROWS, *shape)).astype("float32")
    arrays = tf.nest.map_structure(np.asarray, inputs)
    rows = {len(a) if a.ndim else 0 for a in tf.nest.flatten(arrays)}
    if len(rows) != 1 or min(rows) < 3:
        raise ValueError(f"expected at least 3 samples and as many of each, got {sorted(rows)}")
    return tf.nest.map_structure(
        lambda a: a.astype("float32") if a.dtype == "float64" else a, arrays
    )


def rows_of(inputs: Any) -> int:
    """How many samples a batch has."""
    return len(tf.nest.flatten(inputs)[0])


def some(inputs: Any, chosen: Any) -> Any:
    """The samples of a batch with these indices, as tensors."""
    return tf.nest.map_structure(lambda a: tf.convert_to_tensor(np.asarray(a)[chosen]), inputs)


def floating(array: Any) -> bool:
    """Whether an array holds floating-point numbers."""
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(array.dtype))


def in_dtype(inputs: Any, dtype: str) -> Any:
    """Floating-point arrays as tensors of this type, others as they are."""
    return tf.nest.map_structure(
        lambda a: tf.cast(a, dtype) if floating(a) else tf.convert_to_tensor(a), inputs
    )


def copy_variables(target: Any, source: Any) -> None:
    """Gives one block all of another's values, counters and states of generators included."""
    for to, value in zip(target.variables, source.variables, strict=True):
        to.assign(keras.ops.cast(value, to.dtype))
