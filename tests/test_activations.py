"""Activations against Keras' own, closed formulas in NumPy, and differences."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from blocks import (
    DTYPES,
    assert_close,
    central_differences,
    numpy64,
    numpy_dtype,
    sigmoid64,
    softmax64,
    tape_gradient,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp_lab import activations

FORMULAS = {
    "sigmoid": sigmoid64,
    "softmax": softmax64,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(0, x),
    "leaky_relu": lambda x: np.maximum(0, x) + 0.2 * np.minimum(0, x),
}
DERIVATIVES = {  # of the elementwise ones
    "sigmoid": lambda x: sigmoid64(x) * sigmoid64(-x),
    "tanh": lambda x: 1 / np.cosh(x) ** 2,
    "relu": lambda x: (x > 0).astype("float64"),
    "leaky_relu": lambda x: np.where(x > 0, 1.0, 0.2),
}
OURS = {name: getattr(activations, name) for name in FORMULAS}
KERAS = {
    "sigmoid": keras.activations.sigmoid,
    "softmax": keras.activations.softmax,
    "tanh": keras.activations.tanh,
    "relu": keras.activations.relu,
    "leaky_relu": lambda x: keras.activations.leaky_relu(x, negative_slope=0.2),
}
LAYERS = {
    "sigmoid": activations.Sigmoid,
    "softmax": activations.Softmax,
    "tanh": activations.Tanh,
    "relu": activations.ReLU,
    "leaky_relu": activations.LeakyReLU,
}
NAMES = sorted(FORMULAS)

by_name = pytest.mark.parametrize("name", NAMES)


@by_name
@settings(max_examples=15)
@given(
    # Keras' own softmax refuses rank 1.
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**31),
)
def test_equals_formula_and_keras(name, shape, dtype, seed):
    x = np.random.default_rng(seed).normal(0, 3, shape).astype(numpy_dtype(dtype))
    y = OURS[name](tf.constant(x))
    assert y.dtype == dtype
    assert y.shape == x.shape
    assert_close(y, FORMULAS[name](x.astype("float64")), dtype)
    if name != "softmax" or shape[-1] > 1:  # Keras warns of a softmax over one entry
        # Keras keeps leaky_relu's slope in float32.
        rounding = "float32" if (name, dtype) == ("leaky_relu", "float64") else dtype
        assert_close(y, KERAS[name](tf.constant(x)), rounding)
    layer = LAYERS[name](dtype=dtype)(x)
    assert layer.dtype == dtype
    np.testing.assert_array_equal(layer, y)


@pytest.mark.parametrize("name", sorted(DERIVATIVES))
def test_gradient_equals_formula_and_differences(name):
    x = np.random.default_rng(1).normal(0, 2, (3, 4))
    assert np.abs(x).min() > 1e-3  # no kink within a step of the differences
    gradient = tape_gradient(OURS[name], x)
    assert_close(gradient, DERIVATIVES[name](x), "float64")
    np.testing.assert_allclose(gradient, central_differences(OURS[name], x), rtol=1e-7, atol=1e-9)


def derivative(name, x, upstream):
    """The closed formula of d sum(upstream * f(x)) / d x, in float64, for inputs of any size."""
    if name == "softmax":
        s = softmax64(x)
        return s * (upstream - np.sum(upstream * s, axis=-1, keepdims=True))
    if name == "tanh":  # 1 - tanh^2 = 4 e / (1 + e)^2 with e = exp(-2 |x|)
        e = np.exp(-2 * np.abs(x))
        return upstream * 4 * e / (1 + e) ** 2
    return upstream * DERIVATIVES[name](x)


@by_name
@settings(max_examples=25)
@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=3),
    dtype=st.sampled_from(DTYPES),
    scale=st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
    as_layer=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_gradient_three_ways(name, shape, dtype, scale, as_layer, seed):
    """Closed formula and tape for every shape, type and size; differences where they are exact."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, scale, shape).astype(numpy_dtype(dtype))
    upstream = rng.normal(size=shape).astype(numpy_dtype(dtype))
    f = LAYERS[name](dtype=dtype) if as_layer else OURS[name]
    gradient = tape_gradient(lambda z: upstream * f(z), x)
    assert gradient.dtype == x.dtype
    expected = derivative(name, numpy64(x), numpy64(upstream))
    assert_close(gradient, expected, dtype, scale=10)
    kinked = name in ("relu", "leaky_relu")
    if dtype == "float64" and scale <= 30 and not (kinked and np.abs(x).min() < 1e-5):
        differences = central_differences(lambda z: upstream * f(z), x)
        np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("axis", [-1, 0])
def test_softmax_jacobian_equals_formula_and_differences(axis):
    x = np.random.default_rng(2).normal(0, 2, (3, 3))
    upstream = np.random.default_rng(3).normal(size=(3, 3))
    gradient = tape_gradient(lambda z: upstream * activations.softmax(z, axis=axis), x)
    s = np.moveaxis(softmax64(x, axis), axis, -1)
    u = np.moveaxis(upstream, axis, -1)
    # d s_i / d x_j = s_i (1[i = j] - s_j)
    jacobian = np.einsum("bi,ij->bij", s, np.eye(3)) - np.einsum("bi,bj->bij", s, s)
    expected = np.moveaxis(np.einsum("bi,bij->bj", u, jacobian), -1, axis)
    assert_close(gradient, expected, "float64")
    in_batch = axis if axis < 0 else axis + 1  # differences put a batch axis in front
    differences = central_differences(lambda z: upstream * activations.softmax(z, in_batch), x)
    np.testing.assert_allclose(gradient, differences, rtol=1e-7, atol=1e-9)


def test_gradient_at_zero_is_the_left_one():
    zero = np.zeros((2, 3))
    np.testing.assert_array_equal(tape_gradient(activations.relu, zero), zero)
    for alpha in (0.0, 0.2, 0.5):
        gradient = tape_gradient(lambda x, alpha=alpha: activations.leaky_relu(x, alpha), zero)
        np.testing.assert_array_equal(gradient, np.full((2, 3), alpha))


@by_name
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_nan_propagates(name, jit, dtype):
    f = tf.function(OURS[name], jit_compile=jit)
    y = f(tf.constant([[np.nan, 1.0], [-1.0, 1.0]], dtype)).numpy()
    assert np.isnan(y[0, 0])
    assert np.isfinite(y[1]).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_softmax_of_huge_inputs(dtype):
    x = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4]], dtype)
    expected = np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]])
    assert_close(activations.softmax(tf.constant(x)), expected, dtype)
    gradient = tape_gradient(lambda z: tf.square(activations.softmax(z)), x)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "leaky_relu"])
def test_huge_inputs_have_finite_value_and_gradient(name, dtype):
    x = np.array([-1e4, 1e4], dtype)
    assert_close(OURS[name](tf.constant(x)), FORMULAS[name](x.astype("float64")), dtype)
    assert np.isfinite(tape_gradient(OURS[name], x)).all()


@settings(max_examples=20)
@given(axis=st.integers(-3, 2), seed=st.integers(0, 99))
def test_softmax_along_any_axis(axis, seed):
    x = np.random.default_rng(seed).normal(0, 3, (2, 3, 4)).astype("float32")
    y = activations.softmax(tf.constant(x), axis=axis)
    assert_close(y, softmax64(x, axis))
    assert_close(np.sum(y, axis=axis), 1.0)
    np.testing.assert_array_equal(activations.Softmax(axis=axis)(x), y)


def test_table_of_output_mappings():
    """The values that textbooks print for these inputs."""
    sigmoid = """0.00247262 0.00931596 0.0344452 0.11920292 0.33924363
                 0.66075637 0.88079708 0.9655548 0.99068404 0.99752738"""
    logits = """-0.80400324 1.1189251 1.7390656 0.8317995 -1.1970901
                -0.48806524 -1.1161256 -0.35890388 0.765254 -1.8393846"""
    softmax = """0.02841684 0.19439851 0.3614236 0.14588003 0.01918051
                 0.03897498 0.02079806 0.0443486 0.13648833 0.01009056"""
    tanh = "-0.96402758 -0.76159416 0 0.76159416 0.96402758"
    relu = "0 0 0 0 0 0.11111111 0.33333333 0.55555556 0.77777778 1"
    leaky_relu = """-0.2 -0.15555556 -0.11111111 -0.06666667 -0.02222222
                    0.11111111 0.33333333 0.55555556 0.77777778 1"""
    table = {
        "sigmoid": (np.linspace(-6, 6, 10), sigmoid),
        "softmax": (np.array(logits.split(), "float64"), softmax),
        "tanh": ([-2, -1, 0, 1, 2], tanh),
        "relu": (np.linspace(-1, 1, 10), relu),
        "leaky_relu": (np.linspace(-1, 1, 10), leaky_relu),
    }
    for name, (x, expected) in table.items():
        y = OURS[name](tf.constant([x], "float32"))[0]
        expected = np.array(expected.split(), "float64")
        np.testing.assert_allclose(y, expected, rtol=2e-6, atol=1e-8, err_msg=name)
        if name == "softmax":
            assert np.sum(y) == pytest.approx(1.0, abs=2e-7)


@by_name
def test_lists_are_taken(name):
    assert_close(OURS[name]([[-5.0, 2.0]]), FORMULAS[name](np.array([[-5.0, 2.0]])))


def test_slope_is_not_rounded_to_an_integer():
    np.testing.assert_allclose(activations.leaky_relu(np.array([-5, 2])), [-1.0, 2.0], rtol=1e-6)


def test_leaky_relu_layer_keeps_its_slope():
    x = np.array([[-2.0, 3.0]], "float32")
    np.testing.assert_allclose(activations.LeakyReLU(0.5)(x), [[-1.0, 3.0]])
    np.testing.assert_allclose(activations.LeakyReLU(0.0)(x), activations.relu(x))
    with pytest.raises(ValueError, match=r"alpha: expected a slope of at least 0, got -0\.1"):
        activations.LeakyReLU(-0.1)


@by_name
def test_mask_passes_through_layers(name):
    x = np.ones((2, 3, 4), "float32")
    x[:, 2] = 0
    y = LAYERS[name]()(keras.layers.Masking()(x))
    np.testing.assert_array_equal(keras.src.backend.get_keras_mask(y), [[True, True, False]] * 2)


@by_name
def test_symbolic_shape(name):
    inputs = keras.Input((None, 4))
    assert LAYERS[name]()(inputs).shape == (None, None, 4)
    assert LAYERS[name]().compute_output_shape((2, 3)) == (2, 3)


class TestGet:
    def test_none_is_no_activation(self):
        assert activations.get(None) is None
        assert activations.serialize(None) is None

    @by_name
    def test_own_names(self, name):
        assert activations.get(name) is OURS[name]

    @pytest.mark.parametrize("name", ["gelu", "elu", "swish", "linear"])
    def test_names_of_keras(self, name):
        assert activations.get(name) is keras.activations.get(name)

    def test_callables_and_layers_stay_themselves(self):
        layer = activations.LeakyReLU(0.1)
        for activation in (layer, tf.nn.relu, np.tanh, activations.relu, keras.layers.ReLU()):
            assert activations.get(activation) is activation

    @pytest.mark.parametrize(
        "activation",
        [*OURS.values(), keras.activations.gelu, keras.activations.relu],
        ids=lambda f: f"{f.__module__}.{f.__name__}",
    )
    def test_serialized_function_is_the_same_function(self, activation):
        config = json.loads(json.dumps(activations.serialize(activation)))
        assert activations.get(config) is activation

    def test_serialized_layer_keeps_its_arguments(self):
        config = json.loads(json.dumps(activations.serialize(activations.LeakyReLU(0.3))))
        layer = activations.get(config)
        assert isinstance(layer, activations.LeakyReLU)
        assert layer.alpha == 0.3
        softmax = activations.get(activations.serialize(activations.Softmax(axis=1)))
        assert softmax.axis == 1

    @pytest.mark.parametrize(
        "bad", ["reluu", "", 3, 0.5, ["relu"], {"a": 1}, activations.ReLU, keras.layers.ReLU]
    )
    def test_what_is_no_activation_is_refused(self, bad):
        with pytest.raises(ValueError, match=r"activation"):
            activations.get(bad)

    def test_serialized_non_activation_is_refused(self):
        config = keras.saving.serialize_keras_object(keras.optimizers.SGD())
        with pytest.raises(ValueError, match="activation"):
            activations.get(config)
