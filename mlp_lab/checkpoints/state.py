"""Collects the state of a model in training, and restores it."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import ml_dtypes
import numpy as np

from mlp_lab.checkpoints.files import CheckpointError

# What Keras' own callbacks remember from one epoch to the next. Users' callbacks have
# `get_state()` and `set_state(state)`, with numbers, strings, arrays, lists and dicts.
_REMEMBERED = {
    keras.callbacks.EarlyStopping: (
        "wait",
        "stopped_epoch",
        "best",
        "best_weights",
        "best_epoch",
    ),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: (
        "best",
        "epochs_since_last_save",
        "_batches_seen_since_last_saving",
        "_last_batch_seen",
        "_current_epoch",
    ),
}


def collect(model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]) -> dict[str, Any]:
    """Everything that the rest of a training depends on, except the position in it.

    That is the weights, the states of random generators (dropout), the optimizer's variables,
    the metrics' sums, what callbacks remember, and the generators of Python, NumPy and Keras.

    Args:
      model: compiled and built, with its optimizer and metrics.
      callbacks: those of `fit`. The classes of those that remember something, in their order,
        are part of the state.
    """
    return {
        "variables": {group: _taken(group_of) for group, group_of in _groups(model).items()},
        "callbacks": [
            {"class": type(c).__name__, "state": _callback_state(c)} for c in callbacks if _names(c)
        ],
        "generators": _generators(),
    }


def restore(
    model: keras.Model,
    callbacks: Sequence[keras.callbacks.Callback],
    state: dict[str, Any],
    parts: Sequence[str] = ("weights", "optimizer", "metrics", "callbacks", "generators"),
) -> None:
    """Restores what `collect` returned.

    Args:
      model: with the same architecture, optimizer and metrics, compiled and built.
      callbacks: the same classes in the same order.
      state: what `collect` returned.
      parts: which parts of it to restore.

    Raises:
      CheckpointError: the state belongs to another model, optimizer or list of callbacks.
        Nothing has been changed.
    """
    groups = {n: g for n, g in _groups(model).items() if n in parts}
    for name, variables in groups.items():
        _check(name, variables, state["variables"][name])
    callbacks = [c for c in callbacks if _names(c)] if "callbacks" in parts else []
    saved = state["callbacks"] if "callbacks" in parts else []
    found = [type(c).__name__ for c in callbacks]
    if found != [each["class"] for each in saved]:
        raise CheckpointError(
            f"callbacks: the checkpoint was made with {[each['class'] for each in saved]}, this "
            f"training has {found}; pass the same callbacks in the same order"
        )
    for name, variables in groups.items():
        for variable, taken in zip(variables, state["variables"][name], strict=True):
            variable.assign(_as_variable(variable, taken["value"]))
    for callback, each in zip(callbacks, saved, strict=True):
        _set_callback_state(callback, each["state"])
    if "generators" in parts:
        _set_generators(state["generators"])


def _groups(model) -> dict[str, list[Any]]:
    metrics = list(model.metrics_variables)
    if hasattr(model, "replicas"):
        metrics = model.replicas.each(metrics)  # each replica has its own sums
    return {
        "weights": list(model.variables),
        "optimizer": list(model.optimizer.variables),
        "metrics": metrics,
    }


def _taken(variables) -> list[dict[str, Any]]:
    return [{"path": v.path, "dtype": v.dtype, "value": _plain(np.array(v))} for v in variables]


def _plain(array: np.ndarray) -> np.ndarray:
    """Types that NumPy does not know by name, such as bfloat16, as their bits."""
    if array.dtype.kind in "biuf" and array.dtype.name in np.sctypeDict:
        return array
    return array.view(f"u{array.dtype.itemsize}")


def _as_variable(variable, value: np.ndarray) -> np.ndarray:
    own = np.dtype(getattr(ml_dtypes, variable.dtype, variable.dtype))
    return value if value.dtype == own else value.view(own)


def _check(group: str, variables, saved: list[dict[str, Any]]) -> None:
    if len(variables) != len(saved):
        raise CheckpointError(
            f"{group}: the checkpoint has {len(saved)} variables, this model {len(variables)}; "
            "resume with the model, optimizer and metrics that it was made with"
        )
    for variable, taken in zip(variables, saved, strict=True):
        # Paths are not compared: Keras numbers equal names across the whole process.
        own = variable.dtype, list(variable.shape)
        other = taken["dtype"], list(taken["value"].shape)
        if own != other:
            raise CheckpointError(
                f"{group}: {taken['path']} is {other[0]} {other[1]} in the checkpoint, but "
                f"{variable.path} in this model is {own[0]} {own[1]}; resume with the model, "
                "optimizer and metrics that it was made with"
            )


def _names(callback) -> tuple[str, ...]:
    """The names of what makes up a callback's state; empty if it remembers nothing."""
    if hasattr(callback, "get_state"):
        return ("get_state",)
    return next((names for cls, names in _REMEMBERED.items() if isinstance(callback, cls)), ())


def _callback_state(callback) -> Any:
    if hasattr(callback, "get_state"):
        return callback.get_state()
    return {n: getattr(callback, n) for n in _names(callback) if hasattr(callback, n)}


def _set_callback_state(callback, state) -> None:
    if hasattr(callback, "get_state"):
        callback.set_state(state)
        return
    for name, value in state.items():
        setattr(callback, name, value)


def _generators() -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    seeds = _keras_generator()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [kind, np.array(keys), position, has_gauss, cached],
        "keras": None if seeds is None else np.array(seeds.state),
    }


def _set_generators(state: dict[str, Any]) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, keys, position, has_gauss, cached))
    seeds = _keras_generator()
    if seeds is not None and state["keras"] is not None:
        seeds.state.assign(state["keras"])


def _keras_generator():
    """The generator behind `keras.random` calls without a seed, if it exists.

    Keras has no public access to it; tests/test_workarounds.py notices a change.
    """
    from keras.src.backend.common import global_state

    return global_state.get_global_attribute("global_seed_generator")
