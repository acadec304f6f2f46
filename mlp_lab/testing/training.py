"""A few real training steps, with and without probes."""

import math
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab import layers, losses, probes
from mlp_lab.callbacks import TensorBoard
from mlp_lab.engine.capture import weight_names
from mlp_lab.models import Model
from mlp_lab.testing.failure import not_finite, reason, remedy, unlike
from mlp_lab.testing.subject import Subject, copy_variables, rows_of, some

CLASSES = 3
_EPOCHS = 2  # each a full batch and a smaller one: 4 steps


class Around(Model):
    """A layer, followed by a linear classifier of all its outputs."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer
        self.flatten = keras.layers.Flatten()
        self.logits = layers.Dense(CLASSES)

    def call(self, inputs, training=None):
        outputs = call(self.layer, inputs, training)
        first = tf.nest.flatten(inputs)[0]
        parts = [self._row_wise(t, first) for t in tf.nest.flatten(outputs)]
        return self.logits(parts[0] if len(parts) == 1 else keras.ops.concatenate(parts, axis=-1))

    def _row_wise(self, tensor, inputs):
        tensor = keras.ops.cast(tensor, self.compute_dtype)
        if len(tensor.shape) and tensor.shape[0] == inputs.shape[0]:
            return self.flatten(tensor)
        # An output without a batch axis is the same for every sample.
        row = keras.ops.reshape(tensor, (1, math.prod(tensor.shape)))
        return keras.ops.broadcast_to(row, (keras.ops.shape(inputs)[0], row.shape[1]))


class Outputs(Model):
    """A linear model with outputs of the shape and kind that a loss or metric expects."""

    def __init__(self, shape, from_logits):
        super().__init__(name="outputs")
        self._head = keras.layers.Dense(math.prod(shape))
        self._form = keras.layers.Reshape(shape)
        self._probabilities = not from_logits

    def call(self, inputs):
        outputs = self._form(self._head(inputs))
        if not self._probabilities:
            return outputs
        one = outputs.shape[-1] == 1
        return keras.ops.sigmoid(outputs) if one else keras.ops.softmax(outputs)


def call(layer: Any, inputs: Any, training: bool | None) -> Any:
    """A layer's outputs; `training` is passed only if its call has the argument."""
    if layer._call_has_training_arg:
        return layer(inputs, training=training)
    return layer(inputs)


def check_training(
    subject: Subject,
    make: Callable[[], Any],
    inputs: Any,
    labels: Any,
    options: Mapping[str, Any],
    modes: bool = False,
    own: Callable[[Any], Any] = lambda model: model,
) -> None:
    """Training changes every trainable weight, and probes change no bit of any weight.

    Args:
      make: returns a new model, not compiled; its first call creates the variables.
      inputs, labels: a batch, as arrays.
      options: arguments of `compile`; callables are called for every model.
      modes: whether eager steps must give the same weights as steps in a graph.
      own: returns the part of the model whose weights must change.
    """
    batch = some(inputs, np.arange(rows_of(inputs)))

    def model(like=None, **changed):
        made = make()
        made.compile(**{k: v() if callable(v) else v for k, v in options.items()}, **changed)
        made(batch, training=False)
        if like is not None:
            copy_variables(made, like)
        return made

    plain = model()
    seen, eager = model(plain), model(plain, run_eagerly=True) if modes else None
    before = [w.numpy() for w in plain.trainable_weights]
    _fit(subject, plain, batch, labels)
    with tempfile.TemporaryDirectory() as folder:
        board = TensorBoard(folder, histogram_every=1, probes=probes.standard())
        _fit(subject, seen, batch, labels, [board])
    _check_moved(subject, plain, before, own(plain))
    _check_probes_change_nothing(subject, plain, seen)
    if eager is not None:
        _fit(subject, eager, batch, labels)
        _check_eager(subject, plain, eager)


def check_training_on(
    subject: Subject,
    labels: np.ndarray,
    outputs: np.ndarray,
    from_logits: bool,
    rng: np.random.Generator,
    options: Mapping[str, Any],
) -> None:
    """`check_training` with a linear model, for a loss or metric of these labels and outputs.

    Args:
      options: arguments of `compile`, the loss or metric among them.
    """
    inputs = rng.normal(size=(len(outputs), 4)).astype("float32")
    eager = {"optimizer": lambda: keras.optimizers.SGD(0.05), "run_eagerly": True}
    check_training(
        subject,
        lambda: Outputs(outputs.shape[1:], from_logits),
        inputs,
        labels,
        {**eager, **options},  # eagerly, because other parts have checked it in a graph
    )


def _fit(subject, model, inputs, labels, callbacks=()):
    rows = rows_of(inputs)
    try:
        history = model.fit(
            inputs,
            labels,
            batch_size=-(-2 * rows // 3),
            epochs=_EPOCHS,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        ).history
    except Exception as error:
        subject.fail(f"cannot be trained: {reason(error)}", remedy(error), error)
    found = not_finite([np.asarray(values) for values in history.values()])
    if found:
        subject.fail(
            f"training yields {found} in {', '.join(history)}",
            "keep logarithms, divisions and powers away from 0, and exponents small",
        )


def _check_moved(subject, model, before, own):
    names = weight_names(model)
    mine = {id(w) for w in own.trainable_weights}
    still = [
        names.get(id(w), w.path)
        for w, old in zip(model.trainable_weights, before, strict=True)
        if id(w) in mine and np.array_equal(w.numpy(), old)
    ]
    if still:
        subject.fail(
            f"{', '.join(still)} did not change in {2 * _EPOCHS} steps of training",
            "let the loss depend on it through differentiable operations, or set trainable=False",
        )


def _check_probes_change_nothing(subject, plain, seen):
    for a, b in zip(plain.weights, seen.weights, strict=True):
        if np.any(a.numpy() != b.numpy()):
            subject.fail(
                f"{a.path} differs after the same steps with and without probes",
                "keep state in variables and draw random numbers with keras.random.SeedGenerator, "
                "so that the same steps give the same weights",
            )


def _check_eager(subject, plain, eager):
    found = unlike(
        [w.value for w in eager.trainable_weights],
        [w.value for w in plain.trainable_weights],
        1e-3,
    )
    if found:
        subject.fail(
            f"trained eagerly, it ends with other weights than in a graph: {found}",
            "keep counters and other state of train_step in variables: in a graph, Python code "
            "runs only during tracing",
        )


def classes(rows: int, rng: np.random.Generator) -> np.ndarray:
    """Random class indices; every class occurs."""
    return rng.permutation(np.arange(rows) % CLASSES)


def compiled_for_classes() -> dict[str, Any]:
    """Arguments of `compile` for a classifier that outputs logits."""
    return {
        "optimizer": lambda: keras.optimizers.SGD(0.05),
        "loss": lambda: losses.SparseCategoricalCrossentropy(from_logits=True),
    }
