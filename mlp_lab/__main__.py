"""The command line: reads the flags, builds the config, runs it."""

import os
import sys
from collections.abc import Sequence

from mlp_lab import __version__
from mlp_lab.errors import InputError, Interrupted, RunError, WorkerLost
from mlp_lab.options import flags
from mlp_lab.quiet import quiet_import


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
      argv: program name and arguments; by default those of this process.

    Returns:
      The exit status: 0; 1 for a run that diverged or could not go on; 2 for input that
      cannot be used, which one line on standard error explains; 130 for a run interrupted
      by Ctrl-C, 143 by SIGTERM.
    """
    program, *arguments = sys.argv if argv is None else argv
    program = os.path.basename(program)
    program = "python -m mlp_lab" if program == "__main__.py" else program
    for argument in arguments:
        if argument in ("--help", "-h", "-help", "--helpshort", "--helpfull"):
            print(flags.help_text(program), end="")
            return 0
        if argument == "--version":
            print(f"mlp_lab {__version__}")
            return 0
    # module:Class is looked for in the current folder too, as `python -m` does.
    sys.path.append(os.getcwd())
    try:
        config = flags.parse(arguments)
        # Imported late: --help and mistyped flags must not wait for TensorFlow.
        with quiet_import():
            from mlp_lab.training.run import run
        return 0 if run(config).finished else 1
    except Interrupted as interruption:
        print(f"{program}: {interruption}", file=sys.stderr)
        return 128 + interruption.signum
    except WorkerLost as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        # All is written. TensorFlow would wait, as it is taken down, for the collective
        # operations that were given up, and whoever is to start the worker again for the end.
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


if __name__ == "__main__":
    sys.exit(main())
