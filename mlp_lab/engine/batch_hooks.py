"""Whether a callback must be called for every batch, or after each compiled call."""

from typing import Any

import keras

from mlp_lab.engine.inputs import listed

_HOOKS = {
    phase: [f"on_{phase}_batch_begin", f"on_{phase}_batch_end"]
    for phase in ("train", "test", "predict")
}
_HOOKS["train"] += ["on_batch_begin", "on_batch_end"]  # older names of the same
# Keras' own that do the same with fewer calls, as long as these attributes have these values.
_CONTENT: dict[type, dict[str, Any]] = {
    keras.callbacks.Callback: {},
    keras.callbacks.ProgbarLogger: {},
    keras.callbacks.TerminateOnNaN: {},
    keras.callbacks.ModelCheckpoint: {"save_freq": "epoch"},
    keras.callbacks.BackupAndRestore: {"save_freq": "epoch"},
    keras.callbacks.TensorBoard: {"update_freq": "epoch", "_should_trace": False},
}


def wants_every_batch(callbacks: Any, *phases: str) -> bool:
    """Whether a callback must be called for every batch; in doubt it must.

    A callback says by `any_steps_per_execution = True` that it can do with a call after each
    compiled call, which runs several steps; the attribute speaks for the class that sets it and
    its bases, not for what subclasses add.

    Args:
      callbacks: as `fit` takes them.
      *phases: of "train", "test" and "predict", those that are to be run.
    """
    hooks = [name for phase in phases for name in _HOOKS[phase]]
    return any(_wants(callback, name) for callback in listed(callbacks) for name in hooks)


def _wants(callback: keras.callbacks.Callback, hook: str) -> bool:
    if hook in vars(callback):
        return True  # set on the instance, as LambdaCallback does
    classes = type(callback).__mro__
    owner = next(cls for cls in classes if hook in vars(cls))
    speaks = next((cls for cls in classes if "any_steps_per_execution" in vars(cls)), None)
    if speaks is not None and issubclass(speaks, owner):
        return not vars(speaks)["any_steps_per_execution"]
    wanted = _CONTENT.get(owner)
    return wanted is None or any(
        getattr(callback, name, value) != value for name, value in wanted.items()
    )
