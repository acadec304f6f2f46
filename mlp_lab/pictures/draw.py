"""Text, tiles and colors: the drawing that the pictures share."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mlp_lab.errors import RunError

WHITE, BLACK, GRAY = (255, 255, 255), (0, 0, 0), (110, 110, 110)
RED, GREEN = (190, 30, 45), (20, 120, 50)

# TensorBoard's Images dashboard scales every picture to 350 pixels of the page and takes the
# nearest pixel of the picture, which mangles letters unless the ratio is a whole number. Two
# pixels for each one are exact on a screen with two device pixels per pixel of the page.
WIDTH = 2 * 350
# Sizes in pixels; on the page half of that.
TEXT, SMALLEST, TITLE, PAD, TILE = 22, 16, 24, 12, 112

Color = tuple[int, int, int]
# Lines of text below a tile, each in its color.
Caption = Sequence[tuple[str, Color]]


@functools.cache
def font(size: int = TEXT) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The scalable font that comes with Pillow, with letters of about `size` pixels.

    Raises:
      RunError: this Pillow was built without FreeType.
    """
    try:
        return ImageFont.load_default(size)
    except ImportError as error:
        raise RunError(
            "pictures: expected a Pillow with FreeType, got one that was built without it; "
            "install a wheel of pillow, or turn pictures off with --pictures_every=0"
        ) from error


def text_width(text: str, size: int = TEXT) -> int:
    """Pixels from the left end of a text to its right end."""
    return int(np.ceil(font(size).getlength(text)))


def line_height(size: int = TEXT) -> int:
    """Pixels from one line of text to the next."""
    return round(size * 1.3)


def fitting_size(texts: Iterable[str], width: int) -> int:
    """The largest size, from `SMALLEST` to `TEXT`, at which no text is wider than `width`.

    `SMALLEST` if none is.
    """
    texts = set(texts)
    for size in range(TEXT, SMALLEST, -1):
        if all(text_width(text, size) <= width for text in texts):
            return size
    return SMALLEST


def whole_width(width: int) -> int:
    """The smallest multiple of `WIDTH` that is not less than `width`."""
    return max(1, math.ceil(width / WIDTH)) * WIDTH


def wrapped(text: str, width: int, size: int = TITLE) -> list[str]:
    """A text in lines of at most `width` pixels; only a longer word makes a longer line."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def text_image(text: str, color: Color = BLACK, size: int = TEXT) -> Image.Image:
    """A text on white, in an image of the text's size."""
    image = Image.new("RGB", (text_width(text, size), line_height(size)), WHITE)
    ImageDraw.Draw(image).text((0, 0), text, fill=color, font=font(size))
    return image


def canvas(width: int, height: int, title: str) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """A white image with a title.

    Args:
      width: at least this many pixels; the image is a multiple of `WIDTH` wide.
      height: pixels below the title.
      title: split into lines where it is too long for one.

    Returns:
      The image, its pen, and the row at which the space below the title starts.
    """
    width = whole_width(width)
    lines = wrapped(title, width - 2 * PAD)
    width = whole_width(max([width, *(text_width(line, TITLE) + 2 * PAD for line in lines)]))
    top = PAD + len(lines) * line_height(TITLE) + PAD
    image = Image.new("RGB", (width, top + height), WHITE)
    pen = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        pen.text((PAD, PAD + i * line_height(TITLE)), line, fill=BLACK, font=font(TITLE))
    return image, pen, top


def enlarge(tile: np.ndarray, side: int = TILE) -> Image.Image:
    """A tile, uint8 [h, w] or [h, w, 3], enlarged by a whole factor to at most `side` pixels.

    A tile of more than twice that is reduced to `side`.
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
    """Tiles in rows, with a caption below each and a title above all; no word is cut.

    Captions too wide for their columns are set in smaller letters, down to `SMALLEST`;
    where that is not enough, the picture becomes wider.

    Args:
      tiles: uint8 [h, w] or [h, w, 3] each.
      captions: one per tile.
      columns: tiles in a row.
      title: split into lines where it is too long for one.

    Returns:
      uint8 [1, height, width, 3].
    """
    images = [enlarge(tile) for tile in tiles]
    gap = 4
    lines = [text for caption in captions for text, _ in caption]
    widths = [image.width for image in images] + [text_width(text, SMALLEST) for text in lines]
    width = whole_width(columns * (max(widths, default=0) + gap))
    size = fitting_size(lines, width // columns - gap)
    tall = max((image.height for image in images), default=0) + gap
    below = max((len(caption) for caption in captions), default=0) * line_height(size)
    rows = -(-len(images) // columns)
    height = rows * (tall + below + PAD)
    picture, pen, top = canvas(width, height, title)
    column = picture.width // columns
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        middle = i % columns * column + column // 2
        y = top + i // columns * (tall + below + PAD)
        picture.paste(image, (middle - image.width // 2, y))
        for k, (text, color) in enumerate(caption):
            place = (middle - text_width(text, size) // 2, y + tall + k * line_height(size))
            pen.text(place, text, fill=color, font=font(size))
    return np.asarray(picture)[None]


def diverging(values: np.ndarray) -> np.ndarray:
    """Colors for numbers from -1 (blue) through 0 (white) to 1 (red), uint8 [..., 3]."""
    return _blend(values, [-1.0, -0.5, 0.0, 0.5, 1.0], _DIVERGING)


def sequential(values: np.ndarray) -> np.ndarray:
    """Colors for numbers from 0 (white) to 1 (dark blue), uint8 [..., 3]."""
    return _blend(values, [0.0, 0.5, 1.0], _SEQUENTIAL)


_DIVERGING = ((5, 48, 97), (94, 164, 206), WHITE, (233, 133, 107), (103, 0, 31))
_SEQUENTIAL = (WHITE, (107, 174, 214), (8, 48, 107))


def _blend(values: np.ndarray, at: Sequence[float], colors: Sequence[Color]) -> np.ndarray:
    channels = [np.interp(values, at, [color[k] for color in colors]) for k in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
