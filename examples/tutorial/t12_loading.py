"""T12: from Fashion-MNIST's arrays to batches: cast, scale, one-hot, shuffle, batch."""

import lesson  # isort: skip
import tensorflow as tf

from mlp_lab.data.pipeline import one_hot, pieces


def main(argv=None):
    """Returns the shapes and types of the first batches, from tf.data and from the lab."""
    options = lesson.options(__doc__, argv, uses_data=True)
    fashion = lesson.load("fashion_mnist", options)
    rows_in_set = len(fashion.x_train)

    def prepare(x, y):
        return tf.cast(x, tf.float32) / 255.0, tf.one_hot(y, 10)

    train = tf.data.Dataset.from_tensor_slices((fashion.x_train, fashion.y_train))
    train = train.shuffle(rows_in_set).map(prepare).batch(128)
    test = tf.data.Dataset.from_tensor_slices((fashion.x_test, fashion.y_test)).batch(128)
    x, y = next(iter(train))
    _, y_test = next(iter(test))

    arrays = fashion.x_train, one_hot(fashion.y_train, 10)
    lab, steps = pieces(arrays, 128, shuffle=True)
    x_lab, y_lab = next(iter(lab))

    rows = [
        ("a batch of images, shape", tuple(x.shape), (128, 28, 28)),
        ("a batch of images, type", x.dtype.name, "float32"),
        ("a batch of images, greatest", float(tf.reduce_max(x)), 1.0),
        ("a batch of labels, shape", tuple(y.shape), (128, 10)),
        ("a batch of test labels, shape", tuple(y_test.shape), (128,)),
        ("batches per epoch", len(train), -(-60000 // 128)),
        ("the lab: a batch of images, shape", tuple(x_lab.shape), (128, 28, 28)),
        ("the lab: a batch of images, type", x_lab.dtype.name, ""),
        ("the lab: a batch of labels, shape", tuple(y_lab.shape), (128, 10)),
        ("the lab: batches per epoch", steps, -(-60000 // 128)),
        ("samples in the last batch", rows_in_set % 128, 60000 % 128),
    ]
    return lesson.show(
        "T12 Loading",
        rows,
        """Training labels are one-hot for the loss; test labels stay integers and are compared
        with the arg-max. Take one batch and look at its shapes before training. The last batch
        is smaller: the mean over an epoch must weight it by its size.""",
    )


if __name__ == "__main__":
    main()
