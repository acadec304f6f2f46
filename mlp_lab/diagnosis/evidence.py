"""What is known of a training: what rules look at."""

import dataclasses
from typing import Any

import numpy as np

from mlp_lab.diagnosis.experiments import Experiments
from mlp_lab.diagnosis.forward import Forward
from mlp_lab.diagnosis.history import History
from mlp_lab.diagnosis.subject import Subject
from mlp_lab.diagnosis.task import Task


@dataclasses.dataclass(eq=False)
class Evidence:
    """What is known of a training.

    Attributes:
      subject: the model, a sample of its data, and how it is fitted.
      start: a forward pass before training; None if there was none.
      task: labels, outputs and loss; None if there is not one of each.
      end: a forward pass after training; None before.
      history: looks into steps, and logs of epochs.
      experiments: what can be tried; None before the end, or where nothing can.
      thorough: whether to try what may help although the model does well.
      unjudged: what could not be judged, and why.
    """

    subject: Subject
    start: Forward | None = None
    task: Task | None = None
    end: Forward | None = None
    history: History = dataclasses.field(default_factory=History)
    experiments: Experiments | None = None
    thorough: bool = False
    unjudged: list[str] = dataclasses.field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether the training has ended."""
        return self.end is not None

    @property
    def outputs(self) -> Any:
        """The outputs of the first forward pass; those of more rows than the labels' sample."""
        return None if self.start is None else self.start.outputs

    @property
    def labels(self) -> Any:
        """The labels of the sampled rows."""
        return self.subject.y

    @property
    def failing(self) -> bool:
        """Whether the training has ended, and not done what could be expected."""
        if not self.ended:
            return False
        return self.history.broken is not None or (
            self.experiments is not None and (self.thorough or not self.experiments.well)
        )

    def has(self, need: str) -> bool:
        """Whether there is what a rule needs; see `Rule.needs`."""
        return {
            "labels": self.task is not None,
            "outputs": self.start is not None and isinstance(self.start.outputs, np.ndarray),
            "start": self.start is not None,
            "looks": bool(self.history.looks),
            "epochs": bool(self.history.epochs),
            "experiments": self.experiments is not None and not self.experiments.refused,
        }[need]
