"""Multilayer perceptrons in a glass box: an explicit training step on Keras.

Submodules and model classes are loaded on first use, so that importing the package,
`--help` and flag errors do not wait for TensorFlow.
"""

import importlib

__version__ = "0.2.0.dev0"

_SUBMODULES = (
    "activations",
    "callbacks",
    "checkpoints",
    "data",
    "diagnosis",
    "initializers",
    "layers",
    "learning_rates",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "options",
    "pictures",
    "probes",
    "runs",
    "schedules",
    "search",
    "tables",
    "tasks",
    "testing",
    "trained",
    "training",
    "writers",
)
_MODELS = ("GlassBox", "MLP", "Model", "load_model")
# Functions by the module that they are in.
_FUNCTIONS = {
    "compare": "runs",
    "evaluate": "trained",
    "export": "trained",
    "find_lr": "search",
    "open_run": "runs",
    "predict": "trained",
    "report": "trained",
}

__all__ = [*_MODELS, *_FUNCTIONS, *_SUBMODULES, "__version__"]


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _MODELS:
        return getattr(importlib.import_module(f"{__name__}.models"), name)
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
