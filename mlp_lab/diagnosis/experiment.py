"""Runs something on a model in training, and leaves no trace of it."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from mlp_lab.checkpoints import find
from mlp_lab.checkpoints.held import Held
from mlp_lab.checkpoints.own_names import library
from mlp_lab.engine.keras_hooks import layers_of


class NotTried(Exception):
    """An experiment cannot be made on this model; the message says why."""


@contextlib.contextmanager
def experiment(model: keras.Model, *others: Any) -> Iterator[None]:
    """While it is open, the model may be changed in any way; then everything is as before.

    That is, bit for bit: weights, variables of optimizers and metrics, counters of steps and
    epochs, plain values that users' classes keep in attributes, the generators of dropout and
    other layers, those of Keras, Python, NumPy and TensorFlow, and the layers' activations. The
    order of samples is a function of the seed and of the counters, and so it stays too.

    Args:
      model: built; not the copies of several replicas.
      others: further objects whose state is put back, such as a callback's.

    Raises:
      NotTried: the model has a state that cannot be put back.
    """
    refuse(model)
    states = [Held(root) for root in (model, *others)]
    generator = _global_generator()
    state = None if generator is None else tf.identity(generator.state)
    activations = [(layer, layer.activation) for layer in activated(model)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the training itself gives them
            yield
    finally:
        for layer, activation in activations:
            vars(layer)["activation"] = activation
        for each in states:
            each.put_back()
        if generator is not None:
            generator.state.assign(state)
        elif _global_generator() is not None:
            tf.random.set_global_generator(None)


def refuse(model: keras.Model) -> None:
    """Raises `NotTried` for a model that an experiment would change for good."""
    replicas = getattr(model, "replicas", None)
    if replicas is not None and replicas.count > 1:
        raise NotTried(f"the model is on {replicas.count} replicas")
    if not model.built:
        raise NotTried("the model has no weights yet")
    for path, value in find(model).unsaved.items():
        if library(type(value)) != "keras":  # what `fit` evaluates on; experiments draw nothing
            kind = type(value).__name__
            raise NotTried(f"the state of {path} ({kind}) cannot be put back")


def activated(model: keras.Model) -> list[keras.Layer]:
    """The layers whose activation is an attribute, as that of `Dense`, nested ones too."""
    return [layer for layer in layers_of(model) if "activation" in vars(layer)]


def _global_generator() -> tf.random.Generator | None:
    """TensorFlow's own generator, if it exists; asking publicly would make one.

    tests/test_experiments.py notices a change.
    """
    from tensorflow.python.ops import stateful_random_ops

    return stateful_random_ops.global_generator
