"""Optimizers and their options, learning rates, types of numbers."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from as_keras.row import classes, crossentropy, logits, row, train, values

X, Y = classes()
_, VALUES = values()


def net_of(on, units=3):
    class Net(*on(keras.Sequential)):
        pass

    return Net(logits(units))


@row(x=classes(43)[0], y=classes(43)[1], batch_size=8)
def accumulated_gradients(on):
    net = net_of(on)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=4)
    net.compile(optimizer, crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False)
def averaged_weights(on):
    net = net_of(on)
    optimizer = keras.optimizers.Adam(
        0.01, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3
    )
    net.compile(optimizer, crossentropy(), **on.compile)
    return net


@row(quick=False)
def averaged_weights_taken_at_the_end(on):
    net = net_of(on)
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.7)
    net.compile(optimizer, crossentropy(), **on.compile)
    return net


@row(quick=False)
def clipped_gradients(on):
    net = net_of(on)
    net.compile(keras.optimizers.SGD(0.5, global_clipnorm=0.1), crossentropy(), **on.compile)
    return net


@row(quick=False)
def clipped_values_and_decayed_weights(on):
    net = net_of(on)
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1, clipvalue=0.05)
    net.compile(optimizer, crossentropy(), **on.compile)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return net


@row(quick=False, validation_data=classes(8, 3))
def learning_rate_schedule(on):
    net = net_of(on)
    rate = keras.optimizers.schedules.CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=3)
    net.compile(keras.optimizers.Adam(rate), crossentropy(), **on.compile)
    return net


@row(quick=False)
def schedule_of_the_users(on):
    class Halved(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 * 0.5 ** (tf.cast(step, tf.float32) // 3.0)

        def get_config(self):
            return {}

    net = net_of(on)
    net.compile(keras.optimizers.SGD(Halved(), momentum=0.5), crossentropy(), **on.compile)
    return net


@row(quick=False)
def function_as_learning_rate(on):
    net = net_of(on)
    net.compile(keras.optimizers.SGD(lambda: 0.05), crossentropy(), **on.compile)
    return net


@row(quick=False)
def optimizer_of_the_users(on):
    class Signs(keras.optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.last = [self.add_variable_from_reference(v, "last") for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            last = self.last[self._get_variable_index(variable)]
            self.assign(last, 0.5 * last + gradient)
            self.assign_sub(variable, learning_rate * tf.sign(last))

    net = net_of(on)
    net.compile(Signs(0.01), crossentropy(), **on.compile)
    return net


@contextlib.contextmanager
def floatx(name):
    before = keras.config.floatx()
    keras.config.set_floatx(name)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def in_float64(part):
    """The same function, in float64."""

    def inside(*args):
        with floatx("float64"):
            return part(*args)

    return inside


# The whole row is made and run in float64, and so is what follows its `fit`.
@row(
    quick=False,
    train=in_float64(train),
    evaluate=in_float64(lambda m, given, cb: m.evaluate(given["x"], given["y"], 8, 0)),
    predict=in_float64(lambda m, given, cb: m.predict(given["x"], 8, 0)),
)
def float64(on):
    with floatx("float64"):
        keras.config.set_dtype_policy("float64")
        try:
            net = net_of(on)
            net.compile("adam", crossentropy(), metrics=["accuracy"], **on.compile)
        finally:
            keras.config.set_dtype_policy("float32")
    return net


def mixed(on, policy):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__(dtype=policy)
            self.hidden = keras.layers.Dense(6, "relu", dtype=policy)
            self.out = keras.layers.Dense(3, dtype="float32")

        def call(self, inputs, training=None):
            return self.out(self.hidden(inputs))

    return Net()


@row(
    quick=False,
    x=X,
    y=Y,
    batch_size=8,
    tolerance=2e-3,
    extra=lambda m: m.optimizer.dynamic_scale.numpy(),
)
def mixed_float16(on):
    net = mixed(on, "mixed_float16")
    net.compile("adam", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(
    quick=False,
    extra=lambda m: [m.optimizer.dynamic_scale.numpy(), m.optimizer.step_counter.numpy()],
)
def loss_scale_of_its_own(on):
    net = net_of(on)
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=2.0**10, dynamic_growth_steps=3
    )
    net.compile(optimizer, crossentropy(), **on.compile)
    return net


@row(x=X * np.float32(1e3), y=Y, batch_size=8, tolerance=5e-3, epochs=3, stop=14)
def loss_scale_that_leaves_out_steps(on):
    net = mixed(on, "mixed_float16")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1e-3), 2.0**20)
    net.compile(optimizer, crossentropy(), **on.compile)
    return net


@row(quick=False, x=X, y=Y, batch_size=8, tolerance=2e-2)
def mixed_bfloat16(on):
    net = mixed(on, "mixed_bfloat16")
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


def again_with_another_rate(model, given, callbacks):
    """Two calls of fit, between which the user changes the rate."""
    first = model.fit(**given(), callbacks=callbacks()).history
    model.optimizer.learning_rate = 0.01
    return [first, model.fit(**given(), callbacks=callbacks()).history]


@row(same_seed=True, quick=False, train=again_with_another_rate, stop=14)
def learning_rate_set_between_fits(on):
    net = net_of(on)
    net.compile(keras.optimizers.Adam(0.1), crossentropy(), **on.compile)
    return net
