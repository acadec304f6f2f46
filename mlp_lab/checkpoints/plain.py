"""Plain Python values that are state: numbers, arrays, and lists or dicts of them."""

import collections
import copy
import hashlib
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import tensorflow as tf

# Containers in which values are replaced in place, so that whoever else holds them sees it.
_CONTAINERS = (list, dict, set, collections.deque)
_NUMBERS = (bool, int, float, complex, type(None))


def is_plain(value: Any) -> bool:
    """Whether a value consists of numbers, strings, arrays, and containers of them."""
    if isinstance(value, np.ndarray):
        return not value.dtype.hasobject
    if isinstance(value, dict):
        return all(map(_is_key, value)) and all(map(is_plain, value.values()))
    if isinstance(value, list | tuple | set | frozenset | collections.deque):
        return all(map(is_plain, value))
    if isinstance(value, tf.Tensor):
        return hasattr(value, "numpy") and not _odd(value.dtype)  # not of a graph
    return isinstance(value, (*_NUMBERS, str, bytes, np.generic))


def encoded(value: Any) -> Any:
    """A plain value as a tree for a checkpoint; `decoded` gives it back with its types."""
    if value is None or isinstance(value, bool | str) or type(value) in (int, float):
        return value
    if isinstance(value, list):
        return [encoded(part) for part in value]
    if isinstance(value, dict):
        return {"items": [[encoded(key), encoded(part)] for key, part in value.items()]}
    if isinstance(value, np.ndarray):
        return {"ndarray": bits(value), "dtype": value.dtype.name}
    if isinstance(value, np.generic):
        return {"scalar": bits(np.asarray(value)), "dtype": value.dtype.name}
    if isinstance(value, tf.Tensor):
        return {"tensor": bits(value.numpy()), "dtype": value.dtype.name}
    if isinstance(value, bytes):
        return {"bytes": np.frombuffer(value, np.uint8)}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, int | float):  # of a class of its own
        return encoded(float(value) if isinstance(value, float) else int(value))
    kind = next(k for k in (tuple, set, frozenset, collections.deque) if isinstance(value, k))
    return {kind.__name__: [encoded(part) for part in value]}


def decoded(tree: Any) -> Any:
    """The value that `encoded` was given."""
    if isinstance(tree, list):
        return [decoded(part) for part in tree]
    if not isinstance(tree, Mapping):
        return tree
    kind, content = next(iter(tree.items()))
    if kind == "items":
        return {decoded(key): decoded(part) for key, part in content}
    if kind in ("ndarray", "scalar", "tensor"):
        array = typed(content, tree["dtype"])
        as_given = {"ndarray": np.copy, "scalar": lambda a: a[()], "tensor": tf.constant}
        return as_given[kind](array)
    if kind == "bytes":
        return content.tobytes()
    if kind == "complex":
        return complex(*content)
    kinds: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}
    return kinds.get(kind, collections.deque)(decoded(part) for part in content)


def copied(value: Any) -> Any:
    """A copy that later changes of the value do not touch."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, list):
        return [copied(part) for part in value]
    if isinstance(value, np.ndarray | set | collections.deque):
        return copy.copy(value)
    return value


def replaced(current: Any, value: Any) -> bool:
    """Gives a container or an array the content of another in place; False if it cannot."""
    if isinstance(current, np.ndarray):
        same = isinstance(value, np.ndarray) and (current.dtype, current.shape) == (
            value.dtype,
            value.shape,
        )
        if same and current.flags.writeable:
            current[...] = value
        return same and current.flags.writeable
    # TensorFlow's wrappers of containers remember that they were changed in place.
    if type(current).__module__.startswith("tensorflow") or not any(
        isinstance(current, kind) and isinstance(value, kind) for kind in _CONTAINERS
    ):
        return False
    current.clear()
    if isinstance(current, dict | set):
        current.update(value)
    else:
        current.extend(value)
    return True


def size(value: Any) -> int:
    """About how many bytes a plain value takes in a checkpoint."""
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    if isinstance(value, list | tuple | set | frozenset | collections.deque):
        return 8 * len(value) + sum(size(part) for part in value if not _is_number(part))
    return getattr(value, "nbytes", 8)


def digest(value: Any) -> str:
    """What two plain values have in common if they are equal."""
    found = hashlib.sha256()
    _digest(encoded(value), found)
    return found.hexdigest()


def _digest(tree: Any, found: Any) -> None:
    if isinstance(tree, np.ndarray):
        found.update(f"{tree.dtype}{tree.shape}".encode())
        found.update(np.ascontiguousarray(tree).reshape(-1).view(np.uint8))
    elif isinstance(tree, Mapping):
        for key, part in tree.items():
            found.update(key.encode())
            _digest(part, found)
    elif isinstance(tree, list):
        found.update(f"[{len(tree)}".encode())
        for part in tree:
            _digest(part, found)
    else:
        found.update(repr(tree).encode())


def bits(array: np.ndarray) -> np.ndarray:
    """An array whose type NumPy does not know by name, such as bfloat16, as its bits."""
    if array.dtype.kind in "biufc" and array.dtype.name in np.sctypeDict:
        return array
    if array.dtype.kind in "US":  # strings: a checkpoint holds numbers
        return np.frombuffer(array.tobytes(), np.uint8).reshape(*array.shape, -1)
    return array.view(f"u{array.dtype.itemsize}")


def typed(array: np.ndarray, name: str) -> np.ndarray:
    """The array that `bits` was given, of a type by its name."""
    if name.startswith(("str", "bytes")):
        kind = "U" if name.startswith("str") else "S"
        length = array.shape[-1] // (4 if kind == "U" else 1)
        return np.frombuffer(array.tobytes(), f"<{kind}{length}").reshape(array.shape[:-1])
    own = np.dtype(getattr(ml_dtypes, name, name))
    return array if array.dtype == own else array.view(own)


def _is_key(key: Any) -> bool:
    return (isinstance(key, tuple) and is_plain(key)) or isinstance(key, (*_NUMBERS, str, bytes))


def _is_number(value: Any) -> bool:
    return isinstance(value, _NUMBERS)


def _odd(dtype: tf.DType) -> bool:
    return dtype in (tf.string, tf.resource, tf.variant)
