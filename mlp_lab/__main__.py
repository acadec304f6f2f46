"""The command line: finds the command, reads its flags, and runs it."""

import os
import sys
from collections.abc import Sequence

from mlp_lab import __version__, commands, standard_streams
from mlp_lab.errors import InputError, Interrupted, RunError, WorkerLost, near_miss
from mlp_lab.options import flags
from mlp_lab.options.checks import working_folder
from mlp_lab.options.help import help_text, paragraphs
from mlp_lab.options.option import positional

_DEFAULT = "train"
_HELP = ("--help", "-h", "-help", "--helpshort", "--helpfull")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
      argv: program name, then a command and its flags; flags alone are for `train`. By
        default those of this process.

    Returns:
      The exit status: 0; 1 for a run that diverged or could not continue; 2 for input that
      cannot be used, which one line on standard error explains; 128 and the signal's number for
      a run interrupted by one: 130 by Ctrl-C, 143 by SIGTERM, 129 by a closed terminal.
    """
    standard_streams.guard()
    program, *arguments = sys.argv if argv is None else argv
    program = os.path.basename(program)
    program = "python -m mlp_lab" if program == "__main__.py" else program
    try:
        return _run(program, arguments)
    except Interrupted as interruption:
        print(f"{program}: {interruption}", file=sys.stderr)
        return 128 + interruption.signum
    except WorkerLost as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        # Everything is written. At a normal exit TensorFlow would wait for the collective
        # operations that were given up, and whoever restarts the worker would wait for that.
        os._exit(1)
    except RunError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except InputError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return 2


def _run(program: str, arguments: list[str]) -> int:
    named = bool(arguments) and not arguments[0].startswith("-")
    name, rest = (arguments[0], arguments[1:]) if named else (_DEFAULT, arguments)
    command = _command(name)
    for argument in rest:
        if argument in _HELP:
            print(_help(program, command, name if named else None), end="")
            return 0
        if argument == "--version":
            print(f"mlp_lab {__version__}")
            return 0
    # module:Class is also looked for in the current folder, as `python -m` does.
    sys.path.append(working_folder())
    return command.run(flags.parse(rest, command.options))


def _command(name: str) -> commands.Command:
    known = commands.names()
    if name not in known:
        raise InputError(
            "",
            f"no such command {name!r}{near_miss(name, known)}; the commands are "
            f"{', '.join(known)}, and every flag is written --name=value",
        )
    return commands.load(name)


def _help(program: str, command: commands.Command, name: str | None) -> str:
    """The command's usage and flags; without a name the list of commands too."""
    typed = f"python {program}" if program.endswith(".py") else program
    parts = [
        f"usage: {typed} {name or '[COMMAND]'}{_form(command)} [--flagfile=PATH] "
        "[--FLAG=VALUE ...]",
        command.usage.replace("{program}", typed).rstrip(),
    ]
    if name is None:
        rows = {other: commands.load(other).summary for other in commands.names()}
        parts.append(
            f"Commands, each with its own --help; without one, {_DEFAULT}:\n\n{paragraphs(rows)}"
        )
    return "\n\n".join([*parts, help_text(command.options)]) + "\n"


def _form(command: commands.Command) -> str:
    """The arguments without a flag that a command takes, as its usage shows them."""
    field = positional(command.options)
    return "" if field is None else f" {field.metadata['form']}"


if __name__ == "__main__":
    sys.exit(main())
