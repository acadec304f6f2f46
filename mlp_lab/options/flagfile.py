"""Flagfiles: text files with a flag a line."""

import os
import re
from collections.abc import Iterator, Sequence

from mlp_lab.errors import InputError

_FLAG = re.compile(r"--?flagfile(?:[=\s]\s*(.*))?", re.DOTALL)
_MOST_NESTED = 10
_MOST_BYTES = 1024**2


def expanded(arguments: Sequence[str], depth: int = 0) -> list[str]:
    """The arguments, with each --flagfile=PATH replaced by the flags of that file.

    A flagfile may name others. (absl's own reader does not stop at a file that never ends.)

    Raises:
      InputError: a file cannot be read, or files are nested more than 10 deep.
    """
    result: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return [*result, argument, *rest]
        match = _FLAG.fullmatch(argument)
        if match is None:
            result.append(argument)
            continue
        path = next(rest, "") if match[1] is None else match[1]
        if not path:
            raise InputError("flagfile", "needs a value: write --flagfile=PATH")
        if depth == _MOST_NESTED:
            raise InputError(
                "flagfile",
                f"cannot be read: {path!r} is named by the {_MOST_NESTED}th flagfile inside "
                "another; does one name itself?",
            )
        result += expanded([*_flags(_read(path))], depth + 1)
    return result


def _flags(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        line = line.strip()
        if line and not line.startswith(("#", "//")):
            yield line


def _read(path: str) -> str:
    try:
        with open(os.path.expanduser(path), "rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES:,} bytes in {path!r}")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("flagfile", f"cannot be read: {path!r} is not text: {error}") from None
    except (OSError, ValueError) as error:
        raise InputError("flagfile", f"cannot be read: {error}") from None
