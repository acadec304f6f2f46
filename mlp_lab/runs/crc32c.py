"""CRC-32C, the checksum of TFRecord files, of many pieces at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Castagnoli's polynomial, bits in reverse order.
_POLYNOMIAL = np.uint32(0x82F63B78)
_MASK_DELTA = 0xA282EAD8
# Bytes that are checked in one go: beyond it arrays of intermediate results get large.
_AT_ONCE = 2**22


def _byte_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> np.uint32(1)) ^ (_POLYNOMIAL * (table & np.uint32(1)))
    return table


_TABLE = _byte_table()


class _Shifts:
    """What a CRC becomes when zero bytes follow: a linear map, as tables for its four bytes.

    The tables for 2^(k+1) bytes are those for 2^k bytes, applied twice.
    """

    def __init__(self) -> None:
        bits = np.arange(256, dtype=np.uint32)
        # One zero byte: crc -> (crc >> 8) ^ TABLE[crc & 255].
        first = [_TABLE, bits, bits << np.uint32(8), bits << np.uint32(16)]
        self._levels = [np.stack(first)]

    def apply(self, level: int, crc: np.ndarray) -> np.ndarray:
        """The CRCs after 2^level zero bytes."""
        while len(self._levels) <= level:
            last = self._levels[-1]
            self._levels.append(np.stack([_mapped(last, row) for row in last]))
        return _mapped(self._levels[level], crc)


def _mapped(tables: np.ndarray, crc: np.ndarray) -> np.ndarray:
    out = tables[0][crc & np.uint32(255)]
    for i in (1, 2, 3):
        out = out ^ tables[i][(crc >> np.uint32(8 * i)) & np.uint32(255)]
    return out


def masked_crc32c(pieces: Sequence[bytes | memoryview]) -> np.ndarray:
    """The masked CRC-32C of each piece, uint32 [pieces], as TFRecord files have them.

    The CRC of two pieces one after the other is that of the first, followed by as many zero
    bytes as the second has, xor that of the second. So a piece's bytes are reduced in pairs, in
    log2(length) steps, and pieces of about the same length together. Zeros in front do not
    change a CRC that starts with 0.

    Args:
      pieces: of at least 4 bytes each.

    Source: TensorFlow, `tsl/lib/hash/crc32c.h` (the mask); RFC 3720, B.4 (the CRC).
    """
    result = np.zeros(len(pieces), np.uint32)
    by_level: dict[int, list[int]] = {}
    for number, piece in enumerate(pieces):
        by_level.setdefault((len(piece) - 1).bit_length(), []).append(number)
    shifts = _Shifts()
    for level, numbers in by_level.items():
        step = max(_AT_ONCE >> level, 1)
        for start in range(0, len(numbers), step):
            some = numbers[start : start + step]
            result[some] = _crc([pieces[i] for i in some], level, shifts)
    rotated = (result >> np.uint32(15)) | (result << np.uint32(17))
    return rotated + np.uint32(_MASK_DELTA)  # modulo 2^32


def _crc(pieces: Sequence[bytes | memoryview], level: int, shifts: _Shifts) -> np.ndarray:
    """CRCs of pieces of at most 2^level bytes."""
    padded = np.zeros((len(pieces), 1 << level), np.uint8)
    for row, piece in zip(padded, pieces, strict=True):
        start = row.size - len(piece)
        row[start:] = np.frombuffer(piece, np.uint8)
        row[start : start + 4] ^= np.uint8(255)  # as if the CRC began with ones
    crc = _TABLE[padded]
    for k in range(level):
        crc = shifts.apply(k, crc[:, 0::2]) ^ crc[:, 1::2]
    return crc[:, 0] ^ np.uint32(0xFFFFFFFF)
