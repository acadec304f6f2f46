"""Gradient descent against NumPy and against Keras' SGD."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp_lab import optimizers


def descend(optimizer, start, gradients):
    """The variable's values after each step."""
    variable = keras.Variable(start)
    values = []
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
        values.append(variable.numpy())
    return np.array(values)


@settings(max_examples=20)
@given(
    shape=st.lists(st.integers(1, 4), max_size=3),
    learning_rate=st.floats(1e-6, 10.0),
    steps=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_equals_numpy_and_keras_bit_for_bit(shape, learning_rate, steps, seed):
    rng = np.random.default_rng(seed)
    start = rng.normal(size=shape).astype("float32")
    gradients = rng.normal(size=(steps, *shape)).astype("float32")
    values = descend(optimizers.GradientDescent(learning_rate), start, gradients)
    reference = descend(keras.optimizers.SGD(learning_rate), start, gradients)
    np.testing.assert_array_equal(values, reference)
    expected = start
    for value, gradient in zip(values, gradients, strict=True):
        expected = expected - np.float32(learning_rate) * gradient
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("jit", [False, True])
def test_in_place_under_the_tape(jit):
    """The variable stays the same object, so that the next tape still watches it."""
    variable = keras.Variable(np.float32(3.0))
    inner = variable.value
    optimizer = optimizers.GradientDescent(0.25)
    optimizer.build([variable])

    @tf.function(jit_compile=jit)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.square(variable.value)
        optimizer.apply(tape.gradient(loss, [variable.value]), [variable])

    expected = 3.0
    for _ in range(4):
        step()
        expected -= 0.25 * 2 * expected
        assert float(variable) == pytest.approx(expected)
    assert variable.value is inner
    assert int(optimizer.iterations) == 4


def test_rebinding_instead_loses_the_gradient():
    """The lesson behind the in-place update."""
    w = tf.Variable(3.0)
    w = w - 0.1 * 6.0
    with tf.GradientTape() as tape:
        loss = w**2
    assert tape.gradient(loss, w) is None


def test_learning_rate_schedule():
    boundaries = keras.optimizers.schedules.PiecewiseConstantDecay([1, 2], [1.0, 0.5, 0.25])
    optimizer = optimizers.GradientDescent(boundaries)
    values = descend(optimizer, np.float32([0.0]), np.ones((5, 1), "float32"))
    np.testing.assert_array_equal(np.diff(values[:, 0], prepend=0), [-1, -1, -0.5, -0.25, -0.25])
    again = optimizers.GradientDescent.from_config(json.loads(json.dumps(optimizer.get_config())))
    assert again.get_config() == optimizer.get_config()


def test_learning_rate_can_be_set():
    optimizer = optimizers.GradientDescent()
    assert float(optimizer.learning_rate) == pytest.approx(0.001)
    optimizer.learning_rate = 0.5
    values = descend(optimizer, np.float32([1.0]), np.float32([[1.0]]))
    np.testing.assert_array_equal(values, [[0.5]])


def test_clipnorm():
    gradient = np.float32([[3.0, 4.0]])  # norm 5
    values = descend(optimizers.GradientDescent(1.0, clipnorm=1.0), np.float32([0, 0]), gradient)
    np.testing.assert_allclose(values, [[-0.6, -0.8]], rtol=1e-6)
    values = descend(optimizers.GradientDescent(1.0, clipnorm=10.0), np.float32([0, 0]), gradient)
    np.testing.assert_allclose(values, [[-3, -4]], rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"global_clipnorm": 1.0},
        {"clipvalue": 0.5},
        {"weight_decay": 0.1},
        {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
        {"gradient_accumulation_steps": 2},
        {"loss_scale_factor": 8.0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_of_keras_do_as_in_sgd(options):
    rng = np.random.default_rng(1)
    start, gradients = rng.normal(size=3).astype("f"), rng.normal(size=(4, 3)).astype("f")
    values = descend(optimizers.GradientDescent(0.1, **options), start, gradients)
    reference = descend(keras.optimizers.SGD(0.1, **options), start, gradients)
    np.testing.assert_array_equal(values, reference)
    plain = descend(optimizers.GradientDescent(0.1), start, gradients)
    assert not np.array_equal(values, plain)
    config = optimizers.GradientDescent(0.1, **options).get_config()
    assert config.items() >= options.items()


def test_serialized_and_back():
    optimizer = optimizers.GradientDescent(0.125, name="mine", clipnorm=2.0)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(optimizer)))
    again = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert type(again) is optimizers.GradientDescent
    assert again.get_config() == optimizer.get_config()
    assert float(again.learning_rate) == 0.125
    assert again.clipnorm == 2.0
    assert again.name == "mine"


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_dtypes_as_in_sgd(dtype):
    start, gradient = np.array([1.0, -2.0]), np.array([0.5, 0.25])
    pair = []
    for optimizer in (optimizers.GradientDescent(0.1), keras.optimizers.SGD(0.1)):
        variable = keras.Variable(start, dtype=dtype)
        optimizer.apply([tf.cast(gradient, dtype)], [variable])
        assert variable.dtype == dtype
        pair.append(tf.cast(variable.value, "float64").numpy())
    np.testing.assert_array_equal(*pair)
    np.testing.assert_allclose(pair[0], start - 0.1 * gradient, rtol=1e-2)


def test_rows_of_an_embedding():
    """A gradient of a few rows only (IndexedSlices) leaves the others as they are."""
    table = keras.Variable(np.ones((4, 2), "float32"))
    gradient = tf.IndexedSlices(
        tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([2, 0]), tf.constant([4, 2])
    )
    optimizers.GradientDescent(0.5).apply([gradient], [table])
    np.testing.assert_array_equal(table, [[-0.5, -1], [1, 1], [0.5, 0], [1, 1]])
