"""`mlp-lab evaluate`: tests a trained model."""

import dataclasses
import sys
from typing import ClassVar

from mlp_lab.commands.command import Command
from mlp_lab.errors import InputError
from mlp_lab.options.checks import boolean, text, whole
from mlp_lab.options.option import Options, option
from mlp_lab.quiet import quiet_import

_USAGE = """\
Tests a trained model on its run's test set or on other labeled rows: metrics with 95 % intervals,
each class, calibration, confusion, and the worst rows. Writes evaluation.json into the run's
folder, and pages for TensorBoard into its folder evaluation/.

  {program} evaluate logs/NAME
  {program} evaluate logs/NAME --data=new.npz
"""


@dataclasses.dataclass(frozen=True)
class EvaluateOptions(Options):
    """Which model, and on what."""

    title: ClassVar[str] = "Evaluation"

    run: str | None = option(
        None, "the run's folder, or a .keras file", text, "RUN", positional=True
    )
    data: str | None = option(
        None, "an npz file with x and y (default: the run's test set)", text, "PATH"
    )
    checkpoint: bool = option(False, "use the last checkpoint of an unfinished run", boolean)
    samples: int = option(1000, "samples of the bootstrap", whole(10, 100_000), "N")
    seed: int = option(0, "of the bootstrap", whole(0), "N")

    def check_together(self) -> None:
        """Refuses a call without a run."""
        super().check_together()
        if self.run is None:
            raise InputError("", "needs a run: evaluate logs/NAME")


def _run(options: EvaluateOptions) -> int:
    with quiet_import():
        from mlp_lab.trained.evaluation import evaluate
    found = evaluate(
        str(options.run), options.data, options.checkpoint, options.samples, options.seed,
        say=lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    print(found)
    return 0


COMMAND = Command("tests a trained model", _USAGE, EvaluateOptions, _run)
