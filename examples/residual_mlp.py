"""A new model: `python train.py --model='examples.residual_mlp:ResidualMLP(depth=3)'`."""

import keras

import mlp_lab


@keras.saving.register_keras_serializable("examples")
class ResidualMLP(mlp_lab.Model):
    """Each block adds to its input: h + relu(h @ W + b)."""

    def __init__(self, num_classes=10, width=128, depth=3, input_scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = keras.layers.Rescaling(input_scale)
        self.flatten = keras.layers.Flatten()
        self.stem = mlp_lab.layers.Dense(width)
        self.blocks = [mlp_lab.layers.Dense(width, activation="relu") for _ in range(depth)]
        self.logits = mlp_lab.layers.Dense(num_classes)

    def call(self, inputs):
        h = self.stem(self.flatten(self.scale(inputs)))
        for block in self.blocks:
            h = h + block(h)
        return self.logits(h)
