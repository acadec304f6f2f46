"""Options: which data a model learns from."""

import dataclasses
from typing import ClassVar

from mlp_lab.data import sources
from mlp_lab.data.catalogue import DATASETS
from mlp_lab.data.rows import MEMORY_MB
from mlp_lab.options.checks import choice, number, text, whole
from mlp_lab.options.option import Options, option


@dataclasses.dataclass(frozen=True)
class DataOptions(Options):
    """The data set, where it comes from, and what is held out of it."""

    title: ClassVar[str] = "Data"

    dataset: str = option(
        "fashion_mnist", "data set to learn: " + " or ".join(DATASETS), choice([*DATASETS])
    )
    data_source: str = option(
        "auto",
        "where the data set comes from: "
        + ", ".join(sources.SOURCES)
        + "; auto tries --data_dir if it is "
        "given, otherwise the others in this order",
        choice(sources.SOURCES),
        of_result=False,
    )
    data_dir: str | None = option(
        None,
        "folder with the data set's IDX files (plain or .gz), npy files (x_train.npy, ...), Keras' "
        "npz file or shards (made by the command convert); or the npz file itself",
        text,
        "PATH",
        of_result=False,
    )
    data_memory_mb: int = option(
        MEMORY_MB,
        "shards, IDX and npy files in --data_dir that are larger than this many MB (10^6 bytes) "
        "together are streamed: at most this much of them is held at once, half of it in the "
        "buffer in which rows are shuffled",
        whole(1),
        "N",
    )
    validation_split: float | None = option(
        None,
        "share of the training samples that is held out of training and tested after every epoch, "
        "for choosing among settings; the test set is then read once, at the end. Of --dataset "
        "the last samples, of --data those that a hash chooses (default: 0, and 0.2 for --data)",
        number("a share in [0, 1)", lambda x: 0 <= x < 1),
        "SHARE",
    )

    def check_together(self) -> None:
        """Refuses a folder for a source that does not read it, or none where it is needed."""
        super().check_together()
        sources.check_together(self.data_source, self.data_dir)
