"""Options: the model."""

import dataclasses
from typing import ClassVar

from mlp_lab.options.checks import boolean, choice, number, part, text, units, whole
from mlp_lab.options.option import Options, option
from mlp_lab.options.registry import REGISTERED


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
        "of the hidden layers: " + ", ".join(REGISTERED["activation"]) + ", module:Class or "
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
    parametrization: str | None = option(
        None,
        "of the layers: standard; or ntk, with inputs divided by the square root of their number, "
        "so that one learning rate fits layers of any width (default: the model's own; mlp: "
        "standard)",
        choice(("standard", "ntk")),
    )
    input_scaling: bool | None = option(
        None,
        "learn a factor for each input of the first hidden layer (default: the model's own; mlp: "
        "no)",
        boolean,
    )
    numerical_embedding: str | None = option(
        None,
        "several learned features for each number of a table: none; periodic, from cosines of "
        "learned frequencies; piecewise_linear, from its position among bins (default: none)",
        choice(("none", "periodic", "piecewise_linear")),
    )
    embedding_dim: int | None = option(
        None,
        "length of the vector for an embedded number or category of a table, at least 2 (default: "
        "4 for numbers; 8 for categories, of which those with more than 8 words are embedded)",
        whole(2, 4096),
        "N",
    )
