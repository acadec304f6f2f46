"""The model of the best epoch: which it is, what is put back, and when training stops."""

import functools
import json
import math
import warnings

import events
import keras
import numpy as np
import pytest
import tensorflow as tf
from covering import slow
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from killing import assert_same, end, kill_and_resume, later, outcome, start
from process import train

import mlp_lab
from mlp_lab.callbacks import BestEpoch, Checkpoints, NonFinite, NonFiniteError, TensorBoard
from mlp_lab.callbacks.direction import direction_of, stated
from mlp_lab.callbacks.stopped import Stopped
from mlp_lab.checkpoints import Store, decode, encode
from mlp_lab.errors import InputError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 5)).astype("float32")
Y = (X[:, 0] + RANDOM.normal(size=64) > 0).astype("int32")
X_TEST = RANDOM.normal(size=(40, 5)).astype("float32")
Y_TEST = (X_TEST[:, 0] > 0).astype("int32")


class Net(mlp_lab.Model):
    """Everything that a model's state can be: averages, seeds, a variable, numbers."""

    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(8, activation="relu")
        self.norm = keras.layers.BatchNormalization(momentum=0.5)
        self.drop = keras.layers.Dropout(0.3)
        self.head = keras.layers.Dense(2)
        self.calls = tf.Variable(0, trainable=False)
        self.temperature = [1.0, np.zeros(2)]
        self.large = np.zeros(2**18)

    def call(self, x, training=None):
        if training:
            self.calls.assign_add(1)
        hidden = self.norm(self.hidden(x), training=training)
        return self.head(self.drop(hidden, training=training))


class Changes(keras.callbacks.Callback):
    """Changes the numbers in a model's attributes in place, before every epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.temperature[0] /= 2
        self.model.temperature[1] += epoch


class States(keras.callbacks.Callback):
    """The model's state after each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.after = [*getattr(self, "after", []), state(self.model)]


def compiled(rate=0.1, **options):
    keras.utils.set_random_seed(1)
    model = Net()
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **options,
    )
    return model


def fit(model, *callbacks, epochs=6, **options):
    return model.fit(
        X, Y, batch_size=16, epochs=epochs, verbose=0, callbacks=[*callbacks],
        validation_data=(X_TEST, Y_TEST), **options,
    )  # fmt: skip


def state(model):
    own = [np.array(v) for v in model.variables if "metric" not in v.path]
    return [*own, model.calls.numpy(), *map(np.array, model.temperature)]


def assert_equal(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "options",
    [
        slow({"jit_compile": False}),
        slow({"jit_compile": True}),
        slow({"run_eagerly": True}),
        {"steps_per_execution": 3},
    ],
    ids=str,
)
def test_ends_with_all_of_the_state_after_the_best_epoch(options, tmp_path):
    model = compiled(**options)
    board, of_training = TensorBoard(tmp_path, 0), BestEpoch("accuracy", restore=False)
    fit(model, Changes(), kept := BestEpoch(), board, of_training, states := States())
    losses = model.history.history["val_loss"]
    assert kept.best.epoch == 1 + losses.index(min(losses)) < 6
    assert (kept.best.value, kept.best.step) == (min(losses), 4 * kept.best.epoch)
    assert kept.restored
    assert_equal(state(model), states.after[kept.best.epoch - 1])
    changed = zip(states.after[-1], state(model), strict=True)
    assert all((a != b).any() for a, b in changed)  # there was something to put back
    assert int(model.optimizer.iterations) == 24  # the optimizer is that of the last epoch
    # Event files have a mark for every epoch that was the best so far.
    better = [e for e in range(6) if e == 0 or losses[e] < min(losses[:e])]
    marks = events.read(tmp_path / "validation")["best/val_loss"]
    assert {step: float(v) for step, v in marks.items()} == {
        4 * (e + 1): np.float32(losses[e]) for e in better
    }
    assert of_training.best.direction == "max"  # as Keras' metric says
    assert max(events.read(tmp_path / "train")["best/accuracy"]) == of_training.best.step


def test_in_a_plain_keras_model_on_a_pipeline():
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.BatchNormalization()]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.3), "mse")
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    test = tf.data.Dataset.from_tensor_slices((X_TEST, Y_TEST)).batch(16)
    stops = keras.callbacks.EarlyStopping(patience=9, restore_best_weights=True)
    kept, found = BestEpoch(), []
    saves = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: found.append(model.get_weights())
    )
    model.fit(data, epochs=5, validation_data=test, verbose=0, shuffle=False,
              callbacks=[kept, stops, saves])  # fmt: skip
    assert kept.best.epoch - 1 == stops.best_epoch
    assert kept.best.value == stops.best
    assert_equal(model.get_weights(), stops.best_weights)
    assert_equal(model.get_weights(), found[kept.best.epoch - 1])


@functools.cache
def one_weight():
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])


def drive(values, direction, *callbacks):
    """Calls callbacks as `fit` would if these were the values; returns the model's weight."""
    model = one_weight()
    model.stop_training = False
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.set_weights([np.full((1, 1), epoch)])
        for callback in callbacks:
            callback.on_epoch_end(epoch, {"val_x": value})
        if model.stop_training:
            break
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for callback in callbacks:
            callback.on_train_end({"val_x": value})
    return float(model.get_weights()[0][0, 0]), epoch


NUMBERS = st.lists(st.sampled_from([0.0, -1.0, 1.0, 1.5, 0.25, 2.0]), min_size=1, max_size=9)
ODD = st.lists(st.sampled_from([math.nan, math.inf, -math.inf, 1.0, 2.0]), min_size=1, max_size=9)


@settings(max_examples=40)
@given(NUMBERS, st.sampled_from(["max", "min"]), st.integers(1, 4))
def test_decides_as_early_stopping_of_keras(values, direction, patience):
    stopping = keras.callbacks.EarlyStopping(
        "val_x", mode=direction, patience=patience, restore_best_weights=True
    )
    theirs = drive(values, direction, stopping)
    kept = BestEpoch("val_x", direction, patience)
    assert drive(values, direction, kept) == theirs
    assert kept.best.epoch - 1 == stopping.best_epoch
    assert (kept.stopped_epoch or 1) - 1 == stopping.stopped_epoch


@settings(max_examples=40)
@given(ODD, st.sampled_from(["max", "min"]))
def test_what_is_not_finite_is_never_best(values, direction):
    kept = BestEpoch("val_x", direction)
    weight, last = drive(values, direction, kept)
    finite = [value for value in values if math.isfinite(value)]
    best = (max if direction == "max" else min)(finite, default=None)
    assert last == len(values) - 1
    assert weight == (last if best is None else values.index(best))
    assert kept.restored == (best is not None) == (kept.best is not None)


def test_a_model_with_an_infinite_weight_is_never_best():
    kept = BestEpoch("val_x", "min")
    model = one_weight()
    kept.set_model(model)
    kept.on_train_begin()
    for epoch, (weight, value) in enumerate([(1.0, 3.0), (np.inf, 2.0), (2.0, 2.5)]):
        model.set_weights([np.full((1, 1), weight)])
        kept.on_epoch_end(epoch, {"val_x": value})
    assert kept.best.value == 2.5


def begun(*arguments, **options):
    """The callback in a fit that has begun, whose epochs a test then makes up."""
    kept = BestEpoch(*arguments, **options)
    model = compiled()
    model(X[:1])
    kept.set_model(model)
    kept.on_train_begin()
    return kept


def test_epochs_that_are_not_validated_are_passed_over():
    kept = begun(patience=2)
    for epoch, logs in enumerate([{}, {"val_loss": 2.0}, {}, {"val_loss": 3.0}, {}]):
        kept.on_epoch_end(epoch, {"loss": 1.0, **logs})
    assert (kept.best.epoch, kept.wait, kept.stopped_epoch) == (2, 1, None)
    kept.on_train_begin()
    kept.on_epoch_end(0, {"loss": 1.0})
    with pytest.warns(UserWarning, match="no epoch had a finite 'val_loss'"):
        kept.on_train_end({"loss": 1.0})


def test_without_restoring_it_only_tells():
    kept = begun(restore=False)
    kept.on_epoch_end(0, {"val_loss": 1.0})
    kept.model.head.bias.assign([1.0, 2.0])
    kept.on_epoch_end(1, {"val_loss": 2.0})
    kept.on_train_end({})
    assert (kept.best.epoch, kept.restored, kept.get_state()["state"]) == (1, False, None)
    assert list(kept.model.head.bias.numpy()) == [1, 2]
    assert not kept.restore_best()


def test_a_checkpoint_holds_the_state_of_the_best_epoch():
    kept = begun(patience=3)
    kept.on_epoch_end(0, {"val_loss": 2.0, "loss": 0.1})
    kept.on_epoch_end(1, {"val_loss": math.nan, "loss": math.nan})
    read = decode(encode(kept.get_state()), "")
    other = begun(patience=3)
    for weight in other.model.weights:
        weight.assign(weight + 1)
    other.model.temperature[1] += 1
    other.set_state(read)
    assert (other.best, other.wait) == (kept.best, 1)
    other.on_epoch_end(2, {"val_loss": 2.5})
    other.on_train_end({})
    assert_equal(state(other.model), state(kept.model))


def test_large_arrays_that_do_not_change_are_not_copied():
    kept = begun("val_x", "min")
    model = kept.model
    kept.on_epoch_end(0, {"val_x": 1.0})
    entry = kept.get_state()["state"]["plain"]["large"]
    assert "value" not in entry
    model.large[0] = 1
    with pytest.warns(UserWarning, match="has not put back .* large"):
        kept.on_train_end({"val_x": 1.0})
    kept.on_epoch_end(1, {"val_x": 0.5})  # now it has changed since the beginning, and is kept
    model.large[0] = 2
    kept.on_train_end({"val_x": 1.0})
    assert model.large[0] == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"monitor": ""}, "monitor: expected the name of a log, got ''"),
        ({"direction": "up"}, 'direction: expected "auto", "max" or "min", got \'up\''),
        ({"patience": 0}, "patience: expected a number of epochs of at least 1, or None"),
        ({"patience": True}, "patience: expected"),
    ],
)
def test_arguments_that_make_no_sense(given, message):
    with pytest.raises(ValueError, match=message):
        BestEpoch(**given)


def test_logs_that_are_not_there_or_have_no_direction():
    kept = begun("val_los")
    with pytest.raises(InputError, match=r"no log 'val_los' \(did you mean 'val_loss'\?\)"):
        kept.on_epoch_end(0, {"loss": 1.0, "val_loss": 1.0})
    kept.monitor = "los"
    with pytest.raises(InputError, match="no log 'los'"):
        kept.on_epoch_end(0, {"loss": 1.0})
    with pytest.raises(InputError, match="expected a number, 'los' has the shape"):
        kept.on_epoch_end(0, {"los": np.ones(3)})
    with pytest.raises(InputError, match='give direction="max" or "min", or state'):
        kept.on_epoch_end(0, {"los": 1.0})


class Confident(keras.metrics.Mean):
    """States its direction, and has several numbers."""

    direction = "max"

    def result(self):
        return {"low": ops.cast(0, "float32"), "high": super().result()}


def test_directions():
    # What Keras knows of its metrics has no public name: this notices if that changes.
    assert stated(keras.metrics.SparseCategoricalAccuracy()) == "max"
    assert stated(keras.metrics.AUC()) == "max"
    assert stated(keras.metrics.R2Score()) == "max"
    assert stated(keras.metrics.MeanAbsoluteError()) == "min"
    assert stated(keras.metrics.Mean()) is None
    metrics = [
        keras.metrics.Mean("mine"),
        Confident(name="several"),
        keras.metrics.AUC(name="loss"),
    ]
    assert direction_of("val_high", metrics) == direction_of("low", metrics) == "max"
    assert direction_of("val_mine", metrics) is None
    assert direction_of("val_several", metrics) is None
    assert direction_of("val_loss", metrics) == direction_of("a_loss", [], ["a"]) == "min"
    assert direction_of("kl_loss", metrics) == "min"
    assert direction_of("val_a_auc", [keras.metrics.AUC(name="auc")], ["b", "a"]) == "max"
    assert direction_of("val_a_auc", [keras.metrics.AUC(name="auc")]) is None


@pytest.mark.parametrize("at", [slow(9), slow(1), slow(4), slow(16), slow(23)])
def test_resumed_fit_ends_with_the_same_bits(at, tmp_path):
    def train_to(stop=None, folder="a"):
        model = compiled(steps_per_execution=1)
        model.shuffle_seed = 3
        kept = BestEpoch(patience=4)
        saving = Checkpoints(
            tmp_path / folder, every=1, say=lambda _: None, stop=lambda: stop(saving)
        )
        fit(model, Changes(), kept, saving, epochs=9)
        return state(model), kept.get_state(), kept.stopped_epoch, model.history.history

    undisturbed = train_to(lambda _: None)
    assert undisturbed[2] > undisturbed[1]["best"]["epoch"] > 1
    with pytest.raises(Stopped):
        train_to(lambda saving: saving.step >= at, "b")
    resumed = train_to(lambda _: None, "b")
    assert_equal(resumed[0], undisturbed[0])
    assert resumed[2:] == undisturbed[2:]
    assert resumed[1]["best"] == undisturbed[1]["best"]
    mine, theirs = (r[1]["state"]["variables"] for r in (resumed, undisturbed))
    assert_equal([v["value"] for v in mine.values()], [v["value"] for v in theirs.values()])


@pytest.mark.slow
def test_the_best_epoch_before_the_first_nan():
    model = compiled()
    poison = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, _: epoch == 2 and model.head.kernel.assign(
            np.full((8, 2), np.nan)
        )
    )  # fmt: skip
    with pytest.raises(NonFiniteError):
        fit(model, NonFinite(), kept := BestEpoch(), states := States(), poison)
    assert not kept.restored
    assert kept.restore_best()
    assert_equal(state(model), states.after[kept.best.epoch - 1])


# Whole runs.

RUN = [
    "--keep=best", "--patience=2", "--validation_split=0.1", "--epochs=9", "--learning_rate=0.15",
    "--batch_size=512", "--hidden_units=16", "--pictures_every=0", "--checkpoint_every=5",
]  # fmt: skip
STEPS = 13  # of an epoch


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def undisturbed(home):
    out, _ = end(start(home, "undisturbed", *RUN))
    return outcome(home, "undisturbed"), out


def entry(home, name):
    return json.loads((home / "logs" / name / "run.json").read_text())


def test_a_run_saves_and_tells_its_best_epoch(home, undisturbed):
    (_, history, curves), out = undisturbed
    record = entry(home, "undisturbed")
    losses = history["val_loss"]
    best = 1 + losses.index(min(losses))
    assert record["best"] == {
        "epoch": best, "step": STEPS * best, "monitor": "val_loss", "value": min(losses),
        "direction": "min",
    }  # fmt: skip
    assert len(losses) == record["epochs"] == best + 2 < 9
    assert record["status"] == "finished"
    assert record["reason"].startswith(f"stopped early after epoch {best + 2}: no better val_loss")
    assert record["metrics"]["val_loss"] == min(losses)
    lines = out.splitlines()
    assert f"best epoch {best} of {best + 2}: val_loss {min(losses):.4g}" in lines
    assert record["reason"] in lines
    marks = curves["validation", "best/val_loss"]
    assert max(marks) == STEPS * best
    assert marks[STEPS * best] == np.float32(min(losses))
    # The saved model is that epoch's: it gives the same loss.
    model = mlp_lab.load_model(home / "logs" / "undisturbed" / "model.keras")
    setup = mlp_lab.data.load("fashion_mnist", "sample")
    x, y = setup.x_train[6300:], setup.y_train[6300:]
    logits = model.predict(x, verbose=0).astype("float64")
    expected = np.mean(np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(y)), y])
    assert record["best"]["value"] == pytest.approx(expected, rel=1e-5)


def after(step):
    """Once there is a checkpoint of this step or a later one."""
    return lambda folder: any(
        int(path.stem[5:]) >= step for path in Store(folder / "checkpoints").paths()
    )


@pytest.mark.parametrize("epochs", [1, slow(-1), slow(0), slow(2)])
def test_killed_around_the_best_epoch(epochs, home, undisturbed):
    step = entry(home, "undisturbed")["best"]["step"] + STEPS * epochs - 4 * (epochs == 2)
    name = f"killed{epochs}"
    kill_and_resume(home, name, after(step), *RUN)
    assert_same(outcome(home, name), undisturbed[0])
    same = ("best", "reason", "metrics", "status")
    assert [entry(home, name).get(n) for n in same] == [
        entry(home, "undisturbed").get(n) for n in same
    ]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(10))
def test_killed_at_any_moment(number, home, undisturbed):
    kill_and_resume(home, f"random{number}", later(0.5 + 0.4 * number), *RUN)
    assert_same(outcome(home, f"random{number}"), undisturbed[0])


@pytest.mark.slow
def test_a_run_that_diverges_saves_its_best_epoch(home):
    done = train(
        "--model=tests.killing_models:Breaks", "--data_source=sample", "--validation_split=0.1",
        "--keep=best", "--epochs=5", "--hidden_units=16", "--pictures_every=0", "--verbose=none",
        "--learning_rate=0.01", "--batch_size=512", f"--log_dir={home}/logs",
        "--name=breaks", home=home,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    record = entry(home, "breaks")
    assert record["status"] == "diverged"
    assert record["reason"].startswith("step 30")
    assert f"best epoch {record['best']['epoch']} of 2: val_loss" in done.stdout
    model = mlp_lab.load_model(home / "logs" / "breaks" / "model.keras")
    assert all(np.isfinite(w).all() for w in model.get_weights())


NO_DIRECTION = "--metrics=tests.killing_models:Spread --monitor=val_spread --validation_split=0.1"
REFUSED = {
    "--keep=best": "--keep: 'val_loss' would be measured on the test set, on which no choice may "
    "be made; give --validation_split",
    "--monitor=val_accuracy": "--monitor: 'val_accuracy' would be measured on the test set",
    "--patience=3": "--patience: needs --monitor",
    "--monitor_direction=max": "--monitor_direction: needs --monitor",
    "--keep=bset": "--keep: no such choice 'bset' (did you mean 'best'?)",
    "--monitor=": "--monitor: expected a non-empty string",
    "--monitor=los": "--monitor: this run has no log 'los' (did you mean 'loss'?)",
    NO_DIRECTION: "--monitor_direction: cannot tell whether a larger or a smaller 'val_spread'",
}


@pytest.mark.parametrize("flags", REFUSED)
def test_a_run_that_cannot_tell_its_best_epoch_does_not_begin(flags, home):
    done = train(*flags.split(), "--data_source=sample", f"--log_dir={home}/none", home=home)
    assert done.returncode == 2
    assert REFUSED[flags] in done.stderr.splitlines()[-1]
    assert not (home / "none").exists()
