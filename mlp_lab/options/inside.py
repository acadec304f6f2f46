"""Options: what is recorded of the training step."""

import dataclasses
from typing import ClassVar

from mlp_lab.options.checks import choice, every, number, parts, pattern, whole
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
    diagnose: str = option(
        "off",
        "say what is wrong with the training: on, with experiments at the end if it does badly; "
        "full, with experiments in any case; off",
        choice(("on", "off", "full")),
        of_result=False,
    )
    diagnose_seconds: float = option(
        10.0,
        "time for the experiments of --diagnose, in seconds; 0: none",
        number("a number of at least 0", lambda x: x >= 0),
        "SECONDS",
        of_result=False,
    )
    rules: tuple[str, ...] = option(
        tuple(REGISTERED["rules"]),
        "what --diagnose looks for, separated by commas: any of these, or module:Class, a "
        "subclass of mlp_lab.diagnosis.Rule",
        parts,
        "NAME,...",
        of_result=False,
    )
