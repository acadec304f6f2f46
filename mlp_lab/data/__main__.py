"""`python -m mlp_lab.data convert`: writes a data set as shards."""

import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from absl import flags

from mlp_lab.data.catalogue import DATASETS
from mlp_lab.data.convert import convert
from mlp_lab.data.faults import DataFault
from mlp_lab.data.shards import ROWS_PER_SHARD
from mlp_lab.errors import near_miss
from mlp_lab.quiet import quiet_import

_NAME = "python -m mlp_lab.data"
_USAGE = f"""\
usage: {_NAME} convert --from=PATH --to=FOLDER [--FLAG=VALUE ...]

Writes a data set as TFRecord shards, which `train.py --data_dir=FOLDER` streams where they
are larger than --data_memory_mb.

  {_NAME} convert --from=FOLDER_WITH_IDX_FILES --to=shards
  {_NAME} convert --from=mnist.npz --dataset=mnist --to=shards
  {_NAME} convert --from=mnist_train.csv --test=mnist_test.csv --to=shards
"""


# What follows a flag's name in its help.
_HELP = {
    "from": "=PATH: folder with the data set's IDX files (plain or .gz), npy files or Keras' npz; "
    "the npz; or the training images as .csv, a line each: label, pixels, from 0 to 255",
    "test": "=PATH: the test images, if --from is a .csv",
    "to": "=FOLDER: is written, all of it or none",
    "dataset": f"=NAME: which data set it is, {' or '.join(DATASETS)} (default: fashion_mnist)",
    "rows_per_shard": f"=N: images in a file, at least 1 (default: {ROWS_PER_SHARD})",
    "overwrite": ": replace a folder of shards instead of refusing",
}


def _flags() -> flags.FlagValues:
    values = flags.FlagValues()
    for name in ("from", "test", "to"):
        flags.DEFINE_string(name, "", _HELP[name], flag_values=values)
    names = [*DATASETS]
    flags.DEFINE_enum("dataset", "fashion_mnist", names, _HELP["dataset"], flag_values=values)
    rows, least = "rows_per_shard", 1
    flags.DEFINE_integer(rows, ROWS_PER_SHARD, _HELP[rows], least, flag_values=values)
    flags.DEFINE_boolean("overwrite", False, _HELP["overwrite"], flag_values=values)
    return values


def main(argv: Sequence[str]) -> int:
    """Runs one command line; the exit status: 0, or 2 for what cannot be used."""
    if any(argument in ("--help", "-h", "-help") for argument in argv[1:]):
        print(_USAGE)
        for name, text in _HELP.items():
            print(
                textwrap.fill(f"--{name}{text}", 92, initial_indent="  ", subsequent_indent=" " * 6)
            )
        return 0
    values = _flags()
    try:
        rest = values(["convert", *argv[1:]])[1:]
        chosen: dict[str, Any] = {name: values[name].value for name in _HELP}
        source, target, test = chosen["from"], chosen["to"], chosen["test"]
        if rest != ["convert"]:
            return _refuse(f"expected the command convert, got {' '.join(rest) or 'none'}")
        for name in ("from", "to"):
            if not chosen[name]:
                return _refuse(f"--{name}: is needed; --help shows how")
        if source.lower().endswith(".csv") != bool(test):
            return _refuse("--test: the test images as .csv go with --from=TRAINING.csv, only")
        with quiet_import():
            import tensorflow  # noqa: F401
        rows = convert(
            source,
            target,
            DATASETS[chosen["dataset"]],
            test or None,
            chosen["rows_per_shard"],
            chosen["overwrite"],
        )
    except flags.UnrecognizedFlagError as error:
        return _refuse(f"--{error.flagname}: no such flag{near_miss(error.flagname, _HELP)}")
    except (flags.Error, DataFault) as error:
        return _refuse(" ".join(str(error).split()))
    except KeyboardInterrupt:
        print(f"{_NAME}: interrupted; nothing was written", file=sys.stderr)
        return 130
    print(f"{target}: {rows['train']:,} training and {rows['test']:,} test images")
    return 0


def _refuse(problem: str) -> int:
    print(f"{_NAME}: error: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
