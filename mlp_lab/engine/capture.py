"""Captures the tensors of the real training step."""

import functools
from typing import Any

import keras
import tensorflow as tf

from mlp_lab.engine.keras_hooks import layers_of, mask_of, optimizers_of, output_losses
from mlp_lab.engine.replicas import replica_number


class Capture:
    """Collects a step's tensors while `train_step` runs, or is traced.

    A context manager. While it is open, the layers' `call`, the model's `compute_loss`,
    `compute_metrics` and `transform_gradients` and the optimizer's `apply` also record what they
    get or return, in the built-in step and in a custom one. What they compute does not change.

    After it has closed, `tensors` holds

      loss: the batch's loss, as `compute_loss` returned it
      losses: those of single outputs, where there are several, by the names of their metrics
      labels, outputs, sample_weight: as the step gave them to `compute_metrics`; masks: those
        of the outputs that have one, by their number
      gradients: by the name of the weight, without a loss scale, as `transform_gradients`
        returned them (or as the optimizer got them, if a custom step does not call it)
      activations: the outputs of each layer by its name; a layer called twice has `name`
        and `name_2`
      spread: under a strategy the squared norm of this replica's gradients, as a share of
        that of their sum

    as far as the step computes them, and `layers` holds the layer of each of the activations.
    Tensors inside a loop or a branch of a layer cannot leave it and are not captured.

    Opened around the replicas of a strategy, it keeps the tensors of each apart; inside a
    replica, `tensors` are those of that replica.
    """

    def __init__(self, model):
        self._of_replicas: dict[int, dict[str, Any]] = {}
        self.layers: dict[str, keras.Layer] = {}
        self._model = model
        self._graph = None
        self._replaced = []

    @property
    def tensors(self) -> dict[str, Any]:
        """What was captured."""
        empty: dict[str, Any] = {"gradients": {}, "activations": {}, "losses": {}}
        return self._of_replicas.setdefault(replica_number(), empty)

    def __enter__(self):
        model = self._model
        self._graph = _graph()
        for layer in layers_of(model):
            self._watch(layer, "call", functools.partial(self._saw_outputs, layer))
        for metric in output_losses(model):
            self._watch(metric, "update_state", functools.partial(self._saw_output_loss, metric))
        self._watch(model, "compute_loss", self._saw_loss)
        self._watch(model, "compute_metrics", self._saw_metrics)
        self._watch(model, "transform_gradients", self._saw_gradients)
        self._watch(model, "sum_gradients", self._saw_sum)
        for optimizer in optimizers_of(model):
            self._watch(optimizer, "apply", functools.partial(self._saw_apply, optimizer))
        return self

    def __exit__(self, *_):
        # Past Keras' __setattr__, which would track what is set.
        for owner, name, had, value in reversed(self._replaced):
            if had:
                owner.__dict__[name] = value
            else:
                del owner.__dict__[name]

    def _watch(self, owner, name, saw):
        method = getattr(owner, name)

        @functools.wraps(method)
        def watched(*args, **kwargs):
            result = method(*args, **kwargs)
            saw(result, args, kwargs)
            return result

        self._replaced.append((owner, name, name in owner.__dict__, owner.__dict__.get(name)))
        owner.__dict__[name] = watched

    def _reachable(self, value):
        """Whether it is a dense tensor that can leave the step: not of an inner graph."""
        if not isinstance(value, tf.Tensor):
            return False
        if self._graph is None:
            return hasattr(value, "numpy")
        return getattr(value, "graph", None) is self._graph

    def _saw_outputs(self, layer, outputs, args, kwargs):
        found = self.tensors["activations"]
        name = _unused(_without_root(layer.path or layer.name, self._model), found)
        parts = [t for t in tf.nest.flatten(outputs) if self._reachable(t)]
        for i, tensor in enumerate(parts):
            part = name if len(parts) == 1 else f"{name}/{i}"
            found[part], self.layers[part] = tensor, layer

    def _saw_loss(self, loss, args, kwargs):
        if self._reachable(loss):
            self.tensors["loss"] = loss

    def _saw_output_loss(self, metric, result, args, kwargs):
        value = args[0] if args else kwargs.get("values")
        if self._reachable(value):
            self.tensors["losses"][metric.name] = value

    def _saw_metrics(self, result, args, kwargs):
        given = {**dict(zip(("x", "y", "y_pred", "sample_weight"), args, strict=False)), **kwargs}
        names = {"y": "labels", "y_pred": "outputs", "sample_weight": "sample_weight"}
        found = {key: given[name] for name, key in names.items() if given.get(name) is not None}
        outputs = tf.nest.flatten(found.get("outputs", []))
        masks = {number: mask_of(output) for number, output in enumerate(outputs)}
        found["masks"] = {number: mask for number, mask in masks.items() if mask is not None}
        if all(self._reachable(t) for t in tf.nest.flatten(found) if t is not None):
            self.tensors.update(found)

    def _saw_sum(self, sums, args, kwargs):
        (own,) = args
        if own is not sums:
            self.tensors["spread"] = _square(own) / _square(sums)

    def _saw_gradients(self, gradients, args, kwargs):
        self._keep_gradients(gradients, self._model.trainable_weights)

    def _saw_apply(self, optimizer, result, args, kwargs):
        given = {**dict(zip(("grads", "trainable_variables"), args, strict=False)), **kwargs}
        weights = given.get("trainable_variables") or optimizer._trainable_variables
        scale = optimizer.scale_loss(1.0)
        gradients = given["grads"]
        if not isinstance(scale, float) or scale != 1.0:
            gradients = [None if g is None else tf.math.scalar_mul(1 / scale, g) for g in gradients]
        self._keep_gradients(gradients, weights)

    def _keep_gradients(self, gradients, weights):
        names, kept = weight_names(self._model), self.tensors["gradients"]
        for gradient, weight in zip(gradients, weights, strict=False):
            name = names.get(id(weight))
            # What `transform_gradients` returned comes first; what an optimizer got, later.
            if gradient is None or name is None or name in kept:
                continue
            dense = tf.convert_to_tensor(gradient)
            if self._reachable(dense):
                kept[name] = dense


def weight_names(model):
    """Names of the model's floating-point weights, `hidden_1/kernel`, by `id` of the variable.

    A weight's path without the model's own name; equal paths get `_2`, `_3`.
    """
    names: dict[int, str] = {}
    for weight in model.weights:
        # Counters and the states of random generators are not weights to look at.
        if keras.backend.is_float_dtype(weight.dtype):
            names[id(weight)] = _unused(_without_root(weight.path, model), set(names.values()))
    return names


def _square(gradients):
    """The square of the Euclidean norm of all taken together."""
    return tf.square(
        tf.linalg.global_norm([tf.cast(g, tf.float32) for g in gradients if g is not None])
    )


def _without_root(path, model):
    return path.removeprefix(f"{model.name}/")


def _unused(name, taken):
    candidate, number = name, 2
    while candidate in taken or f"{candidate}/0" in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def _graph():
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
