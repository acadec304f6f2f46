"""Layers: what models are put together from, a file for each."""

from mlp_lab.layers.category_embedding import CategoryEmbedding
from mlp_lab.layers.dense import Dense
from mlp_lab.layers.in_units import InUnits
from mlp_lab.layers.is_missing import IsMissing
from mlp_lab.layers.one_hot import OneHot
from mlp_lab.layers.periodic import PeriodicEmbedding
from mlp_lab.layers.piecewise_linear import PiecewiseLinearEmbedding
from mlp_lab.layers.robust_scale import RobustScale
from mlp_lab.layers.scale import Scale
from mlp_lab.layers.table_preprocessing import TablePreprocessing

__all__ = [
    "CategoryEmbedding",
    "Dense",
    "InUnits",
    "IsMissing",
    "OneHot",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "RobustScale",
    "Scale",
    "TablePreprocessing",
]
