"""Metrics: of Keras, of the users, and overridden parts that compute them."""

import keras
import numpy as np
import tensorflow as tf

from as_keras.row import classes, crossentropy, logits, row, values, weights_of_rows

X, Y = classes()
_, VALUES = values()


def net_of(on):
    class Net(*on(keras.Sequential)):
        pass

    return Net(logits())


@row(
    quick=False,
    sample_weight=weights_of_rows(),
    validation_data=(*classes(20, 1), weights_of_rows(20)),
)
def weighted_metrics(on):
    net = net_of(on)
    net.compile(
        "sgd", crossentropy(), metrics=["accuracy"], weighted_metrics=["accuracy"], **on.compile
    )
    return net


@row(quick=False, x=X, y=np.float32(Y > 0)[:, None], batch_size=8)
def metrics_with_thresholds(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net([keras.layers.Dense(6, "relu"), keras.layers.Dense(1, "sigmoid")])
    named = [
        keras.metrics.AUC(num_thresholds=30),
        keras.metrics.Precision(),
        keras.metrics.Recall(thresholds=[0.3, 0.6]),
        keras.metrics.F1Score(threshold=0.5, average="micro"),
        "binary_accuracy",
    ]
    net.compile("sgd", "binary_crossentropy", metrics=named, **on.compile)
    return net


@row(quick=False)
def mean_iou(on):
    class Classes(keras.metrics.MeanIoU):
        def update_state(self, y_true, y_pred, sample_weight=None):
            return super().update_state(y_true, tf.argmax(y_pred, -1), sample_weight)

    net = net_of(on)
    net.compile("sgd", crossentropy(), metrics=[Classes(num_classes=3)], **on.compile)
    return net


@row(sample_weight=weights_of_rows())
def metric_class_of_the_users(on):
    class Share(keras.metrics.Metric):
        def __init__(self, name="share", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            right = tf.cast(
                tf.equal(tf.cast(tf.reshape(y_true, [-1]), tf.int64), tf.argmax(y_pred, -1)),
                tf.float32,
            )
            if sample_weight is not None:
                right *= tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
            self.total.assign_add(tf.reduce_sum(right))
            self.count.assign_add(tf.cast(tf.size(right), tf.float32))

        def result(self):
            return tf.math.divide_no_nan(self.total, self.count)

    net = net_of(on)
    net.compile(
        "sgd",
        crossentropy(),
        metrics=[Share()],
        weighted_metrics=[Share("weighted")],
        **on.compile,
    )
    return net


@row(extra=lambda m: m.kept.seen.numpy())
def metric_with_a_tf_variable(on):
    class Last(keras.metrics.Metric):
        def __init__(self, name="last", **kwargs):
            super().__init__(name=name, **kwargs)
            self.seen = tf.Variable(0.0, trainable=False)

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.seen.assign(0.5 * self.seen + tf.reduce_max(y_pred))

        def result(self):
            return tf.identity(self.seen)

        def reset_state(self):
            self.seen.assign(0.0)

    net = net_of(on)
    net.kept = Last()
    net.compile("adam", crossentropy(), metrics=[net.kept], **on.compile)
    return net


@row(
    no_xla="Keras traces the list's tensors out of reach",
    no_resume="a Python list is not saved",
)
def metric_with_a_python_list(on):
    class Kept(keras.metrics.Metric):
        def __init__(self, name="kept", **kwargs):
            super().__init__(name=name, **kwargs)
            self.values = []

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.values.append(float(tf.reduce_mean(y_pred)))

        def result(self):
            return float(np.mean(self.values)) if self.values else 0.0

        def reset_state(self):
            self.values = []

    net = net_of(on)
    net.compile("sgd", crossentropy(), metrics=[Kept()], run_eagerly=True, **on.compile)
    return net


@row(quick=False)
def metric_of_several_numbers(on):
    class Both(keras.metrics.Metric):
        def __init__(self, name="both", **kwargs):
            super().__init__(name=name, **kwargs)
            self.low = self.add_variable((), "zeros", name="low")
            self.high = self.add_variable((), "zeros", name="high")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.low.assign(tf.minimum(self.low, tf.reduce_min(y_pred)))
            self.high.assign(tf.maximum(self.high, tf.reduce_max(y_pred)))

        def result(self):
            return {"low": self.low.value, "high": self.high.value}

    net = net_of(on)
    net.compile("sgd", crossentropy(), metrics=[Both()], **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8)
def functions_as_metrics(on):
    class Net(*on(keras.Sequential)):
        pass

    def worst(y_true, y_pred):
        return tf.reduce_max(tf.abs(y_true - y_pred), axis=-1)

    net = Net(logits(2))
    net.compile("sgd", "mse", metrics=[worst, "mae", keras.metrics.R2Score()], **on.compile)
    return net


@row
def compute_metrics_returns_more(on):
    class Net(*on(keras.Sequential)):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            logs = super().compute_metrics(x, y, y_pred, sample_weight)
            logs["scale"] = tf.reduce_mean(tf.abs(x))
            logs["confident"] = tf.cond(
                tf.reduce_max(y_pred) > 1.0, lambda: tf.constant(1.0), lambda: tf.constant(0.0)
            )
            return logs

    net = Net(logits())
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row
def compute_metrics_updates_in_a_branch(on):
    class Net(*on(keras.Sequential)):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.often = keras.metrics.Mean(name="often")

        def compute_metrics(self, x, y, y_pred, sample_weight):
            def update():
                self.often.update_state(tf.reduce_max(y_pred))
                return tf.constant(0)

            tf.cond(tf.reduce_mean(x) > 0, update, lambda: tf.constant(0))
            return {**super().compute_metrics(x, y, y_pred, sample_weight),
                    "often": self.often.result()}  # fmt: skip

        @property
        def metrics(self):
            return [*super().metrics, self.often]

    net = Net(logits())
    net.compile("adam", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8)
def own_metrics_property_with_the_tracker(on):
    class Net(*on(keras.Sequential)):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.size = keras.metrics.Mean(name="size")

        @property
        def metrics(self):
            return [*super().metrics, self.size]

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            self.size.update_state(tf.abs(y_pred))
            return super().compute_metrics(x, y, y_pred, sample_weight)

    net = Net(logits(2))
    net.compile("sgd", "mse", metrics=["mae"], **on.compile)
    return net


@row(x=X, y=VALUES, batch_size=8)
def own_metrics_property_without_the_tracker(on):
    class Net(*on(keras.Sequential)):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.error = keras.metrics.MeanSquaredError(name="error")

        @property
        def metrics(self):
            return [self.error]

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            self.error.update_state(y, y_pred)
            return {"error": self.error.result()}

    net = Net(logits(2))
    net.compile("sgd", "mse", **on.compile)
    return net


@row(x=X, y=VALUES, batch_size=8)
def a_mean_named_loss_among_the_metrics(on):
    class Net(*on(keras.Sequential)):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.other = keras.metrics.Mean(name="loss")

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            self.other.update_state(tf.reduce_mean(tf.abs(y_pred)) + 9.0)
            return super().compute_metrics(x, y, y_pred, sample_weight)

    net = Net(logits(2))
    net.compile("sgd", "mse", **on.compile)
    return net


@row(quick=False, x=X, y=[VALUES[:, :1], VALUES[:, 1:]], batch_size=8)
def metrics_for_one_output(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.a, self.b = keras.layers.Dense(1), keras.layers.Dense(1)

        def call(self, inputs):
            return self.a(inputs), self.b(inputs)

    net = Net()
    net.compile("sgd", ["mse", "mse"], metrics=[None, ["mae"]], **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8)
def metric_in_a_layer(on):
    class Watched(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.size = keras.metrics.Mean(name="size")

        def call(self, inputs):
            self.size.update_state(tf.abs(inputs))
            return inputs

    class Net(*on(keras.Sequential)):
        pass

    net = Net([keras.layers.Dense(4, "relu"), Watched(), keras.layers.Dense(2)])
    net.compile("adam", "mse", metrics=["mae"], **on.compile)
    return net
