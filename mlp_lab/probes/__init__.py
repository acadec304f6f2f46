"""Probes: values read from a real training step."""

from mlp_lab.probes.activations import Activations
from mlp_lab.probes.base import Probe
from mlp_lab.probes.batch import Batch
from mlp_lab.probes.gradients import Gradients
from mlp_lab.probes.statistics import Statistics, summarize
from mlp_lab.probes.units import Units
from mlp_lab.probes.updates import Updates
from mlp_lab.probes.weights import Weights

__all__ = [
    "Activations",
    "Batch",
    "Gradients",
    "Probe",
    "Statistics",
    "Units",
    "Updates",
    "Weights",
    "standard",
    "summarize",
]


def standard() -> list[Probe]:
    """All of the lab's probes."""
    return [Batch(), Weights(), Gradients(), Activations(), Updates(), Units()]
