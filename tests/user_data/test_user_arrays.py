"""Arrays of the user's own: what is read as what, and what is refused in one line."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp_lab.data.rows import Rows
from mlp_lab.errors import InputError
from mlp_lab.user_data import roles
from mlp_lab.user_data.arrays import split
from mlp_lab.user_data.choose import from_arrays, load

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
Y = np.arange(40) % 4


def refused(call, *arguments, **named):
    """What the one line says."""
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700
    return str(caught.value)


def attempt(call, *arguments):
    """What it returns; None if one line refuses it."""
    try:
        return call(*arguments)
    except InputError as error:
        said = str(error)
    assert said.isprintable()
    return None


def idx(array, zipped=False):
    kinds = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
    name = array.dtype.str[1:]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kinds[name], array.ndim, *array.shape)
    content = header + array.astype(f">{name}").tobytes()
    return gzip.compress(content, mtime=0) if zipped else content


@pytest.mark.parametrize(
    ("x", "y"),
    [
        *(("x_train", "y_train"), ("x", "y"), ("X", "Y"), ("X", "y"), ("arr_0", "arr_1")),
        *(("data", "target"), ("images", "labels"), ("features", "labels"), ("XTrain", "YTrain")),
        *(("train_images", "train_labels"), ("inputs", "targets"), ("xtrain", "ytrain")),
    ],
)
def test_usual_names(tmp_path, x, y):
    np.savez(tmp_path / "a.npz", **{y: Y, x: X})
    found = load(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.x_train, X.astype(np.float32))
    np.testing.assert_array_equal(found.y_train, Y)
    assert found.x_test is None
    assert found.class_names == ("0", "1", "2", "3")
    assert found.kind == "classes"
    assert repr(found).startswith("Arrays classes ")


def test_parts_and_given_names(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, feat=X, lab=Y, x_test=X[:8], y_test=Y[:8], other=1)
    found = load(path, names="x=feat, y=lab")
    assert found.x_test is None
    assert "not used: x_test, y_test, other" in found.lines
    found = load(path, names={"x": "feat", "y": "lab", "x_test": "x_test", "y_test": "y_test"})
    np.testing.assert_array_equal(found.y_test, Y[:8])
    assert "has no array 'labs' for y_train (did you mean 'lab'?)" in refused(
        load, path, names="x=feat,y=labs"
    )
    for names in (
        "feat,lab",
        "z=feat,y=lab",
        "x=feat",
        "x=feat,x=lab,y=lab",
        "x=feat,y=lab,x_test=feat",
    ):
        assert refused(load, path, names=names).startswith("--names: ")


def test_a_validation_part(tmp_path):
    """MedMNIST has three parts, and labels of one column."""
    both = {"train_images": X, "train_labels": Y[:, None], "val_images": X[:8]}
    both |= {"val_labels": Y[:8, None]}
    np.savez(tmp_path / "a.npz", **both)
    found = load(tmp_path / "a.npz")
    assert len(found.y_test) == 8
    assert any("validation part is read as the test part" in line for line in found.lines)
    np.savez(tmp_path / "b.npz", **both, test_images=X[:4], test_labels=Y[:4, None])
    found = load(tmp_path / "b.npz")
    assert len(found.y_test) == 4
    assert "not used: val_images, val_labels" in found.lines


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        (dict(x=X), "has an array for x but none for y"),
        (dict(labels=Y), "has an array for y but none for x"),
        (dict(a=X, b=Y), "no arrays for x and y by their usual names: it holds a, b"),
        (dict(x=X, images=X, y=Y), "images or x for x?"),
        (dict(x=X, y=Y, x_train=X, y_train=Y), "x or x_train for training?"),
        (dict(x_train=X, y_train=Y, x_test=X), "has x_test but no y for it"),
        (dict(x_test=X, y_test=Y), "has no training part: x is x_test"),
        (dict(arr_0=X, arr_1=X, arr_2=Y, arr_3=Y), "which arrays are x and y?"),
        (dict(), "no arrays for x and y"),
        (dict(x=X, y=Y[:-1]), "x_train has 40 rows, but y_train has 39"),
        (dict(x=X, y=Y, x_test=X[:, 1:], y_test=Y), "the shape (5,), but those of x_test (4,)"),
        (
            dict(x=X, y=Y, x_test=X.astype(np.uint8), y_test=Y),
            "values of type float32, but those of x_test uint8",
        ),
        (dict(x=X * 1j, y=Y), "x_train holds complex numbers"),
        (dict(x=X, y=Y * 1j), "y_train holds complex numbers"),
        (dict(x=np.array(["a"] * 40), y=Y), "x_train holds texts, expected real numbers"),
        (dict(x=X.astype("M8[s]"), y=Y), "x_train holds dates"),
        (dict(x=np.zeros(40, "i4,f4"), y=Y), "x_train holds ["),
        (dict(x=X[:0], y=Y[:0]), "has the shape (0,)"),
        (dict(x=np.zeros((40, 0)), y=Y), "x_train has the shape (40, 0): there are no values"),
        (dict(x=np.float64(3), y=Y), "x_train has 0 rows"),
        (dict(x=X, y=Y.reshape(40, 1, 1)), "y_train has the shape (40, 1, 1), expected (n,)"),
        (dict(x=np.where(X > 2, np.inf, X), y=Y), "has a value that is infinite"),
        (dict(x=X * 1e300, y=Y), "too large for float32"),
        (dict(x=X, y=np.where(Y == 3, np.nan, Y)), "y_train: row 3 is NaN (rows are counted from"),
        (dict(x=X, y=np.where(Y == 2, -np.inf, Y)), "y_train: row 2 is infinite"),
        (dict(x=X, y=Y * 0 + 7), "y is '7' in all rows; nothing to learn"),
        (dict(x=X, y=np.full(40, "cat")), "y is 'cat' in all rows"),
        (dict(x=X, y=np.array(["cat"] * 39 + ["dog"])), "class 'dog' of y has one row (39,"),
        (dict(x=X, y=np.array(["cat", ""] * 20)), "row 1 has no text"),
        (dict(x=X, y=np.array([b"\xff", b"a"] * 20)), "holds texts that are not Unicode"),
        (dict(x=X, y=np.full((40, 2), "a")), "y_train holds texts in 2 columns"),
        (
            dict(x=X, y=Y, x_test=X[:2], y_test=np.array([0, 9])),
            "the test part has the class '9' (row 1), which the training part does not have",
        ),
        (dict(x=X, y=Y, x_test=X, y_test=np.full(40, "a")), "y_train is int64 (40,), but y_test"),
    ],
)  # fmt: skip
def test_refused(tmp_path, members, problem):
    np.savez(tmp_path / "a.npz", **members)
    assert problem in refused(load, tmp_path / "a.npz")


def test_never_unpickles(tmp_path):
    objects = np.empty(40, object)
    np.savez(tmp_path / "a.npz", x=X, y=objects)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", objects)
    for name in ("a.npz", "x.npy"):
        said = refused(load, tmp_path / name, **({"names": "x=x,y=y"} if name == "x.npy" else {}))
        assert "holds pickled objects, which are never loaded; before saving, convert" in said


TYPES = ["?", "u1", "i1", "<i2", ">i4", ">i8", "u8", "<f2", ">f2", "f4", ">f8", "g"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("order", "CF")
def test_types_and_orders(tmp_path, kind, order):
    x = np.array(RNG.integers(0, 2 if kind == "?" else 100, (40, 3, 2)), kind, order=order)
    np.savez_compressed(tmp_path / "a.npz", x=x, y=Y)
    (tmp_path / "folder").mkdir()
    np.save(tmp_path / "folder/x.npy", x)
    np.save(tmp_path / "folder/y.npy", np.asfortranarray(Y.astype(">i2")))
    for path in ("a.npz", "folder", "folder/x.npy", "folder/y.npy"):
        found = load(tmp_path / path)
        assert found.x_train.dtype == (np.uint8 if kind in "?u1" else np.float32)
        np.testing.assert_array_equal(found.x_train, x)
        np.testing.assert_array_equal(found.y_train, Y)


def test_labels_that_do_not_start_at_0():
    found = from_arrays(X, Y + 1)
    np.testing.assert_array_equal(found.y_train, Y)
    assert found.class_names == ("1", "2", "3", "4")
    assert found.lines == ("labels 1–4 read as classes 0–3",)  # noqa: RUF001
    found = from_arrays(X, np.array([-1, 1] * 20))
    assert found.class_names == ("-1", "1")
    assert found.lines == ("labels -1, 1 read as classes 0–1",)  # noqa: RUF001
    found = from_arrays(X, np.array([3.0, 10.0] * 20), X[:2], np.array([10, 3]))
    assert (found.class_names, found.y_test.tolist()) == (("3", "10"), [1, 0])
    found = from_arrays(X, np.array(["b10", "b9"] * 20))
    assert (found.class_names, found.y_train[:2].tolist()) == (("b9", "b10"), [1, 0])
    assert from_arrays(X, Y > 1).class_names == ("False", "True")
    assert from_arrays(X, Y, class_names=("a", "b", "c", "d")).class_names == ("a", "b", "c", "d")
    assert "2 names of classes" in refused(from_arrays, X, Y, class_names=("a", "b"))


def test_class_names_in_the_file(tmp_path):
    np.savez(tmp_path / "a.npz", data=X, target=Y, target_names=np.array(list("abcd")))
    assert load(tmp_path / "a.npz").class_names == ("a", "b", "c", "d")
    np.savez(tmp_path / "b.npz", data=X, target=Y, target_names=np.arange(4))
    found = load(tmp_path / "b.npz")
    assert found.class_names == ("0", "1", "2", "3")
    assert "not used: target_names" in found.lines


def test_several_columns():
    found = from_arrays(X, np.eye(4)[Y], X[:8], np.eye(4, dtype=bool)[Y[:8]])
    assert (found.kind, found.y_train.dtype) == ("classes", np.int32)
    np.testing.assert_array_equal(found.y_train, Y)
    np.testing.assert_array_equal(found.y_test, Y[:8])
    assert "y is one-hot: read as 4 classes" in found.lines
    many = np.stack([Y > 1, Y % 2, Y == 0], axis=1).astype(int)
    found = from_arrays(X, many)
    assert (found.kind, found.y_train.dtype, found.facts.several_labels) == ("labels", "f4", True)
    np.testing.assert_array_equal(found.y_train, many)
    found = from_arrays(X, X[:, :2])
    assert (found.kind, found.class_names, found.facts.columns) == ("numbers", None, 2)
    np.testing.assert_array_equal(found.y_train, X[:, :2])
    assert "one-hot in row 0" in refused(from_arrays, X, np.eye(4)[Y], X[:1], np.ones((1, 4)))
    assert "other values than 0 and 1" in refused(from_arrays, X, many, X[:1], [[0, 2, 1]])
    many[:, 1] = 1
    assert "label '1' of y is in all rows" in refused(from_arrays, X, many)
    assert "column 1 of y is 3 in all rows" in refused(
        from_arrays, X, np.stack([X[:, 0], X[:, 0] * 0 + 3], axis=1)
    )


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (np.repeat(np.arange(47), 4) + 1, "classes"),  # EMNIST's, from 1
        (np.repeat(np.arange(47), 4) * 1.0, "numbers"),
        (np.repeat(np.arange(18, 90), 4), "numbers"),  # ages
        (np.arange(100), "numbers"),
        (np.arange(100) % 2 * 1.0, "classes"),
        (np.arange(100) % 7 * 10, "classes"),
        (np.arange(100) / 7, "numbers"),
        (np.arange(9) % 2, "classes"),
        (np.arange(100).astype(str), None),
    ],
)
def test_what_y_seems_to_hold(y, kind):
    x = np.arange(len(y))
    if kind is None:
        assert "has one row" in refused(from_arrays, x, y)
        return
    found = from_arrays(x, y)
    assert found.kind == found.facts.kind() == kind
    assert found.lines[0] == "x_train has one number in each row"
    np.testing.assert_array_equal(found.as_kind("numbers").y_train, y[:, None])
    if len(np.unique(y)) < len(y) / 2:
        again = found.as_kind("numbers").as_kind("classes")
        names = np.array(again.class_names)[again.y_train]
        np.testing.assert_array_equal(names.astype(float), y)
    for other in ("labels", "text"):
        assert refused(found.as_kind, other).startswith("--task: ")


def test_missing_and_rounded_numbers():
    x = X.copy()
    x[3, 1:3] = x[7, 0] = np.nan
    found = from_arrays(x, Y)
    assert found.missing == 3
    assert found.lines == ("x_train: 3 values in 2 rows are NaN; they count as missing",)
    np.testing.assert_array_equal(found.x_train, x.astype(np.float32))
    x = np.stack([1_600_000_000 + np.arange(40), np.arange(40)], axis=1)
    (line,) = from_arrays(x, Y).lines
    assert "feature 0 runs from 1600000000 to 1600000039, and float32 rounds to steps" in line
    assert not from_arrays(x[:, 1:] * 2**50, Y).lines


def test_idx_of_any_size(tmp_path):
    """EMNIST's names, labels from 1, several sets in a folder; KMNIST's npz files of one array."""
    x, y = RNG.integers(0, 256, (40, 3, 7), np.uint8), (Y + 1).astype(np.uint8)
    for name in ("emnist-letters", "emnist-digits"):
        for part in ("train", "test"):
            (tmp_path / f"{name}-{part}-images-idx3-ubyte.gz").write_bytes(idx(x, True))
            (tmp_path / f"{name}-{part}-labels-idx1-ubyte").write_bytes(idx(y))
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65 97\n")
    assert "holds 2 data sets, emnist-digits, emnist-letters" in refused(load, tmp_path)
    found = load(tmp_path / "emnist-letters-train-images-idx3-ubyte.gz")
    for part in (found.x_train, found.x_test):
        np.testing.assert_array_equal(part, x)
    np.testing.assert_array_equal(found.y_test, Y)
    assert found.class_names == ("1", "2", "3", "4")
    other = tmp_path / "kmnist"
    other.mkdir()
    for part in ("train", "test"):
        np.savez(other / f"kmnist-{part}-imgs.npz", x)
        np.savez(other / f"kmnist-{part}-labels.npz", y)
    for path in (other, other / "kmnist-test-imgs.npz"):
        found = load(path)
        np.testing.assert_array_equal(found.x_test, x)
        np.testing.assert_array_equal(found.y_train, Y)


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "f4", "f8"])
def test_idx_of_any_type(tmp_path, kind):
    x = RNG.integers(-100, 100, (40, 2)).astype(kind)
    (tmp_path / "train-images.idx2-x").write_bytes(idx(x))
    (tmp_path / "train-labels.idx1-int").write_bytes(idx(Y.astype("i4")))
    found = load(tmp_path, names="x=train-images.idx2-x,y=train-labels.idx1-int")
    np.testing.assert_array_equal(found.x_train, x)
    np.testing.assert_array_equal(found.y_train, Y)


def test_plain_and_gzipped_and_unpacked_folders(tmp_path):
    x, y = RNG.integers(0, 256, (40, 2, 2), np.uint8), Y.astype(np.uint8)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"not looked at")
    inner = tmp_path / "train-images-idx3-ubyte"
    inner.mkdir()
    (inner / inner.name).write_bytes(idx(x))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(y))
    np.testing.assert_array_equal(load(tmp_path).x_train, x)
    np.save(tmp_path / "train-images-idx3-ubyte.npy", x)
    assert "has both" in refused(load, tmp_path)


def test_large_arrays_stay_in_their_files(tmp_path):
    x = RNG.normal(size=(3000, 50))
    y = np.arange(3000) % 3
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    found = load(tmp_path, memory_mb=1)
    assert isinstance(found.x_train, Rows)
    assert found.x_train.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(found.x_train), x.astype(np.float32))
    parts, whole = split(found, 0.2, 3), split(load(tmp_path), 0.2, 3)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    x[2999, 1] = np.inf
    np.save(tmp_path / "x.npy", x)
    assert "row 2,999 has a value that is infinite" in refused(load, tmp_path, memory_mb=1)


def test_split():
    x = np.arange(100.0)
    parts = split(from_arrays(x, np.arange(100) % 5), 0.2, seed=1)
    assert (len(parts.x_train), len(parts.x_test)) == (80, 20)
    assert np.bincount(parts.y_test).tolist() == [4] * 5
    np.testing.assert_array_equal(parts.x_test[:, 0] % 5, parts.y_test)
    both = np.concatenate([parts.x_train, parts.x_test])[:, 0]
    np.testing.assert_array_equal(np.sort(both), x)
    assert parts.lines[-1].startswith("test part: 20% of the rows by a hash of seed 1 and the row")
    assert split(parts, 0.5) is parts
    numbers = parts.as_kind("numbers")
    np.testing.assert_array_equal(numbers.y_test[:, 0], parts.y_test)
    assert parts.lines[-1] in numbers.lines
    other = split(from_arrays(x, np.arange(100) % 5), 0.2, seed=2)
    assert not np.array_equal(other.x_test, parts.x_test)
    assert refused(split, from_arrays(x, x), 1.5).startswith("--test_split: ")


def test_test_data(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y + 1)
    np.savez(tmp_path / "b.npz", x_test=X[:9], y_test=Y[:9] + 1)
    found = load(tmp_path / "a.npz", test_data=tmp_path / "b.npz")
    np.testing.assert_array_equal(found.y_test, Y[:9])
    np.testing.assert_array_equal(found.x_test, X[:9].astype(np.float32))
    np.savez(tmp_path / "c.npz", x=X, y=Y, x_test=X, y_test=Y)
    for path, other, problem in (
        ("c.npz", "a.npz", "has a test part already"),
        ("a.npz", "nothing.npz", "does not exist"),
        ("a.npz", "t.csv", "is a table, but the training part is not"),
        ("a.npz", "d.npz", "not a readable .npz file"),
    ):
        (tmp_path / "t.csv").write_text("a,b\n1,2\n")
        (tmp_path / "d.npz").write_bytes(b"PK\3\4")
        said = refused(load, tmp_path / path, test_data=tmp_path / other)
        assert said.startswith("--test_data: ")
        assert problem in said


def test_what_is_a_table_or_nothing(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n", mtime=0))
    assert load(tmp_path / "t.csv") is None
    assert load(tmp_path / "t.csv.gz") is None
    assert load({"a": [1]}) is None
    assert "is a folder of tables; give one of them, such as" in refused(load, tmp_path)
    assert "does not exist" in refused(load, tmp_path / "x.npz")
    assert "got an empty text" in refused(load, "")
    assert refused(load, "nul\0byte").startswith("--data: ")
    (tmp_path / "x.npy").write_bytes(b"")
    assert "--data: " in refused(load, tmp_path / "x.npy")


@given(st.text(max_size=30))
def test_any_name_has_a_meaning_or_none(name):
    assert roles.part_of(name) in ("", "train", "test", "val")
    chosen = attempt(roles.assign, [name, "x", "y"], "", "here")
    assert chosen is None or {chosen["x_train"], chosen["y_train"]} <= {name, "x", "y"}


def npz_bytes(**members):
    out = io.BytesIO()
    np.savez_compressed(out, **members)
    return out.getvalue()


WHOLE = {
    "a.npz": npz_bytes(x=X[:8], y=Y[:8] % 2),
    "t.npz": npz_bytes(x=X[:8], y=np.array(["a", "bc"] * 4)),
    "train-images-idx2-ubyte": idx(X[:8].astype("f4")),
    "train-images-idx2-ubyte.gz": idx(X[:8].astype("f8"), True),
}


@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4),
    st.integers(0, 60),
    st.booleans(),
)
def test_damaged_files(tmp_path_factory, name, changes, cut, huge):
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(WHOLE[name])
    for at, value in changes:
        content[at % len(content)] = value
    if huge and name.startswith("train-images"):
        content[4:8] = b"\xff" * 4
    (folder / name).write_bytes(content[: len(content) - cut])
    (folder / "train-labels-idx1-ubyte").write_bytes(idx((Y[:8] % 2).astype("u1")))
    found = attempt(load, folder / name)
    assert found is None or len(found.x_train) == len(found.y_train)


@given(st.binary(max_size=200) | st.integers(0, 150), st.integers(0, 255))
def test_damaged_npy(tmp_path_factory, at, value):
    folder = tmp_path_factory.mktemp("damaged")
    out = io.BytesIO()
    np.save(out, X[:8])
    content = bytearray(out.getvalue())
    if isinstance(at, bytes):
        content[: len(at)] = at
    else:
        content[at] = value
    (folder / "x.npy").write_bytes(content)
    np.save(folder / "y.npy", Y[:8] % 2)
    attempt(load, folder)


def test_claims_and_bombs(tmp_path):
    """Headers that claim terabytes, and zeros that were packed well."""
    claim = "{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 8), }\n"
    header = b"\x93NUMPY\1\0" + struct.pack("<H", len(claim)) + claim.encode()
    (tmp_path / "x.npy").write_bytes(header)
    np.save(tmp_path / "y.npy", Y)
    assert "more than the limit of" in refused(load, tmp_path)
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x", "y"):
            archive.writestr(f"{name}.npy", header)
    assert "but the zip directory says 0" in refused(load, tmp_path / "b.npz")


def test_all_arrays_together_are_bounded(tmp_path, monkeypatch):
    """Each of two arrays of zeros is below the limit, but not both."""
    zeros = np.zeros((2**20, 8), np.uint8)
    np.savez_compressed(tmp_path / "a.npz", x=zeros, y=zeros)
    monkeypatch.setattr("mlp_lab.data.npz.MAX_ARRAY_BYTES", 12 * 2**20)
    assert "its arrays take 16,777,472 bytes, more than" in refused(load, tmp_path / "a.npz")
