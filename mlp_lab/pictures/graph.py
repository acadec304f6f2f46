"""The model as a graph of its layers."""

from __future__ import annotations

import re
from typing import Any

import keras
import tensorflow as tf

from mlp_lab.engine.keras_hooks import forward
from mlp_lab.pictures import calls
from mlp_lab.pictures.base import Picture, View


class Graph(Picture):
    """The layers of any model and the tensors between them, for the Graphs dashboard."""

    when = "start"
    of_classes = False

    def draw(self, view: View) -> None:
        view.writer.graph(layer_graph(view.model, view.images))


def layer_graph(model: keras.Model, images) -> tf.compat.v1.GraphDef:
    """The graph of a built model, with one node per call of a layer.

    A layer inside another is a node named `outer/inner`. A second call of a layer is a
    node of its own, `name.2`. The images come from the node `input`, and the outputs go to
    the node `output`. Two layers are connected if the outputs of one reach the other
    without passing through a third layer; operations between them do not matter.

    Args:
      model: built; it is called once on symbolic images and not changed.
      images: [n, ...]; only shape and dtype are used.
    """
    trace = _Trace()
    # Autograph would convert `call` again for a result that is thrown away.
    symbolic = tf.function(lambda x: trace.run(model, x), autograph=False)
    with calls.watched(calls.all_layers(model)[1:], trace.watch):
        symbolic.get_concrete_function(
            tf.TensorSpec([None, *images.shape[1:]], tf.constant(images[:1]).dtype)
        )
    return trace.graph


class _Trace:
    """The graph of one symbolic call, built up during the call."""

    def __init__(self) -> None:
        self.graph = tf.compat.v1.GraphDef()
        self.names: set[str] = set()
        # The name of the node that returned a tensor, by the tensor's id. The tensors are
        # kept so that Python does not reuse their ids.
        self.producers: dict[int, str] = {}
        self.kept: list[tf.Tensor] = []
        # The calls in progress, outermost first: [name, whether it has called another layer].
        self.open: list[list[Any]] = []

    def run(self, model, x):
        node = self.node(self.unique("input"), "Input", [])
        self.produced(node, [x])
        outputs = forward(model, x, training=False)
        tensors = _tensors(outputs)
        node = self.node(self.unique("output"), "Output", self.sources(tensors))
        _shapes(node, tensors)
        return outputs

    def watch(self, layer, call, args, kwargs):
        inputs = _tensors((args, kwargs))
        sources = self.sources(inputs)
        if self.open:
            self.open[-1][1] = True
        scope = self.open[-1][0] + "/" if self.open else ""
        name = self.unique(scope + re.sub(r"[^A-Za-z0-9_.\-]", "_", layer.name))
        self.open.append([name, False])
        try:
            outputs = call(*args, **kwargs)
        finally:
            _, has_inner = self.open.pop()
        if has_inner:
            return outputs
        # Without a tensor of its own, a layer that returns its inputs would be skipped.
        given = {id(tensor) for tensor in inputs}
        outputs = keras.tree.map_structure(
            lambda t: tf.identity(t) if id(t) in given else t, outputs
        )
        node = self.node(name, type(layer).__name__, sources)
        _describe(node, layer)
        self.produced(node, _tensors(outputs))
        return outputs

    def node(self, name, op, sources):
        node = self.graph.node.add(name=name, op=op)
        node.input.extend(sources)
        return node

    def produced(self, node, tensors):
        _shapes(node, tensors)
        self.kept += tensors
        self.producers.update({id(tensor): node.name for tensor in tensors})

    def unique(self, name):
        number, free = 1, name
        while free in self.names:
            number += 1
            free = f"{name}.{number}"
        self.names.add(free)
        return free

    def sources(self, tensors):
        """The nodes that tensors come from, traced back through operations outside layers."""
        found: dict[str, None] = {}
        seen: set[int] = set()
        waiting = list(reversed(tensors))
        while waiting:
            tensor = waiting.pop()
            if id(tensor) in self.producers:
                found[self.producers[id(tensor)]] = None
            elif id(tensor) not in seen:
                seen.add(id(tensor))
                waiting += reversed(tensor.op.inputs)
        return list(found)


def _tensors(structure) -> list[tf.Tensor]:
    """The symbolic tensors in a structure; eager constants have no source in the graph."""
    return [
        t for t in keras.tree.flatten(structure) if tf.is_tensor(t) and tf.is_symbolic_tensor(t)
    ]


def _shapes(node, tensors) -> None:
    # TensorBoard writes these on the edges, with ? for the batch size.
    shapes = [tensor.shape.as_proto() for tensor in tensors]
    node.attr["_output_shapes"].list.shape.extend(shapes)


def _describe(node, layer) -> None:
    weights = [f"{w.name} {list(w.shape)}" for w in layer.weights]
    facts = {"weights": ", ".join(weights), "dtype_policy": layer.dtype_policy.name}
    activation = getattr(layer, "activation", None)
    if activation is not None:
        facts["activation"] = getattr(activation, "__name__", type(activation).__name__)
    if layer.weights:
        node.attr["parameters"].i = layer.count_params()
    for key, text in facts.items():
        if text:
            node.attr[key].s = text.encode()
