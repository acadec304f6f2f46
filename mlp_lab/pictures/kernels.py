"""The patterns that the first layer looks for."""

import math

import numpy as np
from keras import ops

from mlp_lab.pictures import draw
from mlp_lab.pictures.base import Picture, View


class Kernels(Picture):
    """The first layer's kernel: the weights of each unit as an image, one weight per pixel.

    A bright pixel raises the unit's output where the image is red, lowers it where the
    image is blue, and has no effect where it is white. Each unit has its own scale, from
    -m to m; the caption gives m, its largest |weight|.

    The kernel is the model's first weight of shape [h * w, units]. Nothing is drawn for a
    model without one.

    Args:
      count: the number of units, taken from the first.
    """

    of_classes = False

    def __init__(self, count: int = 64):
        self.count = count

    def draw(self, view: View) -> None:
        if view.shape is None:
            return
        size = math.prod(view.shape)
        found = [w for w in view.model.weights if len(w.shape) == 2 and w.shape[0] == size]
        if not found:
            return
        kernel = np.asarray(ops.convert_to_numpy(found[0]), dtype=np.float64)[:, : self.count]
        kernel = np.nan_to_num(kernel, posinf=0.0, neginf=0.0)
        largest = np.abs(kernel).max(axis=0)
        colors = draw.diverging(kernel / np.where(largest > 0, largest, 1))
        tiles = [colors[:, i].reshape(*view.shape, 3) for i in range(kernel.shape[1])]
        captions = [[(f"{i}: ±{m:.2g}", draw.GRAY)] for i, m in enumerate(largest)]
        shown, units = len(tiles), found[0].shape[1]
        of = f"{units} units" if shown == units else f"the first {shown} of {units} units"
        title = f"epoch {view.epoch}: {found[0].path} of {of}"
        picture = draw.grid(tiles, captions, 6, title)
        view.writer.images("pictures/kernels", picture, view.step)
