"""Reading TFRecord files as far as they are intact, without TensorFlow.

    8 bytes    length of the record, unsigned, little-endian
    4 bytes    masked CRC-32C of these 8 bytes
    ...        the record
    4 bytes    masked CRC-32C of the record

Source: https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

import struct
from pathlib import Path

from mlp_lab.regular import open_regular
from mlp_lab.runs.crc32c import masked_crc32c

_HEADER = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_CHUNK = 2**26


def read_records(path: Path) -> tuple[list[bytes], list[str]]:
    """The intact records of a file, and what is wrong with the others.

    A record whose content is damaged is left out. After a length that is damaged, nothing can be
    found any more. A file that is being written may end within a record.

    Returns:
      The records in their order, and a sentence for each fault.

    Raises:
      OSError: the file cannot be read, or is no regular file.
    """
    records: list[bytes] = []
    faults: list[str] = []
    with open_regular(path) as file:
        position, rest = 0, b""
        while content := file.read(_CHUNK):
            content = rest + content
            used = _read(content, position, records, faults)
            if used < 0:
                return records, faults
            position, rest = position + used, content[used:]
    if rest:
        faults.append(f"ends within a record, at byte {position:,}")
    return records, faults


def _read(content: bytes, position: int, records: list[bytes], faults: list[str]) -> int:
    """Adds the complete records of some content; returns its bytes, -1 if the rest is lost."""
    view = memoryview(content)
    starts, lengths = [], []
    at = 0
    while at + _HEADER.size <= len(content):
        length, _ = _HEADER.unpack_from(content, at)
        end = at + _HEADER.size + length + _CRC.size
        if end > len(content):
            # Its length decides whether more is to come: it must be the one that was written.
            (crc,) = masked_crc32c([view[at : at + 8]])
            if crc != _HEADER.unpack_from(content, at)[1]:
                starts.append(at)
                lengths.append(-1)
            break
        starts.append(at)
        lengths.append(length)
        at = end
    heads = masked_crc32c([view[start : start + 8] for start in starts])
    bodies = masked_crc32c(
        [
            view[start + 12 : start + 12 + length] if length >= 4 else b"\0\0\0\0"
            for start, length in zip(starts, lengths, strict=True)
        ]
    )
    for start, length, head, body in zip(starts, lengths, heads, bodies, strict=True):
        if head != _HEADER.unpack_from(content, start)[1]:
            faults.append(f"is damaged at byte {position + start:,}; what follows cannot be read")
            return -1
        (crc,) = _CRC.unpack_from(content, start + 12 + length)
        if length >= 4 and crc == body:
            records.append(bytes(view[start + 12 : start + 12 + length]))
        else:
            faults.append(f"has a damaged record at byte {position + start:,}, which is left out")
    return at
