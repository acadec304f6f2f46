"""Which classes are taken for which."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from mlp_lab.pictures import draw
from mlp_lab.pictures.base import Picture, View


class Confusion(Picture):
    """The confusion matrix: rows are true classes, columns predictions.

    A picture, each cell with its count and as dark as its share of the row, and the
    counts as a table.
    """

    def draw(self, view: View) -> None:
        names = view.names
        counts = confusion_counts(view.labels, view.predicted, len(names))
        right, total = int(np.trace(counts)), int(counts.sum())
        title = f"epoch {view.epoch}: {right:,} of {total:,} right ({right / max(total, 1):.2%})"
        view.writer.images("pictures/confusion", picture(counts, names, title), view.step)
        view.writer.text("confusion/counts", table(counts, names, title), view.step)


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """counts[i, j]: how many samples of class i were predicted as class j, int [classes] * 2."""
    cells = np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)


def table(counts: np.ndarray, names: Sequence[str], title: str) -> str:
    """The counts as a table in Markdown."""
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
    classes = len(names)
    numbers = [[f"{count:,}" for count in row] for row in counts]
    cell = max(draw.text_width(text) for row in numbers for text in row) + 12
    cell = max(cell, draw.line_height() + 12)
    words = max(map(draw.text_width, names))
    left = draw.PAD + draw.line_height() + draw.PAD + words + draw.PAD
    top = draw.PAD + draw.line_height(draw.TITLE) + draw.PAD + draw.line_height() + words + draw.PAD
    side = classes * cell
    width = max(left + side, draw.PAD + draw.text_width(title, draw.TITLE)) + draw.PAD
    image, pen = draw.canvas(width, top + side + draw.PAD)

    pen.text((draw.PAD, draw.PAD), title, fill=draw.BLACK, font=draw.font(draw.TITLE))
    across = draw.text_image("predicted")
    under_title = 2 * draw.PAD + draw.line_height(draw.TITLE) - 4
    image.paste(across, (left + (side - across.width) // 2, under_title))
    down = draw.text_image("true").transpose(Image.Transpose.ROTATE_90)
    image.paste(down, (draw.PAD, top + (side - down.height) // 2))

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colors = draw.sequential(shares)
    for i, name in enumerate(names):
        middle = i * cell + cell // 2
        place = (left - 6 - draw.text_width(name), top + middle)
        pen.text(place, name, fill=draw.BLACK, font=draw.font(), anchor="lm")
        heading = draw.text_image(name).transpose(Image.Transpose.ROTATE_90)
        place = (left + middle - heading.width // 2, top - 6 - heading.height)
        image.paste(heading, place)
        for j in range(classes):
            x, y = left + j * cell, top + i * cell
            color = tuple(int(channel) for channel in colors[i, j])
            pen.rectangle((x, y, x + cell - 2, y + cell - 2), fill=color)
            ink = draw.WHITE if shares[i, j] > 0.5 else draw.BLACK
            ink = ink if counts[i, j] else (200, 200, 200)
            center = (x + cell // 2, y + cell // 2)
            pen.text(center, numbers[i][j], fill=ink, font=draw.font(), anchor="mm")
    return np.asarray(image)[None]
