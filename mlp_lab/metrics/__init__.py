"""Metrics: exact counts and sums over all samples since the last reset.

Unlike an average of batch averages, a quotient of counts is correct for any batch
sizes. With sample weights, each sample counts as its weight. Counts and sums are float64,
exact up to 2^53 samples (float32 would stop counting at 2^24), and those of several replicas
add up.

Metrics of decisions take three kinds of outputs. `task` says which: "classes", an output for
each class, of which the largest is the decision; "binary", one output, positive above the
logit 0 or the probability 0.5; "labels", an output for each label, decided as in "binary" one
by one. "auto" takes a single output as binary, and several as classes. Labels cannot be told
from one-hot classes by their shape, so they must be named: `task="labels"`.

The attribute `direction` of a class says which values are better: "max" or "min"; None if
neither is. `label_form` names the labels that it takes, as of losses; "any" takes class indices
and one-hot labels alike.
"""

from mlp_lab.metrics.accuracy import Accuracy
from mlp_lab.metrics.auc import AUC
from mlp_lab.metrics.balanced import BalancedAccuracy
from mlp_lab.metrics.confusion import ConfusionCounts
from mlp_lab.metrics.errors import Huber, MeanAbsoluteError, RootMeanSquaredError
from mlp_lab.metrics.f_score import F1
from mlp_lab.metrics.likelihood import LogLoss
from mlp_lab.metrics.mean_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from mlp_lab.metrics.per_class import PerClassAccuracy
from mlp_lab.metrics.ranks import TopK
from mlp_lab.metrics.variance import R2

__all__ = [
    "AUC",
    "F1",
    "R2",
    "Accuracy",
    "BalancedAccuracy",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "ConfusionCounts",
    "Huber",
    "LogLoss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "PerClassAccuracy",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "TopK",
]
