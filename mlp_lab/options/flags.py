"""Command-line flags, made from the fields of `Options` classes and read into them."""

import bisect
import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import flags as absl_flags

from mlp_lab.errors import InputError, near_miss
from mlp_lab.options import flagfile, registry
from mlp_lab.options.config import Config
from mlp_lab.options.option import Options, flag_name, positional

# These say where one run went, not what it was.
_OF_ONE_RUN = ("name", "overwrite", "resume", "accept_changes")

BOOLEAN = (bool, bool | None)
"""Types of fields whose flags are written --flag and --noflag."""


def parse(arguments: Sequence[str], kind: type[Options] = Config) -> Any:
    """Reads command-line arguments (without the program's name) into options.

    Args:
      arguments: flags, flagfiles among them; a later one wins over an earlier one.
      kind: which options there are.

    Returns:
      Options of that kind.

    Raises:
      InputError: an unknown flag, a value that cannot be read or is not allowed, a
        flagfile that cannot be read, or an argument that is not a flag. If it comes from a
        flagfile, the message begins with file and line.
    """
    fields = {flag_name(field): field for field in dataclasses.fields(kind)}
    given = flagfile.expanded(arguments)
    values, fault = _read(fields, given, positional(kind))
    if fault is not None:
        place = _place_of_fault(fields, given, fault, positional(kind))
        raise InputError(fault.option, fault.problem, place)
    try:
        return kind(**{field.name: values[name].value for name, field in fields.items()})
    except InputError as error:
        raise InputError(error.option, error.problem, _place_of_last(error.option, given)) from None


def _read(
    fields: dict[str, dataclasses.Field], given: Sequence[str], plain: dataclasses.Field | None
) -> tuple[Any, InputError | None]:
    """The values of the flags, and the error of the first that cannot be read.

    `plain` is the option whose values are arguments without a flag, if the command has one.
    """
    values = _define(fields)
    values.set_gnu_getopt(plain is not None)  # else an argument ends the flags
    try:
        rest = values(["program", *given])[1:]
    except absl_flags.UnrecognizedFlagError as error:
        hint = near_miss(error.flagname, [*fields, "flagfile", "help", "version"])
        return values, InputError(error.flagname, f"no such flag{hint}; --help lists all flags")
    except (absl_flags.Error, ValueError) as error:
        return values, _bad_value(error, [*fields])
    except RecursionError:  # absl looks for a similar name, letter by letter
        return values, InputError("", "no flag has so long a name; --help lists all flags")
    several = plain is not None and plain.type == tuple[str, ...]
    if rest and (plain is None or (not several and len(rest) > 1)):
        problem = f"unexpected argument {rest[-1 if plain else 0]!r}; "
        return values, InputError("", problem + "every flag is written --name=value")
    if rest and plain is not None:
        values[flag_name(plain)].value = tuple(rest) if several else rest[0]
    return values, None


def _place_of_fault(
    fields: dict[str, dataclasses.Field],
    given: Sequence[str],
    fault: InputError,
    plain: dataclasses.Field | None,
) -> str:
    """Where the argument comes from with which a fault arises; empty if not from a file."""

    def arose(count: int) -> bool:
        return str(_read(fields, given[:count], plain)[1]) == str(fault)

    count = bisect.bisect_left(range(1, len(given)), True, key=arose) + 1
    if fault.option:
        return _place_of_last(fault.option, given[:count])
    return flagfile.place_of(given[count - 1])


def _place_of_last(option: str, given: Sequence[str]) -> str:
    """Where the last argument comes from that sets an option; empty if not from a file."""
    for argument in reversed(given):
        name = argument.lstrip("-").partition("=")[0]
        if argument.startswith("-") and name in (option, f"no{option}"):
            return flagfile.place_of(argument)
    return ""


def to_text(config: Options) -> str:
    """The flagfile that gives `config` again, every option but the run's own folder.

    `name`, `overwrite`, `resume` and `accept_changes` are left out: they say where one run went,
    not what it was, and a rerun must not collide with the run that it repeats, or delete it.
    """
    rows = [
        f"--{name}" if value is None else f"--{name}={flagfile.quoted(value)}"
        for name, value in _written(config)
    ]
    return "\n".join(rows) + "\n"


def arguments(config: Options) -> list[str]:
    """The arguments of a command line that give `config` again, as `to_text` does."""
    return [f"--{n}" if v is None else f"--{n}={v}" for n, v in _written(config)]


def _written(config: Options) -> Iterator[tuple[str, str | None]]:
    """Names and values of the flags of options, without a value for booleans."""
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), flag_name(field)
        if value is None or field.name in _OF_ONE_RUN:
            continue
        if isinstance(value, bool):
            yield f"{'' if value else 'no'}{name}", None
        else:
            yield name, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _read_whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected a whole number, got {text!r}") from None


def _read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number, got {text!r}") from None


def _read_rate(text: str) -> float | str:
    return text if text == "auto" else _read_number(text)


def _read_boolean(text: str) -> bool:
    values = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    if text.lower() not in values:
        raise ValueError(f"expected true or false, got {text!r}")
    return values[text.lower()]


def _read_steps(text: str) -> int | str:
    return text if text == "auto" else _read_whole(text)


def _read_units(text: str) -> tuple[int, ...]:
    return tuple(_read_whole(units) for units in text.split(",") if units.strip())


def _read_parts(text: str) -> tuple[str, ...]:
    return tuple(registry.split(text))


# How the text of a flag becomes a field's value, by the field's type.
_READERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    str | None: str,
    int: _read_whole,
    int | None: _read_whole,
    float: _read_number,
    float | None: _read_number,
    int | str | None: _read_steps,
    float | str: _read_rate,
    int | str: _read_steps,
    bool: _read_boolean,
    bool | None: _read_boolean,
    tuple[int, ...] | None: _read_units,
    tuple[str, ...]: _read_parts,
    tuple[str, ...] | None: _read_parts,
}


class _Parser(absl_flags.ArgumentParser):
    """Hands a flag's text to the reader of its field's type."""

    def __init__(self, field: dataclasses.Field):
        self.field = field
        self.syntactic_help = ""

    def parse(self, argument: Any) -> Any:
        if not isinstance(argument, str):
            return argument
        return _READERS[self.field.type](argument)

    def flag_type(self) -> str:
        return "string"


def _define(fields: dict[str, dataclasses.Field]) -> absl_flags.FlagValues:
    # Not absl's global FLAGS: only these flags exist, and a program that imports the lab
    # keeps its own.
    values = absl_flags.FlagValues()
    for name, field in fields.items():
        values[name] = absl_flags.Flag(
            _Parser(field), absl_flags.ArgumentSerializer(), name, field.default, "",
            boolean=field.type in BOOLEAN,
        )  # fmt: skip
    return values


def _bad_value(error: Exception, names: Sequence[str]) -> InputError:
    """Finds the flag at fault in absl's message, which names it in three forms."""
    text = str(error)
    found = re.search(r"-+(\w+)", text)
    name = found[1] if found else ""
    if isinstance(error, absl_flags.IllegalFlagValueError) and text.startswith("flag --"):
        return InputError(name, text.partition(": ")[2])
    if name.removeprefix("no") in names and "does not take an argument" in text:
        name = name.removeprefix("no")
        return InputError(name, f"--no{name} takes no value; write --no{name} or --{name}=false")
    return InputError(name, f"needs a value: write --{name}=VALUE")
