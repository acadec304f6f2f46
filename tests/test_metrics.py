"""Metrics against counts in NumPy and against Keras' own."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from blocks import assert_close
from covering import slow, thinned
from hypothesis import given, settings
from hypothesis import strategies as st
from test_losses import FORMS, batch, formula

from mlp_lab import layers, losses, metrics

MEANS = {
    "mean_squared_error": metrics.MeanSquaredError,
    "categorical_crossentropy": metrics.CategoricalCrossentropy,
    "sparse_categorical_crossentropy": metrics.SparseCategoricalCrossentropy,
    "binary_crossentropy": metrics.BinaryCrossentropy,
}
by_form = pytest.mark.parametrize(
    ("name", "options"), FORMS, ids=lambda v: v if isinstance(v, str) else "-".join(v) or "plain"
)


def confusion(labels, outputs, classes, weight=None):
    counts = np.zeros((classes, classes))
    np.add.at(
        counts, (np.ravel(labels), outputs.argmax(-1).ravel()), 1 if weight is None else weight
    )
    return counts


def label_forms(labels, classes):
    return {
        "integer": labels,
        "column": labels[..., None],
        "one_hot": np.eye(classes, dtype="float32")[labels],
        "bytes": labels.astype("uint8"),
        "floats": labels.astype("float32"),
    }


LABEL_FORMS = sorted(label_forms(np.zeros(1, int), 1))


def random_batches(rng, sizes, classes, time=()):
    for size in sizes:
        shape = (size, *time)
        yield (
            rng.integers(0, classes, shape),
            rng.normal(size=(*shape, classes)).astype("float32"),
            rng.uniform(0.1, 3, shape).astype("float32"),
        )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", LABEL_FORMS)
@settings(max_examples=6)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    classes=st.integers(2, 6),
    time=st.sampled_from([(), (3,)]),
    seed=st.integers(0, 2**31),
)
def test_counts_over_batches_of_any_size(form, weighted, sizes, classes, time, seed):
    accuracy, counts = metrics.Accuracy(), metrics.ConfusionCounts(classes)
    per_class = metrics.PerClassAccuracy(classes)
    reference = keras.metrics.SparseCategoricalAccuracy()
    expected = np.zeros((classes, classes))
    for labels, outputs, weight in random_batches(
        np.random.default_rng(seed), sizes, classes, time
    ):
        weight = weight if weighted else None
        for metric in (accuracy, counts, per_class):
            metric.update_state(label_forms(labels, classes)[form], outputs, weight)
        reference.update_state(labels, outputs, weight)
        expected += confusion(labels, outputs, classes, None if weight is None else weight.ravel())
    np.testing.assert_allclose(counts.matrix(), expected, rtol=1e-12)
    np.testing.assert_allclose(accuracy.correct, np.trace(expected), rtol=1e-12)
    np.testing.assert_allclose(accuracy.total, expected.sum(), rtol=1e-12)
    assert_close(accuracy.result(), np.trace(expected) / expected.sum())
    assert_close(accuracy.result(), reference.result())
    rows = expected.sum(axis=1)
    recall = np.divide(np.diag(expected), rows, out=np.zeros(classes), where=rows > 0)
    result = per_class.result()
    assert list(result) == [f"class_accuracy_{i}" for i in range(classes)]
    assert_close(list(result.values()), recall)
    result = counts.result()
    assert list(result) == [f"confusion_{i}_{j}" for i in range(classes) for j in range(classes)]
    assert_close(list(result.values()), expected.ravel())
    for metric in (accuracy, counts, per_class):
        metric.reset_state()
        assert all(np.all(variable == 0) for variable in metric.variables)


@by_form
@pytest.mark.parametrize("weighted", [False, True])
def test_mean_losses_over_batches_of_any_size(name, options, weighted):
    rng = np.random.default_rng(1)
    metric, reference = MEANS[name](**options), keras.metrics.Mean()
    values, weights = [], []
    for size in (1, 7, 32, 4):
        y_true, y_pred = batch(rng, name, (size, 3), dtype="float32", **options)
        weight = rng.uniform(0.1, 3, size).astype("float32")
        metric.update_state(y_true, y_pred, weight if weighted else None)
        per_sample = getattr(keras.losses, name)(y_true, tf.constant(y_pred), **options)
        reference.update_state(per_sample, weight if weighted else None)
        values.append(formula(name, y_true, y_pred, **options))
        weights.append(weight if weighted else np.ones(size))
    expected = np.average(np.concatenate(values), weights=np.concatenate(weights))
    assert_close(metric.result(), expected)
    assert_close(metric.result(), reference.result())
    assert metric.name == name
    metric.reset_state()
    assert metric.result() == 0


@by_form
def test_mean_losses_equal_keras_metrics(name, options):
    y_true, y_pred = batch(np.random.default_rng(2), name, (9, 3), dtype="float32", **options)
    class_name = MEANS[name].__name__
    reference = getattr(keras.metrics, class_name)(**options)
    assert_close(MEANS[name](**options)(y_true, y_pred), reference(y_true, y_pred))


def test_empty_is_zero():
    assert metrics.Accuracy().result() == 0
    assert set(map(float, metrics.PerClassAccuracy(3).result().values())) == {0.0}
    assert not np.any(metrics.ConfusionCounts(3).matrix())
    for metric in MEANS.values():
        assert metric().result() == 0
    accuracy = metrics.Accuracy()
    accuracy.update_state(np.zeros((0,), "int32"), np.zeros((0, 3), "float32"))
    assert accuracy.result() == 0
    accuracy.update_state([1, 2], np.eye(3)[[1, 2]], sample_weight=[0.0, 0.0])
    assert accuracy.result() == 0


def test_counts_stay_exact_beyond_float32():
    """float32 would stop at 2^24: adding 1 gives 2^24 again."""
    assert np.float32(2**24) + np.float32(1) == np.float32(2**24)
    hit, miss = np.array([[0.0, 1.0]], "float32"), np.array([[1.0, 0.0]], "float32")
    accuracy, counts = metrics.Accuracy(), metrics.ConfusionCounts(2)
    accuracy.correct.assign(2**24)
    accuracy.total.assign(2**24)
    counts.counts.assign(np.full((2, 2), 2.0**24))
    for outputs in (hit, miss, hit):
        accuracy.update_state([1], outputs)
        counts.update_state([1], outputs)
    assert float(accuracy.correct) == 2**24 + 2
    assert float(accuracy.total) == 2**24 + 3
    np.testing.assert_array_equal(counts.matrix(), [[2**24, 2**24], [2**24 + 1, 2**24 + 2]])


def all_metrics():
    return [
        metrics.Accuracy(),
        metrics.ConfusionCounts(3),
        metrics.PerClassAccuracy(3),
        metrics.SparseCategoricalCrossentropy(from_logits=True),
    ]


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_outputs_of_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    dtype = keras.config.dtype_policy().compute_dtype
    rng = np.random.default_rng(3)
    for labels, outputs, _ in random_batches(rng, (50,), 3):
        rounded = tf.cast(outputs, dtype)
        outputs = tf.cast(rounded, "float32").numpy()
        accuracy, counts, _, mean = results = all_metrics()
        for metric in results:
            metric.update_state(labels, rounded)
        np.testing.assert_array_equal(counts.matrix(), confusion(labels, outputs, 3))
        assert_close(accuracy.result(), np.mean(outputs.argmax(-1) == labels))
        expected = formula("sparse_categorical_crossentropy", labels, outputs, from_logits=True)
        assert_close(mean.result(), expected.mean())
        assert accuracy.result().dtype == mean.result().dtype == "float32"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "mixed_float16"])
def test_dtype_is_that_of_the_result_only(dtype):
    metric = metrics.Accuracy(dtype=dtype)
    for _ in range(3):
        metric.update_state(np.zeros(1500, int), np.tile([[1.0, 0.0]], (1500, 1)))
    metric.update_state(np.ones(1500, int), np.tile([[1.0, 0.0]], (1500, 1)))
    assert float(metric.total) == 6000  # float16 would round, bfloat16 too
    assert metric.result().dtype == metric.dtype
    assert float(metric.result()) == 0.75


@pytest.mark.parametrize(
    ("form", "jit"), thinned(itertools.product(LABEL_FORMS, [False, True]), strength=1)
)
def test_unknown_batch_size_in_graph_and_xla(jit, form):
    compiled, eager = all_metrics(), all_metrics()
    if form == "one_hot":  # not for integer labels
        compiled, eager = compiled[:3], eager[:3]
    labels = label_forms(np.zeros(1, int), 3)[form]
    label_spec = tf.TensorSpec([None, *labels.shape[1:]], labels.dtype)

    @tf.function(
        jit_compile=jit,
        input_signature=[
            label_spec,
            tf.TensorSpec([None, 3], tf.float32),
            tf.TensorSpec([None], tf.float32),
        ],
    )
    def update(y, outputs, weight):
        for metric in compiled:
            metric.update_state(y, outputs, weight)

    for labels, outputs, weight in random_batches(np.random.default_rng(4), (5, 1, 8), 3):
        y = label_forms(labels, 3)[form]
        update(y, outputs, weight)
        for metric in eager:
            metric.update_state(y, outputs, weight)
    for one, other in zip(compiled, eager, strict=True):
        for a, b in zip(one.variables, other.variables, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
    assert float(compiled[0].total) > 0


@pytest.mark.parametrize("form", ["column", "one_hot"])
def test_label_width_known_only_at_run_time(form):
    """As from a generator: a column of indices is not taken for one-hot rows."""
    metric = metrics.Accuracy()

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64), tf.TensorSpec([None, 3])])
    def update(y, outputs):
        metric.update_state(y, outputs)

    labels = np.array([0, 1, 2, 2])
    update(label_forms(labels, 3)[form].astype("int64"), np.eye(3)[[0, 1, 2, 1]].astype("float32"))
    assert float(metric.result()) == 0.75


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_one_weight_per_sample_or_a_column(shape):
    rng = np.random.default_rng(5)
    ((labels, outputs, weight),) = random_batches(rng, (6,), 3)
    metric = metrics.ConfusionCounts(3)
    metric.update_state(labels, outputs, weight.reshape(shape))
    np.testing.assert_allclose(metric.matrix(), confusion(labels, outputs, 3, weight), rtol=1e-12)


def test_weight_of_a_sample_counts_for_all_its_steps():
    rng = np.random.default_rng(6)
    ((labels, outputs, _),) = random_batches(rng, (4,), 3, (5,))
    weight = np.array([1.0, 2.0, 0.0, 0.5])
    for given_weight in (weight, weight[:, None], np.tile(weight[:, None], 5)[..., None]):
        metric = metrics.ConfusionCounts(3)
        metric.update_state(labels, outputs, given_weight)
        expected = confusion(labels, outputs, 3, np.repeat(weight, 5))
        np.testing.assert_allclose(metric.matrix(), expected)


def test_labels_out_of_range_count_as_wrong_and_nowhere():
    outputs = np.eye(3, dtype="float32")[[0, 1, 2]]
    accuracy, counts = metrics.Accuracy(), metrics.ConfusionCounts(3)
    for metric in (accuracy, counts):
        metric.update_state([0, 3, -1], outputs)
    assert float(accuracy.result()) == pytest.approx(1 / 3)
    np.testing.assert_array_equal(counts.matrix(), np.diag([1.0, 0, 0]))


@pytest.mark.parametrize(
    ("labels", "outputs", "words"),
    [
        ((4, 2), (4, 1), "of 0 and 1 of the outputs' shape (4, 1)"),
        ((4,), (4,), "one output per class"),
        ((4, 2), (4, 3), "got labels of shape (4, 2)"),
        ((4, 3, 1), (4, 3), "got labels of shape (4, 3, 1)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(labels, outputs, words):
    for metric in (metrics.Accuracy(), metrics.ConfusionCounts(2 if outputs[-1] == 1 else 3)):
        with pytest.raises(ValueError, match="expected") as caught:
            metric.update_state(np.zeros(labels), np.zeros(outputs, "float32"))
        assert words in str(caught.value)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("metric", [metrics.ConfusionCounts, metrics.PerClassAccuracy])
def test_outputs_of_other_classes_than_counted_are_refused(metric, classes):
    with pytest.raises(ValueError, match=f"num_classes={classes} classes, got 3"):
        metric(classes).update_state([0, 1], np.eye(3)[[0, 2]])


@pytest.mark.parametrize("bad", [1, 0, -3, 2.0, "3", None])
@pytest.mark.parametrize("metric", [metrics.ConfusionCounts, metrics.PerClassAccuracy])
def test_number_of_classes_is_checked(metric, bad):
    with pytest.raises(ValueError, match=r"num_classes: expected a whole number of at least 2"):
        metric(bad)


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("eager", "integer"),
        ("graph", "integer"),
        slow("jit", "integer"),
        ("graph", "one_hot"),
    ],
)
def test_logs_of_fit_and_evaluate(mode, form):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(50, 4)).astype("float32")
    labels = rng.integers(0, 3, 50)
    weight = rng.uniform(0.5, 2, 50).astype("float32")
    y = label_forms(labels, 3)[form]
    loss = "SparseCategoricalCrossentropy" if form == "integer" else "CategoricalCrossentropy"
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile(
        keras.optimizers.SGD(0.0),  # the outputs stay as they are
        getattr(losses, loss)(from_logits=True),
        metrics=[metrics.Accuracy(), metrics.ConfusionCounts(3), metrics.PerClassAccuracy(3)],
        weighted_metrics=[metrics.Accuracy(name="weighted"), getattr(metrics, loss)(True, "ce")],
        run_eagerly=mode == "eager",
        jit_compile=mode == "jit",
    )
    history = model.fit(
        x, y, sample_weight=weight, batch_size=16, verbose=0, validation_data=(x, y), epochs=2
    ).history
    outputs = model.predict(x, verbose=0)
    expected, weighted = confusion(labels, outputs, 3), confusion(labels, outputs, 3, weight)
    per_sample = formula(
        "sparse_categorical_crossentropy", labels, outputs.astype("float64"), from_logits=True
    )
    unweighted = {
        "accuracy": np.trace(expected) / 50,
        **{f"confusion_{i}_{j}": expected[i, j] for i in range(3) for j in range(3)},
        **{f"class_accuracy_{i}": expected[i, i] / expected[i].sum() for i in range(3)},
    }
    validation = {
        "loss": per_sample.mean(),
        "weighted": np.trace(expected) / 50,
        "ce": per_sample.mean(),
        **unweighted,
    }
    training = {
        "loss": np.mean(per_sample * weight),
        "weighted": np.trace(weighted) / weighted.sum(),
        "ce": np.average(per_sample, weights=weight),
        **unweighted,
    }
    logs = training | {f"val_{key}": value for key, value in validation.items()}
    assert set(history) == set(logs)
    for key, value in logs.items():
        np.testing.assert_allclose(history[key], [value] * 2, rtol=1e-5, err_msg=key)
    assert model.evaluate(x, y, verbose=0, return_dict=True) == pytest.approx(validation, rel=1e-5)


def test_several_outputs():
    """Each output has its own metrics. Keras puts the output's name before single numbers only."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(20, 4)).astype("float32")
    labels = {"a": rng.integers(0, 3, 20), "b": rng.integers(0, 2, 20)}
    inputs = keras.Input((4,))
    model = keras.Model(
        inputs, {"a": layers.Dense(3, name="a")(inputs), "b": layers.Dense(2, name="b")(inputs)}
    )
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        "sgd",
        {"a": loss, "b": loss},
        metrics={"a": [metrics.Accuracy()], "b": [metrics.Accuracy(), metrics.ConfusionCounts(2)]},
    )
    logs = model.evaluate(x, labels, verbose=0, return_dict=True)
    outputs = model.predict(x, verbose=0)
    for name, y in labels.items():
        assert logs[f"{name}_accuracy"] == pytest.approx(np.mean(outputs[name].argmax(-1) == y))
    expected = confusion(labels["b"], outputs["b"], 2)
    assert {key: logs[key] for key in logs if "confusion" in key} == {
        f"confusion_{i}_{j}": expected[i, j] for i in range(2) for j in range(2)
    }
