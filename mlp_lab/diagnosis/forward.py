"""One forward pass: what the layers give before, or after, training."""

import contextlib
import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.diagnosis.experiment import experiment
from mlp_lab.engine.capture import Capture, weight_names
from mlp_lab.engine.keras_hooks import forward, loss_of
from mlp_lab.engine.step import Step

SAMPLES = 512
"""Rows of a forward pass."""


@dataclasses.dataclass(eq=False)
class Forward:
    """What was seen of the model on some rows.

    Attributes:
      x, y: the rows.
      outputs: of the model.
      activations: outputs of each layer by name, in the order of the calls.
      layers: the layers by the same names.
      weights: by name.
      loss: with penalties; NaN if it could not be computed.
      penalty: the part of the loss that regularizers add.
    """

    x: Any
    y: Any
    outputs: Any
    activations: Mapping[str, np.ndarray]
    layers: Mapping[str, Any]
    weights: Mapping[str, np.ndarray]
    loss: float
    penalty: float

    def first_layer(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The inputs [n, features] and the kernel of the first layer with one, if it is Dense."""
        before: Any = self.x
        for name, layer in self.layers.items():
            kernel = getattr(layer, "kernel", None)
            if kernel is not None and len(kernel.shape) == 2:
                values = np.asarray(before, np.float64) if isinstance(before, np.ndarray) else None
                if values is None or values.ndim < 2 or values.shape[-1] != kernel.shape[0]:
                    return None
                matrix = self.weights.get(f"{name.rsplit('/', 1)[0]}/kernel", kernel.value.numpy())
                return values.reshape(-1, values.shape[-1]), np.asarray(matrix, np.float64)
            before = self.activations[name]
        return None

    def last_activation(self) -> str:
        """Of the layer that gives the outputs: "softmax", "linear", ...; "" if it is not known."""
        if not isinstance(self.outputs, np.ndarray):
            return ""
        for name, values in reversed(list(self.activations.items())):
            # Also if it was only given another shape since.
            if np.size(values) == self.outputs.size and np.array_equal(
                np.ravel(values), np.ravel(self.outputs), equal_nan=True
            ):
                return activation_name(self.layers[name])
        sums = self.outputs.sum(axis=-1) if self.outputs.ndim > 1 else np.zeros(1)
        probabilities = (self.outputs >= 0).all() and np.allclose(sums, 1, atol=1e-4)
        return "softmax" if probabilities else ""  # by a function that is no layer

    def hidden(self) -> dict[str, str]:
        """The activations of the layers with weights before the last, by layer."""
        names = [
            n for n, layer in self.layers.items() if getattr(layer, "kernel", None) is not None
        ]
        order = list(self.layers)
        found = {}
        for name, following in itertools.pairwise(names):
            between = order[order.index(name) : order.index(following)]
            kinds = [activation_name(self.layers[b]) for b in between]
            real = [k for k in kinds if k not in ("linear", "", "dropout", "batchnormalization")]
            found[name] = real[-1] if real else "linear"
        return found


def activation_name(layer: Any) -> str:
    """The activation of a layer as Keras calls it, the same for functions and layers."""
    own = getattr(layer, "activation", None)
    if own is None and getattr(layer, "kernel", None) is not None:
        return "linear"
    own = layer if own is None else own
    name = getattr(own, "__name__", type(own).__name__).lower()
    return {"re_lu": "relu", "leakyrelu": "leaky_relu", "hardsigmoid": "hard_sigmoid"}.get(
        name, name
    )


def forward_pass(model: keras.Model, x: Any, y: Any, training: bool) -> Forward:
    """Calls the model on the first rows; its state stays as it is."""
    few = tf.nest.map_structure(lambda a: None if a is None else a[:SAMPLES], (x, y))
    tensors = tf.nest.map_structure(lambda a: None if a is None else tf.convert_to_tensor(a), few)
    with experiment(model), Capture(model) as seen:
        outputs = forward(model, tensors[0], training=training)
        loss = penalty = float("nan")
        if y is not None and getattr(model, "loss", None) is not None:
            x, y = tensors
            with contextlib.suppress(Exception):  # labels that the loss cannot take
                loss = float(np.mean(loss_of(model, x, y, outputs, None, training=training)))
        penalty = float(sum(np.sum(each) for each in model.losses))
        names = weight_names(model)
        weights = {names[id(w)]: w.value.numpy() for w in model.weights if id(w) in names}
        activations = {n: np.asarray(a) for n, a in seen.tensors["activations"].items()}
    arrays = tf.nest.map_structure(np.asarray, outputs)
    return Forward(few[0], few[1], arrays, activations, dict(seen.layers), weights, loss, penalty)


def of_step(step: Step) -> Forward:
    """The forward pass of a real step."""
    data = step.data
    x = keras.utils.unpack_x_y_sample_weight(data)[0] if data is not None else None
    x = tf.nest.map_structure(np.asarray, x)
    y = tf.nest.map_structure(np.asarray, step.labels)
    layers = {n: step.layers[n] for n in step.activations if n in step.layers}
    activations = {n: a for n, a in step.activations.items() if n in layers}
    penalty = float("nan")
    return Forward(x, y, step.outputs, activations, layers, step.weights, step.loss, penalty)
