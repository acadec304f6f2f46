"""Names of the lab's parts, and of the user's own.

A part is given as text: a registered name or `module:Class`, with arguments that differ from
the defaults in parentheses, as in a Python call:

    adam
    adam(beta_1=0.8, clipnorm=1.0)
    examples.focal_loss:FocalLoss(gamma=2.0)

Reading such a text does not need TensorFlow; only `locate` imports what it names.
"""

import ast
import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from mlp_lab.errors import InputError, near_miss
from mlp_lab.options import foreign

# Keras' optimizers are listed here so that a wrong name is found without importing Keras; a
# test compares the list with Keras.
_KERAS_OPTIMIZERS = {
    "adadelta": "Adadelta",
    "adafactor": "Adafactor",
    "adagrad": "Adagrad",
    "adam": "Adam",
    "adamax": "Adamax",
    "adamw": "AdamW",
    "ftrl": "Ftrl",
    "lamb": "Lamb",
    "lion": "Lion",
    "muon": "Muon",
    "nadam": "Nadam",
    "rmsprop": "RMSprop",
    "schedulefreeadamw": "ScheduleFreeAdamW",
    "sgd": "SGD",
}
_LOSSES = {
    "mean_squared_error": "MeanSquaredError",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
    "mean_absolute_error": "MeanAbsoluteError",
    "huber": "Huber",
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
}
_METRICS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "BalancedAccuracy",
    "class_accuracy": "PerClassAccuracy",
    "confusion": "ConfusionCounts",
    "f1": "F1",
    "auc": "AUC",
    "log_loss": "LogLoss",
    "top_k": "TopK",
    "rmse": "RootMeanSquaredError",
    "r2": "R2",
    **_LOSSES,
}
REGISTERED: Mapping[str, Mapping[str, str]] = {
    "model": {"mlp": "mlp_lab.models:MLP"},
    "activation": {
        **{
            name: f"mlp_lab.activations:{cls}"
            for name, cls in {
                "sigmoid": "Sigmoid",
                "softmax": "Softmax",
                "tanh": "Tanh",
                "relu": "ReLU",
                "leaky_relu": "LeakyReLU",
            }.items()
        },
        **{name: f"keras.activations:{name}" for name in ("selu", "gelu", "mish", "swish")},
    },
    "loss": {name: f"mlp_lab.losses:{cls}" for name, cls in _LOSSES.items()},
    "metrics": {name: f"mlp_lab.metrics:{cls}" for name, cls in _METRICS.items()},
    "probes": {
        name.lower(): f"mlp_lab.probes:{name}"
        for name in ("Batch", "Weights", "Gradients", "Activations", "Updates", "Units")
    },
    "rules": {
        name: f"mlp_lab.diagnosis.rules:{cls}"
        for name, cls in {
            "inputs_degenerate": "InputsDegenerate",
            "labels_degenerate": "LabelsDegenerate",
            "not_shuffled": "NotShuffled",
            "output_activation": "OutputActivation",
            "output_and_loss": "OutputAndLoss",
            "loss": "Loss",
            "labels_misaligned": "LabelsMisaligned",
            "inputs_not_scaled": "InputsNotScaled",
            "target_range": "TargetRange",
            "initialization": "Initialization",
            "over_regularized": "OverRegularized",
            "hidden_activation": "HiddenActivation",
            "rate_too_high": "RateTooHigh",
            "rate_too_low": "RateTooLow",
            "non_finite": "NonFinite",
            "exploding": "Exploding",
            "vanishing": "Vanishing",
            "dead": "Dead",
            "saturated": "Saturated",
            "oscillation": "Oscillation",
            "overfitting": "Overfitting",
            "not_learning": "NotLearning",
        }.items()
    },
    "optimizer": {
        "gradient_descent": "mlp_lab.optimizers:GradientDescent",
        **{name: f"keras.optimizers:{cls}" for name, cls in _KERAS_OPTIMIZERS.items()},
    },
}

_PART = re.compile(r"\s*(?P<target>[\w.]+(?::\w+)?)\s*(?:\((?P<arguments>.*)\)\s*)?", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Part:
    """A part as the user named it: where its class is, and its arguments."""

    option: str
    text: str
    target: str
    arguments: Mapping[str, Any]


def parse(option: str, text: str) -> Part:
    """Reads a part's text.

    Args:
      option: one of the keys of `REGISTERED`; also the name used in errors.
      text: `name`, `module:Class`, or either with `(argument=value, ...)`, where values are
        Python literals.

    Raises:
      InputError: the text has another form, or the name is not registered.
    """
    match = _PART.fullmatch(text)
    if match is None:
        raise InputError(option, f"cannot read {text!r}; {_allowed(option)}")
    target = match["target"]
    if ":" not in target:
        names = REGISTERED[option]
        if target not in names:
            hint = near_miss(target, names)
            raise InputError(option, f"no {_noun(option)} {target!r}{hint}; {_allowed(option)}")
        target = names[target]
    return Part(option, text.strip(), target, _arguments(option, text, match["arguments"] or ""))


def _arguments(option: str, text: str, source: str) -> dict[str, Any]:
    try:
        call = ast.parse(f"f({source})", mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            raise ValueError("more than one pair of parentheses")
        if call.args or any(keyword.arg is None for keyword in call.keywords):
            raise ValueError("arguments need names")
        return {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        # The last three: a list as a key; nesting deeper than Python reads.
        raise InputError(
            option,
            f"cannot read the arguments in {text!r} ({str(error) or 'nested too deep'}); write "
            "them as name=value with numbers, strings in quotes, True, False, None, lists or dicts",
        ) from None


def _noun(option: str) -> str:
    return {"metrics": "metric", "probes": "probe", "rules": "rule"}.get(option, option)


def _allowed(option: str) -> str:
    return f"choose one of {', '.join(REGISTERED[option])}, or name your own as module:Class"


def split(text: str, separator: str = ",") -> list[str]:
    """Splits a list of parts at a character, but not inside brackets and quotes.

    >>> split("accuracy, examples.topk:TopK(k=3, name='top,3')")
    ['accuracy', "examples.topk:TopK(k=3, name='top,3')"]
    """
    parts, depth, quote, start = [], 0, "", 0
    for i, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def locate(part: Part) -> Any:
    """Imports and returns the class or function that a part names.

    Raises:
      InputError: its module cannot be imported, or has no such attribute.
    """
    module_name, _, attribute = part.target.partition(":")
    try:
        with foreign.users_code(f"importing {module_name!r}"):
            module = importlib.import_module(module_name)
            if hasattr(module, attribute):
                return getattr(module, attribute)
            public = [name for name in vars(module) if not name.startswith("_")]
    except foreign.Refused as error:
        raise InputError(
            part.option,
            f"cannot import {module_name!r} ({error}); {part.text!r} needs a module in the "
            "current folder or an installed package",
        ) from error.__cause__
    raise InputError(
        part.option,
        f"module {module_name!r} has no {attribute!r}{near_miss(attribute, public)}; got "
        f"{part.text!r}",
    )


def create(part: Part, kind: type, what: str, offered: Mapping[str, Any]) -> Any:
    """Makes the instance that a part names.

    Args:
      part: what `parse` returned.
      kind: the base class that the part's class must have.
      what: the base class in words, for the error ("a keras.losses.Loss").
      offered: arguments that are passed if the class' `__init__` has one of that name and
        the part itself does not give it.

    Raises:
      InputError: it is not such a class, or it refuses its arguments.
    """
    cls = locate(part)
    accepted: list[str] = []
    try:
        with foreign.users_code(f"making {part.text!r}"):
            fits = inspect.isclass(cls) and issubclass(cls, kind)
            shown = "" if fits else repr(cls)
            if fits:
                accepted = accepts(cls)
                given = {name: value for name, value in offered.items() if name in accepted}
                return cls(**{**given, **part.arguments})
    except foreign.Refused as error:
        raise InputError(
            part.option,
            f"{part.text!r} cannot be made ({error}); its arguments are "
            f"{', '.join(accepted) or 'none'}",
        ) from error.__cause__
    raise InputError(part.option, f"expected {what}, got {part.text!r}, which is {shown}")


def accepts(cls: Callable) -> list[str]:
    """Names of the arguments in a class' `__init__`, without *args and **kwargs."""
    try:
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    except (TypeError, ValueError):  # classes written in C may have no signature
        return []
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in parameters if p.kind in named]
