"""Makes one serialized `Summary` of many scalars and histograms, in one go."""

import functools
import types
from collections.abc import Mapping

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_FLOAT
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata

from mlp_lab.probes.statistics import BINS, Statistics, histograms

# No tag contains these bytes: they are not UTF-8.
_MARK = b"\xf1\xf2\xf3\xf4"


class Template:
    """A serialized `Summary` in which only the numbers are missing.

    A step's record has a few hundred values under tags that are the same every time. The
    protocol buffers are made once, with marks in place of the numbers; for each record, the
    bytes of the numbers replace the marks. This costs a tenth of making new ones.

    Args:
      scalars: tags of scalars (float32).
      histograms: tags of histograms, [bins, 3] float64 each.
      bins: per histogram.
    """

    def __init__(self, scalars: tuple[str, ...], histograms: tuple[str, ...], bins: int):
        self._bytes = bytearray()
        self._scalars = self._places(scalars, 4, (), DT_FLOAT, scalar_metadata)
        size = bins * 3 * 8
        self._histograms = self._places(histograms, size, (bins, 3), DT_DOUBLE, histogram_metadata)

    def _places(self, tags, size, shape, dtype, plugin) -> np.ndarray:
        """Appends a value per tag; returns the positions of its numbers' bytes, [tags, size]."""
        starts = []
        for tag in tags:
            dims = [TensorShapeProto.Dim(size=n) for n in shape]
            tensor = TensorProto(
                dtype=dtype,
                tensor_shape=TensorShapeProto(dim=dims),
                tensor_content=_MARK * (size // len(_MARK)),
            )
            metadata = plugin.create_summary_metadata(display_name=None, description=None)
            value = Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
            # Serialized messages of the same type, concatenated, are one message.
            serialized = Summary(value=[value]).SerializeToString()
            starts.append(len(self._bytes) + serialized.index(_MARK))
            self._bytes += serialized
        return np.asarray(starts, np.intp).reshape(-1, 1) + np.arange(size)

    def fill(self, scalars: np.ndarray, histograms: np.ndarray) -> bytes:
        """The `Summary` with these numbers, [scalars] float and [histograms, bins, 3] float."""
        filled = np.frombuffer(self._bytes, np.uint8).copy()
        for places, numbers, dtype in (
            (self._scalars, scalars, "<f4"),
            (self._histograms, histograms, "<f8"),
        ):
            filled[places] = (
                np.ascontiguousarray(numbers, dtype).view(np.uint8).reshape(places.shape)
            )
        return filled.tobytes()


_template = functools.lru_cache(maxsize=8)(Template)


def summary(
    scalars: Mapping[str, float], arrays: Mapping[str, Statistics] = types.MappingProxyType({})
) -> bytes:
    """Scalars, and histograms of arrays, by tag, as a serialized `Summary`."""
    with np.errstate(over="ignore"):  # a scalar beyond float32 becomes infinite
        numbers = np.array(list(scalars.values()), np.float32)
    template = _template(tuple(scalars), tuple(arrays), BINS)
    return template.fill(numbers, histograms(list(arrays.values())))
