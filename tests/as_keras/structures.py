"""Data in all structures, and what the steps of a user receive of them."""

import keras
import numpy as np
import tensorflow as tf

from as_keras.row import (
    classes,
    crossentropy,
    evaluate,
    logits,
    predict,
    row,
    values,
    weights_of_rows,
)

X, Y = classes()
_, VALUES = values()


def received(data):
    """What a step got: its structure, and the types and ranks of its tensors."""
    return repr(
        tf.nest.map_structure(lambda t: None if t is None else (t.dtype.name, len(t.shape)), data)
    )


def watching(on):
    """A model for data in any structure, whose steps keep what they received."""

    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
            self.got = {"train": "", "test": "", "predict": ""}

        def call(self, inputs):
            parts = [
                tf.reshape(tf.cast(part, tf.float32), [tf.shape(part)[0], -1])[:, :1]
                for part in tf.nest.flatten(inputs)
                if part is not None
            ]
            return self.scale * tf.add_n(parts)

        def loss_for(self, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            errors = tf.square(self(x) - 1.0)
            for part in tf.nest.flatten((y, sample_weight)):
                if part is not None:
                    part = tf.reshape(tf.cast(part, tf.float32), [tf.shape(part)[0], -1])
                    errors += 0.1 * part[:, :1] * self.scale
            return tf.reduce_mean(errors)

        def train_step(self, data):
            self.got["train"] = received(data)
            with tf.GradientTape() as tape:
                loss = self.loss_for(data)
            self.optimizer.apply(tape.gradient(loss, [self.scale]), [self.scale])
            return {"loss": loss}

        def test_step(self, data):
            self.got["test"] = received(data)
            return {"loss": self.loss_for(data)}

        def predict_step(self, data):
            self.got["predict"] = received(data)
            x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            return self(x)

    net = Net()
    net.compile(keras.optimizers.SGD(0.01), **on.compile)
    return net


def shown(model):
    return [model.got[name] for name in ("train", "test", "predict")]


def pairs(rows=40, remainder=False):
    """A tf.data pipeline in batches."""
    return tf.data.Dataset.from_tensor_slices(classes(rows)).batch(8, drop_remainder=remainder)


def generator(rounds=1):
    """Batches from a Python generator."""
    for _ in range(rounds):
        for i in range(5):
            yield X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]


class Batches(keras.utils.PyDataset):
    """Batches by number."""

    def __len__(self):
        return 5

    def __getitem__(self, i):
        return X[8 * i : 8 * i + 8], VALUES[8 * i : 8 * i + 8]


STRUCTURES = {
    "array": {"x": X},
    "array_and_labels": {"quick": False, "x": X, "y": Y},
    "weights_of_rows": {"x": X, "y": VALUES, "sample_weight": weights_of_rows()},
    "tensors": {"quick": False, "x": tf.constant(X), "y": tf.constant(VALUES)},
    "array_and_tensor": {"x": X, "y": tf.constant(Y)},
    "tuple": {"quick": False, "x": (X, VALUES), "y": Y},
    "tuple_without_labels": {"x": (X, VALUES)},
    "list": {"x": [X, VALUES], "y": [Y, VALUES]},
    "list_of_one": {"x": [X], "y": [Y]},
    "dict": {"quick": False, "x": {"b": X, "a": VALUES}, "y": {"y": Y}},
    "dict_without_labels": {"quick": False, "x": {"b": X, "a": VALUES}},
    "nested": {"x": {"a": (X, [VALUES]), "b": {"c": X}}, "y": (Y, {"d": VALUES})},
    "weights_for_two_outputs": {
        "quick": False,
        "x": X,
        "y": [Y, VALUES],
        "sample_weight": weights_of_rows(),
    },
    "unsigned_bytes": {"quick": False, "x": np.uint8(X * 2 + 9), "y": np.uint8(Y)},
    "mixed_types": {
        "x": {"i": np.int64(X * 9), "f": X.astype("float64"), "b": X > 0, "h": X.astype("float16")},
        "y": Y.astype("int16"),
    },
    "vectors": {"quick": False, "x": X[:, 0], "y": X[:, 1]},
    "images": {"quick": False, "x": np.tile(X[:, :, None, None], (1, 1, 2, 3)), "y": Y[:, None]},
    "not_contiguous": {"quick": False, "x": X[:, ::-1].T.copy().T, "y": VALUES[:, 1]},
}


def structured(name, given):
    def made(on):
        return watching(on)

    made.__name__ = f"structure_{name}"
    row(made, **{"extra": shown, **given})


for _name, _given in STRUCTURES.items():
    structured(_name, {**_given, "batch_size": 8})


def slices(*data):
    return tf.data.Dataset.from_tensor_slices(data if len(data) > 1 else data[0]).batch(8)


structured("pipeline", {"quick": False, "x": pairs()})
structured("pipeline_with_a_smaller_last_batch", {"x": pairs(43)})
structured("pipeline_without_the_last_batch", {"x": pairs(43, True)})
structured("pipeline_of_inputs_only", {"x": slices(X)})
structured("pipeline_of_weights_too", {"x": slices(X, Y, weights_of_rows())})
structured("pipeline_of_dicts", {"x": slices({"a": X, "b": VALUES}, {"y": Y})})
structured("pipeline_validated_on_another", {"x": pairs(), "validation_data": pairs(19)})
structured("py_dataset", {"x": lambda: Batches()})
structured(
    "generator",
    {
        "x": lambda: generator(4),
        "steps_per_epoch": 5,
        "no_resume": "a generator begins elsewhere when the run is started again",
    },
)


def sparse_rows():
    return tf.sparse.from_dense(tf.where(tf.constant(X) > 0.5, X, 0.0))


@row(
    x=sparse_rows, y=VALUES, batch_size=8, no_xla="XLA knows no sparse tensors",
)  # fmt: skip
def structure_sparse(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.w = self.add_weight(shape=(4, 2), name="w")

        def call(self, inputs):
            return tf.sparse.sparse_dense_matmul(inputs, self.w)

    net = Net()
    net.compile("adam", "mse", **on.compile)
    return net


def ragged_rows():
    return tf.RaggedTensor.from_row_lengths(
        tf.range(100, dtype=tf.float32) / 50, np.resize([1, 2, 3, 4], 40)
    )


@row(
    x=lambda: tf.data.Dataset.from_tensor_slices((ragged_rows(), VALUES)).batch(8),
    no_xla="XLA knows no ragged tensors",
)
def structure_ragged(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.w = self.add_weight(shape=(2,), name="w")

        def call(self, inputs):
            return tf.reduce_sum(inputs, axis=1)[:, None] * self.w

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self.call(x) - y))
            self.optimizer.apply(tape.gradient(loss, [self.w]), [self.w])
            return {"loss": loss}

        def test_step(self, data):
            x, y = data
            return {"loss": tf.reduce_mean(tf.square(self.call(x) - y))}

        def predict_step(self, data):
            return self.call(data[0])

    net = Net()
    net.compile("adam", **on.compile)
    return net


def small(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net(logits())
    net.compile("adam", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False, x=X[:1], y=Y[:1], batch_size=8, epochs=12)
def one_row(on):
    return small(on)


@row(quick=False, x=X[:5], y=Y[:5], batch_size=8, epochs=12, validation_data=(X[:3], Y[:3]))
def fewer_rows_than_a_batch(on):
    return small(on)


@row(epochs=6, quick=False, x=X, y=Y)
def batch_size_left_out(on):
    return small(on)


def frames():
    pandas = __import__("pandas")
    return {"x": pandas.DataFrame(X, columns=list("abcd")), "y": pandas.Series(Y)}


def on_frames(use):
    def used(model, given, callbacks):
        return use(model, {**given, **frames()}, callbacks)

    return used


def fit_frames(model, given, callbacks):
    return [model.fit(**{**given(), **frames()}, callbacks=callbacks()).history]


@row(
    needs="pandas",
    batch_size=8,
    train=fit_frames,
    evaluate=on_frames(evaluate),
    predict=on_frames(predict),
)
def structure_data_frame_and_series(on):
    return small(on)
