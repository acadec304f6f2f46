"""The base class of pictures, and the data they are drawn from."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import keras
import numpy as np

from mlp_lab.folders import Folder
from mlp_lab.writers import Writer


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """The state of a model after an epoch, and the images to show it with.

    Attributes:
      model: the built model.
      images: uint8 or float [n, h, w] or [n, d], the model's inputs.
      labels: int [n], the true classes; as they were given to pictures that need no classes;
        float64 [n, targets] for those of numbers.
      outputs: float32 [n, classes], the model's outputs on `images`; of a single output for two
        classes [1 - p, p], or [0, z] of a logit z; for pictures of numbers [n, targets]. Empty for
        pictures that need neither.
      class_names: one per class, or per target of numbers.
      epoch: the number of finished epochs, 0 before training.
      step: the steps made, at which the picture is written.
      writer: writes the picture.
      folder: the writer's folder.
      from_logits: True if it is known that `outputs` are logits.
    """

    model: keras.Model
    images: np.ndarray = dataclasses.field(repr=False)
    labels: np.ndarray = dataclasses.field(repr=False)
    outputs: np.ndarray = dataclasses.field(repr=False)
    class_names: tuple[str, ...]
    epoch: int
    step: int
    writer: Writer
    folder: Folder
    from_logits: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """One name per output; an output without a class name is named by its number."""
        extra = range(len(self.class_names), self.outputs.shape[-1])
        return (*self.class_names, *map(str, extra))

    @property
    def predicted(self) -> np.ndarray:
        """The class with the largest output, int [n]."""
        return self.outputs.argmax(axis=-1)

    @property
    def probabilities(self) -> np.ndarray:
        """The outputs as probabilities, float64 [n, classes].

        Outputs are taken for probabilities if they are not known to be logits, all are between
        0 and 1, and no row is all 0; and otherwise for logits, which go through softmax. A row
        with non-finite outputs becomes 0.
        """
        z = np.asarray(self.outputs, dtype=np.float64)
        z = np.where(np.isfinite(z).all(axis=-1, keepdims=True), z, np.nan)
        rows = z[~np.isnan(z).any(axis=-1)]
        plausible = (rows >= 0).all() and (rows <= 1).all() and (rows.sum(axis=-1) > 0).all()
        if self.from_logits or not plausible:
            z = np.exp(z - z.max(axis=-1, keepdims=True))
            z /= z.sum(axis=-1, keepdims=True)
        return np.nan_to_num(z, nan=0.0)

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width of an image; None if a flat image is not a square."""
        if self.images.ndim == 3:
            return self.images.shape[1], self.images.shape[2]
        if self.images.ndim == 2 and math.isqrt(self.images.shape[1]) ** 2 == self.images.shape[1]:
            return math.isqrt(self.images.shape[1]), math.isqrt(self.images.shape[1])
        return None

    def pixels(self, which: slice | np.ndarray) -> np.ndarray | None:
        """The chosen images, uint8 [chosen, h, w], or None if they cannot be shown.

        Floats are scaled to 0 ... 255: from [0, 1] if all images are within it, otherwise
        from the smallest value of all images to the largest.
        """
        if self.shape is None:
            return None
        chosen = self.images[which].reshape(-1, *self.shape)
        if chosen.dtype == np.uint8:
            return chosen
        low, high = float(self.images.min()), float(self.images.max())
        if low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        span = max(high - low, 1e-12)
        return np.rint((chosen.astype(np.float64) - low) / span * 255).astype(np.uint8)


class Picture:
    """Something to see in TensorBoard: subclass it and implement `draw`.

    Attributes:
      when: `"start"` before training, `"epoch"` after every epoch, `"end"` after training.
      of_classes: whether it needs the images' classes, and outputs with a column for each. A
        picture that does not can be drawn of any model.
      of_numbers: whether it needs numbers as targets, [n, targets], and as many outputs.
    """

    when: ClassVar[str] = "epoch"
    of_classes: ClassVar[bool] = True
    of_numbers: ClassVar[bool] = False

    def draw(self, view: View) -> None:
        """Writes the picture with `view.writer` at `view.step`, or nothing if it cannot."""
        raise NotImplementedError(f"{type(self).__name__}: expected a method draw(self, view)")
