"""Collects the state of a model in training, and restores it."""

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.checkpoints import memory
from mlp_lab.checkpoints.files import CheckpointError
from mlp_lab.checkpoints.plain import bits, decoded, digest, encoded, size, typed
from mlp_lab.checkpoints.walk import Found, Place, find

# Plain values of more bytes are saved only if they have changed since the training began, such
# as data that a model keeps.
_LARGE = 2**20
_SAME = "resume with the model, optimizer and metrics that it was made with"


def collect(
    model: keras.Model,
    callbacks: Iterable[keras.callbacks.Callback],
    begun: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Everything that the rest of a training depends on, except the position in it.

    That is every variable of the model, its optimizers and metrics; random generators; numbers,
    arrays, and lists and dicts of them in attributes that a user's code has set; what callbacks
    remember; and the generators of Python, NumPy and Keras.

    Args:
      model: compiled and built, with its optimizers and metrics.
      callbacks: those of `fit`. The classes of those that remember something, in their order,
        are part of the state.
      begun: what `digests` returned when the training began. Strings and large arrays that have
        not changed since are left out; None leaves out nothing.
    """
    found = find(model)
    progress = getattr(model, "training_progress", None)
    return {
        **_taken(found, _readable(model, found), begun or {}),
        "progress": None if progress is None else [progress.steps, progress.epochs],
        "callbacks": memory.states_of(callbacks),
        "generators": memory.generators(),
    }


def restore(
    model: keras.Model,
    callbacks: Sequence[keras.callbacks.Callback],
    state: dict[str, Any],
    leave: Set[str] = frozenset(),
) -> list[str]:
    """Restores what `collect` returned.

    Args:
      model: with the same architecture, optimizers and metrics, compiled and built.
      callbacks: the same classes in the same order.
      state: what `collect` returned.
      leave: generators that stay as they are, of "python", "numpy", "keras" and "eager".

    Returns:
      The paths of large values that the state does not hold, because they did not change in the
      training, but that differ from those it was made with.

    Raises:
      CheckpointError: the state belongs to another model, optimizer or list of callbacks.
        Nothing has been changed.
    """
    _check_layout(state)
    found = find(model)
    variables = _readable(model, found)
    _check(found, variables, state)
    memory.check_callbacks(callbacks, state["callbacks"])
    different = _put(found, variables, state)
    if state["progress"] is not None:
        model.training_progress.steps, model.training_progress.epochs = state["progress"]
    memory.set_states(callbacks, state["callbacks"])
    memory.set_generators(state["generators"], state["generators"].keys() - leave)
    return different


def collect_model(model: keras.Model, begun: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What `collect` saves of the model itself: without optimizers, metrics and callbacks.

    It shares no memory with the model, so that it can be kept while training goes on.

    Args:
      model: built; any Keras model.
      begun: what `digests` returned when the training began. Large arrays that have not changed
        since are left out; None leaves out nothing.
    """
    found = _own(find(model))
    large = {p: d for p, d in (begun or {}).items() if size(_value(found.plain.get(p))) > _LARGE}
    taken = _taken(found, found.variables, large)
    return {**taken, "plain": copy.deepcopy(taken["plain"])}


def restore_model(model: keras.Model, state: Mapping[str, Any]) -> list[str]:
    """Puts back what `collect_model` returned; optimizers and metrics stay as they are.

    Returns:
      The paths of large values that the state does not hold, and that have changed since.

    Raises:
      CheckpointError: the model no longer has what it had. Nothing has been changed.
    """
    found = _own(find(model))
    absent = _absent(found, state)
    if absent:
        raise CheckpointError(
            f"the model no longer has {_listed(absent)}, so that its earlier state cannot be put "
            "back; let it keep its layers, variables and generators while it is trained"
        )
    return _put(found, found.variables, state)


def lacking(model: keras.Model, state: dict[str, Any]) -> list[str]:
    """Paths in a state of what a model does not have, or not yet. Raises as `restore`."""
    _check_layout(state)
    return _absent(find(model), state)


def digests(model: keras.Model) -> dict[str, str]:
    """Of a model's strings and large values, which are saved only if they change."""
    places = find(model).plain
    return {p: digest(place.value) for p, place in places.items() if _rarely_changes(place.value)}


def unsaved(model: keras.Model) -> list[str]:
    """What of a model has a state that cannot be saved: paths, and the names of classes."""
    return [f"{path} ({type(value).__name__})" for path, value in find(model).unsaved.items()]


def state_of(generator: Any) -> Any:
    """The state of a random generator of NumPy or of Python."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.getstate()


def set_state(generator: Any, state: Any) -> None:
    """Restores what `state_of` returned."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.setstate(state)


def _own(found: Found) -> Found:
    """Of what was found that which belongs to the model itself."""

    def own(parts: Mapping[str, Any]) -> dict[str, Any]:
        return {path: part for path, part in parts.items() if path not in found.of_training}

    return dataclasses.replace(
        found,
        variables=own(found.variables),
        generators=own(found.generators),
        plain=own(found.plain),
    )


def _value(place: Place | None) -> Any:
    return place.value if place is not None and place.exists else None


def _taken(found: Found, variables: Mapping[str, Any], begun: Mapping[str, str]) -> dict[str, Any]:
    """The values of what was found; its variables are read by way of `variables`."""
    return {
        "variables": {
            path: {"dtype": _dtype(v), "value": bits(np.array(v))} for path, v in variables.items()
        },
        "random": {path: encoded(state_of(g)) for path, g in found.generators.items()},
        "plain": {p: _entry(p, place, begun) for p, place in found.plain.items()},
    }


def _put(found: Found, variables: Mapping[str, Any], state: Mapping[str, Any]) -> list[str]:
    """Puts back what `_taken` returned; returns paths of values that it lacks and that differ."""
    for path, taken in state["variables"].items():
        variables[path].assign(typed(taken["value"], taken["dtype"]))
    for path, taken in state["random"].items():
        set_state(found.generators[path], decoded(taken))
    different = []
    for path, entry in state["plain"].items():
        place = Place(found.owners[entry["owner"]], decoded(entry["key"]), entry["owner"])
        if "value" in entry:
            place.put(decoded(entry["value"]))
        elif entry["unchanged"] and (not place.exists or digest(place.value) != entry["unchanged"]):
            different.append(path)
    return different


def _entry(path: str, place: Place, begun: Mapping[str, str]) -> dict[str, Any]:
    """A plain value, or that it is unchanged: for large ones with its digest, else None."""
    entry, value = {"owner": place.at, "key": encoded(place.key)}, place.value
    if path in begun and digest(value) == begun[path]:
        return {**entry, "unchanged": None if isinstance(value, str) else begun[path]}
    return {**entry, "value": encoded(value)}


def _rarely_changes(value: Any) -> bool:
    """Strings, such as names of files, may be others when training is resumed."""
    return isinstance(value, str) or size(value) > _LARGE


def _readable(model: keras.Model, found: Found) -> dict[str, Any]:
    """The variables, so that of those of metrics all replicas' values are seen."""
    variables, replicas = dict(found.variables), getattr(model, "replicas", None)
    if replicas is None:
        return variables
    for path in found.of_metrics:
        if isinstance(variables[path], keras.Variable):
            (variables[path],) = replicas.each([variables[path]])  # each has its own sums
    return variables


def _dtype(variable: Any) -> str:
    return tf.as_dtype(variable.dtype).name


def _absent(found: Found, state: Mapping[str, Any]) -> list[str]:
    needed = {
        "variables": (state["variables"], found.variables),
        "random": (state["random"], found.generators),
        "plain": ([entry["owner"] for entry in state["plain"].values()], found.owners),
    }
    return [path for saved, own in needed.values() for path in saved if path not in own]


def _check_layout(state: dict[str, Any]) -> None:
    if not {"variables", "random", "plain", "progress"} <= state.keys():
        raise CheckpointError(
            "the checkpoint was made by an older version; start over, in an empty folder"
        )


def _check(found: Found, variables: Mapping[str, Any], state: dict[str, Any]) -> None:
    """Raises a CheckpointError if a state is not that of a model of the same structure."""
    absent = _absent(found, state)
    if absent:
        raise CheckpointError(
            f"the checkpoint has {_listed(absent)}, which this model does not have; {_SAME}"
        )
    # Metrics start every epoch with new sums.
    added = [p for p in variables if p not in state["variables"] and p not in found.of_metrics]
    added += [path for path in found.generators if path not in state["random"]]
    if added:
        raise CheckpointError(
            f"this model has {_listed(added)}, which the checkpoint does not have; {_SAME}"
        )
    for path, taken in state["variables"].items():
        own = _dtype(variables[path]), list(variables[path].shape)
        saved = taken["dtype"], list(typed(taken["value"], taken["dtype"]).shape)
        if own != saved:
            raise CheckpointError(
                f"{path} is {saved[0]} {saved[1]} in the checkpoint, but {own[0]} {own[1]} in this "
                f"model; {_SAME}"
            )


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more}"
