"""Watching the calls of a model's layers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

import keras


def all_layers(layer: keras.Layer) -> list[keras.Layer]:
    """A layer and all layers inside it, each once, outer layers first."""
    found: dict[int, keras.Layer] = {}

    def visit(value):
        if isinstance(value, keras.Layer):
            if id(value) in found:
                return
            found[id(value)] = value
            # Only a model has a public list of its layers.
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
    """While this is open, `watch(layer, call, args, kwargs)` replaces each `layer.call`.

    `watch` returns what `call(*args, **kwargs)` returns. On exit each layer gets its own
    `call` back.
    """
    before = []
    try:
        for layer in layers:
            before.append((layer, vars(layer).get("call")))
            # Not setattr: Keras tracks attributes that are set, and locks built layers.
            object.__setattr__(layer, "call", _replacement(layer, layer.call, watch))
        yield
    finally:
        for layer, call in before:
            if call is None:
                object.__delattr__(layer, "call")
            else:
                object.__setattr__(layer, "call", call)


def _replacement(layer, call, watch):
    return lambda *args, **kwargs: watch(layer, call, args, kwargs)
