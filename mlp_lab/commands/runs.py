"""`mlp-lab runs`: lists runs, or deletes one."""

import dataclasses
import os
import sys
from pathlib import Path
from typing import ClassVar

from mlp_lab.commands.command import Command
from mlp_lab.errors import InputError
from mlp_lab.options.checks import boolean, choice, text
from mlp_lab.options.option import Options, option
from mlp_lab.quiet import quiet_import
from mlp_lab.runs import texts
from mlp_lab.runs.listing import SORTS, list_runs, size

_USAGE = """\
Lists the runs in a folder, and in folders within it: name, status, data, best value of the first
metric on the test data, epochs, time, size of the files.

  {program} runs
  {program} runs logs --sort=best --reverse
  {program} runs logs --delete=NAME

--delete asks before it deletes.
"""


@dataclasses.dataclass(frozen=True)
class RunsOptions(Options):
    """Which runs, in which order."""

    title: ClassVar[str] = "Runs"

    log_dir: str = option("logs", "the folder that holds runs", text, "LOGDIR", positional=True)
    sort: str = option("started", "what to sort by: " + ", ".join(SORTS), choice(SORTS))
    reverse: bool = option(False, "the other way around", boolean)
    csv: bool = option(False, "as comma-separated values", boolean)
    delete: str | None = option(
        None, "delete this run, after asking; nothing is listed", text, "NAME"
    )
    yes: bool = option(False, "with --delete: do not ask", boolean)

    def check_together(self) -> None:
        """Refuses --yes without --delete."""
        super().check_together()
        if self.yes and self.delete is None:
            raise InputError("yes", "needs --delete, which it answers")


def _run(options: RunsOptions) -> int:
    if options.delete is not None:
        return _delete(options, options.delete)
    entries = list_runs(options.log_dir, options.sort)
    if options.reverse:
        entries.reverse()
    if options.csv:
        names = [field.name for field in dataclasses.fields(entries[0])] if entries else [*SORTS]
        rows = [[str(v) if v is not None else "" for v in dataclasses.astuple(e)] for e in entries]
        print(texts.as_csv(names, rows))
        return 0
    if not entries:
        print(f"no runs in {options.log_dir}")
        return 0
    head = ["name", "status", "data", "best", "epochs", "time", "size"]
    print(
        texts.table(
            head,
            [
                [
                    entry.name,
                    entry.status,
                    entry.data or "-",
                    "-" if entry.best is None else f"{entry.metric} {texts.number(entry.best)}",
                    texts.number(entry.epochs),
                    texts.duration(entry.seconds),
                    texts.size(entry.bytes),
                ]
                for entry in entries
            ],
        )
    )
    return 0


def _delete(options: RunsOptions, name: str) -> int:
    path = Path(os.path.expanduser(options.log_dir)) / name
    if ".." in Path(name).parts or Path(name).is_absolute() or not path.is_dir():
        raise InputError("delete", f"there is no run {name!r} in {options.log_dir!r}")
    with quiet_import():
        from mlp_lab.training.removal import remove_run
    if not options.yes:
        print(f"delete {path} ({texts.size(size(path))})? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("nothing was deleted")
            return 0
    remove_run(path)
    print(f"deleted {path}")
    return 0


COMMAND = Command("lists runs, or deletes one", _USAGE, RunsOptions, _run)
