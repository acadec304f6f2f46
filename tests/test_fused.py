"""`fit`, `evaluate` and `predict` with many steps in a call: as in Keras, and no step is lost."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from covering import thinned

import mlp_lab
from mlp_lab import losses, metrics
from mlp_lab.callbacks import TensorBoard
from mlp_lab.engine import compilation
from mlp_lab.engine.batch_hooks import wants_every_batch

ROWS, CLASSES = 100, 3


def make_data(rows=ROWS):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4)).astype("float32"), rng.integers(0, CLASSES, rows)


class Rows(mlp_lab.Model):
    """Notes the rows of every batch that it is trained on, in order."""

    def __init__(self, rows=ROWS):
        super().__init__()
        self.layer = keras.layers.Dense(CLASSES)
        self.seen = tf.Variable(tf.zeros([rows * 20], tf.int32), trainable=False)
        self.count = tf.Variable(0)

    def call(self, inputs):
        return self.layer(inputs)

    def train_step(self, data):
        y = data[1]
        n = tf.shape(y)[0]
        places = (self.count + tf.range(n))[:, None]
        self.seen.assign(tf.tensor_scatter_nd_update(self.seen, places, tf.cast(y, tf.int32)))
        self.count.assign_add(n)
        self.optimizer.iterations.assign_add(1)
        return {"loss": tf.constant(0.0)}

    def orders(self, rows=ROWS):
        return self.seen.numpy()[: int(self.count)].reshape(-1, rows)


def rows_seen(seed=0, **options):
    keras.utils.set_random_seed(seed)
    model = Rows()
    compiled = options.pop("compiled", {})
    model.compile("sgd", "mse", **compiled)
    x = np.zeros((ROWS, 2), "float32")
    fits = options.pop("fits", [{"epochs": 2}])
    for fit in fits:
        model.fit(x, np.arange(ROWS), verbose=0, **{"batch_size": 8, **options, **fit})
    return model.orders()


def test_every_row_is_trained_on_once_an_epoch_in_an_order_of_its_own():
    orders = rows_seen(fits=[{"epochs": 3}])
    for order in orders:
        assert sorted(order) == list(range(ROWS))
    assert len({tuple(order) for order in orders}) == 3
    np.testing.assert_array_equal(rows_seen(shuffle=False), [np.arange(ROWS)] * 2)


@pytest.mark.parametrize("per_call", [1, 5, 12, 100])
def test_the_order_does_not_depend_on_steps_per_call(per_call):
    compiled = {"steps_per_execution": per_call}
    np.testing.assert_array_equal(rows_seen(compiled=compiled), rows_seen())
    np.testing.assert_array_equal(rows_seen(compiled={"run_eagerly": True}), rows_seen())


def test_the_order_goes_on_in_a_second_fit():
    whole = rows_seen(fits=[{"epochs": 4}])
    parts = rows_seen(fits=[{"epochs": 2}, {"epochs": 4, "initial_epoch": 2}])
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_array_equal(whole, rows_seen(fits=[{"epochs": 1}] * 4))
    assert (rows_seen(seed=1) != rows_seen()).any()


def make_model(**options):
    keras.utils.set_random_seed(3)
    model = mlp_lab.MLP((6,), CLASSES)
    model.compile(
        keras.optimizers.Adam(0.01),
        losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[metrics.Accuracy()],
        **options,
    )
    return model


@pytest.mark.parametrize("jit", [False, True])
def test_arrays_and_a_data_set_of_the_same_batches_train_alike(jit):
    x, y = make_data()
    logs = []
    for source in ("arrays", "data set"):
        model = make_model(jit_compile=jit)
        options = {"epochs": 2, "verbose": 0, "shuffle": False}
        if source == "arrays":
            history = model.fit(x, y, batch_size=8, validation_data=(x, y), **options)
        else:
            data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
            history = model.fit(data, validation_data=data, **options)
        logs.append((history.history, model.get_weights()))
    for name, values in logs[0][0].items():
        np.testing.assert_allclose(values, logs[1][0][name], rtol=1e-5, err_msg=name)
    for a, b in zip(logs[0][1], logs[1][1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_validation_split_takes_the_last_rows_as_keras_does():
    x, y = make_data()
    split, given = make_model(), make_model()
    split.shuffle_seed = given.shuffle_seed = 0
    options = {"batch_size": 8, "epochs": 2, "verbose": 0}
    a = split.fit(x, y, validation_split=0.25, **options).history
    b = given.fit(x[:75], y[:75], validation_data=(x[75:], y[75:]), **options).history
    assert a == b
    with pytest.raises(ValueError, match=r"validation_split=0\.999: leaves 0 of 100 samples"):
        split.fit(x, y, validation_split=0.999, **options)


def test_many_models_are_not_taken_for_one_that_is_traced_again(caplog):
    x, y = make_data(16)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)

    class Counted:
        """TensorFlow counts by the code of a method, whosever it is."""

        def method(self, x):
            return x

    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    try:
        for source in ((x, y, 8), (data,)) * 6:
            model = make_model(jit_compile=False)
            model.fit(*source, shuffle=False, verbose=0)
            if source[0] is x:
                model.predict(x, verbose=0)
        assert "retracing" not in caplog.text
        for _ in range(6):
            tf.function(Counted().method)(1)
        assert "retracing" in caplog.text, "TensorFlow no longer warns"
    finally:
        logger.removeHandler(caplog.handler)


def test_progress_counts_steps_not_calls(capfd):
    x, y = make_data()
    make_model().fit(x, y, batch_size=8, verbose=2)
    assert "13/13" in capfd.readouterr().out


def test_a_callback_for_every_batch_is_called_for_every_batch():
    x, y = make_data()
    calls = []

    class Each(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            calls.append((batch, float(logs["loss"])))

    model = make_model()
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[Each()])
    assert [batch for batch, _ in calls] == list(range(13))
    assert len({loss for _, loss in calls}) > 10


def test_which_callbacks_want_every_batch(tmp_path):
    class Own(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

    k = keras.callbacks
    content = [
        k.ModelCheckpoint(tmp_path / "a.keras"),
        k.EarlyStopping(),
        k.TensorBoard(tmp_path),
        k.TerminateOnNaN(),
        k.LambdaCallback(on_epoch_end=print),
        Own(),
        TensorBoard(tmp_path, 1),
    ]
    assert not wants_every_batch(content, "train", "test")
    assert not wants_every_batch(None, "train")
    for callback in (
        k.ModelCheckpoint(tmp_path / "a.keras", save_freq=10),
        k.TensorBoard(tmp_path, update_freq=5),
        k.LambdaCallback(on_train_batch_end=print),
    ):
        assert wants_every_batch([*content, callback], "train", "test")
        assert not wants_every_batch([*content, k.LambdaCallback(on_train_batch_end=print)], "test")

    class Predicting(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            pass

    assert wants_every_batch(Predicting(), "predict")
    assert not wants_every_batch(Predicting(), "train", "test")


def test_steps_per_call_follow_the_work():
    x, y = make_data(12_000)
    model = mlp_lab.MLP((8,), CLASSES)
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    model(x[:1])
    of = lambda batch, callbacks=None: model._steps_per_call((x, y), batch, callbacks, "train")  # noqa: E731
    assert of(128) == 93  # a whole epoch, but for the rest
    assert of(12_000) == 1
    assert 256 < of(10) <= 512
    assert 1200 % of(10) == 0  # pieces of one length
    wide = mlp_lab.MLP((4096, 4096), CLASSES)
    wide.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    wide(x[:1])
    assert wide._steps_per_call((x, y), 1024, None, "train") == 1
    model.compile("sgd", "mse", run_eagerly=True)
    assert of(128) == 1
    model.compile("sgd", "mse", steps_per_execution=7)
    assert of(128) == 7


def test_what_fit_chooses_is_saved_as_auto(tmp_path):
    x, y = make_data()
    for options in ({}, {"steps_per_execution": 3, "jit_compile": True}):
        model = make_model(**options)
        model.fit(x[:16], y[:16], verbose=0)
        model.save(tmp_path / "m.keras")
        config = mlp_lab.load_model(tmp_path / "m.keras").get_compile_config()
        expected = {"steps_per_execution": "auto", "jit_compile": "auto", **options}
        assert {name: config[name] for name in expected} == expected


def test_auto_compiles_with_xla_where_it_pays_and_can(monkeypatch):
    x, y = make_data()
    used = []

    class Net(mlp_lab.MLP):
        operation = staticmethod(lambda h: h)

        def call(self, inputs):
            return super().call(self.operation(inputs))

        def train_step(self, data):
            used.append(bool(self.jit_compile))
            return super().train_step(data)

    def choice(cls=Net, steps=26):
        monkeypatch.setattr(compilation, "_STEPS_WORTH_XLA", steps)
        used.clear()
        model = cls((6,), CLASSES)
        model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(x, y, batch_size=8, epochs=2, verbose=0)
        return set(used[-2:])  # before them the steps may have been tried with XLA

    assert choice(steps=27) == {False}
    assert choice(steps=26) == {True}

    class NoXla(Net):
        # Text has no form in XLA.
        operation = staticmethod(
            lambda h: tf.reshape(tf.strings.to_number(tf.strings.as_string(h)), tf.shape(h))
        )

    assert choice(NoXla) == {False}


@pytest.mark.parametrize("batch_size", [None, 7, 1000])
def test_evaluate_equals_keras(batch_size):
    x, y = make_data()
    model = make_model()
    model(x[:1])
    weight = np.linspace(0.1, 1, ROWS).astype("float32")
    twin = keras.Sequential([keras.Input((4,)), *model.layers[1:]])
    twin.compile(
        loss=losses.SparseCategoricalCrossentropy(from_logits=True), metrics=[metrics.Accuracy()]
    )
    options = {"batch_size": batch_size, "sample_weight": weight, "verbose": 0}
    np.testing.assert_allclose(
        model.evaluate(x, y, **options), twin.evaluate(x, y, **options), rtol=1e-5
    )


class TwoOutputs(mlp_lab.Model):
    """Outputs of several types and one that is not per class, from a dict of inputs."""

    def __init__(self):
        super().__init__()
        self.layer = keras.layers.Dense(CLASSES)

    def call(self, inputs):
        h = self.layer(inputs["a"]) + inputs["b"]
        return {"scores": h, "class": tf.argmax(h, axis=-1), "rows": tf.fill(tf.shape(h)[:1], 2)}


COMPILED = {"eager": {"run_eagerly": True}, "graph": {}, "jit": {"jit_compile": True}}


@pytest.mark.parametrize(
    ("mode", "batch_size"),
    thinned(itertools.product(COMPILED, [None, 7, 25, 1000]), strength=1),
)
def test_predict_equals_the_forward_pass(mode, batch_size):
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(ROWS, 4)).astype("float32"), "b": np.ones((ROWS, 1), "float32")}
    model = TwoOutputs()
    expected = model(x)
    for per_call in (1, 3, "auto"):
        model.compile("sgd", "mse", steps_per_execution=per_call, **COMPILED[mode])
        found = model.predict(x, batch_size=batch_size, verbose=0)
        assert found.keys() == expected.keys()
        np.testing.assert_allclose(found["scores"], expected["scores"], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(found["class"], expected["class"])
        np.testing.assert_array_equal(found["rows"], np.full(ROWS, 2))


def test_predict_runs_batches_of_the_size_asked_for():
    shapes = []

    class Net(mlp_lab.MLP):
        def predict_step(self, data):
            shapes.append(data.shape[0])
            return super().predict_step(data)

    model = Net((6,), CLASSES)
    model.compile("sgd", "mse")
    x = np.zeros((103, 4), "float32")
    assert model.predict(x, batch_size=10, verbose=0).shape == (103, CLASSES)
    assert set(shapes) == {10, 3}
    shapes.clear()
    model.predict(x, batch_size=10, verbose=0)
    assert not shapes  # nothing is compiled anew


def test_predict_calls_a_callback_for_every_batch_and_takes_other_data_as_keras_does():
    x, y = make_data()
    sizes = []

    class Each(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            sizes.append(len(logs["outputs"]))

    model = make_model()
    model.fit(x, y, verbose=0)
    expected = model.predict(x, verbose=0)
    assert np.array_equal(model.predict(x, 30, verbose=0, callbacks=[Each()]).shape, expected.shape)
    assert sizes == [30, 30, 30, 10]
    batches = tf.data.Dataset.from_tensor_slices(x).batch(30)
    for data, options in ((batches, {}), (x, {"steps": 2, "batch_size": 50})):
        np.testing.assert_allclose(model.predict(data, verbose=0, **options), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(x), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)


def test_evaluate_inside_fit_disturbs_nothing():
    x, y = make_data()
    results = []

    class Test(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            results.append(self.model.evaluate(x[:50], y[:50], verbose=0)[0])

    plain, testing = make_model(), make_model()
    plain.shuffle_seed = testing.shuffle_seed = 0
    options = {"batch_size": 8, "epochs": 3, "verbose": 0, "validation_data": (x, y)}
    a = plain.fit(x, y, **options).history
    b = testing.fit(x, y, callbacks=[Test()], **options).history
    assert a == b
    assert len(set(results)) == 3


def test_a_second_fit_compiles_nothing_anew():
    x, y = make_data()
    traced = []

    class Net(mlp_lab.MLP):
        def train_step(self, data):
            traced.append(1)
            return super().train_step(data)

    model = Net((6,), CLASSES)
    model(x[:8])  # a step of one's own would be traced to make the weights
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    options = {"batch_size": 8, "verbose": 0, "validation_data": (x, y)}
    model.fit(x, y, **options)
    first = len(traced)
    assert first
    model.fit(x, y, epochs=2, **options)
    model.evaluate(x, y, verbose=0)
    model.fit(x, y, **options)
    assert len(traced) == first
    model.compile("sgd", "mse")  # what Keras asks for when trainable weights were changed
    model.fit(x, np.zeros((ROWS, CLASSES)), batch_size=8, verbose=0)
    assert len(traced) == 2 * first


def test_other_data_go_keras_way():
    """Generators, lists, steps_per_epoch, class weights; float64 is cast as Keras does."""
    x, y = make_data()

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return x[i * 25 : (i + 1) * 25], y[i * 25 : (i + 1) * 25]

    model = make_model()
    for data, options in (
        ({"x": Batches()}, {}),
        ({"x": x, "y": y}, {"steps_per_epoch": 2}),
        ({"x": x, "y": y}, {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}}),
        ({"x": x.astype("float64"), "y": y}, {"sample_weight": np.ones(ROWS)}),
        ({"x": tf.constant(x), "y": tf.constant(y)}, {}),
    ):
        assert np.isfinite(model.fit(**data, **options, verbose=0).history["loss"][0])
    with pytest.raises(ValueError, match="cardinality"):
        model.fit(x, y[:-1], verbose=0)
    logs = model.train_on_batch(x[:5], y[:5], return_dict=True)
    assert np.isfinite(logs["loss"])
