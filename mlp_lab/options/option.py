"""What an option is: a field with a default, a help text and a check of its values."""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

from mlp_lab.options.checks import Check, one_line


def option(
    default: Any,
    help_text: str,
    check: Check,
    form: str = "CHOICE",
    of_result: bool = True,
    positional: bool = False,
) -> Any:
    """A field of an `Options` class.

    Args:
      default: its value where none is given; None leaves the choice to others, and is not checked.
      help_text: what it means, for `--help`.
      check: called with the option's name and a value; raises `InputError`.
      form: what `--help` shows for the value, as in `--name=FORM`.
      of_result: whether a run's result depends on it. Of the others, a run that is resumed may
        have different ones.
      positional: whether arguments without a flag are its values; at most one option of a command,
        of a tuple or a string.
    """
    metadata = {"help": help_text, "check": check, "form": form, "of_result": of_result}
    metadata["positional"] = positional
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Options:
    """Options that belong together, as one frozen value whose fields are made by `option`.

    A class that inherits from several such classes has the options of all of them: `Config`
    is put together so. Flags and help are made from the fields (`flags`, `help`).

    Raises:
      InputError: a value is not allowed, alone or together with another one.

    Attributes:
      title: heading of the options that the class itself defines, in `--help`.
    """

    title: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                value = tuple(value)
                object.__setattr__(self, field.name, value)
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, str):
                    one_line(flag_name(field), item)
            if not (value is None and field.default is None):
                field.metadata["check"](flag_name(field), value)
        self.check_together()

    def of_result(self) -> dict[str, Any]:
        """The options that the result of a run depends on, by name."""
        fields = [f for f in dataclasses.fields(self) if f.metadata["of_result"]]
        return {flag_name(field): getattr(self, field.name) for field in fields}

    def check_together(self) -> None:
        """Refuses options that exclude each other. Overrides call `super().check_together()`."""


def flag_name(field: dataclasses.Field) -> str:
    """The option's name on the command line; a field `from_` is the flag `--from`."""
    return field.name.rstrip("_")


def positional(kind: type[Options]) -> dataclasses.Field | None:
    """The option whose values are arguments without a flag; None if there is none."""
    fields = [field for field in dataclasses.fields(kind) if field.metadata["positional"]]
    return fields[0] if fields else None


def groups(kind: type[Options]) -> Iterator[tuple[str, list[dataclasses.Field]]]:
    """The options of a class by heading, in the order of `--help`."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for cls in reversed(kind.__mro__):
        own = [fields[name] for name in vars(cls).get("__annotations__", {}) if name in fields]
        if own:
            yield vars(cls)["title"], own
