"""One picture file as an array of bytes, by Pillow."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from mlp_lab.data.faults import DataFault
from mlp_lab.data.streams import open_regular

FORMATS = ("PNG", "JPEG", "BMP", "GIF")
MAX_PIXELS = 2**26
"""Largest picture that is decoded: 67 million pixels."""

_GRAY = ("1", "L", "LA", "I", "F")
_ORIENTATION = 0x0112
# What undoes each orientation of the EXIF standard.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNED = (5, 6, 7, 8)


@dataclasses.dataclass(frozen=True)
class Header:
    """What a picture's header says.

    Attributes:
      height, width: in pixels, upright.
      gray: whether it has no colors.
      notes: what is done when it is read, for `pictures` to count.
    """

    height: int
    width: int
    gray: bool
    notes: tuple[str, ...]


def read_header(path: Path) -> Header:
    """Reads a picture's header.

    Raises:
      DataFault: it is no picture, or too large.
    """
    with _opened(path) as image:
        turned = _orientation(image)
        height, width = image.height, image.width
        if turned in _TURNED:
            height, width = width, height
        return Header(height, width, _is_gray(image), tuple(_notes(image, turned)))


def read_picture(path: Path, height: int, width: int, gray: bool) -> np.ndarray:
    """Reads a picture: upright, its first frame, transparent parts on white.

    Args:
      height, width: of the result; a picture of another size is resized (bilinear, averaging
        where it shrinks), without keeping its proportions.
      gray: luma by ITU-R 601-2, Y = 0.299 R + 0.587 G + 0.114 B.

    Returns:
      uint8 [height, width] if gray, else [height, width, 3].

    Raises:
      DataFault: it is no picture, too large, or damaged.
    """
    with _opened(path) as image:
        turned = _orientation(image)
        image.load()
        flat = _on_white(_eight_bits(image))
        if turned in _UPRIGHT:
            flat = flat.transpose(_UPRIGHT[turned])
        flat = flat.convert("L" if gray else "RGB")
        if flat.size != (width, height):
            flat = flat.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(flat)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with open_regular(path) as file, warnings.catch_warnings():
        # Of large pictures, which are refused here, and of odd metadata.
        warnings.simplefilter("ignore")
        try:
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataFault(
                        path,
                        f"claims {image.width:,} x {image.height:,} pixels, more than the limit of "
                        f"{MAX_PIXELS:,}; make it smaller",
                    )
                yield image
        except DataFault:
            raise
        except Image.UnidentifiedImageError:
            raise DataFault(path, _no_picture(file.name, path)) from None
        except Image.DecompressionBombError:
            raise DataFault(path, "claims too many pixels; make it smaller") from None
        except Exception as error:  # Pillow's readers let any error of parsing through
            raise DataFault(
                path, f"is a damaged picture ({str(error) or type(error).__name__})"
            ) from error


def _no_picture(_: object, path: Path) -> str:
    with open_regular(path) as file:
        empty = not file.read(1)
    what = "is empty" if empty else "is not a picture"
    return f"{what}; expected {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; convert or remove it"


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1, upright, if there is none that can be read."""
    if image.format not in ("JPEG", "MPO") and "exif" not in image.info:
        return 1
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged metadata of a picture that is whole
        return 1
    return found if found in range(1, 9) else 1


def _is_gray(image: Image.Image) -> bool:
    if image.mode in ("P", "PA") and image.palette is not None:
        colors = np.frombuffer(image.palette.tobytes(), np.uint8)
        step = len(image.palette.mode)
        if step < 3:
            return True
        colors = colors[: len(colors) // step * step].reshape(-1, step)
        return bool((colors[:, :3] == colors[:, :1]).all())
    return image.mode in _GRAY or image.mode.startswith("I;")


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info


def _notes(image: Image.Image, turned: int) -> Iterator[str]:
    if turned != 1:
        yield "turned upright by EXIF orientation"
    if _has_alpha(image):
        yield "with transparent parts, laid on white"
    if image.mode == "CMYK":
        yield "converted from CMYK"
    if image.mode.startswith("I"):
        yield "of 16 bits reduced to 8 (divided by 257)"
    if getattr(image, "is_animated", False):
        yield "of several frames, of which the first is read"


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.float64)
    return Image.fromarray((values / 257).round().clip(0, 255).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    if not _has_alpha(image):
        return image if image.mode in ("L", "RGB", "1") else image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")
