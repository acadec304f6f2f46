"""T8: tf.GradientTape: what it watches, how often it can be asked, and what None means."""

import lesson  # isort: skip
import tensorflow as tf


def main(argv=None):
    """Returns the gradients that the tape gives in each of its modes."""
    lesson.options(__doc__, argv)
    x = tf.constant(2.0)
    w = tf.Variable(1.0)  # watched, because it is trainable
    plain = tf.constant(1.0)  # not watched unless you ask
    other = tf.Variable(3.0)  # the target does not depend on it

    with tf.GradientTape() as tape:
        y = x * w
    variable = tape.gradient(y, w)

    with tf.GradientTape() as tape:
        y = x * plain
    unwatched = tape.gradient(y, plain)

    with tf.GradientTape() as tape:
        tape.watch(plain)
        y = x * plain
    watched = tape.gradient(y, plain)

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        y = x * w
    unasked = tape.gradient(y, w)

    with tf.GradientTape(persistent=True) as tape:
        y = x * w
        z = y * y
    twice = [float(tape.gradient(target, w)) for target in (y, z)]
    none = tape.gradient(y, other)  # unconnected_gradients="none"
    zero = tape.gradient(y, other, unconnected_gradients="zero")
    del tape  # a persistent tape keeps its tensors until it is deleted

    with tf.GradientTape() as tape:
        y = x * w
    tape.gradient(y, w)
    try:
        tape.gradient(y, w)
        again = "answers"
    except RuntimeError:
        again = "RuntimeError"

    rows = [
        ("w = 1, x = 2, y = x w: dy/dw", float(variable), 2.0),
        ("by a plain tensor", unwatched, "None"),
        ("by a plain tensor with watch", float(watched), 2.0),
        ("watch_accessed_variables=False", unasked, "None"),
        ("persistent: dy/dw, d(y^2)/dw", twice, ""),
        ("not persistent, second call", again, ""),
        ('unconnected, "none"', none, "None"),
        ('unconnected, "zero"', float(zero), 0.0),
    ]
    return lesson.show(
        "T8 GradientTape",
        rows,
        """None is not 0: it says that the tape saw no path from the source to the target. Most
        often the source is a plain tensor that is not watched, such as what was a variable
        before w = w - lr * g.""",
    )


if __name__ == "__main__":
    main()
