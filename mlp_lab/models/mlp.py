"""The multilayer perceptron."""

import keras

from mlp_lab import activations, initializers
from mlp_lab.layers import Dense
from mlp_lab.models.model import Model


@keras.saving.register_keras_serializable("mlp_lab")
class MLP(Model):
    """Scaling, flattening, hidden Dense layers, then a Dense output layer.

    x [batch, ...] of any numeric type -> outputs [batch, num_classes]:
    h_0 = flatten(x * input_scale); h_k = dropout(activation(h_{k-1} @ W_k + b_k));
    outputs = output_activation(h_n @ W + b).

    With the default sizes and 28 x 28 inputs: 784 -> 256 -> 128 -> 64 -> 32 -> 10,
    200,960 + 32,896 + 8,256 + 2,080 + 330 = 244,522 parameters.

    Args:
      hidden_units: number of outputs of each hidden layer, in order; (256, 128) makes
        two hidden layers, () none (a linear classifier).
      num_classes: number of outputs, at least 1.
      activation: for the hidden layers (see `mlp_lab.activations.get`).
      output_activation: for the output layer; None gives logits.
      dropout: share of each hidden layer's outputs set to 0 during training, in [0, 1).
      use_bias: whether Dense layers add a bias.
      kernel_initializer: for every Dense layer (see `mlp_lab.initializers.get`).
      bias_initializer: for every Dense layer.
      kernel_regularizer: for every Dense layer; any Keras regularizer or its name.
      bias_regularizer: for every Dense layer.
      input_scale: factor for the inputs; 1/255 maps 8-bit pixels to [0, 1].

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        hidden_units=(256, 128, 64, 32),
        num_classes=10,
        activation="relu",
        output_activation=None,
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        input_scale=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout: expected a share in [0, 1), got {dropout}")
        self.hidden_units = tuple(hidden_units)
        self.num_classes = num_classes
        self.activation = activations.get(activation)
        self.output_activation = activations.get(output_activation)
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.input_scale = input_scale

        # The layers compute in the model's precision, even if it is not the default.
        dtype = self.dtype_policy
        self.scale = keras.layers.Rescaling(input_scale, name="scale", dtype=dtype)
        self.flatten = keras.layers.Flatten(name="flatten", dtype=dtype)
        self.hidden = [
            self._dense(units, self.activation, f"hidden_{i}")
            for i, units in enumerate(self.hidden_units, start=1)
        ]
        self.dropouts = [
            keras.layers.Dropout(dropout, name=f"dropout_{i}", dtype=dtype)
            for i in range(1, len(self.hidden) + 1)
            if dropout
        ]
        self.outputs_layer = self._dense(num_classes, self.output_activation, "outputs")

    def _dense(self, units, activation, name):
        return Dense(
            units,
            activation=activation,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            name=name,
            dtype=self.dtype_policy,
        )

    def call(self, inputs, training=None):
        h = self.flatten(self.scale(inputs))
        for i, layer in enumerate(self.hidden):
            h = layer(h)
            if self.dropouts:
                h = self.dropouts[i](h, training=training)
        return self.outputs_layer(h)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": list(self.hidden_units),
            "num_classes": self.num_classes,
            "activation": activations.serialize(self.activation),
            "output_activation": activations.serialize(self.output_activation),
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "input_scale": self.input_scale,
        }
