"""Folders of pictures: one subfolder a class, pictures of any form, and what is none."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from mlp_lab.errors import InputError
from mlp_lab.user_data.arrays import split
from mlp_lab.user_data.choose import load
from mlp_lab.user_data.picture import read_picture

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, shape, np.uint8)


def write(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def fill(folder, names=("cat", "dog"), count=3, shape=(6, 5)):
    """A folder with some pictures of each class; the pixels by file."""
    pixels = {}
    for name in names:
        for place in range(count):
            path = folder / name / f"{place + 8}.png"
            pixels[path] = noise(*shape)
            write(path, pixels[path])
    return pixels


def refused(*arguments, **named):
    """What the one line says."""
    with pytest.raises(InputError) as caught:
        load(*arguments, **named)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    return str(caught.value)


def test_classes_and_order(tmp_path):
    pixels = fill(tmp_path, ("10", "9", "b"), 4)
    found = load(tmp_path)
    assert found.class_names == ("9", "10", "b")
    assert (found.x_train.shape, found.x_train.dtype) == ((12, 6, 5), np.uint8)
    assert found.y_train.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for row, number in enumerate((8, 9, 10, 11)):
        np.testing.assert_array_equal(found.x_train[row], pixels[tmp_path / f"9/{number}.png"])
    assert found.lines == ("12 pictures of 3 classes, 6x5, gray",)
    assert (found.pictures.height, found.pictures.width, found.pictures.color) == (6, 5, "gray")
    parts = split(found, 0.25, 0)
    assert np.bincount(parts.y_test).tolist() == [1, 1, 1]


def test_parts_and_hidden_files(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "Test", count=2)
    for name in (".DS_Store", "train/cat/Thumbs.db", "train/cat/._8.png", "train/dog/.x/8.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no picture")
    (tmp_path / "train/README.md").write_text("Cats.")
    fill(tmp_path / "val")
    found = load(tmp_path)
    assert (len(found.x_train), len(found.x_test)) == (6, 4)
    assert found.y_test.tolist() == [0, 0, 1, 1]
    assert found.lines == (
        "6 + 4 pictures of 2 classes, 6x5, gray",
        "not used: val/",
        "hidden files skipped: 3 (._8.png, .x, Thumbs.db)",
        "in no folder of a class, not used: README.md",
    )
    (tmp_path / "Test").rename(tmp_path / "other")
    found = load(tmp_path)
    assert (len(found.x_train), len(found.x_test)) == (6, 6)
    assert found.lines[1] == "val/ is read as the test part, since there is no test/"
    found = load(tmp_path / "train", test_data=tmp_path / "other", image_size=4)
    assert (found.x_train.shape, found.x_test.shape) == ((6, 4, 4), (4, 4, 4))
    fill(tmp_path / "val", ("cow",))
    assert "has no folder for class 'cow', which" in refused(tmp_path)


def test_a_class_may_be_called_train(tmp_path):
    fill(tmp_path, ("bus", "train"))
    assert load(tmp_path).class_names == ("bus", "train")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda f: (f / "cow").mkdir(), "the folder of class 'cow' has no pictures"),
        (
            lambda f: (f / "cat/a.png").write_bytes(b"hello"),
            "a.png: is not a picture; expected PNG",
        ),
        (lambda f: (f / "cat/a.png").write_bytes(b""), "a.png: is empty"),
        (lambda f: (f / "cat/labels.csv").write_text("a,b\n"), "labels.csv: is not a picture"),
        (lambda f: write(f / "cat/a.tiff", noise(6, 5)), "a.tiff: is not a picture"),
        (lambda f: (f / "dog").rename(f / ".dog"), "there is one class only, 'cat'"),
        (
            lambda f: (f / "cat/a.png").write_bytes((f / "cat/8.png").read_bytes()[:50]),
            "a.png: is a damaged picture (",
        ),
    ],
)
def test_refused(tmp_path, make, problem):
    fill(tmp_path)
    make(tmp_path)
    assert problem in refused(tmp_path)


def test_nothing_to_read(tmp_path):
    assert "expected arrays (npz, npy, IDX), or a folder of pictures" in refused(tmp_path)
    write(tmp_path / "a.png", noise(4, 4))
    assert "it holds a.png" in refused(tmp_path)


def test_names_that_are_not_unicode(tmp_path):
    fill(tmp_path)
    (tmp_path / "cat").rename(tmp_path / "c\udcff")
    assert "not Unicode" in refused(tmp_path)


def test_sizes(tmp_path):
    pixels = fill(tmp_path)
    write(tmp_path / "cat/a.png", noise(12, 10))
    found = load(tmp_path)
    assert found.x_train.shape == (7, 6, 5)
    assert "resized to 6x5: 1 of 7 pictures, which have other sizes" in found.lines
    np.testing.assert_array_equal(found.x_train[0], pixels[tmp_path / "cat/8.png"])
    for given_size, shape in (("3x4", (3, 4)), (3, (3, 3)), ("7", (7, 7)), ((2, 1), (2, 1))):
        assert load(tmp_path, image_size=given_size).x_train.shape[1:] == shape
    for given_size in ("3y4", "0x3", 5000, "x", (1, 2, 3), -3, "99999999"):
        assert refused(tmp_path, image_size=given_size).startswith("--image_size: ")
    for place in range(8):
        write(tmp_path / f"cat/b{place}.png", noise(4, 20 + place))
    assert "have 10 sizes, from 6x5 to 12x10" in refused(tmp_path)
    assert load(tmp_path, image_size="6x5").x_train.shape == (15, 6, 5)


def test_resizing_averages(tmp_path):
    """All pixels count: the mean of two stripes, not one of them."""
    pixels = np.repeat(np.array([[0, 200]], np.uint8), 8, axis=0).repeat(8, axis=1)
    path = write(tmp_path / "a.png", pixels)
    small = read_picture(path, 1, 1, gray=True)
    assert small.tolist() == [[100]]


def test_colors(tmp_path):
    fill(tmp_path, shape=(6, 5, 3))
    found = load(tmp_path)
    assert found.x_train.shape == (6, 6, 5, 3)
    gray = load(tmp_path, color="gray").x_train
    luma = found.x_train @ np.array([0.299, 0.587, 0.114])
    assert np.abs(gray - luma).max() <= 1
    assert refused(tmp_path, color="grey").startswith("--color: ")


def test_gray_pictures_stored_as_color(tmp_path):
    pixels = fill(tmp_path)
    path, expected = next(iter(pixels.items()))
    write(path, np.stack([expected] * 3, axis=-1))
    found = load(tmp_path)
    assert found.pictures.color == "gray"
    np.testing.assert_array_equal(found.x_train[0], expected)
    assert load(tmp_path, color="rgb").x_train.shape == (6, 6, 5, 3)


def test_forms_of_pictures(tmp_path):
    """Palette, one bit, 16 bits, alpha, CMYK, several frames, JPEG, BMP: by what they show."""
    flat = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    image = Image.fromarray(flat)
    clear = image.convert("RGBA")
    clear.putalpha(Image.fromarray(np.repeat(np.array([[0] * 4 + [255] * 4], np.uint8), 8, 0)))
    frames = [image, Image.fromarray(flat[..., ::-1])]
    expected = np.array([200, 100, 50])
    white = np.array([255, 255, 255])
    deep = np.full((8, 8), 30000, np.uint16)
    for name, picture, options, pixel, tolerance in (
        ("p.png", image.quantize(4), {}, expected, 0),
        ("p.gif", image.quantize(4), {"save_all": True, "append_images": frames[1:]}, expected, 4),
        ("b.bmp", image, {}, expected, 0),
        ("j.jpg", image, {"quality": 95}, expected, 4),
        ("c.jpg", image.convert("CMYK"), {"quality": 95}, expected, 6),
        ("a.png", clear, {}, white, 0),
        ("one.png", Image.fromarray(np.ones((8, 8), bool)), {}, white, 0),
        ("deep.png", Image.fromarray(deep), {}, np.array([117] * 3), 0),
    ):
        path = write(tmp_path / "x" / name, picture, **options)
        read = read_picture(path, 8, 8, gray=False)
        assert read.shape == (8, 8, 3)
        assert np.abs(read[0, 0].astype(int) - pixel).max() <= tolerance, name
    assert (read_picture(tmp_path / "x/a.png", 8, 8, gray=False)[0, 7] == expected).all()
    fill(tmp_path, ("y",), shape=(8, 8))
    lines = load(tmp_path).lines
    for line in (
        "with transparent parts, laid on white: 1 of 11 pictures",
        "converted from CMYK: 1 of 11 pictures",
        "of 16 bits reduced to 8 (divided by 257): 1 of 11 pictures",
        "of several frames, of which the first is read: 1 of 11 pictures",
    ):
        assert line in lines
    assert any(line.startswith("of one color only: ") for line in lines)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path, orientation):
    """Pillow's own `exif_transpose` is the second implementation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.kron(noise(3, 2), np.ones((8, 8), np.uint8))
    fill(tmp_path, count=2)
    paths = [write(tmp_path / f"zebra/{end}", pixels, exif=exif) for end in ("a.jpg", "b.png")]
    for path in paths:
        with Image.open(path) as image:
            expected = np.asarray(ImageOps.exif_transpose(image))
        read = read_picture(path, *expected.shape, gray=True)
        np.testing.assert_array_equal(read, expected)
    found = load(tmp_path, image_size=expected.shape)
    np.testing.assert_array_equal(found.x_train[-1], expected)
    said = "turned upright by EXIF orientation: 2 of 6 pictures" in found.lines
    assert said == (orientation != 1)


def test_bombs(tmp_path):
    """A header that claims billions of pixels, and pixels that were packed well."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    fill(tmp_path)
    path = tmp_path / "cat/a.png"
    for side in (9000, 60000, 2**31 - 1):
        sizes = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", sizes)
            + chunk(b"IDAT", zlib.compress(b"\0" * 9999))
        )
        assert "pixels" in refused(tmp_path) or "damaged" in refused(tmp_path)
    path.unlink()
    names = ("--image_size", "more than the limit")
    write(path, Image.new("L", (4000, 4000)))
    for place in range(160):
        (tmp_path / f"cat/{place}.png").write_bytes(path.read_bytes())
    assert all(name in refused(tmp_path) for name in names)


CONTENTS = []
for _format in ("PNG", "JPEG", "BMP", "GIF"):
    _out = io.BytesIO()
    Image.fromarray(np.arange(75, dtype=np.uint8).reshape(5, 5, 3)).save(_out, _format)
    CONTENTS.append(_out.getvalue())


@given(
    st.sampled_from(CONTENTS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=5),
    st.integers(0, 80),
)
def test_damaged_pictures(tmp_path_factory, content, changes, cut):
    folder = tmp_path_factory.mktemp("damaged")
    damaged = bytearray(content)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    fill(folder, count=2, shape=(5, 5))
    (folder / "cat/x").write_bytes(damaged[: len(damaged) - cut])
    try:
        found = load(folder)
    except InputError as error:
        said = str(error)
    else:
        said = ""
        assert found.x_train.shape[:3] == (5, 5, 5)
    assert not said or said.isprintable()
