"""How objects show themselves: types, shapes and norms, never whole arrays."""

from mlp_lab.display.arrays import Histogram, short_form
from mlp_lab.display.displayed import Displayed
from mlp_lab.display.lines import Row, megabytes, shortened

__all__ = ["Displayed", "Histogram", "Row", "megabytes", "short_form", "shortened"]
