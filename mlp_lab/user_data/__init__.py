"""The user's own data, ready to learn from: tables, arrays, pictures."""

from mlp_lab.user_data.columns import inputs_of, is_own
from mlp_lab.user_data.load import load
from mlp_lab.user_data.table import TableDataset, load_table
from mlp_lab.user_data.wanted import Wanted, stem_of

__all__ = [
    "TableDataset",
    "Wanted",
    "inputs_of",
    "is_own",
    "load",
    "load_table",
    "stem_of",
]
