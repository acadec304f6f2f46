"""What values an option may have: each check raises `InputError` that says what is allowed."""

import math
import os
import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from mlp_lab.errors import InputError, near_miss
from mlp_lab.options import registry

Check = Callable[[str, Any], None]

LARGEST = 2**31 - 1
"""The largest whole number that an option takes: steps times epochs then fit into 64 bits."""

# Control characters, lone surrogates (bytes that are not UTF-8), line and paragraph separators.
_NOT_IN_LINES = ("Cc", "Cs", "Zl", "Zp")
_DURATION = r"[0-9]{1,9}(?:\.[0-9]{1,9})?[sm]"
_INTERVAL = rf"[0-9]{{1,9}}|{_DURATION}"


def choice(choices: Sequence[str]) -> Check:
    def check(option: str, value: Any) -> None:
        if value not in choices:
            hint = near_miss(str(value), choices)
            raise InputError(
                option, f"no such choice {value!r}{hint}; choose one of {', '.join(choices)}"
            )

    return check


def one_line(option: str, value: str) -> None:
    """Refuses what a line of flags.txt cannot hold: control and broken characters, outer spaces."""
    if value != value.strip() or any(unicodedata.category(c) in _NOT_IN_LINES for c in value):
        raise InputError(
            option,
            "expected text without line breaks, control characters, broken characters or spaces "
            f"around it, got {value!r}",
        )


def _is_whole(value: Any, low: int, high: int = LARGEST) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def whole(low: int, high: int | None = None) -> Check:
    def check(option: str, value: Any) -> None:
        if not _is_whole(value, low, high or LARGEST):
            open_end = high is None and not (isinstance(value, int) and value > LARGEST)
            allowed = f"of at least {low}" if open_end else f"from {low} to {high or LARGEST}"
            raise InputError(option, f"expected a whole number {allowed}, got {value!r}")

    return check


def number(allowed: str, fits: Callable[[float], bool]) -> Check:
    def check(option: str, value: Any) -> None:
        finite = isinstance(value, int | float) and -math.inf < value < math.inf
        if not finite or not fits(value):
            raise InputError(option, f"expected {allowed}, got {value!r}")

    return check


def rate(option: str, value: Any) -> None:
    if value != "auto":
        number("a number above 0, or auto", lambda x: x > 0)(option, value)


def part(option: str, value: Any) -> None:
    registry.parse(option, value)


def parts(option: str, value: Any) -> None:
    for text in value:
        registry.parse(option, text)


def units(option: str, value: Any) -> None:
    for units in value:
        if not _is_whole(units, 1):
            raise InputError(
                option,
                f"expected whole numbers of at least 1, one per hidden layer, got {units!r}; "
                "for example 256,128",
            )


def folder_name(option: str, value: Any) -> None:
    if not isinstance(value, str) or value in ("", ".", "..") or PurePath(value).name != value:
        raise InputError(
            option,
            f"expected a plain folder name, got {value!r}; the folder it lies in is --log_dir",
        )


def boolean(option: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise InputError(option, f"expected true or false, got {value!r}")


def text(option: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise InputError(option, f"expected a non-empty string, got {value!r}")


def paths(option: str, value: Any) -> None:
    for path in value:
        text(option, path)


def every(option: str, value: Any) -> None:
    if value != "auto" and not _is_whole(value, 0):
        raise InputError(
            option,
            f"expected a whole number of steps, 0 for never, up to {LARGEST}, or auto, "
            f"got {value!r}",
        )


def interval(option: str, value: Any) -> None:
    if not isinstance(value, str) or not re.fullmatch(_INTERVAL, value):
        raise InputError(
            option,
            f"expected a number of steps, seconds or minutes as in 30s and 1m, or 0, got {value!r}",
        )


def duration(option: str, value: Any) -> None:
    fits = isinstance(value, str) and re.fullmatch(_DURATION, value) and float(value[:-1]) > 0
    if not fits:
        raise InputError(
            option, f"expected seconds or minutes above 0, as in 30s and 10m, got {value!r}"
        )


def pattern(option: str, value: Any) -> None:
    text(option, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a future Python may read these differently
            re.compile(value)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise InputError(option, f"{value!r} is not a valid regular expression: {error}") from None


def working_folder() -> str:
    """The working directory; `InputError` if it has been removed."""
    try:
        return os.getcwd()
    except OSError as error:
        raise InputError(
            "",
            f"the working directory cannot be used ({error.strerror}); change to one that exists",
        ) from None


def path_fits(option: str, path: str, below: int = 0) -> None:
    """Refuses a path that is longer than the file system allows, as a whole or in one name.

    Args:
      option: to blame.
      path: local; it need not exist.
      below: bytes of the longest path that will be used in it.
    """
    whole = os.path.join(working_folder(), os.path.expanduser(path))
    existing = whole
    while not os.path.lexists(existing) and existing != os.path.dirname(existing):
        existing = os.path.dirname(existing)
    for name in whole.split(os.sep):
        most = _limit(existing, "PC_NAME_MAX", 255)
        if len(os.fsencode(name)) > most:
            raise InputError(
                option,
                f"expected names of at most {most} bytes, the file system's limit, got {name!r} "
                f"of {len(os.fsencode(name))}",
            )
    most = _limit(existing, "PC_PATH_MAX", 4096) - 1
    if len(os.fsencode(whole)) + below > most:
        raise InputError(
            option,
            f"expected a path of at most {most - below} bytes, so that the run's files in it stay "
            f"below the system's {most}, got {len(os.fsencode(whole))}",
        )


def _limit(path: str, name: str, default: int) -> int:
    try:
        found = os.pathconf(path, name)
    except (AttributeError, OSError, ValueError):  # not a POSIX system, or it does not tell
        return default
    return found if found > 0 else default
