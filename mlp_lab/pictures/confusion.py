"""Which classes the model confuses."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from mlp_lab.pictures import draw
from mlp_lab.pictures.base import Picture, View

LARGEST_CELL = 92  # Pixels; few classes do not fill the whole width.
_GAP = 6
_FAINT = (190, 190, 190)


class Confusion(Picture):
    """The confusion matrix: rows are true classes, columns predictions.

    Written as a picture, in which each cell shows its count and is the darker the larger
    its share of the row, and as a table of counts.
    """

    def draw(self, view: View) -> None:
        names = view.names
        counts = confusion_counts(view.labels, view.predicted, len(names))
        right, total = int(np.trace(counts)), int(counts.sum())
        title = f"epoch {view.epoch}: {right:,} of {total:,} right ({right / max(total, 1):.2%})"
        view.writer.images("pictures/confusion", picture(counts, names, title), view.step)
        view.writer.text("confusion/counts", table(counts, names, title), view.step)


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """counts[i, j]: the number of samples of class i predicted as class j, [classes, classes]."""
    cells = np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)


def table(counts: np.ndarray, names: Sequence[str], title: str) -> str:
    """The counts as a Markdown table."""
    escaped = [name.replace("|", "\\|") for name in names]
    lines = [
        title,
        "",
        "| true \\ predicted | " + " | ".join(escaped) + " |",
        "|---|" + "---:|" * len(names),
    ]
    for name, row in zip(escaped, counts, strict=True):
        lines.append(f"| **{name}** | " + " | ".join(map(str, row)) + " |")
    return "\n".join(lines)


def picture(counts: np.ndarray, names: Sequence[str], title: str) -> np.ndarray:
    """The counts as a picture, uint8 [1, height, width, 3]."""
    classes, words = len(names), max(map(draw.text_width, names))
    left = draw.PAD + words + _GAP
    above = draw.line_height() + words + _GAP
    # By the rows' sums, which do not change, so that all epochs have pictures of one size.
    largest = f"{max(counts.sum(axis=1)):,}"
    cell = max(draw.text_width(largest, draw.SMALLEST), draw.line_height(draw.SMALLEST)) + _GAP
    width = draw.whole_width(left + classes * cell + draw.PAD)
    cell = max(cell, min(LARGEST_CELL, (width - left - draw.PAD) // classes))
    size = draw.fitting_size([largest], cell - _GAP)
    side = classes * cell

    image, pen, top = draw.canvas(width, above + side + draw.PAD, title)
    across = draw.text_image("predicted", draw.GRAY)
    image.paste(across, (left + (side - across.width) // 2, top))
    top += above
    pen.text((left - _GAP, top - _GAP), "true", fill=draw.GRAY, font=draw.font(), anchor="rs")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colors = draw.sequential(shares)
    for i, name in enumerate(names):
        middle = i * cell + cell // 2
        place = (left - _GAP, top + middle)
        pen.text(place, name, fill=draw.BLACK, font=draw.font(), anchor="rm")
        heading = draw.text_image(name).transpose(Image.Transpose.ROTATE_90)
        image.paste(heading, (left + middle - heading.width // 2, top - _GAP - heading.height))
        for j in range(classes):
            x, y = left + j * cell, top + i * cell
            color = tuple(int(channel) for channel in colors[i, j])
            pen.rectangle((x, y, x + cell - 3, y + cell - 3), fill=color)
            ink = draw.WHITE if shares[i, j] > 0.5 else draw.BLACK
            ink = ink if counts[i, j] else _FAINT
            center = (x + cell // 2 - 1, y + cell // 2 - 1)
            pen.text(center, f"{counts[i, j]:,}", fill=ink, font=draw.font(size), anchor="mm")
    return np.asarray(image)[None]
