"""The check of a layer."""

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
    """Checks your own layer; an error says what is wrong and what to change.

    - "serialization": `get_config` and `from_config` through JSON, and a saved model in safe
      mode: no argument is lost, and the copy computes the same.
    - Two calls with the same inputs and weights agree; "graph" and "xla": eager, graph and
      XLA agree, with a batch of unknown size and batches of 1.
    - A sample's outputs do not depend on the other samples, unless `across_samples`;
      `compute_output_shape` returns the shape.
    - "gradients": the tape's, for inputs and weights, against central differences in float64.
    - "precision": mixed_bfloat16 and mixed_float16 are finite and close to float32.
    - "training": training changes all trainable weights; the lab's probes change no bit.

    Args:
      layer: an instance, or a class or other callable that makes one without arguments; best
        with arguments that differ from the defaults, so that lost ones show.
      inputs: a batch of at least 3 samples, one array or nested ones.
      input_shape: shape of one sample, if no inputs are given; 6 are drawn, standard normal.
      reference: a second implementation in NumPy, of inputs and weights in the order of
        `layer.weights`; its outputs are compared in float64.
      across_samples: whether a sample's outputs may depend on other samples.
      skip: names of parts to leave out, from those quoted above.
      seed: for the random numbers.

    Returns:
      Notes on what could not be checked, and why: an operation without an XLA form, say.

    Raises:
      CheckError: the layer fails; the message names the cause and the fix.
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
    """In a small model, where only the layer's own weights have to change."""
    check_training(
        subject,
        lambda: Around(subject.another()),
        batch,
        labels,
        compiled_for_classes(),
        own=lambda model: model.layer,
    )
