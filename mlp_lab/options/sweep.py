"""Options: a sweep, which trains the same network with many settings."""

import dataclasses
from typing import ClassVar

from mlp_lab.errors import InputError
from mlp_lab.options.checks import number, text, whole
from mlp_lab.options.config import Config
from mlp_lab.options.option import Options, option

_DIRECTIONS = ("min", "max")


def _objective(name: str, value: object) -> None:
    words = value.split(" ") if isinstance(value, str) else []
    if len(words) != 2 or words[0] not in _DIRECTIONS or not words[1]:
        raise InputError(
            name,
            "expected min or max and the name of a logged value, as in 'min val_loss' or "
            f"'max val_accuracy', got {value!r}",
        )


def _part(name: str, value: object) -> None:
    words = value.split("/") if isinstance(value, str) else []
    if len(words) != 2 or not all(word.isdecimal() and word.isascii() for word in words):
        raise InputError(name, f"expected INDEX/COUNT, as in 0/4, got {value!r}")
    index, count = map(int, words)
    if index >= count:
        raise InputError(name, f"expected an INDEX from 0 to COUNT - 1, got {value!r}")


@dataclasses.dataclass(frozen=True)
class SweepGroup(Options):
    """What is varied, and how the trials are run."""

    title: ClassVar[str] = "Sweep"

    vary: str | None = option(
        None,
        "what is varied, separated by spaces: a flag and its values (dropout=0,0.2; of a flag that "
        "takes a list hidden_units=256,128|512,512), or a range (learning_rate=log(1e-4,1e-2), "
        "dropout=uniform(0,0.5)). Lists alone give a grid; with a range, all are drawn together "
        "from a scrambled Halton sequence",
        text,
        "TEXT",
    )
    trials: int | None = option(
        None,
        "number of configurations (default: the whole grid); needed with a range. May be raised "
        "later",
        whole(1),
        "N",
    )
    seeds: int = option(
        1, "runs of each configuration, with --seed and the seeds after it", whole(1, 1000), "N"
    )
    objective: str = option(
        "min val_loss",
        "what is compared, after the last epoch: min or max and the name of a logged value",
        _objective,
        "TEXT",
    )
    halving: int = option(
        0,
        "successive halving: of every N trials, the best one is trained N times as long, from "
        "where it was; 0 trains all to the end",
        whole(0, 100),
        "N",
    )
    jobs: int = option(
        1,
        "processes that train at the same time, each on its share of the processor's cores",
        whole(1, 1024),
        "N",
        of_result=False,
    )
    minutes: float | None = option(
        None,
        "save and end after so many minutes; the same command goes on",
        number("a number above 0", lambda x: x > 0),
        "N",
        of_result=False,
    )
    part: str | None = option(
        None,
        "INDEX/COUNT: run only every COUNT-th trial, beginning with INDEX; for several machines "
        "that share the folder but cannot lock its files",
        _part,
        "I/N",
        of_result=False,
    )


@dataclasses.dataclass(frozen=True)
class SweepOptions(SweepGroup, Config):
    """Options of a sweep: those of its trials, and its own.

    Histograms and pictures are written only if they are asked for: they are what makes fifty
    runs slow to look at.
    """

    histogram_every: int | str = dataclasses.field(
        default=0, metadata=dict(Config.__dataclass_fields__["histogram_every"].metadata)
    )
    pictures_every: int = dataclasses.field(
        default=0, metadata=dict(Config.__dataclass_fields__["pictures_every"].metadata)
    )
    verbose: str = dataclasses.field(
        default="none", metadata=dict(Config.__dataclass_fields__["verbose"].metadata)
    )

    title: ClassVar[str] = "Defaults that a sweep changes"

    def check_together(self) -> None:
        """Refuses what a sweep cannot do."""
        super().check_together()
        if self.vary is None:
            raise InputError(
                "vary", "is needed: what to vary, as in 'learning_rate=log(1e-4,1e-2)'"
            )
        if self.name is None:
            raise InputError("name", "is needed, so that the same command can go on")
        if self.strategy == "multi_worker":
            raise InputError("strategy", "a sweep trains each run in one process, got multi_worker")
        for name in ("resume", "overwrite", "accept_changes"):
            if getattr(self, name):
                raise InputError(
                    name, "is not for sweeps: the same command goes on, another --name starts anew"
                )
        if self.halving == 1:
            raise InputError("halving", "expected 0, or a number from 2 on, got 1")
