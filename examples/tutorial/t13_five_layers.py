"""T13: the five-layer network 784 -> 256 -> 128 -> 64 -> 32 -> 10 and its parameters."""

import lesson  # isort: skip
import numpy as np

import mlp_lab


def main(argv=None):
    """Returns the parameters per layer and in total, and the outputs' shape."""
    lesson.options(__doc__, argv)
    model = mlp_lab.MLP()  # its default sizes; relu, none on the last layer
    outputs = model(np.zeros((128, 28, 28), "uint8"))
    model.summary()
    layers = [*model.hidden, model.outputs_layer]

    rows = [
        ("x [128, 28, 28] -> outputs, shape", tuple(outputs.shape), (128, 10)),
        ("units", [layer.units for layer in layers], [256, 128, 64, 32, 10]),
        ("parameters 784 -> 256", layers[0].count_params(), 200960),
        ("parameters 256 -> 128", layers[1].count_params(), 32896),
        ("parameters 128 -> 64", layers[2].count_params(), 8256),
        ("parameters 64 -> 32", layers[3].count_params(), 2080),
        ("parameters 32 -> 10", layers[4].count_params(), 330),
        ("parameters", model.count_params(), 244522),
        ("activation of the last layer", layers[-1].activation, "none"),
    ]
    return lesson.show(
        "T13 Five layers",
        rows,
        """Four fifths of the parameters are in the first layer, which sees every pixel. The
        last layer has no activation: its outputs are logits, and the loss is told so.""",
    )


if __name__ == "__main__":
    main()
