"""`mlp-lab diagnose`: says what is wrong with a training, without a run."""

import dataclasses
from typing import ClassVar

from mlp_lab.commands.command import Command
from mlp_lab.options.checks import text
from mlp_lab.options.config import Config
from mlp_lab.options.option import option
from mlp_lab.quiet import quiet_import

_USAGE = """\
Says what is wrong with a training: looks at the data, the model and the loss, trains for up to
300 steps, and tries what would help. Nothing is written. The exit status is 1 if there is a
finding that is certain, so that it can be used in CI.

  {program} diagnose --flagfile=configs/fashion_mnist.flags
  {program} diagnose --run=logs/NAME
"""


@dataclasses.dataclass(frozen=True)
class DiagnoseOptions(Config):
    """Those of a run, or the run that has them."""

    title: ClassVar[str] = "Diagnosis"

    run: str | None = option(
        None, "a run's folder, whose flags are taken instead of those given here", text, "FOLDER"
    )


def _run(options: DiagnoseOptions) -> int:
    with quiet_import():
        from mlp_lab.training.diagnosing import config_of, diagnose
    config = options if options.run is None else config_of(options.run)
    findings, unjudged = diagnose(config, print)
    for finding in findings:
        print(f"\n{finding.text}")
    if not findings:
        print("nothing found")
    for text_ in unjudged:
        print(f"not judged: {text_}")
    return int(any(finding.certainty == "certain" for finding in findings))


COMMAND = Command("says what is wrong with a training", _USAGE, DiagnoseOptions, _run)
