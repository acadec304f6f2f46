"""The search for a learning rate: what it finds, what it refuses, that it leaves no trace."""

import itertools
import json
import random
import re

import events
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from process import train

import mlp_lab
from mlp_lab.checkpoints import find
from mlp_lab.engine.keras_hooks import at_rate
from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.search import FoundRate, NoLearningRate, find_lr
from mlp_lab.search.batches import Batches
from mlp_lab.search.curve import smoothed, steepest
from mlp_lab.training import run

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(192, 6)).astype(np.float32)
Y = (X @ RANDOM.normal(size=(6, 3))).argmax(-1)
WEIGHT = RANDOM.uniform(0.5, 2, len(X)).astype(np.float32)


class Net(mlp_lab.Model):
    """Everything with a state: dropout, batch normalization, a count, generators."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = [
            keras.layers.Dense(8, activation="relu", kernel_regularizer="l2"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(3),
        ]
        self.calls = 0
        self.random = np.random.default_rng(3)

    def call(self, inputs, training=None):
        self.calls += 1
        self.random.random()
        for part in self.parts:
            inputs = part(inputs, training=training)
        return inputs


def make(optimizer="adam", **options):
    keras.utils.set_random_seed(1)
    model = Net()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], **{"jit_compile": False, **options})
    return model


def state(model):
    found = find(model)
    values = {path: np.array(v) for path, v in found.variables.items()}
    plain = {path: repr(place.value) for path, place in found.plain.items() if place.exists}
    streams = {path: repr(g.bit_generator.state) for path, g in found.generators.items()}
    others = random.getstate(), repr(np.random.get_state()), float(keras.random.uniform([1])[0])
    return values, plain, streams, others, vars(model.training_progress)


def assert_equal(a, b):
    assert a[0].keys() == b[0].keys()
    for path, value in a[0].items():
        np.testing.assert_array_equal(value, b[0][path], err_msg=path)
    assert a[1:] == b[1:]


OPTIMIZERS = {"sgd": lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 50)),
           "adam": lambda: "adam"}  # fmt: skip


@pytest.mark.parametrize(
    ("optimizer", "options", "before", "weight"),
    [
        ("sgd", {}, 1, WEIGHT),
        ("adam", {"jit_compile": True}, 0, None),
        pytest.param("adam", {}, 0, None, marks=pytest.mark.slow),
        pytest.param("adam", {"jit_compile": True}, 1, WEIGHT, marks=pytest.mark.slow),
        pytest.param("adam", {"run_eagerly": True}, 1, None, marks=pytest.mark.slow),
        pytest.param("adam", {"steps_per_execution": 2}, 1, None, marks=pytest.mark.slow),
    ],
)
def test_a_fit_after_it_equals_one_without(optimizer, options, before, weight):
    results = []
    for search in (False, True):
        model = make(OPTIMIZERS[optimizer](), **options)
        fit = {"batch_size": 32, "verbose": 0, "sample_weight": weight}
        if before:
            model.fit(X, Y, epochs=before, **fit)
        if search:
            find_lr(model, X, Y, sample_weight=weight, batch_size=32, restarts=1)
        history = model.fit(X, Y, epochs=2, validation_data=(X, Y), **fit).history
        results.append((history, state(model)))
    assert results[0][0] == results[1][0]
    # Without variables of the optimizer, TensorFlow would have traced the step once more: the code
    # of `call`, which counts here, runs once less.
    assert_equal(*((r[1] if before else (r[1][0], *r[1][3:])) for r in results))


@pytest.fixture(scope="module")
def searched():
    """A model that has been searched, its state before and after, and what was found."""
    model = make()
    model.fit(X, Y, batch_size=32, verbose=0)
    before = state(model)
    rate = model.optimizer.learning_rate
    random.seed(5), np.random.seed(5)
    keras.utils.set_random_seed(5)
    found = find_lr(model, X, Y, batch_size=32)
    assert model.optimizer.learning_rate is rate
    return before, state(model), found


def test_state_is_put_back(searched):
    before, after, _ = searched
    assert_equal((*before[:3], 0), (*after[:3], 0))
    assert before[4] == after[4]


def test_generators_of_the_process_are_put_back(searched):
    random.seed(5), np.random.seed(5)
    keras.utils.set_random_seed(5)
    expected = random.getstate(), repr(np.random.get_state()), float(keras.random.uniform([1])[0])
    assert searched[1][3] == expected


def test_what_is_found(searched):
    found = searched[2]
    assert found.reason is None
    assert found.low <= found.value <= found.high
    assert found.ramps.shape == (3, len(found.rates)) == (3, 48)
    assert np.isfinite(found.ramps[:, 0]).all()
    assert found.tried[found.value] < found.untrained
    # The best of the rates that were tried is between two worse ones.
    losses = [loss for _, loss in sorted(found.tried.items())]
    assert 0 < int(np.argmin(losses)) < len(losses) - 1
    assert found.tried[found.value] <= min(losses) * 1.1
    assert f"{found.value:.2g}, from" in repr(found)


def test_rates_of_a_ramp_are_those_of_the_steps():
    """Gradient descent on a linear function moves by the sum of the rates."""

    class Line(mlp_lab.Model):
        def build(self, shape):
            self.w = self.add_weight(shape=(), initializer="zeros", name="w")

        def call(self, inputs):
            return inputs * self.w

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return keras.ops.mean(y_pred)

    model = Line()
    model.compile("sgd", jit_compile=False)
    ones = np.ones([8, 1], np.float32)
    found = find_lr(model, ones, batch_size=4, restarts=2, lowest=1e-3, highest=1.0)
    # The loss of a batch is that of the weight before its step.
    expected = -np.concatenate([[0], np.cumsum(found.rates)[:-1]])
    np.testing.assert_allclose(found.ramps, [expected, expected], rtol=1e-5, atol=1e-7)
    assert float(model.w) == 0


def test_the_loss_of_a_step_of_ones_own():
    class Own(mlp_lab.Model):
        def __init__(self, logged):
            super().__init__()
            self.dense, self.logged = keras.layers.Dense(3), logged
            self.mean = keras.metrics.Mean(name="loss")

        @property
        def metrics(self):
            return [self.mean]

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            import tensorflow as tf

            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(y, self(x, training=True))
                )
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply(gradients, self.trainable_weights)
            self.mean.update_state(loss)
            return {self.logged: self.mean.result()}

    model = Own("loss")
    model.compile("adam", jit_compile=False)
    found = find_lr(model, X, Y, batch_size=32, restarts=1)
    assert found.value > 0
    assert float(model.mean.count) == 0
    model = Own("other")
    model.compile("adam", jit_compile=False)
    with pytest.raises(ValueError, match=r'train_step: expected a step that .* returns .*"loss"'):
        find_lr(model, X, Y)


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        (X, RANDOM.permutation(Y), "x was of no use|never fell by more than its noise"),
        (np.ones_like(X), Y, "x was of no use|never fell by more than its noise"),
        (np.full_like(X, np.nan), Y, "not finite before the first step"),
    ],
)
def test_refusals(x, y, reason):
    model = make()
    found = find_lr(model, x, y, batch_size=32)
    assert found.chosen is found.low is found.high is None
    with pytest.raises(NoLearningRate, match=reason):
        _ = found.value
    assert "none: " in repr(found)


def test_bad_input():
    model = make()
    for arguments, message in [
        ({"batch_size": 0}, "batch_size: expected a whole number of at least 1, got 0"),
        ({"restarts": 21}, "restarts: expected a whole number from 1 to 20, got 21"),
        ({"lowest": 1.0, "highest": 0.1}, "lowest, highest: expected 0 < lowest < highest"),
        ({"highest": float("inf")}, "lowest, highest: expected 0 < lowest < highest"),
    ]:
        with pytest.raises(ValueError, match=message):
            find_lr(model, X, Y, **arguments)
    with pytest.raises(ValueError, match="expected x, y and sample_weight as arrays"):
        find_lr(model, itertools.repeat(X))
    with pytest.raises(ValueError, match="compile it first"):
        find_lr(Net(), X, Y)
    model.second = keras.optimizers.SGD()
    with pytest.raises(ValueError, match="one optimizer, got 2"):
        find_lr(model, X, Y)


def test_an_optimizers_rate_is_where_at_rate_looks_for_it():
    """Fails when Keras keeps the rate elsewhere."""
    optimizer = keras.optimizers.Adam(0.25)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5))
    for each in (optimizer, scaled):
        kept, variables = float(each.learning_rate), [v.path for v in each.variables]
        with at_rate(each, lambda: 0.125):
            assert each.learning_rate == 0.125
        assert float(each.learning_rate) == kept
        assert [v.path for v in each.variables] == variables


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.floats(0, 0.95))
def test_smoothing_is_a_weighted_mean(losses, keep):
    n = len(losses)
    weights = np.array([[keep ** (k - i) if i <= k else 0 for i in range(n)] for k in range(n)])
    expected = weights @ losses / weights.sum(1)
    np.testing.assert_allclose(smoothed(np.array(losses), keep), expected, atol=1e-9)


def test_steepest_of_a_known_curve():
    rates = np.geomspace(1e-4, 1, 41)
    curve = np.where(rates < 0.3, -np.tanh(3 * np.log10(rates / 0.01)), 50.0)
    assert rates[steepest(rates, curve)] == pytest.approx(0.01)
    assert steepest(rates, np.linspace(0, 1, 41)) is None


@given(st.integers(1, 40), st.integers(1, 10), st.integers(1, 12))
def test_batches_take_every_row_before_any_twice(rows, batch, steps):
    batch = min(batch, rows)
    x = np.arange(rows, dtype=np.int32)
    batches = Batches((x, x + 100), batch, steps)
    whole, labels = (np.asarray(t) for t in batches.piece(3, 0, steps))
    np.testing.assert_array_equal(whole + 100, labels)
    size = rows // batch * batch
    for start in range(0, len(whole), size):
        part = whole[start : start + size]
        assert len(set(part)) == len(part)
    # In whatever parts they are drawn.
    parts = [np.asarray(batches.piece(3, step, 1)[0]) for step in range(steps)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    mixed, same = (np.asarray(t) for t in batches.piece(3, 0, steps, mixed=True))
    np.testing.assert_array_equal(same, labels)
    partner = dict(zip(whole, mixed, strict=True))
    assert [partner[row] for row in whole] == mixed.tolist()


def test_found_rate_shows_itself():
    found = FoundRate(np.array([1e-3, 1e-2]), np.ones([1, 2]), reason="so")
    assert "none: so" in repr(found)
    np.testing.assert_allclose(found.smoothed, 1)


# By the command line.

FLAGS = ["--data_source=sample", "--hidden_units=8", "--epochs=1", "--verbose=none",
         "--histogram_every=0", "--pictures_every=0"]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a run whose rate was searched, and what it printed."""
    home = tmp_path_factory.mktemp("rates")
    done = train(*FLAGS, "--learning_rate=auto", f"--log_dir={home}", "--name=auto", home=home)
    assert done.returncode == 0, done.stderr
    return home, done.stdout


def test_auto_is_the_run_with_the_number(home):
    folder, said = home
    (rate,) = re.findall(r"^learning rate: (\S+), good from \S+ to \S+, found in", said, re.M)
    text = (folder / "auto" / "flags.txt").read_text()
    assert f"--learning_rate={rate}\n" in text
    run(flags.parse([*FLAGS, f"--learning_rate={rate}", f"--log_dir={folder}", "--name=number"]))
    records = [json.loads((folder / name / "run.json").read_text()) for name in ("auto", "number")]
    assert records[0]["history"] == records[1]["history"]
    assert records[0]["config"]["learning_rate"] == float(rate)


def test_auto_resumes_with_the_rate_it_found(home):
    folder, _ = home
    config = flags.parse(
        [*FLAGS, "--learning_rate=auto", f"--log_dir={folder}", "--name=auto", "--resume"]
    )
    with pytest.raises(InputError, match="has finished; there is nothing to resume"):
        run(config)


def test_command(home):
    folder, _ = home
    arguments = ["find_lr", *FLAGS, f"--log_dir={folder}", "--name=curve"]
    done = train(*arguments, home=folder)
    assert done.returncode == 0, done.stderr
    (rate,) = re.findall(r"train with --learning_rate=(\S+)$", done.stdout, re.M)
    assert f"--learning_rate={rate}\n" in (folder / "auto" / "flags.txt").read_text()
    assert "1e-06            learning rate             1e+01" in done.stdout
    curves = events.read(folder / "curve")
    rates = curves["find_lr/learning_rate"]
    np.testing.assert_allclose([*rates.values()], np.geomspace(1e-6, 10, 48), rtol=1e-6)
    tried = [float(rate) for rate in curves["find_lr/tried/learning_rate"].values()]
    assert float(rate) == pytest.approx(min(tried, key=lambda t: abs(t - float(rate))))
    ramps = [events.read(folder / "curve" / f"ramp_{i}")["find_lr/loss"] for i in (1, 2, 3)]
    assert ramps[0][0] != ramps[1][0]
    again = train(*arguments, home=folder)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "already exists; choose another --name" in again.stderr


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--learning_rate=fast", "--learning_rate: expected a number, got 'fast'"),
        ("--learning_rate=0", "--learning_rate: expected a number above 0, or auto, got 0.0"),
    ],
)
def test_rates_that_are_refused(flag, message):
    with pytest.raises(InputError, match=message):
        flags.parse([flag])


def test_auto_that_finds_none(tmp_path):
    """Every label is that of another image."""
    rng = np.random.default_rng(0)
    parts = {"train": 2000, "test": 100}
    arrays = {f"x_{p}": rng.integers(0, 256, (n, 28, 28), np.uint8) for p, n in parts.items()}
    arrays |= {f"y_{p}": rng.integers(0, 10, n).astype(np.uint8) for p, n in parts.items()}
    np.savez(tmp_path / "noise.npz", **arrays)
    options = [f for f in FLAGS if "data_source" not in f]
    config = flags.parse(
        [
            *options,
            f"--data_dir={tmp_path}/noise.npz",
            "--learning_rate=auto",
            f"--log_dir={tmp_path}",
        ]
    )
    with pytest.raises(InputError, match=r"--learning_rate: auto found none: .*; give a number"):
        run(config)
    assert [path.name for path in tmp_path.iterdir()] == ["noise.npz"]
