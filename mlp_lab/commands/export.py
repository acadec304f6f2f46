"""`mlp-lab export`: hands a trained model to programs that know no Keras."""

import dataclasses
import sys
from typing import ClassVar

from mlp_lab.commands.command import Command
from mlp_lab.errors import InputError
from mlp_lab.options.checks import boolean, choice, text
from mlp_lab.options.option import Options, option
from mlp_lab.quiet import quiet_import

_USAGE = """\
Exports a trained model, with a card.json that says what it takes and gives. The export is loaded by
its own runtime and compared with the Keras model; one that differs is deleted.

  {program} export logs/NAME
  {program} export logs/NAME --format=onnx --out=onnx_model
"""


@dataclasses.dataclass(frozen=True)
class ExportOptions(Options):
    """Which model, and in which form."""

    title: ClassVar[str] = "Export"

    run: str | None = option(
        None, "the run's folder, or a .keras file", text, "RUN", positional=True
    )
    format: str = option(
        "saved_model",
        "saved_model, for TensorFlow Serving; onnx; or litert",
        choice(("saved_model", "onnx", "litert")),
    )
    out: str | None = option(
        None, "the folder to write (default: export/FORMAT in the run's folder)", text, "FOLDER"
    )
    data: str | None = option(
        None, "an npz file with x, to compare on (default: the run's test set)", text, "PATH"
    )
    checkpoint: bool = option(False, "use the last checkpoint of an unfinished run", boolean)

    def check_together(self) -> None:
        """Refuses a call without a run."""
        super().check_together()
        if self.run is None:
            raise InputError("", "needs a run: export logs/NAME")


def _run(options: ExportOptions) -> int:
    with quiet_import():
        from mlp_lab.trained.exporting import export
    export(
        str(options.run), options.format, options.out, options.data, options.checkpoint,
        say=lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    return 0


COMMAND = Command("exports a trained model", _USAGE, ExportOptions, _run)
