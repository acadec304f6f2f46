"""Reads what `--vary` says: flags, each with values or a range."""

import dataclasses
import math
import re
from typing import Any

from mlp_lab.errors import InputError, near_miss
from mlp_lab.options.config import Config
from mlp_lab.options.option import flag_name
from mlp_lab.options.registry import split

# One trial's own, or what a sweep sets.
_SET = {"seed": "give --seeds, and --seed for the first of them", "strategy": "give --strategy"}
_RANGE = re.compile(r"(log|uniform)\((.*)\)", re.DOTALL)
_LISTS = (tuple[int, ...] | None, tuple[str, ...])


@dataclasses.dataclass(frozen=True)
class Range:
    """All numbers from low to high, evenly spread themselves or in their logarithm.

    Attributes:
      low: the lowest.
      high: the highest.
      log: whether their logarithms are evenly spread.
      whole: whether they are whole numbers.
    """

    low: float
    high: float
    log: bool
    whole: bool

    def at(self, share: float) -> str:
        """The number as text, at a share of the way from low to high."""
        if self.log:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        if self.whole:
            return str(min(max(round(value), math.ceil(self.low)), math.floor(self.high)))
        return f"{value:.4g}"


@dataclasses.dataclass(frozen=True)
class Varied:
    """A flag that is varied, with its values as text, or its range."""

    name: str
    values: tuple[str, ...] = ()
    range: Range | None = None

    def at(self, share: float) -> str:
        """Its value at a share from 0 to below 1: the values take turns in equal parts."""
        if self.range is not None:
            return self.range.at(share)
        return self.values[int(share * len(self.values))]


def parse(text: str) -> list[Varied]:
    """Reads the text of `--vary`.

    Raises:
      InputError: a flag is unknown, given twice or not to be varied, or has no values.
    """
    fields = {flag_name(f): f for f in dataclasses.fields(Config) if f.metadata["of_result"]}
    found: dict[str, Varied] = {}
    for item in split(text, " "):
        name, equals, values = item.partition("=")
        name = name.lstrip("-")
        if not equals:
            raise InputError("vary", f"expected NAME=VALUES, got {item!r}")
        if name in _SET:
            raise InputError("vary", f"{name} cannot be varied; {_SET[name]}")
        if name not in fields:
            raise InputError("vary", f"no flag {name!r} of a run's result{near_miss(name, fields)}")
        if name in found:
            raise InputError("vary", f"{name} is given twice; list all of its values at once")
        found[name] = _varied(name, values.strip(), fields[name].type)
    if not found:
        raise InputError("vary", f"expected NAME=VALUES, got {text!r}")
    return list(found.values())


def _varied(name: str, text: str, kind: Any) -> Varied:
    match = _RANGE.fullmatch(text)
    if match is not None or text.startswith(("log(", "uniform(")):
        return Varied(name, range=_range(name, text, match, kind))
    separator = "|" if kind in _LISTS or len(split(text, "|")) > 1 else ","
    values = tuple(split(text, separator))
    if not values:
        raise InputError("vary", f"{name} has no values")
    if len({*values}) < len(values):
        raise InputError("vary", f"{name} has a value twice, in {text!r}")
    return Varied(name, values)


def _range(name: str, text: str, match: re.Match | None, kind: Any) -> Range:
    shape = f"log(LOW,HIGH) or uniform(LOW,HIGH) with two numbers, LOW below HIGH, got {text!r}"
    try:
        low, high = map(float, (match[2] if match else "").split(","))
    except ValueError:
        raise InputError("vary", f"{name}: expected a range {shape}") from None
    log = text.startswith("log")
    if not -math.inf < low < high < math.inf:
        raise InputError("vary", f"{name}: expected a range {shape}")
    if log and low <= 0:
        raise InputError("vary", f"{name}: expected log(LOW,HIGH) with LOW above 0, got {text!r}")
    if kind not in (int, float, float | None, float | str, int | str):
        raise InputError("vary", f"{name} takes no numbers; list its values, got {text!r}")
    whole = kind in (int, int | str)
    if whole and math.ceil(low) > math.floor(high):
        raise InputError("vary", f"{name}: there is no whole number in {text!r}")
    return Range(low, high, log, whole)
