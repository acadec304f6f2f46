"""`python -m mlp_lab.data convert`: another way to write `mlp-lab convert`."""

import sys
from collections.abc import Sequence

from mlp_lab.__main__ import main as commands


def main(argv: Sequence[str]) -> int:
    """Runs one command line, program name included; the exit status."""
    return commands(["mlp-lab", *argv[1:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
