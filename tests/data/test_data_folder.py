"""`--data_dir`: every form that is accepted and the message for every mistake."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mlp_lab.data import ARRAY_NAMES, Dataset, load
from mlp_lab.data.catalogue import IDX_STEMS
from mlp_lab.errors import InputError


@pytest.fixture
def arrays(make: SimpleNamespace) -> dict[str, np.ndarray]:
    return make.arrays(7)


def quiet(path: Path | str, name: str = "mnist") -> Dataset:
    return load(name, data_dir=path, say=lambda _: None)


def mistake(path: Path | str, name: str = "mnist") -> str:
    with pytest.raises(InputError) as caught:
        quiet(path, name)
    assert caught.value.option == "data_dir"
    text = str(caught.value)
    assert text.startswith("--data_dir: ")
    assert "\n" not in text
    return text


def same(dataset: Dataset, arrays: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(getattr(dataset, name), arrays[name]) for name in ARRAY_NAMES)


def test_what_is_returned(tmp_path: Path, make: SimpleNamespace, arrays: dict) -> None:
    dataset = quiet(make.folder(tmp_path, arrays))
    assert same(dataset, arrays)
    assert dataset.name == "mnist"
    assert dataset.num_classes == 10
    assert dataset.x_train.dtype == dataset.x_test.dtype == np.uint8
    assert dataset.y_train.dtype == dataset.y_test.dtype == np.int32
    for name in ARRAY_NAMES:
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, name)[0] = 0
    with pytest.raises(AttributeError):
        dataset.name = "other"  # type: ignore[misc]
    assert dataset.origin.kind == "data_dir"
    assert dataset.origin.location == str(tmp_path)
    assert dataset.origin.rows == {"train": 30, "test": 20}
    assert "u8[30,28,28]" in repr(dataset)
    assert "[[" not in repr(dataset)  # no pixels


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dotted", [False, True])
def test_idx_names(
    tmp_path: Path, make: SimpleNamespace, arrays: dict, suffix: str, dotted: bool
) -> None:
    make.folder(tmp_path, arrays, suffix)
    if dotted:
        for path in list(tmp_path.iterdir()):
            path.rename(path.with_name(path.name.replace("-idx", ".idx")))
        assert (tmp_path / f"t10k-labels.idx1-ubyte{suffix}").is_file()
    assert same(quiet(tmp_path), arrays)


@pytest.mark.parametrize(
    ("name", "file_name"),
    [
        ("mnist", "mnist.npz"),
        ("fashion_mnist", "fashion_mnist.npz"),
        ("fashion_mnist", "fashion-mnist.npz"),
    ],
)
def test_npz_in_a_folder(
    tmp_path: Path, make: SimpleNamespace, arrays: dict, name: str, file_name: str
) -> None:
    (tmp_path / file_name).write_bytes(make.npz_bytes(arrays))
    dataset = quiet(tmp_path, name)
    assert same(dataset, arrays)
    assert dataset.name == name
    assert dataset.origin.location == str(tmp_path / file_name)


def test_npz_itself_and_home(
    tmp_path: Path, make: SimpleNamespace, arrays: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays["y_train"] = arrays["y_train"].astype(">i8")
    (tmp_path / "mine.npz").write_bytes(make.npz_bytes(arrays))
    monkeypatch.setenv("HOME", str(tmp_path))
    dataset = quiet("~/mine.npz")
    assert same(dataset, arrays)
    assert dataset.y_train.dtype == np.int32


def test_preference(tmp_path: Path, make: SimpleNamespace) -> None:
    """IDX plain, then IDX gzipped, then npz."""
    plain, zipped, npz = (make.arrays(seed) for seed in (1, 2, 3))
    make.folder(tmp_path, plain, "")
    make.folder(tmp_path, zipped, ".gz")
    (tmp_path / "mnist.npz").write_bytes(make.npz_bytes(npz))
    assert same(quiet(tmp_path), plain)
    (tmp_path / IDX_STEMS["x_test"]).unlink()
    assert same(quiet(tmp_path), plain | {"x_test": zipped["x_test"]})
    for stem in IDX_STEMS.values():
        (tmp_path / stem).unlink(missing_ok=True)
    assert same(quiet(tmp_path), zipped)
    (tmp_path / (IDX_STEMS["x_test"] + ".gz")).unlink()
    assert same(quiet(tmp_path), npz)


def test_no_such_place(tmp_path: Path) -> None:
    assert f"{tmp_path / 'absent'}: does not exist" in mistake(tmp_path / "absent")
    assert "does not exist" in mistake(tmp_path / "absent.npz")
    (tmp_path / "file.txt").write_text("text")
    assert "is neither a directory nor an .npz file" in mistake(tmp_path / "file.txt")
    assert "is neither a directory nor an .npz file" in mistake(tmp_path / "file.txt" / "below")
    assert "is empty; give a folder" in mistake("")
    assert "cannot be read" in mistake("nul\0byte")


def test_empty_folder(tmp_path: Path) -> None:
    text = mistake(tmp_path)
    assert "is an empty directory; expected train-images-idx3-ubyte[.gz], " in text
    assert "or mnist.npz" in text
    assert "or fashion_mnist.npz or fashion-mnist.npz" in mistake(tmp_path, "fashion_mnist")


def test_wrong_files(tmp_path: Path, make: SimpleNamespace, arrays: dict) -> None:
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(b"")
    text = mistake(tmp_path)
    assert "holds 0.png, 1.png, 2.png, 3.png, 4.png, 5.png and 3 more; expected train-" in text
    assert "did you mean" not in text
    make.folder(tmp_path / "fashion-mnist", arrays)
    assert f"did you mean its folder {tmp_path / 'fashion-mnist'}?" in mistake(
        tmp_path, "fashion_mnist"
    )


def test_incomplete(tmp_path: Path, make: SimpleNamespace, arrays: dict) -> None:
    make.folder(tmp_path, arrays)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    (tmp_path / "t10k-images-idx3-ubyte.gz").unlink()
    assert (
        f"{tmp_path}: lacks train-labels-idx1-ubyte[.gz], t10k-images-idx3-ubyte[.gz]"
        in mistake(tmp_path)
    )


def test_broken_files_are_named(tmp_path: Path, make: SimpleNamespace, arrays: dict) -> None:
    make.folder(tmp_path, arrays)
    images = tmp_path / "train-images-idx3-ubyte.gz"
    good = images.read_bytes()
    images.write_bytes(good[:-100])
    assert f"{images}: the gzip data is truncated" in mistake(tmp_path)
    images.write_bytes(b"<html>not found</html>")
    assert f"{images}: is not an IDX file: bad magic number" in mistake(tmp_path)
    images.unlink()
    images.mkdir()
    assert f"{images}: is a directory, expected a file" in mistake(tmp_path)
    images.rmdir()
    (tmp_path / "mnist.npz").write_bytes(b"")
    assert f"{tmp_path / 'mnist.npz'}: is not a readable .npz file" in mistake(tmp_path)


def changed(arrays: dict[str, np.ndarray], **changes: np.ndarray) -> dict[str, np.ndarray]:
    return {**arrays, **changes}


@pytest.mark.parametrize("form", ["idx", "npz"])
def test_arrays_that_do_not_fit(
    tmp_path: Path, make: SimpleNamespace, arrays: dict, form: str
) -> None:
    def text_for(**changes: np.ndarray) -> str:
        wrong = changed(arrays, **changes)
        if form == "idx":
            return mistake(make.folder(tmp_path, wrong))
        (tmp_path / "set.npz").write_bytes(make.npz_bytes(wrong))
        return mistake(tmp_path / "set.npz")

    x, y = arrays["x_train"], arrays["y_train"]
    assert "training images and labels are swapped" in text_for(x_train=y, y_train=x)
    assert "test images and labels are swapped" in text_for(
        x_test=arrays["y_test"], y_test=arrays["x_test"]
    )
    assert "30 training images but 29 labels" in text_for(y_train=y[:-1])
    assert "19 test images but 20 labels" in text_for(x_test=arrays["x_test"][:-1])
    assert (
        "1 training labels are out of range: label 10 at row 4, expected 0 to 9 for mnist"
        in text_for(y_train=np.where(np.arange(30) == 4, 10, y).astype(np.uint8))
    )
    assert "the training images have the shape (30, 28, 27), expected (n, 28, 28)" in text_for(
        x_train=x[:, :, :27]
    )
    assert "the training images have the shape (30, 784)" in text_for(x_train=x.reshape(30, 784))
    assert "have the shape (30, 28, 28, 1)" in text_for(x_train=x[..., None])
    assert "the test labels have the shape (20, 10), expected (n,)" in text_for(
        y_test=np.eye(20, 10, dtype=np.uint8)
    )
    assert "there are no training images (zero rows)" in text_for(x_train=x[:0], y_train=y[:0])
    assert "there are no test images (zero rows)" in text_for(
        x_test=arrays["x_test"][:0], y_test=arrays["y_test"][:0]
    )


def test_labels_that_one_byte_cannot_hold(
    tmp_path: Path, make: SimpleNamespace, arrays: dict
) -> None:
    """-1 and 256 must be refused, not wrapped to 255 and 0."""
    for label in (-1, 256, 2**62):
        wrong = arrays["y_train"].astype(np.int64)
        wrong[3] = label
        (tmp_path / "set.npz").write_bytes(make.npz_bytes(changed(arrays, y_train=wrong)))
        assert f"label {label} at row 3" in mistake(tmp_path / "set.npz")


def test_the_other_data_set(tmp_path: Path, world, make: SimpleNamespace) -> None:
    folder = make.folder(tmp_path / "x", world.arrays["fashion_mnist"])
    assert "holds fashion_mnist, not mnist; use --dataset=fashion_mnist" in mistake(folder)
    assert quiet(folder, "fashion_mnist").origin.published


def test_unknown_content_is_said(tmp_path: Path, make: SimpleNamespace, arrays: dict) -> None:
    said: list[str] = []
    dataset = load("mnist", data_dir=make.folder(tmp_path, arrays), say=said.append)
    assert len(said) == 1
    assert said == list(dataset.origin.notes)
    assert f"{tmp_path} is not the published set (30 training and 20 test images)" in said[0]
    assert not dataset.origin.published


def test_never_falls_back(world, make: SimpleNamespace, tmp_path: Path) -> None:
    """A broken data_dir is an error although the cache has the full set."""
    world.fill_cache("mnist")
    folder = make.folder(tmp_path / "broken", make.arrays(5))
    broken = folder / "t10k-labels-idx1-ubyte.gz"
    broken.write_bytes(gzip.compress(b""))
    assert f"{broken}: is empty" in mistake(folder)


@pytest.mark.parametrize("beside", [True, False])
def test_folders_of_the_names_of_files(
    beside: bool, tmp_path: Path, make: SimpleNamespace, arrays: dict
) -> None:
    """An archive unpacked by some programs: a folder for each file, perhaps beside the files."""
    folder = make.folder(tmp_path, arrays, "")
    for stem in IDX_STEMS.values():
        content = (folder / stem).read_bytes()
        (folder / stem).unlink()
        (folder / stem).mkdir()
        inside = folder / stem / stem
        if beside:
            (folder / stem.replace("-idx", ".idx")).write_bytes(content)
            inside.write_bytes(b"another")
        else:
            inside.write_bytes(content)
    assert same(quiet(folder), arrays)


def test_a_folder_without_the_file_is_said(
    tmp_path: Path, make: SimpleNamespace, arrays: dict
) -> None:
    folder = make.folder(tmp_path, arrays, "")
    stem = IDX_STEMS["y_train"]
    (folder / stem).unlink()
    (folder / stem).mkdir()
    assert f"{stem}: is a directory, expected a file" in mistake(folder)
    (folder / "y_train.npy").mkdir()
    (folder / f"{stem}.gz").write_bytes(gzip.compress(make.idx_bytes(arrays["y_train"])))
    assert same(quiet(folder), arrays)
