"""Pixels, words and colors: the drawing that the pictures share."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WHITE, BLACK, GRAY = (255, 255, 255), (0, 0, 0), (110, 110, 110)
RED, GREEN = (190, 30, 45), (20, 120, 50)
TEXT, TITLE, PAD = 13, 15, 10  # sizes of letters and space, in pixels

Color = tuple[int, int, int]
# Lines of text below a tile, each in its color.
Caption = Sequence[tuple[str, Color]]


@functools.cache
def font(size: int = TEXT) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow, letters of about `size` pixels."""
    return ImageFont.load_default(size)


def text_width(text: str, size: int = TEXT) -> int:
    """Pixels from the left to the right end of a text."""
    return int(np.ceil(font(size).getlength(text)))


def line_height(size: int = TEXT) -> int:
    """Pixels from one line of text to the next."""
    return round(size * 1.4)


def text_image(text: str, size: int = TEXT) -> Image.Image:
    """A text in black on white, in an image as large as it is."""
    image = Image.new("RGB", (text_width(text, size), line_height(size)), WHITE)
    ImageDraw.Draw(image).text((0, 0), text, fill=BLACK, font=font(size))
    return image


def canvas(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A white image and what draws on it."""
    image = Image.new("RGB", (width, height), WHITE)
    return image, ImageDraw.Draw(image)


def enlarge(tile: np.ndarray, side: int = 84) -> Image.Image:
    """A tile, uint8 [h, w] or [h, w, 3], whole times as large: up to `side` pixels.

    A tile of more than twice that is made smaller, to `side`.
    """
    image = Image.fromarray(tile).convert("RGB")
    longest = max(image.size)
    if longest > 2 * side:
        width, height = (max(1, round(n * side / longest)) for n in image.size)
        return image.resize((width, height), Image.Resampling.BOX)
    factor = max(1, side // longest)
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def grid(
    tiles: Sequence[np.ndarray], captions: Sequence[Caption], columns: int, title: str
) -> np.ndarray:
    """Tiles in rows, with words below each and a title above all; no word is cut.

    Args:
      tiles: uint8 [h, w] or [h, w, 3] each.
      captions: one per tile.
      columns: tiles in a row.
      title: one line.

    Returns:
      uint8 [1, height, width, 3].
    """
    images = [enlarge(tile) for tile in tiles]
    columns = max(1, min(columns, len(images)))
    lines = [text for caption in captions for text, _ in caption]
    width = max([image.width for image in images] + [text_width(text) for text in lines] + [0])
    tall = max((image.height for image in images), default=0)
    below = max((len(caption) for caption in captions), default=0) * line_height()
    top = PAD + line_height(TITLE) + PAD
    rows = -(-len(images) // columns)
    picture, pen = canvas(
        max(PAD + columns * (width + PAD), text_width(title, TITLE) + 2 * PAD),
        top + rows * (tall + 2 + below + PAD),
    )
    pen.text((PAD, PAD), title, fill=BLACK, font=font(TITLE))
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        x = PAD + i % columns * (width + PAD)
        y = top + i // columns * (tall + 2 + below + PAD)
        picture.paste(image, (x + (width - image.width) // 2, y))
        for k, (text, color) in enumerate(caption):
            left = x + (width - text_width(text)) // 2
            pen.text((left, y + tall + 2 + k * line_height()), text, fill=color, font=font())
    return np.asarray(picture)[None]


def diverging(values: np.ndarray) -> np.ndarray:
    """Colors of numbers from -1 (blue) over 0 (white) to 1 (red), uint8 [..., 3]."""
    return _blend(values, [-1.0, -0.5, 0.0, 0.5, 1.0], _DIVERGING)


def sequential(values: np.ndarray) -> np.ndarray:
    """Colors of numbers from 0 (white) to 1 (dark blue), uint8 [..., 3]."""
    return _blend(values, [0.0, 0.5, 1.0], _SEQUENTIAL)


_DIVERGING = ((5, 48, 97), (94, 164, 206), WHITE, (233, 133, 107), (103, 0, 31))
_SEQUENTIAL = (WHITE, (107, 174, 214), (8, 48, 107))


def _blend(values: np.ndarray, at: Sequence[float], colors: Sequence[Color]) -> np.ndarray:
    channels = [np.interp(values, at, [color[k] for color in colors]) for k in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
