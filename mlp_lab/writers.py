"""Event files, with the data that each of TensorBoard's dashboards expects."""

from __future__ import annotations

import errno
import io
import itertools
import math
import os
import secrets
import socket
import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.pr_curve import metadata as pr_curve_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.util.tensor_util import make_tensor_proto

from mlp_lab import folders
from mlp_lab.precision_recall import pr_curve

# Integers up to this size are exact in float64, which the HParams dashboard uses.
_EXACT = 2**53

# Precedes the bytes of an event's summary: the field's number, and that a length follows.
_SUMMARY_FIELD = bytes([Event.SUMMARY_FIELD_NUMBER << 3 | 2])

_FILES = itertools.count()


def new_owner() -> str:
    """The name of an owner of event files that no other has; no seed is used up."""
    return secrets.token_hex(8)


class Writer:
    """The event file of one folder.

    TensorBoard follows only the newest file of a folder, so everything for a folder goes through
    one writer. The first write creates the file; the first one after `close`, or of a copy of
    the writer, starts a new file.

    An event file is a TFRecord file of `Event` messages, and is written as one instead of with
    `tf.summary`: that runs an operation per record, which takes longer than the writing itself,
    and only logs errors in its queue (a full disk), which are raised here.

    Args:
      folder: created by the first write; local, or `gs://...` and the like.
      owner: the end of the file's name, by which a training that is resumed knows its own files;
        by default drawn at random.

    Raises:
      ValueError: TensorFlow has no such file system.
    """

    def __init__(self, folder: str | os.PathLike[str], owner: str | None = None):
        self.folder = folders.folder(folder)
        self.owner = owner or new_owner()
        self._file: tf.io.TFRecordWriter | None = None
        self._path: folders.Folder | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "owner": new_owner(), "_file": None, "_path": None}

    def _open(self) -> tf.io.TFRecordWriter:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            # TensorBoard sorts a folder's files by name, so the time comes first; the last
            # number distinguishes files from the same process and second.
            name = f"{time.time():.0f}.{socket.gethostname()}.{os.getpid()}.{next(_FILES)}"
            self._path = self.folder / f"events.out.tfevents.{name}.{self.owner}"
            self._file = tf.io.TFRecordWriter(str(self._path))
            first = Event(wall_time=time.time(), file_version="brain.Event:2")
            self._file.write(first.SerializeToString())
        return self._file

    def raw(self, summary, step: int) -> None:
        """Writes a `Summary` proto, TensorBoard's or TensorFlow's, or its bytes.

        Raises:
          tf.errors.OpError: the file cannot be written.
        """
        if not isinstance(summary, bytes):
            summary = summary.SerializeToString()
        # Concatenated serialized messages are one merged message: here an event with the
        # step and one with the summary, which therefore does not have to be parsed.
        event = Event(wall_time=time.time(), step=step).SerializeToString()
        self._open().write(event + _SUMMARY_FIELD + _varint(len(summary)) + summary)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """One number per tag, float32, all in one record."""
        summary = Summary()
        for tag, value in values.items():
            metadata = scalar_metadata.create_summary_metadata(display_name=None, description=None)
            _add(summary, tag, np.float32(value), metadata)
        self.raw(summary, step)

    def images(self, tag: str, images: np.ndarray, step: int) -> None:
        """Images, shown side by side under one tag.

        Args:
          tag: the name of the images.
          images: uint8 [n, h, w, 3] (RGB) or [n, h, w, 1] (gray).
          step: the step they belong to.

        Raises:
          ValueError: the images have another shape or type.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise ValueError(
                f"{tag}: expected uint8 images [n, h, w, 3] or [n, h, w, 1], got {images.dtype} "
                f"{list(images.shape)}"
            )
        height, width = images.shape[1:3]
        content = [str(width).encode(), str(height).encode(), *map(png, images)]
        metadata = image_metadata.create_summary_metadata(display_name=None, description=None)
        self._one(tag, np.array(content, dtype=object), metadata, step)

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Text in Markdown."""
        metadata = text_metadata.create_summary_metadata(display_name=None, description=None)
        self._one(tag, np.array(markdown.encode(), dtype=object), metadata, step)

    def pr_curves(
        self,
        tags: Sequence[str],
        labels: np.ndarray,
        probabilities: np.ndarray,
        step: int,
        thresholds: int = 201,
    ) -> None:
        """One precision-recall curve per class, each class against all others.

        Args:
          tags: one name per class.
          labels: integer [n], the true classes.
          probabilities: float [n, classes], from 0 to 1.
          step: the step they belong to.
          thresholds: the number of thresholds, evenly spaced from 0 to 1; a sample is
            predicted positive if its probability is at least the threshold.

        Raises:
          ValueError: the numbers of tags and classes, or of labels and samples, differ.
        """
        labels, probabilities = np.asarray(labels), np.asarray(probabilities)
        if probabilities.shape != (len(labels), len(tags)):
            raise ValueError(
                f"probabilities: expected [labels, tags] = [{len(labels)}, {len(tags)}], got "
                f"{list(probabilities.shape)}"
            )
        summary = Summary()
        for i, tag in enumerate(tags):
            metadata = pr_curve_metadata.create_summary_metadata(
                display_name=tag, description="", num_thresholds=thresholds
            )
            curve = pr_curve(labels == i, probabilities[:, i], thresholds)
            _add(summary, tag, curve.astype(np.float32), metadata)
        self.raw(summary, step)

    def hparams(
        self,
        values: Mapping[str, object],
        metrics: Iterable[tuple[str, str]],
        group: str | None = None,
    ) -> None:
        """Starts this run's row in the HParams dashboard; `hparams_end` completes it.

        Args:
          values: option -> value, one column each. Booleans and numbers keep their type;
            everything else becomes a string, as do numbers that JSON or float64 cannot hold.
          metrics: (tag, group) of the scalars to show as columns, where group is the
            subfolder of this writer's folder that has their event file, "" for none.
          group: runs of the same group share a row, with the means of their metrics; without
            one, every run has its own row, even if its options are equal.
        """
        plain = {name: _hparam(value) for name, value in values.items()}
        columns = [
            api_pb2.HParamInfo(name=name, type=_hparam_type(value)) for name, value in plain.items()
        ]
        shown = [
            api_pb2.MetricInfo(
                name=api_pb2.MetricName(group=group, tag=tag),
                display_name=f"{group} {tag}".strip(),
            )
            for tag, group in metrics
        ]
        self.raw(hparams_summary.experiment_pb(columns, shown), step=0)
        self.raw(hparams_summary.session_start_pb(plain, group_name=group or ""), step=0)

    def hparams_end(self, succeeded: bool) -> None:
        """Marks the run in the HParams dashboard as finished, successfully or not."""
        status = api_pb2.STATUS_SUCCESS if succeeded else api_pb2.STATUS_FAILURE
        self.raw(hparams_summary.session_end_pb(status), step=0)

    def layout(self, categories: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Arranges the Custom Scalars dashboard.

        Args:
          categories: category -> chart title -> regular expressions; a chart shows all
            scalars of all runs whose tags match one of them.
        """
        layout = layout_pb2.Layout()
        for title, charts in categories.items():
            category = layout.category.add(title=title)
            for chart, tags in charts.items():
                category.chart.add(title=chart, multiline={"tag": list(tags)})
        content = np.array(layout.SerializeToString(), dtype=object)
        tag, metadata = custom_scalar.CONFIG_SUMMARY_TAG, custom_scalar.create_summary_metadata()
        self._one(tag, content, metadata, step=0)

    def graph(self, graph_def: tf.compat.v1.GraphDef) -> None:
        """The run's graph, of any nodes, not only TensorFlow operations; the last write counts."""
        nodes = graph_def.SerializeToString(deterministic=True)  # maps are unordered
        event = Event(wall_time=time.time(), graph_def=nodes)
        self._open().write(event.SerializeToString())

    def flush(self) -> None:
        """Writes everything so far to the file.

        Raises:
          tf.errors.OpError: the file cannot be written.
          FileNotFoundError: the file was removed; otherwise, all further data would be lost.
        """
        if self._file is not None and self._path is not None:
            self._file.flush()
            # Other file systems keep no open file: a flush writes it again.
            if not isinstance(self._path, folders.Remote) and not self._path.exists():
                raise FileNotFoundError(errno.ENOENT, "the event file was removed", str(self._path))

    def close(self) -> None:
        """Flushes and closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _one(self, tag: str, value, metadata: SummaryMetadata, step: int) -> None:
        summary = Summary()
        _add(summary, tag, value, metadata)
        self.raw(summary, step)


def _varint(number: int) -> bytes:
    """An integer as a protocol buffer varint: seven bits per byte, lowest first."""
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def _add(summary: Summary, tag: str, value, metadata: SummaryMetadata) -> None:
    summary.value.add(tag=tag, tensor=make_tensor_proto(value), metadata=metadata)


def png(image: np.ndarray) -> bytes:
    """The PNG bytes of an image, uint8 [h, w, 3] or [h, w, 1]."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, format="PNG")
    return file.getvalue()


def _hparam(value: object) -> bool | int | float | str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _EXACT:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)


def _hparam_type(value: bool | int | float | str) -> int:
    if isinstance(value, bool):
        return api_pb2.DATA_TYPE_BOOL
    return api_pb2.DATA_TYPE_STRING if isinstance(value, str) else api_pb2.DATA_TYPE_FLOAT64
