"""Options: what is recorded of the training step."""

import dataclasses
from typing import ClassVar

from mlp_lab.options.checks import every, parts, pattern, whole
from mlp_lab.options.option import Options, option
from mlp_lab.options.registry import REGISTERED


@dataclasses.dataclass(frozen=True)
class InsideOptions(Options):
    """Looks into the step, and pictures of the model."""

    title: ClassVar[str] = "Looking inside"

    histogram_every: int | str | None = option(
        None,
        "steps from one look into the training step to the next; auto: as often as costs less "
        "than 3 % of the time; 0: never (default: 100, or a tenth of the steps of runs that have "
        "fewer than 1,000)",
        every,
        "N|auto",
    )
    probes: tuple[str, ...] = option(
        tuple(REGISTERED["probes"]),
        "what to read from a step, separated by commas: any of these, or module:Class, a subclass "
        "of mlp_lab.probes.Probe",
        parts,
        "NAME,...",
    )
    probe_layers: str | None = option(
        None,
        "regular expression; only layers and weights whose names contain a match are recorded "
        "(default: all)",
        pattern,
        "REGEX",
    )
    pictures_every: int | None = option(
        None,
        "epochs from one drawing of the pictures (confusion matrix, mistakes, kernels, ...) to "
        "the next; 0: none (default: 1, or a tenth of the epochs of runs with more than 50)",
        whole(0),
        "N",
    )
