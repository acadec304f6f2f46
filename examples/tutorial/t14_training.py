"""T14: train the five-layer network with Adam on cross-entropy, and log the MSE beside it."""

import lesson  # isort: skip
import keras
import numpy as np

import mlp_lab
from mlp_lab import losses, metrics
from mlp_lab.callbacks import Pictures, TensorBoard
from mlp_lab.data.pipeline import one_hot


def main(argv=None):
    """Returns losses and accuracies after the first and the last epoch."""
    options = lesson.options(__doc__, argv, uses_data=True, log_name="t14_training")
    fashion = lesson.load("fashion_mnist", options)
    epochs = 20 if options.full else 3
    x_test = fashion.x_test

    model = mlp_lab.MLP(input_scale=1 / 255)
    model.shuffle_seed = options.seed
    model.compile(
        keras.optimizers.Adam(learning_rate=1e-3),  # lr= is an error in Keras 3
        losses.CategoricalCrossentropy(from_logits=True),  # this is minimized
        metrics=[metrics.Accuracy(), metrics.MeanSquaredError()],  # this is only logged
    )
    history = model.fit(
        fashion.x_train, one_hot(fashion.y_train, 10), batch_size=128, epochs=epochs,
        validation_data=(x_test, one_hot(fashion.y_test, 10)), verbose=2 if options.full else 0,
        callbacks=[
            TensorBoard(options.log_dir, histogram_every=100),
            Pictures(options.log_dir, x_test, fashion.y_test, fashion.class_names, freq=epochs),
        ],
    ).history  # fmt: skip

    mse, accuracy = history["mean_squared_error"], np.round(history["val_accuracy"], 4)
    rows = [
        ("epochs", epochs, 20),
        ("first epoch: MSE of the logits", mse[0], "16.71 (last batch)"),
        ("first epoch: cross-entropy", history["loss"][0], "0.436 (last batch)"),
        ("first epoch: test accuracy", accuracy[0], 0.839),
        ("last epoch: MSE of the logits", mse[-1], "130.58 (last batch)"),
        ("last epoch: cross-entropy", history["loss"][-1], "0.273 (last batch)"),
        ("last epoch: test accuracy", accuracy[-1], 0.8878),
        ("best test accuracy", accuracy.max(), "0.882 to 0.888 when run again"),
        ("last epoch: test cross-entropy", history["val_loss"][-1], "about 0.39 when run again"),
    ]
    measured = lesson.show(
        "T14 Training and testing",
        rows,
        """The MSE of the logits grows while the cross-entropy falls: confident logits are far
        from 0 and 1. It measures confidence, not error. The tutorial prints the losses of the
        last batch, which are noisy; here they are means over the epoch. After 20 epochs the test
        cross-entropy is about twice the training one: the network overfits.""",
    )
    lesson.show_tensorboard(options)
    return measured


if __name__ == "__main__":
    main()
