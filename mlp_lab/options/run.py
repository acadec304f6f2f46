"""Options: where a run is kept, and how it is resumed."""

import dataclasses
import os
from typing import ClassVar

from mlp_lab.errors import InputError
from mlp_lab.options.checks import boolean, choice, folder_name, interval, path_fits, text, whole
from mlp_lab.options.option import Options, option

# Bytes of a file's path below log_dir: a name made of data set and time, and events of a host with
# a long name.
_LONGEST_BELOW = 300


@dataclasses.dataclass(frozen=True)
class RunOptions(Options):
    """The run's folder, its checkpoints, and what it shows while it trains."""

    title: ClassVar[str] = "The run and its folder"

    checkpoint_every: str = option(
        "1m",
        "steps (500), seconds (30s) or minutes (1m) from one checkpoint to the next; 0: only when "
        "a signal ends the run",
        interval,
        "N|Ns|Nm",
        of_result=False,
    )
    keep_checkpoints: int = option(
        2, "how many of the latest checkpoints are kept", whole(1), "N", of_result=False
    )
    resume: bool = option(
        False,
        "resume the unfinished run of this --name from its last checkpoint; the result is the "
        "same as if it had never stopped",
        boolean,
        of_result=False,
    )
    accept_changes: bool = option(
        False,
        "with --resume: resume even if the data, the source of your own parts, or the event files "
        "have changed since the checkpoint; what has changed is printed",
        boolean,
        of_result=False,
    )
    log_dir: str = option(
        "logs", "folder that holds the runs' folders", text, "PATH", of_result=False
    )
    name: str | None = option(
        None,
        "the run's folder in --log_dir (default: the data set and the time)",
        folder_name,
        "NAME",
        of_result=False,
    )
    overwrite: bool = option(
        False,
        "delete an existing run of the same --name instead of refusing",
        boolean,
        of_result=False,
    )
    verbose: str = option(
        "auto",
        "progress: bar, line (one per epoch), none, or auto: bar on a terminal, otherwise line",
        choice(("auto", "bar", "line", "none")),
        of_result=False,
    )

    def check_together(self) -> None:
        """Refuses paths that are too long, and to resume a run not named or to be deleted."""
        super().check_together()
        path_fits("log_dir", self.log_dir, _LONGEST_BELOW)
        if self.name is not None:
            path_fits("name", os.path.join(self.log_dir, self.name), _LONGEST_BELOW)
        if self.resume and self.name is None:
            raise InputError("resume", "needs --name, the run to resume")
        if self.accept_changes and not self.resume:
            raise InputError("accept_changes", "needs --resume, whose checkpoint it is about")
        if self.resume and self.overwrite:
            raise InputError("resume", "excludes --overwrite, which deletes the run; choose one")
