"""What the pictures show, recomputed by a second route and looked for in the pixels."""

import io
import itertools
import math

import events
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from PIL import Image, ImageFont
from PIL._util import DeferredError
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import mlp_lab
from mlp_lab import pictures
from mlp_lab.errors import RunError
from mlp_lab.pictures import draw
from mlp_lab.pictures.confusion import LARGEST_CELL, confusion_counts
from mlp_lab.pictures.confusion import picture as confusion_picture
from mlp_lab.pictures.graph import layer_graph
from mlp_lab.pictures.projector import last_hidden, sprite
from mlp_lab.writers import Writer

NAMES = ("T-shirt/top", "Ankle | boot", "Bag")


@pytest.fixture
def make_view(tmp_path):
    """Makes a view of 40 images, 6 x 5, in 3 classes; whatever is given stands in for its part."""
    writer = Writer(tmp_path / "run")

    def make(**changes):
        rng = np.random.default_rng(0)
        parts = {
            "model": None,
            "images": rng.integers(0, 256, (40, 6, 5), np.uint8),
            "labels": rng.integers(0, 3, 40),
            "outputs": rng.normal(size=(40, 3)).astype("float32"),
            "class_names": NAMES,
            "epoch": 2,
            "step": 17,
            "writer": writer,
            "folder": writer.folder,
        }
        return pictures.View(**{**parts, **changes})

    yield make
    writer.close()


def drawn(picture, view):
    """All that a picture wrote: tag -> step -> value."""
    picture.draw(view)
    view.writer.close()
    return events.read(view.folder) if view.folder.exists() else {}


def decoded(found, tag, step=17):
    """The one image of a tag, [h, w, 3]; its stated size is its true one."""
    width, height, png = found[tag][step]
    image = np.asarray(Image.open(io.BytesIO(png)))
    assert image.shape == (int(height), int(width), 3)
    return image


def places(image, tile):
    """(row, column) of every place where `tile` is in `image`, from top to bottom."""
    windows = np.lib.stride_tricks.sliding_window_view(image, tile.shape)[:, :, 0]
    corner = np.argwhere((windows[:, :, 0, 0] == tile[0, 0]).all(axis=-1))
    return [(int(y), int(x)) for y, x in corner if np.array_equal(windows[y, x], tile)]


def enlarged(tile, factor=18):
    tile = tile.repeat(factor, axis=0).repeat(factor, axis=1)
    return tile if tile.ndim == 3 else np.repeat(tile[..., None], 3, axis=-1)


# What the view computes -----------------------------------------------------------------


def test_logits_become_probabilities(make_view):
    view = make_view(outputs=np.array([[0, math.log(3)], [1e4, -1e4]], "float32"))
    np.testing.assert_allclose(view.probabilities, [[0.25, 0.75], [1, 0]], rtol=1e-6)


@pytest.mark.parametrize("rows", [[[0.25, 0.75], [1, 0]], [[0.9, 0.8], [0.1, 0.05]]])
def test_probabilities_stay(make_view, rows):
    view = make_view(outputs=np.array(rows, "float32"))
    np.testing.assert_array_equal(view.probabilities, np.array(rows, "float32"))


def test_outputs_that_are_not_finite_have_probability_0(make_view):
    outputs = np.array([[np.nan, 1], [np.inf, 0], [2, 2], [-np.inf, 1]], "float32")
    view = make_view(outputs=outputs)
    np.testing.assert_array_equal(view.probabilities, [[0, 0], [0, 0], [0.5, 0.5], [0, 0]])
    all_zero = make_view(outputs=np.zeros((4, 2), "float32"))
    np.testing.assert_array_equal(all_zero.probabilities, np.full((4, 2), 0.5))


def test_outputs_without_a_class_name_are_numbers(make_view):
    assert make_view(class_names=("a",)).names == ("a", "1", "2")


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([[0.0, 0.5], [1.0, 0.2]], [[0, 128], [255, 51]]),
        ([[-1.0, 0.0], [1.0, 1.0]], [[0, 128], [255, 255]]),
        ([[5.0, 5.0], [5.0, 5.0]], [[0, 0], [0, 0]]),
    ],
    ids=["unit", "any", "one value"],
)
def test_float_pixels(make_view, images, expected):
    view = make_view(images=np.array([images], "float32"))
    np.testing.assert_array_equal(view.pixels(slice(1)), [expected])
    flat = make_view(images=np.array([images], "float32").reshape(1, 4))
    np.testing.assert_array_equal(flat.pixels(slice(1)), [expected])


# The pictures ---------------------------------------------------------------------------


def test_first_images(make_view):
    view = make_view()
    image = decoded(drawn(pictures.FirstImages(), view), "pictures/first_images")
    found = [places(image, enlarged(tile)) for tile in view.images[:25]]
    assert all(len(place) == 1 for place in found)
    order = [place[0] for place in found]
    assert order == sorted(order), "row by row"
    assert len({y for y, _ in order}) == len({x for _, x in order}) == 5
    assert not places(image, enlarged(view.images[25]))


def test_pictures_of_what_is_no_image_are_left_out(make_view):
    view = make_view(images=np.zeros((40, 7), "float32"), model=keras.Sequential())
    for picture in (pictures.FirstImages(), pictures.Mistakes(), pictures.Kernels()):
        assert drawn(picture, view) == {}


def test_confusion(make_view):
    view = make_view()
    found = drawn(pictures.Confusion(), view)
    expected = np.zeros((3, 3), int)
    for label, output in zip(view.labels, view.outputs, strict=True):
        expected[label, max(range(3), key=lambda j: output[j])] += 1
    np.testing.assert_array_equal(confusion_counts(view.labels, view.predicted, 3), expected)

    lines = found["confusion/counts"][17].item().decode().splitlines()
    right = int(np.trace(expected))
    assert lines[0] == f"epoch 2: {right} of 40 right ({right / 40:.2%})"
    cells = [[int(cell) for cell in line.strip("| ").split(" | ")[-3:]] for line in lines[4:]]
    np.testing.assert_array_equal(cells, expected)
    assert lines[5].startswith(r"| **Ankle \| boot** |")

    image = decoded(found, "pictures/confusion")
    colors = draw.sequential(expected / expected.sum(axis=1, keepdims=True))
    cell = LARGEST_CELL
    # The part of each cell above its number, by the place where it would put the first cell.
    origins = []
    for i in range(3):
        for j in range(3):
            found_at = places(image, np.broadcast_to(colors[i, j], (3, cell - 2, 3)))
            origins.append({(y - i * cell, x - j * cell) for y, x in found_at})
    assert set.intersection(*origins), "the nine cells, row by row"


def test_confusion_of_many_and_of_no_samples_is_drawn(make_view):
    labels = np.zeros(1_000_000, int)
    outputs = np.tile(np.float32([1, 0, 0]), (len(labels), 1))
    wide = decoded(
        drawn(pictures.Confusion(), make_view(labels=labels, outputs=outputs)), "pictures/confusion"
    )
    assert wide.shape[1] > 3 * draw.text_width("1,000,000")
    none = make_view(labels=labels[:0], outputs=outputs[:0], step=18)
    assert (
        "0 of 0 right" in drawn(pictures.Confusion(), none)["confusion/counts"][18].item().decode()
    )


def test_mistakes_are_the_most_confident_ones(make_view):
    view = make_view()
    softmax = np.exp(view.outputs.astype("float64"))
    softmax /= softmax.sum(axis=1, keepdims=True)
    wrong = [i for i in range(40) if softmax[i].argmax() != view.labels[i]]
    expected = sorted(wrong, key=lambda i: -softmax[i].max())[:10]
    picture = pictures.Mistakes(10)
    assert picture.choose(view).tolist() == expected
    image = decoded(drawn(picture, view), "pictures/mistakes")
    order = [places(image, enlarged(view.images[i])) for i in expected]
    assert order == sorted(order)
    assert all(order)
    right = next(i for i in range(40) if i not in wrong)
    assert not places(image, enlarged(view.images[right]))


def test_no_mistakes_are_said(make_view):
    labels = np.arange(40) % 3
    outputs = np.eye(3, dtype="float32")[labels]
    view = make_view(labels=labels, outputs=outputs)
    image = decoded(drawn(pictures.Mistakes(), view), "pictures/mistakes")
    title = draw.text_width("epoch 2: no mistakes in 40 images", draw.TITLE)
    assert title < image.shape[1]
    assert (image < 100).any()


def test_kernels_show_known_weights(make_view):
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    model.build((None, 6, 5))
    kernel = np.zeros((30, 2), "float32")
    kernel[7, 0], kernel[8, 0] = 2.0, -2.0  # row 1, columns 2 and 3
    model.layers[1].kernel.assign(kernel)
    image = decoded(drawn(pictures.Kernels(), make_view(model=model)), "pictures/kernels")
    expected = np.full((6, 5, 3), 255, np.uint8)
    expected[1, 2], expected[1, 3] = (103, 0, 31), (5, 48, 97)
    assert len(places(image, enlarged(expected))) == 1
    # Half the largest weight has half the color; each unit has its own scale.
    kernel[9, 0], kernel[:, 1] = 1.0, 1e-3
    model.layers[1].kernel.assign(kernel)
    view = make_view(model=model, step=18)
    image = decoded(drawn(pictures.Kernels(), view), "pictures/kernels", 18)
    expected[1, 4] = (233, 133, 107)
    assert len(places(image, enlarged(expected))) == 1
    assert places(image, enlarged(np.full((6, 5, 3), (103, 0, 31), np.uint8)))


def test_kernels_are_at_most_as_many_as_asked(make_view):
    model = mlp_lab.MLP((100,), num_classes=3)
    model(np.zeros((1, 6, 5), "uint8"))
    for weight in model.weights:
        weight.assign(ops.ones_like(weight))
    image = decoded(drawn(pictures.Kernels(), make_view(model=model)), "pictures/kernels")
    red = enlarged(np.full((6, 5, 3), (103, 0, 31), np.uint8))
    assert len(places(image, red)) == 64


def test_pr_curves_have_a_tag_per_class(make_view):
    view = make_view()
    found = drawn(pictures.PRCurves(), view)
    assert list(found) == [f"pr_curve/{name}" for name in NAMES]
    z = np.exp(view.outputs.astype("float64"))
    z /= z.sum(axis=1, keepdims=True)
    curve = found["pr_curve/Bag"][17]
    for i in (0, 50, 100, 200):
        said, true = z[:, 2] >= i / 200, view.labels == 2
        counts = [said & true, said & ~true, ~said & ~true, ~said & true]
        np.testing.assert_array_equal(curve[:4, i], [c.sum() for c in counts])


def test_long_words_make_a_wider_grid_and_large_images_are_reduced():
    name = "a class with a very long name indeed"
    tiles = [np.zeros((600, 300), np.uint8)] * 3
    image = draw.grid(tiles, [[(name, draw.BLACK)]] * 3, 3, "title")[0]
    assert image.shape[1] >= 3 * draw.text_width(name)
    assert (image == 0).all(axis=-1).sum() >= 3 * 112 * 56
    assert image.shape[0] < 240
    ink = np.flatnonzero((image[-40:] < 128).any(axis=(0, 2)))
    assert ink.min() > 0
    assert ink.max() < image.shape[1] - 1


# How TensorBoard shows them -------------------------------------------------------------

SHOWN = 350  # pixels of the page that TensorBoard's Images dashboard scales each picture to
HIGHEST = 1024  # a picture that is higher on the page gets a scroll bar, which makes it narrower
FASHION = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker")
FASHION += ("Bag", "Ankle boot")


@pytest.mark.parametrize("scale", [1.0, 1e-4], ids=["weights", "tiny weights"])
def test_pictures_of_ten_classes_have_two_pixels_for_each_one_shown(make_view, scale):
    rng = np.random.default_rng(1)
    model = mlp_lab.MLP((100,), num_classes=10)
    images = rng.integers(0, 256, (2000, 28, 28), np.uint8)
    model(images[:1])
    for weight in model.weights:
        weight.assign(weight * scale)
    view = make_view(
        model=model,
        images=images,
        labels=np.arange(2000) % 10,
        outputs=rng.normal(size=(2000, 10)).astype("float32"),
        class_names=FASHION,
    )
    for picture in (
        pictures.FirstImages(),
        pictures.Confusion(),
        pictures.Mistakes(),
        pictures.Kernels(),
    ):
        picture.draw(view)
    view.writer.close()
    found = events.read(view.folder)
    for name in ("first_images", "confusion", "mistakes", "kernels"):
        height, width, _ = decoded(found, f"pictures/{name}").shape
        assert width == 2 * SHOWN, name
        assert height <= 2 * HIGHEST, name
    # Letters of 8 pixels on the page can be read; those that need not shrink have 11.
    assert draw.SMALLEST / 2 >= 8
    assert draw.TEXT / 2 >= 11


def test_all_epochs_have_confusion_matrices_of_one_size():
    names = FASHION
    spread = np.full((10, 10), 100)
    one_class = np.zeros((10, 10), int)
    one_class[:, 3] = 1000
    sizes = {confusion_picture(counts, names, "title").shape for counts in (spread, one_class)}
    assert len(sizes) == 1


@pytest.mark.parametrize("classes", [1, 2, 30])
def test_any_number_of_classes_gives_a_whole_multiple_of_the_shown_width(classes):
    names = [f"class number {i}" for i in range(classes)]
    image = confusion_picture(np.eye(classes, dtype=int) * 123, names, "a title")
    assert image.shape[2] % (2 * SHOWN) == 0
    assert image.shape[2] >= classes * draw.text_width("123", draw.SMALLEST)
    # The margin is white: nothing is cut.
    assert (image[0, :, -draw.PAD :] == 255).all()
    assert (image[0, -draw.PAD :] == 255).all()


def test_captions_shrink_before_the_picture_becomes_wider():
    tiles = [np.zeros((28, 28), np.uint8)] * 10
    for text in ("0123456789", "0123456789ab", "0123456789abc", "a class with a long name"):
        image = draw.grid(tiles, [[(text, draw.BLACK)]] * 10, 5, "title")[0]
        fits = 5 * (draw.text_width(text, draw.SMALLEST) + 4) <= 2 * SHOWN
        assert (image.shape[1] == 2 * SHOWN) == fits
        # Between the captions of two columns there is white.
        column = image.shape[1] // 5
        for k in range(1, 5):
            assert (image[-40:, k * column - 1 : k * column + 1] == 255).all()
    assert draw.fitting_size(["ab", "abc"], draw.text_width("abc")) == draw.TEXT
    assert draw.fitting_size(["ab", "abc"], draw.text_width("abc") - 1) < draw.TEXT
    assert draw.fitting_size(["abc"], 1) == draw.SMALLEST


def test_long_titles_are_split_at_words():
    title = "epoch 20: outer/inner/hidden_1/kernel of the first 64 of 1,024 units and more"
    lines = draw.wrapped(title, 600)
    assert " ".join(lines) == title
    assert len(lines) > 1
    assert all(draw.text_width(line, draw.TITLE) <= 600 for line in lines)
    for line, following in itertools.pairwise(lines):
        assert draw.text_width(f"{line} {following.split()[0]}", draw.TITLE) > 600
    short, long = (draw.grid([], [], 5, text)[0] for text in ("title", title))
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] == short.shape[0] + draw.line_height(draw.TITLE)
    word = "x" * 200
    assert draw.wrapped(word, 600) == [word]
    wide = draw.grid([], [], 5, word)[0]
    assert wide.shape[1] > draw.text_width(word, draw.TITLE)
    assert wide.shape[1] % (2 * SHOWN) == 0


def test_a_pillow_without_freetype_is_named(monkeypatch):
    draw.font.cache_clear()
    missing = ImportError("The _imagingft C module is not installed")
    monkeypatch.setattr(ImageFont, "core", DeferredError(missing))
    with pytest.raises(RunError, match=r"expected a Pillow with FreeType.*--pictures_every=0"):
        draw.text_width("any")


# The projector --------------------------------------------------------------------------


def functional():
    inputs = keras.Input((6, 5))
    h = keras.layers.Dense(8, activation="tanh", name="h")(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Dropout(0.5)(h)))


class Blocks(mlp_lab.Model):
    """Layers within a layer, one of them used twice, in an order unlike that of creation."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.last = keras.layers.Dense(3, name="last")
        self.block = Block(name="block")
        self.flatten = keras.layers.Flatten(name="flatten")

    def call(self, inputs):
        h = self.flatten(ops.cast(inputs, "float32") / 255.0)
        return self.last(self.block(h))


class Block(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = [keras.layers.Dense(8, name="first"), keras.layers.Dense(8, name="again")]

    def build(self, input_shape):
        self.parts[0].build(input_shape)
        self.parts[1].build((None, 8))

    def call(self, inputs):
        h = self.parts[0](inputs)
        return h + self.parts[1](ops.relu(self.parts[1](h)))


def sequential():
    return keras.Sequential(
        [
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(8, activation="relu", name="hidden"),
            keras.layers.Dropout(0.5, name="dropout"),
            keras.layers.Dense(3, name="outputs"),
        ],
        name="net",
    )


def hidden_by_hand(model, x):
    """The same by the layers' own calls, or by the weights."""
    flat = x.reshape(len(x), -1).astype("float32")
    if isinstance(model, Blocks):
        return model.block(flat / np.float32(255.0)).numpy()
    dense = next(layer for layer in model.layers if getattr(layer, "units", None) == 8)
    return np.asarray(dense.activation(flat @ dense.kernel.numpy() + dense.bias.numpy()))


@pytest.mark.parametrize("make", [sequential, functional, Blocks])
def test_last_hidden_layer(make):
    model = make()
    x = np.random.default_rng(3).integers(0, 9, (300, 6, 5), np.uint8)
    expected = model.predict(x, verbose=0)
    before = [(layer, set(vars(layer))) for layer in model.layers]
    hidden = last_hidden(model, x)
    np.testing.assert_allclose(hidden, hidden_by_hand(model, x), rtol=1e-5, atol=1e-6)
    assert all(set(vars(layer)) == names for layer, names in before), "call is restored"
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)


def test_layers_are_restored_after_an_error():
    model = sequential()
    model.build((None, 6, 5))
    before = [set(vars(layer)) for layer in model.layers]
    with pytest.raises(ValueError, match="incompatible"):
        last_hidden(model, np.zeros((2, 7, 5), "float32"))
    assert [set(vars(layer)) for layer in model.layers] == before


def test_projector_files(make_view):
    model = sequential()
    view = make_view(model=model)
    model(view.images)
    assert drawn(pictures.Projector(30), view) == {}
    points = np.loadtxt(view.folder / "projector.tsv", dtype="float32", delimiter="\t")
    np.testing.assert_array_equal(points, last_hidden(model, view.images[:30]))
    rows = (view.folder / "metadata.tsv").read_text().splitlines()
    assert rows[0] == "class\tpredicted"
    assert rows[5] == f"{NAMES[view.labels[4]]}\t{NAMES[view.outputs[4].argmax()]}"
    assert len(rows) == 31
    sheet = np.asarray(Image.open(view.folder / "sprite.png"))
    assert sheet.shape == (6 * 6, 6 * 5)
    np.testing.assert_array_equal(sheet[6:12, 5:10], view.images[7])
    config = (view.folder / "projector_config.pbtxt").read_text()
    assert "single_image_dim: 5\n    single_image_dim: 6" in config


def test_a_model_without_weights_has_no_projector(make_view):
    view = make_view(model=keras.Sequential([keras.layers.Flatten()]))
    assert drawn(pictures.Projector(), view) == {}
    assert not view.folder.exists()


def test_a_sprite_fits_into_a_texture():
    sheet, size = sprite(np.full((100, 2000, 1000), 7, np.uint8))
    assert max(sheet.size) <= 8192
    assert size == (409, 819)
    assert sheet.getpixel((3, 3)) == 7


# The graph ------------------------------------------------------------------------------


def edges(graph):
    return {node.name: list(node.input) for node in graph.node}


def graph_of(model):
    x = np.zeros((2, 6, 5), np.uint8)
    model(x)
    return layer_graph(model, x)


def test_graph_of_a_sequential_model():
    graph = graph_of(sequential())
    assert edges(graph) == {
        "input": [],
        "flatten": ["input"],
        "hidden": ["flatten"],
        "dropout": ["hidden"],
        "outputs": ["dropout"],
        "output": ["outputs"],
    }
    node = next(node for node in graph.node if node.name == "hidden")
    assert node.op == "Dense"
    assert node.attr["weights"].s == b"kernel [30, 8], bias [8]"
    assert node.attr["parameters"].i == 30 * 8 + 8
    assert node.attr["activation"].s == b"relu"
    (shape,) = node.attr["_output_shapes"].list.shape
    assert [dim.size for dim in shape.dim] == [-1, 8]


def test_graph_of_a_functional_model_with_branches():
    inputs = keras.Input((6, 5))
    flat = keras.layers.Flatten(name="flat")(inputs)
    a = keras.layers.Dense(4, name="a")(flat)
    same = keras.layers.Dropout(0.5, name="same")(a)
    both = keras.layers.Concatenate(name="both")([a, same])
    # The sum is an operation, not a layer: its edges go through it.
    last = keras.layers.Dense(4, name="last")(both) + a
    assert edges(graph_of(keras.Model(inputs, last))) == {
        "input": [],
        "flat": ["input"],
        "a": ["flat"],
        "same": ["a"],
        "both": ["a", "same"],
        "last": ["both"],
        "output": ["last", "a"],
    }


def test_graph_of_a_subclassed_model_with_a_layer_used_twice():
    graph = graph_of(Blocks())
    assert edges(graph) == {
        "input": [],
        "flatten": ["input"],
        "block/first": ["flatten"],
        "block/again": ["block/first"],
        "block/again.2": ["block/again"],
        "last": ["block/first", "block/again.2"],
        "output": ["last"],
    }


def test_graph_of_a_model_within_a_model():
    inputs = keras.Input((6, 5))
    outer = keras.Model(inputs, keras.layers.Softmax(name="soft")(sequential()(inputs)))
    found = edges(graph_of(outer))
    assert found["net/hidden"] == ["net/flatten"]
    assert found["soft"] == ["net/outputs"]


def test_graph_survives_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    model = mlp_lab.MLP((8,), num_classes=3, dropout=0.1)
    assert edges(graph_of(model))["outputs"] == ["dropout_1"]


def test_drawing_the_graph_leaves_the_model_as_it_was(make_view):
    weights = []
    for with_pictures in (True, False):
        keras.utils.set_random_seed(5)
        net = mlp_lab.MLP((8,), num_classes=3, kernel_regularizer="l2", dropout=0.5)
        view = make_view(model=net)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        net.compile("sgd", loss, run_eagerly=True)
        net(view.images[:1])
        for picture in pictures.standard() if with_pictures else []:
            picture.draw(view)
        net.fit(view.images, view.labels, batch_size=20, verbose=0, shuffle=False)
        weights.append(net.get_weights())
    for ours, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(ours, other)


def test_a_layer_with_an_activity_regularizer_trains_after_its_graph_was_drawn():
    model = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(3, activity_regularizer="l2")]
    )
    graph_of(model)
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(np.ones((4, 6, 5), "float32"), np.ones((4, 3)), verbose=0)


def test_graph_is_written_to_the_event_file(make_view):
    model = sequential()
    view = make_view(model=model)
    model(view.images)
    pictures.Graph().draw(view)
    view.writer.close()
    (path,) = view.folder.iterdir()
    found = [e.graph_def for e in EventFileLoader(str(path)).Load() if e.HasField("graph_def")]
    graph = tf.compat.v1.GraphDef.FromString(found[0])
    assert edges(graph) == edges(layer_graph(model, view.images))


def test_standard_pictures_know_when():
    standard = pictures.standard()
    every = [*standard, *pictures.standard("numbers")]
    assert {type(picture).__name__ for picture in every} == set(pictures.__all__) - {
        "Picture",
        "View",
        "standard",
    }
    assert {picture.when for picture in standard} == {"start", "epoch", "end"}
    with pytest.raises(NotImplementedError, match="draw"):
        pictures.Picture().draw(None)
