"""What `--help` prints."""

import dataclasses
import shutil
import textwrap

from mlp_lab.options.flags import BOOLEAN
from mlp_lab.options.option import Options, flag_name, groups

_EVERYWHERE = {
    "flagfile=PATH": "read flags from a file, at the place where it is given",
    "help": "show this help and exit",
    "version": "show the version and exit",
}


def help_text(kind: type[Options]) -> str:
    """The flags of a command by group, each with its meaning and default."""
    sections = {title: [_entry(*_described(f)) for f in fields] for title, fields in groups(kind)}
    sections["Flags of every command"] = [_entry(*item) for item in _EVERYWHERE.items()]
    return "\n\n".join(f"{title}:\n\n" + "\n".join(rows) for title, rows in sections.items())


def paragraphs(rows: dict[str, str]) -> str:
    """Names and what they mean, in the form of the flags."""
    return "\n".join(_entry(name, text, dashes="") for name, text in rows.items())


def _entry(flag: str, text: str, dashes: str = "--") -> str:
    width = min(shutil.get_terminal_size().columns, 100)
    indent = " " * 6
    return f"  {dashes}{flag}\n" + textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _described(field: dataclasses.Field) -> tuple[str, str]:
    """The flag as it is written, and its meaning with the default."""
    text, default = field.metadata["help"], field.default
    if isinstance(default, tuple):
        default = ",".join(default)
    if field.type in BOOLEAN:
        flag = f"[no]{flag_name(field)}"
        default = None if default is None else str(default).lower()
    else:
        flag = f"{flag_name(field)}={field.metadata['form']}"
    if default is not None:
        text += f" (default: {default})"
    return flag, text
