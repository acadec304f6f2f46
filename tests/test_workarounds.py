"""What Keras and TensorFlow do that the lab works around; these fail when they change."""

import gc
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from process import environment

import mlp_lab


def given_depth(base):
    class Net(base):
        def __init__(self, depth=1, **kwargs):
            super().__init__(**kwargs)
            self.layers_ = [keras.layers.Dense(2) for _ in range(depth)]

        def call(self, inputs):
            for layer in self.layers_:
                inputs = layer(inputs)
            return inputs

    return Net


def test_automatic_config_holds_what_was_given():
    assert given_depth(keras.Model)(depth=3).get_config()["depth"] == 1, "Keras mended it"
    net = given_depth(mlp_lab.Model)(depth=3)
    assert net.get_config()["depth"] == 3
    assert len(type(net).from_config(net.get_config()).layers_) == 3


def test_model_stays_a_base_class_whatever_it_is_given():
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(1)(inputs)

    class Mutable(mlp_lab.GlassBox, keras.Model):
        pass

    bases = Mutable.__bases__
    Mutable(inputs, outputs)
    assert Mutable.__bases__ != bases, "Keras leaves the class as it was"

    bases = mlp_lab.Model.__bases__
    with pytest.raises(TypeError, match="expected no inputs and outputs"):
        mlp_lab.Model(inputs, outputs)
    assert mlp_lab.Model.__bases__ == bases


def test_loss_tracker_is_the_first_metric_named_loss():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse", metrics=[keras.metrics.MeanAbsoluteError(name="other")])
    model.train_on_batch(np.zeros((2, 3)), np.ones((2, 1)))
    tracker = next(metric for metric in model.metrics if metric.name == "loss")
    assert tracker is model.metrics[0]
    assert isinstance(tracker, keras.metrics.Mean)
    np.testing.assert_allclose(tracker.result(), 1.0)


def run(script, home):
    command = [sys.executable, "-c", script]
    env = environment(home)
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_loading_tensorflow_writes_lines_that_quiet_import_holds_back(tmp_path):
    loud = run("import os; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'; import tensorflow", tmp_path)
    assert loud.stderr != "", "TensorFlow keeps quiet now"
    script = "from mlp_lab.quiet import quiet_import\nwith quiet_import():\n    import tensorflow\n"
    done = run(script + "import sys; print('after', file=sys.stderr)", tmp_path)
    assert done.stderr == "after\n"


def test_quiet_import_shows_what_it_held_back_when_loading_fails(tmp_path):
    script = (
        "import os\nfrom mlp_lab.quiet import quiet_import\n"
        "with quiet_import():\n    os.write(2, b'the reason'); import nowhere\n"
    )
    done = run(script, tmp_path)
    assert done.returncode == 1
    assert "the reason" in done.stderr
    assert "ModuleNotFoundError" in done.stderr


def test_another_backend_is_refused(tmp_path):
    script = "import keras; keras.backend.backend = lambda: 'jax'; import mlp_lab.models"
    done = run(script, tmp_path)
    assert done.returncode == 1
    assert "set KERAS_BACKEND=tensorflow before importing Keras" in done.stderr


def test_get_file_leaves_what_fails_its_checksum_under_the_final_name(tmp_path):
    """One reason why downloads do without it; the others are time and size without a limit."""
    source = tmp_path / "source.gz"
    source.write_bytes(b"not what was asked for")
    with pytest.raises(ValueError, match="hash"):
        keras.utils.get_file(
            "data.gz", source.as_uri(), file_hash="0" * 64, cache_dir=tmp_path, cache_subdir=""
        )
    assert (tmp_path / "data.gz").exists(), "Keras mended it"


def test_nested_layers_are_listed_once_each():
    """`Capture` relies on it: the model itself left out, every layer below, in any depth."""
    inner = keras.Sequential([keras.layers.Dense(2, name="deep")], name="inner")

    class Net(mlp_lab.Model):
        def __init__(self):
            super().__init__()
            self.parts = {"a": [inner, keras.layers.Dense(1, name="top")]}

    listed = [layer.name for layer in Net()._flatten_layers(include_self=False)]
    assert sorted(listed) == ["deep", "inner", "top"]


def test_own_compile_is_saved_and_loaded_only_with_help():
    """Keras warns and leaves such a model uncompiled; the lab's is compiled as it was."""

    class Net(keras.Sequential):
        def compile(self, *args, **kwargs):
            super().compile(*args, **kwargs)

    net = Net([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.warns(UserWarning, match="model's `compile\\(\\)` method is custom"):
        net.compile_from_config({"optimizer": "sgd", "loss": "mse"})
    assert not net.compiled
    own = mlp_lab.MLP((2,), 1)
    own.compile_from_config({"optimizer": "sgd", "loss": "mse"})
    assert own.compiled


def test_keras_fit_tells_its_data_set_before_callbacks_start():
    """Variables are made, and restored, on the form of its batches, whatever the data are."""
    seen = []

    class Told(keras.Sequential):
        def _maybe_symbolic_build(self, iterator=None, data_batch=None):
            seen.append(iterator)
            super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)

    class Starts(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append("begun")

    model = Told([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    batches = ((np.zeros((2, 3)), np.zeros((2, 1))) for _ in range(9))
    model.fit(batches, steps_per_epoch=3, shuffle=False, verbose=0, callbacks=[Starts()])
    data, begun = seen
    assert begun == "begun"
    assert [spec.shape.as_list()[1:] for spec in data._distributed_dataset.element_spec] == [
        [3],
        [1],
    ]
    assert type(data.data_adapter).__name__ == "GeneratorDataAdapter"
    assert (data.steps_per_epoch, data.num_batches) == (3, 3)


def kept_graphs(make):
    """How many graphs stay in memory after a fit of a model that `make` gives, and its end."""

    def fit():
        model = make()
        x, y = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
        model.fit(x, y, batch_size=4, verbose=0)

    def graphs():
        gc.collect()
        return sum(isinstance(each, tf.Graph) for each in gc.get_objects())

    fit()  # what is made once stays
    before = graphs()
    fit()
    return graphs() - before


class TwoOptimizers(mlp_lab.GlassBox, keras.Sequential):
    """Every other weight has an optimizer of its own."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.second = keras.optimizers.Adam()

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        weights = self.trainable_weights
        gradients = tape.gradient(loss, weights)
        self.optimizer.apply(gradients[::2], weights[::2])
        self.second.apply(gradients[1::2], weights[1::2])
        return {"loss": loss}


class Net(mlp_lab.GlassBox, keras.Sequential):
    pass


@pytest.mark.parametrize("kind", [keras.Sequential, Net, TwoOptimizers])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_tensorflow_keeps_the_graph_of_gradients_summed_over_one_replica(kind, policy):
    def make():
        model = kind([keras.layers.Dense(2), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(), "mse")
        return model

    keras.config.set_dtype_policy(policy)
    if kind is keras.Sequential:
        assert kept_graphs(make) > 0, "Keras or TensorFlow mended it: `unreduced` can go"
    else:
        assert kept_graphs(make) == 0
