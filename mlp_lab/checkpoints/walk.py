"""Finds everything in a model that a training may change, under names that stay the same."""

import collections
import contextlib
import dataclasses
import enum
import functools
import io
import random
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.checkpoints.own_names import library, own_names
from mlp_lab.checkpoints.plain import is_plain, replaced

# Objects of libraries that are looked into; of others only those of classes that users wrote.
_PARTS = (
    keras.Operation,
    keras.Metric,
    keras.Optimizer,
    keras.Loss,
    keras.optimizers.schedules.LearningRateSchedule,
    keras.random.SeedGenerator,
    tf.Module,
    tf.__internal__.tracking.AutoTrackable,
    tf.train.ExponentialMovingAverage,
)
# Keras' lists of what also stands elsewhere.
_LISTS = {
    *("_layers", "_metrics", "_variables", "_trainable_variables", "_non_trainable_variables"),
    *("_flat_layers", "_seed_generators", "_operations", "_functional"),
}
_ITEMS = (list, tuple, set, frozenset, collections.deque, Mapping)
_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
# A state that cannot be read, or not be put back.
_OPAQUE = (
    io.IOBase,
    tf.lookup.experimental.MutableHashTable,
    tf.lookup.experimental.DenseHashTable,
    tf.queue.QueueBase,
)
_NO_STATE = (
    type,
    enum.Enum,
    types.ModuleType,
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    functools.partial,
    keras.callbacks.Callback,  # they have a state of their own
    keras.callbacks.CallbackList,
)
_FOREIGN = {
    *sys.stdlib_module_names,
    *("keras", "tensorflow", "tensorboard", "mlp_lab", "numpy", "pandas", "scipy", "matplotlib"),
    *("google", "absl", "h5py", "ml_dtypes", "PIL", "sklearn", "torch", "jax"),
} - {"__main__"}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a plain value is: an attribute of an object, or an item of a list or dict.

    Attributes:
      owner: the object or the container.
      key: the name of the attribute, or the index or key of the item.
      at: the path of the owner.
    """

    owner: Any
    key: Any
    at: str

    @property
    def exists(self) -> bool:
        """Whether there is anything."""
        if isinstance(self.owner, list | collections.deque):
            return -1 < self.key < len(self.owner)
        return self.key in (self.owner if _is_container(self.owner) else vars(self.owner))

    @property
    def value(self) -> Any:
        """The value that is there."""
        return self.owner[self.key] if _is_container(self.owner) else vars(self.owner)[self.key]

    def put(self, value: Any) -> None:
        """Puts a value there, where it can be into the container or array that is there."""
        if self.exists and replaced(self.value, value):
            return
        if _is_container(self.owner):
            self.owner[self.key] = value
            return
        try:
            setattr(self.owner, self.key, value)
        except AttributeError:  # of a frozen data class
            vars(self.owner)[self.key] = value

    def remove(self) -> None:
        """Takes away an attribute or an item."""
        if not _is_container(self.owner):
            vars(self.owner).pop(self.key, None)
        elif isinstance(self.owner, dict):
            self.owner.pop(self.key, None)


@dataclasses.dataclass
class Found:
    """What was found, by path: `encoder.hidden[0]._kernel`.

    Attributes:
      variables: of Keras and of TensorFlow.
      of_metrics: the paths of those that belong to metrics.
      of_training: the paths of all that belongs to metrics or optimizers, and not to the model.
      generators: random generators of NumPy and of Python.
      plain: places of numbers, arrays, and containers of them, that a user's code has set.
      owners: the objects and containers that were looked into.
      unsaved: what has a state that cannot be saved.
    """

    variables: dict[str, Any] = dataclasses.field(default_factory=dict)
    of_metrics: set[str] = dataclasses.field(default_factory=set)
    of_training: set[str] = dataclasses.field(default_factory=set)
    generators: dict[str, Any] = dataclasses.field(default_factory=dict)
    plain: dict[str, Place] = dataclasses.field(default_factory=dict)
    owners: dict[str, Any] = dataclasses.field(default_factory=dict)
    unsaved: dict[str, Any] = dataclasses.field(default_factory=dict)


def find(root: Any) -> Found:
    """Everything that a training changes and that belongs to a model, or to another object.

    It walks through attributes, lists and dicts: of the model, its layers, metrics and
    optimizers, of modules, and of objects of users' classes. What can be reached in several ways
    gets the shortest path. Optimizers come last, so that weights are not named after them.
    """
    found, seen = Found(), set()
    waiting = collections.deque([_Part("", root, None, False)])
    later: list[_Part] = []
    optimizers = False  # what is left is reached only through them
    while waiting or later:
        late = not waiting
        optimizers = optimizers or late
        part = later.pop(0) if late else waiting.popleft()
        if part.of_metric or optimizers:
            found.of_training.add(part.path)
        if isinstance(part.value, keras.Optimizer) and not late:
            later.append(part)
        elif _is_number(part.value):
            if part.place is not None:
                found.plain[part.path] = part.place
        elif id(part.value) not in seen and not isinstance(part.value, _NO_STATE):
            seen.add(id(part.value))
            waiting.extend(_sorted_in(found, part))
    return found


class _Part(NamedTuple):
    """What the walk has come to; without a place, plain values are not state."""

    path: str
    value: Any
    place: Place | None
    of_metric: bool


def _sorted_in(found: Found, part: _Part) -> list[_Part]:
    """Puts a part where it belongs; returns the parts of it that are looked at next."""
    path, value, place, of_metric = part
    if isinstance(value, keras.Variable | tf.Variable):
        if tf.as_dtype(value.dtype) in (tf.string, tf.resource, tf.variant):
            found.unsaved[path] = value
        elif getattr(value, "_value", value) is not None:
            found.variables[path] = value
            if of_metric:
                found.of_metrics.add(path)
    elif isinstance(value, _GENERATORS):
        found.generators[path] = value
    elif isinstance(value, _OPAQUE) or hasattr(type(value), "__next__"):
        found.unsaved[path] = value
    elif place is not None and _is_plain(value):
        found.plain[path] = place
    else:
        of_metric = of_metric or isinstance(value, keras.Metric)
        found.owners[path] = value
        parts = _items if isinstance(value, _ITEMS) else _attributes
        return [_Part(*child, of_metric) for child in parts(path, value, place is not None)]
    return []


def _items(path: str, value: Any, free: bool) -> Iterator[tuple[str, Any, Place | None]]:
    """What is in a container; its numbers are state if it can be changed, and is not Keras'."""
    if isinstance(value, Mapping):
        for i, (key, part) in enumerate(value.items()):
            name = repr(key) if isinstance(key, str | int) else i
            place = Place(value, key, path) if free and isinstance(value, dict) else None
            yield f"{path}[{name}]", part, place
        return
    for i, part in enumerate(value):
        changeable = free and isinstance(value, list | collections.deque)
        yield f"{path}[{i}]", part, Place(value, i, path) if changeable else None


def _attributes(path: str, value: Any, _) -> Iterator[tuple[str, Any, Place | None]]:
    if not _looked_into(value):
        return
    cls: Any = type(value)
    own = own_names(cls)
    for name in sorted(_names(value), key=lambda n: (n in _LISTS, n.startswith("_"), n)):
        # The weights of an optimizer are the model's; names with _self_ are TensorFlow's.
        weights = isinstance(value, keras.Optimizer) and name == "_trainable_variables"
        if not weights and not name.startswith("_self_"):
            place = Place(value, name, path) if name not in own and name in vars(value) else None
            yield f"{path}.{name}".lstrip("."), getattr(value, name, None), place


def _names(value: Any) -> set[str]:
    names = set(getattr(value, "__dict__", ()))
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ()) if library(cls) not in _FOREIGN else ()
        names.update([slots] if isinstance(slots, str) else slots)
    return names - {"__dict__", "__weakref__"}


def _looked_into(value: Any) -> bool:
    if isinstance(value, (*_PARTS, types.SimpleNamespace)):
        return True
    return library(type(value)) not in _FOREIGN and hasattr(value, "__dict__")


def _is_plain(value: Any) -> bool:
    with contextlib.suppress(RecursionError):  # a list that is in itself
        return is_plain(value)
    return False


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | complex | str | bytes)


def _is_container(owner: Any) -> bool:
    return isinstance(owner, list | dict | collections.deque)
