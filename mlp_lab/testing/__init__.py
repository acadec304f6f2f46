"""Checks for your own layers, losses, metrics, models and probes.

Each check takes an instance or a callable that makes one, and runs the same tests that the
lab's own classes pass. It raises a `CheckError` that names the cause and says what to change.
Checks work in any test runner and without one; docs/subclassing.md shows each of them.

Example:

>>> mlp_lab.testing.check_layer(lambda: mlp_lab.layers.Dense(2, "tanh"), input_shape=(4,))
[]
"""

from mlp_lab.testing.failure import CheckError
from mlp_lab.testing.layer import check_layer
from mlp_lab.testing.loss import check_loss
from mlp_lab.testing.metric import check_metric
from mlp_lab.testing.model import check_model
from mlp_lab.testing.probe import check_probe
from mlp_lab.testing.rule import check_rule

__all__ = [
    "CheckError",
    "check_layer",
    "check_loss",
    "check_metric",
    "check_model",
    "check_probe",
    "check_rule",
]
