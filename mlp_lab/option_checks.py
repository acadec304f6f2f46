"""What an option's value may be: each check raises `InputError` with what is allowed."""

import math
import re
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from mlp_lab import registry
from mlp_lab.errors import InputError, near_miss

Check = Callable[[str, Any], None]


def choice(choices: Sequence[str]) -> Check:
    def check(option: str, value: Any) -> None:
        if value not in choices:
            hint = near_miss(str(value), choices)
            raise InputError(
                option, f"no such choice {value!r}{hint}; choose one of {', '.join(choices)}"
            )

    return check


def whole(low: int, high: int | None = None) -> Check:
    allowed = f"of at least {low}" if high is None else f"from {low} to {high}"

    def check(option: str, value: Any) -> None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < low or (high is not None and value > high):
            raise InputError(option, f"expected a whole number {allowed}, got {value!r}")

    return check


def number(allowed: str, fits: Callable[[float], bool]) -> Check:
    def check(option: str, value: Any) -> None:
        if not isinstance(value, int | float) or not math.isfinite(value) or not fits(value):
            raise InputError(option, f"expected {allowed}, got {value!r}")

    return check


def part(option: str, value: Any) -> None:
    registry.parse(option, value)


def parts(option: str, value: Any) -> None:
    for text in value:
        registry.parse(option, text)


def units(option: str, value: Any) -> None:
    for units in value:
        if not isinstance(units, int) or isinstance(units, bool) or units < 1:
            raise InputError(
                option,
                f"expected whole numbers of at least 1, one per hidden layer, got {units!r}; "
                "for example 256,128",
            )


def folder_name(option: str, value: Any) -> None:
    if value in ("", ".", "..") or PurePath(value).name != value or "\0" in value:
        raise InputError(
            option,
            f"expected a plain folder name, got {value!r}; the folder it lies in is --log_dir",
        )


def boolean(option: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise InputError(option, f"expected true or false, got {value!r}")


def text(option: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise InputError(option, f"expected a text that is not empty, got {value!r}")


def every(option: str, value: Any) -> None:
    if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise InputError(
            option, f"expected a whole number of steps, 0 for never, or auto, got {value!r}"
        )


def interval(option: str, value: Any) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"\d+|\d+(\.\d+)?[sm]", value):
        raise InputError(
            option,
            f"expected a number of steps, seconds or minutes as in 30s and 1m, or 0, got {value!r}",
        )


def pattern(option: str, value: Any) -> None:
    text(option, value)
    try:
        re.compile(value)
    except re.error as error:
        raise InputError(option, f"{value!r} is no regular expression: {error}") from None
