"""`mlp-lab convert`: writes a data set as shards."""

import dataclasses
import signal
from typing import ClassVar

from mlp_lab.commands.command import Command
from mlp_lab.data.catalogue import DATASETS
from mlp_lab.data.faults import DataFault
from mlp_lab.data.shards import ROWS_PER_SHARD
from mlp_lab.errors import InputError, Interrupted
from mlp_lab.options.checks import boolean, choice, text, whole
from mlp_lab.options.option import Options, option
from mlp_lab.quiet import quiet_import

_USAGE = """\
Writes a data set as TFRecord shards, which `train --data_dir=FOLDER` streams if they
are larger than --data_memory_mb.

  {program} convert --from=FOLDER_WITH_IDX_FILES --to=shards
  {program} convert --from=mnist.npz --dataset=mnist --to=shards
  {program} convert --from=mnist_train.csv --test=mnist_test.csv --to=shards
"""


@dataclasses.dataclass(frozen=True)
class ConvertOptions(Options):
    """Which files become shards, and where."""

    title: ClassVar[str] = "Files"

    from_: str | None = option(
        None,
        "folder with the data set's IDX files (plain or .gz), npy files or Keras' npz; the npz "
        "itself; or the training images as .csv, a line each: label, then pixels from 0 to 255",
        text,
        "PATH",
    )
    test: str | None = option(None, "the test images, if --from is a .csv", text, "PATH")
    to: str | None = option(None, "folder to write, completely or not at all", text, "FOLDER")
    dataset: str = option(
        "fashion_mnist", "which data set it is: " + " or ".join(DATASETS), choice([*DATASETS])
    )
    rows_per_shard: int = option(ROWS_PER_SHARD, "images in a file, at least 1", whole(1), "N")
    overwrite: bool = option(False, "replace a folder of shards instead of refusing", boolean)

    def check_together(self) -> None:
        """Refuses a call that does not say what to read and where to write."""
        super().check_together()
        for name, value in {"from": self.from_, "to": self.to}.items():
            if value is None:
                raise InputError(name, "is needed; --help shows how")
        if str(self.from_).lower().endswith(".csv") != (self.test is not None):
            raise InputError(
                "test", "the test images as .csv go together with --from=TRAINING.csv, and only so"
            )


def _run(options: ConvertOptions) -> int:
    try:
        with quiet_import():
            from mlp_lab.data.convert import convert
        rows = convert(
            str(options.from_),
            str(options.to),
            DATASETS[options.dataset],
            options.test,
            options.rows_per_shard,
            options.overwrite,
        )
    except DataFault as fault:
        raise InputError("", str(fault)) from fault
    except KeyboardInterrupt:
        raise Interrupted(signal.SIGINT, "interrupted; nothing was written") from None
    print(f"{options.to}: {rows['train']:,} training and {rows['test']:,} test images")
    return 0


COMMAND = Command("writes a data set as shards, to be streamed", _USAGE, ConvertOptions, _run)
