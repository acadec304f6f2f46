"""Reading a run's event files, without TensorFlow, as far as they are intact."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.runs.layout import SUB_RUNS
from mlp_lab.runs.series import Histograms, Raw, Scalars, SeriesMap, Values
from mlp_lab.runs.tfrecord import read_records

# Numbers of `tensorboard.compat.proto.types_pb2.DataType`, and where a tensor keeps values that
# are not in its `tensor_content`.
_TYPES: dict[int, tuple[str, str]] = {
    1: ("<f4", "float_val"),
    2: ("<f8", "double_val"),
    3: ("<i4", "int_val"),
    4: ("u1", "int_val"),
    9: ("<i8", "int64_val"),
    10: ("?", "bool_val"),
}
_STRING = 7


class EventFiles:
    """The event files of a run and what is in them.

    Of values of a tag at the same step, the one that was written last counts: files are read in
    the order of their names, which begin with the time. Where a run was resumed from a
    checkpoint, the steps after it have been written twice.

    Args:
      folder: the run's.

    Attributes:
      faults: a sentence for each file that is damaged or ends within a record.
    """

    def __init__(self, folder: Path):
        self.faults: list[str] = []
        self._raw: dict[str, dict[str, Raw]] = {part: {} for part in SUB_RUNS}
        for part, tags in self._raw.items():
            within = folder / part
            if not within.is_dir():
                continue
            for path in sorted(within.glob("events.out.tfevents.*")):
                try:
                    records, faults = read_records(path)
                except OSError as error:
                    records, faults = [], [f"cannot be read ({error.strerror or error})"]
                faults += _add(tags, records)
                self.faults += [f"{path.relative_to(folder)} {fault}" for fault in faults]

    def map(self, kind: str) -> SeriesMap:
        """The series of one kind: scalars, histograms, images, texts or tensors."""
        made: dict[str, Any] = {}
        for part, tags in self._raw.items():
            for tag, raw in tags.items():
                if _kind(raw) == kind:
                    made[f"{part}/{tag}" if part else tag] = functools.partial(_FORMS[kind], raw)
        return SeriesMap(made, SUB_RUNS)

    def raw(self) -> dict[str, Raw]:
        """All values by tag, preceded by the part of the run."""
        return {
            f"{part}/{tag}" if part else tag: raw
            for part, tags in self._raw.items()
            for tag, raw in tags.items()
        }


def _images(raw: Raw) -> Values:
    """PNG bytes; TensorBoard's tensor of an image begins with its width and height."""
    found = raw.values()
    return found._replace(values=[[bytes(png) for png in value[2:]] for value in found.values])


def _texts(raw: Raw) -> Values:
    found = raw.values()
    texts = [b"".join(value.ravel().tolist()).decode("utf-8", "replace") for value in found.values]
    return found._replace(values=texts)


_FORMS: dict[str, Any] = {
    "scalars": Raw.scalars,
    "histograms": Raw.histograms,
    "images": _images,
    "texts": _texts,
    "tensors": Raw.values,
}


def _kind(raw: Raw) -> str:
    """Which map a tag belongs to; what has not the form of its plugin is a tensor."""
    values = [value for _, value in raw.points.values()]
    if raw.plugin == "scalars" and all(v.size == 1 and v.dtype.kind in "fiub" for v in values):
        return "scalars"
    if raw.plugin == "histograms" and all(v.ndim == 2 and v.shape[1:] == (3,) for v in values):
        return "histograms"
    texts = all(v.dtype == object for v in values)
    if texts and raw.plugin == "images" and all(v.ndim == 1 and v.size >= 2 for v in values):
        return "images"
    return "texts" if texts and raw.plugin == "text" else "tensors"


def _add(tags: dict[str, Raw], records: list[bytes]) -> list[str]:
    """Adds the values of some records; returns faults."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    broken = 0
    for record in records:
        event = Event()
        try:
            event.ParseFromString(record)
        except DecodeError:
            broken += 1
            continue
        for value in event.summary.value:
            array = _array(value)
            if array is None:
                continue
            raw = tags.get(value.tag)
            if raw is None:
                raw = tags[value.tag] = Raw("")
            # Only the first value of a tag must say how it is shown.
            raw.plugin = value.metadata.plugin_data.plugin_name or raw.plugin or _implied(value)
            raw.points[event.step] = (event.wall_time, array)
    return [f"has {broken} records that are no events, which are left out"] if broken else []


def _implied(value: Any) -> str:
    return "scalars" if value.WhichOneof("value") == "simple_value" else ""


def _array(value: Any) -> np.ndarray | None:
    """The value of a summary; None if it is of a form that `tf.summary` no longer writes."""
    which = value.WhichOneof("value")
    if which == "simple_value":
        return np.asarray(value.simple_value, np.float32)
    if which != "tensor":
        return None
    tensor = value.tensor
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    try:
        if tensor.dtype == _STRING:
            flat = np.empty(len(tensor.string_val), object)
            flat[:] = list(tensor.string_val)
            return flat.reshape(shape)
        dtype, name = _TYPES[tensor.dtype]
        if tensor.tensor_content:
            return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
        listed = np.array(getattr(tensor, name), dtype)
        # As TensorFlow reads it: the last value stands for all that follow.
        size = int(np.prod(shape))
        if 0 < listed.size < size:
            listed = np.concatenate([listed, np.repeat(listed[-1:], size - listed.size)])
        return listed.reshape(shape)
    except (KeyError, ValueError, MemoryError):
        return None


__all__ = ["EventFiles", "Histograms", "Scalars", "Values"]
