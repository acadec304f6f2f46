"""The check of a model."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.models import GlassBox
from mlp_lab.testing.block import PARTS, check_block
from mlp_lab.testing.subject import Subject, drawn, precision, rows_of
from mlp_lab.testing.training import check_training, compiled_for_classes


def check_model(
    model: GlassBox | Callable[[], GlassBox],
    inputs: Any = None,
    labels: Any = None,
    *,
    input_shape: tuple[int, ...] | None = None,
    compile: Mapping[str, Any] | None = None,
    reference: Callable | None = None,
    across_samples: bool = False,
    skip: Collection[str] = (),
    seed: int = 0,
) -> list[str]:
    """Checks your own model, including its training step.

    It checks all that `mlp_lab.testing.check_layer` does; "training" also checks that eager
    steps give the same weights as steps in a graph. The model is trained for 4 steps, every
    second one with a smaller batch. A custom training step must change every trainable
    weight in these steps.

    Args:
      model: an instance, which is built but otherwise unchanged; or a class or other callable
        that makes one without arguments. Its class has the explicit training step
        (`mlp_lab.Model`, or `mlp_lab.GlassBox` mixed in).
      inputs: a batch of at least 3 samples, one array or nested ones.
      labels: for the loss of `compile`; by default class indices.
      input_shape: shape of one sample, if no inputs are given.
      compile: arguments of `compile` that replace gradient descent on the cross-entropy of
        logits; callables are called for every model, so that models share nothing.
      reference: a second implementation of the forward pass in NumPy, of inputs and weights
        in the order of `model.weights`.
      across_samples: whether a sample's outputs may depend on other samples.
      skip: names of parts to leave out: "serialization", "graph", "xla", "gradients",
        "precision", "training".
      seed: for the random numbers.

    Returns:
      Notes on what could not be checked, and why.

    Raises:
      CheckError: the model fails; the message names the cause and the fix.
      ValueError, TypeError: the arguments of the check itself are wrong.

    Example:

    >>> mlp_lab.testing.check_model(lambda: mlp_lab.MLP((5,), 3), input_shape=(4,))
    []
    """
    with precision("float32"):
        subject = Subject(model, keras.Model, skip, PARTS)
        _check_class(subject)
        rng = np.random.default_rng(seed)
        batch = drawn(inputs, input_shape, "input_shape", rng)
        outputs = check_block(subject, batch, rng, reference, across_samples)
        if subject.wants("training"):
            labels = _labels(subject, outputs, rows_of(batch), rng) if labels is None else labels
            options = {**compiled_for_classes(), **(compile or {})}
            check_training(subject, subject.another, batch, labels, options, modes=True)
    return subject.notes


def _check_class(subject):
    if not isinstance(subject.first, GlassBox):
        subject.fail(
            "does not have an explicit training step to look at",
            f"write `class {subject.name}(mlp_lab.Model)`, or mix in mlp_lab.GlassBox",
        )


def _labels(subject, outputs, rows, rng):
    leaves = tf.nest.flatten(outputs)
    if len(leaves) != 1 or len(leaves[0].shape) != 2 or leaves[0].shape[1] < 2:
        raise ValueError(
            f"{subject.name}: expected labels and compile={{'loss': ...}}, because the outputs are "
            f"{[tuple(t.shape) for t in leaves]}, not [batch, classes]"
        )
    return rng.permutation(np.arange(rows) % leaves[0].shape[1])
