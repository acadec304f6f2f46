"""The explicit training step against Keras' hidden one, and the multilayer perceptron."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from blocks import assert_close, numpy64
from covering import slow

import mlp_lab
from mlp_lab import activations, layers, losses, metrics, optimizers

ROWS, FEATURES, CLASSES = 100, 5, 3  # 100 rows in batches of 32 leave a last batch of 4


class Penalty(keras.layers.Layer):
    """Passes its input on and adds a loss that depends on it."""

    rate = 0.1

    def call(self, inputs):
        squares = keras.ops.square(keras.ops.cast(inputs, "float32"))
        self.add_loss(self.rate * keras.ops.mean(squares))
        return inputs


def make_net(base, dense, **options):
    class Net(base):
        """All that a step could forget: a regularizer, an added loss, random layers."""

        def __init__(self):
            super().__init__(**options)
            self.hidden = dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.05))
            self.normalize = keras.layers.BatchNormalization()  # differs in training
            self.penalty = Penalty()
            self.drop = keras.layers.Dropout(0.4, seed=7)
            self.logits = dense(CLASSES)

        def call(self, inputs, training=None):
            h = self.penalty(self.normalize(self.hidden(inputs), training=training))
            return self.logits(self.drop(h, training=training))

    return Net()


def make_mlp():
    return mlp_lab.MLP((8, 6), CLASSES, dropout=0.3, kernel_regularizer="l2", input_scale=0.5)


def make_plain_mlp(dense=keras.layers.Dense):
    """The same network in Keras' own words."""
    h = inputs = keras.Input((FEATURES,))
    h = keras.layers.Rescaling(0.5)(h)
    for units in (8, 6):
        h = dense(units, "relu", kernel_regularizer="l2")(h)
        h = keras.layers.Dropout(0.3)(h)
    return keras.Model(inputs, dense(CLASSES, kernel_regularizer="l2")(h))


def data(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, FEATURES)).astype("float32")
    y = rng.integers(0, CLASSES, rows)
    return x, y, rng.uniform(0.2, 3, rows).astype("float32")


def make_optimizer(name, ours):
    if name == "adam":
        return keras.optimizers.Adam(0.01)
    return optimizers.GradientDescent(0.1) if ours else keras.optimizers.SGD(0.1)


def compile_pair(ours, theirs, mode="graph", optimizer="descent", steps=1):
    for model, own in ((ours, True), (theirs, False)):
        accuracy = metrics.Accuracy if own else keras.metrics.SparseCategoricalAccuracy
        # In half precision one last bit becomes 1% of a gradient, and Keras' metrics are
        # computed in the outputs' few bits: there both have our parts, and differ in the step.
        own = own or model.dtype_policy.name != "float32"
        losses_of, metrics_of = (losses, metrics) if own else (keras.losses, keras.metrics)
        model.compile(
            make_optimizer(optimizer, model is ours),
            losses_of.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[accuracy(name="accuracy")],
            weighted_metrics=[
                accuracy(name="weighted_accuracy"),
                metrics_of.SparseCategoricalCrossentropy(from_logits=True, name="ce"),
            ],
            run_eagerly=mode == "eager",
            jit_compile=mode == "jit",
            steps_per_execution=steps,
        )


def same_start(ours, theirs):
    """Builds both and gives both the same weights, and random layers the same state."""
    x = data()[0]
    for model in (ours, theirs):
        model(x[:2])
    theirs.set_weights(ours.get_weights())
    states = [
        [layer.seed_generator.state for layer in model.layers if hasattr(layer, "seed_generator")]
        for model in (ours, theirs)
    ]
    assert len(states[0]) == len(states[1]) > 0
    for a, b in zip(*states, strict=True):
        b.assign(a)


def assert_same_weights(ours, theirs, rtol=2e-5):
    assert len(ours.weights) == len(theirs.weights)
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol / 10, err_msg=a.path)


def assert_same_logs(ours, theirs):
    assert set(ours) == set(theirs)
    for key in theirs:
        np.testing.assert_allclose(ours[key], theirs[key], rtol=2e-5, atol=1e-6, err_msg=key)


# Mode, optimizer, precision, steps per execution, source, weights, model. Every pair of values
# that can matter; those that are slow bring pairs, the others every value.
RUNS = [
    ("graph", "descent", "float32", 1, "arrays", "sample", "net"),
    slow("graph", "adam", "float32", 3, "dataset", "class", "mlp"),
    slow("graph", "descent", "mixed_float16", 3, "arrays", "class", "net"),
    ("graph", "adam", "mixed_bfloat16", 1, "dataset", "sample", "net"),
    ("graph", "adam", "mixed_float16", 1, "dataset", "sample", "mlp"),
    slow("eager", "descent", "float32", 3, "dataset", "sample", "net"),
    ("eager", "adam", "mixed_float16", 1, "arrays", "class", "net"),
    slow("eager", "descent", "mixed_bfloat16", 1, "arrays", "sample", "mlp"),
    ("jit", "adam", "float32", 3, "arrays", "sample", "net"),
    slow("jit", "descent", "mixed_float16", 1, "dataset", "class", "mlp"),
]


@pytest.mark.parametrize(
    ("mode", "optimizer", "policy", "steps", "source", "weights", "kind"),
    RUNS,
    ids=lambda value: str(value),
)
def test_training_equals_plain_keras(mode, optimizer, policy, steps, source, weights, kind):
    """A whole run: weights, optimizer state and history."""
    keras.config.set_dtype_policy(policy)
    dense = keras.layers.Dense if policy == "float32" else layers.Dense  # see compile_pair
    if kind == "mlp":
        ours, theirs = make_mlp(), make_plain_mlp(dense)
    else:
        ours, theirs = make_net(mlp_lab.Model, layers.Dense), make_net(keras.Model, dense)
    same_start(ours, theirs)
    start = ours.get_weights()
    compile_pair(ours, theirs, mode, optimizer, steps)
    x, y, weight = data()
    x_val, y_val, weight_val = data(1, 40)
    options = {"epochs": 2, "shuffle": False, "verbose": 0, "validation_batch_size": 20}
    options["validation_data"] = (x_val, y_val, weight_val)
    weight = weight if weights == "sample" else None
    if weights == "class":
        options["class_weight"] = {0: 0.5, 1: 2.0, 2: 3.0}
    if source == "arrays":
        options |= {"x": x, "y": y, "sample_weight": weight, "batch_size": 32}
    else:
        arrays = (x, y) if weight is None else (x, y, weight)
        options["x"] = tf.data.Dataset.from_tensor_slices(arrays).batch(32)
    history = [{}, {}]
    for model, logs in zip((ours, theirs), history, strict=True):
        logs.update(model.fit(**options).history)
        # A second call goes on where the first one stopped.
        more = model.fit(**options | {"initial_epoch": 2, "epochs": 4}).history
        logs.update({key: logs[key] + more[key] for key in logs})
    assert len(history[0]["val_loss"]) == 4
    assert_same_logs(*history)
    assert_same_weights(ours, theirs)
    for a, b in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-7, err_msg=a.path)
    # mixed_float16 skips a step or two until it has found its loss scale.
    assert int(ours.optimizer.iterations) in ((16,) if policy != "mixed_float16" else range(12, 17))
    # The run is one that could have shown a difference.
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(start, ours.get_weights(), strict=True))
    if mode == "jit":
        return  # each of the following would be compiled again; graph and eager have done it
    evaluated = [
        m.evaluate(x, y, verbose=0, return_dict=True, batch_size=32) for m in (ours, theirs)
    ]
    assert_same_logs(*evaluated)
    predicted = [m.predict(x, verbose=0, batch_size=32) for m in (ours, theirs)]
    np.testing.assert_allclose(*predicted, rtol=2e-5, atol=1e-5)


def test_all_that_a_step_could_forget_matters():
    """Each ingredient of the comparison above changes the run: none is there for nothing."""
    x, y, weight = data()

    def weights_after(change):
        keras.utils.set_random_seed(1)
        net = make_net(mlp_lab.Model, layers.Dense)
        if change == "regularizer":
            net.hidden.kernel_regularizer = None
        if change == "dropout":
            net.drop.rate = 0
        if change == "penalty":
            net.penalty.rate = 0
        net.compile(
            optimizers.GradientDescent(0.1),
            losses.SparseCategoricalCrossentropy(from_logits=True),
            run_eagerly=True,  # what is computed is the same, and nothing has to be traced
        )
        used = None if change == "weight" else weight
        history = net.fit(x, y, sample_weight=used, batch_size=32, verbose=0, shuffle=False)
        return net.logits.kernel.numpy(), history.history["loss"][0]

    whole, loss = weights_after(None)
    np.testing.assert_array_equal(weights_after(None)[0], whole)
    for change in ("regularizer", "dropout", "penalty", "weight"):
        other, other_loss = weights_after(change)
        assert np.abs(other - whole).max() > 1e-4, change
        assert abs(other_loss - loss) > 1e-4, change


def test_loss_of_an_epoch_is_weighted_by_batch_size():
    """100 rows of loss 1 in three batches and 4 rows of loss 9 in the last: 1.32, not 3."""
    model = mlp_lab.MLP((), 1, kernel_initializer="zeros")
    model.compile(keras.optimizers.SGD(0.0), losses.MeanSquaredError())
    y = np.where(np.arange(100) < 96, 1.0, 3.0)
    x = np.zeros((100, 2), "float32")
    logs = model.fit(x, y, batch_size=32, shuffle=False, verbose=0).history
    assert logs["loss"][0] == pytest.approx(1.32)
    assert model.evaluate(x, y, batch_size=32, verbose=0) == pytest.approx(1.32)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_single_batch_methods_equal_plain_keras(mode):
    ours = make_net(mlp_lab.Model, layers.Dense)
    theirs = make_net(keras.Model, keras.layers.Dense)
    same_start(ours, theirs)
    compile_pair(ours, theirs, mode)
    x, y, weight = data(rows=20)
    for step in range(3):
        logs = [
            model.train_on_batch(x, y, sample_weight=weight, return_dict=True)
            for model in (ours, theirs)
        ]
        assert_same_logs(*logs)
        assert int(ours.optimizer.iterations) == step + 1
    assert_same_logs(*(m.test_on_batch(x, y, return_dict=True) for m in (ours, theirs)))
    np.testing.assert_allclose(ours.predict_on_batch(x), theirs.predict_on_batch(x), 1e-5, 1e-6)
    assert_same_weights(ours, theirs)


class Clipped(mlp_lab.GlassBox, keras.Sequential):
    """Keeps what it is given, and clips each entry."""

    bound = 0.05

    def transform_gradients(self, gradients):
        if not hasattr(self, "seen"):
            self.seen = [tf.Variable(tf.zeros_like(g)) for g in gradients]
        for variable, gradient in zip(self.seen, gradients, strict=True):
            variable.assign(gradient)
        return [tf.clip_by_value(g, -self.bound, self.bound) for g in gradients]


def clipped(mode, optimizer=None, hidden=(4,)):
    stack = [layers.Dense(units, "tanh") for units in hidden]
    model = Clipped([keras.Input((FEATURES,)), *stack, layers.Dense(CLASSES)])
    model.seen = [tf.Variable(tf.zeros(w.shape)) for w in model.trainable_weights]
    model.compile(
        optimizer or optimizers.GradientDescent(0.5),
        losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=mode == "eager",
        jit_compile=mode == "jit",
    )
    return model


@pytest.mark.parametrize("mode", ["eager", "graph", "jit"])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16", "factor"])
def test_transform_gradients_sees_them_unscaled_and_decides(policy, mode):
    optimizer = None
    if policy == "factor":
        optimizer = optimizers.GradientDescent(0.5, loss_scale_factor=8.0)
    else:
        keras.config.set_dtype_policy(policy)
    model = clipped(mode, optimizer)
    x, y, weight = data(rows=32)
    before = model.get_weights()
    model.train_on_batch(x, y, sample_weight=weight)
    # The gradient in float64, by formula.
    k1, b1, k2, b2 = map(numpy64, before)
    h = np.tanh(x @ k1 + b1)
    z = h @ k2 + b2
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    dz = (p - np.eye(CLASSES)[y]) * weight[:, None] / 32
    dh = dz @ k2.T * (1 - h**2)
    expected = [x.T @ dh, dh.sum(axis=0), h.T @ dz, dz.sum(axis=0)]
    tolerance = {"mixed_float16": 2e-3, "mixed_bfloat16": 2e-2}.get(policy, 1e-6)
    for seen, gradient, old, new in zip(
        model.seen, expected, before, model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(seen, gradient, rtol=tolerance, atol=tolerance)
        update = np.clip(seen.numpy(), -0.05, 0.05)
        np.testing.assert_allclose(new, old - 0.5 * update, rtol=1e-6, atol=1e-7)
    largest = max(np.abs(gradient).max() for gradient in expected)
    assert largest > 0.06  # something was clipped


@pytest.mark.parametrize("mode", ["eager", "graph", "jit"])
def test_overflow_skips_the_step_though_gradients_are_clipped(mode):
    """A clipped infinity looks finite; the optimizer must still lower the loss scale."""
    keras.config.set_dtype_policy("mixed_float16")
    # One row and one layer: every gradient is infinite. More would add up to NaN somewhere.
    model = clipped(mode, hidden=())
    x, y, _ = data(rows=1)
    start = model.get_weights()
    huge = np.full(1, 1e3, "float32")  # times the loss scale: beyond float16
    model.train_on_batch(x, y, sample_weight=huge)
    assert all(np.isinf(seen).all() for seen in model.seen)
    for old, new in zip(start, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    scale = float(model.optimizer.dynamic_scale)
    assert scale == 2.0**14
    for _ in range(12):
        model.train_on_batch(x, y, sample_weight=huge)
    assert float(model.optimizer.dynamic_scale) < scale
    assert all(np.isfinite(seen).all() for seen in model.seen)
    assert any(np.any(a != b) for a, b in zip(start, model.get_weights(), strict=True))


def test_overflow_is_handled_as_in_plain_keras():
    keras.config.set_dtype_policy("mixed_float16")
    ours, theirs = make_mlp(), make_plain_mlp(layers.Dense)
    same_start(ours, theirs)
    compile_pair(ours, theirs)
    x, y, weight = data()
    for model in (ours, theirs):
        model.fit(x, y, sample_weight=300 * weight, batch_size=32, verbose=0, shuffle=False)
    scales = [float(model.optimizer.dynamic_scale) for model in (ours, theirs)]
    assert scales[0] == scales[1] < 2**15
    assert_same_weights(ours, theirs)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_unused_weight_has_gradient_none(policy):
    """It passes through `transform_gradients` and is not trained; Keras warns of it."""
    keras.config.set_dtype_policy(policy)
    seen = []

    class Net(mlp_lab.Model):
        def __init__(self):
            super().__init__()
            self.used, self.unused = layers.Dense(CLASSES), layers.Dense(2)

        def build(self, shape):
            self.used.build(shape)
            self.unused.build(shape)

        def call(self, inputs):
            return self.used(inputs)

        def transform_gradients(self, gradients):
            seen.append([gradient is None for gradient in gradients])
            return gradients

    net = Net()
    net.compile(optimizers.GradientDescent(0.1), losses.SparseCategoricalCrossentropy(True))
    x, y, _ = data(rows=8)
    net.build((None, FEATURES))
    before = net.get_weights()
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        net.train_on_batch(x, y)
    assert seen[-1] == [False, False, True, True]
    changed = [np.any(a != b) for a, b in zip(before, net.get_weights(), strict=True)]
    assert changed == [True, True, False, False]


def test_model_without_weights_to_train():
    model = type("Net", (mlp_lab.GlassBox, keras.Sequential), {})([keras.layers.Flatten()])
    model.compile(optimizers.GradientDescent(), losses.MeanSquaredError())
    logs = model.fit(np.zeros((6, 2)), np.full((6, 2), 2.0), verbose=0).history
    assert logs["loss"] == [4.0]


def test_an_input_may_be_none():
    """An optional input that is left out does not tell the batch size; the next one does."""

    class Net(mlp_lab.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1, kernel_initializer="ones")

        def call(self, inputs):
            extra, x = inputs
            return self.dense(x if extra is None else x + extra)

    net = Net()
    net.compile(keras.optimizers.SGD(0.0), losses.MeanSquaredError(), run_eagerly=True)
    for rows, value in ((3, 1.0), (1, 2.0)):
        x = tf.fill((rows, 1), value)
        logs = net.train_step(((None, x), tf.zeros((rows, 1))))
    assert float(logs["loss"]) == (3 * 1 + 1 * 4) / 4


def test_frozen_weights_stay():
    model = mlp_lab.MLP((4,), CLASSES)
    model.compile(optimizers.GradientDescent(0.1), losses.SparseCategoricalCrossentropy(True))
    x, y, _ = data()
    model(x)
    model.hidden[0].trainable = False
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    changed = [np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True]


def test_several_inputs_and_outputs_equal_plain_keras():
    """Dictionaries in and out, a loss for each output, loss weights."""

    def make(base):
        a, b = keras.Input((FEATURES,), name="a"), keras.Input((2,), name="b")
        joined = keras.layers.Concatenate()([a, b])
        h = keras.layers.Dense(6, "relu", kernel_initializer="ones")(joined)
        first = keras.layers.Dense(CLASSES, name="first", kernel_initializer="ones")(h)
        second = keras.layers.Dense(1, name="second", kernel_initializer="ones")(h)
        return base({"a": a, "b": b}, {"first": first, "second": second})

    x, y, weight = data()
    pair = []
    for base in (type("Net", (mlp_lab.GlassBox, keras.Model), {}), keras.Model):
        model = make(base)
        model.compile(
            keras.optimizers.SGD(0.01),
            {"first": losses.SparseCategoricalCrossentropy(True), "second": "mse"},
            loss_weights={"first": 1.0, "second": 0.5},
            metrics={"first": metrics.Accuracy()},
        )
        logs = model.fit(
            {"a": x, "b": x[:, :2]},
            {"first": y, "second": x[:, :1]},
            sample_weight={"first": weight, "second": weight},
            batch_size=32, epochs=2, verbose=0, shuffle=False,
        )  # fmt: skip
        pair.append((model, logs.history))
    assert_same_logs(pair[0][1], pair[1][1])
    assert {"loss", "first_loss", "second_loss", "first_accuracy"} <= set(pair[0][1])
    assert_same_weights(pair[0][0], pair[1][0])


def test_dense_flat_labels_of_one_output_equal_plain_keras():
    """[batch] labels with [batch, 1] outputs."""
    x, _, weight = data()
    y = x[:, 0] * 2 - 1
    pair = []
    for base, mse in ((mlp_lab.MLP, losses), (mlp_lab.MLP, keras.losses)):
        keras.utils.set_random_seed(3)
        model = base((4,), 1)
        model.compile(optimizers.GradientDescent(0.1), mse.MeanSquaredError())
        logs = model.fit(x, y, sample_weight=weight, batch_size=32, verbose=0, shuffle=False)
        pair.append((model, logs.history))
    assert_same_logs(pair[0][1], pair[1][1])
    assert_same_weights(pair[0][0], pair[1][0])


class TestGlassBox:
    def layers(self):
        return [layers.Dense(4, "relu"), layers.Dense(CLASSES)]

    def sequential(self):
        return type("Net", (mlp_lab.GlassBox, keras.Sequential), {})(self.layers())

    def functional(self):
        h = inputs = keras.Input((FEATURES,))
        for layer in self.layers():
            h = layer(h)
        return type("Net", (mlp_lab.GlassBox, keras.Model), {})(inputs, h)

    def subclass(self):
        class Net(mlp_lab.GlassBox, keras.Model):
            def __init__(net):
                super().__init__()
                net.first, net.second = self.layers()

            def call(net, inputs):
                return net.second(net.first(inputs))

        return Net()

    @pytest.mark.parametrize(
        ("kind", "jit"),
        [
            ("sequential", False),
            ("functional", False),
            ("subclass", False),
            slow("functional", True),
        ],
    )
    def test_any_kind_of_keras_model_equals_plain_keras(self, kind, jit):
        model = getattr(self, kind)()
        assert type(model).train_step is mlp_lab.GlassBox.train_step
        plain = keras.Sequential(
            [keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.0), keras.layers.Dense(CLASSES)]
        )
        x, y, weight = data()
        model(x)
        plain(x)
        plain.set_weights(model.get_weights())
        compile_pair(model, plain, "jit" if jit else "graph")
        logs = [
            m.fit(x, y, sample_weight=weight, batch_size=32, verbose=0, shuffle=False, epochs=2)
            for m in (model, plain)
        ]
        assert_same_logs(*(log.history for log in logs))
        assert_same_weights(model, plain)

    def test_functional_use_of_model_is_refused(self):
        """Keras would rewrite the bases of Model, and MLP with it could not be made."""
        inputs = keras.Input((FEATURES,))
        outputs = layers.Dense(2)(inputs)

        class Net(mlp_lab.Model):
            pass

        for cls in (mlp_lab.Model, Net):
            for args, kwargs in (
                ((inputs, outputs), {}),
                ((inputs,), {"outputs": outputs}),
                ((), {"inputs": inputs, "outputs": outputs}),
            ):
                with pytest.raises(TypeError, match=r"class Net\(mlp_lab\.GlassBox, keras\.Model"):
                    cls(*args, **kwargs)
        self.functional()  # and what the message says to do leaves Model alone
        assert mlp_lab.MLP((4,), 2)(np.zeros((1, 3))).shape == (1, 2)


class TestMLP:
    def test_parameters_of_the_default(self):
        model = mlp_lab.MLP()
        assert model(np.zeros((2, 28, 28), "float32")).shape == (2, 10)
        assert model.count_params() == 244_522
        counts = [layer.count_params() for layer in (*model.hidden, model.outputs_layer)]
        assert counts == [200_960, 32_896, 8_256, 2_080, 330]

    def test_names(self):
        model = mlp_lab.MLP((4, 3), 2, dropout=0.1)
        assert [layer.name for layer in model.layers] == [
            "scale", "flatten", "hidden_1", "hidden_2", "dropout_1", "dropout_2", "outputs",
        ]  # fmt: skip
        model(np.zeros((1, 5)))
        assert [w.path.split("/", 1)[1] for w in model.trainable_weights] == [
            f"{layer}/{weight}"
            for layer in ("hidden_1", "hidden_2", "outputs")
            for weight in ("kernel", "bias")
        ]

    @pytest.mark.parametrize("hidden", [(), (4,), (4, 3, 2)])
    @pytest.mark.parametrize("use_bias", [True, False])
    def test_forward_equals_numpy(self, hidden, use_bias):
        rng = np.random.default_rng(2)
        model = mlp_lab.MLP(
            hidden, 3, "tanh", "softmax", use_bias=use_bias, bias_initializer="normal",
            input_scale=0.25,
        )  # fmt: skip
        x = rng.normal(size=(5, 2, 3)).astype("float32")
        y = model(x)
        h = x.reshape(5, 6).astype("float64") * 0.25
        for layer in (*model.hidden, model.outputs_layer):
            h = h @ numpy64(layer.kernel.value) + (layer.bias.numpy() if use_bias else 0)
            if layer is not model.outputs_layer:
                h = np.tanh(h)
        assert_close(y, np.exp(h) / np.exp(h).sum(axis=1, keepdims=True))
        assert len(model.trainable_weights) == (len(hidden) + 1) * (1 + use_bias)

    @pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
    def test_bytes_are_scaled(self, policy):
        keras.config.set_dtype_policy(policy)
        model = mlp_lab.MLP((4,), 3, input_scale=1 / 255)
        x = np.random.default_rng(3).integers(0, 256, (5, 28, 28)).astype("uint8")
        floats = model((x / np.float32(255)) * np.float32(255))
        tolerance = 1e-6 if policy == "float32" else 2e-3
        np.testing.assert_allclose(model(x), floats, rtol=tolerance, atol=tolerance)
        plain = mlp_lab.MLP((4,), 3)
        plain(x)
        plain.set_weights(model.get_weights())
        scaled = (x / 255).astype("float32")
        np.testing.assert_allclose(model(x), plain(scaled), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(
            model.predict(x, verbose=0), plain.predict(scaled, verbose=0), tolerance, tolerance
        )

    def test_dropout_in_training_only(self):
        model = mlp_lab.MLP((400,), 1, dropout=0.25, kernel_initializer="ones")
        x = np.ones((3, 2), "float32")
        np.testing.assert_array_equal(model(x), np.full((3, 1), 800))
        np.testing.assert_array_equal(model(x, training=False), np.full((3, 1), 800))
        trained = [model(x, training=True).numpy() for _ in range(2)]
        assert not np.array_equal(*trained)
        # Kept units are scaled by 1 / 0.75: multiples of 2 / 0.75, with mean 800.
        kept = np.concatenate(trained) * 0.75 / 2
        np.testing.assert_allclose(kept, np.round(kept), rtol=1e-5)
        assert abs(kept.mean() - 300) < 5 * np.sqrt(400 * 0.25 * 0.75 / 6)
        assert not mlp_lab.MLP((4,), 1).dropouts

    def test_regularizers_and_initializers_reach_every_layer(self):
        model = mlp_lab.MLP(
            (4, 4), 4, kernel_regularizer="l1", bias_regularizer="l2", bias_initializer="ones"
        )
        model(np.zeros((1, 4)))
        sums = [0.01 * np.abs(layer.kernel).sum() for layer in (*model.hidden, model.outputs_layer)]
        assert float(sum(model.losses)) == pytest.approx(sum(sums) + 3 * 0.01 * 4, rel=1e-5)
        kernels = [layer.kernel.numpy() for layer in (*model.hidden, model.outputs_layer)]
        assert not np.allclose(kernels[0], kernels[1])  # one initializer, three draws

    @pytest.mark.parametrize("dropout", [-0.1, 1, 1.5])
    def test_dropout_is_checked(self, dropout):
        with pytest.raises(ValueError, match=r"dropout: expected a share in \[0, 1\), got"):
            mlp_lab.MLP(dropout=dropout)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"hidden_units": (4, 0)}, "units: expected a whole number of at least 1, got 0"),
            ({"num_classes": 0}, "units: expected a whole number of at least 1, got 0"),
            ({"activation": "reluu"}, "reluu"),
            ({"kernel_initializer": "glorot"}, "glorot"),
            ({"kernel_regularizer": "l3"}, "l3"),
        ],
    )
    def test_arguments_are_checked_at_once(self, options, words):
        with pytest.raises(ValueError, match=words):
            mlp_lab.MLP(**options)

    @pytest.mark.parametrize(
        ("policy", "activation"),
        [("float32", "relu"), ("float32", "layer"), ("mixed_float16", "gelu")],
    )
    def test_saved_and_loaded(self, tmp_path, policy, activation):
        model = mlp_lab.MLP(
            (6, 4),
            CLASSES,
            activations.LeakyReLU(0.3) if activation == "layer" else activation,
            "tanh",
            dropout=0.2,
            input_scale=1 / 255,
            kernel_initializer="truncated_normal_0.1",
            kernel_regularizer=keras.regularizers.L2(0.1),
            dtype=policy,  # the file keeps it
        )
        model.compile(
            optimizers.GradientDescent(0.1),
            losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[metrics.Accuracy(), metrics.ConfusionCounts(CLASSES)],
        )
        x, y, _ = data()
        x = (255 * np.abs(x)).clip(0, 255).astype("uint8")
        model.fit(x, y, verbose=0)
        model.save(tmp_path / "model.keras")
        loaded = mlp_lab.models.load_model(tmp_path / "model.keras")
        assert type(loaded) is mlp_lab.MLP
        config, expected = loaded.get_config(), model.get_config()
        if activation == "layer":
            assert config.pop("activation")["config"]["alpha"] == 0.3
            expected.pop("activation")
        assert config == expected
        np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
        evaluated = [m.evaluate(x, y, verbose=0, return_dict=True) for m in (loaded, model)]
        assert evaluated[0] == evaluated[1]
        assert loaded.loss.from_logits
        # Training goes on from the saved state of the optimizer.
        assert float(loaded.optimizer.learning_rate) == pytest.approx(0.1)
        for m in (loaded, model):
            m.fit(x, y, verbose=0, shuffle=False, batch_size=100)
        assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations)
        assert int(loaded.optimizer.iterations) >= 4

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
    def test_precision_of_one_model(self, policy):
        """Every layer has it, though the default is another; the loss scale comes with it."""
        model = mlp_lab.MLP((4,), 3, dropout=0.5, dtype=policy)
        assert {layer.dtype_policy.name for layer in model.layers} == {policy}
        x = np.ones((2, 3), "float32")
        assert model(x).dtype == keras.dtype_policies.get(policy).compute_dtype
        model.compile(optimizers.GradientDescent(0.1), losses.MeanSquaredError())
        scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        assert scaled == (policy == "mixed_float16")
        before = model.get_weights()
        model.fit(x, np.zeros((2, 3)), verbose=0)
        assert any(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))

    def test_as_a_layer_of_another_model(self):
        inputs = keras.Input((4, 4))
        inner = mlp_lab.MLP((5,), 3)
        model = type("Net", (mlp_lab.GlassBox, keras.Model), {})(inputs, inner(inputs))
        model.compile(optimizers.GradientDescent(0.1), losses.MeanSquaredError())
        before = inner.get_weights()
        model.fit(np.ones((8, 4, 4)), np.zeros((8, 3)), verbose=0)
        assert any(np.any(a != b) for a, b in zip(before, inner.get_weights(), strict=True))


MIRRORED = """
    import numpy as np
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

    import keras
    import mlp_lab
    from mlp_lab import layers, losses, metrics, optimizers

    Net = type("Net", (mlp_lab.GlassBox, keras.Sequential), {})
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 5)).astype("float32"), rng.integers(0, 3, 40)
    weight = rng.uniform(0.5, 2, 40).astype("float32")
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    runs = []
    for base in (Net, keras.Sequential):
        ours = base is Net
        with strategy.scope():
            keras.utils.set_random_seed(3)
            model = base(
                [
                    keras.Input((5,)),
                    keras.layers.Dense(4, "relu", kernel_regularizer="l2"),
                    keras.layers.Dense(3),
                ]
            )
            loss = (losses if ours else keras.losses).SparseCategoricalCrossentropy
            accuracy = metrics.Accuracy if ours else keras.metrics.SparseCategoricalAccuracy
            descent = optimizers.GradientDescent if ours else keras.optimizers.SGD
            model.compile(descent(0.1), loss(from_logits=True), metrics=[accuracy(name="accuracy")])
        logs = model.fit(
            x, y, sample_weight=weight, epochs=2, batch_size=16, shuffle=False, verbose=0,
            validation_data=(x, y),
        )
        runs.append((model.get_weights(), logs.history))
    (weights, logs), (expected_weights, expected_logs) = runs
    for a, b in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert set(logs) == set(expected_logs)
    for key in logs:
        np.testing.assert_allclose(logs[key], expected_logs[key], rtol=1e-5, err_msg=key)
    print("equal")
"""


@pytest.mark.slow  # test_replicas.py compares them with one device
def test_two_devices_equal_plain_keras():
    """In a process of its own: devices are set up before TensorFlow starts."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MIRRORED)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("equal")
