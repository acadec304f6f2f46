"""T4: 784 -> 256 -> 128 -> 10 from raw variables, and the same as an mlp_lab model.

Minimizes the mean squared error with a hand-written loop, in file order, then gives the same
initial weights to mlp_lab.MLP and compares what both have learned.
"""

import itertools

import lesson  # isort: skip
import numpy as np
import tensorflow as tf

import mlp_lab
from mlp_lab.data.pipeline import one_hot


def initial(stddev=0.1, sizes=(784, 256, 128, 10)):
    """[w1, b1, w2, b2, w3, b3]: truncated normal weights, biases of zero."""
    variables = []
    for inputs, outputs in itertools.pairwise(sizes):
        variables.append(tf.Variable(tf.random.truncated_normal([inputs, outputs], stddev=stddev)))
        variables.append(tf.Variable(tf.zeros([outputs])))
    return variables


def forward(x, variables):  # ------------------------ the model: MLP.call
    w1, b1, w2, b2, w3, b3 = variables
    h1 = tf.nn.relu(x @ w1 + b1)  # ------------------ hidden_1 = Dense(256, activation="relu")
    h2 = tf.nn.relu(h1 @ w2 + b2)  # ----------------- hidden_2 = Dense(128, activation="relu")
    return h2 @ w3 + b3  # --------------------------- outputs_layer = Dense(10)


def train_raw(variables, x, y, epochs, every=100, rate=1e-3, after_epoch=None):
    """Trains `variables` in place; returns the losses of the last epoch, every `every`-th step."""
    x = tf.reshape(tf.cast(x, tf.float32) / 255.0, [-1, 784])  # scale, flatten
    for epoch in range(epochs):  # ------------------- model.fit(x, y, epochs=epochs,
        losses = []
        for start in range(0, len(x), 128):  # -------     batch_size=128, shuffle=False)
            x_batch, y_batch = x[start : start + 128], y[start : start + 128]
            with tf.GradientTape() as tape:  # ------- the same lines as GlassBox.train_step:
                out = forward(x_batch, variables)  # -     outputs = self(x)
                loss = tf.reduce_mean(tf.square(y_batch - out))  # compute_loss
            gradients = tape.gradient(loss, variables)
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign_sub(rate * gradient)  # GradientDescent(rate)
            if start // 128 % every == 0:
                losses.append(float(loss))
        if after_epoch:
            after_epoch(epoch)
    return np.array(losses)


def twin(variables, rate=1e-3):
    """The mlp_lab model with copies of the same weights, compiled to take the same steps."""
    model = mlp_lab.MLP(hidden_units=(256, 128), input_scale=1 / 255)
    model(np.zeros((1, 28, 28), "uint8"))  # variables are created at the first call
    model.set_weights([variable.numpy() for variable in variables])
    descent = mlp_lab.optimizers.GradientDescent(rate)
    accuracy = mlp_lab.metrics.Accuracy()
    model.compile(descent, mlp_lab.losses.MeanSquaredError(), metrics=[accuracy])
    return model


def greatest_difference(variables, model):
    """max |raw - model| over all weights."""
    pairs = zip(variables, model.get_weights(), strict=True)
    return max(float(np.abs(raw.numpy() - own).max()) for raw, own in pairs)


def rebound(x):
    """The gradient of w after `w = w - lr * g` has turned the variable into a plain tensor."""
    w = tf.Variable(2.0)
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = tf.square(w * x)
        gradient = tape.gradient(loss, w)
        w = w - 1e-3 * gradient if gradient is not None else w
    return gradient


def main(argv=None):
    """Returns the losses of the last epoch and the difference between raw and model."""
    options = lesson.options(__doc__, argv, uses_data=True)
    mnist = lesson.load("mnist", options)
    x, y = mnist.x_train, one_hot(mnist.y_train, 10)
    epochs, every = (10, 100) if options.full else (2, 12)

    variables = initial()
    model = twin(variables)
    losses = train_raw(variables, x, y, epochs, every)
    history = model.fit(x, y, batch_size=128, epochs=epochs, shuffle=False, verbose=0).history
    wild = train_raw(initial(stddev=1.0), x[:2560], y[:2560], 1, every=1)

    printed = np.array([0.08259, 0.09006, 0.08287, 0.08224, 0.08803])
    rows = [
        ("epochs", epochs, 10),
        ("loss in the last epoch", losses, printed if len(losses) == 5 else ""),
        ("mean loss of the last epoch, model", history["loss"][-1], ""),
        ("greatest difference of weights", greatest_difference(variables, model), ""),
        ("second gradient after w = w - lr * g", rebound(tf.constant(3.0)), "None"),
        ("loss with stddev 1, step 1", wild[0], ""),
        ("loss with stddev 1, last step", wild[-1], "NaN"),
    ]
    return lesson.show(
        "T4 Raw variables",
        rows,
        """The model does what the hand-written loop does: equal weights after equal steps.
        Update in place with assign_sub; w = w - lr * g turns the variable into a plain tensor,
        which the next tape does not watch. If the initial weights are too large, the loss
        overflows: NaN. And the comment mean(sum((y - out)^2)) does not describe this loss,
        which is the mean over all entries, a tenth of that.""",
    )


if __name__ == "__main__":
    main()
