"""The first number that is not finite is found: which tensor, of which step, in which batch."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from covering import slow, slow_but

import mlp_lab
from mlp_lab.callbacks import NonFinite, NonFiniteError, non_finite

MODES = {
    "fused": {},
    "one step per call": {"steps_per_execution": 1},
    "7 steps per call": {"steps_per_execution": 7, "jit_compile": False},
    "xla": {"jit_compile": True},
    "eager": {"run_eagerly": True},
    "tf.data": {},
    "generator": {},
}
# The others differ from these in how many steps are in a call, or in who makes the batches.
BY_DEFAULT = ["fused", "xla", "eager", "tf.data"]
ROWS, BATCH, STEPS = 650, 32, 21  # the last batch is smaller
PLACES = {
    "activation": (33, "hidden_2"),
    "loss": (0, ""),
    "gradient": (20, "hidden_2/kernel"),
    "new weight": (20, "hidden_1/kernel"),
}
# Every place in one mode, and every mode at one place.
CASES = [("fused", place) for place in PLACES] + [
    (mode, "gradient") if mode in BY_DEFAULT else slow(mode, "gradient")
    for mode in MODES
    if mode != "fused"
]


@keras.saving.register_keras_serializable("tests")
class Faulty(mlp_lab.MLP):
    """Goes wrong in one step, in one place."""

    place, at = "", -1

    def build(self, input_shape):
        super().build(input_shape)
        layer = next(layer for layer in self.layers if layer.name == "hidden_2")
        call = layer.call

        def faulty(*args, **kwargs):
            h = call(*args, **kwargs)
            return h / keras.ops.cast(self.zero_at("activation"), h.dtype)

        layer.call = faulty

    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs) / self.zero_at("loss")

    def transform_gradients(self, gradients):
        return [g / self.zero_at("gradient") if i == 2 else g for i, g in enumerate(gradients)]

    def train_step(self, data):
        results = super().train_step(data)
        weight = self.trainable_weights[0]
        # The step has been counted by now.
        weight.assign(weight / self.zero_at("new weight", passed=1))
        return results

    def zero_at(self, place, passed=0):
        """1, but 0 in the step where this place goes wrong."""
        at = self.at + passed if place == self.place else -1
        return 1 - keras.ops.cast(keras.ops.equal(self.optimizer.iterations, at), "float32")


class Until(keras.callbacks.Callback):
    """Keeps the weights before step `at`, and ends the training there."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def on_train_begin(self, logs=None):
        self.model.observers.append(self)

    def next_step(self, step):
        return self.at

    def ran(self, steps, seconds, seen):
        if seen is not None:
            self.weights = {name: np.array(array) for name, array in seen.weights.items()}
            self.batch = tf.nest.map_structure(np.array, seen.data)

    def stopped(self):
        pass


class Counter(keras.callbacks.Callback):
    """Counts the calls that were made."""

    calls = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.calls += 1


def samples():
    rng = np.random.default_rng(0)
    return rng.normal(size=(ROWS, 4)).astype("float32"), np.arange(ROWS) % 3


def compiled(mode, place="", at=-1, **options):
    keras.utils.set_random_seed(0)
    model = Faulty((8, 6), 3, dropout=0.5)
    model.place, model.at = place, at
    model.shuffle_seed = 0
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    options = {"optimizer": "adam", "loss": loss, "metrics": ["accuracy"], **options}
    model.compile(**options, **MODES.get(mode, {}))
    model(samples()[0][:1])
    return model


def fed(mode):
    x, y = samples()
    if mode == "tf.data":
        return {"x": tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH), "shuffle": False}
    if mode == "generator":
        batches = [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, ROWS, BATCH)]
        endless = (batch for _ in range(100) for batch in batches)
        return {"x": endless, "steps_per_epoch": STEPS, "shuffle": False}
    return {"x": x, "y": y, "batch_size": BATCH}


def fit(model, mode, *callbacks):
    model.fit(**fed(mode), epochs=3, verbose=0, callbacks=list(callbacks))
    return model


def equal_weights(model, arrays):
    names = {w.path.removeprefix(f"{model.name}/"): w.numpy() for w in model.trainable_weights}
    assert names
    for name, array in names.items():
        np.testing.assert_array_equal(array, arrays[name])


@pytest.mark.parametrize(("mode", "place"), CASES)
def test_step_and_tensor_are_named_and_the_state_before_kept(mode, place, tmp_path):
    at, name = PLACES[place]
    model = compiled(mode, place, at)
    with pytest.raises(NonFiniteError) as caught:
        fit(model, mode, NonFinite(tmp_path / "found"))
    assert (caught.value.step, caught.value.kind, caught.value.name) == (at, place, name)
    assert str(caught.value).startswith(f"step {at}: the {place}")
    report = json.loads((tmp_path / "found" / "report.json").read_text())
    assert (report["step"], report["kind"], report["name"]) == (at, place, name)
    assert report["nan"] + report["inf"] > 0
    assert model.guard is None
    assert not model.observers

    # The weights and the batch are those of a run that nothing is wrong with.
    until = Until(at)
    plain = fit(compiled(mode), mode, until)
    equal_weights(model, until.weights)
    with np.load(tmp_path / "found" / "batch.npz", allow_pickle=False) as batch:
        np.testing.assert_array_equal(batch["x"], until.batch[0])
        np.testing.assert_array_equal(batch["y"], until.batch[1])
    plain.load_weights(tmp_path / "found" / "last_finite.weights.h5")
    equal_weights(plain, until.weights)


# With XLA the test above compares the guarded weights with those of a plain run.
@pytest.mark.parametrize("mode", slow_but(MODES, ["fused", "eager", "tf.data"]))
def test_nothing_changes_when_all_is_well(mode, monkeypatch):
    monkeypatch.setattr(non_finite, "_SECONDS", 0)  # a look after every call
    monkeypatch.setattr(non_finite, "_TIMES", 0)
    guarded = fit(compiled(mode), mode, NonFinite())
    plain = fit(compiled(mode), mode)
    variables = [*plain.variables, *plain.optimizer.variables]
    for a, b in zip([*guarded.variables, *guarded.optimizer.variables], variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert guarded.guard is None


def test_what_came_in_is_named_before_what_came_of_it():
    x, y = samples()
    x[5 * BATCH + 3, 2] = np.inf
    model = compiled("fused")
    with pytest.raises(NonFiniteError, match=r"step 5: the batch of part 0 .* 0 NaN and 1 inf"):
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[NonFinite()])

    model = compiled("fused")
    model.weights[1].assign([np.nan] + [0] * 7)
    with pytest.raises(NonFiniteError, match=r"step 0: the weight of hidden_1/bias .* 1 NaN"):
        fit(model, "fused", NonFinite())


def test_a_long_epoch_is_looked_at_within_it(monkeypatch):
    """By the time that has passed, and after the first call by the calls and bytes that wait."""
    for name, value in {"_SECONDS": 0, "_CALLS": 3, "_BYTES": 4 * BATCH * 24}.items():
        with monkeypatch.context() as patch:
            for limit in ("_SECONDS", "_CALLS", "_BYTES"):
                patch.setattr(non_finite, limit, 10**9)
            patch.setattr(non_finite, "_TIMES", 0)
            patch.setattr(non_finite, name, value)
            model = compiled("one step per call", "loss", 2)
            with pytest.raises(NonFiniteError):
                fit(model, "one step per call", NonFinite(), counter := Counter())
            seen = counter.calls
        assert seen == {"_SECONDS": 3, "_CALLS": 4, "_BYTES": 5}[name]


def test_several_steps_per_call_of_a_pipeline_name_no_step():
    model = compiled("", "gradient", 9, steps_per_execution=4)
    with pytest.raises(NonFiniteError, match="steps_per_execution=1") as caught:
        fit(model, "tf.data", NonFinite())
    assert caught.value.step is None
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_steps_that_a_loss_scale_leaves_out_are_no_finding(monkeypatch):
    monkeypatch.setattr(non_finite, "_SECONDS", 0)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=2.0**40)
        model = compiled("one step per call", optimizer=scaled, metrics=None)
        fit(model, "one step per call", NonFinite())
        assert float(scaled.dynamic_scale) < 2.0**40  # steps were left out
        scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=2.0**40)
        model = compiled("one step per call", "activation", 20, optimizer=scaled, metrics=None)
        with pytest.raises(NonFiniteError) as caught:
            fit(model, "one step per call", NonFinite())
        assert (caught.value.kind, caught.value.name) == ("activation", "hidden_2")
    finally:
        keras.config.set_dtype_policy("float32")


def test_what_is_set_beside_the_steps_is_told_apart():
    class Sets(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                self.model.weights[0].assign(self.model.weights[0] * np.nan)
                self.model.optimizer.learning_rate.assign(0)

    model = compiled("one step per call")
    with pytest.raises(NonFiniteError, match="a callback"):
        fit(model, "one step per call", NonFinite(), Sets())


def test_a_model_that_hides_its_step_is_refused():
    model = keras.Sequential([keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"mlp_lab\.GlassBox"):
        model.fit(np.zeros((4, 2)), np.zeros((4, 3)), verbose=0, callbacks=[NonFinite()])
