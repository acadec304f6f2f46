"""Losses of numbers, and label smoothing, against Keras, formulas and differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from blocks import assert_close, central_differences, numpy64, softmax64, tape_gradient
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp_lab import losses


@settings(max_examples=12)
@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=3).map(tuple),
    delta=st.sampled_from([0.1, 1.0, 2.5]),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    seed=st.integers(0, 2**31),
)
def test_equal_to_keras_and_formula(shape, delta, dtype, seed):
    y, p = np.random.default_rng(seed).normal(0, 2, (2, *shape)).astype(dtype)
    computed = "float64" if dtype == "float64" else "float32"
    wide = [a.astype(computed) for a in (y, p)]
    error = np.abs(numpy64(y) - numpy64(p))
    value = losses.mean_absolute_error(y, p)
    assert value.dtype == computed
    assert_close(value, error.mean(axis=-1), computed)
    assert_close(value, keras.losses.mean_absolute_error(*wide), computed)
    value = losses.huber(y, p, delta)
    formula = np.where(error <= delta, error**2 / 2, delta * error - delta**2 / 2)
    assert_close(value, formula.mean(axis=-1), computed)
    assert_close(value, keras.losses.huber(*wide, delta), computed)
    weight = np.linspace(0, 2, shape[0])
    if len(shape) == 2:
        for ours, keras_loss in (
            (losses.MeanAbsoluteError(), keras.losses.MeanAbsoluteError()),
            (losses.Huber(delta), keras.losses.Huber(delta)),
        ):
            assert_close(ours(y, p, weight), keras_loss(y, p, weight))


@pytest.mark.parametrize("jit", [False, True])
def test_gradients(jit):
    y, p = np.random.default_rng(1).normal(0, 2, (2, 4, 3))
    for function, formula in (
        (losses.mean_absolute_error, np.sign(p - y) / 3),
        (lambda a, b: losses.huber(a, b, 0.7), np.clip(p - y, -0.7, 0.7) / 3),
    ):

        def on_batch(q, function=function):
            return function(np.broadcast_to(y, q.shape), q)

        gradient = tape_gradient(tf.function(on_batch, jit_compile=jit), p)
        assert_close(gradient, formula, "float64")
        np.testing.assert_allclose(gradient, central_differences(on_batch, p), 1e-6, 1e-8)


def test_huge_errors_have_finite_gradients():
    p = tf.constant([[1e30, -3e38, 0.0]])
    y = np.zeros((1, 3), "float32")
    np.testing.assert_allclose(
        tape_gradient(lambda q: losses.huber(y, q, 2.0), p), [[2 / 3, -2 / 3, 0]], rtol=1e-6
    )
    np.testing.assert_allclose(
        tape_gradient(lambda q: losses.mean_absolute_error(y, q), p), [[1 / 3, -1 / 3, 0]]
    )


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_label_smoothing_equals_keras(from_logits, share):
    rng = np.random.default_rng(2)
    z, ids = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    p = z if from_logits else softmax64(z)
    hot, options = np.eye(4)[ids], {"from_logits": from_logits, "label_smoothing": share}
    rounding = "float64" if from_logits else "float32"  # Keras' bounds of probabilities are float32
    for name in ("categorical_crossentropy", "binary_crossentropy"):
        value = getattr(losses, name)(hot, p, **options)
        assert_close(value, getattr(keras.losses, name)(hot, tf.constant(p), **options), rounding)
    categorical = losses.categorical_crossentropy(hot, p, **options)
    assert_close(losses.sparse_categorical_crossentropy(ids, p, **options), categorical, "float64")
    assert_close(
        losses.CategoricalCrossentropy(**options, dtype="float64")(hot, p),
        keras.losses.CategoricalCrossentropy(**options)(hot, p),
    )
    if from_logits:
        gradient = tape_gradient(
            lambda q: losses.sparse_categorical_crossentropy(ids, q, **options), z
        )
        assert_close(gradient, softmax64(z) - (1 - share) * hot - share / 4, "float64")
        gradient = tape_gradient(lambda q: losses.binary_crossentropy(hot, q, **options), z)
        smooth = (1 - share) * hot + share / 2
        assert_close(gradient, (1 / (1 + np.exp(-z)) - smooth) / 4, "float64")


def test_a_wrong_label_is_nan_with_smoothing_too():
    loss = losses.SparseCategoricalCrossentropy(True, label_smoothing=0.1)
    assert np.isnan(loss([0, 3], np.zeros((2, 3))))


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan"), True, "0.1"])
def test_label_smoothing_is_checked(share):
    with pytest.raises(ValueError, match="label_smoothing: expected a number from 0 to below 1"):
        losses.BinaryCrossentropy(label_smoothing=share)


@pytest.mark.parametrize("delta", [0, -1.0, float("inf"), float("nan"), None])
def test_delta_is_checked(delta):
    with pytest.raises(ValueError, match="delta: expected a finite number above 0"):
        losses.Huber(delta)


@pytest.mark.parametrize(
    "inner",
    [
        losses.MeanSquaredError(),
        losses.Huber(0.3, reduction="sum"),
        keras.losses.LogCosh(reduction="none"),
        keras.losses.MeanAbsoluteError(),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_standardized_is_the_loss_of_the_divided_values(inner):
    y, p = np.random.default_rng(3).normal(1000, 50, (2, 5, 2)).astype("float32")
    weight = np.linspace(0, 1, 5)
    for scale in (50.0, [20.0, 80.0], np.array([20.0, 80.0])):
        loss = losses.Standardized(inner, scale)
        wanted = inner(y / np.float32(scale), p / np.float32(scale), weight)
        assert_close(loss(y, p, weight), wanted)
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
        assert_close(again(y, p, weight), wanted)
        assert again.get_config() == loss.get_config()
        assert type(again.loss) is type(inner)
    assert loss.name == f"standardized_{inner.name}"
    assert loss.reduction == inner.reduction


def test_standardized_does_not_depend_on_the_unit():
    y, z = np.random.default_rng(4).normal(size=(2, 6, 1))
    for unit, offset in ((1e-6, 0.0), (1.0, 5.0), (1e5, -1e6)):
        loss = losses.Standardized(losses.MeanSquaredError(), unit, dtype="float64")
        value = loss(y * unit + offset, z * unit + offset)
        assert_close(value, np.mean((y - z) ** 2), "float64", scale=1e3)


@pytest.mark.parametrize("scale", [0, -1.0, [1.0, 0.0], [], [[1.0]], "1", None, [float("nan")]])
def test_scale_is_checked(scale):
    with pytest.raises(ValueError, match="scale: expected"):
        losses.Standardized(losses.MeanSquaredError(), scale)


def test_standardized_is_refused_where_it_does_not_fit():
    with pytest.raises(ValueError, match=r"loss: expected a keras\.losses\.Loss, got 'mse'"):
        losses.Standardized("mse", 1.0)
    loss = losses.Standardized(losses.MeanSquaredError(), (1.0, 2.0))
    with pytest.raises(ValueError, match="expected 2 outputs, one for each scale, got 3"):
        loss(np.zeros((4, 3)), np.zeros((4, 3)))
    assert loss.label_form == "one_hot"
