"""TensorBoard looks at models whose tensors are not dense floats, and at metrics of all forms."""

import events
import keras
import numpy as np
import pytest
import tensorflow as tf

import mlp_lab
from mlp_lab import probes
from mlp_lab.callbacks import TensorBoard

ROWS, BATCH = 20, 8


def crossentropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Glass(mlp_lab.GlassBox, keras.Model):
    pass


def sparse_input():
    source = keras.Input((6,), sparse=True)
    x = np.random.default_rng(0).binomial(1, 0.3, (ROWS, 6)).astype("float32")
    return Glass(source, keras.layers.Dense(3)(source)), tf.sparse.from_dense(x)


def ragged_input():
    class Mean(mlp_lab.Model):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(3)

        def call(self, inputs, training=None):
            return self.out(tf.reduce_mean(inputs, axis=1))

    rows = [np.full((1 + i % 4, 2), i, "float32") for i in range(ROWS)]
    return Mean(), tf.ragged.constant(rows, ragged_rank=1, inner_shape=(2,))


def strings():
    lookup = keras.layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="one_hot")

    class Words(mlp_lab.Model):
        def __init__(self):
            super().__init__()
            self.upper, self.out = keras.layers.Identity(name="same"), keras.layers.Dense(3)

        def call(self, inputs, training=None):
            return self.out(lookup(self.upper(inputs)))

    return Words(), tf.constant(["a", "b", "c", "d"] * (ROWS // 4))


class Numbers(keras.layers.Layer):
    """Outputs of many types, one after another."""

    def call(self, inputs):
        spectrum = tf.signal.fft(tf.cast(inputs, tf.complex64))
        return {
            "whole": tf.cast(tf.round(inputs), tf.int64),
            "truth": inputs > 0,
            "small": tf.cast(inputs, tf.bfloat16),
            "spectrum": spectrum,
        }


def many_types():
    class Net(mlp_lab.Model):
        def __init__(self):
            super().__init__()
            self.numbers, self.out = Numbers(name="numbers"), keras.layers.Dense(3)

        def call(self, inputs, training=None):
            return self.out(tf.math.real(self.numbers(inputs)["spectrum"]))

    return Net(), np.random.default_rng(0).normal(size=(ROWS, 4)).astype("float32")


@pytest.mark.parametrize("eager", [False, True], ids=["graph", "eager"])
@pytest.mark.parametrize("make", [sparse_input, ragged_input, strings, many_types])
def test_inputs_and_activations_of_other_kinds(make, eager, tmp_path):
    y = np.arange(ROWS) % 3
    weights = []
    for callbacks in ([], [TensorBoard(tmp_path, 1)]):
        keras.utils.set_random_seed(0)
        model, x = make()
        model.compile("sgd", crossentropy(), run_eagerly=eager)
        if eager:
            model(x)
        data = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)
        model.fit(data, shuffle=False, verbose=0, callbacks=callbacks)
        weights.append(model.get_weights())
    for plain, looked_at in zip(*weights, strict=True):
        np.testing.assert_array_equal(plain, looked_at)
    found = events.read(tmp_path / "train")
    assert list(found["batch_loss"]) == [0, 1, 2]
    assert len([tag for tag in found if tag.startswith("gradients/") and "kernel" in tag]) >= 6
    if make is many_types:
        tags = [tag for tag in found if tag.startswith("activations/numbers/")]
        histograms = [tag for tag in tags if found[tag][0].shape == (30, 3)]
        assert sum(tag.endswith(("/real", "/imag")) for tag in histograms) == 2
        assert len(histograms) == 5


def test_values_of_a_probe_of_every_kind(tmp_path):
    sparse = tf.SparseTensor([[0, 1], [2, 0]], [2.0, 4.0], [1000, 1000])
    odd = {
        "none": None,
        "texts": np.array(["a", "b"]),
        "objects": np.array([object(), None], object),
        "dates": np.array(["2020-01-01"], "datetime64[D]"),
        "text": np.str_("one"),
        "bytes": b"two",
        "whole": np.int64(2**40),
        "truth": True,
        "list": [1, 2, 4],
        "sparse": sparse,
        "ragged": tf.ragged.constant([[1.0], [2.0, 6.0]]),
        "slices": tf.IndexedSlices(
            tf.constant([[3.0, 5.0]]), tf.constant([7]), tf.constant([9, 2])
        ),
        "complex": np.array([3 + 4j, 1 - 2j], np.complex64),
        "point": 3 + 4j,
        "nested": {"a": 1.0, "b": {"c": [5.0, 7.0]}},
        "several": [np.zeros(2), np.ones((3, 3))],
        "numbers": np.array([1, 2.5], object),
        "tensor": tf.constant([1.0, 3.0]),
        "nothing": [],
    }

    class Odd(probes.Probe):
        group = "odd"

        def read(self, step):
            return odd

    model = mlp_lab.MLP((4,), 3)
    model.compile("sgd", crossentropy())
    x, y = np.zeros((8, 4), "float32"), np.zeros(8, int)
    model.fit(x, y, verbose=0, callbacks=[TensorBoard(tmp_path, 1, probes=[Odd()])])
    found = events.read(tmp_path / "train")
    means = {
        "list": 7 / 3, "sparse": 3, "ragged": 3, "slices": 4, "complex/real": 2, "complex/imag": 1,
        "nested/b/c": 6, "several/0": 0, "several/1": 1, "numbers": 1.75, "tensor": 2,
    }  # fmt: skip
    for name, mean in means.items():
        assert found[f"odd/{name}/mean"][0] == pytest.approx(mean), name
    scalars = {"whole": 2**40, "truth": 1, "point/real": 3, "point/imag": 4, "nested/a": 1}
    for name, value in scalars.items():
        assert found[f"odd/{name}"][0] == value, name
    assert found["odd/text"][0].item() == b"one"
    assert found["odd/bytes"][0].item() == b"two"
    assert not found["odd/nothing"][0].any()
    for name in ("none", "texts", "objects", "dates"):
        assert not [tag for tag in found if tag.startswith(f"odd/{name}")]


def test_norms_of_complex_numbers():
    values = np.array([3 + 4j, 0, 5j], np.complex64)
    assert probes.statistics.norm(values) == pytest.approx(np.linalg.norm(values))


class Hits(keras.metrics.Metric):
    """Right predictions, per class or in a dict."""

    def __init__(self, form, name="hits"):
        super().__init__(name=name)
        self.form = form
        self.hits = self.add_weight(shape=(3,), initializer="zeros", name="h")

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = keras.ops.equal(keras.ops.argmax(y_pred, -1), keras.ops.cast(y_true, "int64"))
        chosen = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), 3)
        self.hits.assign_add(
            keras.ops.sum(chosen * keras.ops.cast(right, "float32")[:, None], axis=0)
        )

    def result(self):
        if self.form == "array":
            return self.hits.value
        return {f"hits_{i}": self.hits.value[i] for i in range(3)}


@pytest.mark.parametrize("form", ["array", "dict"])
def test_metrics_of_several_numbers(form, tmp_path):
    x = np.random.default_rng(0).normal(size=(ROWS, 4)).astype("float32")
    y = np.arange(ROWS) % 3
    model = mlp_lab.MLP((4,), 3)
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), metrics=[Hits(form)])
    board = TensorBoard(tmp_path, 1)
    model.fit(
        x, y, batch_size=ROWS, validation_data=(x, y), verbose=0, callbacks=[board], shuffle=False
    )
    right = np.argmax(model.predict(x, verbose=0), -1) == y
    expected = np.array([(right & (y == i)).sum() for i in range(3)])
    for kind, step, folder in [("batch", 0, "train"), ("epoch", 1, "train"),
                               ("epoch", 1, "validation")]:  # fmt: skip
        found = events.read(tmp_path / folder)
        if form == "dict":
            assert [found[f"{kind}_hits_{i}"][step] for i in range(3)] == expected.tolist()
        else:
            table = found[f"{kind}_hits"][step]
            assert table[:, 2].sum() == 3
            assert found[f"{kind}_hits/mean"][step] == pytest.approx(expected.mean())
            assert found[f"{kind}_hits/max"][step] == expected.max()


def test_a_loss_per_sample_in_the_logs(tmp_path):
    class Net(mlp_lab.MLP):
        def train_step(self, data):
            return {**super().train_step(data), "each": tf.reduce_sum(data[0], axis=1)}

    x, y = np.arange(32, dtype="float32").reshape(8, 4), np.zeros(8, int)
    model = Net((4,), 3)
    model.compile("sgd", crossentropy())
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0, callbacks=[TensorBoard(tmp_path, 1)])
    found = events.read(tmp_path / "train")
    assert found["epoch_each"][1][:, 2].sum() == 8
    assert found["epoch_each/mean"][1] == pytest.approx(x.sum(axis=1).mean())


def test_without_labels_and_without_loss_from_compile(tmp_path):
    class Autoencoder(mlp_lab.Model):
        def __init__(self):
            super().__init__()
            self.code = keras.layers.Dense(4, name="code")

        def call(self, inputs, training=None):
            outputs = self.code(inputs)
            self.add_loss(keras.ops.mean(keras.ops.square(outputs - inputs)))
            return outputs

    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    model = Autoencoder()
    model.compile(keras.optimizers.SGD(0.0))
    model.fit(x, batch_size=8, shuffle=False, verbose=0, callbacks=[TensorBoard(tmp_path, 1)])
    found = events.read(tmp_path / "train")
    expected = [float(np.mean((model(x[i : i + 8]) - x[i : i + 8]) ** 2)) for i in (0, 8)]
    np.testing.assert_allclose([found["batch_loss"][i] for i in (0, 1)], expected, rtol=1e-5)


class Pair(mlp_lab.Model):
    """Two networks, each with its own optimizer, and none of the model's own."""

    def __init__(self):
        super().__init__()
        self.first, self.second = keras.layers.Dense(4, name="g"), keras.layers.Dense(1, name="d")
        self.optimizers = [keras.optimizers.SGD(0.01), keras.optimizers.Adam(0.01)]

    def call(self, inputs, training=None):
        return self.second(self.first(inputs))

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self(x) - 1.0))
        weights = [self.first.trainable_variables, self.second.trainable_variables]
        gradients = tape.gradient(loss, weights)
        for optimizer, own, g in zip(self.optimizers, weights, gradients, strict=True):
            optimizer.apply_gradients(zip(g, own, strict=True))
        return {"loss": loss}


def test_records_of_a_model_without_an_optimizer_in_compile(tmp_path):
    x = np.zeros((48, 4), "float32")
    model = Pair()
    model.compile(optimizer=None)
    for _ in range(2):
        model.fit(x, batch_size=8, epochs=2, verbose=0, callbacks=[TensorBoard(tmp_path, 5)])
    found = events.read(tmp_path / "train")
    assert list(found["epoch_loss"]) == [6, 12, 18, 24]
    assert list(found["weights/g/kernel"]) == [0, 5, 10, 15, 20]
    assert "gradients/d/kernel" in found
    assert "learning_rate" not in found


def test_layers_that_match_nothing_are_said_once_a_fit(tmp_path):
    model = mlp_lab.MLP((4,), 3)
    model.compile("sgd", crossentropy())
    x, y = np.zeros((16, 4), "float32"), np.zeros(16, int)
    board = TensorBoard(tmp_path, 1, layers="hiden_1")
    with pytest.warns(
        UserWarning, match=r"'hiden_1' matches no layer .*hidden_1, .*\.\.\."
    ) as said:
        model.fit(x, y, batch_size=4, verbose=0, callbacks=[board])
    assert len([w for w in said if "hiden_1" in str(w.message)]) == 1
    assert "\n" not in str(said[0].message)
    tags = events.read(tmp_path / "train")
    assert "gradients/global_norm" in tags
    assert not [tag for tag in tags if tag.startswith("weights/")]


def test_keras_own_tensorboard_profiles_the_steps_that_it_is_asked_to(tmp_path):
    class Net(mlp_lab.GlassBox, keras.Sequential):
        pass

    model = Net([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", crossentropy())
    board = keras.callbacks.TensorBoard(str(tmp_path), profile_batch=(3, 6))
    x, y = np.zeros((80, 4), "float32"), np.zeros(80, int)
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[board])
    assert len([*tmp_path.rglob("*.xplane.pb")]) == 1


@pytest.mark.parametrize("eager", [False, True])
def test_a_look_leaves_what_compute_metrics_counts(eager, tmp_path):
    class Counting(mlp_lab.GlassBox, keras.Sequential):
        def __init__(self, *args):
            super().__init__(*args)
            self.batches = tf.Variable(0, dtype=tf.int64, trainable=False)
            self.largest = tf.Variable(0.0, trainable=False)

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            self.batches.assign_add(1)
            self.largest.assign(tf.maximum(self.largest, tf.reduce_max(y_pred)))
            found = super().compute_metrics(x, y, y_pred, sample_weight)
            return {**found, "batches": tf.cast(self.batches, tf.float32)}

    def trained(*looks):
        keras.utils.set_random_seed(0)
        model = Counting([keras.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae"], run_eagerly=eager)
        x = np.linspace(-1, 1, 36, dtype="float32").reshape(12, 3)
        past = model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0, callbacks=looks)
        return model.batches.numpy(), model.largest.numpy(), past.history

    looked_at = trained(TensorBoard(tmp_path, histogram_every=1))
    assert looked_at == trained()
    assert looked_at[0] == 6
