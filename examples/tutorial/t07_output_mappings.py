"""T7: what maps the outputs of the last layer: sigmoid, softmax, tanh, relu, leaky_relu."""

import lesson  # isort: skip
import numpy as np
import tensorflow as tf

from mlp_lab import activations

LOGITS = """-0.80400324 1.1189251 1.7390656 0.8317995 -1.1970901 -0.48806524 -1.1161256
    -0.35890388 0.765254 -1.8393846"""
# What the tutorial prints.
SIGMOID = """0.00247262 0.00931596 0.0344452 0.11920292 0.33924363 0.66075637 0.88079708
    0.9655548 0.99068404 0.99752738"""
SOFTMAX = """0.02841684 0.19439851 0.3614236 0.14588003 0.01918051 0.03897498 0.02079806
    0.0443486 0.13648833 0.01009056"""
TANH = "-0.96402758 -0.76159416 0 0.76159416 0.96402758"
RELU = "0 0 0 0 0 0.11111111 0.33333333 0.55555556 0.77777778 1"
LEAKY = "-0.2 -0.15555556 -0.11111111 -0.06666667 -0.02222222 " + RELU[10:]


def numbers(line, dtype="float64"):
    """The numbers of a line, [n]."""
    return np.array(line.split(), dtype)


def slope(function, x):
    """d function / d x at one point."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return float(tape.gradient(y, x))


def main(argv=None):
    """Returns the outputs of the five functions and two slopes below 0."""
    lesson.options(__doc__, argv)
    wide, unit = np.linspace(-6, 6, 10, dtype="f"), np.linspace(-1, 1, 10, dtype="f")
    softmax = activations.softmax(numbers(LOGITS, "float32")[None], axis=1)[0].numpy()
    rows = [
        ("sigmoid", activations.sigmoid(wide).numpy(), numbers(SIGMOID)),
        ("softmax", softmax, numbers(SOFTMAX)),
        ("softmax, sum", float(softmax.sum()), 1),
        ("softmax, greatest / second", float(np.divide(*np.sort(softmax)[:-3:-1])), ""),
        ("logits, greatest / second", float(np.divide(*np.sort(numbers(LOGITS))[:-3:-1])), ""),
        ("tanh", activations.tanh(numbers("-2 -1 0 1 2", "float32")).numpy(), numbers(TANH)),
        ("relu", activations.relu(unit).numpy(), numbers(RELU)),
        ("leaky_relu", activations.leaky_relu(unit, alpha=0.2).numpy(), numbers(LEAKY)),
        ("relu, slope at -1", slope(activations.relu, -1.0), 0),
        ("leaky_relu, slope at -1", slope(activations.leaky_relu, -1.0), 0.2),
    ]
    return lesson.show(
        "T7 Output mappings",
        rows,
        """Softmax sharpens: the strong get stronger, and all sum to 1. Below 0 the slope of relu
        is 0, so a unit that is negative for every sample gets no gradient and is dead;
        leaky_relu, max(0, x) + leak * min(0, x), keeps it alive.""",
    )


if __name__ == "__main__":
    main()
