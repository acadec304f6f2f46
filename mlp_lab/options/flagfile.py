"""Flagfiles: text files with a flag a line."""

import codecs
import dataclasses
import itertools
import os
import re
from collections.abc import Iterator, Sequence

from mlp_lab.errors import InputError
from mlp_lab.regular import open_regular

_FLAG = re.compile(r"--?flagfile(?:[=\s]\s*(.*))?", re.DOTALL)
_MOST_NESTED = 10
# Files may name each other in a way that doubles with every level.
_MOST_FILES = 100
_MOST_BYTES = 1024**2
# absl takes a millisecond for a few of them, and a mistake is looked for several times.
_MOST_ARGUMENTS = 1000
# A message repeats it.
_MOST_CHARACTERS = 100_000

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)

# Up to a comment: whole quotations, and anything but a # at the start or after a space.
_BEFORE_COMMENT = re.compile(r"""(?:"[^"]*"|'[^']*'|(?<!\s)(?<!^)#|[^#])*""")
# A flag with a value that is quoted as a whole, perhaps with a comment after it.
_QUOTED = re.compile(r"""(-[^\s=]*=)(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)')(?:\s+#.*)?""")


class Argument(str):
    """An argument of the command line that comes from a flagfile.

    Attributes:
      place: `"FILE:LINE"`, the line counted from 1.
    """

    place: str

    def __new__(cls, text: str, place: str):
        """An argument and where it comes from."""
        argument = super().__new__(cls, text)
        argument.place = place
        return argument


def place_of(argument: str) -> str:
    """`"FILE:LINE"` of an argument from a flagfile; empty for others."""
    return argument.place if isinstance(argument, Argument) else ""


def expanded(arguments: Sequence[str]) -> list[str]:
    """The arguments, with each --flagfile=PATH replaced by the flags of that file.

    A flagfile may name others. (absl's own reader does not stop at a file that never ends.)

    Returns:
      The arguments; those from files are of the type `Argument`.

    Raises:
      InputError: a file cannot be read, files are nested more than 10 deep, or there are more
        than 100 files, 1 MiB or 1000 arguments, or an argument has more than 100,000 characters.
    """
    result = _Reader().expanded(arguments, 0)
    _check_count(len(result), result[-1] if result else "")
    for argument in result:
        if len(argument) > _MOST_CHARACTERS:
            raise InputError(
                "",
                f"expected arguments of at most {_MOST_CHARACTERS:,} characters, got "
                f"{argument[:40]!r}... of {len(argument):,}",
                place_of(argument),
            )
    return result


def _check_count(count: int, last: str) -> None:
    if count > _MOST_ARGUMENTS:
        raise InputError(
            "", f"expected at most {_MOST_ARGUMENTS:,} arguments, got more", place_of(last)
        )


@dataclasses.dataclass
class _Reader:
    """Reads the flagfiles of one command line, and counts them."""

    files: int = 0
    bytes: int = 0

    def expanded(self, arguments: Sequence[str], depth: int) -> list[str]:
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
            place = place_of(argument)
            if not path:
                raise InputError("flagfile", "needs a value: write --flagfile=PATH", place)
            if depth == _MOST_NESTED:
                raise InputError(
                    "flagfile",
                    f"cannot be read: {path!r} is named by the {_MOST_NESTED}th flagfile inside "
                    "another; does one name itself?",
                    place,
                )
            inner = [*itertools.islice(_flags(self.read(path, place), path), _MOST_ARGUMENTS + 1)]
            _check_count(len(result) + len(inner), inner[-1] if inner else "")
            result += self.expanded(inner, depth + 1)
        return result

    def read(self, path: str, place: str) -> str:
        """The text of a file."""
        self.files += 1
        if self.files > _MOST_FILES:
            problem = f"cannot be read: {path!r} is one of more than {_MOST_FILES} flagfiles; "
            raise InputError("flagfile", problem + "do some name each other?", place)
        try:
            with open_regular(os.path.expanduser(path)) as file:
                content = file.read(_MOST_BYTES - self.bytes + 1)
            self.bytes += len(content)
            if self.bytes > _MOST_BYTES:
                before = " and those before it" if self.bytes > len(content) else ""
                raise ValueError(f"more than {_MOST_BYTES:,} bytes in {path!r}{before}")
            if content.startswith(_WIDE) or b"\0" in content[:2]:
                raise ValueError(f"{path!r} is UTF-16; save it as UTF-8")
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            problem = f"cannot be read: {path!r} is not text: {error}"
            raise InputError("flagfile", problem, place) from None
        except OSError as error:
            problem = f"cannot be read: {path!r}: {error.strerror}"
            raise InputError("flagfile", problem, place) from None
        except ValueError as error:
            raise InputError("flagfile", f"cannot be read: {error}", place) from None


def quoted(value: str) -> str:
    """A value as it is written in a flagfile: in quotes if something in it would be lost."""
    line = f"--x={value}"
    if [*_flags(line, "")] == [line]:
        return value
    return '"' + value.replace('"', '""') + '"'


def _flags(text: str, path: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if line.startswith("//"):
            continue
        whole = _QUOTED.fullmatch(line)
        if whole is not None:
            flag, double, single = whole.groups()
            value = single.replace("''", "'") if double is None else double.replace('""', '"')
            yield Argument(flag + value, f"{path}:{number}")
            continue
        match = _BEFORE_COMMENT.match(line)
        flag = match[0].strip() if match else line
        if flag:
            yield Argument(flag, f"{path}:{number}")
