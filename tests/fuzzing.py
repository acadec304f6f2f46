"""What is fuzzed: the inputs, and what has to hold for each of them.

A target either takes an input or refuses it with the project's own error in one line. Used by
tests/test_fuzz.py and, for longer, by tools/fuzz.py. Nothing here imports TensorFlow unless
the target does.
"""

import dataclasses
import gzip
import hashlib
import io
import json
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from mlp_lab.data import DATASETS, DataFault, load, open_rows, open_shards, read_idx
from mlp_lab.data.catalogue import ARRAY_NAMES
from mlp_lab.data.npz import read_npz
from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.options.config import Config


@dataclasses.dataclass(frozen=True)
class Target:
    """One thing that is fuzzed.

    Attributes:
      inputs: strategy of hypothesis.
      take: uses an input in a folder of its own; raises one of `errors` to refuse it.
      from_bytes: an input from bytes, for a fuzzer that knows only these.
      seeds: such bytes to begin with.
    """

    inputs: st.SearchStrategy
    take: Callable[[Any, Path], None]
    errors: tuple[type[Exception], ...] = (InputError,)
    from_bytes: Callable[[bytes], Any] = bytes
    seeds: tuple[bytes, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether it is taken; what is refused otherwise than it should be is raised."""
        with tempfile.TemporaryDirectory() as outer:
            folder = Path(outer, "inner")
            folder.mkdir()
            try:
                self.take(value, folder)
                return True
            except self.errors as error:
                message = str(error)
            finally:
                assert os.listdir(outer) == ["inner"], "something was written outside"
        assert message.isprintable(), repr(message)
        return False


# Bytes.

SIZES = st.one_of(
    st.integers(0, 4), st.sampled_from([28, 2**16, 2**31, 2**32 - 1]), st.integers(0, 2**32 - 1)
)


def _idx(zeros: int, kind: int, sizes: list[int], body: bytes) -> bytes:
    return struct.pack(f">HBB{len(sizes)}I", zeros, kind, len(sizes), *sizes) + body


idx_content = st.builds(
    _idx,
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([8, 8, 8, 9, 13, 255]),
    st.lists(SIZES, max_size=6),
    st.binary(max_size=200),
) | st.lists(st.integers(0, 5), min_size=1, max_size=4).map(
    lambda sizes: _idx(0, 8, sizes, bytes(int(np.prod(sizes))))
)


@st.composite
def damaged(draw: Any, contents: st.SearchStrategy[bytes]) -> bytes:
    """Contents with some bytes changed, cut off, doubled or put in."""
    content = bytearray(draw(contents))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(content)))
        what = draw(st.sampled_from(["change", "cut", "insert", "double", "huge"]))
        if what == "change" and at < len(content):
            content[at] = draw(st.integers(0, 255))
        elif what == "cut":
            del content[at : at + draw(st.integers(1, 40))]
        elif what == "insert":
            content[at:at] = draw(st.binary(max_size=8))
        elif what == "double":
            content[at:at] = content[at : at + 50]
        elif what == "huge":  # where a size stands, perhaps
            content[at : at + 4] = draw(st.sampled_from([b"\xff" * 4, b"\xff\xff\xff\x7f"]))
    return bytes(content)


def zipped(content: bytes, members: int = 1) -> bytes:
    """A gzip stream in several members."""
    step = -(-len(content) // members) or 1
    parts = [content[at : at + step] for at in range(0, len(content), step)] or [b""]
    return b"".join(gzip.compress(part, mtime=0) for part in parts)


# Few bytes that become many: up to 64 MiB.
bombs = st.builds(
    lambda claim, mib, members: zipped(_idx(0, 8, [claim or mib << 20], bytes(mib << 20)), members),
    st.just(0) | SIZES,
    st.integers(1, 64),
    st.integers(1, 3),
)
idx_files = damaged(idx_content) | damaged(st.builds(zipped, idx_content, st.integers(1, 3)))


def _take_idx(content: bytes, folder: Path) -> None:
    path = folder / "file"
    path.write_bytes(content)
    array = read_idx(path)
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    assert array.tobytes() == plain[4 + 4 * array.ndim :]


# Archives.

HEADER = "{'descr': %s, 'fortran_order': %s, 'shape': %s, }"


def _npy(version: int, header: str, body: bytes) -> bytes:
    text = header.encode("utf-8", "replace") + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", min(len(text), 65535))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + body


def _array(kind: str, shape: list[int]) -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros(shape, kind))
    return out.getvalue()


npy_header = st.builds(
    lambda descr, order, shape: HEADER % (descr, order, shape),
    st.sampled_from(["'|u1'", "'<i8'", "'|O'", "'<f4'", "[('a', '|u1')]", "'|u0'", "'|V3'", "9"]),
    st.sampled_from(["False", "True", "2", "None"]),
    st.one_of(
        st.lists(st.integers(-2, 2**62), max_size=4).map(lambda sizes: str(tuple(sizes))),
        st.sampled_from(["()", "3", "(3.0,)", "('a',)", "(True,)", "(" * 300, "(-" + "-" * 9000]),
    ),
) | st.text(max_size=60)
npy_content = st.builds(
    _npy, st.sampled_from([1, 1, 2, 3, 9]), npy_header, st.binary(max_size=64)
) | st.builds(
    _array,
    st.sampled_from(["u1", "i4", ">i8", "f4"]),
    st.lists(st.integers(0, 3), max_size=4),
)
GOOD = {"x_train": [3, 28, 28], "y_train": [3], "x_test": [2, 28, 28], "y_test": [2]}


def npz(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these members beside the four good arrays."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        for name, shape in GOOD.items():
            if f"{name}.npy" not in members:
                archive.writestr(f"{name}.npy", _array("u1", shape))
    return out.getvalue()


member_names = st.sampled_from(
    [*(f"{name}.npy" for name in ARRAY_NAMES), "../evil.npy", "/evil", "a/../../x_train.npy"]
)
npz_files = damaged(
    st.builds(
        npz,
        st.dictionaries(member_names, damaged(npy_content), max_size=3),
        st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]),
    )
)


def _take_npz(content: bytes, folder: Path) -> None:
    path = folder / "set.npz"
    path.write_bytes(content)
    assert tuple(read_npz(path)) == ARRAY_NAMES


def _take_cache(files: tuple[str, list[bytes]], folder: Path) -> None:
    name, contents = files
    info = DATASETS[name]
    for file, content in zip(info.downloads, contents, strict=False):
        path = folder / info.cache_subdir / file.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before = os.environ.get("KERAS_HOME")
    os.environ["KERAS_HOME"] = str(folder)
    try:
        load(name, source="keras_cache", say=lambda _: None)
    finally:
        os.environ.pop("KERAS_HOME")
        if before is not None:
            os.environ["KERAS_HOME"] = before


cache_files = st.tuples(st.just("mnist"), st.lists(npz_files, min_size=1, max_size=1)) | st.tuples(
    st.just("fashion_mnist"), st.lists(idx_files, max_size=4)
)

# Rows that stay in their files.


def _take_rows(given: tuple[str, bytes], folder: Path) -> None:
    name, content = given
    path = folder / name
    path.write_bytes(content)
    rows = open_rows(path, 1)
    assert np.asarray(rows).shape == rows.shape
    assert sum(chunk.nbytes for chunk in rows.chunks()) == rows.nbytes <= len(content)


row_files = st.tuples(st.just("x"), damaged(idx_content)) | st.tuples(
    st.just("x.npy"), damaged(npy_content)
)


# Trees of what JSON knows.

trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["dict", "array", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)

# Shards: three rows of 2 + 4 bytes, between 12 and 4 that nobody looks at here.
SHARD = bytes(range(66))


def _mostly(good: Any) -> st.SearchStrategy:
    odd = trees | st.integers(-1, 2**64) | st.sampled_from(["../evil", "/dev/zero", "object"])
    strategy = good if isinstance(good, st.SearchStrategy) else st.just(good)
    return st.integers(0, 19).flatmap(lambda n: odd if n == 7 else strategy)


def _record(**fields: Any) -> st.SearchStrategy:
    return _mostly(st.fixed_dictionaries({name: _mostly(good) for name, good in fields.items()}))


def _list(*items: Any) -> st.SearchStrategy:
    return _mostly(st.tuples(*map(_mostly, items)).map(list))


indices = _record(
    format="mlp_lab shards 1",
    block_rows=st.integers(1, 4),
    arrays=_list(
        _record(name="x", dtype=st.sampled_from(["uint8", "bool"]), shape=_list(_mostly(2))),
        _record(name="y", dtype=st.sampled_from(["int32", "float32"]), shape=_list()),
    ),
    parts=_record(
        train=_record(
            rows=3,
            sha256=_record(x="0", y="0"),
            shards=_list(
                _record(
                    file=st.sampled_from(["train-00000.tfrecord"] * 9 + ["../train.tfrecord"]),
                    rows=3,
                    crc32=_list(zlib.crc32(SHARD))
                    | _list(*map(zlib.crc32, (SHARD[:44], SHARD[44:]))),
                )
            ),
        )
    ),
)
index_files = indices.map(lambda index: json.dumps(index).encode())
shard_folders = st.tuples(
    index_files | damaged(index_files) | st.integers(0, 10**5).map(lambda n: b"[" * n),
    st.just(SHARD) | st.just(SHARD) | damaged(st.just(SHARD)),
)


def _take_shards(given: tuple[bytes, bytes], folder: Path) -> None:
    index, content = given
    (folder / "index.json").write_bytes(index)
    (folder / "train-00000.tfrecord").write_bytes(content)
    found = [
        np.asarray(rows) for part in open_shards(folder, 1).parts.values() for rows in part.values()
    ]
    assert content == SHARD or not found, "damage was not seen"


# Checkpoints.

described = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["<f4", "uint8", "object", "<U9", "V0", "x", "f4,f4"]) | trees,
        "shape": st.lists(st.integers(-2, 2**64), max_size=3) | trees,
    }
)


def _checkpoint(header: bytes, size: int | None, body: bytes, whole: bool) -> bytes:
    """A file of the format; `whole` if its checksum is to be right."""
    rest = (len(header) if size is None else size).to_bytes(8, "little") + header + body
    digest = hashlib.sha256(rest).digest() if whole else bytes(32)
    return b"mlp_lab\x01" + digest + rest


checkpoints = damaged(
    st.builds(
        _checkpoint,
        st.fixed_dictionaries({}, optional={"tree": trees, "arrays": st.lists(described)}).map(
            lambda header: json.dumps(header).encode()
        )
        | st.binary(max_size=20)
        | st.just(b"[" * 100_000),
        st.none() | st.integers(0, 2**64 - 1),
        st.binary(max_size=40),
        st.booleans(),
    )
) | st.builds(
    _checkpoint,
    st.fixed_dictionaries(
        {"tree": st.dictionaries(st.just("dict"), trees) | trees, "arrays": st.lists(described)}
    ).map(lambda header: json.dumps(header).encode()),
    st.none(),
    st.binary(max_size=40),
    st.just(True),
)


def checkpoint_target() -> Target:
    """Made late: the checkpoints' room imports Keras."""
    from mlp_lab.checkpoints.files import CheckpointError, read

    def take(content: bytes, folder: Path) -> None:
        path = folder / "step-000000000001.ckpt"
        path.write_bytes(content)
        read(path)

    return Target(checkpoints, take, (CheckpointError,))


# Flags.

NAMES = [field.name for field in dataclasses.fields(Config)]
plain_values = [
    "",
    "0",
    "-1",
    "7",
    "1e9",
    "nan",
    "inf",
    "true",
    "auto",
    "30s",
    "1" * 5000,
    "9" * 400,
]
odd_values = [
    "adam(beta_1=0.8)", "adam(a={[]: 1})", "adam(a={{}})", "sgd(a=" + "-" * 9000 + "1)",
    "adam(a=" + "(" * 150 + ")" * 150 + ")", "adam(a=1" + "+1" * 9000 + ")", "adam(a='\\d')",
    "a:b", "a:b()()", "mlp(", "accuracy,mse(name='a,b')", "a{99999999999999999999}",
    "(" * 5000, "[[a]", "../x", "a/b", "..", "~nobody/x", "a\nb", "a\0b", "\udcff", " a ",
    "256,128", "1" * 30, "99999999999999s", "\u0661s", "9" * 5000 + "s",
    "é", "#", "--epochs=3", "x\n--overwrite",
]  # fmt: skip
values = st.sampled_from(plain_values + odd_values) | st.text(max_size=12)
arguments = st.one_of(
    st.builds(lambda n, v: f"--{n}={v}", st.sampled_from(NAMES), values),
    st.sampled_from(NAMES).map(lambda name: f"--no{name}"),
    st.sampled_from(NAMES).map(lambda name: f"-{name}"),
    st.builds(lambda n, v: f"--{n}={v}", st.text(max_size=6), values),
    st.sampled_from(["--", "-", "--flagfile", "--undefok=x", "--help", "--flagfile=FILE"]),
    values,
)
# Arguments, and the file that FILE in them stands for.
flag_inputs = st.tuples(
    st.lists(arguments, max_size=4),
    st.lists(arguments | st.sampled_from(["# a comment", ""]), max_size=4).map(
        lambda lines: "\n".join(lines).encode("utf-8", "surrogateescape")
    )
    | st.binary(max_size=30),
)


def _take_flags(given: tuple[list[str], bytes], folder: Path) -> None:
    arguments, content = given
    file = folder / "file.flags"
    file.write_bytes(content)
    config = flags.parse([argument.replace("FILE", str(file)) for argument in arguments])
    file.write_text(flags.to_text(config), encoding="utf-8")
    try:
        again = flags.parse([f"--flagfile={file}"])
    except InputError as error:
        raise AssertionError("flags.txt cannot be read back") from error
    free = {"name": None, "overwrite": False, "resume": False}
    assert again == dataclasses.replace(config, **free)
    if config.name is not None:
        run = Path(os.path.normpath(folder / config.name))
        assert run.parent == folder, "the run's folder lies elsewhere"


def _flags_of(content: bytes) -> tuple[list[str], bytes]:
    first, _, rest = content.partition(b"\0")
    return first.decode("utf-8", "surrogateescape").split("\n"), rest


_WHOLE = _idx(0, 8, [2, 3], b"abcdef")
_FILES = (DataFault,)
TARGETS: dict[str, Callable[[], Target]] = {
    "idx": lambda: Target(
        idx_files, _take_idx, _FILES, seeds=(_WHOLE, _idx(0, 8, [6], b"abcdef"), zipped(_WHOLE, 2))
    ),
    "gzip": lambda: Target(bombs | damaged(bombs), _take_idx_only, _FILES),
    "npz": lambda: Target(npz_files, _take_npz, _FILES, seeds=(npz({}),)),
    "cache": lambda: Target(cache_files, _take_cache),
    "rows": lambda: Target(row_files, _take_rows, _FILES),
    "shards": lambda: Target(shard_folders, _take_shards, _FILES),
    "checkpoint": checkpoint_target,
    "flags": lambda: Target(
        flag_inputs,
        _take_flags,
        from_bytes=_flags_of,
        seeds=(
            b"--epochs=3\n--optimizer=adam(beta_1=0.8)\n--hidden_units=2,3",
            b"--flagfile=FILE\n--name=a\0--metrics=accuracy,mse\n--noshuffle\n--probe_layers=a|b",
        ),
    ),
}


def _take_idx_only(content: bytes, folder: Path) -> None:
    path = folder / "file"
    path.write_bytes(content)
    read_idx(path)
