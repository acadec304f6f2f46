"""Pictures of models and labels of all forms: the right counts, or one line before training."""

import functools

import events
import keras
import numpy as np
import pytest
import tensorflow as tf

import mlp_lab
from mlp_lab import pictures
from mlp_lab.callbacks import Pictures
from mlp_lab.pictures.classes import class_numbers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype("float32")
TWO, THREE = (X[:, 0] > 0).astype("int64"), RNG.integers(0, 3, 60)
NAMES = ("cat", "dog", "fish")


class Watch(keras.callbacks.Callback):
    """Whether training began."""

    batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


def compiled(model, loss, rate=0.0):
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def single(activation=None, units=1):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])


def counts(folder):
    text = events.read(folder)["confusion/counts"]
    lines = text[max(text)].item().decode().splitlines()
    return [[int(cell) for cell in line.split("|")[2:-1]] for line in lines[4:]]


def expected(truth, found, classes):
    return [[int(((truth == i) & (found == j)).sum()) for j in range(classes)]
            for i in range(classes)]  # fmt: skip


def drawn(model, labels, folder, y=None, x=X, **options):
    callback = Pictures(folder, x, labels, **options)
    model.fit(x, labels if y is None else y, verbose=0, callbacks=[callback])
    return events.read(folder)


# One output for two classes.

SINGLE = {
    "probability": ("sigmoid", "binary_crossentropy", 0.5),
    "probability of mse": ("sigmoid", "mse", 0.5),
    "logit": (None, keras.losses.BinaryCrossentropy(from_logits=True), 0.0),
    "logit of focal": (None, keras.losses.BinaryFocalCrossentropy(from_logits=True), 0.0),
    "logit of ours": (None, mlp_lab.losses.BinaryCrossentropy(from_logits=True), 0.0),
    "logit in a list": (None, [keras.losses.BinaryCrossentropy(from_logits=True)], 0.0),
    "logit of a partial": (
        None, functools.partial(keras.losses.binary_crossentropy, from_logits=True), 0.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", SINGLE)
def test_confusion_of_a_single_output(form, tmp_path):
    activation, loss, threshold = SINGLE[form]
    model = compiled(single(activation), loss)
    found = (np.asarray(model(X))[:, 0] > threshold).astype(int)
    assert 0 < found.sum() < 60
    read = drawn(model, TWO, tmp_path, y=TWO[:, None].astype("float32"))
    assert counts(tmp_path) == expected(TWO, found, 2)
    # True positives at the lowest threshold: all of class 1; false positives: all others.
    curve = read["pr_curve/1"][2]
    assert curve[:2, 0].tolist() == [TWO.sum(), 60 - TWO.sum()]
    at_half = {(curve[0, i], curve[1, i]) for i in (100, 101)}
    assert (((found == 1) & (TWO == 1)).sum(), ((found == 1) & (TWO == 0)).sum()) in at_half


def test_logits_within_0_and_1_are_logits_if_the_loss_says_so(tmp_path):
    model = compiled(single(units=2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.layers[0].kernel.assign(np.zeros((4, 2)))
    model.layers[0].bias.assign([0.25, 0.75])
    seen = []

    class Keep(pictures.Picture):
        def draw(self, view):
            seen.append(view)

    drawn(model, TWO, tmp_path, pictures=[Keep()])
    z = np.exp([0.25, 0.75])
    np.testing.assert_allclose(seen[0].probabilities[0], z / z.sum(), rtol=1e-6)
    single_logit = compiled(single(), "mse")
    single_logit.layers[0].kernel.assign(np.zeros((4, 1)))
    single_logit.layers[0].bias.assign([0.25])
    drawn(single_logit, TWO, tmp_path, pictures=[Keep()], from_logits=True)
    np.testing.assert_allclose(seen[-1].probabilities[0, 1], 1 / (1 + np.exp(-0.25)), rtol=1e-6)
    assert set(seen[-1].predicted) == {1}


# Labels.

LABELS = {
    "float": THREE.astype("float64"),
    "column": THREE[:, None],
    "float column": THREE[:, None].astype("float32"),
    "one-hot": np.eye(3)[THREE],
    "one-hot bool": np.eye(3)[THREE].astype(bool),
    "list": THREE.tolist(),
    "tensor": tf.constant(THREE),
    "uint8": THREE.astype("uint8"),
    "objects": THREE.astype(object),
    "names": np.array(NAMES)[THREE],
    "names as objects": np.array(NAMES)[THREE].astype(object),
    "names as bytes": np.array(NAMES)[THREE].astype(bytes),
}


@pytest.mark.parametrize("form", LABELS)
def test_labels_of_every_form(form, tmp_path):
    labels = LABELS[form]
    names = NAMES if "names" in form else None
    np.testing.assert_array_equal(class_numbers(labels, names), THREE)
    model = compiled(single("softmax", 3), "sparse_categorical_crossentropy")
    found = np.asarray(model(X)).argmax(axis=1)
    drawn(model, labels, tmp_path, y=THREE, class_names=names)
    assert counts(tmp_path) == expected(THREE, found, 3)


WRONG = {
    "prices": (THREE + 0.5, r"got \d\.5"),
    "signs": (2 * TWO - 1, "got -1"),
    "missing": (np.where(THREE == 1, np.nan, THREE), "got nan"),
    "several": (np.ones((60, 3)), "rows of 3 numbers that are not all one-hot"),
    "soft": (np.full((60, 2), 0.5), "not all one-hot"),
    "pixels": (np.zeros((60, 2, 2)), r"\[60, 2, 2\]"),
    "names": (np.array(NAMES)[THREE], "'.*' without class_names|strings, such as"),
    "complex": (THREE.astype(complex), "complex128"),
}


@pytest.mark.parametrize("form", WRONG)
def test_labels_that_are_no_classes_are_refused(form, tmp_path):
    labels, words = WRONG[form]
    with pytest.raises(ValueError, match=f"labels: expected the class.*{words}") as caught:
        Pictures(tmp_path, X, labels)
    assert "\n" not in str(caught.value)
    # Other pictures do not need them.
    Pictures(tmp_path, X, labels, pictures=[pictures.Graph(), pictures.Kernels()])
    with pytest.raises(ValueError, match="'bird', which is not among class_names"):
        Pictures(tmp_path, X[:2], ["cat", "bird"], NAMES)


# Outputs that are not those of classes.


class Reconstruct(keras.layers.Layer):
    def call(self, inputs):
        return keras.ops.reshape(inputs, (-1, 2, 2))


def two_outputs():
    inputs = keras.Input((4,))
    layers = keras.layers.Dense(3, "softmax", name="kind"), keras.layers.Dense(1, name="size")
    model = keras.Model(inputs, [layer(inputs) for layer in layers])
    return compiled(model, ["sparse_categorical_crossentropy", "mse"])


def unfit(name):
    if name == "regression":
        return compiled(single(), "mse"), TWO, X[:, :1], "probabilities from 0 to 1"
    if name == "counts":
        return compiled(single("relu"), "mse"), THREE, X[:, :1], "3 classes.*a single one"
    if name == "autoencoder":
        return compiled(single(units=4), "mse"), THREE, X, "4, one for each number of an image"
    if name == "images":
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), Reconstruct()])
        return compiled(model, "mse"), THREE, X.reshape(60, 2, 2), r"\[n, 2, 2\]"
    if name == "few":
        return compiled(single("softmax", 2), "mse"), THREE, X[:, :2], r"3 classes.*\[n, 2\]"
    return two_outputs(), THREE, [THREE, X[:, :1]], r"the model's 2 outputs \(kind, size\)"


@pytest.mark.parametrize(
    "name", ["regression", "counts", "autoencoder", "images", "few", "two outputs"]
)
def test_outputs_that_are_not_those_of_classes_are_refused_before_training(name, tmp_path):
    model, labels, y, words = unfit(name)
    watch = Watch()
    with pytest.raises(ValueError, match=f"outputs?: expected.*{words}") as caught:
        model.fit(X, y, verbose=0, callbacks=[Pictures(tmp_path, X, labels), watch])
    assert watch.batches == 0
    assert "\n" not in str(caught.value)
    assert "pictures=[mlp_lab.pictures.Graph(), mlp_lab.pictures.Kernels()]" in str(caught.value)
    general = [mlp_lab.pictures.Graph(), mlp_lab.pictures.Kernels()]
    callback = Pictures(tmp_path / "b", X, X[:, 0], pictures=general)
    model.fit(X, y, verbose=0, callbacks=[callback, watch])
    assert watch.batches


@pytest.mark.parametrize("which", ["kind", 0])
def test_one_of_several_outputs_is_chosen(which, tmp_path):
    model = two_outputs()
    found = np.asarray(model(X)[0]).argmax(axis=1)
    drawn(model, THREE, tmp_path, y=[THREE, X[:, :1]], output=which)
    assert counts(tmp_path) == expected(THREE, found, 3)
    with pytest.raises(ValueError, match=r"\(kind, size\), got 'colour'"):
        drawn(model, THREE, tmp_path, y=[THREE, X[:, :1]], output="colour")


def test_outputs_in_a_dict(tmp_path):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = keras.layers.Dense(1), keras.layers.Dense(3)

        def call(self, inputs):
            return {"yes": self.a(inputs), "code": self.b(inputs)}

    model = Net()
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), {"yes": logits, "code": "mse"})
    y = {"yes": TWO[:, None].astype("float32"), "code": X[:, :3]}
    drawn(model, TWO, tmp_path, y=y, output="yes")
    found = (np.asarray(model(X)["yes"])[:, 0] > 0).astype(int)
    assert counts(tmp_path) == expected(TWO, found, 2)


def test_outputs_that_leave_0_to_1_later_do_not_end_the_training(tmp_path):
    model = compiled(single(), "mse", rate=0.3)
    model.layers[0].kernel.assign(np.zeros((4, 1)))
    model.layers[0].bias.assign([0.5])
    callback = Pictures(tmp_path, X, TWO)
    with pytest.warns(UserWarning, match="pictures are not drawn: outputs: expected prob"):
        model.fit(X, TWO, verbose=0, callbacks=[callback])
    found = events.read(tmp_path)
    assert list(found["pictures/confusion"]) == [0]


@pytest.mark.parametrize(
    "images", [{"a": X}, [X, X[:, :2]], tf.sparse.from_dense(X)], ids=["dict", "list", "sparse"]
)
def test_images_that_are_not_one_array(images, tmp_path):
    with pytest.raises(ValueError, match=r"images: expected one array \[n, ...\], got"):
        Pictures(tmp_path, images, THREE)


# Models that are called in other ways.


def test_a_model_of_strings_an_eager_one_and_one_in_a_tf_function(tmp_path):
    words = np.array(["a", "b", "c"])[THREE]

    class Words(mlp_lab.Model):
        def __init__(self):
            super().__init__()
            self.find = keras.layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="one_hot")
            self.out = keras.layers.Dense(3)

        def call(self, inputs, training=None):
            return self.out(self.find(inputs))

    class NoMode(keras.Model):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(3)

        def call(self, inputs):
            return self.out(inputs)

    class Function(NoMode):
        @tf.function
        def call(self, inputs):
            return self.out(inputs)

    class Eager(NoMode):
        def call(self, inputs):
            return self.out(inputs.numpy() * 2 if hasattr(inputs, "numpy") else inputs * 2)

    for cls, x in (Words, words), (NoMode, X), (Function, X), (Eager, X):
        model = cls()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.0), loss, run_eagerly=cls is Eager)
        folder = tmp_path / cls.__name__
        x_given = tf.constant(x)
        callback = Pictures(folder, x, THREE)
        model.fit(tf.data.Dataset.from_tensor_slices((x_given, THREE)).batch(20), shuffle=False,
                  verbose=0, callbacks=[callback])  # fmt: skip
        found = np.asarray(model(x_given)).argmax(axis=1)
        assert counts(folder) == expected(THREE, found, 3), cls


def test_steps_of_models_with_other_optimizers(tmp_path):
    class Own:
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(3)
            self.pair = [keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1)]

        def call(self, inputs):
            return self.out(inputs)

        def train_step(self, data):
            x, _ = data
            with tf.GradientTape() as tape:
                loss = keras.ops.mean(self(x) ** 2)
            kernel, bias = tape.gradient(loss, self.out.trainable_variables)
            self.pair[0].apply_gradients([(kernel, self.out.kernel)])
            self.pair[1].apply_gradients([(bias, self.out.bias)])
            return {"loss": loss}

    class Plain(Own, keras.Model):
        pass

    class Glass(Own, mlp_lab.Model):
        pass

    for cls in Plain, Glass:
        model = cls()
        model.compile(optimizer=None)
        callback = Pictures(tmp_path / cls.__name__, X, THREE)
        model.fit(X, THREE, batch_size=20, epochs=2, verbose=0, callbacks=[callback])
        assert list(events.read(tmp_path / cls.__name__)["pictures/confusion"]) == [0, 3, 6]
