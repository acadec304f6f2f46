"""Cases of several logical CPU devices; tests/test_replicas.py runs them in a process.

The devices have to be there before anything else is asked of TensorFlow, which then bears
strategies of one size only, so that these run in a process of their own:
`REPLICAS=3 python -m pytest tests/replica_cases.py -n 0`.
"""

import contextlib
import os

import events
import keras
import numpy as np
import pytest
import tensorflow as tf

import mlp_lab
from mlp_lab import metrics
from mlp_lab.callbacks import BestEpoch, Checkpoints, NonFinite, NonFiniteError, TensorBoard
from mlp_lab.options.config import Config
from mlp_lab.training import run
from mlp_lab.training.replication import mirrored

REPLICAS = int(os.environ.get("REPLICAS", "2"))
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * REPLICAS
)
STRATEGY = mirrored(tuple(device.name for device in tf.config.list_logical_devices("CPU")))
ROWS, BATCH = 76, 25  # uneven shares, and at the end one row for all replicas
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 6)).astype("float32")
Y = RANDOM.integers(0, 3, ROWS)
WEIGHT = RANDOM.uniform(0.2, 3, ROWS).astype("float32")


def scopes():
    """One device; several."""
    yield contextlib.nullcontext()
    yield STRATEGY.scope()


class Net(mlp_lab.MLP):
    """All kinds of losses that layers add."""

    def __init__(self, **kwargs):
        super().__init__((8,), 3, activation="tanh", kernel_regularizer="l2", **kwargs)
        self.hidden[0].activity_regularizer = keras.regularizers.L2(0.1)

    def call(self, inputs):
        outputs = super().call(inputs)
        self.add_loss(0.05 * keras.ops.mean(keras.ops.square(outputs)))
        return outputs


class Clipping(Net):
    """Equal to one device only where it sees the gradients of the global batch."""

    def transform_gradients(self, gradients):
        return tf.clip_by_global_norm(gradients, 0.05)[0]


class OwnStep(mlp_lab.MLP):
    """A step that leaves the sum to the optimizer, as Keras' examples do."""

    def __init__(self):
        super().__init__((8,), 3)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            outputs = self(x, training=True)
            loss = self.compute_loss(x, y, outputs, None, training=True)
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        self.track_loss(loss, x)
        return {**self.compute_metrics(x, y, outputs, None), "two": tf.constant(2.0)}


class Functional(mlp_lab.GlassBox, keras.Model):
    """Several outputs."""


MILLION = keras.initializers.Constant(1e6)


def made(cls, scope, optimizer="sgd", **options):
    keras.utils.set_random_seed(1)
    with scope:
        if isinstance(optimizer, str):
            optimizer = {
                "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
                "adam": lambda: keras.optimizers.Adam(0.01),
                "clipped": lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.05),
            }[optimizer]()
        model = cls()
        model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            weighted_metrics=[keras.metrics.SparseCategoricalCrossentropy(from_logits=True)],
            jit_compile=False,
            **options,
        )
    model.shuffle_seed = 4
    return model


def values(variables):
    return [v.numpy() for v in variables]


def assert_equal_training(trainings, rtol=1e-5):
    """(model, history) of each; the first is that of one device."""
    (model, history), (other, other_history) = trainings
    for a, b in zip(values(model.weights), values(other.weights), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6)
    assert history.keys() == other_history.keys()
    for name, curve in history.items():
        np.testing.assert_allclose(curve, other_history[name], rtol=rtol, err_msg=name)


@pytest.mark.parametrize(
    ("cls", "optimizer", "eager"),
    [(Clipping, "sgd", False), (Net, "clipped", False), (Clipping, "sgd", True)],
)
def test_same_as_one_device(cls, optimizer, eager):
    found = []
    for scope in scopes():
        model = made(cls, scope, optimizer, run_eagerly=eager)
        history = model.fit(
            X, Y, BATCH, epochs=1 if eager else 3, verbose=0, sample_weight=WEIGHT,
            validation_data=(X[:23], Y[:23], WEIGHT[:23]),
        ).history  # fmt: skip
        history["evaluated"] = model.evaluate(X, Y, 7, verbose=0)
        history["predicted"] = model.predict(X, 7, verbose=0).ravel()
        history["on_batch"] = model.train_on_batch(X[:5], Y[:5])
        found.append((model, history))
    assert_equal_training(found)


def test_metrics_add_up(tmp_path):
    """Those with sums of their own, and R2, whose replicas keep means; a look changes nothing."""
    y = X[:, :2] + np.float32(1e6)
    found = []
    for number, scope in enumerate(scopes()):
        keras.utils.set_random_seed(1)
        with scope:
            inputs = keras.Input((6,))
            outputs = {"numbers": keras.layers.Dense(2, name="numbers", bias_initializer=MILLION)}
            outputs |= {"classes": keras.layers.Dense(3, name="classes")}
            model = Functional(inputs, {name: layer(inputs) for name, layer in outputs.items()})
            classes = {"from_logits": True, "task": "classes"}
            several = [metrics.AUC(3, **classes), metrics.F1(3, **classes), metrics.TopK(2)]
            model.compile(
                keras.optimizers.SGD(1e-3),
                {
                    "numbers": mlp_lab.losses.Standardized(mlp_lab.losses.Huber(), [1.0, 2.0]),
                    "classes": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                },
                weighted_metrics={
                    "numbers": [metrics.R2(2), metrics.RootMeanSquaredError()],
                    "classes": [*several, metrics.LogLoss(**classes)],
                },
                jit_compile=False,
            )
        board = TensorBoard(tmp_path / str(number), histogram_every=1)
        history = model.fit(
            X, {"numbers": y, "classes": Y}, BATCH, epochs=2, verbose=0, shuffle=False,
            sample_weight={"numbers": WEIGHT, "classes": WEIGHT}, callbacks=[board],
        ).history  # fmt: skip
        # The mean losses of single outputs count the shares of a batch alike, however long.
        shown = {k: v for k, v in history.items() if k not in ("numbers_loss", "classes_loss")}
        found.append((model, shown))
    assert len(found[0][1]) == 1 + 2 + 4
    assert all(np.isfinite(curve).all() for curve in found[1][1].values())
    assert_equal_training(found, rtol=1e-4)


def test_tf_data_and_generators():
    def generate():
        for start in range(0, ROWS, BATCH):
            yield X[start : start + BATCH], Y[start : start + BATCH]

    found = []
    for scope in scopes():
        model = made(Net, scope, steps_per_execution=2)
        data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH)
        options = {"verbose": 0, "shuffle": False}
        history = model.fit(data, epochs=2, validation_data=data, **options).history
        more = model.fit(generate(), steps_per_epoch=4, **options).history
        found.append((model, history | {f"more_{name}": curve for name, curve in more.items()}))
    assert_equal_training(found)


def test_step_of_ones_own():
    found = []
    for scope in scopes():
        model = made(OwnStep, scope)
        history = model.fit(X, Y, BATCH, epochs=2, verbose=0).history
        assert history["two"] == [2.0, 2.0]
        found.append((model, history))
    assert_equal_training(found)


def test_loss_scale():
    found = []
    keras.config.set_dtype_policy("mixed_float16")
    for scope in scopes():
        model = made(lambda: mlp_lab.MLP((8,), 3), scope)
        found.append((model, model.fit(X, Y, BATCH, epochs=2, verbose=0).history))
    scales = [float(model.optimizer.dynamic_scale.numpy()) for model, _ in found]
    assert scales[0] == scales[1] > 1
    assert_equal_training(found, rtol=2e-2)


def replica_gradients(model, x, y, counts):
    """The mean gradient of each replica's rows, by the tape and on one device."""
    found, start = [], 0
    for count in counts:
        with tf.GradientTape() as tape:
            part = slice(start, start + count)
            loss = model.compute_loss(None, y[part], model(x[part]), None)
        found.append([g.numpy() for g in tape.gradient(loss, model.trainable_weights)])
        start += count
    return found


def test_probes_see_the_global_batch(tmp_path):
    read = []
    for number, scope in enumerate(scopes()):
        model = made(Net, scope)
        board = TensorBoard(tmp_path / str(number), histogram_every=1)
        model.fit(X, Y, BATCH, shuffle=False, verbose=0, callbacks=[board])
        read.append(events.read(tmp_path / str(number) / "train"))
    one, several = read
    spread = several.pop("gradients/spread")
    assert one.keys() == several.keys()
    for tag in one.keys() - {"steps_per_second", "observing/share"}:
        assert one[tag].keys() == several[tag].keys()
        for step, value in one[tag].items():
            a, b = np.asarray(value), np.asarray(several[tag][step])
            if a.dtype == object:
                continue
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=f"{tag} {step}")
    model = made(Net, contextlib.nullcontext())
    model(X[:1])
    counts = [BATCH // REPLICAS + (i < BATCH % REPLICAS) for i in range(REPLICAS)]
    gradients = replica_gradients(model, X[:BATCH], Y[:BATCH], counts)
    shares = np.array(counts) / BATCH
    mean = [sum(map(np.multiply, shares, parts)) for parts in zip(*gradients, strict=True)]
    squares = [
        sum(np.sum((a - b) ** 2) for a, b in zip(parts, mean, strict=True)) for parts in gradients
    ]
    expected = np.sqrt(np.sum(shares * squares) / sum(np.sum(m**2) for m in mean))
    np.testing.assert_allclose(spread[0], expected, rtol=1e-3)
    assert spread[3] < 1e-3  # one row, one replica


class Stop(Exception):
    pass


class StopAfter(keras.callbacks.Callback):
    any_steps_per_execution = True

    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def on_train_batch_end(self, batch, logs=None):
        self.calls -= 1
        if not self.calls:
            raise Stop


class Dropping(mlp_lab.MLP):
    def __init__(self):
        super().__init__((8,), 3, dropout=0.4)


def test_checkpoints_go_on_with_the_same_bits(tmp_path):
    def train(folder, *others):
        model = made(Dropping, STRATEGY.scope(), "adam", steps_per_execution=1)
        saving = Checkpoints(tmp_path / folder, every=1, delete=False)
        options = {"epochs": 3, "verbose": 0, "callbacks": [*others, saving]}
        return model, model.fit(X, Y, BATCH, **options).history

    model, history = train("whole")
    with pytest.raises(Stop):
        train("broken", StopAfter(6))
    resumed, resumed_history = train("broken")
    assert history == resumed_history
    for a, b in zip(
        values([*model.variables, *model.optimizer.variables]),
        values([*resumed.variables, *resumed.optimizer.variables]),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_best_epoch_goes_on_with_the_same_bits(tmp_path):
    def train(folder, *others):
        model = made(Dropping, STRATEGY.scope(), "adam", steps_per_execution=1)
        # The loss falls: with the direction turned round, the first epoch is the best.
        best = BestEpoch("val_loss", "max", patience=2)
        saving = Checkpoints(tmp_path / folder, every=1, delete=False)
        model.fit(
            X, Y, BATCH, epochs=5, verbose=0, validation_data=(X, Y), shuffle=False,
            callbacks=[best, *others, states := States(), saving],
        )  # fmt: skip
        return model, best, states

    model, best, states = train("whole")
    assert (best.best.epoch, best.best.step, best.stopped_epoch) == (1, 4, 3)
    for own, first in zip(values(model.weights), states.after[0], strict=True):
        np.testing.assert_array_equal(own, first)
    with pytest.raises(Stop):
        train("broken", StopAfter(9))
    resumed, again, _ = train("broken")
    assert again.best == best.best
    for a, b in zip(values(model.variables), values(resumed.variables), strict=True):
        np.testing.assert_array_equal(a, b)


class States(keras.callbacks.Callback):
    """The weights after each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.after = [*getattr(self, "after", []), values(self.model.weights)]


def test_guard_names_the_same_step_and_tensor(tmp_path):
    bad = X.copy()
    bad[27] = np.inf
    found = []
    for number, scope in enumerate(scopes()):
        model = made(Net, scope)
        with pytest.raises(NonFiniteError) as caught:
            model.fit(
                bad,
                Y,
                BATCH,
                shuffle=False,
                verbose=0,
                callbacks=[NonFinite(tmp_path / str(number))],
            )
        found.append((caught.value.step, caught.value.kind, caught.value.name))
        np.testing.assert_array_equal(
            np.load(tmp_path / str(number) / "batch.npz")["x"], bad[25:50]
        )
    assert found[0][:2] == (1, "batch")
    assert found[0] == found[1]


def test_losses_that_are_sums_are_refused():
    with STRATEGY.scope():
        model = mlp_lab.MLP((8,), 3)
        model.compile("sgd", keras.losses.MeanSquaredError(reduction="sum"))
    with pytest.raises(ValueError, match="reduction 'sum'"):
        model.fit(X, np.eye(3)[Y], BATCH, verbose=0)


def test_run_is_that_of_one_device(tmp_path):
    """fashion_mnist, the bundled sample, with all probes."""
    results, read = [], []
    for strategy in ("none", "mirrored"):
        config = Config(
            data_source="sample", epochs=2, hidden_units=(64, 32), histogram_every=20,
            log_dir=str(tmp_path), name=strategy, strategy=strategy, verbose="none",
            jit_compile=None if strategy == "mirrored" else False,
        )  # fmt: skip
        results.append(run(config))
        read.append(events.read(tmp_path / strategy / "train"))
    one, several = results
    for a, b in zip(values(one.model.weights), values(several.model.weights), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for name, curve in one.history.items():
        np.testing.assert_allclose(curve, several.history[name], rtol=1e-5, err_msg=name)
    assert several.record["replicas"] == REPLICAS
    assert several.record["workers"] == 1
    assert several.record["strategy"] == "mirrored"
    assert one.record["replicas"] == 1
    assert read[1].keys() - read[0].keys() == {"gradients/spread"}
    loaded = mlp_lab.load_model(several.path / "model.keras")
    np.testing.assert_array_equal(
        values(loaded.trainable_weights)[0], values(several.model.trainable_weights)[0]
    )


def test_gradients_are_summed_once(monkeypatch):
    """One reduction of all gradients in a step, and none by the optimizer."""
    reduced = []
    original = tf.distribute.ReplicaContext.all_reduce

    def counted(self, op, value, options=None):
        if len(tf.nest.flatten(value)) > 1:
            reduced.append(len(tf.nest.flatten(value)))
        return original(self, op, value, options)

    monkeypatch.setattr(tf.distribute.ReplicaContext, "all_reduce", counted)
    model = made(Net, STRATEGY.scope())
    model.fit(X[:20], Y[:20], BATCH, verbose=0)
    assert reduced == [len(model.trainable_weights)] * REPLICAS
