"""Draws pictures of the model while it trains."""

import os
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab import pictures as all_pictures
from mlp_lab.models import GlassBox
from mlp_lab.pictures.base import Picture, View
from mlp_lab.writers import Writer

# Samples per forward pass: enough to be fast, few enough for the memory of a wide network.
_ROWS = 2048


class Pictures(keras.callbacks.Callback):
    """Draws pictures of the model's outputs for some labeled images, into `log_dir` itself.

    Each picture says whether it is drawn before training, after every `freq`-th epoch or at the
    end. They are the first images, the confusion matrix, confident mistakes, first-layer
    kernels, precision-recall curves, the graph of layers, and the projector's embeddings. Works
    with any Keras model.

    Args:
      log_dir: folder for the event file, next to the `train/` and `validation/` of
        `TensorBoard`; or the open `Writer` of that folder.
      images: [n, height, width] or [n, d], as the model takes them.
      labels: true classes, int [n].
      class_names: one per class; None uses their numbers.
      pictures: what to draw; None for all of `mlp_lab.pictures.standard()`.
      freq: epochs from one drawing to the next; the last epoch is always drawn.

    Raises:
      ValueError: an argument is out of range.
    """

    # It does nothing after batches.
    any_steps_per_execution = True

    def __init__(
        self,
        log_dir: str | os.PathLike | Writer,
        images: np.ndarray,
        labels: np.ndarray,
        class_names: Iterable[str] | None = None,
        pictures: Iterable[Picture] | None = None,
        freq: int = 1,
    ):
        super().__init__()
        if len(images) != len(labels) or not len(images) or np.ndim(labels) != 1:
            raise ValueError(
                f"images and labels: expected one class per image, got shapes "
                f"{np.shape(images)} and {np.shape(labels)}"
            )
        if not isinstance(freq, int) or freq < 1:
            raise ValueError(f"freq: expected a number of epochs, at least 1, got {freq!r}")
        self.writer = log_dir if isinstance(log_dir, Writer) else Writer(os.fspath(log_dir))
        self._images, self._labels = images, np.asarray(labels)
        numbered = map(str, range(int(self._labels.max()) + 1))
        self._class_names = tuple(numbered if class_names is None else class_names)
        self._pictures = list(all_pictures.standard() if pictures is None else pictures)
        self._freq = freq
        self._epoch = self._drawn = 0
        self._began = False
        self._forward: Any = None

    def on_train_begin(self, logs=None):
        self._forward = None  # another fit may have another model
        if not self.model.built:
            self.model(self._images[:1])
        # A resumed training has already drawn its beginning.
        if int(self.model.optimizer.iterations.numpy()) == 0 and not self._began:
            self._draw(("start", "epoch"))
        self._began = True

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch + 1
        if self._epoch % self._freq == 0:
            self._draw(("epoch",))
            self._drawn = self._epoch

    def on_train_end(self, logs=None):
        if self._epoch:
            self._draw(("end",) if self._drawn == self._epoch else ("epoch", "end"))
        self.writer.flush()
        self._began = False

    # For checkpoints.

    def flush(self):
        """Writes what was drawn to the file."""
        self.writer.flush()

    def get_state(self):
        """What a resumed training needs to know: which epoch was drawn last."""
        return {"began": self._began, "epoch": self._epoch, "drawn": self._drawn}

    def set_state(self, state):
        """Restores what `get_state` returned."""
        self._began = state["began"]
        self._epoch, self._drawn = state["epoch"], state["drawn"]

    def _draw(self, whens):
        due = [picture for picture in self._pictures if picture.when in whens]
        # Among several workers, only the chief draws.
        if not due or (isinstance(self.model, GlassBox) and not self.model.replicas.chief):
            return
        view = View(
            model=self.model,
            images=self._images,
            labels=self._labels,
            outputs=self._outputs(),
            class_names=self._class_names,
            epoch=self._epoch,
            step=int(self.model.optimizer.iterations.numpy()),
            writer=self.writer,
            folder=self.writer.folder,
        )
        for picture in due:
            picture.draw(view)
        self.writer.flush()

    def _outputs(self):
        if self._forward is None:
            self._forward = tf.function(
                lambda x: self.model(x, training=False), autograph=False, reduce_retracing=True
            )
        starts = range(0, len(self._images), _ROWS)
        parts = [self._forward(tf.constant(self._images[i : i + _ROWS])) for i in starts]
        return np.concatenate([np.asarray(keras.ops.cast(part, "float32")) for part in parts])
