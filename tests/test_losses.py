"""Losses against Keras' own, closed formulas in NumPy, and differences."""

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

from mlp_lab import losses

CLASSES = {
    "mean_squared_error": "MeanSquaredError",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
}
# Every loss in each of its forms: name and arguments.
FORMS = [("mean_squared_error", {})] + [
    (name, {"from_logits": from_logits})
    for name in CLASSES
    if name != "mean_squared_error"
    for from_logits in (False, True)
]
by_form = pytest.mark.parametrize(
    ("name", "options"), FORMS, ids=lambda v: v if isinstance(v, str) else "-".join(v) or "plain"
)


def formula(name, y_true, y_pred, from_logits=False):
    """The textbook value per sample, in float64."""
    y_pred = numpy64(y_pred)
    if name == "sparse_categorical_crossentropy":
        y_true = np.eye(y_pred.shape[-1])[np.asarray(y_true).astype(int)]
    y_true = numpy64(y_true)
    if name == "mean_squared_error":
        return np.mean((y_true - y_pred) ** 2, axis=-1)
    if name == "binary_crossentropy":
        log_p, log_q = (
            (-np.logaddexp(0, -y_pred), -np.logaddexp(0, y_pred))
            if from_logits
            else (np.log(y_pred), np.log1p(-y_pred))
        )
        return -np.mean(y_true * log_p + (1 - y_true) * log_q, axis=-1)
    log_p = (
        y_pred - np.logaddexp.reduce(y_pred, axis=-1, keepdims=True)
        if from_logits
        else np.log(y_pred / y_pred.sum(axis=-1, keepdims=True))
    )
    return -np.sum(y_true * log_p, axis=-1)


def batch(rng, name, shape, from_logits=False, dtype="float64"):
    """Labels and outputs of one batch, [*shape] outputs."""
    y_pred = rng.normal(0, 2, shape)
    if name != "mean_squared_error" and not from_logits:
        y_pred = rng.uniform(0.05, 0.95, shape)
    if name == "mean_squared_error":
        y_true = rng.normal(0, 2, shape)
    elif name == "binary_crossentropy":
        y_true = rng.integers(0, 2, shape).astype("float64")
    else:
        y_true = rng.integers(0, shape[-1], shape[:-1])
        if name == "categorical_crossentropy":
            y_true = np.eye(shape[-1])[y_true]
    if y_true.dtype == "float64":
        y_true = y_true.astype(numpy_dtype(dtype))
    return y_true, y_pred.astype(numpy_dtype(dtype))


@by_form
@settings(max_examples=12)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(lambda s: (*s, 3)),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**31),
)
def test_function_equals_formula_and_keras(name, options, shape, dtype, seed):
    y_true, y_pred = batch(np.random.default_rng(seed), name, shape, dtype=dtype, **options)
    value = getattr(losses, name)(y_true, tf.constant(y_pred), **options)
    assert value.shape == shape[:-1]
    # Computed in float32 at least: exact for the half-precision inputs it was given.
    computed = "float64" if dtype == "float64" else "float32"
    assert value.dtype == computed
    assert_close(value, formula(name, y_true, y_pred, **options), computed)
    reference = getattr(keras.losses, name)
    wide = [y if y.dtype.kind == "i" else y.astype(computed) for y in (y_true, y_pred)]
    # Keras keeps the bounds of probabilities in float32.
    rounding = "float32" if options == {"from_logits": False} else computed
    assert_close(value, reference(*map(tf.constant, wide), **options), rounding)


@by_form
@settings(max_examples=12)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=2).map(lambda s: (*s, 4)),
    reduction=st.sampled_from(
        ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None]
    ),
    weights=st.sampled_from(["none", "per sample", "column", "zero"]),
    seed=st.integers(0, 2**31),
)
def test_class_equals_keras(name, options, shape, reduction, weights, seed):
    rng = np.random.default_rng(seed)
    y_true, y_pred = batch(rng, name, shape, dtype="float32", **options)
    weight = {
        "none": None,
        "per sample": rng.uniform(0.1, 2, shape[:-1]),
        "column": rng.uniform(0.1, 2, (*shape[:-1], 1)),
        "zero": np.zeros(shape[:-1]),
    }[weights]
    ours = getattr(losses, CLASSES[name])(reduction=reduction, **options)
    reference = getattr(keras.losses, CLASSES[name])(reduction=reduction, **options)
    value = ours(y_true, y_pred, sample_weight=weight)
    assert_close(value, reference(y_true, y_pred, sample_weight=weight))
    per_sample = formula(name, y_true, y_pred, **options)
    flat = np.ones(shape[:-1]) if weight is None else weight.reshape(shape[:-1])
    weighted = per_sample * flat
    if reduction in ("none", None):
        assert_close(np.reshape(value, weighted.shape), weighted)
    elif reduction == "sum":
        assert_close(value, weighted.sum(), scale=weighted.size)
    elif reduction == "mean_with_sample_weight":
        total = flat.sum()
        assert_close(value, weighted.sum() / total if total else 0.0)
    else:
        assert_close(value, weighted.mean())


@by_form
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_class_computes_in_the_given_dtype(name, options, dtype):
    y_true, y_pred = batch(np.random.default_rng(4), name, (6, 3), dtype="float32", **options)
    value = getattr(losses, CLASSES[name])(dtype=dtype, **options)(y_true, y_pred)
    assert value.dtype == dtype
    assert_close(value, formula(name, y_true, y_pred, **options).mean(), dtype)


@by_form
def test_gradient_equals_formula_and_differences(name, options):
    rng = np.random.default_rng(5)
    y_true, y_pred = batch(rng, name, (4, 3), **options)
    function = getattr(losses, name)
    gradient = tape_gradient(lambda p: function(y_true, p, **options), y_pred)
    hot = np.eye(3)[y_true] if name == "sparse_categorical_crossentropy" else y_true
    if name == "mean_squared_error":
        expected = 2 * (y_pred - hot) / 3
    elif name == "binary_crossentropy":
        s = sigmoid64(y_pred)
        expected = (s - hot) / 3 if options["from_logits"] else (y_pred - hot) / y_pred / 3
        if not options["from_logits"]:
            expected /= 1 - y_pred
    elif options["from_logits"]:
        expected = softmax64(y_pred) - hot
    else:  # -log(p_y / sum p)
        expected = -hot / y_pred + 1 / y_pred.sum(axis=-1, keepdims=True)
    assert_close(gradient, expected, "float64", scale=10)

    def on_batch(p):  # [rows, 4, 3]
        return function(np.broadcast_to(y_true, (len(p), *y_true.shape)), p, **options)

    np.testing.assert_allclose(gradient, central_differences(on_batch, y_pred), 1e-6, 1e-8)


def gradient_formula(name, y_true, y_pred, from_logits=False):
    """The closed formula of d loss / d y_pred per sample, in float64, for logits of any size."""
    y_pred = numpy64(y_pred)
    if name == "sparse_categorical_crossentropy":
        y_true = np.eye(y_pred.shape[-1])[y_true]
    y_true, n = numpy64(y_true), y_pred.shape[-1]
    if name == "mean_squared_error":
        return 2 * (y_pred - y_true) / n
    if name == "binary_crossentropy":
        if from_logits:
            return (sigmoid64(y_pred) - y_true) / n
        return (y_pred - y_true) / (y_pred * (1 - y_pred)) / n
    if from_logits:
        return softmax64(y_pred) - y_true
    return -y_true / y_pred + 1 / y_pred.sum(axis=-1, keepdims=True)


@by_form
@settings(max_examples=25)
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=2).map(lambda s: (*s, 3)),
    dtype=st.sampled_from(DTYPES),
    scale=st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
    as_class=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_gradient_three_ways(name, options, shape, dtype, scale, as_class, seed):
    """Closed formula and tape for every shape, type and size; differences where they are exact.

    Of the class, which averages over the batch, it is that of the function divided by the
    entries [batch, ...]: for the cross-entropy of logits (softmax - y) / N.
    """
    y_true, y_pred = batch(np.random.default_rng(seed), name, shape, dtype="float64", **options)
    if options.get("from_logits"):
        y_pred = y_pred * scale
    y_pred = y_pred.astype(numpy_dtype(dtype))
    samples = y_pred[..., 0].size

    def value(p):
        if as_class:
            computed = "float64" if dtype == "float64" else "float32"
            return getattr(losses, CLASSES[name])(dtype=computed, **options)(y_true, p)
        return getattr(losses, name)(y_true, p, **options)

    gradient = tape_gradient(value, y_pred)
    assert gradient.dtype == y_pred.dtype
    expected = gradient_formula(name, y_true, y_pred, **options) / (samples if as_class else 1)
    largest = max(np.abs(expected).max(), 1.0)
    assert_close(gradient, expected, dtype, scale=4 * largest)
    if dtype == "float64" and scale <= 30:

        def on_batch(p):  # [rows, *shape]
            return getattr(losses, name)(
                np.broadcast_to(y_true, (len(p), *y_true.shape)), p, **options
            )

        differences = central_differences(on_batch, y_pred) / (samples if as_class else 1)
        np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-6)


@settings(max_examples=25)
@given(rows=st.integers(1, 6), outputs=st.integers(1, 6), seed=st.integers(0, 2**31))
def test_three_forms_of_mean_squared_error_have_one_gradient(rows, outputs, seed):
    """2 (p - y) / (N n), whichever of the three is written."""
    rng = np.random.default_rng(seed)
    y, p = rng.normal(size=(2, rows, outputs))
    forms = {
        "loss": lambda q: losses.MeanSquaredError(dtype="float64")(y, q),
        "mean of all entries": lambda q: tf.reduce_mean(tf.square(y - q)),
        "norm": lambda q: tf.square(tf.norm(y - q)) / (rows * outputs),
        "mean over samples": lambda q: tf.reduce_mean(losses.mean_squared_error(y, q)),
    }
    for name, form in forms.items():
        assert_close(form(tf.constant(p)), np.mean((y - p) ** 2), "float64")
        expected = 2 * (p - y) / (rows * outputs)
        np.testing.assert_allclose(tape_gradient(form, p), expected, 1e-9, 1e-12, err_msg=name)


def test_gradient_of_a_linear_layer_under_crossentropy():
    """Mean cross-entropy of x @ w + b: d/dw = x^T (softmax - y) / N, d/db = mean over the batch."""
    rng = np.random.default_rng(6)
    x, w, b = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    labels = np.array([2, 0, 1, 1, 0])
    residual = softmax64(x @ w + b) - np.eye(3)[labels]
    variables = [tf.Variable(w), tf.Variable(b)]
    for loss, y in (
        (losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64"), labels),
        (losses.CategoricalCrossentropy(from_logits=True, dtype="float64"), np.eye(3)[labels]),
    ):
        with tf.GradientTape() as tape:
            value = loss(y, x @ variables[0] + variables[1])
        dw, db = tape.gradient(value, variables)
        assert_close(dw, x.T @ residual / 5, "float64")
        assert_close(db, residual.mean(axis=0), "float64")
        # The gradients of all classes cancel.
        np.testing.assert_allclose(np.sum(dw, axis=1), 0, atol=1e-14)


def test_gradient_of_mean_squared_error_through_softmax():
    rng = np.random.default_rng(7)
    x, w, b = rng.normal(size=(2, 4)), rng.normal(size=(4, 3)), np.zeros(3)
    y = np.eye(3)[[2, 0]]
    variables = [tf.Variable(w), tf.Variable(b)]
    with tf.GradientTape() as tape:
        p = tf.nn.softmax(x @ variables[0] + variables[1])
        value = losses.MeanSquaredError(dtype="float64")(y, p)
    dw, db = tape.gradient(value, variables)
    assert (dw.shape, db.shape) == ((4, 3), (3,))
    p = softmax64(x @ w + b)
    upstream = 2 * (p - y) / p.size
    dz = p * (upstream - np.sum(upstream * p, axis=1, keepdims=True))
    assert_close(dw, x.T @ dz, "float64")
    assert_close(db, dz.sum(axis=0), "float64")


def test_three_forms_of_mean_squared_error():
    """Mean of squares = squared 2-norm / entries = mean of the values per sample."""
    rng = np.random.default_rng(8)
    y = np.eye(4, dtype="float32")[[1, 2, 3, 0, 2]]
    out = rng.normal(size=(5, 4)).astype("float32")
    value = losses.MeanSquaredError()(y, out)
    assert_close(value, np.mean((y - out) ** 2))
    assert_close(value, np.linalg.norm(y - out) ** 2 / (5 * 4))
    per_sample = losses.mean_squared_error(y, out)
    assert per_sample.shape == (5,)
    assert_close(value, np.mean(per_sample))


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred", "expected"),
    [
        ("categorical_crossentropy", [0, 1, 0, 0], [0.25, 0.25, 0.25, 0.25], 1.3862944),
        ("categorical_crossentropy", [0, 1, 0, 0], [0.1, 0.1, 0.7, 0.1], 2.3025851),
        ("categorical_crossentropy", [0, 1, 0, 0], [0.1, 0.7, 0.1, 0.1], 0.35667497),
        ("binary_crossentropy", [1, 0], [0.9, 0.1], 0.10536054),
        ("categorical_crossentropy", [1, 0], [0.1, 0.9], 2.3025851),
    ],
)
def test_values_of_the_textbook(name, y_true, y_pred, expected):
    value = getattr(losses, name)(y_true, y_pred)
    assert value.shape == ()
    assert float(value) == pytest.approx(expected, rel=2e-7, abs=2e-7)
    on_batch = getattr(losses, CLASSES[name])()([y_true], [y_pred])
    assert float(on_batch) == pytest.approx(expected, rel=2e-7, abs=2e-7)
    if name == "categorical_crossentropy":
        sparse = losses.sparse_categorical_crossentropy([np.argmax(y_true)], [y_pred])
        assert float(sparse[0]) == pytest.approx(expected, rel=2e-7, abs=2e-7)


HUGE = [[1e4, -1e4, 0], [-1e4, 1e4, -1e4], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4], [0, 0, 0]]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", [n for n in CLASSES if n != "mean_squared_error"])
def test_huge_logits_have_finite_value_and_gradient(name, dtype, jit):
    logits = np.repeat(np.array(HUGE), 3, axis=0)
    indices = np.tile(np.arange(3), len(HUGE))
    labels = {
        "categorical_crossentropy": np.eye(3)[indices],
        "sparse_categorical_crossentropy": indices,
        "binary_crossentropy": np.eye(3)[indices],
    }[name]

    @tf.function(jit_compile=jit)
    def value_and_gradient(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = getattr(losses, name)(labels, z, from_logits=True)
        return value, tape.gradient(value, z)

    z = tf.cast(logits, dtype)
    value, gradient = value_and_gradient(z)
    rounded = numpy64(z)  # bfloat16 has no 1e4
    assert_close(value, formula(name, labels, rounded, from_logits=True))
    hot = np.eye(3)[indices]
    expected = softmax64(rounded) - hot
    if name == "binary_crossentropy":
        expected = (sigmoid64(rounded) - hot) / 3
    assert gradient.dtype == dtype
    assert_close(gradient, expected, dtype)


@pytest.mark.parametrize("scale", [1e30, 3e38])
def test_logits_near_the_largest_float(scale):
    z = tf.constant([[scale, 0.0, 0.0]], "float32")

    def f(p):
        return losses.categorical_crossentropy([[1.0, 0, 0]], p, from_logits=True)

    np.testing.assert_array_equal(f(z), [0.0])
    np.testing.assert_array_equal(tape_gradient(f, z), [[0, 0, 0]])
    np.testing.assert_array_equal(
        losses.binary_crossentropy([[1.0, 0, 1.0]], z * [[1.0, 1, 1]], from_logits=True) * 3,
        np.float32([2 * np.log(2)]),
    )


def test_probabilities_of_exactly_zero_and_one():
    """Clipped to 1e-7 from 0 and 1: -log(1e-7) is the largest loss, in every dtype."""
    largest = -np.log(1e-7)
    for dtype in DTYPES:
        p = tf.constant([[0.0, 1.0]], dtype)
        assert_close(losses.binary_crossentropy([[0, 1]], p), [1e-7], scale=1)
        np.testing.assert_allclose(losses.binary_crossentropy([[1, 0]], p), [largest], rtol=1e-2)
        np.testing.assert_allclose(losses.categorical_crossentropy([[1, 0]], p), [largest], 1e-6)
        np.testing.assert_allclose(losses.sparse_categorical_crossentropy([0], p), [largest], 1e-6)
        gradient = tape_gradient(lambda q: losses.binary_crossentropy([[1, 0]], q), p)
        assert np.isfinite(numpy64(gradient)).all()


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gradient_of_binary_crossentropy_at_zero(dtype, jit):
    y = np.array([[0.0], [1.0], [0.25]])

    @tf.function(jit_compile=jit)
    def gradient(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = losses.binary_crossentropy(y, z, from_logits=True)
        return tape.gradient(value, z)

    np.testing.assert_array_equal(gradient(tf.zeros((3, 1), dtype)), 0.5 - y)


@pytest.mark.parametrize("z", [5.0, 20.0, 40.0, 80.0])
def test_small_binary_crossentropy_keeps_its_digits(z):
    """softplus(-z) is exp(-z), not log(1 + exp(-z)) rounded to 0."""
    value = losses.binary_crossentropy([[1.0], [0.0]], tf.constant([[z], [-z]]), from_logits=True)
    np.testing.assert_allclose(value, [np.log1p(np.exp(-z))] * 2, rtol=2e-6)


def test_small_categorical_crossentropy_is_right_to_one_rounding():
    """log(1 + 2e-9) rounds to 0 in float32, in Keras too; float64 has the digits."""
    z = np.array([[20.0, 0.0]])
    small = losses.sparse_categorical_crossentropy([0], z.astype("float32"), from_logits=True)
    np.testing.assert_allclose(small, [2.06e-9], rtol=0, atol=np.finfo("float32").eps)
    wide = losses.sparse_categorical_crossentropy([0], z, from_logits=True)
    np.testing.assert_allclose(wide, [np.log1p(np.exp(-20))], rtol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_label_out_of_range_is_nan_and_not_trained_on(jit):
    y = tf.constant([0, 3, -1, 2, 99])
    z = tf.constant(np.random.default_rng(9).normal(size=(5, 3)), "float32")

    @tf.function(jit_compile=jit)
    def value_and_gradient(from_logits):
        with tf.GradientTape() as tape:
            tape.watch(z)
            p = z if from_logits else tf.nn.softmax(z)
            value = losses.sparse_categorical_crossentropy(y, p, from_logits=from_logits)
        return value, tape.gradient(value, z)

    for from_logits in (True, False):
        value, gradient = value_and_gradient(from_logits)
        wrong = np.array([False, True, True, False, True])
        np.testing.assert_array_equal(np.isnan(value), wrong)
        np.testing.assert_array_equal(gradient[wrong], np.zeros((3, 3)))
        assert_close(gradient[~wrong], (softmax64(z) - np.eye(3)[[0, 0, 0, 2, 0]])[~wrong])
    assert np.isnan(losses.SparseCategoricalCrossentropy(from_logits=True)(y, z))


@pytest.mark.parametrize("name", ["mean_squared_error", "binary_crossentropy"])
def test_flat_labels_stand_for_a_column(name):
    """[batch] labels with [batch, 1] outputs, and never a [batch, batch] broadcast."""
    y = np.array([1.0, 0.0, 1.0], "float32")
    p = np.array([[0.9], [0.2], [0.3]], "float32")
    flat = getattr(losses, name)(y, p)
    assert flat.shape == (3,)
    np.testing.assert_array_equal(flat, getattr(losses, name)(y[:, None], p))
    loss = getattr(losses, CLASSES[name])()
    assert_close(loss(y, p), getattr(keras.losses, CLASSES[name])()(y, p))


def test_integer_labels_may_be_a_column():
    z = np.random.default_rng(10).normal(size=(2, 5, 3)).astype("float32")
    y = np.random.default_rng(11).integers(0, 3, (2, 5))
    f = losses.sparse_categorical_crossentropy
    expected = f(y, z, from_logits=True)
    np.testing.assert_array_equal(f(y[..., None], z, from_logits=True), expected)
    for dtype in ("uint8", "int64", "float32"):
        np.testing.assert_array_equal(f(y.astype(dtype), z, from_logits=True), expected)


def test_integer_outputs_do_not_round_the_labels():
    np.testing.assert_allclose(losses.mean_squared_error([0.5, 1.0], [1, 1]), 0.125)


@pytest.mark.parametrize(
    ("name", "labels", "outputs"),
    [
        ("mean_squared_error", (4,), (4, 3)),
        ("mean_squared_error", (4, 2), (4, 3)),
        ("mean_squared_error", (5, 3), (4, 3)),
        ("mean_squared_error", (4, 1), (4,)),
        ("categorical_crossentropy", (4,), (4, 3)),
        ("categorical_crossentropy", (4, 1), (4, 3)),
        ("binary_crossentropy", (4, 3, 1), (4, 3)),
        ("sparse_categorical_crossentropy", (4, 3), (4, 3)),
        ("sparse_categorical_crossentropy", (), (4, 3)),
    ],
)
def test_labels_of_another_shape_are_refused(name, labels, outputs):
    words = "one class index" if name.startswith("sparse") else "outputs' shape"
    other = "categorical_crossentropy" if name.startswith("sparse") else "sparse_categorical"
    function = getattr(losses, name)
    with pytest.raises(ValueError, match=words) as caught:
        function(np.zeros(labels), np.zeros(outputs, "float32"))
    for shown in (str(labels), str(outputs), other):
        assert shown in str(caught.value)


def test_sparse_equals_one_hot_labels():
    rng = np.random.default_rng(12)
    z, y = rng.normal(size=(7, 4)).astype("float32"), rng.integers(0, 4, 7)
    hot = np.eye(4, dtype="float32")[y]
    for from_logits, p in ((True, z), (False, softmax64(z).astype("float32"))):
        np.testing.assert_array_equal(
            losses.sparse_categorical_crossentropy(y, p, from_logits),
            losses.categorical_crossentropy(hot, p, from_logits),
        )


def test_logits_and_their_probabilities_agree():
    z = np.random.default_rng(13).normal(size=(6, 3))
    y = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    assert_close(
        losses.categorical_crossentropy(y, z, from_logits=True),
        losses.categorical_crossentropy(y, softmax64(z)),
        "float64",
    )
    assert_close(
        losses.binary_crossentropy(y, z, from_logits=True),
        losses.binary_crossentropy(y, sigmoid64(z)),
        "float64",
    )
    # Probabilities are divided by their sum.
    assert_close(
        losses.categorical_crossentropy(y, softmax64(z)),
        losses.categorical_crossentropy(y, 7 * softmax64(z)),
        "float64",
    )


@by_form
def test_masked_entries_do_not_count(name, options):
    """A Keras mask of the outputs takes its entries out of value and divisor."""
    rng = np.random.default_rng(14)
    y_true, y_pred = batch(rng, name, (2, 3, 4), dtype="float32", **options)
    mask = np.array([[True, True, False], [True, False, False]])
    outputs = tf.constant(y_pred)
    outputs._keras_mask = tf.constant(mask)
    value = getattr(losses, CLASSES[name])(**options)(y_true, outputs)
    assert_close(value, formula(name, y_true, y_pred, **options)[mask].mean())


def test_names_and_label_forms():
    forms = {name: getattr(losses, CLASSES[name]).label_form for name in CLASSES}
    assert forms.pop("sparse_categorical_crossentropy") == "integer"
    assert set(forms.values()) == {"one_hot"}
    for name, class_name in CLASSES.items():
        assert getattr(losses, class_name)().name == name
