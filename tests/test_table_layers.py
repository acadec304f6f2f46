"""The layers for tables, against NumPy, scikit-learn and inputs that nobody should give."""

import json
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from blocks import assert_close, numpy64
from covering import slow
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.preprocessing import OneHotEncoder, RobustScaler

import mlp_lab
from mlp_lab import layers, losses
from mlp_lab.data import Dataset, Origin
from mlp_lab.errors import InputError
from mlp_lab.options.config import Config
from mlp_lab.tables import Input
from mlp_lab.training import parts
from mlp_lab.user_data import TableDataset

EMBEDDINGS = ["none", "periodic", "piecewise_linear"]
INPUTS = [
    Input("size", "number"),
    Input("color", "category", 5),
    Input("town", "category", 14),
    Input("age", "number"),
    Input("always 7", "number"),
]


def rows(n=60, seed=0):
    """Encoded rows: numbers far from 0 with missing ones, few words, many words, a constant."""
    rng = np.random.default_rng(seed)
    x = np.stack(
        [
            1e9 + rng.normal(size=n),
            rng.integers(2, 5, n),
            rng.integers(0, 14, n),
            np.exp(rng.normal(size=n)),
            np.full(n, 7.0),
        ],
        axis=1,
    )
    x[::9, 3] = np.nan
    return x


def made(embedding="none", **options):
    keras.utils.set_random_seed(0)
    return layers.TablePreprocessing.from_data(INPUTS, rows(), embedding, **options)


class TestRobustScale:
    def test_statistics_are_those_of_numpy_and_scikit_learn(self):
        x = rows()[:, [0, 3]]
        layer = layers.RobustScale.from_data(x)
        first, median, third = np.nanpercentile(x, [25, 50, 75], axis=0)
        np.testing.assert_array_equal(layer.centers, median)
        np.testing.assert_array_equal(layer.scales, 1 / (third - first))
        theirs = RobustScaler().fit(x)
        np.testing.assert_allclose(layer.centers, theirs.center_, rtol=1e-15)
        np.testing.assert_allclose(layer.scales, 1 / theirs.scale_, rtol=1e-7)
        z = np.nan_to_num(theirs.transform(x))
        assert_close(layer(x), z / np.sqrt(1 + (z / 3) ** 2))

    @pytest.mark.parametrize(
        ("column", "center", "scale"),
        [
            ([5.0, 5, 5, 5, 5, 5, 5, 9], 5, 2 / 4),  # equal quartiles: by the range
            ([4.0, 4, 4], 4, 0),
            ([np.nan, np.nan], 0, 0),
            ([np.inf, -np.inf, np.nan], 0, 0),
            ([1.0, np.inf, 3, -np.inf, 2, np.nan], 2, 1),  # by what is finite
            ([-1.7e308, 1.7e308], 0, 1 / 1.7e308),
            ([0, 5e-324], 0, float(np.finfo("f8").max)),
            ([3.0], 3, 0),
        ],
    )
    def test_columns_at_the_edge(self, column, center, scale):
        layer = layers.RobustScale.from_data(np.array(column)[:, None])
        assert layer.centers == [pytest.approx(center)]
        assert layer.scales == [pytest.approx(scale)]
        assert np.isfinite(layer(np.array(column)[:, None])).all()

    def test_distance_of_neighbors_far_from_zero(self):
        """In float32, all of these are 1e9."""
        x = 1e9 + np.array([[-1.0], [0], [1]])
        layer = layers.RobustScale([1e9], [1.0])
        expected = np.array([[-1.0], [0], [1]]) / np.sqrt(1 + 1 / 9)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-6)
        traced = tf.function(layer, input_signature=[tf.TensorSpec([None, 1], "float64")])
        np.testing.assert_allclose(traced(x), expected, rtol=1e-6)

    def test_bound(self):
        layer = layers.RobustScale([0.0], [1.0], clip=2.0, dtype="float64")
        x = np.array([[np.inf], [-np.inf], [1e308], [-1e9], [np.nan], [1e5]])
        expected = [[2], [-2], [2], [-2], [0], [1e5 / np.sqrt(1 + 1e10 / 4)]]
        np.testing.assert_allclose(layer(x), expected, rtol=1e-15)

    def test_whole_numbers_are_taken(self):
        layer = layers.RobustScale([100.0], [0.1])
        assert_close(layer(np.array([[255], [0]], "uint8")), layer(np.array([[255.0], [0.0]])))

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (([1.0], [1.0, 2.0]), "an entry for each column in every list, but centers has 1"),
            (([np.nan], [1.0]), "centers: expected finite numbers, got nan"),
            (([1.0], [-1.0]), "scales: expected numbers of at least 0, got -1.0"),
            (([1.0], [1.0], 0.0), "clip: expected a finite number above 0, got 0.0"),
        ],
    )
    def test_arguments_are_checked(self, arguments, words):
        with pytest.raises(ValueError, match=words):
            layers.RobustScale(*arguments)


class TestCategories:
    strange = np.array([[-1.0], [1.0], [2.5], [np.nan], [np.inf], [-np.inf], [5], [1e300], [-0.5]])

    def test_one_hot_of_scikit_learn(self):
        ids = np.random.default_rng(1).integers(2, 5, (20, 2)).astype(float)
        layer = layers.OneHot([5, 5], [False, False])
        theirs = OneHotEncoder(categories=[[2, 3, 4]] * 2, sparse_output=False)
        np.testing.assert_array_equal(layer(ids), theirs.fit_transform(ids))

    def test_what_is_no_id_is_unseen(self):
        one_hot, embedding = layers.OneHot([5], [True]), layers.CategoryEmbedding([5], dim=3)
        np.testing.assert_array_equal(one_hot(self.strange), np.zeros((9, 4)))
        np.testing.assert_array_equal(embedding(self.strange), np.zeros((9, 3)))
        np.testing.assert_array_equal(
            one_hot(np.array([[0.0], [4.0]])), [[1, 0, 0, 0], [0, 0, 0, 1]]
        )

    def test_start_of_an_embedding(self):
        """Words are told apart, missing and unseen add nothing."""
        layer = layers.CategoryEmbedding([40, 300], dim=5)
        layer.build((None, 2))
        values = numpy64(layer.embedding)
        assert not values[[0, 1, 40, 41]].any()
        words = np.delete(values, [0, 1, 40, 41], axis=0)
        assert np.all(words != 0)
        assert words.std() == pytest.approx(1, abs=0.1)

    def test_only_the_rows_of_a_batch_get_a_gradient(self):
        layer = layers.CategoryEmbedding([4, 3], dim=2)
        layer.build((None, 2))
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(layer(np.array([[2.0, 1.0], [2.0, 0.0]])))
        gradient = tf.convert_to_tensor(tape.gradient(value, layer.embedding.value))
        np.testing.assert_array_equal(numpy64(gradient)[:, 0], [0, 0, 2, 0, 1, 1, 0])


class TestEmbeddingsOfNumbers:
    def test_start_of_the_periodic_one(self):
        layer = layers.PeriodicEmbedding(5, frequencies=400, sigma=0.1)
        layer.build((None, 3))
        assert numpy64(layer.frequency).std() == pytest.approx(0.1, rel=0.1)
        assert np.abs(layer.phase).max() == pytest.approx(np.pi, rel=0.01)
        assert np.abs(layer.kernel).max() == pytest.approx(1 / 20, rel=0.01)

    def test_edges_are_quantiles(self):
        x = np.random.default_rng(2).normal(size=(500, 1))
        layer = layers.PiecewiseLinearEmbedding.from_data(x, bins=8)
        np.testing.assert_allclose(layer.edges[0], np.quantile(x, np.linspace(0, 1, 9)))

    def test_repeated_and_missing_numbers_make_fewer_bins(self):
        x = np.array([[0.0, np.nan, 1], [0, np.nan, 1], [0, np.nan, 1], [1, np.nan, 1 + 1e-9]])
        layer = layers.PiecewiseLinearEmbedding.from_data(x, bins=4)
        assert layer.edges == [[0.0, 0.25, 1.0], [], [1.0]]
        assert layer(np.zeros((2, 3), "float32")).shape == (2, 12)

    def test_it_learns_a_function_that_no_line_fits(self):
        """The bins are linear in the bin, so a linear model on them fits the corners exactly."""
        x = np.linspace(-1, 1, 41)[:, None]
        layer = layers.PiecewiseLinearEmbedding([[-1.0, 0.0, 1.0]], dim=2, dtype="float64")
        layer.build((None, 1))
        layer.kernel.assign([[[-1.0], [1.0]]])
        layer.bias.assign([[1.0]])
        np.testing.assert_allclose(numpy64(layer(x))[:, 1], np.abs(x[:, 0]), atol=1e-12)

    @pytest.mark.parametrize("edges", [[[1.0, 1.0]], [[2.0, 1.0]], [[0.0, np.nan]]])
    def test_edges_are_checked(self, edges):
        with pytest.raises(ValueError, match="edges: expected"):
            layers.PiecewiseLinearEmbedding(edges)

    @pytest.mark.parametrize("dim", [1, 2.0, True, None])
    def test_dim_is_checked(self, dim):
        with pytest.raises(ValueError, match="dim: expected a whole number of at least 2"):
            layers.PeriodicEmbedding(dim)


class TestTablePreprocessing:
    def test_features_in_their_order(self):
        x = rows()
        layer = made()
        y = numpy64(layer(x))
        assert y.shape == (60, 3 + 1 + 3 + 8) == layer.compute_output_shape((60, 5))
        numbers = [0, 3, 4]
        assert_close(y[:, :3], layers.RobustScale.from_data(x[:, numbers])(x[:, numbers]))
        np.testing.assert_array_equal(y[:, 2], 0)
        np.testing.assert_array_equal(y[:, 3], np.isnan(x[:, 3]))
        np.testing.assert_array_equal(y[:, 4:7], x[:, [1]] == [2, 3, 4])
        embedding = numpy64(layer.category_embedding.embedding)
        np.testing.assert_array_equal(y[:, 7:], embedding[x[:, 2].astype(int)])

    @pytest.mark.parametrize("embedding", EMBEDDINGS)
    def test_missing_only_later_is_the_median(self, embedding):
        """No feature for it, which would be 0 throughout training; nor one for a category."""
        layer = made(embedding)
        x = rows()[:2]
        x[:, 0] = np.nan, layer.numbers["centers"][0]
        x[1, 1:] = x[0, 1:]
        x[:, 3] = 1.0
        first, second = numpy64(layer(x))
        np.testing.assert_array_equal(first, second)

    @settings(max_examples=30)
    @given(
        x=arrays.arrays(
            st.sampled_from(["float32", "float64"]),
            st.tuples(st.integers(1, 4), st.just(5)),
            elements=st.floats(width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 2, 13, -1]),
        ),
        embedding=st.sampled_from(EMBEDDINGS),
    )
    def test_finite_for_any_input(self, x, embedding):
        layer = _kept(embedding)
        y = numpy64(layer(x))
        assert np.isfinite(y).all()
        assert np.abs(y).max() < 20
        assert_close(y[:1], layer(x[:1]), scale=4)

    @settings(max_examples=25)
    @given(
        x=arrays.arrays("float64", st.tuples(st.integers(1, 9), st.just(3)), elements=st.floats()),
        embedding=st.sampled_from(EMBEDDINGS),
    )
    def test_finite_after_any_training_data(self, x, embedding):
        inputs = [Input("a", "number"), Input("b", "category", 12), Input("c", "number")]
        layer = layers.TablePreprocessing.from_data(inputs, x, embedding)
        assert np.isfinite(layer(x)).all()
        assert np.isfinite(layer(rows()[:4, :3])).all()
        json.dumps(layer.get_config(), allow_nan=False)

    @pytest.mark.parametrize("embedding", EMBEDDINGS)
    def test_config_and_copy(self, embedding):
        layer = made(embedding, embedding_dim=3, most_one_hot=2)
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
        again = keras.saving.deserialize_keras_object(config, safe_mode=True)
        assert again.get_config() == layer.get_config()
        x = rows(seed=1)
        layer(x), again(x)
        again.set_weights(layer.get_weights())
        np.testing.assert_array_equal(again(x), layer(x))

    def test_only_numbers_and_only_categories(self):
        x = rows()
        numbers = layers.TablePreprocessing.from_data(INPUTS[:1], x[:, :1])
        assert numbers(x[:, :1]).shape == (60, 1)
        words = layers.TablePreprocessing.from_data(INPUTS[1:2], x[:, 1:2], "periodic")
        assert words(x[:, 1:2]).shape == (60, 3)

    @pytest.mark.parametrize(
        ("inputs", "x", "options", "words"),
        [
            (INPUTS, rows()[:, :4], {}, r"x: expected \[rows, 5\] with rows, got \[60, 4\]"),
            (INPUTS, rows()[:0], {}, r"x: expected .* got \[0, 5\]"),
            (INPUTS, rows(), {"numerical_embedding": "cosine"}, "expected one of none, periodic"),
            (INPUTS, rows(), {"most_one_hot": -1}, "most_one_hot: expected a whole number"),
            ([Input("a", "category", 2)], np.ones((3, 1)), {}, "categories without a word"),
            ([Input("a", "category", 1)], np.ones((3, 1)), {}, "sizes: expected a whole number"),
        ],
    )
    def test_what_it_is_made_from_is_checked(self, inputs, x, options, words):
        with pytest.raises(ValueError, match=words):
            layers.TablePreprocessing.from_data(inputs, x, **options)

    def test_lists_are_checked(self):
        numbers = {"columns": [0], "centers": [0.0], "scales": [1.0], "missing": [False]}
        nothing = {"columns": [], "sizes": [], "missing": []}
        for bad, words in (
            ({**numbers, "columns": [1]}, "expected 0, 1, 2, ... in some order"),
            ({**numbers, "scales": []}, r"but numbers\['columns'\] has 1, .*\['scales'\] has 0"),
            ({"columns": [0]}, "numbers: expected columns, centers, scales, missing, got columns"),
        ):
            with pytest.raises(ValueError, match=words):
                layers.TablePreprocessing(bad, nothing)

    def test_another_number_of_columns_is_refused(self):
        with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 5"):
            made()(rows()[:, :4])


_LAYERS = {}


def _kept(embedding):
    """One layer for all examples of a property."""
    if embedding not in _LAYERS:
        _LAYERS[embedding] = made(embedding)
    return _LAYERS[embedding]


class TestInUnits:
    def test_large_units_in_half_precision(self):
        layer = layers.InUnits([70_000.0], [30_000.0], dtype="mixed_float16")
        y = layer(np.array([[1.0], [-1.0]], "float16"))
        assert y.dtype == "float32"
        np.testing.assert_array_equal(y, [[100_000], [40_000]])

    @pytest.mark.parametrize(
        ("mean", "scale", "words"),
        [
            ([0.0], [0.0], "scale: expected a finite number above 0, got 0.0"),
            ([0.0, 1.0], [1.0], "mean has 2, scale has 1"),
            ([np.inf], [1.0], "mean: expected finite numbers, got inf"),
        ],
    )
    def test_arguments_are_checked(self, mean, scale, words):
        with pytest.raises(ValueError, match=words):
            layers.InUnits(mean, scale)


def test_scale_learns_faster_by_its_factor():
    """One step of Adam moves the factor of each feature by learning rate times rate_factor."""
    for rate_factor in (1.0, 6.0):
        layer = layers.Scale(rate_factor)
        layer.build((None, 3))
        x = np.array([[1.0, -2.0, 30.0]], "float32")
        np.testing.assert_array_equal(layer(x), x)
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(layer(x))
        gradient = tape.gradient(value, layer.change.value)
        keras.optimizers.Adam(0.01).apply([gradient], [layer.change])
        moved = 1 + 0.01 * rate_factor * np.array([-1, 1, -1])
        np.testing.assert_allclose(layer.scale, moved, rtol=1e-5)


def network(embedding="periodic", **options):
    return mlp_lab.MLP(
        (8,), num_outputs=2, activation="selu", preprocessing=made(embedding), input_scaling=True,
        parametrization="ntk", **options,
    )  # fmt: skip


class TestMLP:
    def test_learns_what_float32_cannot_hold(self, tmp_path):
        """The class is the sign of a number's distance to 1e9. Saved and loaded, bit for bit."""
        x = rows(200)
        y = (x[:, 0] > 1e9).astype("int32")
        model = network("none")
        model.compile(
            keras.optimizers.Adam(0.03),
            losses.SparseCategoricalCrossentropy(True),
            metrics=["accuracy"],
        )
        logs = model.fit(x, y, epochs=8, validation_data=(x, y), verbose=0).history
        assert min(logs["accuracy"][-1], logs["val_accuracy"][-1]) > 0.95
        outputs = model.predict(x, verbose=0)
        assert np.mean(outputs.argmax(axis=1) == y) == pytest.approx(logs["val_accuracy"][-1])
        np.testing.assert_allclose(outputs, model(x), rtol=1e-4, atol=1e-4)
        model.save(tmp_path / "model.keras")
        loaded = mlp_lab.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(loaded.predict(x, verbose=0), outputs)

    @pytest.mark.parametrize(
        "options", [{"run_eagerly": True}, slow({"jit_compile": True})], ids=["eager", "jit"]
    )
    def test_modes(self, options):
        """One step gives the weights of a step in a graph."""
        x, y = rows(12), np.arange(12) % 2
        models = [network(), network()]
        for model, how in zip(models, (options, {"jit_compile": False}), strict=True):
            keras.utils.set_random_seed(1)
            model(x)
            model.compile("sgd", losses.SparseCategoricalCrossentropy(True), **how)
            model.fit(x, y, shuffle=False, verbose=0)
        for a, b in zip(*(model.weights for model in models), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        # Keras' own way, batch by batch, as also where a model is not compiled.
        outputs = models[0].predict(x, verbose=0)
        np.testing.assert_allclose(outputs, models[0](x), rtol=1e-4, atol=1e-5)

    def test_ways_of_keras_that_would_round_are_refused(self):
        x, y = rows(), np.zeros(60)
        model = network()
        model.compile("sgd", losses.SparseCategoricalCrossentropy(True))
        words = "float64 inputs: expected .* give a tf.data.Dataset or float32 arrays"
        with pytest.raises(ValueError, match=words):
            model.fit(x, y, class_weight={0: 2.0}, verbose=0)
        with pytest.raises(ValueError, match=words):
            model.fit(tf.data.Dataset.from_tensors((x, y)), validation_data=(x, y), verbose=0)
        with pytest.raises(ValueError, match=words):
            model.evaluate(x, y, steps=1, verbose=0)

    def test_forward_equals_numpy(self):
        model = network(in_units=([5.0, -3.0], [2.0, 10.0]))
        x = rows()
        y = model(x)
        assert [layer.name for layer in model.layers] == [
            model.preprocessing.name, "input_scaling", "hidden_1", "outputs", "in_units",
        ]  # fmt: skip
        model.scaling.change.assign(np.linspace(-0.1, 0.1, model.scaling.change.shape[0]))
        y = model(x)
        h = numpy64(model.preprocessing(x)) * (1 + 6 * numpy64(model.scaling.change))
        for layer in (*model.hidden, model.outputs_layer):
            h = h / np.sqrt(h.shape[1]) @ numpy64(layer.kernel) + numpy64(layer.bias)
            if layer is not model.outputs_layer:
                alpha, scale = 1.6732632423543772, 1.0507009873554805
                h = scale * np.where(h > 0, h, alpha * np.expm1(np.minimum(h, 0)))
        assert_close(y, h * [2, 10] + [5, -3], scale=10)

    def test_float64_inputs_are_cast_where_the_model_casts(self):
        """Without a preprocessing, as ever."""
        assert mlp_lab.MLP((4,), 3).autocast
        assert not network().autocast

    @pytest.mark.parametrize("policy", [slow("mixed_bfloat16"), "mixed_float16", slow("float64")])
    def test_precisions(self, policy):
        keras.config.set_dtype_policy(policy)
        model = network("piecewise_linear")
        model.compile("sgd", losses.SparseCategoricalCrossentropy(True), run_eagerly=True)
        logs = model.fit(rows(), np.arange(60) % 2, verbose=0).history
        assert np.isfinite(logs["loss"]).all()
        assert model(rows()).dtype == keras.dtype_policies.get(policy).compute_dtype

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"num_outputs": 0}, "units: expected a whole number of at least 1, got 0"),
            ({"parametrization": "mup"}, "parametrization: expected standard or ntk, got 'mup'"),
            ({"in_units": ([0.0], [-1.0])}, "scale: expected a finite number above 0"),
        ],
    )
    def test_arguments_are_checked(self, options, words):
        with pytest.raises(ValueError, match=words):
            mlp_lab.MLP(**options)

    def test_num_outputs_comes_before_num_classes(self):
        assert mlp_lab.MLP((), 10, num_outputs=1)(np.zeros((2, 3))).shape == (2, 1)


@pytest.mark.parametrize("width", [1, 50])
def test_ntk_starts_equal(width):
    """The kernel is sqrt(d) times as large, and divided again in the call."""
    dense = {}
    for kind in ("standard", "ntk"):
        keras.utils.set_random_seed(3)
        dense[kind] = layers.Dense(4, parametrization=kind)
        dense[kind].build((None, width))
    x = np.random.default_rng(0).normal(size=(6, width)).astype("float32")
    assert_close(dense["ntk"](x), dense["standard"](x), scale=4)
    assert_close(dense["ntk"].kernel, numpy64(dense["standard"].kernel) * np.sqrt(width))
    assert_close(dense["ntk"](np.arange(width)[None]), dense["standard"](np.arange(width)[None]),
                 scale=100)  # fmt: skip
    with pytest.raises(ValueError, match="parametrization: expected standard or ntk, got 'NTK'"):
        layers.Dense(4, parametrization="NTK")


class NoTable(mlp_lab.Model):
    """A model for pixels."""

    def __init__(self, num_classes=10, input_scale=1.0):
        super().__init__()


class TestOptions:
    @staticmethod
    def dataset(x, kind=Dataset, **more):
        origin = Origin("data" if more else "sample", "", {}, False, {})
        y = np.zeros(len(x), "int32")
        return kind("some", x, y, x, y, ("a", "b", "c"), origin, **more)

    @property
    def images(self):
        return self.dataset(np.zeros((4, 2, 2), "uint8"))

    @property
    def table(self):
        return self.dataset(rows(), TableDataset, schema=SimpleNamespace(inputs=INPUTS))

    def test_they_reach_the_model(self):
        config = Config(parametrization="ntk", input_scaling=True, activation="mish")
        model = parts.model(config, self.images)
        assert model.outputs_layer.parametrization == "ntk"
        assert model.scaling.rate_factor == 6
        assert model.activation is keras.activations.mish
        assert model.input_scale == 1 / 255
        assert model(np.zeros((2, 2, 2), "uint8")).shape == (2, 3)

    def test_a_table_gets_a_preprocessing(self):
        config = Config(numerical_embedding="periodic", embedding_dim=3)
        model = parts.model(config, self.table)
        assert model.preprocessing.embedding.dim == 3
        assert model.preprocessing.category_embedding.dim == 3
        assert model(rows()).shape == (60, 3)
        plain = parts.model(Config(), self.table)
        assert plain.preprocessing.embedding is None
        assert plain.preprocessing.category_embedding.dim == 8

    @pytest.mark.parametrize("activation", ["selu", "gelu", "mish", "swish"])
    def test_activations_of_keras_by_name(self, activation):
        model = parts.model(Config(activation=activation), self.images)
        assert model.activation is keras.activations.get(activation)

    @pytest.mark.parametrize(
        ("options", "inputs", "option", "words"),
        [
            ({"embedding_dim": 4}, (), "embedding_dim", "is for numbers of a table"),
            ({"numerical_embedding": "none"}, (), "numerical_embedding", "is for numbers"),
            ({"model": f"{__name__}:NoTable"}, INPUTS, "model", "an argument preprocessing"),
            ({"model": f"{__name__}:NoTable", "input_scaling": False}, (), "input_scaling", "no"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, options, inputs, option, words):
        dataset = self.table if inputs else self.images
        with pytest.raises(InputError, match=f"--{option}: .*{words}"):
            parts.model(Config(**options), dataset)

    @pytest.mark.parametrize(
        "options",
        [
            {"parametrization": "NTK"},
            {"input_scaling": 1},
            {"numerical_embedding": "cosine"},
            {"embedding_dim": 1},
        ],
    )
    def test_values_are_checked(self, options):
        with pytest.raises(InputError, match=f"--{next(iter(options))}: "):
            Config(**options)


ON_TWO_DEVICES = """
    import contextlib
    import sys

    import numpy as np
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

    sys.path.insert(0, "tests")
    import keras
    from test_table_layers import losses, network, rows

    x = rows()
    y = (x[:, 0] > 1e9).astype("int32")
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for embedding in ("periodic", "piecewise_linear"):
        runs = []
        for scope in (contextlib.nullcontext, strategy.scope):
            with scope():
                model = network(embedding)
                model.compile(keras.optimizers.SGD(0.1), losses.SparseCategoricalCrossentropy(True))
            model.fit(x, y, epochs=2, batch_size=15, shuffle=False, verbose=0)
            runs.append(model.get_weights())
        for a, b in zip(*runs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    print("equal")
"""


@pytest.mark.slow
def test_two_devices_equal_one():
    """In a process of its own: devices are set up before TensorFlow starts."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ON_TWO_DEVICES)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("equal")
