"""Tables: reading them, recognizing what each column holds, numbers for a model.

    table = read("people.csv")
    target = find_target(table, "income")
    parts = split(len(table), test=0.2, seed=0)
    schema = Schema.of(table.take(parts.train), outside=target.names)
    x = schema.encode(table).x

Nothing is read silently as something else: what is recognized is in `lines` of each of these,
and what cannot be read without guessing is an `InputError` with the column and the line.
"""

from mlp_lab.tables.form import Form
from mlp_lab.tables.leaks import check_leaks
from mlp_lab.tables.overrules import parse_columns
from mlp_lab.tables.plan import Input, Strange
from mlp_lab.tables.reading import read
from mlp_lab.tables.schema import Encoded, Schema
from mlp_lab.tables.splitting import Split, split, split_by_group, split_by_time
from mlp_lab.tables.table import Column, Table
from mlp_lab.tables.target import Target, TargetColumn, find_target
from mlp_lab.tables.target_form import TargetForm, Targets

__all__ = [
    "Column",
    "Encoded",
    "Form",
    "Input",
    "Schema",
    "Split",
    "Strange",
    "Table",
    "Target",
    "TargetColumn",
    "TargetForm",
    "Targets",
    "check_leaks",
    "find_target",
    "parse_columns",
    "read",
    "split",
    "split_by_group",
    "split_by_time",
]
