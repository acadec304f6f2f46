"""The multilayer perceptron."""

import math

import keras
from keras import ops

from mlp_lab import activations, initializers
from mlp_lab.layers import Dense, InUnits, Scale
from mlp_lab.models.model import Model

_SCALING_RATE = 6.0  # of Holzmüller et al., Better by Default, 2024


@keras.saving.register_keras_serializable("mlp_lab")
class MLP(Model):
    """Scaling, flattening, hidden Dense layers, then a Dense output layer.

    x [batch, ...] of any numeric type -> outputs [batch, num_classes]:
    h_0 = flatten(x * input_scale); h_k = dropout(activation(h_{k-1} @ W_k + b_k));
    outputs = output_activation(h_n @ W + b).

    For tables and for numbers as targets: `preprocessing`, a layer such as
    `layers.TablePreprocessing`, replaces scaling and flattening; `input_scaling` adds a learned
    factor for each input of the first hidden layer (`layers.Scale`); `in_units` brings the
    outputs to the unit of the targets (`layers.InUnits`).

    With the default sizes and 28 x 28 inputs: 784 -> 256 -> 128 -> 64 -> 32 -> 10,
    200,960 + 32,896 + 8,256 + 2,080 + 330 = 244,522 parameters.

    Args:
      hidden_units: number of outputs of each hidden layer, in order; (256, 128) makes
        two hidden layers, () none (a linear classifier).
      num_classes: number of outputs, at least 1; not used if num_outputs is given.
      activation: for the hidden layers (see `mlp_lab.activations.get`).
      output_activation: for the output layer; None gives logits.
      dropout: share of each hidden layer's outputs set to 0 during training, in [0, 1).
      use_bias: whether Dense layers add a bias.
      kernel_initializer: for every Dense layer (see `mlp_lab.initializers.get`).
      bias_initializer: for every Dense layer.
      kernel_regularizer: for every Dense layer; any Keras regularizer or its name.
      bias_regularizer: for every Dense layer.
      input_scale: factor for the inputs; 1/255 maps 8-bit pixels to [0, 1].
      num_outputs: number of outputs, at least 1, also where they are not classes.
      preprocessing: layer from inputs to [batch, features]. With one, float64 inputs are not
        cast to the model's precision before it.
      in_units: mean and scale of each output's target, two lists of num_outputs numbers.
      parametrization: of every Dense layer, "standard" or "ntk" (see `layers.Dense`).
      input_scaling: whether to learn a factor for each feature.

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
        num_outputs=None,
        preprocessing=None,
        in_units=None,
        parametrization="standard",
        input_scaling=False,
        **kwargs,
    ):
        if preprocessing is not None:
            kwargs = {"autocast": False, **kwargs}  # inputs reach it as they are
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
        self.num_outputs = num_outputs
        self.in_units = None if in_units is None else [list(values) for values in in_units]
        self.parametrization = parametrization
        self.input_scaling = input_scaling
        self.preprocessing = _layer(preprocessing)
        self._make_layers()

    def _make_layers(self):
        # The layers compute in the model's precision, even if it is not the default.
        dtype = self.dtype_policy
        if self.preprocessing is None:
            self.scale = keras.layers.Rescaling(self.input_scale, name="scale", dtype=dtype)
            self.flatten = keras.layers.Flatten(name="flatten", dtype=dtype)
        self.scaling = None
        if self.input_scaling:
            self.scaling = Scale(_SCALING_RATE, name="input_scaling", dtype=dtype)
        self.hidden = [
            self._dense(units, self.activation, f"hidden_{i}")
            for i, units in enumerate(self.hidden_units, start=1)
        ]
        self.dropouts = [
            keras.layers.Dropout(self.dropout, name=f"dropout_{i}", dtype=dtype)
            for i in range(1, len(self.hidden) + 1)
            if self.dropout
        ]
        units = self.num_classes if self.num_outputs is None else self.num_outputs
        self.outputs_layer = self._dense(units, self.output_activation, "outputs")
        self.units_layer = None
        if self.in_units is not None:
            self.units_layer = InUnits(*self.in_units, name="in_units", dtype=dtype)

    def _dense(self, units, activation, name):
        return Dense(
            units,
            activation=activation,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            parametrization=self.parametrization,
            name=name,
            dtype=self.dtype_policy,
        )

    def call(self, inputs, training=None):
        if self.preprocessing is None:
            h = self.flatten(self.scale(inputs))
        else:
            rank = len(inputs.shape)
            flat = inputs if rank == 2 else ops.reshape(inputs, (-1, math.prod(inputs.shape[1:])))
            h = self.preprocessing(flat)
        if self.scaling is not None:
            h = self.scaling(h)
        for i, layer in enumerate(self.hidden):
            h = layer(h)
            if self.dropouts:
                h = self.dropouts[i](h, training=training)
        outputs = self.outputs_layer(h)
        return outputs if self.units_layer is None else self.units_layer(outputs)

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
            "num_outputs": self.num_outputs,
            "preprocessing": keras.saving.serialize_keras_object(self.preprocessing),
            "in_units": self.in_units,
            "parametrization": self.parametrization,
            "input_scaling": self.input_scaling,
        }


def _layer(given):
    """A layer, or what its serialized form describes; None stays None."""
    return keras.saving.deserialize_keras_object(given) if isinstance(given, dict) else given
