"""The IDX reader: what it reads, what it refuses, and how much memory that takes."""

from __future__ import annotations

import gzip
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mlp_lab.data
from mlp_lab.data import DataFault, open_rows, read_idx
from mlp_lab.data.streams import MAX_ARRAY_BYTES

REPOSITORY = Path(mlp_lab.data.__file__).parents[2]
MIB = 1024**2


def header(*sizes: int, kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, kind, len(sizes), *sizes)


def write(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@given(
    shape=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    zipped=st.booleans(),
)
@example(shape=[0], seed=0, zipped=False)
@example(shape=[3, 28, 28], seed=0, zipped=True)
@settings(max_examples=100, deadline=None)
def test_round_trip(shape: list[int], seed: int, zipped: bool) -> None:
    array = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    content = header(*shape) + array.tobytes()
    with tempfile.TemporaryDirectory() as folder:
        # The name says the opposite of the content: only the magic bytes may count.
        path = write(Path(folder), gzip.compress(content) if zipped else content, "x.gz")
        read = read_idx(path)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.uint8
    assert not read.flags.writeable


def test_known_bytes(tmp_path: Path) -> None:
    """The example of the format's description, byte by byte."""
    path = write(tmp_path, bytes.fromhex("00000802 00000002 00000003 010203 0405ff"))
    assert read_idx(path).tolist() == [[1, 2, 3], [4, 5, 255]]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(9, "int8"), (0x0B, "int16"), (0x0C, "int32"), (0x0D, "float32"), (0x0E, "float64")],
)
def test_types(tmp_path: Path, kind: int, name: str) -> None:
    values = np.array([[1, -2, 100], [0, 5, -128]], name)
    path = write(
        tmp_path, header(2, 3, kind=kind) + values.astype(f">{values.dtype.str[1:]}").tobytes()
    )
    for read in (read_idx(path), np.asarray(open_rows(path))):
        assert read.dtype.newbyteorder("=") == name
        np.testing.assert_array_equal(read, values)


def test_two_gzip_members_are_one_stream(tmp_path: Path) -> None:
    content = gzip.compress(header(4) + b"\1\2") + gzip.compress(b"\3\4")
    assert read_idx(write(tmp_path, content)).tolist() == [1, 2, 3, 4]


WHOLE = header(40) + bytes(range(40))
# Without a time: processes that run the tests together have to collect the same ones.
ZIPPED = gzip.compress(WHOLE, mtime=0)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"\0\0\x08", "3 bytes are too few"),
        (b"\x89PNG" + bytes(40), "bad magic number 0x89504e47"),
        (b"PK\3\4" + bytes(40), "not an IDX file"),
        (header(40, kind=0x0A) + bytes(160), "type 0x0a, expected one of 0x08, 0x09, 0x0b"),
        (header(40, kind=0x0D) + bytes(159), "40 = 160 bytes, but the file has only 167 bytes"),
        (b"\0\0\x08\0", "claims 0 dimensions"),
        (header(1, 1, 1, 1, 1) + b"\0", "claims 5 dimensions, expected 1 to 4"),
        (b"\0\0\x08\xff" + bytes(2000), "claims 255 dimensions"),
        (header(40, 28, 28)[:-1], "ends within the IDX header"),
        (WHOLE[:-1], "is truncated"),
        (header(40), "is truncated"),
        (
            gzip.compress(WHOLE[:-1], mtime=0),
            "is truncated: its header claims 40 = 40 bytes, but only 39",
        ),
        (WHOLE + b"\0", "has trailing bytes"),
        (gzip.compress(WHOLE + b"\0", mtime=0), "has trailing bytes"),
        (ZIPPED[:-1], "gzip data is truncated"),
        (ZIPPED[:-8], "gzip data is truncated"),
        (ZIPPED[:30], "gzip data is truncated"),
        (ZIPPED[:-8] + bytes(4) + ZIPPED[-4:], "gzip data is corrupt (CRC"),
        (ZIPPED[:-4] + b"\1\0\0\0", "gzip data is corrupt (Incorrect length"),
        (ZIPPED + b"rubbish", "gzip data is corrupt"),
        (b"\x1f\x8b\x07" + ZIPPED[3:], "gzip data is corrupt (Unknown compression"),
        (ZIPPED[:10] + b"\xff" * 20 + ZIPPED[30:], "gzip data is corrupt"),
    ],
)
def test_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataFault) as caught:
        read_idx(path)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match="does not exist"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataFault, match="is a directory"):
        read_idx(tmp_path)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(DataFault, match="cannot be read"):
        read_idx(loop)
    with pytest.raises(DataFault, match="cannot be read"):
        read_idx(tmp_path / "nul\0byte")


def test_refuses_a_pipe_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    def too_long(*_: object) -> None:
        raise TimeoutError("still waiting")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(10)
    try:
        with pytest.raises(DataFault, match="not a regular file"):
            read_idx(tmp_path / "pipe")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_unreadable(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # The superuser may read everything; nobody may not.
    try:
        with pytest.raises(DataFault, match=r"cannot be read \(Permission denied\)"):
            read_idx(path)
    finally:
        if user == 0:
            os.seteuid(0)


def hostile_files(folder: Path) -> dict[str, Path]:
    """Small files that claim, or expand to, far more than they should cost."""
    noise = random.Random(0).randbytes(MIB)
    bomb = folder / "bomb"
    with gzip.open(bomb, "wb") as stream:
        stream.write(header(10))
        for _ in range(256):
            stream.write(bytes(MIB))
    return {
        "bomb": bomb,
        "2^32 rows": write(folder, header(2**32 - 1, 28, 28) + noise, "rows"),
        "2^32 rows, gzip": write(folder, gzip.compress(header(2**32 - 1, 28, 28) + noise), "rowsz"),
        "overflow": write(folder, header(*[2**32 - 1] * 4), "overflow"),
        "overflow, no columns": write(folder, header(2**32 - 1, 2**32 - 1, 0), "empty"),
        "at the limit": write(folder, header(MAX_ARRAY_BYTES) + noise, "limit"),
        "at the limit, gzip": write(folder, gzip.compress(header(MAX_ARRAY_BYTES)), "limitz"),
        # 1 MiB of noise could expand to 1 GiB, so only reading shows that it does not.
        "plausible, gzip": write(folder, gzip.compress(header(900 * MIB) + noise), "plausible"),
    }


EXPECTED = {
    "bomb": "has trailing bytes",
    "2^32 rows": "more than the limit of 2,147,483,648",
    "2^32 rows, gzip": "more than the limit of 2,147,483,648",
    "overflow, no columns": "more than the limit of 2,147,483,648",
    "overflow": "more than the limit of 2,147,483,648",
    "at the limit": "but the file has only",
    "at the limit, gzip": "but the file has only",
    "plausible, gzip": "but only 1,048,576 follow",
}


def test_hostile_files_take_little_memory(tmp_path: Path) -> None:
    for name, path in hostile_files(tmp_path).items():
        tracemalloc.start()
        try:
            with pytest.raises(DataFault) as caught:
                read_idx(path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert EXPECTED[name] in str(caught.value), name
        assert peak < 8 * MIB, f"{name}: {peak:,} bytes"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS binds on Linux only")
def test_hostile_files_are_refused_within_a_memory_limit(tmp_path: Path) -> None:
    """The same with a limit set by the operating system, which counts every allocation."""
    files = hostile_files(tmp_path)
    program = (
        "import resource, sys\n"
        "from mlp_lab.data import DataFault, read_idx\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (32 << 20),) * 2)\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        read_idx(path)\n"
        "    except DataFault:\n"
        "        print('refused')\n"
        "try:\n"
        "    bytearray(64 << 20)\n"
        "except MemoryError:\n"
        "    print('the limit binds')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, files.values())],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["refused"] * len(files) + ["the limit binds"]


@given(position=st.integers(0, len(ZIPPED) - 1), value=st.integers(0, 255), cut=st.integers(0, 100))
@settings(max_examples=300, deadline=None)
def test_damage_is_reported_or_harmless(position: int, value: int, cut: int) -> None:
    """Whatever byte is changed, the reader says so or returns the true content."""
    damaged = bytearray(ZIPPED)
    damaged[position] = value
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), bytes(damaged[: len(damaged) - cut]))
        try:
            read = read_idx(path)
        except DataFault:
            return
    # Bytes 3 to 9 of gzip's header (flags, time, system) do not touch the content.
    assert read.tolist() == list(range(40))
    assert cut == 0
