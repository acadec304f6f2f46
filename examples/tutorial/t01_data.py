"""T1: MNIST as published. Look at shapes, types and ranges before anything else."""

import lesson  # isort: skip
import tensorflow as tf


def main(argv=None):
    """Returns the shapes, types and ranges of the training set."""
    options = lesson.options(__doc__, argv, uses_data=True)
    mnist = lesson.load("mnist", options)

    # The lab keeps pixels as bytes; the tutorial converts them right away.
    x = tf.cast(mnist.x_train, tf.float32)
    y = tf.convert_to_tensor(mnist.y_train, tf.int32)

    rows = [
        ("images, type in the lab", str(mnist.x_train.dtype), ""),
        ("images, shape", tuple(x.shape), (60000, 28, 28)),
        ("images, type", x.dtype.name, "float32"),
        ("images, least", float(tf.reduce_min(x)), 0.0),
        ("images, greatest", float(tf.reduce_max(x)), 255.0),
        ("labels, shape", tuple(y.shape), "[6000], a slip for [60,000]"),
        ("labels, type", y.dtype.name, "int32"),
        ("labels, least", int(tf.reduce_min(y)), 0),
        ("labels, greatest", int(tf.reduce_max(y)), 9),
        ("megabytes as bytes", mnist.x_train.nbytes / 1e6, ""),
        ("megabytes as float32", 4 * int(tf.size(x)) / 1e6, ""),
    ]
    return lesson.show(
        "T1 MNIST",
        rows,
        """One label per image: 60,000 in the full set, where the tutorial once prints 6,000.
        As float32, the images take four times the memory, so the lab keeps them as bytes
        until the model's first layer scales them.""",
    )


if __name__ == "__main__":
    main()
