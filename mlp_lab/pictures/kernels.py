"""What the first layer looks for."""

import math

import numpy as np
from keras import ops

from mlp_lab.pictures import draw
from mlp_lab.pictures.base import Picture, View


class Kernels(Picture):
    """The first layer's kernel: each unit's weights, one per pixel, as an image.

    Red where light pixels raise the unit, blue where they lower it, white where they
    do not matter. Each unit has its own scale, from -m to m with m its largest
    |weight|, which stands below it.

    The kernel is the model's first weight of shape [h * w, units]; a model without one
    has no such picture.

    Args:
      count: how many units, the first ones.
    """

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
        picture = draw.grid(tiles, captions, 8, title)
        view.writer.images("pictures/kernels", picture, view.step)
