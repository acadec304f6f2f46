"""A layer of one's own, put through what a layer has to stand."""

from collections.abc import Callable, Collection
from typing import Any

import keras
import numpy as np

from mlp_lab.testing.block import PARTS, check_block
from mlp_lab.testing.subject import Subject, drawn, precision, rows_of
from mlp_lab.testing.training import Around, check_training, classes, compiled_for_classes


def check_layer(
    layer: keras.Layer | Callable[[], keras.Layer],
    inputs: Any = None,
    *,
    input_shape: tuple[int, ...] | None = None,
    reference: Callable | None = None,
    across_samples: bool = False,
    skip: Collection[str] = (),
    seed: int = 0,
) -> list[str]:
    """Checks a layer of one's own; says what is wrong with it and what to change.

    - "serialization": `get_config` and `from_config` through JSON, and a saved model in safe
      mode: no argument is lost, the copy computes the same.
    - Two calls with the same inputs and weights give the same; "graph" and "xla": eager,
      graph and XLA agree, with a batch of unknown size and batches of 1.
    - A sample's outputs do not depend on the samples beside it, unless `across_samples`;
      `compute_output_shape` tells the shape.
    - "gradients": those of the tape, for inputs and all weights, against central differences
      in float64.
    - "precision": mixed_bfloat16 and mixed_float16 are finite and near float32.
    - "training": in a small model, steps change every trainable weight, and all of
      `mlp_lab.probes.standard()` looking on changes no bit of any.

    Args:
      layer: a callable without arguments that makes one, a class too; or an instance. It is
        best made with arguments that are not the defaults.
      inputs: a batch of at least 3 samples, one array or nested ones.
      input_shape: of a sample, where no inputs are given; 6 are drawn from a normal
        distribution.
      reference: a second implementation in NumPy, of inputs and weights in the order of
        `layer.weights`; its outputs are compared in float64.
      across_samples: whether outputs of a sample may depend on other samples, as in
        normalization over the batch.
      skip: names of parts to leave out, of those quoted above.
      seed: of the random numbers.

    Returns:
      Notes of what could not be checked and why, as of an operation without an XLA form.

    Raises:
      CheckError: the layer fails; the message names the cause and what to change.
      ValueError, TypeError: the arguments of the check itself are wrong.

    Example:

    >>> @keras.saving.register_keras_serializable("example")
    ... class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...
    ...     def call(self, inputs):
    ...         return inputs * self.scale
    >>> mlp_lab.testing.check_layer(Scale, input_shape=(4,), reference=lambda x, s: x * s)
    []
    """
    with precision("float32"):
        subject = Subject(layer, keras.Layer, skip, PARTS)
        rng = np.random.default_rng(seed)
        batch = drawn(inputs, input_shape, "input_shape", rng)
        check_block(subject, batch, rng, reference, across_samples)
        if subject.wants("training"):
            _check_training(subject, batch, classes(rows_of(batch), rng))
    return subject.notes


def _check_training(subject, batch, labels):
    """In a small model, of which only the layer's own weights are looked at."""
    check_training(
        subject,
        lambda: Around(subject.another()),
        batch,
        labels,
        compiled_for_classes(),
        own=lambda model: model.layer,
    )
