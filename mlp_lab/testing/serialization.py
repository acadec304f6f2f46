"""Checks of copies made through a config, JSON or a file, in Keras' safe mode."""

import inspect
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mlp_lab.testing.failure import reason, unlike
from mlp_lab.testing.subject import Subject, copy_variables

# Arguments that Keras' base classes handle.
_KERAS = {"self", "args", "kwargs", "name", "dtype", "trainable", "reduction", "autocast"}
_KERAS |= {"activity_regularizer", "fn"}
_RETURN = "return it from get_config: {**super().get_config(), ...}"


def check_copy(subject: Subject, compute: Callable, inputs: Any) -> Any:
    """A copy made through JSON has the same arguments and config, and computes the same.

    Args:
      compute: (block, inputs) to tensors; afterwards, the block's variables exist.

    Returns:
      The copy.
    """
    copy = _check_config(subject)
    _check_same_values(subject, copy, compute, inputs)
    return copy


def _check_config(subject):
    block = subject.first
    cls = type(block)
    config = _config(subject, block)
    if keras.saving.get_registered_name(cls) == cls.__name__ and not _of_keras(cls):
        subject.fail(
            "is not registered, so a saved model cannot be loaded",
            "decorate it with @keras.saving.register_keras_serializable()",
        )
    lost = _lost_arguments(block, config["config"])
    copy = _copy(subject, config)
    if type(copy) is not cls:
        subject.fail(f"from_config returns a {type(copy).__name__}", "return cls(**config)")
    changed = [
        f"{name} was {before!r}, the copy has {_shown(cls, name, after)}"
        for name, before, after in _arguments(block, copy)
        if before != after
    ]
    if changed:
        subject.fail(
            f"the copy made from get_config() computes another value: {', '.join(changed)}",
            _RETURN,
        )
    if lost:
        subject.fail(f"get_config() lacks {', '.join(lost)}, so a copy loses it", _RETURN)
    again = _config(subject, copy)
    if _without_build(again) != _without_build(config):
        ours, theirs = _without_build(config["config"]), _without_build(again["config"])
        names = [n for n in ours if n not in theirs or ours[n] != theirs[n]]
        subject.fail(
            f"the copy made from get_config() has a different config: {', '.join(names) or again}",
            "return the arguments of __init__ from get_config, unchanged",
        )
    return copy


def _check_same_values(subject, copy, compute, inputs):
    """A copy with the same variables computes the same."""
    block = subject.first
    expected = compute(block, inputs)
    compute(copy, inputs)
    if not getattr(block, "variables", ()):
        found = unlike(compute(copy, inputs), expected, 1e-6)
        if found:
            subject.fail(
                f"the copy made from get_config() computes another value: {found}", _RETURN
            )
        return
    shapes = [[tuple(v.shape) for v in b.variables] for b in (block, copy)]
    if shapes[0] != shapes[1]:
        subject.fail(
            f"the copy made from get_config() has weights of shapes {shapes[1]}, not {shapes[0]}",
            "return every argument that determines the weights from get_config",
        )
    copy_variables(copy, block)
    found = unlike(compute(copy, inputs), expected, 1e-6)
    if found:
        subject.fail(
            "the copy made from get_config() computes another value with the same weights: "
            f"{found}",
            "return every argument of __init__ from get_config, and keep learned values and "
            "counts in variables",
        )


def check_saved(subject: Subject, model: Any, inputs: Any) -> None:
    """A model computes the same after it is saved and loaded in safe mode."""
    expected = model(inputs, training=False)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.keras")
        try:
            model.save(path)
            loaded = keras.saving.load_model(path, safe_mode=True)
        except Exception as error:
            subject.fail(
                f"cannot be saved and loaded: {reason(error)}",
                "create weights in build or __init__, one attribute each, and return plain "
                "values from get_config",
                error,
            )
    found = unlike(loaded(inputs, training=False), expected, 1e-6)
    if found:
        subject.fail(
            f"computes different values after it is saved and loaded: {found}",
            "keep learned values and counts in variables that are attributes (or in lists or "
            "layers that are)",
        )


def _config(subject, block):
    try:
        serialized = keras.saving.serialize_keras_object(block)
    except Exception as error:
        subject.fail(
            f"get_config() fails: {reason(error)}",
            "return the arguments of __init__ as plain values; serialize layers and functions with "
            "keras.saving.serialize_keras_object",
            error,
        )
    try:
        return json.loads(json.dumps(serialized))
    except (TypeError, ValueError) as error:
        subject.fail(
            f"get_config() returns a value that JSON cannot hold: {reason(error)}",
            "return numbers, strings, lists and dicts; serialize others with "
            "keras.saving.serialize_keras_object",
            error,
        )


def _copy(subject, config):
    try:
        return keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:
        subject.fail(
            f"no copy can be made from get_config(): {reason(error)}",
            "let __init__ accept what get_config returns (**kwargs for Keras' own arguments)",
            error,
        )


def _of_keras(cls):
    return cls.__module__.split(".")[0] == "keras"


def _own_parameters(cls):
    """Constructor parameters by name, from the class up to the first Keras base."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if _of_keras(base) or base is object:
            continue
        if "__init__" in vars(base):
            for name, parameter in inspect.signature(vars(base)["__init__"]).parameters.items():
                variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
                if name not in _KERAS and not variadic:
                    found.setdefault(name, parameter)
            break  # this one passes the arguments of its bases
    return found


def _lost_arguments(block, config):
    own = [b for b in type(block).__mro__ if not _of_keras(b) and b is not object]
    if any("from_config" in vars(b) for b in own):
        return []
    if isinstance(block, keras.Layer) and not any("get_config" in vars(b) for b in own):
        return []  # Keras records the arguments that were passed, and needs no others
    return [
        f"{name} ({_value(block, name)!r} here)"
        for name in _own_parameters(type(block))
        if name not in config
    ]


def _value(block, name):
    return _plain(getattr(block, name, getattr(block, f"_{name}", None)))


def _arguments(block, copy):
    for name in _own_parameters(type(block)):
        before, after = _value(block, name), _value(copy, name)
        if isinstance(before, _Plain) and isinstance(after, _Plain):
            yield name, before, after


_Plain = int | float | str | tuple | None


def _plain(value):
    """Numbers and strings unchanged, lists as tuples, anything else as its type."""
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    if value is None or isinstance(value, int | float | str):
        return value
    return type(value)  # nothing more can be compared in general


def _shown(cls, name, value):
    parameter = _own_parameters(cls)[name]
    is_default = parameter.default is not parameter.empty and _plain(parameter.default) == value
    return f"the default {value!r}" if is_default else repr(value)


def _without_build(config):
    """A config without the entries that `build` adds to layers."""
    if isinstance(config, dict):
        return {k: _without_build(v) for k, v in config.items() if k != "build_config"}
    return [_without_build(v) for v in config] if isinstance(config, list) else config


def functional(layer: Any, inputs: Any) -> Any:
    """A functional Keras model that applies only this layer."""

    def symbol(array, name=None):
        dtype = keras.backend.standardize_dtype(array.dtype)
        return keras.Input(tuple(array.shape[1:]), dtype=dtype, name=name)

    if isinstance(inputs, dict) and not any(tf.nest.is_nested(v) for v in inputs.values()):
        symbols = {name: symbol(array, name) for name, array in inputs.items()}
    else:
        symbols = tf.nest.map_structure(symbol, inputs)
    return keras.Model(symbols, layer(symbols))
