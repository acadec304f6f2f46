"""Losses, and what is added to them."""

import keras
import numpy as np
import tensorflow as tf

from as_keras.row import classes, crossentropy, logits, row, values, weights_of_rows

X, Y = classes()
_, VALUES = values()


@row(quick=False, x=X, y=VALUES, batch_size=8)
def compute_loss_with_training(on):
    class Net(*on(keras.Sequential)):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = super().compute_loss(x, y, y_pred, sample_weight, training)
            return loss + (0.1 if training else 0.0) * tf.reduce_mean(tf.abs(y_pred))

    net = Net(logits(2))
    net.compile("sgd", "mse", metrics=["mae"], **on.compile)
    return net


@row(x=X, y=VALUES, batch_size=8, sample_weight=weights_of_rows())
def compute_loss_without_training(on):
    class Net(*on(keras.Sequential)):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            loss = tf.reduce_mean(tf.square(y - y_pred), axis=-1) + tf.reduce_mean(x, axis=-1)
            if sample_weight is not None:
                loss *= sample_weight
            return tf.reduce_mean(loss)

    net = Net(logits(2))
    net.compile("sgd", **on.compile)
    return net


@row(x=X, y=VALUES, batch_size=8)
def compute_loss_that_keeps_its_own_mean(on):
    """As in the guide: with a tracker in its own `metrics`."""

    class Net(*on(keras.Sequential)):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.tracker = keras.metrics.Mean(name="loss")

        def compute_loss(self, x, y, y_pred, sample_weight, training=True):
            loss = tf.reduce_mean(tf.square(y_pred - y))
            loss += tf.add_n(self.losses) if self.losses else 0.0
            self.tracker.update_state(loss)
            return loss

        def reset_metrics(self):
            super().reset_metrics()
            self.tracker.reset_state()

        @property
        def metrics(self):
            return [self.tracker]

    net = Net([keras.layers.Dense(2, kernel_regularizer="l2")])
    net.compile("sgd", **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8)
def compute_loss_from_the_inputs(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(2)

        def call(self, inputs):
            return self.out(inputs)

        def compute_loss(self, x, y, y_pred, sample_weight=None, training=None):
            return tf.reduce_mean(tf.square(y_pred - y) * tf.abs(x[:, :1]))

    net = Net()
    net.compile("sgd", metrics=["mse"], **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8, sample_weight=weights_of_rows())
def function_as_loss(on):
    class Net(*on(keras.Sequential)):
        pass

    def mine(y_true, y_pred):
        return tf.reduce_mean(tf.abs(y_true - y_pred) ** 1.5, axis=-1)

    net = Net(logits(2))
    net.compile("sgd", mine, metrics=[mine], **on.compile)
    return net


@row(quick=False, x=X, y=np.float32(Y == 1)[:, None], batch_size=8, class_weight={0: 1.0, 1: 3.0})
def loss_class_of_the_users(on):
    class Focal(keras.losses.Loss):
        def __init__(self, gamma=2.0, **kwargs):
            super().__init__(**kwargs)
            self.gamma = gamma

        def call(self, y_true, y_pred):
            p = tf.clip_by_value(tf.where(y_true > 0, y_pred, 1 - y_pred), 1e-6, 1.0)
            return -tf.reduce_mean((1 - p) ** self.gamma * tf.math.log(p), -1)

    class Net(*on(keras.Sequential)):
        pass

    net = Net([keras.layers.Dense(6, "relu"), keras.layers.Dense(1, "sigmoid")])
    net.compile("sgd", Focal(1.5), metrics=["accuracy", keras.metrics.AUC(50)], **on.compile)
    return net


@row(x=X, y=VALUES, batch_size=8)
def loss_of_every_row(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net(logits(2))
    net.compile("sgd", keras.losses.MeanSquaredError(reduction="none"), **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8)
def sum_over_the_batch(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net(logits(2))
    net.compile("sgd", keras.losses.Huber(reduction="sum"), **on.compile)
    return net


@row(
    quick=False,
    x=X,
    y=np.float32(np.eye(3)[Y]),
    batch_size=8,
    validation_data=(X[:8], np.eye(3)[Y[:8]]),
)
def label_smoothing(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net(logits())
    net.compile(
        "adam",
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
        metrics=["accuracy", keras.metrics.TopKCategoricalAccuracy(2)],
        **on.compile,
    )
    return net


@row(quick=False)
def add_loss_in_a_layer(on):
    class Push(keras.layers.Layer):
        def __init__(self, rate):
            super().__init__()
            self.rate = rate

        def call(self, inputs):
            self.add_loss(self.rate * tf.reduce_mean(tf.square(inputs)))
            return inputs

    class Net(*on(keras.Sequential)):
        pass

    net = Net([keras.layers.Dense(6, "relu"), Push(0.1), keras.layers.Dense(3)])
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row(x=X, batch_size=8, extra=lambda m: len(m.losses))
def vae_with_add_loss(on):
    class Sampling(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seed_generator = keras.random.SeedGenerator(3)

        def call(self, inputs):
            mean, log_var = inputs
            noise = keras.random.normal(tf.shape(mean), seed=self.seed_generator)
            return mean + tf.exp(0.5 * log_var) * noise

    class VAE(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(6, "relu")
            self.mean, self.log_var = keras.layers.Dense(2), keras.layers.Dense(2)
            self.sampling, self.decoder = Sampling(), keras.layers.Dense(4)

        def call(self, inputs):
            h = self.hidden(inputs)
            mean, log_var = self.mean(h), self.log_var(h)
            outputs = self.decoder(self.sampling((mean, log_var)))
            kl = -0.5 * tf.reduce_mean(1 + log_var - tf.square(mean) - tf.exp(log_var))
            self.add_loss(0.1 * kl)
            self.add_loss(tf.reduce_mean(tf.square(outputs - inputs)))
            return outputs

    net = VAE()
    net.compile("sgd", **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8)
def regularizers_and_constraints(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net(
        [
            keras.layers.Dense(
                6,
                "tanh",
                kernel_regularizer=keras.regularizers.L1L2(1e-3, 1e-2),
                bias_regularizer="l2",
                activity_regularizer=keras.regularizers.L2(0.01),
            ),
            keras.layers.ActivityRegularization(l1=0.01),
            keras.layers.Dense(2, kernel_constraint="non_neg", bias_constraint="max_norm"),
        ]
    )
    net.compile("sgd", "mse", metrics=["mae"], **on.compile)
    return net


@row(quick=False, x=X, y={"a": VALUES[:, 0], "b": VALUES[:, 1]}, batch_size=8)
def one_function_for_the_losses_of_two_outputs(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.a, self.b = keras.layers.Dense(1), keras.layers.Dense(1)

        def call(self, inputs):
            return {"a": self.a(inputs)[:, 0], "b": self.b(inputs)[:, 0]}

    net = Net()
    net.compile("sgd", {"a": lambda t, p: tf.square(t - p), "b": "mae"}, **on.compile)
    return net


@row(quick=False)
def loss_with_a_weight_of_its_own(on):
    """Uncertainty weighting: a trainable weight of the model in the loss."""

    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(3)

        def build(self, input_shape):
            self.log_scale = self.add_weight(shape=(), initializer="zeros", name="log_scale")
            self.out.build(input_shape)

        def call(self, inputs):
            return self.out(inputs)

        def compute_loss(self, *args, **kwargs):
            loss = super().compute_loss(*args, **kwargs)
            return tf.exp(-self.log_scale) * loss + self.log_scale

    net = Net()
    net.compile("adam", crossentropy(), **on.compile)
    return net


@row(quick=False, x=X, batch_size=8)
def contrastive_loss_over_the_batch(on):
    class Net(*on(keras.Sequential)):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
            z = tf.math.l2_normalize(y_pred, -1)
            similar = tf.matmul(z, z, transpose_b=True) / 0.5
            near = tf.range(tf.shape(z)[0])
            return tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=near, logits=similar)
            )

    net = Net(logits(3))
    net.compile("sgd", **on.compile)
    return net
