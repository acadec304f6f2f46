"""The first images with their class names."""

from mlp_lab.pictures import draw
from mlp_lab.pictures.base import Picture, View


class FirstImages(Picture):
    """The first images with their class names: what the network sees.

    Args:
      count: the number of images.
    """

    when = "start"

    def __init__(self, count: int = 25):
        self.count = count

    def draw(self, view: View) -> None:
        tiles = view.pixels(slice(self.count))
        if tiles is None:
            return
        captions = [[(view.names[label], draw.BLACK)] for label in view.labels[: self.count]]
        picture = draw.grid(list(tiles), captions, 5, f"the first {len(tiles)} images")
        view.writer.images("pictures/first_images", picture, view.step)
