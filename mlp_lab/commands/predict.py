"""`mlp-lab predict`: labels new rows."""

import dataclasses
import sys
from typing import ClassVar

from mlp_lab.commands.command import Command
from mlp_lab.errors import InputError
from mlp_lab.options.checks import boolean, text
from mlp_lab.options.option import Options, option
from mlp_lab.quiet import quiet_import

_USAGE = """\
Predicts rows with a trained model: the class, and the probability of each class. Rows that cannot
be read are named on standard error and skipped.

  {program} predict logs/NAME --data=new.csv --out=predictions.csv
  {program} predict logs/NAME --data=new.npz --out=predictions.npz
  {program} predict logs/NAME --data=pictures/ --out=predictions.csv
  {program} predict logs/NAME --data=- --out=- < new.csv > predictions.csv
"""


@dataclasses.dataclass(frozen=True)
class PredictOptions(Options):
    """Which model, and which rows."""

    title: ClassVar[str] = "Prediction"

    run: str | None = option(
        None, "the run's folder, or a .keras file", text, "RUN", positional=True
    )
    data: str | None = option(
        None, "a .csv, .npy or .npz file, a folder of pictures, or - for standard input", text,
        "PATH",
    )  # fmt: skip
    out: str = option(
        "-", "a .csv, .npz or .npy file to write, or - for standard output", text, "PATH"
    )
    strict: bool = option(False, "refuse rows that cannot be read", boolean)
    checkpoint: bool = option(False, "use the last checkpoint of an unfinished run", boolean)

    def check_together(self) -> None:
        """Refuses a call without a run or data."""
        super().check_together()
        if self.run is None:
            raise InputError("", "needs a run: predict logs/NAME --data=PATH")
        if self.data is None:
            raise InputError("data", "is needed: the rows to predict")


def _run(options: PredictOptions) -> int:
    with quiet_import():
        from mlp_lab.trained.prediction import predict
    predict(
        str(options.run), str(options.data), options.out, options.strict, options.checkpoint,
        say=lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    return 0


COMMAND = Command("predicts new rows with a trained model", _USAGE, PredictOptions, _run)
