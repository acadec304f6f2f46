"""`mlp-lab report`: a run as one HTML file."""

import dataclasses
import sys
from typing import ClassVar

from mlp_lab.commands.command import Command
from mlp_lab.errors import InputError
from mlp_lab.options.checks import text
from mlp_lab.options.option import Options, option
from mlp_lab.quiet import quiet_import

_USAGE = """\
Writes a report of a run: curves, distributions, metrics, confusion, worst rows, flags, versions. It
is one file that opens anywhere, without a server, scripts or a network.

  {program} report logs/NAME
  {program} report logs/NAME --out=report.html
"""


@dataclasses.dataclass(frozen=True)
class ReportOptions(Options):
    """Which run, and where to."""

    title: ClassVar[str] = "Report"

    run: str | None = option(None, "the run's folder", text, "RUN", positional=True)
    out: str | None = option(
        None, "the file to write (default: report.html in the run's folder)", text, "PATH"
    )

    def check_together(self) -> None:
        """Refuses a call without a run."""
        super().check_together()
        if self.run is None:
            raise InputError("", "needs a run: report logs/NAME")


def _run(options: ReportOptions) -> int:
    with quiet_import():
        from mlp_lab.trained.reporting import report
    path = report(
        str(options.run), options.out, say=lambda line: print(line, file=sys.stderr)
    )  # fmt: skip
    print(path)
    return 0


COMMAND = Command("writes a report of a run as one HTML file", _USAGE, ReportOptions, _run)
