"""The mistakes that the model is most confident of."""

import numpy as np

from mlp_lab.pictures import draw
from mlp_lab.pictures.base import Picture, View


class Mistakes(Picture):
    """The images whose wrong predictions have the highest probabilities, highest first.

    The caption gives the true class and, in red, the predicted class and its probability.
    Often it is the label that is wrong.

    Args:
      count: the number of images.
    """

    def __init__(self, count: int = 25):
        self.count = count

    def draw(self, view: View) -> None:
        chosen = self.choose(view)
        tiles = view.pixels(chosen)
        if tiles is None:
            return
        names, predicted, probabilities = view.names, view.predicted, view.probabilities
        captions = [
            [
                (names[view.labels[i]], draw.BLACK),
                (f"{names[predicted[i]]}?", draw.RED),
                (f"{probabilities[i, predicted[i]]:.1%}", draw.RED),
            ]
            for i in chosen
        ]
        title = f"epoch {view.epoch}: the most confident mistakes"
        if not len(chosen):
            title = f"epoch {view.epoch}: no mistakes in {len(view.labels):,} images"
        picture = draw.grid(list(tiles), captions, 5, title)
        view.writer.images("pictures/mistakes", picture, view.step)

    def choose(self, view: View) -> np.ndarray:
        """Indices of the images to show, int [at most count]; ties stay in order."""
        predicted = view.predicted
        wrong = np.flatnonzero(predicted != view.labels)
        confidence = view.probabilities[wrong, predicted[wrong]]
        return wrong[np.argsort(-confidence, kind="stable")[: self.count]]
