"""T2: scale pixels to [0, 1], encode labels as one-hot rows, choose a learning rate."""

import lesson  # isort: skip
import keras
import numpy as np

import mlp_lab
from mlp_lab.data.pipeline import one_hot


def descend(learning_rate, steps=20):
    """Descends f(w) = 60 w^2 from w = 1, where each step is w <- (1 - 120 lr) w."""
    w = keras.Variable(1.0)
    optimizer = mlp_lab.optimizers.GradientDescent(learning_rate)
    path = []
    for _ in range(steps):
        optimizer.apply([120.0 * w], [w])
        path.append(float(w.numpy()))
    return path


def main(argv=None):
    """Returns the range of scaled pixels, a one-hot row, and where the descents end."""
    options = lesson.options(__doc__, argv, uses_data=True)
    mnist = lesson.load("mnist", options)
    x = mnist.x_train.astype("float32") / 255
    y = one_hot(mnist.y_train, 10)
    large, advised, small = (descend(rate) for rate in (0.016, 1e-3, 1e-5))
    changes = int(np.sum(np.diff(np.sign(large)) != 0))

    rows = [
        ("pixels / 255, least", float(x.min()), 0.0),
        ("pixels / 255, greatest", float(x.max()), 1.0),
        (
            "label 5, depth 10",
            one_hot(np.array([5]), 10)[0].tolist(),
            [0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        ),
        ("labels, shape", y.shape, (60000, 10)),
        ("lr 0.016: changes of sign in 20 steps", changes, "too large: oscillates"),
        ("lr 0.001: w after 20 steps", advised[-1], "0.001 to 0.01: a good start"),
        ("lr 0.00001: w after 20 steps", small[-1], "too small: crawls"),
    ]
    return lesson.show(
        "T2 Preprocessing",
        rows,
        """Gradient descent on f(w) = 60 w^2 from w = 1. A step multiplies w by 1 - 120 lr. If
        this factor is below 0, w jumps over the minimum at every step; close to 1, it hardly
        moves. Which rates are too large depends on the curvature, here 120, and therefore on
        how the inputs are scaled: one more reason to divide by 255.""",
    )


if __name__ == "__main__":
    main()
