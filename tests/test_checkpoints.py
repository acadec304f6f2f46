"""Checkpoints: whole or refused, and training that goes on from them as if never stopped."""

import hashlib
import random

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from covering import slow

import mlp_lab
from mlp_lab.callbacks import Checkpoints
from mlp_lab.checkpoints import CheckpointError, Store, collect, read, restore, write

ROWS, CLASSES, BATCH, EPOCHS = 90, 3, 8, 4
STEPS = -(-ROWS // BATCH)


class Killed(Exception):
    """Stands for the end of a process; see test_survival.py for the real one."""


class Kill(keras.callbacks.Callback):
    """Ends training at a step, counted over all epochs, after the compiled call it is in."""

    any_steps_per_execution = True

    def __init__(self, at):
        super().__init__()
        self.at, self.epoch = at, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch * STEPS + min(batch + 1, STEPS) > self.at:
            raise Killed


class Noise(keras.callbacks.Callback):
    """Uses the global generators, remembers what it drew, and stops by it."""

    def __init__(self):
        super().__init__()
        self.drawn = []

    def on_epoch_end(self, epoch, logs=None):
        self.drawn.append(float(np.random.normal()))
        self.model.optimizer.learning_rate.assign(0.01 + 0.001 * abs(self.drawn[-1]))

    def get_state(self):
        return {"drawn": self.drawn}

    def set_state(self, state):
        self.drawn = list(state["drawn"])


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(ROWS, 4)).astype("float32"), rng.integers(0, CLASSES, ROWS)


def train(folder, kill=None, every=1, source="arrays", mode=None, per_call=4, **options):
    """A training with all that has a state; returns all that it ends with."""
    keras.utils.set_random_seed(3)
    model = mlp_lab.MLP((8, 8), CLASSES, dropout=0.3)
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[mlp_lab.metrics.Accuracy()],
        steps_per_execution=per_call,
        **(mode or {}),
    )
    x, y = data()
    stop = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=10.0)
    noise = Noise()
    callbacks = [stop, plateau, noise]
    if kill is not None:
        callbacks.append(Kill(kill))
    if folder is not None:
        callbacks.append(Checkpoints(folder, every, say=lambda text: None, **options))
    fit: dict = {"x": x, "y": y, "batch_size": BATCH}
    if source == "tf.data":  # the batches of one epoch, in one order
        fit = {"x": tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH), "shuffle": False}
    history = model.fit(
        **fit, epochs=EPOCHS, validation_data=(x[:20], y[:20]), verbose=0, callbacks=callbacks
    ).history
    state = collect(model, [stop, plateau, noise])
    return {"history": history, **state}


def assert_equal(a, b):
    """Trees of dicts, lists, numbers and arrays, bit for bit; paths are numbered by Keras."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            if key != "path":
                assert_equal(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_equal(one, other)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


@pytest.fixture(scope="module")
def undisturbed():
    found = {}

    def of(**options):
        key = repr(sorted(options.items()))
        if key not in found:
            found[key] = train(None, **options)
        return found[key]

    return of


MODES = {
    "graph": {},
    "xla": {"mode": {"jit_compile": True}},
    "eager": {"mode": {"run_eagerly": True}},
    "one": {"per_call": 1},
    "epoch": {"per_call": STEPS},
    "tf.data": {"source": "tf.data"},
    "tf.data, xla": {"source": "tf.data", "mode": {"jit_compile": True}, "per_call": 1},
}


LATE = 2 * STEPS - 1


# By default every way to run steps, every source of data, and a kill in each of two epochs.
@pytest.mark.parametrize(
    ("mode", "kill"),
    [
        ("graph", 5), ("xla", LATE), ("eager", LATE), ("tf.data", LATE),
        slow("graph", LATE), slow("xla", 5), slow("one", LATE), slow("epoch", LATE),
        slow("tf.data, xla", LATE),
    ],
)  # fmt: skip
def test_goes_on_bit_for_bit(mode, kill, tmp_path, undisturbed):
    options = MODES[mode]
    with pytest.raises(Killed):
        train(tmp_path, kill, **options)
    assert_equal(train(tmp_path, **options), undisturbed(**options))
    assert not list(tmp_path.iterdir())  # there is nothing left to go on with


@pytest.mark.parametrize(
    ("kill", "every"),
    [(0, 1), slow(STEPS, "0s"), slow(STEPS + 1, "1m"), (3 * STEPS + 7, 7)],
)
def test_goes_on_wherever_it_was_saved_and_killed(kill, every, tmp_path, undisturbed):
    with pytest.raises(Killed):
        train(tmp_path, kill, every, per_call=1)
    assert_equal(train(tmp_path, per_call=1), undisturbed(per_call=1))


# Files.


TREE = {
    "number": 1.5,
    "infinite": float("-inf"),
    "none": None,
    "texts": ["a", "ü"],
    "arrays": [np.arange(6, dtype="float32").reshape(2, 3), np.zeros((0, 2)), np.array(True)],
    "nested": {"array": {"dict": np.array(7, "int64")}},
}


def test_a_file_gives_back_what_was_written(tmp_path):
    write(tmp_path / "a", TREE)
    assert_equal(read(tmp_path / "a"), TREE)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("value", [{1: 2}, {"a": object()}, {"a": np.array([None])}])
def test_other_values_are_refused_and_nothing_is_left(value, tmp_path):
    with pytest.raises(TypeError, match="a checkpoint"):
        write(tmp_path / "a", value)
    assert not list(tmp_path.iterdir())


def test_every_flip_and_truncation_is_found(tmp_path):
    """500 of them; a checksum knows no harmless one."""
    write(tmp_path / "good", TREE)
    good = (tmp_path / "good").read_bytes()
    draw = random.Random(0)
    for number in range(500):
        damaged = bytearray(good)
        if number % 3 == 0:
            del damaged[draw.randrange(len(good)) :]
        else:
            damaged[draw.randrange(len(good))] ^= 1 << draw.randrange(8)
        (tmp_path / "bad").write_bytes(damaged)
        with pytest.raises(CheckpointError, match="bad: damaged"):
            read(tmp_path / "bad")


def test_the_last_few_are_kept_and_damaged_ones_passed_over(tmp_path):
    said = []
    store = Store(tmp_path, keep=3, say=said.append)
    assert store.load() is None
    for step in range(5):
        store.save(step, {"step": step})
    names = [path.name for path in store.paths()]
    assert names == [f"step-{step:012d}.ckpt" for step in (4, 3, 2)]
    for path in store.paths()[:2]:
        path.write_bytes(path.read_bytes()[:-1])
    assert store.load() == {"step": 2}
    assert [line.split(":")[1].strip() for line in said] == names[:2]
    assert [path.name for path in store.paths()] == names[2:]
    store.paths()[0].write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"none of the 1 checkpoints in .* can be used"):
        store.load()


def test_a_write_that_fails_leaves_the_file_before_it(tmp_path):
    write(tmp_path / "a", {"x": 1})
    with pytest.raises(TypeError):
        write(tmp_path / "a", {"x": object()})
    assert read(tmp_path / "a") == {"x": 1}
    with pytest.raises(OSError, match="No such file"):
        write(tmp_path / "gone" / "a", {"x": 1})


# State.


def made(units=4, optimizer="sgd", metrics=()):
    model = mlp_lab.MLP((units,), CLASSES)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(True), metrics=metrics)
    x, y = data()
    model.fit(x, y, verbose=0)
    return model


def test_state_of_another_model_optimizer_or_callbacks_is_refused():
    model = made()
    state = collect(model, [keras.callbacks.EarlyStopping()])
    before = model.get_weights()
    for other, match in (
        (
            made(units=5),
            r"^outputs_layer\.kernel is float32 \[4, 3\] in the checkp.*\[5, 3\]",
        ),
        (made(optimizer="adam"), r"^this model has optimizer\._momentums\[0\] and 7 more, which"),
    ):
        with pytest.raises(CheckpointError, match=match):
            restore(other, [keras.callbacks.EarlyStopping()], state)
    counted = collect(made(metrics=["accuracy"]), [keras.callbacks.EarlyStopping()])
    with pytest.raises(CheckpointError, match=r"^the checkpoint has _compile_metrics.*\.count and"):
        restore(model, [keras.callbacks.EarlyStopping()], counted)
    with pytest.raises(CheckpointError, match=r"callbacks: .*\['EarlyStopping'\].*has \[\]"):
        restore(model, [keras.callbacks.History()], state)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_half_precision_weights_keep_their_bits(tmp_path):
    keras.config.set_dtype_policy("bfloat16")
    model = made()
    write(tmp_path / "a", collect(model, ()))
    expected = [np.array(w) for w in model.weights]
    assert expected[0].dtype == ml_dtypes.bfloat16
    for weight in model.weights:
        weight.assign(weight * 0)
    restore(model, (), read(tmp_path / "a"))
    for weight, value in zip(model.weights, expected, strict=True):
        np.testing.assert_array_equal(np.array(weight), value)


# The callback.


@pytest.mark.parametrize("every", [0, -1, True, "", "5", "1h", 1.5])
def test_intervals_that_are_none(every, tmp_path):
    with pytest.raises(ValueError, match="every: expected"):
        Checkpoints(tmp_path, every)


def test_a_plain_keras_model_is_refused(tmp_path):
    model = keras.Sequential([keras.layers.Dense(CLASSES)])
    model.compile("sgd", "mse")
    with pytest.raises(
        TypeError, match=r"Checkpoints: .*got a Sequential, .*\(mlp_lab\.GlassBox, keras\.S"
    ):
        model.fit(*data(), verbose=0, callbacks=[Checkpoints(tmp_path)])


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    x, y = data()
    x[50] = np.nan
    model = mlp_lab.MLP((4,), CLASSES)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True), steps_per_execution=1)
    model.fit(x, y, BATCH, shuffle=False, verbose=0, callbacks=[Checkpoints(tmp_path, 1, keep=9)])
    latest = Store(tmp_path).load()
    assert latest["position"]["step"] == 50 // BATCH  # those before the sample
    for variable in latest["state"]["variables"].values():
        assert np.isfinite(variable["value"]).all()


def test_keras_generator_is_where_it_is_looked_for():
    """`keras.random` without a seed: the private place that state.py reads."""
    keras.utils.set_random_seed(1)
    keras.random.normal([1])
    model = made()
    state = collect(model, ())
    first = np.array(keras.random.normal([3]))
    restore(model, (), state)
    np.testing.assert_array_equal(np.array(keras.random.normal([3])), first)


@pytest.mark.parametrize(
    "header",
    [
        b"", b"{}", b"[]", b"[" * 100_000, b'{"arrays": [], "tree": 1',
        b'{"tree": {}, "arrays": [{"dtype": "<f4", "shape": [99999, 99999, "text"]}]}',
        b'{"tree": {}, "arrays": [{"dtype": "object", "shape": [0]}]}',
    ],
    ids=range(7),
)  # fmt: skip
def test_file_with_the_right_checksum_that_write_did_not_make(header, tmp_path):
    rest = len(header).to_bytes(8, "little") + header
    content = b"mlp_lab\x01" + hashlib.sha256(rest).digest() + rest
    (tmp_path / "step-000000000001.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a checkpoint of this version"):
        Store(tmp_path, say=lambda _: None).load()
