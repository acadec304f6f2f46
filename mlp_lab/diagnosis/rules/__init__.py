"""The lab's rules, a kind of fault each."""

from mlp_lab.diagnosis.rules.hidden_activation import HiddenActivation
from mlp_lab.diagnosis.rules.initialization import Initialization
from mlp_lab.diagnosis.rules.inputs_degenerate import InputsDegenerate
from mlp_lab.diagnosis.rules.inputs_not_scaled import InputsNotScaled
from mlp_lab.diagnosis.rules.labels_degenerate import LabelsDegenerate
from mlp_lab.diagnosis.rules.labels_misaligned import LabelsMisaligned
from mlp_lab.diagnosis.rules.loss import Loss
from mlp_lab.diagnosis.rules.not_shuffled import NotShuffled
from mlp_lab.diagnosis.rules.output_activation import OutputActivation
from mlp_lab.diagnosis.rules.output_and_loss import OutputAndLoss
from mlp_lab.diagnosis.rules.over_regularized import OverRegularized
from mlp_lab.diagnosis.rules.overfitting import Overfitting
from mlp_lab.diagnosis.rules.rate import RateTooHigh, RateTooLow
from mlp_lab.diagnosis.rules.symptoms import (
    Dead,
    Exploding,
    NonFinite,
    NotLearning,
    Oscillation,
    Saturated,
    Vanishing,
)
from mlp_lab.diagnosis.rules.target_range import TargetRange

__all__ = [
    "Dead",
    "Exploding",
    "HiddenActivation",
    "Initialization",
    "InputsDegenerate",
    "InputsNotScaled",
    "LabelsDegenerate",
    "LabelsMisaligned",
    "Loss",
    "NonFinite",
    "NotLearning",
    "NotShuffled",
    "Oscillation",
    "OutputActivation",
    "OutputAndLoss",
    "OverRegularized",
    "Overfitting",
    "RateTooHigh",
    "RateTooLow",
    "Saturated",
    "TargetRange",
    "Vanishing",
]
