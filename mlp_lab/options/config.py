"""Everything a run depends on, as one frozen, checked value."""

import dataclasses

from mlp_lab.errors import InputError
from mlp_lab.options.data import DataOptions
from mlp_lab.options.inside import InsideOptions
from mlp_lab.options.model import ModelOptions
from mlp_lab.options.run import RunOptions
from mlp_lab.options.training import TrainingOptions


# Python collects fields from the last base to the first: data come first.
@dataclasses.dataclass(frozen=True)
class Config(RunOptions, InsideOptions, TrainingOptions, ModelOptions, DataOptions):
    """What a run depends on; see each field's help, also shown by `--help`.

    Each option is defined once, in its group. Flags are made from the fields, so
    `Config(epochs=3)` and `--epochs=3` mean and refuse the same.

    Raises:
      InputError: a value is not allowed, alone or together with another one.
    """

    def check_together(self) -> None:
        """Refuses options of different groups that exclude each other."""
        super().check_together()
        if self.finds_best and self.monitored.startswith("val_") and not self.validation_split:
            raise InputError(
                "keep" if self.monitor is None else "monitor",
                f"{self.monitored!r} would be measured on the test set, on which no choice may be "
                "made; give --validation_split=0.1, which holds out a tenth of the training "
                "samples for it, or --monitor=loss",
            )
        if self.deterministic and self.histogram_every == "auto":
            raise InputError(
                "deterministic",
                "excludes --histogram_every=auto, which depends on the time that steps take; give "
                "a number",
            )
        if self.strategy == "multi_worker" and self.name is None:
            raise InputError(
                "strategy",
                "multi_worker needs --name: workers that start, or restart, at different times "
                "must all mean the same run",
            )
        if self.strategy == "multi_worker" and self.histogram_every == "auto":
            raise InputError(
                "histogram_every",
                "auto goes by the clock, but all workers must look at the same steps; give a "
                "number of steps",
            )
