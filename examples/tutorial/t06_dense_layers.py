"""T6: one fully connected layer, and a stack of them: shapes, parameters, summary()."""

import lesson  # isort: skip
import numpy as np

import mlp_lab


def main(argv=None):
    """Returns the shapes of one layer and the parameters of a stack."""
    lesson.options(__doc__, argv)
    layer = mlp_lab.layers.Dense(
        512,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
    )
    before = len(layer.weights)
    outputs = layer(np.ones((4, 478), "float32"))

    stack = mlp_lab.MLP(hidden_units=(16, 32), num_classes=8)
    stack(np.ones((4, 10), "float32"))
    stack.summary()
    for weight in stack.trainable_variables:
        print(weight.path, tuple(weight.shape))
    counts = [layer.count_params() for layer in [*stack.hidden, stack.outputs_layer]]

    rows = [
        ("variables before the first call", before, ""),
        ("x [4, 478] -> outputs, shape", tuple(outputs.shape), (4, 512)),
        ("kernel, shape", tuple(layer.kernel.shape), (478, 512)),
        ("bias, shape", tuple(layer.bias.shape), "[512], elsewhere a wrong [4, 478]"),
        ("10 -> 16 -> 32 -> 8, per layer", counts, [176, 544, 264]),
        ("10 -> 16 -> 32 -> 8, parameters", stack.count_params(), 984),
    ]
    return lesson.show(
        "T6 Dense layers",
        rows,
        """A layer learns the size of its input at the first call, and creates its variables
        then. The bias has one entry per unit, [512], whatever the batch. A layer from d to n
        units has d * n + n parameters.""",
    )


if __name__ == "__main__":
    main()
