"""Watching a model's layers being called."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

import keras


def all_layers(layer: keras.Layer) -> list[keras.Layer]:
    """A layer and all layers within it, each once, outer before inner."""
    found: dict[int, keras.Layer] = {}

    def visit(value):
        if isinstance(value, keras.Layer):
            if id(value) in found:
                return
            found[id(value)] = value
            # A layer that is no model has no public list of the layers it holds.
            inner = value.layers if isinstance(value, keras.Model) else vars(value).values()
            for item in inner:
                visit(item)
        elif isinstance(value, dict):
            for item in value.values():
                visit(item)
        elif isinstance(value, list | tuple):
            for item in value:
                visit(item)

    visit(layer)
    return list(found.values())


@contextlib.contextmanager
def watched(layers: Iterable[keras.Layer], watch: Callable) -> Iterator[None]:
    """While it is open, `watch(layer, call, args, kwargs)` stands in for each `layer.call`.

    It returns what `call(*args, **kwargs)` does. Afterwards the layers are as before.
    """
    before = []
    try:
        for layer in layers:
            before.append((layer, vars(layer).get("call")))
            # Not setattr: Keras keeps books on what is set, and locks a built layer.
            object.__setattr__(layer, "call", _stand_in(layer, layer.call, watch))
        yield
    finally:
        for layer, call in before:
            if call is None:
                object.__delattr__(layer, "call")
            else:
                object.__setattr__(layer, "call", call)


def _stand_in(layer, call, watch):
    return lambda *args, **kwargs: watch(layer, call, args, kwargs)
