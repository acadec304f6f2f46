"""T10: cross-entropy case by case, why it takes logits, and its gradient in closed form."""

import lesson  # isort: skip
import numpy as np
import tensorflow as tf

from mlp_lab import activations, losses


def main(argv=None):
    """Returns the values of the cases and the difference between tape and closed form."""
    lesson.options(__doc__, argv)

    def categorical(y, p):
        return float(losses.CategoricalCrossentropy()([y], [p]))

    def binary(y, p):
        return float(losses.BinaryCrossentropy()([y], [p]))

    x, y = tf.random.normal([2, 4]), tf.one_hot([2, 0], 3)
    w, b = tf.Variable(tf.random.normal([4, 3])), tf.Variable(tf.zeros([3]))
    with tf.GradientTape() as tape:
        logits = x @ w + b
        loss = losses.CategoricalCrossentropy(from_logits=True)(y, logits)
    dw, db = tape.gradient(loss, [w, b])
    error = activations.softmax(logits) - y
    closed_dw, closed_db = tf.transpose(x) @ error / 2.0, tf.reduce_mean(error, axis=0)

    far, truth = tf.constant([[0.0, 1000.0]]), tf.constant([[1.0, 0.0]])
    unstable = float(-tf.reduce_sum(truth * tf.math.log(tf.nn.softmax(far))))
    stable = float(losses.CategoricalCrossentropy(from_logits=True)(truth, far))

    uniform = categorical([0.0, 1, 0, 0], [0.25] * 4)
    wrong = categorical([1.0, 0], [0.1, 0.9])
    rows = [
        ("categorical [0, 1, 0, 0], uniform 0.25", uniform, 1.3862944),
        ("ln 4", np.log(4), "the log's base is 2: wrong"),
        ("log2 4", np.log2(4), ""),
        (
            "... wrong, [0.1, 0.1, 0.7, 0.1]",
            categorical([0.0, 1, 0, 0], [0.1, 0.1, 0.7, 0.1]),
            2.3025851,
        ),
        (
            "... right, [0.1, 0.7, 0.1, 0.1]",
            categorical([0.0, 1, 0, 0], [0.1, 0.7, 0.1, 0.1]),
            0.35667497,
        ),
        ("binary [1, 0], [0.9, 0.1]", binary([1.0, 0], [0.9, 0.1]), 0.10536054),
        ("categorical [1, 0], [0.1, 0.9]", wrong, 2.3025851),
        ("binary [1, 0], [0.1, 0.9]", binary([1.0, 0], [0.1, 0.9]), "2.3, by the categorical"),
        ("softmax, then log, of logits [0, 1000]", unstable, "NaN or inf"),
        ("from_logits, of logits [0, 1000]", stable, ""),
        ("d/dw: tape - x^T (p - y) / N", float(tf.reduce_max(tf.abs(dw - closed_dw))), ""),
        ("d/db: tape - mean (p - y)", float(tf.reduce_max(tf.abs(db - closed_db))), ""),
        ("d/dw, greatest sum over classes", float(tf.reduce_max(tf.abs(tf.reduce_sum(dw, 1)))), 0),
        ("d/db, sum over classes", float(tf.reduce_sum(db)), 0),
    ]
    return lesson.show(
        "T10 Cross-entropy",
        rows,
        """The logarithm is natural: 1.3862944 is ln 4; in base 2 it would be 2. The binary and
        the categorical value of [1, 0] against [0.1, 0.9] are equal by coincidence; they are
        two functions. Give the loss logits, with from_logits=True: if softmax comes first, it
        rounds small probabilities to 0, and the logarithm of 0 is infinite.""",
    )


if __name__ == "__main__":
    main()
