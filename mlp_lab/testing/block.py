"""The checks that layers and models share: both have weights and are called with inputs."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab.testing.agreement import (
    check_independence,
    check_modes,
    check_near,
    check_reference,
    check_repeats,
    computed_in,
)
from mlp_lab.testing.failure import not_finite, reason, remedy, unlike
from mlp_lab.testing.gradients import check_gradients
from mlp_lab.testing.serialization import check_copy, check_saved, functional
from mlp_lab.testing.subject import (
    Subject,
    copy_variables,
    floating,
    in_dtype,
    precision,
    rows_of,
    some,
)
from mlp_lab.testing.training import call

# The names that `skip` accepts.
PARTS = (
    "serialization",
    "graph",
    "xla",
    "gradients",
    "precision",
    "training",
)


def check_block(
    subject: Subject,
    inputs: Any,
    rng: np.random.Generator,
    reference: Any,
    across_samples: bool,
) -> Any:
    """Runs all parts except training; afterwards, the subject's weights exist.

    Returns:
      The outputs for all inputs.
    """
    block = subject.first

    def compute(x):
        return call(block, x, False)

    outputs = _check_outputs(subject, compute, inputs)
    if subject.wants("serialization"):
        _check_serialization(subject, inputs)
    check_repeats(subject, compute, inputs)
    if not across_samples:
        meant = " (if samples are meant to depend on each other: across_samples=True)"
        check_independence(subject, compute, inputs, rng, meant)
    check_modes(subject, compute, inputs)
    _check_shapes(subject, block, outputs, inputs)
    if reference is not None:
        _check_reference(subject, inputs, reference)
    if subject.wants("gradients"):
        _check_gradients(subject, inputs, rng)
    if subject.wants("precision"):
        _check_precision(subject, inputs)
    return outputs


def _batch(inputs):
    """All inputs as tensors."""
    return some(inputs, np.arange(rows_of(inputs)))


def _check_outputs(subject, compute, inputs):
    """Returns the outputs; they are finite tensors."""
    try:
        outputs = compute(_batch(inputs))
    except Exception as error:
        subject.fail(f"fails when it is called: {reason(error)}", remedy(error), error)
    strange = [t for t in tf.nest.flatten(outputs) if not tf.is_tensor(t)]
    if strange:
        subject.fail(
            f"call returns a {type(strange[0]).__name__} instead of a tensor: NumPy code cuts the "
            "gradient and cannot be traced",
            "compute with keras.ops or TensorFlow",
        )
    found = not_finite(outputs)
    if found:
        subject.fail(f"outputs {found}", "keep the formula finite for inputs around 0")
    return outputs


def _check_serialization(subject, inputs):
    # The copy computes and is saved, so that a given instance is built but otherwise unchanged.
    batch = _batch(inputs)
    copy = check_copy(subject, lambda b, x: call(b, x, False), batch)
    is_model = isinstance(copy, keras.Model)
    check_saved(subject, copy if is_model else _functional(subject, copy, inputs), batch)


def _functional(subject, copy, inputs):
    try:
        return functional(copy, inputs)
    except Exception as error:
        subject.fail(
            f"cannot be used in a functional model with a batch of unknown size: {reason(error)}",
            remedy(error),
            error,
        )


def _check_shapes(subject, block, outputs, inputs):
    from_keras = type(block).compute_output_shape is keras.Layer.compute_output_shape
    if from_keras or isinstance(block, keras.Model) or len(tf.nest.flatten(inputs)) != 1:
        return
    (array,) = tf.nest.flatten(inputs)
    try:
        told = block.compute_output_shape((None, *array.shape[1:]))
    except Exception as error:
        subject.fail(f"compute_output_shape fails: {reason(error)}", remedy(error), error)
    if not isinstance(told, tuple) or not all(n is None or isinstance(n, int) for n in told):
        return  # several outputs
    shape = tuple(outputs.shape)
    if len(told) != len(shape) or any(
        n is not None and n != m for n, m in zip(told, shape, strict=True)
    ):
        subject.fail(
            f"compute_output_shape returns {told}, but call returns {shape}",
            "make them agree, or remove compute_output_shape: Keras infers the shape",
        )


def _check_reference(subject, inputs, reference):
    wide = _in_float64(subject, inputs)
    given = tf.nest.map_structure(lambda a: a.astype("float64") if floating(a) else a, inputs)
    weights = [w.numpy() for w in wide.weights]
    value = computed_in(subject, "float64", lambda: call(wide, in_dtype(inputs, "float64"), False))
    exact = all(t.dtype == "float64" for t in tf.nest.flatten(value) if t.dtype.is_floating)
    check_reference(subject, value, reference(given, *weights), 1e-7 if exact else 1e-5)


def _check_precision(subject, inputs):
    batch = _batch(inputs)
    for policy in ("mixed_bfloat16", "mixed_float16"):
        half = computed_in(subject, policy, lambda p=policy: _in_precision(subject, p, inputs))
        value = computed_in(subject, policy, lambda b=half: call(b, batch, False))
        twin = _float32_twin(subject, half, batch)
        check_near(subject, policy, value, call(twin, batch, False))


def _in_float64(subject, inputs):
    return computed_in(subject, "float64", lambda: _in_precision(subject, "float64", inputs))


def _in_precision(subject, policy, inputs):
    """A new instance with the same weights, moved slightly from their initial values.

    Biases of 0 would hide errors in their use.
    """
    with precision(policy):
        block = subject.another(policy)
        dtype = "float64" if policy == "float64" else "float32"
        call(block, in_dtype(_batch(inputs), dtype), False)
        copy_variables(block, subject.first)
        rng = np.random.default_rng(1)
        for weight in block.trainable_weights:
            noise = 0.02 * rng.normal(size=weight.shape)
            weight.assign(weight + keras.ops.cast(noise, weight.dtype))
    return block


def _float32_twin(subject, half, batch):
    twin = subject.another("float32")
    call(twin, batch, False)
    copy_variables(twin, half)
    return twin


def _check_gradients(subject, inputs, rng):
    block = _in_float64(subject, inputs)
    values = in_dtype(inputs, "float64")
    leaves = tf.nest.flatten(values)
    if not any(t.dtype.is_floating for t in tf.nest.flatten(call(block, values, False))):
        subject.notes.append("gradients: not checked, the outputs are not floating-point numbers")
        return
    variables = [tf.Variable(t) if t.dtype.is_floating else t for t in leaves]
    names = ["the inputs"] if len(leaves) == 1 else [f"input {i}" for i in range(len(leaves))]
    places = {n: v for n, v in zip(names, variables, strict=True) if isinstance(v, tf.Variable)}
    own = block.path if hasattr(block, "path") and block.path else block.name
    weights = {w.path.removeprefix(f"{own}/"): w for w in block.trainable_weights}

    def compute(training):
        now = [tf.convert_to_tensor(v) for v in variables]
        return call(block, tf.nest.pack_sequence_as(values, now), training)

    check_gradients(subject, lambda: compute(False), weights, rng)
    check_gradients(subject, lambda: compute(False), places, rng, needed=False)
    # In training mode too, unless it is random: batch normalization computes differently there.
    if block._call_has_training_arg and not unlike(compute(True), compute(True), 0.0):
        check_gradients(subject, lambda: compute(True), {**places, **weights}, rng, needed=False)
