"""Statistics, probes, schedules, and the callback that brings them to TensorBoard."""

import math
import time

import events
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.util import tensor_util

import mlp_lab
from mlp_lab import losses, metrics, probes
from mlp_lab.callbacks import TensorBoard, cost, template
from mlp_lab.probes import summarize
from mlp_lab.schedules import Auto, Every

CLASSES = 3


def make_data(rows=40):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4)).astype("float32"), rng.integers(0, CLASSES, rows)


def make_model(**options):
    model = mlp_lab.MLP((6, 5), CLASSES)
    model.compile(
        keras.optimizers.SGD(0.1),
        losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[metrics.Accuracy()],
        **options,
    )
    return model


def fit(model, board, **options):
    x, y = make_data()
    return model.fit(x, y, **{"batch_size": 8, "verbose": 0, "callbacks": [board], **options})


# Statistics.


@given(
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int32, np.uint8]),
        hnp.array_shapes(min_dims=0, max_dims=3, max_side=40),
        elements=st.integers(0, 100),
    )
)
def test_statistics_of_whole_numbers_are_numpys(array):
    found, values = summarize(array), array.astype(np.float64).ravel()
    assert (found.low, found.high) == (values.min(), values.max())
    np.testing.assert_allclose(found.mean, values.mean(), rtol=1e-5)
    np.testing.assert_allclose(found.std, values.std(), atol=1e-4)
    np.testing.assert_allclose(found.norm, np.linalg.norm(values), rtol=1e-5)
    assert found.counts.sum() == values.size


def test_histogram_counts_are_numpys():
    values = np.random.default_rng(0).normal(3, 2, 100_003).astype(np.float32)
    table = summarize(values).histogram()
    counts, edges = np.histogram(values.astype(np.float64), 30)
    # Rounding in float32 moves a few of a hundred thousand across an edge.
    assert np.abs(table[:, 2] - counts).max() <= 10
    np.testing.assert_allclose(table[:, 0], edges[:-1], rtol=1e-6)
    np.testing.assert_allclose(table[:, 1], edges[1:], rtol=1e-6)


@pytest.mark.parametrize("values", [[], [2.0, 2.0], [0.0], [1.0, 2.0, 4.0, 8.0]])
def test_histogram_has_tensorboards_form(values, tmp_path):
    own = summarize(np.array(values, np.float32)).histogram()
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.histogram("x", tf.constant(values, tf.float32), step=0)
        tf.summary.flush()
    np.testing.assert_allclose(own, events.read(tmp_path)["x"][0])


def test_what_is_not_finite_is_counted_apart():
    values = np.array([1, np.nan, 2, np.inf, -np.inf, 3, np.nan, np.nan], np.float32)
    found, clean = summarize(values), summarize(np.array([1, 2, 3], np.float32))
    assert (found.nan, found.infinite) == (3, 2)
    assert found.moments == pytest.approx(clean.moments)
    np.testing.assert_array_equal(found.histogram(), clean.histogram())
    nothing = summarize(np.array([np.nan]))
    assert nothing.nan == 1
    assert not nothing.histogram().any()


@pytest.mark.parametrize(
    "values",
    [[1e30, -1e30], [3e38, -3e38], [1e-45, 0], [1.0, np.nextafter(np.float32(1), 2)]],
)
def test_extreme_numbers(values):
    found = summarize(np.array(values, np.float32))
    assert found.counts.sum() == 2
    assert found.counts[0] == found.counts[-1] == 1
    np.testing.assert_allclose(
        found.norm, np.linalg.norm(np.array(values, np.float64)), rtol=1e-5, atol=1e-44
    )


def test_half_precision_is_summed_in_float32():
    values = tf.cast(tf.fill([5000], 3.0), tf.bfloat16).numpy()
    assert summarize(values).norm == pytest.approx(3 * math.sqrt(5000), rel=1e-5)


# Serialized form.


def test_template_is_what_tensorboard_would_write():
    rng = np.random.default_rng(0)
    arrays = {f"h/{i}": summarize(rng.normal(size=50 + i)) for i in range(3)}
    arrays["h/empty"] = summarize(np.zeros(0))
    numbers = {"a": 1.5, "b/ü": float("nan"), "c": -1e300}
    found = Summary.FromString(template.summary(numbers, arrays))
    values = {value.tag: tensor_util.make_ndarray(value.tensor) for value in found.value}
    for tag, array in arrays.items():
        np.testing.assert_allclose(values[tag], array.histogram(), rtol=1e-12)
    assert values["a"] == 1.5
    assert np.isnan(values["b/ü"])
    assert values["c"] == -np.inf
    kinds = {value.tag: value.metadata.plugin_data.plugin_name for value in found.value}
    assert kinds["a"] == "scalars"
    assert kinds["h/0"] == "histograms"
    assert template.summary({}) == b""


# Schedules and cost.


def test_every_counts_from_the_start_of_the_run_not_of_fit():
    schedule = Every(5)
    assert [schedule.next_step(step) for step in (0, 1, 5, 11)] == [0, 5, 5, 15]
    for wrong in (0, -1, 1.5, True, None):
        with pytest.raises(ValueError, match="whole number of steps of at least 1"):
            Every(wrong)


@pytest.mark.parametrize(
    ("look", "step", "interval"), [(1e-3, 1e-3, 50), (1e-3, 1.0, 1), (4e-3, 1e-3, 200)]
)
def test_auto_keeps_the_share(look, step, interval):
    schedule = Auto(0.03)
    assert schedule.next_step(1) == 100
    schedule.spent(look, step)
    assert schedule.n == interval
    assert look / (interval * step) <= 0.03


def test_cost_of_looking_is_the_longer_step_and_the_probes_work():
    account = cost.Cost()
    for _ in range(9):
        account.ran(10, 10 * 1e-3, looked=False)
        account.ran(1, 3e-3, looked=True)
        account.worked(4e-3)
    account.ran(10, 99.0, looked=False)  # had to compile
    assert account.step == pytest.approx(1e-3)
    assert account.look == pytest.approx(6e-3)
    spent = 9 * 6e-3
    assert account.share == pytest.approx(spent / (spent + 109 * 1e-3))


def test_auto_keeps_the_measured_share(tmp_path):
    class Slow(probes.Probe):
        def read(self, step):
            time.sleep(0.02)
            return {"slow": 1.0}

    model = make_model(steps_per_execution=5)
    board = TensorBoard(tmp_path, "auto", probes=[Slow()])
    fit(model, board, epochs=150)
    looked = sorted(events.read(tmp_path / "train")["slow"])
    # Two hundredths of a second, where a step takes about a thousandth.
    assert looked[0] == 0
    assert len(looked) < 750 / 100


# Probes.


def test_a_probe_of_ones_own(tmp_path):
    class Sparsity(probes.Probe):
        group = "sparsity"

        def read(self, step):
            return {
                name: np.mean(np.abs(w) < 0.1)
                for name, w in step.weights.items()
                if name.endswith("kernel")
            }

    class Rows(probes.Probe):
        every = 3

        def read(self, step):
            return {"rows": np.sum(step.outputs, axis=1), "note": f"step {step.number // 6}"}

    model = make_model()
    fit(model, TensorBoard(tmp_path, 2, probes=[Sparsity(), Rows()]), epochs=2)
    found = events.read(tmp_path / "train")
    assert list(found["sparsity/hidden_1/kernel"]) == [0, 2, 4, 6, 8]
    assert 0 < found["sparsity/hidden_1/kernel"][0] < 1
    assert list(found["rows"]) == [0, 3, 6, 9]
    assert found["rows"][0][:, 2].sum() == 8
    # Texts are written when they change.
    assert {step: text.item().decode() for step, text in found["note"].items()} == {
        0: "step 0",
        6: "step 1",
    }


def test_an_error_in_a_probe_ends_fit_with_it(tmp_path):
    class Broken(probes.Probe):
        def read(self, step):
            raise RuntimeError("of mine")

    model = make_model()
    with pytest.raises(RuntimeError, match="of mine"):
        fit(model, TensorBoard(tmp_path, 1, probes=[Broken()]), epochs=3)
    assert not model.observers
    with pytest.raises(NotImplementedError, match="Probe must implement read"):
        fit(model, TensorBoard(tmp_path, 1, probes=[probes.Probe()]))


def test_dead_and_saturated_units(tmp_path):
    class Net(mlp_lab.GlassBox, keras.Sequential):
        pass

    model = Net(
        [
            keras.Input((4,)),
            keras.layers.Dense(4, "relu", name="r"),
            keras.layers.Dense(3, name="linear"),
            keras.layers.Activation("sigmoid", name="s"),
            keras.layers.Dense(CLASSES),
        ]
    )
    model.get_layer("r").bias.assign([-99.0, 5.0, -99.0, 5.0])
    model.get_layer("linear").kernel.assign(np.zeros((4, 3)))
    model.get_layer("linear").bias.assign([99.0, 0.0, 0.0])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(model, TensorBoard(tmp_path, 100))
    found = events.read(tmp_path / "train")
    assert found["units/r/dead"][0] == 0.5
    assert found["units/r/dead_units"][0].item() == b"2 of 4: 0, 2"
    assert found["units/s/saturated"][0] == pytest.approx(1 / 3)
    assert found["units/s/saturated_units"][0].item() == b"1 of 3: 0"
    assert not [tag for tag in found if tag.startswith("units/linear")]


def test_not_finite_values_in_training_leave_the_picture(tmp_path):
    class Net(mlp_lab.MLP):
        def transform_gradients(self, gradients):
            spoiled = tf.tensor_scatter_nd_update(gradients[0], [[0, 0]], [float("nan")])
            return [spoiled, *gradients[1:]]

    model = Net((6,), CLASSES)
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(model, TensorBoard(tmp_path, 100))
    found = events.read(tmp_path / "train")
    assert found["gradients/hidden_1/kernel/nan"][0] == 1
    assert found["gradients/hidden_1/kernel"][0][:, 2].sum() == 4 * 6 - 1
    assert np.isfinite(found["gradients/hidden_1/kernel/mean"][0])


# The callback.


def test_layers_are_chosen_by_a_regular_expression(tmp_path):
    fit(make_model(), TensorBoard(tmp_path, 100, layers="hidden_2|outputs"))
    tags = set(events.read(tmp_path / "train"))
    assert {"weights/hidden_2/kernel", "gradients/outputs/norm", "gradients/global_norm"} <= tags
    assert not [tag for tag in tags if "hidden_1" in tag]
    with pytest.raises(ValueError, match="not a valid regular expression"):
        TensorBoard(tmp_path, layers="(")


@pytest.mark.parametrize(
    ("update_freq", "steps"), [("batch", [0, 1, 2, 3, 4]), (2, [0, 2, 4]), ("epoch", [])]
)
def test_update_freq(update_freq, steps, tmp_path):
    fit(make_model(), TensorBoard(tmp_path, 0, update_freq=update_freq))
    found = events.read(tmp_path / "train")
    assert sorted(found.get("batch_loss", {})) == steps
    assert list(found["epoch_loss"]) == [5]
    assert not [tag for tag in found if tag.startswith("weights")]


def test_wrong_arguments(tmp_path):
    for wrong in (-1, "often", None, True):
        with pytest.raises(ValueError, match="histogram_every: expected a number of steps, 0"):
            TensorBoard(tmp_path, wrong)
    with pytest.raises(ValueError, match="update_freq: expected"):
        TensorBoard(tmp_path, update_freq="often")
    with pytest.raises(ValueError, match=r"write Weights\(\), not Weights"):
        TensorBoard(tmp_path, probes=[probes.Weights])


def test_a_plain_keras_model_is_told_the_line_to_change(tmp_path):
    x, y = make_data()

    class Mine(keras.Model):
        def call(self, inputs):
            return inputs

    inputs = keras.Input((4,))
    plain = {
        "class Net(mlp_lab.GlassBox, keras.Sequential)": keras.Sequential([keras.layers.Dense(3)]),
        "class Net(mlp_lab.GlassBox, keras.Functional)": keras.Model(inputs, inputs),
        "class Mine(mlp_lab.GlassBox, keras.Model)": Mine(),
    }
    for line, model in plain.items():
        model.compile("sgd", "mse")
        with pytest.raises(TypeError) as caught:
            model.fit(x, y, callbacks=[TensorBoard(tmp_path)], verbose=0)
        assert line in str(caught.value)


@pytest.mark.parametrize("kind", ["sequential", "functional"])
def test_mixed_in_models_are_glass(kind, tmp_path):
    if kind == "sequential":

        class Net(mlp_lab.GlassBox, keras.Sequential):
            pass

        inner = keras.Sequential([keras.layers.Dense(5, name="deep")], name="inner")
        model = Net([keras.Input((4,)), inner, keras.layers.Dense(CLASSES, name="top")])
        deep = "inner/deep"
    else:

        class Net(mlp_lab.GlassBox, keras.Model):
            pass

        inputs = keras.Input((4,))
        h = keras.layers.Dense(5, name="deep")(inputs)
        model = Net(inputs, keras.layers.Dense(CLASSES, name="top")(h))
        deep = "deep"
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(model, TensorBoard(tmp_path, 100))
    tags = set(events.read(tmp_path / "train"))
    for part in (deep, "top"):
        assert f"activations/{part}" in tags, sorted(t for t in tags if t.startswith("act"))
        for group in ("weights", "gradients", "updates"):
            assert f"{group}/{part}/kernel" in tags


def test_a_step_of_ones_own_is_seen_too(tmp_path):
    """GradientTape, another loss, gradients straight to the optimizer."""

    class Net(mlp_lab.MLP):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True)) * 3.0
                scaled = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            return {"triple": loss}

    for policy in ("float32", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        model = Net((6,), CLASSES)
        model.compile(keras.optimizers.SGD(0.1), losses.SparseCategoricalCrossentropy(True))
        x, y = make_data()
        with tf.GradientTape() as tape:
            loss = 3.0 * model.compute_loss(x, y[:8], model(x[:8]), None)
        expected = tape.gradient(loss, model.trainable_weights)
        fit(model, TensorBoard(tmp_path / policy, 100), shuffle=False)
        found = events.read(tmp_path / policy / "train")
        for weight, g in zip(model.trainable_weights, expected, strict=True):
            tag = f"gradients/{weight.path.removeprefix(model.name + '/')}/norm"
            tolerance = 1e-5 if policy == "float32" else 0.02
            assert found[tag][0] == pytest.approx(np.linalg.norm(g), rel=tolerance)
        assert "epoch_triple" in found


def test_files_are_closed_and_the_observer_gone_after_an_error(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    model = make_model()
    board = TensorBoard(tmp_path, 1)
    with pytest.raises(KeyboardInterrupt):
        fit(model, board, callbacks=[board, Stop()])
    assert not model.observers
    assert list(events.read(tmp_path / "train")["batch_loss"]) == [0, 1, 2, 3, 4]
