"""Data sets: where they are found, how their files are read, what is known about them.

Start with `load`. Importing this package imports neither Keras nor TensorFlow; a download
imports Keras.
"""

from mlp_lab.data.catalogue import ARRAY_NAMES, DATASETS, DatasetInfo, dataset_names
from mlp_lab.data.dataset import Dataset, Origin
from mlp_lab.data.faults import DataFault
from mlp_lab.data.idx import read_idx
from mlp_lab.data.npz import read_npz
from mlp_lab.data.rows import Rows, open_rows
from mlp_lab.data.shards import Shards, open_shards, write_shards
from mlp_lab.data.sources import SOURCES, load

__all__ = [
    "ARRAY_NAMES",
    "DATASETS",
    "SOURCES",
    "DataFault",
    "Dataset",
    "DatasetInfo",
    "Origin",
    "Rows",
    "Shards",
    "dataset_names",
    "load",
    "open_rows",
    "open_shards",
    "read_idx",
    "read_npz",
    "write_shards",
]
