"""Options: the model."""

import dataclasses
from typing import ClassVar

from mlp_lab.options.checks import number, part, text, units
from mlp_lab.options.option import Options, option


@dataclasses.dataclass(frozen=True)
class ModelOptions(Options):
    """The model and its layers."""

    title: ClassVar[str] = "Model"

    model: str = option(
        "mlp",
        "model to train: mlp or module:Class, a subclass of mlp_lab.Model; further arguments in "
        "parentheses: mlp(use_bias=False)",
        part,
        "NAME",
    )
    hidden_units: tuple[int, ...] | None = option(
        None,
        "units of each hidden layer, first to last: 256,128 makes two layers, an empty value none "
        "(default: the model's own; mlp: 256,128,64,32)",
        units,
        "N,N,...",
    )
    activation: str | None = option(
        None,
        "of the hidden layers: sigmoid, softmax, tanh, relu, leaky_relu, module:Class or "
        "module:function (default: the model's own; mlp: relu)",
        part,
        "NAME",
    )
    dropout: float | None = option(
        None,
        "share of hidden outputs dropped in training, in [0, 1) (default: the model's own; mlp: 0)",
        number("a share in [0, 1)", lambda x: 0 <= x < 1),
        "SHARE",
    )
    kernel_initializer: str | None = option(
        None,
        "initial kernels: truncated_normal_0.1 or the name of a Keras initializer (default: the "
        "model's own; mlp: glorot_uniform)",
        text,
        "NAME",
    )
