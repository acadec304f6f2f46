"""T9: the mean squared error in three equal forms, and its gradient through softmax."""

import lesson  # isort: skip
import tensorflow as tf

from mlp_lab import activations, losses


def main(argv=None):
    """Returns the values of the three forms and the shapes and norms of gradients."""
    lesson.options(__doc__, argv)
    y = tf.one_hot([1, 2, 3, 0, 2], 4)
    out = tf.random.normal([5, 4])
    per_sample = losses.mean_squared_error(y, out)

    x, targets = tf.random.normal([2, 4]), tf.one_hot([2, 0], 3)
    w, b = tf.Variable(tf.random.normal([4, 3])), tf.Variable(tf.zeros([3]))
    with tf.GradientTape() as tape:
        probabilities = activations.softmax(x @ w + b, axis=1)
        loss = losses.MeanSquaredError()(targets, probabilities)
    dw, db = tape.gradient(loss, [w, b])

    # Sure and wrong: the gradient with respect to the logits [0, 8] of one sample of class 0.
    logits, truth = tf.constant([[0.0, 8.0]]), tf.constant([[1.0, 0.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        mse = losses.MeanSquaredError()(truth, activations.softmax(logits))
        crossentropy = losses.CategoricalCrossentropy(from_logits=True)(truth, logits)

    rows = [
        ("mean of squares", float(tf.reduce_mean(tf.square(y - out))), "form 1"),
        ("squared norm / (5 * 4)", float(tf.norm(y - out) ** 2 / 20), "= form 1"),
        ("mean of the samples' MSE", float(tf.reduce_mean(per_sample)), "= form 1"),
        ("samples' MSE, shape", tuple(per_sample.shape), "[b]"),
        (
            "mean of sums",
            float(tf.reduce_mean(tf.reduce_sum((y - out) ** 2, 1))),
            "a wrong comment",
        ),
        ("d loss / d w, shape", tuple(dw.shape), (4, 3)),
        ("d loss / d b, shape", tuple(db.shape), (3,)),
        ("sure and wrong: norm of d MSE", float(tf.norm(tape.gradient(mse, logits))), ""),
        (
            "sure and wrong: norm of d cross-entropy",
            float(tf.norm(tape.gradient(crossentropy, logits))),
            "",
        ),
    ]
    return lesson.show(
        "T9 Mean squared error",
        rows,
        """The three forms give the same number. The mean of sums gives another one, larger by the
        number of classes: here 4 times, with ten classes 10 times. MSE suits regression; after
        a softmax its gradient vanishes just where the network is sure and wrong, which is where
        that of the cross-entropy is largest.""",
    )


if __name__ == "__main__":
    main()
