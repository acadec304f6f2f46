"""Every public class of the building blocks, found by looking: a new one is tested at once."""

import itertools
import json

import keras
import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
from blocks import TOLERANCE, numpy64, own_classes, sigmoid64, softmax64
from covering import thinned

import mlp_lab
from mlp_lab import activations, initializers, layers, losses, metrics, models, optimizers
from mlp_lab.testing import check_layer, check_loss, check_metric, check_model

MODULES = (activations, initializers, layers, losses, metrics, optimizers, models)
CLASSES = {
    f"{module.__name__.removeprefix('mlp_lab.')}.{name}": value
    for module in MODULES
    for name, value in own_classes(module).items()
}
FEATURES, OUTPUTS = 4, 3
SCALE = (0.5, 2.0, 4.0)


@keras.saving.register_keras_serializable("tests")
class Linear(mlp_lab.Model):
    """What a user would write."""

    def __init__(self, outputs=OUTPUTS, **kwargs):
        super().__init__(**kwargs)
        self.outputs_ = outputs
        self.dense = layers.Dense(outputs)

    def call(self, inputs):
        return self.dense(inputs)

    def get_config(self):
        return {**super().get_config(), "outputs": self.outputs_}


@keras.saving.register_keras_serializable("tests")
class Stack(mlp_lab.GlassBox, keras.Sequential):
    """The mix-in before a Keras class."""


EDGES = [[], [-1.0, 0.25, 0.5], [-0.5, 0.5, 0.75, 2.0], [0.0, 1.0]]
CENTERS, SCALES = [0.5, -1.0, 0.0, 2.0], [1.0, 0.25, 0.0, 3.0]

# How to make one of each class, with arguments that are not the defaults where it has some.
EXAMPLES = {
    "activations.LeakyReLU": lambda: activations.LeakyReLU(0.3),
    "activations.ReLU": activations.ReLU,
    "activations.Sigmoid": activations.Sigmoid,
    "activations.Softmax": lambda: activations.Softmax(axis=1),
    "activations.Tanh": activations.Tanh,
    "layers.Dense": lambda: layers.Dense(
        OUTPUTS,
        "leaky_relu",
        kernel_initializer="truncated_normal_0.1",
        kernel_regularizer="l2",
        bias_constraint="max_norm",
    ),
    "layers.CategoryEmbedding": lambda: layers.CategoryEmbedding([2, 3, 4, 9], dim=2),
    "layers.InUnits": lambda: layers.InUnits([0.3, -0.5, 0.25, 0.1], [0.5, 2.0, 1.0, 0.75]),
    "layers.IsMissing": layers.IsMissing,
    "layers.OneHot": lambda: layers.OneHot([2, 3, 4, 5], [False, True, True, False]),
    "layers.PeriodicEmbedding": lambda: layers.PeriodicEmbedding(3, frequencies=5, sigma=0.5),
    "layers.PiecewiseLinearEmbedding": lambda: layers.PiecewiseLinearEmbedding(EDGES, dim=3),
    "layers.RobustScale": lambda: layers.RobustScale(CENTERS, SCALES, clip=2.0),
    "layers.Scale": lambda: layers.Scale(rate_factor=6.0),
    "layers.TablePreprocessing": lambda: layers.TablePreprocessing(
        {"columns": [3, 0], "centers": [0.5, -0.5], "scales": [2.0, 1.0], "missing": [1, 0]},
        {"columns": [1, 2], "sizes": [3, 4], "missing": [True, False]},
        numerical_embedding="piecewise_linear",
        embedding_dim=3,
        edges=EDGES[1:3],
        most_one_hot=1,
    ),
    "losses.BinaryCrossentropy": lambda: losses.BinaryCrossentropy(True, "sum", name="b"),
    "losses.CategoricalCrossentropy": lambda: losses.CategoricalCrossentropy(True),
    "losses.Huber": lambda: losses.Huber(0.75),
    "losses.MeanAbsoluteError": lambda: losses.MeanAbsoluteError("sum", name="a"),
    "losses.MeanSquaredError": lambda: losses.MeanSquaredError("sum", name="m"),
    "losses.SparseCategoricalCrossentropy": lambda: losses.SparseCategoricalCrossentropy(
        True, label_smoothing=0.125
    ),
    "losses.Standardized": lambda: losses.Standardized(losses.Huber(0.5), SCALE),
    "metrics.AUC": lambda: metrics.AUC(OUTPUTS, from_logits=True, num_bins=2048),
    "metrics.Accuracy": lambda: metrics.Accuracy(name="a"),
    "metrics.BalancedAccuracy": lambda: metrics.BalancedAccuracy(OUTPUTS, name="b"),
    "metrics.BinaryCrossentropy": lambda: metrics.BinaryCrossentropy(True),
    "metrics.CategoricalCrossentropy": lambda: metrics.CategoricalCrossentropy(True, name="c"),
    "metrics.ConfusionCounts": lambda: metrics.ConfusionCounts(OUTPUTS),
    "metrics.F1": lambda: metrics.F1(OUTPUTS),
    "metrics.Huber": lambda: metrics.Huber(0.75),
    "metrics.LogLoss": lambda: metrics.LogLoss(True),
    "metrics.MeanAbsoluteError": metrics.MeanAbsoluteError,
    "metrics.MeanSquaredError": metrics.MeanSquaredError,
    "metrics.PerClassAccuracy": lambda: metrics.PerClassAccuracy(OUTPUTS),
    "metrics.R2": lambda: metrics.R2(OUTPUTS),
    "metrics.RootMeanSquaredError": metrics.RootMeanSquaredError,
    "metrics.SparseCategoricalCrossentropy": lambda: metrics.SparseCategoricalCrossentropy(True),
    "metrics.TopK": lambda: metrics.TopK(2),
    "optimizers.GradientDescent": lambda: optimizers.GradientDescent(0.5, clipnorm=1.0),
    "models.GlassBox": lambda: Stack([layers.Dense(OUTPUTS)]),
    "models.MLP": lambda: mlp_lab.MLP((5,), OUTPUTS, "tanh", input_scale=0.5),
    "models.Model": Linear,
}


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


def mlp(x, *weights):
    return np.tanh(x * 0.5 @ weights[0] + weights[1]) @ weights[2] + weights[3]


def ids_of(x, sizes):
    fits = (x >= 0) & (x < sizes) & (x == np.floor(x))
    return np.where(fits, x, 1).astype(int)


def one_hot(x, sizes, missing):
    ids = ids_of(x, sizes)
    return np.stack(
        [
            ids[:, column] == id_
            for column, size in enumerate(sizes)
            for id_ in [*([0] if missing[column] else []), *range(2, size)]
        ],
        axis=1,
    )


def embedded(x, sizes, embedding):
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return embedding[ids_of(x, sizes) + first].reshape(len(x), -1)


def learned(x, features, kernel, bias):
    """(x_j, features_j @ kernel_j + bias_j), with a list of features [n, width] by column."""
    columns = []
    for j, f in enumerate(features):
        columns += [x[:, j : j + 1], f @ kernel[j, : f.shape[1]] + bias[j]]
    return np.concatenate(columns, axis=1)


def periodic(x, kernel, bias, frequency, phase):
    waves = [np.cos(2 * np.pi * x[:, [j]] * frequency[j] + phase[j]) for j in range(x.shape[1])]
    return learned(x, waves, kernel, bias)


def piecewise(x, kernel, bias, edges=EDGES):
    bins = [
        np.stack(
            [np.clip((x[:, j] - a) / (b - a), 0, 1) for a, b in itertools.pairwise(column)]
            or [np.zeros(len(x))],
            axis=1,
        )
        for j, column in enumerate(edges)
    ]
    return learned(x, bins, kernel, bias)


def robust(x, centers, scales, clip):
    z = (x - np.array(centers)) * np.array(scales)
    return z / np.sqrt(1 + (z / clip) ** 2)


def table(x, kernel, bias, embedding):
    numbers = robust(x[:, [3, 0]], [0.5, -0.5], [2.0, 1.0], 3.0)
    return np.concatenate(
        [
            piecewise(numbers, kernel, bias, EDGES[1:3]),
            np.isnan(x[:, [3]]),
            one_hot(x[:, [1]], [3], [True]),
            embedded(x[:, [2]], [4], embedding),
        ],
        axis=1,
    )


def binary(y, z):
    return np.mean(np.logaddexp(0, z) - y * z, axis=-1)


def categorical(y, z):
    hot = y if y.ndim == z.ndim else np.eye(z.shape[-1])[y]
    return np.logaddexp.reduce(z, axis=-1) - np.sum(hot * z, axis=-1)


def smoothed(y, z, share):
    hot = (1 - share) * np.eye(z.shape[-1])[y] + share / z.shape[-1]
    return categorical(hot, z)


def squared(y, p):
    return np.mean((y - p) ** 2, axis=-1)


def absolute(y, p):
    return np.mean(np.abs(y - p), axis=-1)


def hubers(y, p, delta):
    e = np.abs(y - p)
    return np.mean(np.where(e <= delta, e**2 / 2, delta * e - delta**2 / 2), axis=-1)


def macro(score):
    return lambda y, p, **options: score(y.argmax(axis=-1), p.argmax(axis=-1), **options)


def one_against_others(y, z):
    return sklearn.metrics.roc_auc_score(y.argmax(axis=-1), softmax64(z), multi_class="ovr")


def confusion(y, p):
    counts = np.zeros((OUTPUTS, OUTPUTS))
    np.add.at(counts, (y.argmax(axis=-1), p.argmax(axis=-1)), 1)
    return {f"confusion_{i}_{j}": counts[i, j] for i in range(OUTPUTS) for j in range(OUTPUTS)}


def recall(y, p):
    right = y.argmax(axis=-1) == p.argmax(axis=-1)
    return {
        f"class_accuracy_{i}": np.mean(right[y[:, i] == 1]) if y[:, i].any() else 0.0
        for i in range(OUTPUTS)
    }


# Second implementations in NumPy, of the examples above.
REFERENCES = {
    "activations.LeakyReLU": lambda x: leaky(x, 0.3),
    "activations.ReLU": lambda x: np.maximum(x, 0),
    "activations.Sigmoid": sigmoid64,
    "activations.Softmax": softmax64,
    "activations.Tanh": np.tanh,
    "layers.Dense": lambda x, kernel, bias: leaky(x @ kernel + bias, 0.2),
    "layers.CategoryEmbedding": lambda x, e: embedded(x, [2, 3, 4, 9], e),
    "layers.InUnits": lambda x: x * [0.5, 2.0, 1.0, 0.75] + [0.3, -0.5, 0.25, 0.1],
    "layers.IsMissing": np.isnan,
    "layers.OneHot": lambda x: one_hot(x, [2, 3, 4, 5], [False, True, True, False]),
    "layers.PeriodicEmbedding": periodic,
    "layers.PiecewiseLinearEmbedding": piecewise,
    "layers.RobustScale": lambda x: robust(x, CENTERS, SCALES, 2.0),
    "layers.Scale": lambda x, change: x * (1 + 6 * change),
    "layers.TablePreprocessing": table,
    "losses.BinaryCrossentropy": binary,
    "losses.CategoricalCrossentropy": categorical,
    "losses.Huber": lambda y, p: hubers(y, p, 0.75),
    "losses.MeanAbsoluteError": absolute,
    "losses.MeanSquaredError": squared,
    "losses.SparseCategoricalCrossentropy": lambda y, z: smoothed(y, z, 0.125),
    "losses.Standardized": lambda y, p: hubers(y / SCALE, p / SCALE, 0.5),
    "metrics.Accuracy": lambda y, p: np.mean(y.argmax(axis=-1) == p.argmax(axis=-1)),
    "metrics.AUC": one_against_others,
    "metrics.BalancedAccuracy": macro(sklearn.metrics.balanced_accuracy_score),
    "metrics.BinaryCrossentropy": lambda y, z: binary(y, z).mean(),
    "metrics.CategoricalCrossentropy": lambda y, z: categorical(y, z).mean(),
    "metrics.ConfusionCounts": confusion,
    "metrics.F1": lambda y, p: macro(sklearn.metrics.f1_score)(y, p, average="macro"),
    "metrics.Huber": lambda y, p: hubers(y, p, 0.75).mean(),
    "metrics.LogLoss": lambda y, z: categorical(y, z).mean(),
    "metrics.MeanAbsoluteError": lambda y, p: absolute(y, p).mean(),
    "metrics.MeanSquaredError": lambda y, p: squared(y, p).mean(),
    "metrics.PerClassAccuracy": recall,
    "metrics.R2": lambda y, p: sklearn.metrics.r2_score(y, p),
    "metrics.RootMeanSquaredError": lambda y, p: np.sqrt(squared(y, p).mean()),
    "metrics.SparseCategoricalCrossentropy": lambda y, z: categorical(y, z).mean(),
    "metrics.TopK": lambda y, p: sklearn.metrics.top_k_accuracy_score(
        y.argmax(axis=-1), p, k=2, labels=range(OUTPUTS)
    ),
    "models.GlassBox": lambda x, kernel, bias: x @ kernel + bias,
    "models.MLP": mlp,
    "models.Model": lambda x, kernel, bias: x @ kernel + bias,
}

by_class = pytest.mark.parametrize("name", sorted(CLASSES))
by_optimizer = pytest.mark.parametrize(
    "name", [n for n in sorted(CLASSES) if n.startswith("optimizers")]
)
by_policy = pytest.mark.parametrize(
    ("name", "policy"),
    thinned(
        [
            (name, policy)
            for name in sorted(CLASSES)
            for policy in ("mixed_float16", "mixed_bfloat16")  # float32: test_check_of_the_class
            # Losses and metrics cast either kind of half precision to float32: one is enough.
            if not (policy == "mixed_bfloat16" and name.startswith(("losses", "metrics")))
        ],
        strength=1,  # each class in one precision; test_check_of_the_class has both
    ),
)


def make(name):
    if name not in EXAMPLES:
        pytest.fail(
            f"mlp_lab.{name} has no example: add `{name!r}: lambda: ...` to EXAMPLES in "
            "tests/test_blocks_by_enumeration.py"
        )
    return EXAMPLES[name]()


def batch(block, rows=6, seed=0):
    """x, and labels of the form that the block takes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, FEATURES)).astype("float32")
    labels = rng.integers(0, OUTPUTS, rows)
    if getattr(block, "label_form", "any") == "one_hot":
        labels = np.eye(OUTPUTS, dtype="float32")[labels]
    return x, labels


def use(block, x, y):
    """What the block computes of one batch, as a flat list of tensors."""
    if isinstance(block, keras.Loss):
        with tf.GradientTape() as tape:
            outputs = tf.convert_to_tensor(x)[:, :OUTPUTS]
            tape.watch(outputs)
            value = block(y, outputs)
        return [value, tape.gradient(value, outputs)]
    if isinstance(block, keras.Metric):
        block.update_state(y, x[:, :OUTPUTS])
        return tf.nest.flatten(block.result())
    if isinstance(block, keras.optimizers.Optimizer):
        return []  # see test_optimizer_in_eager_graph_and_xla
    return tf.nest.flatten(block(x))


def stepper(optimizer, variable):
    return lambda gradient: optimizer.apply([gradient], [variable])


def test_enumeration_sees_the_classes():
    assert CLASSES["losses.MeanSquaredError"] is losses.MeanSquaredError
    assert CLASSES["models.MLP"] is mlp_lab.MLP
    assert len(CLASSES) >= 21


@by_class
def test_there_is_an_example_of_the_class(name):
    assert isinstance(make(name), CLASSES[name])


def test_a_class_without_an_example_fails_and_says_so(monkeypatch):
    monkeypatch.delitem(EXAMPLES, "models.MLP")
    with pytest.raises(
        pytest.fail.Exception, match=r"add `'models\.MLP': lambda: \.\.\.` to EXAMPLES"
    ):
        make("models.MLP")


def test_no_example_of_a_class_that_is_gone():
    assert set(EXAMPLES) - set(CLASSES) == set()


@by_class
def test_class_is_documented(name):
    """By its own words, not by those of a base class."""
    assert CLASSES[name].__doc__
    assert "__doc__" in vars(CLASSES[name])


# Not the mix-in: the class it goes into is registered.
@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"models.GlassBox"}))
def test_registered_name_is_the_class_alone(name):
    cls = CLASSES[name]
    registered = keras.saving.get_registered_name(cls)
    module = name.split(".")[0]
    assert registered == f"mlp_lab{'' if module == 'models' else '.' + module}>{cls.__name__}"
    assert keras.saving.get_registered_object(registered) is cls
    same = [n for n, c in CLASSES.items() if keras.saving.get_registered_name(c) == registered]
    assert same == [name]


@by_class
def test_check_of_the_class(name):
    """All that a class of one's own is put through, and against its formula in NumPy."""
    kind = name.split(".")[0]
    options = {"reference": REFERENCES.get(name)}
    if kind in ("activations", "layers"):
        notes = check_layer(lambda: make(name), input_shape=(FEATURES,), **options)
    elif kind == "models":
        notes = check_model(lambda: make(name), input_shape=(FEATURES,), **options)
    elif kind == "losses":
        reduction = make(name).reduction
        notes = check_loss(lambda: make(name), reduction=reduction, **options)
    elif kind == "metrics":
        notes = check_metric(lambda: make(name), **options)
    else:
        assert kind == "optimizers", f"mlp_lab.{name}: which check of mlp_lab.testing is it for?"
        return  # see test_optimizer_in_eager_graph_and_xla
    assert notes == []
    assert options["reference"], f"mlp_lab.{name}: add its formula to REFERENCES"


@by_policy
def test_graph_and_xla_with_unknown_batch_size(name, policy):
    """Eager, graph and XLA agree, for batches of several sizes through one trace."""
    keras.config.set_dtype_policy(policy)
    dtype = keras.config.dtype_policy().compute_dtype
    block = make(name)
    is_outputs = name.startswith(("losses", "metrics"))  # these are given a layer's outputs
    x, y = batch(block)
    x = tf.cast(x, dtype) if is_outputs else tf.constant(x)
    use(block, x, y)  # creates the weights
    signature = [
        tf.TensorSpec([None, FEATURES], x.dtype),
        tf.TensorSpec([None, *y.shape[1:]], y.dtype),
    ]
    compiled = [
        tf.function(lambda x, y: use(block, x, y), input_signature=signature, jit_compile=jit)
        for jit in (False, True)
    ]
    computed = "float32" if is_outputs else dtype
    for rows in (6, 1, 11):
        x, y = batch(block, rows, seed=rows)
        x = tf.cast(x, signature[0].dtype)
        results = []
        for f in (lambda x, y: use(block, x, y), *compiled):
            if isinstance(block, keras.Metric):
                block.reset_state()
            results.append([numpy64(value) for value in f(x, y)])
        for result in results[1:]:
            for a, b in zip(result, results[0], strict=True):
                assert np.isfinite(b).all()
                rounding = TOLERANCE[computed]
                np.testing.assert_allclose(a, b, rtol=2 * rounding, atol=2 * rounding)


@by_optimizer
def test_config_of_an_optimizer(name):
    block = make(name)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(block)))
    again = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert type(again) is type(block)
    assert again.get_config() == block.get_config() != type(block)().get_config()


@by_optimizer
def test_optimizer_in_eager_graph_and_xla(name):
    rng = np.random.default_rng(1)
    start, gradients = rng.normal(size=5).astype("f"), rng.normal(size=(3, 5)).astype("f")
    ends = []
    for compiled in (None, False, True):
        optimizer, variable = make(name), keras.Variable(start)
        optimizer.build([variable])

        step = stepper(optimizer, variable)
        if compiled is not None:
            step = tf.function(step, [tf.TensorSpec([5])], jit_compile=compiled)
        for gradient in gradients:
            step(tf.constant(gradient))
        ends.append(variable.numpy())
    assert not np.allclose(ends[0], start)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-6)
    np.testing.assert_allclose(ends[2], ends[0], rtol=1e-6)


@by_policy
def test_one_training_step(name, policy):
    """In a small model, with its outputs in the policy's precision."""
    keras.config.set_dtype_policy(policy)
    block = make(name)
    x, y = batch(block, 8)
    is_cut = name in ("layers.CategoryEmbedding", "layers.IsMissing", "layers.OneHot")
    if is_cut:  # no gradient passes: it comes first, and gets ids or missing numbers
        x = np.where(x > 1, np.nan if name == "layers.IsMissing" else 2, np.round(np.abs(x)))
    loss, optimizer, of = losses.SparseCategoricalCrossentropy(True), "sgd", []
    model = Stack([layers.Dense(OUTPUTS, "tanh")])
    if isinstance(block, keras.Loss):
        loss = block
    elif isinstance(block, keras.Metric):
        of = [block]
        if block.label_form == "one_hot":
            loss = losses.CategoricalCrossentropy(True)
    elif isinstance(block, keras.optimizers.Optimizer):
        optimizer = block
    elif isinstance(block, keras.Model):
        model = block
    else:
        before = [] if is_cut else [layers.Dense(FEATURES)]
        model = Stack([*before, block, layers.Dense(OUTPUTS)])
    model.compile(optimizer, loss, metrics=of, run_eagerly=policy == "mixed_bfloat16")
    assert model(x).dtype == keras.config.dtype_policy().compute_dtype
    before = model.get_weights()
    logs = model.train_on_batch(x, y, return_dict=True)
    assert all(np.isfinite(value) for value in logs.values())
    after = model.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert all(np.any(a != b) for a, b in zip(before, after, strict=True))
    if of:
        outputs = model.predict_on_batch(x)  # the step was after the outputs were measured
        assert outputs.shape == (8, OUTPUTS)
        assert any(key.startswith(block.name) for key in logs)
    evaluated = model.test_on_batch(x, y, return_dict=True)
    assert set(evaluated) == set(logs)


@pytest.mark.parametrize(
    "name", [n for n in sorted(CLASSES) if n.startswith(("losses", "metrics", "optimizers"))]
)
def test_saved_as_compiled_and_loaded(name, tmp_path):
    """The loss, metrics and optimizer of a saved model come back with their arguments."""
    block = make(name)
    model = Stack([keras.Input((FEATURES,)), layers.Dense(OUTPUTS)])
    x, y = batch(block)
    one_hot = y.ndim == 2
    loss = (losses.CategoricalCrossentropy if one_hot else losses.SparseCategoricalCrossentropy)(
        True
    )
    options = {"optimizer": "sgd", "loss": loss}
    kind = name.split(".")[0]
    options |= {"metrics": {"metrics": [block]}, "losses": {"loss": block}}.get(
        kind, {"optimizer": block}
    )
    model.compile(**options)
    model.train_on_batch(x, y)
    model.save(tmp_path / "model.keras")
    loaded = mlp_lab.models.load_model(tmp_path / "model.keras")
    a, b = (m.evaluate(x, y, verbose=0, return_dict=True) for m in (loaded, model))
    assert a == pytest.approx(b, rel=1e-6)
    if kind == "losses":
        assert loaded.loss.get_config() == block.get_config()
    if kind == "optimizers":
        assert type(loaded.optimizer) is type(block)
        assert loaded.optimizer.get_config() == block.get_config()


@pytest.mark.parametrize("name", ["sigmoid", "softmax", "tanh", "relu", "leaky_relu"])
def test_functions_of_the_classes_are_registered(name):
    function = getattr(activations, name)
    assert keras.saving.get_registered_name(function) == f"mlp_lab.activations>{name}"
