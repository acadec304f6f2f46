"""The last hidden layer as a cloud of points."""

from __future__ import annotations

import io
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from PIL import Image
from tensorboard.plugins import projector

from mlp_lab.engine.keras_hooks import forward
from mlp_lab.folders import Folder
from mlp_lab.pictures import calls
from mlp_lab.pictures.base import Picture, View

# TensorBoard loads the sprite as one texture; browsers allow up to this many pixels a side.
_TEXTURE = 8192
_BATCH = 256


class Projector(Picture):
    """The last hidden layer's outputs on the first images, for the Projector dashboard.

    Writes `projector.tsv` (the outputs), `metadata.tsv` (true and predicted class),
    `sprite.png` (the images) and `projector_config.pbtxt` to the writer's folder.

    Args:
      count: the number of images.
    """

    when = "end"

    def __init__(self, count: int = 2000):
        self.count = count

    def draw(self, view: View) -> None:
        hidden = last_hidden(view.model, view.images[: self.count])
        if hidden is None:
            return
        folder = view.folder
        folder.mkdir(parents=True, exist_ok=True)
        # Nine digits represent a float32 exactly. TensorBoard would read the binary form as
        # text if its bytes happened to be valid UTF-8.
        points = io.BytesIO()
        np.savetxt(points, hidden, fmt="%.9g", delimiter="\t")
        (folder / "projector.tsv").write_bytes(points.getvalue())
        self._metadata(view, folder / "metadata.tsv", len(hidden))

        config = projector.ProjectorConfig()
        embedding = config.embeddings.add(
            tensor_name="last_hidden_layer",
            tensor_path="projector.tsv",
            metadata_path="metadata.tsv",
            tensor_shape=hidden.shape,
        )
        tiles = view.pixels(slice(len(hidden)))
        if tiles is not None:
            sheet, size = sprite(tiles)
            image = io.BytesIO()
            sheet.save(image, format="PNG")
            (folder / "sprite.png").write_bytes(image.getvalue())
            embedding.sprite.image_path = "sprite.png"
            embedding.sprite.single_image_dim.extend(size)
        projector.visualize_embeddings(str(folder), config)

    def _metadata(self, view: View, path: Folder, count: int) -> None:
        names = [" ".join(name.split()) for name in view.names]
        rows = zip(view.labels[:count], view.predicted[:count], strict=True)
        lines = ["class\tpredicted", *(f"{names[i]}\t{names[j]}" for i, j in rows)]
        path.write_bytes(("\n".join(lines) + "\n").encode())


def last_hidden(model: keras.Model, images: np.ndarray) -> np.ndarray | None:
    """The inputs of the last layer that has a weight matrix, float32 [n, d].

    The last layer is the one called last. None if there is no such layer, if it does not get one
    row per image, or if it is called inside a `tf.function`, which tensors cannot leave.
    """
    layers = [layer for layer in calls.all_layers(model) if _has_matrix(layer)]
    last: dict[str, Any] = {}

    def watch(layer, call, args, kwargs):
        tensors = keras.tree.flatten((args, kwargs))
        last["inputs"] = next((t for t in tensors if hasattr(t, "shape")), None)
        return call(*args, **kwargs)

    parts = []
    with calls.watched(layers, watch):
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            last.clear()
            forward(model, tf.constant(batch), training=False)
            inputs = last.get("inputs")
            if not isinstance(inputs, tf.Tensor) or tf.is_symbolic_tensor(inputs):
                return None
            if not len(inputs.shape) or inputs.shape[0] != len(batch):
                return None
            rows = ops.convert_to_numpy(ops.cast(inputs, "float32"))
            parts.append(rows.reshape(len(batch), -1))
    return np.concatenate(parts) if parts else None


def _has_matrix(layer: keras.Layer) -> bool:
    own = [v for v in vars(layer).values() if isinstance(v, keras.Variable)]
    return any(len(v.shape) == 2 for v in own)


def sprite(tiles: np.ndarray) -> tuple[Image.Image, tuple[int, int]]:
    """All images in one square sheet, row by row.

    Args:
      tiles: uint8 [n, h, w].

    Returns:
      The sheet, and the width and height of an image in it. These are smaller than w and h
      if the sheet would otherwise be larger than a browser's texture.
    """
    columns = max(1, math.ceil(math.sqrt(len(tiles))))
    height, width = tiles.shape[1:]
    scale = min(1.0, _TEXTURE / columns / max(height, width))
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    sheet = Image.new("L", (columns * size[0], columns * size[1]))
    for i, tile in enumerate(tiles):
        image = Image.fromarray(tile)
        if size != image.size:
            image = image.resize(size, Image.Resampling.BOX)
        sheet.paste(image, (i % columns * size[0], i // columns * size[1]))
    return sheet, size
