"""What callbacks, and the random generators of the process, remember."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from mlp_lab.checkpoints.files import CheckpointError
from mlp_lab.checkpoints.plain import digest

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


def states_of(callbacks: Iterable[keras.callbacks.Callback]) -> list[dict[str, Any]]:
    """The classes and states of those that remember something."""
    return [
        {"class": type(c).__name__, "state": _callback_state(c)} for c in callbacks if _names(c)
    ]


def check_callbacks(callbacks: Iterable[keras.callbacks.Callback], saved: Sequence[Any]) -> None:
    """Raises a CheckpointError if the states belong to other callbacks."""
    made_with = [each["class"] for each in saved]
    found = [type(c).__name__ for c in callbacks if _names(c)]
    if found != made_with:
        raise CheckpointError(
            f"callbacks: the checkpoint was made with {made_with}, this training has {found}; "
            "pass the same callbacks in the same order"
        )


def set_states(callbacks: Iterable[keras.callbacks.Callback], saved: Sequence[Any]) -> None:
    """Restores what `states_of` returned."""
    for callback, each in zip([c for c in callbacks if _names(c)], saved, strict=True):
        _set_callback_state(callback, each["state"])


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


def generators() -> dict[str, Any]:
    """The states of the generators of Python, NumPy, Keras and TensorFlow's eager operations."""
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    seeds, eager = _keras_generator(), _eager_generator()
    return {
        "python": _listed(random.getstate()),
        "numpy": [kind, np.array(keys), position, has_gauss, cached],
        "keras": None if seeds is None else np.array(seeds.state),
        "eager": None if eager is None else _listed(eager.getstate()),
    }


def set_generators(state: dict[str, Any], names: Iterable[str] | None = None) -> None:
    """Restores what `generators` returned; `names` are those that are restored, or all."""
    names = state.keys() if names is None else names
    if "python" in names:
        random.setstate(_tupled(state["python"]))
    if "numpy" in names:
        kind, keys, position, has_gauss, cached = state["numpy"]
        np.random.set_state((kind, keys, position, has_gauss, cached))
    if "keras" in names and state["keras"] is not None:
        if _keras_generator() is None:
            keras.random.normal([1])  # makes it
        seeds = _keras_generator()
        if seeds is not None:
            seeds.state.assign(state["keras"])
    eager, saved = _eager_generator(), state["eager"]
    if "eager" in names and eager is not None and saved not in (None, _listed(eager.getstate())):
        eager.setstate(_tupled(saved))
        _eager_context().clear_kernel_cache()  # operations with the same seeds would go on


def changed(before: dict[str, Any], now: dict[str, Any]) -> set[str]:
    """Which generators have another state, of two that `generators` returned."""
    return {n for n in before if digest(before[n]) != digest(now[n])}


def _listed(state: tuple[Any, ...]) -> list[Any]:
    version, numbers, gauss = state
    return [version, list(numbers), gauss]


def _tupled(state: Sequence[Any]) -> tuple[Any, ...]:
    version, numbers, gauss = state
    return version, tuple(numbers), gauss


def _eager_generator() -> random.Random | None:
    """What gives `tf.random` operations that run eagerly their seeds; None without a seed.

    TensorFlow has no public access to it; tests/test_state.py notices a change.
    """
    return getattr(_eager_context(), "_rng", None)


def _eager_context() -> Any:
    from tensorflow.python.eager import context

    return context.context()


def _keras_generator():
    """The generator behind `keras.random` calls without a seed, if it exists.

    Keras has no public access to it; tests/test_workarounds.py notices a change.
    """
    from keras.src.backend.common import global_state

    return global_state.get_global_attribute("global_seed_generator")
