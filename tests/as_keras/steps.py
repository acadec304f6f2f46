"""Steps of the users' own: train_step, test_step, predict_step, compile, several optimizers."""

import keras
import numpy as np
import tensorflow as tf

from as_keras.row import classes, crossentropy, logits, row, values

X, Y = classes()
_, VALUES = values()


def classifier(base, *bases):
    """The network that most of these train, without a step."""

    class Classifier(*(base, *bases)):
        def __init__(self):
            super().__init__()
            self.hidden = keras.layers.Dense(6, "relu")
            self.out = keras.layers.Dense(3)

        def call(self, inputs, training=None):
            return self.out(self.hidden(inputs))

    return Classifier


@row(validation_data=classes(16, 1))
def train_step_of_the_keras_guide(on):
    class Net(classifier(*on(keras.Model))):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=y_pred)
            trainable_vars = self.trainable_variables
            gradients = tape.gradient(loss, trainable_vars)
            self.optimizer.apply(gradients, trainable_vars)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    net = Net()
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(x=X, y=VALUES, batch_size=8)
def train_step_with_its_own_metrics(on):
    """The guide's second step: the loss and metrics are not those of `compile`."""

    class Net(*on(keras.Model)):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.loss_tracker = keras.metrics.Mean(name="loss")
            self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")
            self.loss_fn = keras.losses.MeanSquaredError()

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.loss_fn(y, y_pred)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            self.loss_tracker.update_state(loss)
            self.mae_metric.update_state(y, y_pred)
            return {"loss": self.loss_tracker.result(), "mae": self.mae_metric.result()}

        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            self.loss_tracker.update_state(self.loss_fn(y, y_pred))
            self.mae_metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

        @property
        def metrics(self):
            return [self.loss_tracker, self.mae_metric]

    inputs = keras.Input((4,))
    net = Net(inputs, keras.layers.Dense(2)(inputs))
    net.compile(optimizer="sgd", **on.compile)
    return net


@row(quick=False, x=X, y=Y, batch_size=8, sample_weight=np.linspace(0, 2, 40).astype("float32"))
def train_step_with_sample_weights(on):
    class Net(classifier(*on(keras.Model))):
        def train_step(self, data):
            if len(data) == 3:
                x, y, sample_weight = data
            else:
                sample_weight = None
                x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred, sample_weight=sample_weight)
            return {m.name: m.result() for m in self.metrics}

    net = Net()
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False)
def train_step_that_calls_super(on):
    class Net(classifier(*on(keras.Model))):
        def train_step(self, data):
            logs = super().train_step(data)
            return {**logs, "largest": tf.reduce_max(tf.abs(data[0]))}

        def test_step(self, data):
            logs = super().test_step(data)
            logs["rows"] = tf.shape(data[0])[0]
            return logs

    net = Net()
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False, validation_data=classes(19, 4))
def test_step_only(on):
    class Net(classifier(*on(keras.Model))):
        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            loss = self.compute_loss(y=y, y_pred=y_pred)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss * 2.0)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    net = Net()
    net.compile("adam", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False)
def predict_step_with_classes(on):
    class Net(classifier(*on(keras.Model))):
        def predict_step(self, data):
            x = data[0] if isinstance(data, tuple) else data
            outputs = self(x, training=False)
            return tf.argmax(outputs, -1), {"p": tf.nn.softmax(outputs)}

    net = Net()
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row(x=X, batch_size=8)
def autoencoder_with_arrays_only(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = keras.layers.Dense(2), keras.layers.Dense(4)

        def call(self, x):
            return self.decoder(self.encoder(x))

        def train_step(self, x):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self(x, training=True) - x))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss}

        def test_step(self, x):
            return {"loss": tf.reduce_mean(tf.square(self(x, training=False) - x))}

    net = Net()
    net.compile("sgd", **on.compile)
    return net


@row(
    x=X,
    batch_size=8,
    predict=lambda m, given, cb: m.encoder.predict(given["x"], verbose=0),
)
def no_call(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
            self.decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
            self.total = keras.metrics.Mean(name="total")

        @property
        def metrics(self):
            return [self.total]

        def train_step(self, data):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self.decoder(self.encoder(data)) - data))
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            self.total.update_state(loss)
            return {"total": self.total.result()}

        def test_step(self, data):
            self.total.update_state(tf.reduce_mean(self.decoder(self.encoder(data))))
            return {"total": self.total.result()}

    net = Net()
    net.compile(optimizer=keras.optimizers.Adam(0.01), **on.compile)
    return net


@row(
    x=X,
    batch_size=8,
    evaluate=None,
    predict=lambda m, given, cb: m.generator.predict(np.ones((5, 2), "float32"), verbose=0),
    extra=lambda m: [v.numpy() for o in (m.d_optimizer, m.g_optimizer) for v in o.variables],
)
def gan_of_the_keras_examples(on):
    class GAN(*on(keras.Model)):
        def __init__(self, discriminator, generator, latent_dim):
            super().__init__()
            self.discriminator = discriminator
            self.generator = generator
            self.latent_dim = latent_dim
            self.seed_generator = keras.random.SeedGenerator(1337)

        def compile(self, d_optimizer, g_optimizer, loss_fn, **kwargs):
            super().compile(**kwargs)
            self.d_optimizer = d_optimizer
            self.g_optimizer = g_optimizer
            self.loss_fn = loss_fn
            self.d_loss_metric = keras.metrics.Mean(name="d_loss")
            self.g_loss_metric = keras.metrics.Mean(name="g_loss")

        @property
        def metrics(self):
            return [self.d_loss_metric, self.g_loss_metric]

        def train_step(self, real):
            batch_size = tf.shape(real)[0]
            noise = keras.random.normal((batch_size, self.latent_dim), seed=self.seed_generator)
            both = tf.concat([self.generator(noise), real], axis=0)
            labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
            labels += 0.05 * tf.random.stateless_uniform(tf.shape(labels), [1, 2])
            with tf.GradientTape() as tape:
                d_loss = self.loss_fn(labels, self.discriminator(both))
            grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
            self.d_optimizer.apply_gradients(
                zip(grads, self.discriminator.trainable_weights, strict=True)
            )
            noise = keras.random.normal((batch_size, self.latent_dim), seed=self.seed_generator)
            with tf.GradientTape() as tape:
                fooled = self.discriminator(self.generator(noise))
                g_loss = self.loss_fn(tf.zeros((batch_size, 1)), fooled)
            grads = tape.gradient(g_loss, self.generator.trainable_weights)
            self.g_optimizer.apply_gradients(
                zip(grads, self.generator.trainable_weights, strict=True)
            )
            self.d_loss_metric.update_state(d_loss)
            self.g_loss_metric.update_state(g_loss)
            return {"d_loss": self.d_loss_metric.result(), "g_loss": self.g_loss_metric.result()}

    gan = GAN(
        keras.Sequential([keras.Input((4,)), *logits(1)]),
        keras.Sequential([keras.Input((2,)), *logits(4)]),
        latent_dim=2,
    )
    gan.compile(
        keras.optimizers.Adam(0.01),
        keras.optimizers.Adam(0.02),
        keras.losses.BinaryCrossentropy(from_logits=True),
        **on.compile,
    )
    return gan


@row(
    x=X,
    y=X[:, ::-1].copy(),
    batch_size=8,
    extra=lambda m: [v.numpy() for o in m.optimizers for v in o.variables],
)
def three_optimizers_in_a_list(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.parts = [keras.layers.Dense(4, name=name) for name in "abc"]

        def call(self, inputs):
            for part in self.parts:
                inputs = part(inputs)
            return inputs

        def compile(self, optimizers, **kwargs):
            super().compile(loss="mse", **kwargs)
            self.optimizers = optimizers

        def train_step(self, data):
            x, y = data
            with tf.GradientTape(persistent=True) as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            for part, optimizer in zip(self.parts, self.optimizers, strict=True):
                optimizer.apply(tape.gradient(loss, part.trainable_weights), part.trainable_weights)
            self._loss_tracker.update_state(loss)
            return self.get_metrics_result()

    net = Net()
    net.compile([keras.optimizers.SGD(0.1), keras.optimizers.Adam(), keras.optimizers.RMSprop()],
                **on.compile)  # fmt: skip
    return net


@row(
    x=X,
    y=VALUES,
    batch_size=8,
    extra=lambda m: [v.numpy() for v in m.own.variables],
)
def no_optimizer_but_its_own(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(2)
            self.own = keras.optimizers.Adam(0.05)

        def call(self, inputs):
            return self.out(inputs)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            self.own.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
            return {"loss": loss}

    net = Net()
    net.compile(optimizer=None, loss="mse", **on.compile)
    return net


@row(x=X, y=VALUES, batch_size=8)
def descent_without_an_optimizer(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(2)

        def call(self, inputs):
            return self.out(inputs)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            for weight, gradient in zip(
                self.trainable_weights, tape.gradient(loss, self.trainable_weights), strict=True
            ):
                weight.assign_sub(0.1 * gradient)
            return {"loss": loss}

    net = Net()
    net.compile(loss="mse", optimizer=None, **on.compile)
    return net


@row(
    x=X,
    y=VALUES,
    batch_size=8,
    extra=lambda m: [m.count.numpy(), *(s.numpy() for s in m.sums)],
)
def gradients_accumulated_by_the_user(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(2)
            self.out.build((None, 4))
            self.count = tf.Variable(0, trainable=False)
            self.sums = [tf.Variable(tf.zeros(w.shape), trainable=False)
                         for w in self.trainable_variables]  # fmt: skip

        def call(self, inputs):
            return self.out(inputs)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            for total, g in zip(
                self.sums, tape.gradient(loss, self.trainable_variables), strict=True
            ):
                total.assign_add(g)
            self.count.assign_add(1)
            tf.cond(tf.equal(self.count % 4, 0), self.apply_sums, lambda: None)
            return {"loss": loss}

        def apply_sums(self):
            self.optimizer.apply_gradients(
                [(s / 4.0, v) for s, v in zip(self.sums, self.trainable_variables, strict=True)]
            )
            for s in self.sums:
                s.assign(tf.zeros_like(s))

    net = Net()
    net.compile(keras.optimizers.SGD(0.1), "mse", **on.compile)
    net.optimizer.build(net.trainable_variables)
    return net


@row
def train_step_is_a_tf_function(on):
    class Net(classifier(*on(keras.Model))):
        @tf.function
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x, y, y_pred)
            gradients = tape.gradient(loss, self.trainable_variables)
            if tf.linalg.global_norm(gradients) > 1.0:
                gradients = [g / 2.0 for g in gradients]
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss, "norm": tf.linalg.global_norm(gradients)}

    net = Net()
    net.compile("sgd", crossentropy(), **on.compile)
    net(X[:1])
    net.optimizer.build(net.trainable_variables)
    return net


@row(
    x=X,
    y=Y,
    batch_size=8,
    extra=lambda m: m.teacher.get_weights(),
)
def distillation_with_its_own_compile(on):
    class Distiller(*on(keras.Model)):
        def __init__(self, student, teacher):
            super().__init__()
            self.student, self.teacher = student, teacher

        def compile(self, optimizer, metrics, student_loss_fn, alpha=0.1, temperature=3, **kwargs):
            super().compile(optimizer=optimizer, metrics=metrics, **kwargs)
            self.student_loss_fn = student_loss_fn
            self.alpha, self.temperature = alpha, temperature

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            soft = tf.nn.softmax(self.teacher(x, training=False) / self.temperature)
            own = tf.nn.log_softmax(y_pred / self.temperature)
            apart = -tf.reduce_mean(tf.reduce_sum(soft * own, -1)) * self.temperature**2
            return self.alpha * self.student_loss_fn(y, y_pred) + (1 - self.alpha) * apart

        def call(self, x):
            return self.student(x)

    net = Distiller(keras.Sequential(logits()), keras.Sequential(logits()))
    net.teacher.trainable = False
    net.compile("sgd", [keras.metrics.SparseCategoricalAccuracy()], crossentropy(), alpha=0.4,
                **on.compile)  # fmt: skip
    return net


@row(
    x=X,
    batch_size=8,
    evaluate=None,
    extra=lambda m: m.target.get_weights(),
)
def two_views_with_an_averaged_target(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.online = keras.Sequential([keras.Input((4,)), *logits(2)])
            self.target = keras.models.clone_model(self.online)
            self.target.trainable = False
            self.noise = keras.layers.GaussianNoise(0.1)

        def call(self, x):
            return self.online(x)

        def train_step(self, data):
            goal = tf.stop_gradient(self.target(self.noise(data, training=True)))
            with tf.GradientTape() as tape:
                here = self.online(self.noise(data, training=True), training=True)
                loss = tf.reduce_mean(tf.square(here - goal))
            gradients = tape.gradient(loss, self.online.trainable_weights)
            self.optimizer.apply(gradients, self.online.trainable_weights)
            for slow, fast in zip(self.target.weights, self.online.weights, strict=True):
                slow.assign(0.9 * slow + 0.1 * fast)
            return {"loss": loss}

    net = Net()
    net.compile(optimizer="adam", **on.compile)
    return net


@row(x=X, y=VALUES, batch_size=8)
def logs_of_several_kinds(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(2)

        def call(self, inputs):
            return self.out(inputs)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                errors = tf.square(self(x, training=True) - y)
                loss = tf.reduce_mean(errors)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"errors": errors, "loss": loss, "rate": self.optimizer.learning_rate, "one": 1}

        def test_step(self, data):
            x, y = data
            return {"errors": tf.reduce_sum(tf.square(self(x, training=False) - y), -1)}

    net = Net()
    net.compile("sgd", **on.compile)
    return net


@row(quick=False)
def two_passes_with_a_way_up_the_slope(on):
    class Net(classifier(*on(keras.Model))):
        def train_step(self, data):
            x, y = data
            weights = self.trainable_variables
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            up = tape.gradient(loss, weights)
            norm = tf.linalg.global_norm(up)
            moves = [g * 0.05 / (norm + 1e-12) for g in up]
            for w, move in zip(weights, moves, strict=True):
                w.assign_add(move)
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                there = self.compute_loss(x, y, y_pred)
            gradients = tape.gradient(there, weights)
            for w, move in zip(weights, moves, strict=True):
                w.assign_sub(move)
            self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
            return self.compute_metrics(x, y, y_pred, None) | {"loss": loss}

    net = Net()
    net(X[:1])
    net.compile("sgd", crossentropy(), metrics=["accuracy"], **on.compile)
    return net


@row(quick=False, x=X, y=VALUES, batch_size=8, evaluate=None)
def gradient_penalty_by_nested_tapes(on):
    class Net(*on(keras.Model)):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = keras.layers.Dense(5, "tanh"), keras.layers.Dense(2)

        def call(self, inputs):
            return self.out(self.hidden(inputs))

        def train_step(self, data):
            x, y = data
            for _ in range(2):
                with tf.GradientTape() as tape:
                    with tf.GradientTape() as inner:
                        inner.watch(x)
                        outputs = self(x, training=True)
                    slope = inner.gradient(outputs, x)
                    penalty = tf.reduce_mean(tf.square(slope))
                    loss = tf.reduce_mean(tf.square(outputs - y)) + 0.1 * penalty
                gradients = tape.gradient(loss, self.trainable_weights)
                self.optimizer.apply(gradients, self.trainable_weights)
            return {"loss": loss, "penalty": penalty}

    net = Net()
    net.compile("sgd", **on.compile)
    return net


@row(extra=lambda m: [m.seen.numpy(), m.batches.numpy()])
def counters_of_the_users(on):
    class Net(classifier(*on(keras.Model))):
        def __init__(self):
            super().__init__()
            self.seen = tf.Variable(0, dtype=tf.int64, trainable=False)
            self.batches = self.add_weight(
                shape=(), initializer="zeros", trainable=False, name="batches"
            )

        def train_step(self, data):
            self.seen.assign_add(tf.cast(tf.shape(data[0])[0], tf.int64))
            self.batches.assign_add(1.0)
            return super().train_step(data)

    net = Net()
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row(no_xla="Keras calls its train_function as the user made it")
def make_train_function_of_the_users(on):
    class Net(classifier(*on(keras.Model))):
        def make_train_function(self, force=False):
            made = super().make_train_function(force)
            inner = self.train_function

            def counting(iterator):
                self.called = getattr(self, "called", 0) + 1
                return inner(iterator)

            self.train_function = counting
            return made

    net = Net()
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row(
    no_xla="its function is not compiled by XLA in Keras either",
    no_resume="Checkpoints saves after the compiled call, and this function counts no steps",
    unseen="its function does not run the lab's program",
)
def make_train_function_from_scratch(on):
    class Net(classifier(*on(keras.Model))):
        def make_train_function(self, force=False):
            @tf.function
            def one_batch(iterator):
                return self.train_step(next(iterator))

            self.train_function = one_batch
            return one_batch

    net = Net()
    net(X[:1])
    net.compile("sgd", crossentropy(), **on.compile)
    net.optimizer.build(net.trainable_variables)
    return net


@row
def fit_that_does_more(on):
    class Net(classifier(*on(keras.Model))):
        def fit(self, x, y, scale=2.0, **kwargs):
            self.fits = getattr(self, "fits", 0) + 1
            return super().fit(x * scale, y, **kwargs)

        def evaluate(self, x=None, y=None, **kwargs):
            return super().evaluate(x * 2.0, y, **kwargs)

        def predict(self, x, **kwargs):
            return tf.nn.softmax(super().predict(x * 2.0, **kwargs)).numpy()

    net = Net()
    net.compile("sgd", crossentropy(), **on.compile)
    return net


@row(validation_data=classes(16, 1))
def evaluate_of_the_users_in_validation(on):
    class Net(classifier(*on(keras.Model))):
        def evaluate(self, x=None, y=None, **kwargs):
            return super().evaluate(x=x * 2.0, y=y, **kwargs)

    net = Net()
    net.compile("sgd", crossentropy(), **on.compile)
    return net
