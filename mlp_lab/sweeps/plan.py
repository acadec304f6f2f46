"""The trials of a sweep, all known and checked before the first begins."""

import dataclasses
import itertools
import math
import os
import random

from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.options.config import Config
from mlp_lab.options.sweep import SweepOptions
from mlp_lab.sweeps.halton import Halton
from mlp_lab.sweeps.vary import Varied, parse

# A grid of more is a mistake.
_MOST = 10_000


@dataclasses.dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Attributes:
      number: of the configuration, from 0.
      values: what is varied, as text, by flag.
      config: of the run.
    """

    number: int
    values: dict[str, str]
    config: Config

    @property
    def name(self) -> str:
        """The name of its folder in that of the sweep."""
        return str(self.config.name)

    @property
    def group(self) -> str:
        """What all runs of the configuration have in common."""
        return group_name(self.number)


def group_name(number: int) -> str:
    """The name of a configuration."""
    return f"trial-{number:03d}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """All trials of a sweep.

    Attributes:
      varied: what is varied.
      trials: seed by seed for the first configuration, then for the next.
    """

    options: SweepOptions
    varied: list[Varied]
    trials: list[Trial]


def plan(options: SweepOptions) -> Plan:
    """The trials of a sweep.

    Raises:
      InputError: `--vary` cannot be read, asks for a value that its flag refuses, or has fewer
        configurations than trials are asked for.
    """
    varied = parse(str(options.vary))
    base = _base(options)
    trials = [
        Trial(number, values, _config(base, values, options.seed + seed, number))
        for number, values in enumerate(_configurations(options, varied))
        for seed in range(options.seeds)
    ]
    return Plan(options, varied, trials)


def folder_of(options: SweepOptions) -> str:
    """The folder of a sweep."""
    return os.path.join(options.log_dir, str(options.name))


def _base(options: SweepOptions) -> list[str]:
    """The arguments that all trials have."""
    values = {f.name: getattr(options, f.name) for f in dataclasses.fields(Config)}
    values |= {"name": None, "log_dir": folder_of(options)}
    return flags.arguments(Config(**values))


def _config(base: list[str], values: dict[str, str], seed: int, number: int) -> Config:
    given = [f"--{name}={value}" for name, value in values.items()]
    own = [f"--seed={seed}", f"--name={group_name(number)}-seed-{seed}"]
    try:
        return flags.parse([*base, *given, *own])
    except InputError as error:
        text = " ".join(f"{name}={value}" for name, value in values.items())
        raise InputError("vary", f"{text}: {error}") from None


def _configurations(options: SweepOptions, varied: list[Varied]) -> list[dict[str, str]]:
    names = [each.name for each in varied]
    if (options.trials or 0) > _MOST:
        raise InputError("trials", f"expected at most {_MOST:,}, got {options.trials:,}")
    if any(each.range is not None for each in varied):
        if options.trials is None:
            raise InputError("trials", "is needed: a range has no end of values")
        halton = Halton(len(varied), options.seed)
        points = map(halton.point, range(options.trials))
        drawn = [[each.at(x) for each, x in zip(varied, p, strict=True)] for p in points]
        return [dict(zip(names, values, strict=True)) for values in drawn]
    count = math.prod(len(each.values) for each in varied)
    if count > _MOST and options.trials is None:
        raise InputError("vary", f"a grid of {count:,} configurations; say how many with --trials")
    if options.trials is not None and options.trials > count:
        raise InputError(
            "trials", f"expected at most {count}, all of the grid, got {options.trials}"
        )
    if options.trials is None:
        grid = itertools.product(*(each.values for each in varied))
        return [dict(zip(names, values, strict=True)) for values in grid]
    # Any number of them is spread over the whole grid, and more of them begin with the same.
    chosen = random.Random(options.seed).sample(range(min(count, 2**62)), min(count, _MOST))
    return [_of_grid(varied, index) for index in chosen[: options.trials]]


def _of_grid(varied: list[Varied], index: int) -> dict[str, str]:
    values = {}
    for each in reversed(varied):
        index, place = divmod(index, len(each.values))
        values[each.name] = each.values[place]
    return {each.name: values[each.name] for each in varied}
