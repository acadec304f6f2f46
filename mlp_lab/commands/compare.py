"""`mlp-lab compare`: what differs between runs."""

import dataclasses
from typing import ClassVar

from mlp_lab.commands.command import Command
from mlp_lab.errors import InputError
from mlp_lab.options.checks import boolean, paths
from mlp_lab.options.option import Options, option
from mlp_lab.runs import compare

_USAGE = """\
Compares runs: the flags that differ, checksums of the data, versions, metrics and time; and up to
which step each is equal to the first bit for bit, and which tensor differs first.

  {program} compare logs/A logs/B
  {program} compare logs/seed-1 logs/seed-2 logs/wide --group_seeds --markdown
"""


@dataclasses.dataclass(frozen=True)
class CompareOptions(Options):
    """Which runs, and in which form."""

    title: ClassVar[str] = "Runs"

    runs: tuple[str, ...] = option(
        (), "the folders of at least two runs", paths, "RUN...", positional=True
    )
    group_seeds: bool = option(
        False,
        "runs that differ in the seed only share a column, with mean and standard deviation",
        boolean,
    )
    csv: bool = option(False, "as comma-separated values", boolean)
    markdown: bool = option(False, "as a Markdown table", boolean)

    def check_together(self) -> None:
        """Refuses two forms, and fewer than two runs."""
        super().check_together()
        if self.csv and self.markdown:
            raise InputError("csv", "excludes --markdown; choose one")
        if len(self.runs) < 2:
            raise InputError("", "needs two runs or more: compare logs/A logs/B")


def _run(options: CompareOptions) -> int:
    found = compare(options.runs, options.group_seeds)
    print(found.csv() if options.csv else found.markdown() if options.markdown else found)
    return 0


COMMAND = Command("tells what differs between runs", _USAGE, CompareOptions, _run)
