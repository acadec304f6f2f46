"""Command-line flags, made from the fields of `Config`, and read into one."""

import dataclasses
import os
import re
import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags as absl_flags

from mlp_lab.errors import InputError, near_miss
from mlp_lab.options import registry
from mlp_lab.options.config import Config

USAGE = """\
Trains a multilayer perceptron with an explicit GradientTape step, tests it after
every epoch, and writes a folder with TensorBoard logs and the saved model.

  python train.py --flagfile=configs/fashion_mnist.flags
  python train.py --flagfile=configs/fashion_mnist.flags --epochs=5 --name=short
  tensorboard --logdir=logs

A later flag wins over an earlier one, so flags after --flagfile change what the
file says. A flagfile holds one flag a line; # starts a comment.
"""
_SPECIAL = {
    "flagfile=PATH": "read flags from a file, in the place where it is given",
    "help": "show this help and exit",
    "version": "show the version and exit",
}


_FLAGFILE = re.compile(r"--?flagfile(?:[=\s]\s*(.*))?", re.DOTALL)
_MOST_NESTED = 10
_MOST_BYTES = 1024**2


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
    float: _read_number,
    float | None: _read_number,
    int | str: _read_steps,
    bool: _read_boolean,
    bool | None: _read_boolean,
    tuple[int, ...] | None: _read_units,
    tuple[str, ...]: _read_parts,
}


_BOOLEAN = (bool, bool | None)


class _Parser(absl_flags.ArgumentParser):
    """Hands a flag's text to the reader of its field."""

    def __init__(self, field: dataclasses.Field):
        self.field = field
        self.syntactic_help = ""

    def parse(self, argument: Any) -> Any:
        if not isinstance(argument, str):
            return argument
        return _READERS[self.field.type](argument)

    def flag_type(self) -> str:
        return "string"


def _define() -> absl_flags.FlagValues:
    # Own values, not absl's global FLAGS: nothing but these flags exists, and a
    # program that imports the lab keeps its own.
    values = absl_flags.FlagValues()
    for field in dataclasses.fields(Config):
        flag = absl_flags.Flag(
            _Parser(field), absl_flags.ArgumentSerializer(), field.name, field.default, "",
            boolean=field.type in _BOOLEAN,  # also written --flag and --noflag
        )  # fmt: skip
        values[field.name] = flag
    return values


def parse(arguments: Sequence[str]) -> Config:
    """Reads command-line arguments (without the program's name) into a config.

    Raises:
      InputError: an unknown flag, a value that cannot be read or is not allowed, a
        flagfile that cannot be read, or an argument that is no flag.
    """
    values = _define()
    names = [field.name for field in dataclasses.fields(Config)]
    given = _with_files(arguments)
    try:
        rest = values(["train", *given])[1:]
    except absl_flags.UnrecognizedFlagError as error:
        known = [*names, "flagfile", "help", "version"]
        hint = near_miss(error.flagname, known)
        raise InputError(error.flagname, f"no such flag{hint}; --help lists all flags") from None
    except (absl_flags.Error, ValueError) as error:
        raise _bad_value(error, names) from None
    if rest:
        raise InputError("", f"unexpected argument {rest[0]!r}; every flag is written --name=value")
    chosen: dict[str, Any] = {name: values[name].value for name in names}
    return Config(**chosen)


def _with_files(arguments: Sequence[str], depth: int = 0) -> list[str]:
    """The arguments, with those of a flagfile in its place; a flagfile may name others.

    Not absl's own reader: that one goes on reading where a file does not end.
    """
    result: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return [*result, argument, *rest]
        match = _FLAGFILE.fullmatch(argument)
        if match is None:
            result.append(argument)
            continue
        path = next(rest, "") if match[1] is None else match[1]
        if not path:
            raise InputError("flagfile", "needs a value: write --flagfile=PATH")
        if depth == _MOST_NESTED:
            raise InputError(
                "flagfile",
                f"cannot be read: {path!r} stands in the {_MOST_NESTED}th flagfile within another; "
                "does one name itself?",
            )
        lines = [line.strip() for line in _read_flagfile(path).split("\n")]
        lines = [line for line in lines if line and not line.startswith(("#", "//"))]
        result += _with_files(lines, depth + 1)
    return result


def _read_flagfile(path: str) -> str:
    try:
        with open(os.path.expanduser(path), "rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES:,} bytes in {path!r}")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("flagfile", f"cannot be read: {path!r} is no text: {error}") from None
    except (OSError, ValueError) as error:
        raise InputError("flagfile", f"cannot be read: {error}") from None


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


def to_text(config: Config) -> str:
    """The flagfile that gives `config` again, every option but the run's own folder.

    `name`, `overwrite` and `resume` are left out: they say where one run went, not what it
    was, and a rerun must not run into, or delete, the run it repeats.
    """
    lines = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value is None or field.name in ("name", "overwrite", "resume"):
            continue
        if isinstance(value, bool):
            lines.append(f"--{'' if value else 'no'}{field.name}")
        elif isinstance(value, tuple):
            lines.append(f"--{field.name}={','.join(str(item) for item in value)}")
        else:
            lines.append(f"--{field.name}={value}")
    return "\n".join(lines) + "\n"


def help_text(program: str) -> str:
    """What `--help` prints: the flags by group, each with its meaning and default."""
    width = min(shutil.get_terminal_size().columns, 100)

    def entry(flag: str, text: str) -> str:
        indent = " " * 6
        return f"  --{flag}\n" + textwrap.fill(
            text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )

    sections: dict[str, list[str]] = {}
    for field in dataclasses.fields(Config):
        text, default = field.metadata["help"], field.default
        if isinstance(default, tuple):
            default = ",".join(default)
        if field.type in _BOOLEAN:
            flag = f"[no]{field.name}"
            default = None if default is None else str(default).lower()
        else:
            flag = f"{field.name}={field.metadata['form'] or 'CHOICE'}"
        if default is not None:
            text += f" (default: {default})"
        sections.setdefault(field.metadata["group"], []).append(entry(flag, text))
    sections["Flags about flags"] = [entry(flag, text) for flag, text in _SPECIAL.items()]
    body = "\n\n".join(f"{title}:\n\n" + "\n".join(rows) for title, rows in sections.items())
    return f"usage: {program} [--flagfile=PATH] [--FLAG=VALUE ...]\n\n{USAGE}\n{body}\n"
