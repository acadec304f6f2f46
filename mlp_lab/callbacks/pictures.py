"""Draws pictures of the model while it trains."""

import contextlib
import copy
import functools
import os
import warnings
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlp_lab import pictures as all_pictures
from mlp_lab.callbacks.copies import FreshCopies
from mlp_lab.engine.keras_hooks import forward, optimizers_of
from mlp_lab.engine.progress import steps_made, steps_of
from mlp_lab.folders import folder
from mlp_lab.models import GlassBox
from mlp_lab.pictures.base import Picture, View
from mlp_lab.pictures.classes import (
    chosen_output,
    class_numbers,
    class_outputs,
    output_names,
    says_logits,
)
from mlp_lab.writers import Writer

# Samples per forward pass: enough to be fast, few enough for the memory of a wide network.
_ROWS = 2048
# Images on which the outputs are tried before training.
_TRIED = 32


class Pictures(FreshCopies):
    """Draws pictures of the model's outputs for some labeled images, into `log_dir` itself.

    Each picture says whether it is drawn before training, after every `freq`-th epoch or at the
    end. They are the first images, the confusion matrix, confident mistakes, first-layer
    kernels, precision-recall curves, the graph of layers, and the projector's embeddings. Works
    with any Keras model that classifies; of other models, with the pictures that need no classes.

    Args:
      log_dir: folder for the event file, next to the `train/` and `validation/` of
        `TensorBoard`, local or of another file system such as `gs://bucket/run`; or the open
        `Writer` of that folder.
      images: [n, height, width] or [n, d], as the model takes them.
      labels: true classes: whole numbers [n] or [n, 1], one-hot rows, or names. For pictures of
        numbers the targets, [n] or [n, targets].
      class_names: one per class, or per target of numbers; None uses their numbers.
      pictures: what to draw; None for all of `mlp_lab.pictures.standard()`.
      freq: epochs from one drawing to the next; the last epoch is always drawn.
      output: number or name of the output with the classes, of a model with several. It has a
        column for each class, or is the probability of class 1.
      from_logits: whether that output is logits; None if the compiled loss knows.

    Raises:
      ValueError: an argument is out of range; or, when `fit` starts, the model's outputs are not
        those of classes.
    """

    # It does nothing after batches.
    any_steps_per_execution = True
    of_a_fit = ("_epoch", "_drawn", "_began", "_forward")

    def __init__(
        self,
        log_dir: str | os.PathLike | Writer,
        images: Any,
        labels: Any,
        class_names: Iterable[str] | None = None,
        pictures: Iterable[Picture] | None = None,
        freq: int = 1,
        output: int | str | None = None,
        from_logits: bool | None = None,
    ):
        super().__init__()
        self._images, self._given = _array("images", images), np.asarray(labels)
        shapes = self._images.shape, self._given.shape
        if not shapes[0][:1] == shapes[1][:1] or not shapes[0][0]:
            raise ValueError(
                f"images and labels: expected one class per image, got shapes "
                f"{shapes[0]} and {shapes[1]}"
            )
        if not isinstance(freq, int) or freq < 1:
            raise ValueError(f"freq: expected a number of epochs, at least 1, got {freq!r}")
        self.writer = log_dir if isinstance(log_dir, Writer) else Writer(folder(log_dir, "log_dir"))
        self._pictures = list(all_pictures.standard() if pictures is None else pictures)
        self._class_names = () if class_names is None else tuple(map(str, class_names))
        self._labels = np.zeros(0, np.int64)
        if any(picture.of_classes for picture in self._pictures):
            self._labels = class_numbers(self._given, self._class_names or None)
            if class_names is None:
                self._class_names = tuple(map(str, range(int(self._labels.max()) + 1)))
        elif class_names is None and any(picture.of_numbers for picture in self._pictures):
            self._class_names = tuple(map(str, range(self._given[:1].size)))
        self._freq = freq
        self._output, self._from_logits = output, from_logits
        self._reset()

    def _reset(self) -> None:
        self._epoch = self._drawn = 0
        self._began = False
        self._forward: Any = None

    def __getstate__(self) -> dict[str, Any]:
        # Also a shallow copy has its own file.
        return {**super().__getstate__(), "writer": copy.copy(self.writer)}

    def on_train_begin(self, logs=None):
        self._forward = None  # another fit may have another model
        if not self.model.built:
            forward(self.model, tf.constant(self._images[:1]), training=False)
        # A resumed training has already drawn its beginning.
        if self._step() == 0 and not self._began:
            self._draw(("start", "epoch"))
        elif self._draws() and any(picture.of_classes for picture in self._pictures):
            self._outputs(_TRIED)
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

    @property
    def owner(self) -> str:
        """The end of the names of its event files."""
        return self.writer.owner

    def get_state(self):
        """What a resumed training needs to know: which epoch was drawn last, and the owner."""
        state = {"began": self._began, "epoch": self._epoch, "drawn": self._drawn}
        return {**state, "owner": self.owner}

    def set_state(self, state):
        """Restores what `get_state` returned."""
        self._began, self.writer.owner = state["began"], state["owner"]
        self._epoch, self._drawn = state["epoch"], state["drawn"]

    def _draws(self) -> bool:
        """Whether this process does: among several workers, only the chief."""
        return not isinstance(self.model, GlassBox) or self.model.replicas.chief

    def _step(self) -> int:
        """The steps made; without anything that counts them, the epochs."""
        plain = (steps_of(optimizer) for optimizer in optimizers_of(self.model))
        return steps_made(self.model) or max(plain, default=0) or self._epoch

    def _draw(self, whens):
        due = [picture for picture in self._pictures if picture.when in whens]
        if not due or not self._draws():
            return
        views = {"": self._view(self._given, np.zeros((len(self._images), 0), "float32"), False)}
        if any(picture.of_numbers for picture in due):
            views["numbers"] = self._view(*self._numbers(), False)
        if any(picture.of_classes for picture in due):
            try:
                views["classes"] = self._view(self._labels, *self._outputs())
            except ValueError as error:
                if not self._began:
                    raise
                # Training does not end for it, where the outputs were those of classes before.
                warnings.warn(f"pictures are not drawn: {error}", stacklevel=2)
        for picture in due:
            if _needs(picture) in views:
                picture.draw(views[_needs(picture)])
        self.writer.flush()

    def _view(self, labels, outputs, logits) -> View:
        return View(
            model=self.model,
            images=self._images,
            labels=labels,
            outputs=outputs,
            class_names=self._class_names,
            epoch=self._epoch,
            step=self._step(),
            writer=self.writer,
            folder=self.writer.folder,
            from_logits=logits,
        )

    def _outputs(self, count: int | None = None) -> tuple[np.ndarray, bool]:
        """The outputs for some of the images, a column for each class; whether they are logits.

        Raises:
          ValueError: they are not those of classes.
        """
        found, logits = self._raw_outputs(count)
        classes, features = len(self._class_names), self._images.shape[1:]
        return class_outputs(found, self._labels, classes, logits, features), logits

    def _numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """Targets and outputs, a column for each target."""
        targets = self._given.astype(np.float64).reshape(len(self._given), -1)
        outputs = self._raw_outputs()[0].reshape(len(targets), -1)
        if outputs.shape != targets.shape:
            raise ValueError(
                f"outputs: expected one for each target, {list(targets.shape)}, got "
                f"{list(outputs.shape)}; choose pictures that need no numbers"
            )
        return targets, outputs

    def _raw_outputs(self, count: int | None = None) -> tuple[np.ndarray, bool]:
        """The outputs for some of the images as they are, and whether they are logits."""
        if self._forward is None:
            self._forward = functools.partial(forward, self.model, training=False)
            if not getattr(self.model, "run_eagerly", False):
                self._forward = tf.function(self._forward, autograph=False, reduce_retracing=True)
        images = self._images[:count]
        parts, logits = [], self._from_logits
        for start in range(0, len(images), _ROWS):
            outputs = self._forward(tf.constant(images[start : start + _ROWS]))
            part = chosen_output(self.model, outputs, self._output)
            if logits is None:
                number = [leaf is part for leaf in keras.tree.flatten(outputs)].index(True)
                name = output_names(self.model, outputs)[number]
                logits = says_logits(getattr(self.model, "loss", None), name, number)
            parts.append(_array("outputs", keras.ops.cast(part, "float32")))
        return np.concatenate(parts), bool(logits)


def _needs(picture: Picture) -> str:
    """Which view a picture is drawn from."""
    return "classes" if picture.of_classes else "numbers" if picture.of_numbers else ""


def _array(name: str, value: Any) -> np.ndarray:
    """One dense array.

    Raises:
      ValueError: it is something else, such as the inputs of a model with several.
    """
    if isinstance(value, np.ndarray):
        return value
    found = None
    if not isinstance(value, dict | tf.SparseTensor | tf.RaggedTensor):
        with contextlib.suppress(ValueError):  # arrays of several shapes
            found = np.asarray(value)
    if found is None or not found.ndim or (isinstance(value, list | tuple) and found.dtype == "O"):
        raise ValueError(
            f"{name}: expected one array [n, ...], got {type(value).__name__}; pictures are drawn "
            "of models with one dense input and output"
        )
    return found
