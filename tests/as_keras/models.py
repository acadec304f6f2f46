"""Kinds of models: Sequential, functional, subclassed, nested."""

import keras
import numpy as np
import tensorflow as tf

from as_keras.row import classes, crossentropy, logits, row, values, weights_of_rows

X, Y = classes()
_, VALUES = values()


@row(quick=False)
def sequential(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net(logits())
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(x=classes(43)[0], y=classes(43)[1], batch_size=8, validation_data=classes(11, 1))
def sequential_with_input_and_a_smaller_last_batch(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net([keras.Input((4,)), *logits()])
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(epochs=3, stop=11, quick=False, validation_split=0.25)
def functional(on):
    class Net(*on(keras.Model)):
        pass

    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(6, "tanh")(inputs)
    net = Net(inputs, keras.layers.Dense(3)(hidden))
    net.compile("rmsprop", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False)
def functional_in_its_own_init(on):
    class Net(*on(keras.Model)):
        def __init__(self, units):
            inputs = keras.Input((4,))
            hidden = keras.layers.Dense(units, "relu")(inputs)
            hidden = keras.layers.Dropout(0.3)(hidden)
            super().__init__(inputs=inputs, outputs=keras.layers.Dense(3)(hidden))

    net = Net(6)
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


def branches(inputs, names=("a", "b")):
    hidden = keras.layers.Dense(6, "tanh")(inputs)
    return [keras.layers.Dense(1, name=name)(hidden) for name in names]


@row(quick=False, x=X, y=[VALUES[:, :1], VALUES[:, 1:]], batch_size=8)
def functional_with_a_list_of_outputs(on):
    class Net(*on(keras.Model)):
        pass

    inputs = keras.Input((4,))
    net = Net(inputs, branches(inputs))
    net.compile(
        "sgd", ["mse", "mae"], loss_weights=[1.0, 0.5], metrics=[["mae"], ["mse"]], **on.compile
    )
    return net


@row(
    x=X,
    y={"a": VALUES[:, :1], "b": VALUES[:, 1:]},
    batch_size=8,
    validation_data=(X[:9], {"a": VALUES[:9, :1], "b": VALUES[:9, 1:]}),
    differs={
        "(val_)?[ab]_loss": "Keras does not know how many rows a smaller last batch has, and takes "
        "the mean of an output's loss over batches, not over rows as for the other logs"
    },
)
def functional_with_named_outputs(on):
    class Net(*on(keras.Model)):
        pass

    inputs = keras.Input((4,))
    net = Net(inputs, dict(zip("ab", branches(inputs), strict=True)))
    net.compile(
        "sgd",
        {"a": "mse", "b": "huber"},
        loss_weights={"a": 0.3, "b": 2.0},
        metrics={"a": ["mae"], "b": ["mse"]},
        **on.compile,
    )
    return net


@row(quick=False, x=X, y={"a": VALUES[:, :1]}, batch_size=8)
def functional_with_an_output_without_labels(on):
    class Net(*on(keras.Model)):
        pass

    inputs = keras.Input((4,))
    net = Net(inputs, dict(zip("ab", branches(inputs), strict=True)))
    net.compile("adam", {"a": "mse"}, **on.compile)
    return net


@row(x=X, y=[VALUES[:, :1], VALUES[:, 1:]], batch_size=8)
def functional_with_a_loss_of_none(on):
    class Net(*on(keras.Model)):
        pass

    inputs = keras.Input((4,))
    net = Net(inputs, branches(inputs))
    net.compile("sgd", ["mse", None], **on.compile)
    return net


@row(quick=False, x={"left": X, "right": X[:, :2]}, y=Y, batch_size=8)
def functional_with_named_inputs(on):
    class Net(*on(keras.Model)):
        pass

    inputs = {"left": keras.Input((4,), name="left"), "right": keras.Input((2,), name="right")}
    both = keras.layers.Concatenate()([inputs["left"], inputs["right"]])
    net = Net(inputs, keras.layers.Dense(3)(both))
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False, x=[X, X[:, :2]], y=Y, batch_size=8)
def functional_with_a_list_of_inputs(on):
    class Net(*on(keras.Model)):
        pass

    inputs = [keras.Input((4,)), keras.Input((2,))]
    net = Net(inputs, keras.layers.Dense(3)(keras.layers.Concatenate()(inputs)))
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row
def subclassed(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(6, "relu")
            self.out = keras.layers.Dense(3)

        def call(self, inputs):
            return self.out(self.hidden(inputs))

    net = Net()
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(validation_data=classes(16, 2))
def subclassed_with_training(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(6, "relu")
            self.norm = keras.layers.BatchNormalization()
            self.drop = keras.layers.Dropout(0.4)
            self.out = keras.layers.Dense(3)

        def call(self, inputs, training=False):
            h = self.norm(self.hidden(inputs), training=training)
            return self.out(self.drop(h, training=training))

    net = Net()
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(warns="call has no argument `training`")
def subclassed_with_dropout_and_without_training(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(6, "relu")
            self.drop = keras.layers.Dropout(0.4)
            self.out = keras.layers.Dense(3)

        def call(self, inputs):
            return self.out(self.drop(self.hidden(inputs)))

    net = Net()
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row
def training_branches_in_call(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(3)

        def call(self, inputs, training=None, mask=None):
            if training:
                inputs = inputs * 2.0
            return self.out(inputs)

    net = Net()
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False)
def nested_models(on):
    class Block(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.inner = keras.Sequential([keras.layers.Dense(units), keras.layers.Dropout(0.2)])

        def call(self, inputs, training=None):
            return inputs + self.inner(inputs, training=training)

    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.blocks = [Block(4), Block(4)]
            self.heads = {"out": keras.Sequential(logits())}

        def call(self, inputs, training=None):
            for block in self.blocks:
                inputs = block(inputs, training=training)
            return self.heads["out"](inputs)

    net = Net()
    net.compile("adam", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False)
def glass_boxes_in_a_glass_box(on):
    class Part(*on(keras.Sequential)):
        pass

    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.a, self.b = Part(logits(4)), Part(logits())

        def call(self, inputs):
            return self.b(self.a(inputs))

    net = Net()
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row
def shared_layers(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.twice = keras.layers.Dense(4, "tanh")
            self.also = self.twice
            self.out = keras.layers.Dense(3)

        def call(self, inputs):
            return self.out(self.also(self.twice(inputs)))

    net = Net()
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8)
def weights_of_its_own_in_build(on):
    class Net(*on(keras.Model)):
        def __init__(self, units=2):
            super().__init__()
            self.units = units

        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")
            self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")
            self.built = True

        def call(self, inputs):
            return tf.matmul(inputs, self.w) + self.b

    net = Net()
    net.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"], **on.compile)
    return net


@row
def inherited_from_a_class_of_the_user(on):
    class Base(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(6, "relu")
            self.out = keras.layers.Dense(3)

        def call(self, inputs, training=None):
            return self.out(self.hidden(inputs))

        def train_step(self, data):
            return {**super().train_step(data), "one": tf.constant(1.0)}

    class Net(*on(Base)):
        pass

    net = Net()
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row(x=(X, X[:, :2]), y=Y, batch_size=8)
def call_unpacks_a_tuple(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(3)

        def call(self, inputs):
            left, right = inputs
            return self.out(tf.concat([left, right], -1))

    net = Net()
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(
    quick=False,
    x=X,
    y={"class": Y, "size": VALUES[:, :1]},
    batch_size=8,
    sample_weight=weights_of_rows(),
)
def call_returns_a_dict(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(6, "relu")
            self.kind, self.size = keras.layers.Dense(3), keras.layers.Dense(1)

        def call(self, inputs):
            h = self.hidden(inputs)
            return {"class": self.kind(h), "size": self.size(h)}

    net = Net()
    net.compile(
        "adam",
        {"class": crossentropy(), "size": "mse"},
        metrics={"class": "accuracy", "size": "mae"},
        weighted_metrics={"size": "mse"},
        **on.compile,
    )
    return net


@row(quick=False, no_xla="Keras does not compile steps that run eagerly")
def eager(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net([*logits(), keras.layers.Dropout(0.1)])
    net.compile("sgd", crossentropy(), metrics=["accuracy"], run_eagerly=True, **on.compile)
    return net


@row(stop=5, quick=False)
def several_steps_in_an_execution(on):
    class Net(*on(keras.Sequential)):
        pass

    net = Net(logits())
    net.compile("sgd", crossentropy(), steps_per_execution=2, **on.compile)
    return net


@row
def loop_and_branch_in_call(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.cell = keras.layers.Dense(4, "tanh")
            self.out = keras.layers.Dense(3)
            self.cell.build((None, 4))

        def call(self, inputs):
            _, h = tf.while_loop(
                lambda i, h: i < 3,
                lambda i, h: (i + 1, self.cell(h)),
                [tf.constant(0), inputs],
                maximum_iterations=3,
            )
            h = tf.cond(tf.reduce_mean(h) > 0, lambda: h, lambda: -h)
            return self.out(h)

    net = Net()
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row
def call_is_a_tf_function(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(6, "relu")
            self.out = keras.layers.Dense(3)
            self.hidden.build((None, 4))  # else Keras, too, finds no gradients
            self.out.build((None, 6))

        @tf.function
        def call(self, inputs):
            h = self.hidden(inputs)
            if tf.reduce_sum(h) > 0:
                h = h / 2.0
            return self.out(h)

    net = Net()
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(
    quick=False,
    no_xla="in the lab's step, unlike Keras', XLA does not find the length of the helper's loop",
)
def a_helper_is_a_tf_function(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(6, "relu")
            self.out = keras.layers.Dense(3)
            self.hidden.build((None, 4))  # else Keras, too, finds no gradients
            self.out.build((None, 6))

        @tf.function
        def features(self, inputs):
            h = inputs
            for _ in tf.range(2):
                h = h * 0.5 + tf.reduce_mean(h)
            return self.hidden(h)

        def call(self, inputs):
            return self.out(self.features(inputs))

    net = Net()
    net.compile("adam", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False, x=X, y=np.float32(np.eye(3)[Y]), batch_size=8)
def call_takes_a_named_argument_more(on):
    class Net(*on(keras.Model)):
        def __init__(self, *, width=5, **kwargs):
            super().__init__(**kwargs)
            self.width = width
            self.hidden = keras.layers.Dense(width, "relu")
            self.out = keras.layers.Dense(3, "softmax")

        def call(self, inputs, scale=2.0, **kwargs):
            return self.out(self.hidden(inputs) * scale)

        def get_config(self):
            return {**super().get_config(), "width": self.width}

    net = Net(name="mine")
    net.compile("sgd", keras.losses.CategoricalCrossentropy(label_smoothing=0.1), **on.compile)
    return net
