"""Sources of the user's own that are no tables: arrays in files, IDX, folders of pictures.

    arrays = load("digits.npz")          # None if it is a table
    arrays = split(arrays, test=0.2, seed=0)

Nothing is read silently as something else: what was recognized is in `Arrays.lines`, and what
cannot be read without guessing is an `InputError`.
"""

from mlp_lab.user_data.arrays import Arrays, split
from mlp_lab.user_data.choose import from_arrays, load
from mlp_lab.user_data.facts import Facts
from mlp_lab.user_data.pictures import PictureForm

__all__ = ["Arrays", "Facts", "PictureForm", "from_arrays", "load", "split"]
