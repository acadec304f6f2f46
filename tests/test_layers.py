"""Dense and the initializers against Keras' own and closed formulas."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from blocks import DTYPES, assert_close, central_differences, numpy64, sigmoid64, tape_gradient
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlp_lab import activations, initializers, layers


def twins(shape, units, dtype="float32", **options):
    """Our Dense and Keras', built, with the same weights."""
    ours = layers.Dense(units, dtype=dtype, **options)
    theirs = keras.layers.Dense(units, dtype=dtype, **options)
    ours.build(shape)
    theirs.build(shape)
    theirs.set_weights(ours.get_weights())
    return ours, theirs


@settings(max_examples=40)
@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    units=st.integers(1, 6),
    dtype=st.sampled_from([*DTYPES, "mixed_float16", "mixed_bfloat16"]),
    activation=st.sampled_from([None, "relu", "tanh", "sigmoid", "gelu"]),
    use_bias=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_equals_keras_and_formula(shape, units, dtype, activation, use_bias, seed):
    rng = np.random.default_rng(seed)
    ours, theirs = twins(
        shape,
        units,
        dtype,
        activation=activation,
        use_bias=use_bias,
        bias_initializer=keras.initializers.RandomNormal(seed=seed % 1000),
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.5, seed=seed % 1000 + 1),
    )
    x = rng.normal(size=shape).astype("float32")
    y = ours(x)
    assert y.shape == (*shape[:-1], units) == ours.compute_output_shape(tuple(shape))
    assert y.dtype == keras.dtype_policies.get(dtype).compute_dtype
    rounding = y.dtype.name
    assert_close(y, theirs(x), rounding, scale=2)
    assert [w.dtype for w in ours.weights] == [w.dtype for w in theirs.weights]
    assert len(ours.weights) == 1 + use_bias
    if activation in (None, "relu"):
        w = [numpy64(v.value) for v in ours.weights]
        expected = x.astype("float64") @ w[0] + (w[1] if use_bias else 0)
        expected = np.maximum(expected, 0) if activation else expected
        assert_close(y, expected, rounding, scale=4)


def test_shapes_and_parameters_of_a_single_layer():
    layer = layers.Dense(512)
    assert layer.kernel is None
    assert layer.weights == []
    assert layer(np.zeros((4, 478), "float32")).shape == (4, 512)
    assert layer.kernel.shape == (478, 512)
    assert layer.bias.shape == (512,)
    assert [v.path.split("/")[-1] for v in layer.trainable_weights] == ["kernel", "bias"]
    np.testing.assert_array_equal(layer.bias, np.zeros(512))


def test_shapes_and_parameters_of_a_stack():
    stack = keras.Sequential([layers.Dense(units) for units in (16, 32, 8)])
    stack.build((None, 10))
    assert [layer.count_params() for layer in stack.layers] == [176, 544, 264]
    assert stack.count_params() == 984
    assert [tuple(v.shape) for v in stack.trainable_weights] == [
        (10, 16), (16,), (16, 32), (32,), (32, 8), (8,),
    ]  # fmt: skip
    lines = []
    stack.summary(print_fn=lines.append)
    assert "984" in "\n".join(lines)


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3)])
def test_gradient_equals_formula_and_differences(shape):
    rng = np.random.default_rng(1)
    layer = layers.Dense(2, "tanh", dtype="float64", bias_initializer="normal")
    x, upstream = rng.normal(size=shape), rng.normal(size=(*shape[:-1], 2))
    y = layer(x)
    kernel, bias = layer.get_weights()
    with tf.GradientTape() as tape:
        z = tf.convert_to_tensor(x)
        tape.watch(z)
        value = tf.reduce_sum(upstream * layer(z))
    dx, dk, db = tape.gradient(value, [z, *(v.value for v in layer.trainable_weights)])
    before = upstream * (1 - numpy64(y) ** 2)  # through tanh
    assert_close(dx, before @ kernel.T, "float64")
    assert_close(dk, x.reshape(-1, 3).T @ before.reshape(-1, 2), "float64", scale=10)
    assert_close(db, before.reshape(-1, 2).sum(axis=0), "float64", scale=10)

    def output(k, b):  # [rows, 3, 2], [rows, 2] -> [rows, samples, 2]
        flat = tf.constant(x.reshape(-1, 3))
        return upstream.reshape(-1, 2) * tf.tanh(flat @ k + b[:, None])

    rows = 2 * kernel.size
    differences = central_differences(lambda k: output(k, np.tile(bias, (rows, 1))), kernel)
    np.testing.assert_allclose(dk, differences, rtol=1e-6, atol=1e-8)
    rows = 2 * bias.size
    differences = central_differences(lambda b: output(np.tile(kernel, (rows, 1, 1)), b), bias)
    np.testing.assert_allclose(db, differences, rtol=1e-6, atol=1e-8)
    assert_close(tape_gradient(lambda v: upstream * layer(v), x), dx, "float64")


ACTIVATED = {  # and their derivatives, by the sums z that go into them
    None: np.ones_like,
    "relu": lambda z: (z > 0).astype("float64"),
    "leaky_relu": lambda z: np.where(z > 0, 1.0, 0.2),
    "sigmoid": lambda z: sigmoid64(z) * sigmoid64(-z),
    "tanh": lambda z: 4 * sigmoid64(2 * z) * sigmoid64(-2 * z),
}


@settings(max_examples=40)
@given(
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=3),
    units=st.integers(1, 4),
    dtype=st.sampled_from(["float32", "float64"]),
    activation=st.sampled_from(list(ACTIVATED)),
    use_bias=st.booleans(),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    seed=st.integers(0, 2**31),
)
def test_gradient_three_ways(shape, units, dtype, activation, use_bias, scale, seed):
    """d/dx = g kernel^T, d/dkernel = x^T g, d/dbias = sum g; g is what passes the activation."""
    rng = np.random.default_rng(seed)
    layer = layers.Dense(units, activation, use_bias, dtype=dtype)
    layer.build(shape)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    x = scale * rng.normal(size=shape).astype(dtype)
    upstream = rng.normal(size=(*shape[:-1], units)).astype(dtype)
    inputs = tf.Variable(x)
    places = [inputs, *(w.value for w in layer.trainable_weights)]

    def value():
        return tf.reduce_sum(upstream * layer(inputs.value()))

    with tf.GradientTape() as tape:
        total = value()
    gradients = tape.gradient(total, places)
    kernel, bias = (numpy64(w) for w in (*layer.weights, np.zeros(units))[:2])
    z = numpy64(x) @ kernel + bias
    if dtype == "float32" and activation in ("relu", "leaky_relu"):
        assume(np.abs(z).min() > 1e-4 * scale)  # rounding decides on which side of 0 a sum is
    g = numpy64(upstream) * ACTIVATED[activation](z)
    rows = g.reshape(-1, units)
    expected = [g @ kernel.T, numpy64(x).reshape(-1, shape[-1]).T @ rows, rows.sum(axis=0)]
    for gradient, formula in zip(gradients, expected, strict=False):
        assert_close(gradient, formula, dtype, scale=100 * max(1.0, scale))
    if dtype == "float64" and scale == 1.0 and np.abs(z).min() > 1e-4:
        for place, gradient in zip(places, gradients, strict=True):
            start, direction = tf.identity(place), rng.normal(size=place.shape)
            ends = []
            for sign in (1e-6, -1e-6):
                place.assign(start + sign * direction)
                ends.append(float(value()))
            place.assign(start)
            along = np.sum(numpy64(gradient) * direction)
            assert along == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_bias_gradient_is_exact_in_half_precision(policy):
    """1,000 rows of 1 sum to 1,000, which counting in bfloat16 misses by far."""
    layer = layers.Dense(3, dtype=policy)
    layer.build((None, 4))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.cast(layer(np.ones((1000, 4), "float32")), "float32"))
    np.testing.assert_array_equal(tape.gradient(value, layer.bias.value), [1000] * 3)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_regularizers_add_the_same_losses(policy):
    options = {
        "kernel_regularizer": keras.regularizers.L1L2(0.01, 0.02),
        "bias_regularizer": "l1",
        "bias_initializer": "normal",
    }
    ours, theirs = twins((None, 4), 3, policy, **options)
    kernel, bias = ours.get_weights()
    expected = [
        0.01 * np.abs(kernel).sum() + 0.02 * np.square(kernel).sum(),
        0.01 * np.abs(bias).sum(),
    ]
    assert_close(ours.losses, expected)
    assert_close(ours.losses, theirs.losses)
    plain = layers.Dense(3)
    plain.build((None, 4))
    assert plain.losses == []


def test_constraints_hold_after_a_training_step():
    ours, theirs = (
        dense(
            3,
            kernel_constraint=keras.constraints.UnitNorm(axis=0),
            bias_constraint="non_neg",
            kernel_initializer=keras.initializers.GlorotUniform(seed=2),
        )
        for dense in (layers.Dense, keras.layers.Dense)
    )
    x = np.random.default_rng(2).normal(size=(32, 4)).astype("float32")
    y = np.full((32, 3), -5.0)  # pulls the biases below 0
    for dense in (ours, theirs):
        model = keras.Sequential([keras.Input((4,)), dense])
        model.compile(keras.optimizers.SGD(0.5), "mse")
        model.fit(x, y, verbose=0, shuffle=False)
    np.testing.assert_allclose(np.linalg.norm(ours.kernel, axis=0), np.ones(3), rtol=1e-5)
    np.testing.assert_array_equal(ours.bias, np.zeros(3))
    assert_close(ours.kernel, theirs.kernel)


def test_initializers_are_used():
    layer = layers.Dense(
        3, kernel_initializer="ones", bias_initializer=keras.initializers.Constant(2)
    )
    layer.build((None, 4))
    np.testing.assert_array_equal(layer.kernel, np.ones((4, 3)))
    np.testing.assert_array_equal(layer.bias, np.full(3, 2))
    default = layers.Dense(200)
    default.build((None, 100))
    limit = np.sqrt(6 / (100 + 200))  # glorot_uniform
    assert 0.99 * limit < np.abs(default.kernel).max() <= limit
    assert np.std(default.kernel) == pytest.approx(limit / np.sqrt(3), rel=0.02)


def test_truncated_normal():
    """Mean 0, cut at two standard deviations; cutting makes 0.1 into 0.1 * 0.8796."""
    layer = layers.Dense(300, kernel_initializer="truncated_normal_0.1")
    layer.build((None, 700))
    values = np.ravel(layer.kernel)
    assert np.abs(values).max() <= 0.2
    assert np.abs(values).max() > 0.1999
    assert abs(values.mean()) < 5 * 0.088 / np.sqrt(values.size)
    # Variance of a normal cut at +-2: 1 - 2 * 2 * density(2) / share within +-2.
    share = math.erf(2 / math.sqrt(2))
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    assert values.std() == pytest.approx(0.1 * math.sqrt(1 - 4 * density / share), rel=0.01)
    assert values.std() == pytest.approx(0.08796, rel=0.01)
    # Kolmogorov-Smirnov: the largest distance to the distribution, significance 0.001.
    expected = [(math.erf(v / 0.1 / math.sqrt(2)) + share) / (2 * share) for v in np.sort(values)]
    distance = np.abs(expected - (np.arange(values.size) + 0.5) / values.size).max()
    assert distance < 1.95 / math.sqrt(values.size)


@pytest.mark.parametrize("identifier", ["truncated_normal_0.1", "glorot_uniform"])
def test_two_layers_start_differently(identifier):
    """Of one name, and of one shared instance without a seed."""
    for initializer in (identifier, initializers.get(identifier)):
        pair = [layers.Dense(3, kernel_initializer=initializer) for _ in range(2)]
        for layer in pair:
            layer.build((None, 3))
        assert not np.allclose(pair[0].kernel, pair[1].kernel)


class TestInitializersGet:
    def test_names_of_keras(self):
        for name in ("zeros", "glorot_uniform", "he_normal", "TruncatedNormal"):
            assert type(initializers.get(name)) is type(keras.initializers.get(name))

    def test_instance_is_cloned_with_its_arguments(self):
        given_one = keras.initializers.RandomNormal(stddev=0.3, seed=4)
        clone = initializers.get(given_one)
        assert clone is not given_one
        assert clone.get_config() == given_one.get_config()
        np.testing.assert_array_equal(clone((5,)), given_one((5,)))

    def test_config_class_and_function(self):
        config = keras.initializers.serialize(initializers.get("truncated_normal_0.1"))
        again = initializers.get(json.loads(json.dumps(config)))
        assert isinstance(again, keras.initializers.TruncatedNormal)
        assert (again.mean, again.stddev) == (0.0, 0.1)
        assert isinstance(initializers.get(keras.initializers.Zeros), keras.initializers.Zeros)

        def twos(shape, dtype=None):
            return 2 * tf.ones(shape, dtype)

        layer = layers.Dense(2, kernel_initializer=twos)
        layer.build((None, 2))
        np.testing.assert_array_equal(layer.kernel, np.full((2, 2), 2))

    def test_array_gives_the_values(self):
        values = np.arange(6.0).reshape(2, 3)
        layer = layers.Dense(3, kernel_initializer=values)
        layer.build((None, 2))
        np.testing.assert_array_equal(layer.kernel, values)

    @pytest.mark.parametrize("bad", ["glorot", "truncated_normal_0.2", 3, ["zeros"]])
    def test_what_is_no_initializer_is_refused(self, bad):
        with pytest.raises(ValueError, match="initializer"):
            initializers.get(bad)


def test_config_round_trip_of_every_argument():
    layer = layers.Dense(
        3,
        activation=activations.LeakyReLU(0.3),
        use_bias=False,
        kernel_initializer="truncated_normal_0.1",
        bias_initializer="ones",
        kernel_regularizer=keras.regularizers.L2(0.125),
        bias_regularizer="l1",
        kernel_constraint=keras.constraints.MaxNorm(2),
        bias_constraint="non_neg",
        name="mine",
        dtype="mixed_float16",
        trainable=False,
    )
    config = json.loads(json.dumps(layer.get_config()))
    again = layers.Dense.from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert again.activation.alpha == 0.3
    assert again.kernel_regularizer.l2 == 0.125
    assert again.kernel_constraint.max_value == 2
    assert again.name == "mine"
    assert again.dtype_policy.name == "mixed_float16"
    assert not again.trainable
    assert set(config) >= {
        "units", "activation", "use_bias", "kernel_initializer", "bias_initializer",
        "kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint",
    }  # fmt: skip


@pytest.mark.parametrize("activation", ["relu", "softmax", "gelu", keras.layers.PReLU(), None])
def test_saved_and_loaded(tmp_path, activation):
    """PReLU: an activation with weights of its own."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=activation)])
    for weight in model.weights:
        weight.assign(np.random.default_rng(3).normal(size=weight.shape))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert len(loaded.weights) == len(model.weights)
    x = np.random.default_rng(4).normal(size=(6, 4)).astype("float32")
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.parametrize("units", [0, -1, 2.0, "3", None, (3,)])
def test_units_are_checked(units):
    with pytest.raises(ValueError, match="units: expected a whole number of at least 1, got"):
        layers.Dense(units)


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "reluu"},
        {"kernel_initializer": "glorot"},
        {"bias_initializer": "nought"},
        {"kernel_regularizer": "l3"},
        {"kernel_constraint": "positive"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_arguments_are_checked_at_once(options):
    with pytest.raises(ValueError, match=next(iter(options.values()))):
        layers.Dense(3, **options)


@pytest.mark.parametrize("shape", [(), (4,), (None, None), (None, 5, None)])
def test_inputs_without_features_are_refused(shape):
    layer = layers.Dense(3, name="mine")
    with pytest.raises(ValueError, match=r"mine: expected inputs \[batch, \.\.\., features\]"):
        layer.build(shape)


def test_inputs_of_another_width_are_refused():
    layer = layers.Dense(3, name="mine")
    layer(np.zeros((2, 4), "float32"))
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 4"):
        layer(np.zeros((2, 5), "float32"))
    assert layer(np.zeros((2, 7, 4), "float32")).shape == (2, 7, 3)  # any rank of 2 or more


def test_mask_passes_through():
    """As through Keras' Dense: a masked step stays out of the loss."""
    x = np.ones((2, 3, 4), "float32")
    x[:, 2] = 0
    y = layers.Dense(5)(keras.layers.Masking()(x))
    np.testing.assert_array_equal(keras.src.backend.get_keras_mask(y), [[True, True, False]] * 2)


def test_unknown_batch_and_steps():
    layer = layers.Dense(3)
    assert layer(keras.Input((None, 4))).shape == (None, None, 3)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 4])])
    def call(x):
        return layer(x)

    for shape in ((2, 5, 4), (1, 1, 4), (0, 2, 4)):
        x = np.random.default_rng(5).normal(size=shape).astype("float32")
        np.testing.assert_allclose(call(x), layer(x), rtol=1e-6, atol=1e-6)


def test_frozen_layer_is_not_trained():
    layer = layers.Dense(3, trainable=False)
    layer.build((None, 4))
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 2
