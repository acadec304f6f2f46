"""The state of a training is found wherever a user's class keeps it: saved, resumed, rewound."""

import collections
import copy
import pickle
import random
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from covering import slow

import mlp_lab
from mlp_lab.callbacks import Checkpoints, NonFinite, NonFiniteError
from mlp_lab.checkpoints import CheckpointError, Store, collect, find, held, restore, unsaved
from mlp_lab.checkpoints.plain import decoded, encoded, is_plain

ROWS, BATCH = 60, 12
STEPS = ROWS // BATCH


def samples():
    rng = np.random.default_rng(0)
    return rng.normal(size=(ROWS, 4)).astype("float32"), rng.integers(0, 3, ROWS)


class Killed(Exception):
    """Stands for the end of a process."""


class Kill(keras.callbacks.Callback):
    """Ends training after a number of batches."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise Killed


class Pair(mlp_lab.Model):
    """Two networks, each with its optimizer, given to its own `compile`."""

    def __init__(self):
        super().__init__()
        self.g, self.d = keras.layers.Dense(4), keras.layers.Dense(1)
        self.noise = keras.random.SeedGenerator(5)

    def call(self, x):
        return self.d(self.g(x))

    def compile(self, d_optimizer, g_optimizer, **options):
        super().compile(**options)
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer

    def train_step(self, data):
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        x = x + keras.random.normal(tf.shape(x), stddev=0.1, seed=self.noise)
        losses = {}
        for name, net, sign in (("d", self.d, 1.0), ("g", self.g, -1.0)):
            with tf.GradientTape() as tape:
                loss = sign * tf.reduce_mean(tf.square(self(x) - 1.0))
            weights = net.trainable_variables
            optimizer = getattr(self, f"{name}_optimizer")
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            losses[f"{name}_loss"] = loss
        return losses


def pair(**options):
    model = Pair()
    model.compile(keras.optimizers.Adam(0.1), keras.optimizers.RMSprop(0.1), **options)
    return model


class Average:
    """An object of a class that knows nothing of Keras, with a variable and an array."""

    def __init__(self):
        self.mean, self.history = tf.Variable(0.0), np.zeros(3)

    def update(self, value):
        self.mean.assign(0.9 * self.mean + 0.1 * value)


class Keeps(mlp_lab.MLP):
    """Keeps a state in every way but Keras' own, and trains by it."""

    def __init__(self):
        super().__init__((5,), 3, dropout=0.2)
        self.steps = tf.Variable(0, dtype=tf.int64)
        self.rates = {"first": tf.Variable(1.0), "others": [tf.Variable(2.0)]}
        self.part = tf.Module()
        self.part.total = tf.Variable(0.0)
        self.generator = tf.random.Generator.from_seed(3)
        self.average = Average()

    def train_step(self, data):
        x, y = data
        self.steps.assign_add(1)
        self.part.total.assign_add(tf.reduce_sum(x))
        self.rates["others"][0].assign(0.5 * self.rates["others"][0] + 1)
        self.average.update(self.part.total)
        x = x + self.generator.normal(tf.shape(x)) * 0.1 * self.rates["others"][0]
        x = x + 0.01 * self.average.mean * tf.cast(self.steps, tf.float32)
        return super().train_step((x, y))


class Draws(mlp_lab.MLP):
    """Keeps plain Python state, in steps that run eagerly, and trains by it."""

    def __init__(self):
        super().__init__((5,), 3)
        self.count, self.phase, self.seen = 0, "warm", []
        self.recent = collections.deque(maxlen=3)
        self.sums = np.zeros(4)
        self.table = {"n": 0, 7: [1.0]}
        self.rng = np.random.default_rng(4)
        self.old_rng, self.python_rng = np.random.RandomState(4), random.Random(4)

    def train_step(self, data):
        x, y = data
        self.count += 1
        self.phase = "cold" if self.count > 6 else self.phase
        self.sums += x.numpy().sum(0)
        self.table["n"] += 2
        self.table[7].append(self.python_rng.random())
        self.later = getattr(self, "later", 0) + self.table["n"]
        self.recent.append(self.count)
        scale = self.rng.normal() + self.old_rng.normal() + self.table[7][-1] + sum(self.recent)
        scale += self.later + len(self.seen) + (self.phase == "cold")
        results = super().train_step((x + 0.01 * scale + 0.01 * self.sums.astype("float32"), y))
        self.seen.append(float(results["loss"]))
        return results


class Listed(keras.metrics.Metric):
    """A metric that keeps numbers in a `tf.Variable` and a Python list."""

    def __init__(self):
        super().__init__(name="listed")
        self.total, self.parts = tf.Variable(0.0), []

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(tf.reduce_sum(y_pred))
        self.parts.append(float(self.total))

    def result(self):
        return tf.constant(float(np.sum(self.parts)))

    def reset_state(self):
        self.total.assign(0.0)
        self.parts = []


def compiled(model, **options):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, **options)
    return model


class NoOptimizer(mlp_lab.Model):
    """`compile(optimizer=None)`; the step has its own."""

    def __init__(self):
        super().__init__()
        self.dense, self.own = keras.layers.Dense(1), [keras.optimizers.Adam(0.1)]

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self(data[0]) - tf.cast(data[1][:, None], "float32")))
        weights = self.trainable_weights
        self.own[0].apply(tape.gradient(loss, weights), weights)
        return {"error": loss}


def no_optimizer():
    model = NoOptimizer()
    model.compile(optimizer=None)
    return model


MODELS = {
    "two optimizers": pair,
    "two optimizers, eager": lambda: pair(run_eagerly=True),
    "no optimizer in compile": no_optimizer,
    "variables of the user's": lambda: compiled(Keeps()),
    "plain values": lambda: compiled(Draws(), run_eagerly=True),
    "a metric's list": lambda: compiled(mlp_lab.MLP((5,), 3), metrics=[Listed()], run_eagerly=True),
    "plain": lambda: compiled(mlp_lab.MLP((5,), 3)),
}


def endless():
    x, y = samples()
    while True:
        order = np.random.permutation(ROWS)
        for i in range(0, ROWS, BATCH):
            rows = order[i : i + BATCH]
            yield x[rows], y[rows]


class Batches(keras.utils.PyDataset):
    """Shuffles itself after every epoch."""

    def __init__(self):
        super().__init__()
        self.rows, self.rng = np.arange(ROWS), np.random.default_rng(3)

    def __len__(self):
        return STEPS

    def __getitem__(self, i):
        x, y = samples()
        rows = self.rows[BATCH * i : BATCH * i + BATCH]
        return x[rows], y[rows]

    def on_epoch_end(self):
        self.rng.shuffle(self.rows)


def frame():
    pandas = pytest.importorskip("pandas")
    x, y = samples()
    return {"x": pandas.DataFrame(x), "y": pandas.Series(y), "batch_size": BATCH}


def dataset():
    return tf.data.Dataset.from_tensor_slices(samples())


DATA = {
    "arrays": lambda: dict(zip("xy", samples(), strict=True)) | {"batch_size": BATCH},
    "class weights": lambda: {**DATA["arrays"](), "class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
    "steps of arrays": lambda: {**DATA["arrays"](), "steps_per_epoch": 3},
    "frame": frame,
    "frame in order": lambda: {**frame(), "shuffle": False},
    "array and series": lambda: {**frame(), "x": samples()[0]},
    "PyDataset": lambda: {"x": Batches()},
    "PyDataset in order": lambda: {"x": Batches(), "shuffle": False},
    "generator": lambda: {"x": endless(), "steps_per_epoch": 4, "shuffle": False},
    "shuffled tf.data": lambda: {
        "x": dataset().shuffle(ROWS, seed=2).batch(BATCH),
        "shuffle": False,
    },
    "steps of tf.data": lambda: {
        "x": dataset().shuffle(ROWS, seed=2).repeat().batch(BATCH),
        "steps_per_epoch": 4,
        "shuffle": False,
    },
}


def train(make, data, folder, *callbacks, epochs=4, said=None, **options):
    keras.utils.set_random_seed(3)
    model = make()
    model.shuffle_seed = 1
    say = (lambda text: None) if said is None else said.append
    saving = Checkpoints(folder, **{"every": 1, "say": say, **options})
    history = model.fit(
        **DATA[data](), epochs=epochs, verbose=0, callbacks=[*callbacks, saving]
    ).history
    return model, history


def assert_same(model, history, other, expected):
    assert history == expected
    a, b = collect(model, ()), collect(other, ())
    assert a["progress"] == b["progress"]
    assert a["variables"].keys() == b["variables"].keys()
    for path, taken in a["variables"].items():
        np.testing.assert_array_equal(taken["value"], b["variables"][path]["value"], path)
    assert repr(a["plain"]) == repr(b["plain"])
    assert repr(a["random"]) == repr(b["random"])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    found = {}

    def of(model, data):
        if (model, data) not in found:
            found[model, data] = train(MODELS[model], data, tmp_path_factory.mktemp("whole"))
        return found[model, data]

    return of


def check_resumed(model, data, kill, folder, undisturbed):
    with pytest.raises(Killed):
        train(MODELS[model], data, folder, Kill(kill))
    assert_same(*train(MODELS[model], data, folder), *undisturbed(model, data))


@pytest.mark.parametrize("model", MODELS)
def test_all_of_a_models_state_is_resumed(model, tmp_path, undisturbed):
    check_resumed(model, "arrays", STEPS + 3, tmp_path, undisturbed)


# Where Keras' data end before the epoch does, they do so again.
@pytest.mark.filterwarnings("ignore:.*ran out of data")
# In the middle of an epoch, and between the end of one and the beginning of the next.
@pytest.mark.parametrize(
    ("data", "kill"),
    [
        *(
            (name, 8)
            for name in DATA
            if name not in ("arrays", "steps of arrays", "frame in order", "array and series")
        ),
        slow("frame in order", 8),
        slow("array and series", 8),
        ("steps of arrays", 5),
        ("generator", 2 * STEPS + 1),
        slow("steps of arrays", 3),
        *(
            slow(name, 2 * STEPS + 1)
            for name in (
                *("class weights", "frame", "frame in order", "PyDataset"),
                *("shuffled tf.data", "steps of tf.data"),
            )
        ),
    ],
)
def test_all_data_are_resumed(data, kill, tmp_path, undisturbed):
    check_resumed("plain", data, kill, tmp_path, undisturbed)


def test_generator_and_own_state_together(tmp_path, undisturbed):
    check_resumed("variables of the user's", "generator", 10, tmp_path, undisturbed)


def test_a_functional_model_on_a_py_dataset(tmp_path, undisturbed, monkeypatch):
    glass = type("Glass", (mlp_lab.GlassBox, keras.Model), {})

    def made():
        inputs = keras.Input((4,))
        return compiled(glass(inputs, keras.layers.Dense(3)(inputs)))

    monkeypatch.setitem(MODELS, "functional", made)
    check_resumed("functional", "PyDataset", 7, tmp_path, undisturbed)


def test_another_structure_is_refused_by_name(tmp_path):
    with pytest.raises(Killed):
        train(MODELS["two optimizers"], "arrays", tmp_path, Kill(3))

    def other():
        model = Pair()
        model.compile(keras.optimizers.Adam(0.1), keras.optimizers.SGD(0.1))
        return model

    with pytest.raises(CheckpointError, match=r"has g_optimizer\._velocities\[0\].* does not have"):
        train(other, "arrays", tmp_path)


def test_what_cannot_be_saved_is_named_in_one_line(tmp_path):
    class Opaque(mlp_lab.MLP):
        def __init__(self, path):
            super().__init__((5,), 3)
            self.log = open(path, "w")  # noqa: SIM115
            self.numbers = (i for i in range(10))
            self.table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, 0.0)

        def train_step(self, data):
            x, y = data
            return super().train_step((x + tf.random.normal(tf.shape(x)), y))

    model, said = compiled(Opaque(tmp_path / "log")), []
    assert sorted(unsaved(model)) == [
        "log (TextIOWrapper)", "numbers (generator)", "table (MutableHashTable)",
    ]  # fmt: skip
    model.fit(*samples(), verbose=0, callbacks=[Checkpoints(tmp_path / "c", say=said.append)])
    model.log.close()
    (line,) = said
    assert line.startswith("checkpoints do not hold the state of log (TextIOWrapper), numbers")
    assert "tf.random in the step (RandomStandardNormal; use keras.random)" in line


def test_ctrl_c_and_fit_again_says_that_it_resumes(tmp_path):
    model, said = compiled(mlp_lab.MLP((5,), 3), steps_per_execution=1), []
    saving = Checkpoints(tmp_path, every=1, say=said.append)
    with pytest.raises(Killed):
        model.fit(*samples(), BATCH, verbose=0, callbacks=[Kill(3), saving])
    assert said == []
    model.fit(*samples(), BATCH, verbose=0, callbacks=[saving])
    assert said == [f"resumed from the checkpoint of step 2 in {str(tmp_path)!r}"]


def test_ctrl_c_before_the_second_checkpoint(tmp_path):
    """What the first steps made and changed goes back to where it was."""
    x, y = samples()
    keras.utils.set_random_seed(3)
    model = MODELS["plain values"]()
    model.shuffle_seed = 1
    saving = Checkpoints(tmp_path, every=None, say=lambda text: None)
    with pytest.raises(Killed):
        model.fit(x, y, BATCH, verbose=0, callbacks=[Kill(4), saving])
    assert (model.count, len(model.seen)) == (4, 4)
    model.fit(x, y, BATCH, verbose=0, callbacks=[saving])
    assert (model.count, len(model.seen), list(model.recent)) == (STEPS, STEPS, [3, 4, 5])


def test_large_values_that_do_not_change_are_not_saved_again(tmp_path):
    class Data(mlp_lab.MLP):
        def __init__(self, value):
            super().__init__((5,), 3)
            self.data, self.folder = np.full(2**18, value), f"run {value}"

    def fit(value, *callbacks):
        said = []
        model, _ = train(lambda: compiled(Data(value)), "arrays", tmp_path, *callbacks, said=said)
        return model, said

    with pytest.raises(Killed):
        fit(1.0, Kill(3))
    assert max(path.stat().st_size for path in Store(tmp_path).paths()) < 2**20
    model, said = fit(2.0)
    assert said[-1] == "not as in the training that is resumed: data"
    assert model.folder == "run 2.0"


def test_a_checkpoint_of_an_older_layout_is_refused(tmp_path):
    with pytest.raises(Killed):
        train(MODELS["plain"], "arrays", tmp_path, Kill(3))
    store = Store(tmp_path)
    tree = store.load()
    tree["state"]["variables"] = {"weights": [], "optimizer": [], "metrics": []}
    del tree["state"]["plain"]
    store.save(99, tree)
    with pytest.raises(CheckpointError, match="older version"):
        train(MODELS["plain"], "arrays", tmp_path)


# Values.


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2.5, 1 + 2j, "text", b"bytes", [1, [2.0]], (1, (2,)), {1, 2},
        {"a": 1, 2: [3], (4,): 5}, frozenset([3]), collections.deque([1, 2]), np.arange(3),
        np.float32(2), np.array(["a"]), tf.constant([1.0, 2.0]), tf.constant(1.5, tf.bfloat16),
    ],
    ids=repr,
)  # fmt: skip
def test_plain_values_keep_their_types(value):
    assert is_plain(value)
    again = decoded(encoded(value))
    assert type(again) is type(value)
    if isinstance(value, np.ndarray | tf.Tensor):
        assert again.dtype == value.dtype
    assert np.all(again == value)


@pytest.mark.parametrize("value", [object(), [object()], np.array([None]), threading.Lock()])
def test_others_are_not_plain(value):
    assert not is_plain(value)


def test_a_list_in_itself_is_walked_once():
    model = compiled(mlp_lab.MLP((5,), 3))
    loop: dict = {"n": 1}
    loop["self"] = loop
    vars(model)["loop"] = loop
    assert find(model).plain["loop['n']"].value == 1


def test_paths_do_not_depend_on_what_is_built_first():
    """A weight is named after its layer, also once an optimizer knows it."""
    model = pair()
    model(samples()[0])
    before = set(find(model).variables)
    model.fit(samples()[0], verbose=0)
    assert before < set(find(model).variables)
    assert {"g._kernel", "g.bias", "d._kernel", "d.bias"} <= before or {
        "g.kernel", "g.bias", "d.kernel", "d.bias"
    } <= before  # fmt: skip


def test_nothing_of_the_labs_and_keras_own_is_taken_for_the_users():
    model, _ = MODELS["plain"](), None
    model.fit(*samples(), verbose=0, validation_data=samples())
    model.predict(samples()[0], verbose=0)
    assert find(model).plain == {}


def test_eager_random_operations_go_on():
    """TensorFlow's place that memory.py reads has no public name."""
    keras.utils.set_random_seed(1)
    model = MODELS["plain"]()
    state = collect(model, ())
    first = tf.random.normal([3]).numpy()
    restore(model, (), state)
    np.testing.assert_array_equal(tf.random.normal([3]).numpy(), first)


# Held in memory.


def test_what_is_held_is_put_back():
    x, y = samples()
    model = compiled(Draws(), run_eagerly=True, metrics=[Listed()])
    model.fit(x[:BATCH], y[:BATCH], verbose=0)
    before, seen = collect(model, ()), model.seen
    with held(model):
        model.train_step((tf.constant(x), tf.constant(y)))
        model.added = 3
        assert len(model.seen) == 2
    after = collect(model, ())
    assert model.seen is seen
    assert not hasattr(model, "added")
    assert repr(after) == repr(before)


@pytest.mark.parametrize("model", [name for name in MODELS if name != "a metric's list"])
def test_non_finite_names_the_step_whatever_the_state(model):
    """It repeats steps from the state that it kept: all of it, or another step is named."""
    x, y = samples()
    x[3 * BATCH + 1] = np.nan
    made = MODELS[model]()
    with pytest.raises(NonFiniteError) as caught:
        made.fit(x, y, BATCH, shuffle=False, verbose=0, callbacks=[NonFinite()])
    assert (caught.value.step, caught.value.kind) == (3, "batch")
    assert made.training_progress.steps == 3


def test_non_finite_at_a_number_that_the_state_decides(tmp_path):
    """The step divides by zero when the model's own count says so."""

    class Counts(mlp_lab.MLP):
        def __init__(self):
            super().__init__((5,), 3)
            self.left = tf.Variable(4.0)

        def train_step(self, data):
            x, y = data
            self.left.assign_sub(1.0)
            return super().train_step((x / self.left, y))

    model = compiled(Counts())
    with pytest.raises(NonFiniteError) as caught:
        model.fit(*samples(), BATCH, verbose=0, callbacks=[NonFinite()])
    assert caught.value.step == 3
    assert float(model.left) == 0.0


def test_non_finite_on_sparse_and_ragged_batches(tmp_path):
    class Sums(mlp_lab.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def build(self, shape):
            self.dense.build((None, 1))

        def call(self, x):
            return self.dense(tf.reduce_mean(x, axis=1, keepdims=True))

    rows = tf.ragged.constant([[float(i)] * (1 + i % 3) for i in range(39)] + [[np.nan]])
    data = tf.data.Dataset.from_tensor_slices((rows, np.ones((40, 1), "float32"))).batch(10)
    model = Sums()
    model.build(None)
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    with pytest.raises(NonFiniteError) as caught:
        model.fit(data, shuffle=False, verbose=0, callbacks=[NonFinite(tmp_path)])
    assert (caught.value.step, caught.value.kind) == (3, "batch")
    with np.load(tmp_path / "batch.npz") as batch:
        assert {"x_0", "x_1", "y"} == set(batch)


# Other file systems, copies, order.


def test_checkpoints_and_findings_on_another_file_system(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = f"ram://{tmp_path.name}/run"
    name = "plain"
    with pytest.raises(Killed):
        train(MODELS[name], "arrays", folder, Kill(7), keep=3)
    store = Store(folder, keep=3)
    assert [path.name for path in store.paths()] == [f"step-{step:012d}.ckpt" for step in (6, 5, 4)]
    newest = store.paths()[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    said: list[str] = []
    model, history = train(MODELS[name], "arrays", folder, said=said, delete=False)
    assert [line.split(":")[0] for line in said[:1]] == ["checkpoint not used"]
    assert said[1] == f"resumed from the checkpoint of step 5 in {folder!r}"
    assert tf.io.gfile.exists(f"{folder}/step-000000000006.damaged")
    assert_same(model, history, *train(MODELS[name], "arrays", tmp_path / "local"))
    Store(folder).clear()
    assert Store(folder).load() is None

    x, y = samples()
    x[0] = np.nan
    with pytest.raises(NonFiniteError):
        model.fit(x, y, verbose=0, callbacks=[NonFinite(f"{folder}/found")])
    found = {"report.json", "batch.npz", "last_finite.weights.h5"}
    assert set(tf.io.gfile.listdir(f"{folder}/found")) == found
    assert [path.name for path in tmp_path.iterdir()] == ["local"]


def test_events_on_another_file_system_are_cut_back(tmp_path):
    folder = f"ram://{tmp_path.name}"
    events = f"{folder}/train/events.out.tfevents.1.mine"
    tf.io.gfile.makedirs(f"{folder}/train")

    class Writes(keras.callbacks.Callback):
        owner = "mine"

        def on_train_batch_end(self, batch, logs=None):
            with tf.io.gfile.GFile(events, "ab") as file:
                file.write(b"x")

    options = {"events": folder, "delete": False, "every": 2}
    with pytest.raises(Killed):
        train(MODELS["two optimizers"], "arrays", folder, Writes(), Kill(4), **options)
    train(MODELS["two optimizers"], "arrays", folder, Writes(), epochs=1, **options)
    # Two bytes at the checkpoint; then those of all of the epoch's batches.
    with tf.io.gfile.GFile(events, "rb") as file:
        assert len(file.read()) == 2 + STEPS


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_is_a_callback_that_has_not_been_used(copied, tmp_path):
    x, y = samples()
    model = compiled(mlp_lab.MLP((5,), 3))
    saving = Checkpoints(tmp_path / "a", every=3, keep=4, delete=False, say=lambda text: None)
    for original in (saving, NonFinite(tmp_path / "b")):
        before = copied(original)
        model.fit(x, y, BATCH, verbose=0, callbacks=[original])
        for other in (before, copied(original)):
            assert type(other) is type(original)
            assert getattr(other, "step", 0) == 0
            model.fit(x, y, BATCH, verbose=0, callbacks=[other])
    again = copied(saving)
    assert (again.store.folder, again.store.keep) == (tmp_path / "a", 4)


class Counter(keras.callbacks.Callback):
    """Counts batches, and remembers the count."""

    def __init__(self):
        super().__init__()
        self.begun = self.ended = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.begun += 1

    def on_train_batch_end(self, batch, logs=None):
        self.ended += 1
        # One that acts on what it counts.
        self.model.optimizer.learning_rate.assign(0.1 / self.ended)

    def get_state(self):
        return {"begun": self.begun, "ended": self.ended}

    def set_state(self, state):
        self.begun, self.ended = state["begun"], state["ended"]


@pytest.mark.parametrize(
    ("first", "data"),
    [
        *((True, "arrays"), (False, "generator"), slow(False, "arrays"), slow(True, "generator")),
        *(slow(first, "PyDataset") for first in (True, False)),
    ],
)
def test_callbacks_that_count_batches_on_either_side(first, data, tmp_path):
    def fit(folder, *kill):
        keras.utils.set_random_seed(3)
        model, counter = compiled(mlp_lab.MLP((5,), 3)), Counter()
        model.shuffle_seed = 1
        saving = Checkpoints(folder, every=1, say=lambda text: None)
        callbacks = [saving, counter] if first else [counter, saving]
        model.fit(**DATA[data](), epochs=3, verbose=0, callbacks=[*callbacks, *kill])
        return counter.get_state(), model.get_weights()

    expected, weights = fit(tmp_path / "whole")
    with pytest.raises(Killed):
        fit(tmp_path / "broken", Kill(7))
    got, resumed = fit(tmp_path / "broken")
    assert got == expected
    for a, b in zip(resumed, weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_keras_backup_and_restore_keeps_the_order_of_samples(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise Killed

    class Orders(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            orders.append(self.model.sample_order(epoch))

    def fit(folder, *callbacks):
        keras.utils.set_random_seed(1)
        model = compiled(mlp_lab.MLP((5,), 3))
        model.shuffle_seed = 7
        backup = keras.callbacks.BackupAndRestore(folder)
        model.fit(*samples(), BATCH, 4, 0, callbacks=[backup, *callbacks, Orders()])
        return model.get_weights()

    orders: list = []
    expected = fit(tmp_path / "whole")
    orders.clear()
    with pytest.raises(Killed):
        fit(tmp_path / "broken", Stop())
    got = fit(tmp_path / "broken")
    assert orders == [(7, epoch) for epoch in range(4)]
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
