"""T5: the network of T4, tested after every epoch, from raw variables and as a model.

After an epoch: pass the test images forward, softmax, arg-max along axis 1, compare with the
integer labels; accuracy = correct / total.
"""

import lesson  # isort: skip
import numpy as np
import tensorflow as tf
from t04_raw_variables import forward, greatest_difference, initial, train_raw, twin

from mlp_lab.callbacks import Pictures, TensorBoard
from mlp_lab.data.pipeline import one_hot


def accuracy(variables, x, y):
    """correct / total, counted without a metric class."""
    out = forward(tf.reshape(tf.cast(x, tf.float32) / 255.0, [-1, 784]), variables)
    probabilities = tf.nn.softmax(out, axis=1)  # tf.softmax does not exist
    predictions = tf.argmax(probabilities, axis=1, output_type=tf.int32)
    correct = tf.reduce_sum(tf.cast(predictions == y, tf.int32))
    return int(correct) / len(y)


def main(argv=None):
    """Returns the accuracies after the epochs, of the loop and of the model, and the losses."""
    options = lesson.options(__doc__, argv, uses_data=True, log_name="t05_test_loop")
    mnist = lesson.load("mnist", options)
    x, y, x_test = mnist.x_train, one_hot(mnist.y_train, 10), mnist.x_test
    epochs, every = (50, 100) if options.full else (2, 12)

    variables = initial()
    model = twin(variables)
    tested = []

    def test(epoch):
        tested.append(accuracy(variables, x_test, mnist.y_test))
        if options.full:
            print(f"epoch {epoch + 1}: test accuracy {tested[-1]:.4f}", flush=True)

    losses = train_raw(variables, x, y, epochs, every, after_epoch=test)
    history = model.fit(
        x, y, batch_size=128, epochs=epochs, shuffle=False, verbose=2 if options.full else 0,
        validation_data=(x_test, one_hot(mnist.y_test, 10)),
        callbacks=[
            TensorBoard(options.log_dir, histogram_every=100),
            Pictures(options.log_dir, x_test, mnist.y_test, freq=epochs),
        ],
    ).history  # fmt: skip

    printed = np.array([0.04710, 0.05285, 0.05023, 0.05275, 0.05572])
    rows = [
        ("epochs", epochs, '50, labeled "10 times"'),
        ("loss in the last epoch", losses, printed if len(losses) == 5 else ""),
        ("mean loss of the last epoch, model", history["loss"][-1], ""),
        ("test accuracy after epoch 1", tested[0], "0.126 to 0.205 when run again"),
        ("test accuracy after the last", tested[-1], 0.7847),
        ("test accuracy after the last, model", round(history["val_accuracy"][-1], 4), 0.7847),
        ("greatest difference of weights", greatest_difference(variables, model), ""),
    ]
    if epochs > 10:
        rows.insert(4, ("test accuracy after epoch 10", tested[9], "0.520 to 0.567 when run again"))
    measured = lesson.show(
        "T5 A test loop",
        rows,
        """The accuracy belongs to 50 epochs: after 10 it is still near 0.54. Softmax does not
        change the arg-max, but it turns logits into probabilities. The model's metric counts
        the same correct over total. The printed losses are those of single batches, and noisy;
        the mean over the epoch is another curve.""",
    )
    lesson.show_tensorboard(options)
    return measured


if __name__ == "__main__":
    main()
