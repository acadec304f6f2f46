"""The bytes of a text file as UTF-8: opened, decompressed, decoded."""

from __future__ import annotations

import codecs
import gzip
import os
import re
import zlib
from pathlib import Path

from mlp_lab.data.faults import DataFault
from mlp_lab.data.streams import open_regular, read_up_to, unreadable

MAX_BYTES = 2**32
"""Largest text that is read: 4 GiB, the least that 2^31 cells and their delimiters take."""

_GZIP = b"\x1f\x8b"
_OTHER = {
    b"PK\x03\x04": "an Excel workbook or a zip archive; save the table as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the table as CSV",
    b"%PDF": "a PDF; save the table as CSV",
    b"BZh": "compressed by bzip2; decompress it first",
    b"\xfd7zXZ": "compressed by xz; decompress it first",
    b"(\xb5/\xfd": "compressed by zstd; decompress it first",
    b"\x89PNG": "a picture",
    b"\x89HDF": "an HDF5 file; save the table as CSV or parquet",
    b"\x93NUMPY": "a NumPy array",
    b"PAR1": "a parquet file; name it .parquet",
}
# Longest first: the mark of UTF-32 starts with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
_PIECE = 2**24


def load(path: Path, encoding: str | None) -> tuple[bytes, str]:
    """Reads a text file, also one compressed by gzip, whatever its name.

    Args:
      encoding: the encoding; None recognizes UTF-8, UTF-16 and UTF-32 by their marks, UTF-8
        without one, and else takes Windows-1252, if the text can be that.

    Returns:
      The text in UTF-8 without a mark, and the encoding in words.

    Raises:
      DataFault: it is not a regular file, not text, too large, damaged, or of another encoding.
    """
    with open_regular(path) as file:
        try:
            start = file.read(8)
            file.seek(0)
            if start.startswith(_GZIP):
                with gzip.open(file) as unpacked:
                    data = bytes(read_up_to(unpacked.read, MAX_BYTES + 1))
            elif os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise DataFault(path, _too_large())
            else:
                data = file.read()
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataFault(path, f"is damaged: gzip: {error}") from None
        except OSError as error:
            raise unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise DataFault(path, _too_large())
    for magic, what in _OTHER.items():
        if data.startswith(magic):
            raise DataFault(path, f"is {what}")
    return _decoded(path, data, encoding)


def _too_large() -> str:
    return f"is larger than the limit of {MAX_BYTES:,} bytes of text; split it, or take fewer rows"


def _decoded(path: Path, data: bytes, encoding: str | None) -> tuple[bytes, str]:
    for mark, name, words in _MARKS:
        if data.startswith(mark) and (encoding is None or _same(encoding, name)):
            data = data[len(mark) :]
            if name != "utf-8":
                data = _recode(path, data, name)
            elif bad := _first_bad(data):
                raise DataFault(path, f"line {_line(data, bad - 1)} is not UTF-8; give --encoding")
            return _text(path, data), words
    if encoding is not None:
        return _text(path, _recode(path, data, encoding)), encoding
    bad = _first_bad(data)
    if not bad:
        return _text(path, data, "; UTF-16 without a mark needs --encoding=utf-16-le"), "UTF-8"
    line = _line(data, bad - 1)
    text = data.decode("utf-8", "replace")
    if sum(ord(c) > 127 and c != "\ufffd" for c in re.sub(r"[\x00-\x7f]+", "", text)):
        raise DataFault(path, f"line {line} is not UTF-8, but others are; give --encoding")
    high = len(re.sub(rb"[\x00-\x7f]+", b"", data))
    letters = len(re.findall(rb"[A-Za-z]", data))
    if high > letters or re.search(rb"[\x81\x8d\x8f\x90\x9d]", data):
        raise DataFault(path, f"line {line} is neither UTF-8 nor Windows-1252; give --encoding")
    return _text(path, _recode(path, data, "cp1252")), (
        f"not UTF-8 (line {line}), so read as Windows-1252 (--encoding=cp1252 confirms it)"
    )


def _same(encoding: str, name: str) -> bool:
    """Whether the encoding that the user gave allows a file with this mark."""
    given = codecs.lookup(encoding).name
    return given in (name, name[:6], "utf-8-sig" if name == "utf-8" else name)


def _recode(path: Path, data: bytes, encoding: str) -> bytes:
    try:
        return data.decode(encoding).encode("utf-8")
    except UnicodeEncodeError:
        raise DataFault(path, f"has characters in {encoding} that do not exist") from None
    except UnicodeDecodeError as error:
        problem = f"line {_line(data, error.start)} cannot be read as {encoding}"
        raise DataFault(path, f"{problem}; give another --encoding") from None


def _first_bad(data: bytes) -> int:
    """One more than the place of the first byte that is not UTF-8; 0 if all are."""
    if data.isascii():
        return 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, final=start + _PIECE >= len(data))
        except UnicodeDecodeError as error:
            return start - pending + error.start + 1
    return 0


def _text(path: Path, data: bytes, hint: str = "") -> bytes:
    if b"\0" in data:
        raise DataFault(path, f"line {_line(data, data.index(0))} has a zero byte; not text{hint}")
    return data


def _line(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1
