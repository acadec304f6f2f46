"""The npz reader: what it reads, what it refuses, and how much memory that takes."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tempfile
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlp_lab.data import ARRAY_NAMES, DataFault, read_npz

MIB = 1024**2


def npy(array: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def npy_header(text: str) -> bytes:
    """A .npy file without data, with a header of one's own."""
    padded = text.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(padded)) + padded


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def members_of(**changes: bytes) -> dict[str, bytes]:
    """A valid file's members, some replaced."""
    good = {
        "x_train": npy(np.zeros((3, 28, 28), np.uint8)),
        "y_train": npy(np.arange(3, dtype=np.uint8)),
        "x_test": npy(np.zeros((2, 28, 28), np.uint8)),
        "y_test": npy(np.arange(2, dtype=np.uint8)),
    }
    return {f"{name}.npy": content for name, content in (good | changes).items()}


def write(folder: Path, content: bytes) -> Path:
    path = folder / "set.npz"
    path.write_bytes(content)
    return path


def fault(path: Path) -> str:
    with pytest.raises(DataFault) as caught:
        read_npz(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


image_arrays = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0))
label_arrays = st.sampled_from([np.dtype(kind) for kind in ("u1", "i4", ">i8")]).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=1, max_dims=2, min_side=0))
)


@given(image_arrays, label_arrays, image_arrays, label_arrays, st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_round_trip(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    compressed: bool,
    fortran: bool,
) -> None:
    if fortran:
        x_train, y_train = np.asfortranarray(x_train), np.asfortranarray(y_train)
    arrays = dict(zip(ARRAY_NAMES, (x_train, y_train, x_test, y_test), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "set.npz")
        save: Any = np.savez_compressed if compressed else np.savez
        save(path, extra=np.zeros(3), **arrays)
        read = read_npz(path)
    assert tuple(read) == ARRAY_NAMES
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
        assert not read[name].flags.writeable


def test_header_version_2(tmp_path: Path) -> None:
    out = io.BytesIO()
    labels = np.array([2, 1, 0], np.uint8)
    np.lib.format.write_array(out, labels, version=(2, 0))
    path = write(tmp_path, zipped(members_of(y_train=out.getvalue())))
    assert read_npz(path)["y_train"].tolist() == [2, 1, 0]


class Trap:
    """Unpickling it would create a file."""

    def __init__(self, path: Path):
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (self.path,))


def test_never_unpickles(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    objects = np.empty(3, object)
    objects[:] = [Trap(sprung)] * 3
    content = npy(objects, allow_pickle=True)
    path = write(tmp_path, zipped(members_of(y_train=content)))
    assert "y_train holds pickled objects, which are never loaded" in fault(path)
    assert not sprung.exists()
    bare = tmp_path / "bare"
    bare.mkdir()
    pickled = members_of(y_train=pickle.dumps(Trap(sprung)))
    assert "y_train has no valid .npy header" in fault(write(bare, zipped(pickled)))
    assert not sprung.exists()
    with np.load(path, allow_pickle=True) as stored:
        assert len(stored["y_train"]) == 3
    assert sprung.is_dir()  # The trap works: numpy, told to unpickle, springs it.


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"x_train": npy(np.zeros((3, 28, 28), np.float32))}, "x_train holds float32 items"),
        ({"x_test": npy(np.zeros((2, 28, 28), np.int64))}, "x_test holds int64 items"),
        ({"y_train": npy(np.zeros(3, np.float64))}, "y_train holds float64 items"),
        ({"y_test": npy(np.zeros(2, bool))}, "y_test holds bool items"),
        ({"y_test": npy(np.array(["a", "b"]))}, "y_test holds <U1 items"),
        ({"y_test": npy(np.zeros(2, [("a", "u1")]))}, "y_test holds [('a', 'u1')] items"),
        ({"y_test": b""}, "y_test has no valid .npy header"),
        ({"y_test": b"\x93NUMPY\x09\0" + bytes(99)}, "y_test has no valid .npy header"),
        ({"y_test": npy_header("{'descr': '|u1'")}, "y_test has no valid .npy header"),
        ({"y_test": npy_header("__import__('os').abort()")}, "y_test has no valid .npy header"),
        (
            {"y_test": npy_header("{'descr':'|u1','fortran_order':False,'shape':(-2,)}")},
            "y_test has no valid .npy header (it claims the shape (-2,))",
        ),
        (
            {
                "y_test": npy_header(
                    "{'descr':'|u1','fortran_order':False,'shape':(1099511627776,)}"
                )
            },
            "= 1,099,511,627,776 bytes, but the zip directory says 0",
        ),
        ({"y_test": npy(np.zeros(2, np.uint8)) + b"\0"}, "but the zip directory says 3"),
        ({"y_test": npy(np.zeros(2, np.uint8))[:-1]}, "but the zip directory says 1"),
    ],
)
def test_refused_array(tmp_path: Path, changes: dict[str, bytes], problem: str) -> None:
    assert problem in fault(write(tmp_path, zipped(members_of(**changes))))


def test_missing_arrays_are_named(tmp_path: Path, make: SimpleNamespace) -> None:
    found = {f"part_{number}": np.zeros(1) for number in range(8)}
    text = fault(write(tmp_path, make.npz_bytes({**found, "x_train": np.zeros(1, np.uint8)})))
    assert "lacks y_train, x_test, y_test; an .npz file must hold x_train" in text
    assert "this one holds part_0, part_1" in text
    assert "and 3 more" in text
    assert "holds nothing" in fault(write(tmp_path, zipped({})))


def test_refuses_what_is_no_npz(tmp_path: Path, make: SimpleNamespace) -> None:
    good = zipped(members_of())
    assert "not a readable .npz file" in fault(write(tmp_path, b""))
    assert "not a readable .npz file" in fault(write(tmp_path, b"\x93NUMPY" + bytes(500)))
    assert "not a readable .npz file" in fault(write(tmp_path, good[: len(good) // 2]))
    assert "does not exist" in fault(tmp_path / "absent.npz")
    assert "is a directory" in fault(tmp_path)


def test_damaged_content(tmp_path: Path) -> None:
    random = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        content = bytearray(zipped(members_of(x_train=npy(random)), method))
        content[1000] ^= 0xFF
        assert "not a readable .npz file (" in fault(write(tmp_path, bytes(content)))


def test_refuses_other_compressions_and_encryption(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert "other than zip's DEFLATE" in fault(write(tmp_path, zipped(members_of(), method)))
    content = bytearray(zipped(members_of()))
    content[content.index(b"PK\1\2") + 8] |= 1  # Flag bit 0 of the first entry: encrypted.
    content[content.index(b"PK\3\4") + 6] |= 1
    assert "encrypted" in fault(write(tmp_path, bytes(content)))


def claim(content: bytes, size: int) -> bytes:
    """Sets the unpacked size of the first member in the zip directory."""
    changed = bytearray(content)
    struct.pack_into("<I", changed, changed.index(b"PK\1\2") + 24, size)
    return bytes(changed)


def test_lying_sizes_take_little_memory(tmp_path: Path) -> None:
    huge = 1024 * MIB
    text = "{'descr':'|u1','fortran_order':False,'shape':(%d,)}"
    header = npy_header(text % huge)
    long_header = b"\x93NUMPY\2\0" + struct.pack("<I", 200 * MIB) + bytes(200 * MIB)
    cases = {
        # Header and directory agree on 1 GiB of which nothing is there.
        "is truncated: 0 bytes of 1,073,741,824": claim(
            zipped(members_of(x_train=header)), len(header) + huge
        ),
        "more than the limit of 2,147,483,648": claim(zipped(members_of()), 2**32 - 2),
        # 200 MiB of zeros in a member that claims three images.
        "but the zip directory says 209,715,200": zipped(
            members_of(x_train=npy_header(text % 2352) + bytes(200 * MIB))
        ),
        # A header of 200 MiB.
        "x_train has no valid .npy header": zipped(members_of(x_train=long_header)),
    }
    del long_header
    for problem, content in cases.items():
        path = write(tmp_path, content)
        tracemalloc.start()
        try:
            text = fault(path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert problem in text
        assert peak < 8 * MIB, f"{problem}: {peak:,} bytes"


def test_a_directory_of_many_entries_takes_little_memory(tmp_path: Path) -> None:
    """Each entry would become an object of half a kilobyte."""
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        for number in range(30_000):
            archive.writestr(str(number), b"")
    tracemalloc.start()
    try:
        text = fault(tmp_path / "set.npz")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "its directory claims 1," in text
    assert peak < 2 * MIB


def test_names_that_lead_out_of_the_archive(tmp_path: Path) -> None:
    """Nothing is unpacked into files, and a name counts only as a whole."""
    names = {f"../{name}": content for name, content in members_of().items()}
    assert "lacks x_train, y_train, x_test, y_test" in fault(write(tmp_path, zipped(names)))
    path = write(tmp_path, zipped({**names, "/etc/x_train.npy": b"", **members_of()}))
    assert read_npz(path)["y_train"].tolist() == [0, 1, 2]
    assert [*tmp_path.iterdir()] == [path]


SMALL = zipped(members_of())


@given(position=st.integers(0, len(SMALL) - 1), value=st.integers(0, 255))
@settings(max_examples=400, deadline=None)
def test_damage_is_reported_or_harmless(position: int, value: int) -> None:
    """Whatever byte is changed, the reader says so or returns the true content."""
    damaged = bytearray(SMALL)
    damaged[position] = value
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), bytes(damaged))
        try:
            read = read_npz(path)
        except DataFault:
            return
    assert read["y_train"].tolist() == [0, 1, 2]
    assert read["y_test"].tolist() == [0, 1]
    assert read["x_train"].shape == (3, 28, 28)
    assert not read["x_train"].any()
