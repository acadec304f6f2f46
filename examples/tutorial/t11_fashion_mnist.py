"""T11: Fashion-MNIST: its sizes, its classes, and a 2 x 5 picture of the first images."""

import lesson  # isort: skip
import mlp_lab
from mlp_lab.callbacks import Pictures
from mlp_lab.pictures import FirstImages

NAMES = "T-shirt, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"


def main(argv=None):
    """Returns the sizes, the first labels and the class names."""
    options = lesson.options(__doc__, argv, uses_data=True, log_name="t11_fashion_mnist")
    fashion = lesson.load("fashion_mnist", options)
    labels = fashion.y_train
    x, y = fashion.x_train[:128], labels[:128]

    # Pictures are drawn while a model trains; one batch and a linear model are enough.
    model = mlp_lab.MLP(hidden_units=(), input_scale=1 / 255)
    model.compile("sgd", mlp_lab.losses.SparseCategoricalCrossentropy(from_logits=True))
    first_ten = Pictures(
        options.log_dir, x[:10], y[:10], fashion.class_names, pictures=[FirstImages(count=10)]
    )
    model.fit(x, y, batch_size=128, verbose=0, callbacks=[first_ten])

    rows = [
        ("training images, shape", fashion.x_train.shape, (60000, 28, 28)),
        ("test images, shape", fashion.x_test.shape, (10000, 28, 28)),
        ("labels, least and greatest", [int(labels.min()), int(labels.max())], [0, 9]),
        ("first five labels", y[:5].tolist(), [9, 0, 0, 3, 0]),
        ("their names", [fashion.class_names[label] for label in y[:5]], ""),
        ("class names", ", ".join(fashion.class_names), NAMES),
    ]
    measured = lesson.show(
        "T11 Fashion-MNIST",
        rows,
        """The set has MNIST's shape but is harder: shirts, pullovers and coats look alike in
        28 x 28 pixels. The first ten images with their names are in TensorBoard, tab Images.
        The first labels show that the files are in the published order.""",
    )
    lesson.show_tensorboard(options)
    return measured


if __name__ == "__main__":
    main()
