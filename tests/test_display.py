"""Objects show types, shapes and norms: never their arrays, always something, at once."""

import collections
import dataclasses
import html.parser
import itertools
import math
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from xml.etree import ElementTree

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from process import ROOT

import mlp_lab
from mlp_lab.data.dataset import Dataset, Origin
from mlp_lab.data.rows import RowFiles, Rows, Segment, open_rows
from mlp_lab.display import Displayed, megabytes, short_form, shortened
from mlp_lab.display.arrays import MOST_BINNED, Work, facts, histogram
from mlp_lab.display.displayed import as_text
from mlp_lab.display.html import as_html
from mlp_lab.engine.replicas import Replicas
from mlp_lab.engine.step import Step
from mlp_lab.options.config import Config
from mlp_lab.probes import summarize
from mlp_lab.training import run
from mlp_lab.training.setup import check, prepare


def shown(value):
    """What the one row with this value says, without its label."""
    first, row, *more = as_text("T", [("x", value)]).split("\n")
    assert first == "T"
    assert row.startswith("  x")
    return re.sub("  +", "  ", "\n".join([row[3:].strip(), *more]))


def table(page):
    """Texts of the cells of an HTML form by row; checks that the page is whole and passive."""
    tree = ElementTree.fromstring(page)
    allowed = {"div", "b", "table", "tr", "td", "svg", "title", "path"}
    assert {element.tag for element in tree.iter()} <= allowed
    for element in tree.iter():
        assert not any(name.startswith("on") or name in ("href", "src") for name in element.attrib)
        assert "url(" not in element.get("style", "")
    return [["".join(cell.itertext()) for cell in row] for row in tree.iter("tr")]


def step(**changes):
    kernel = np.full((784, 10), 0.5, "float32")
    weights = {"outputs/kernel": kernel, "outputs/bias": np.zeros(10, "float32")}
    fields = {
        "number": 12,
        "weights": weights,
        "new_weights": {name: weight + 1 for name, weight in weights.items()},
        "gradients": weights,
        "activations": {"outputs": np.ones((32, 10), "float32")},
        "loss": 2.302585,
        "labels": np.arange(32) % 10,
        "outputs": np.ones((32, 10), "float32"),
        "sample_weight": None,
        "data": (np.zeros((32, 28, 28), "uint8"), np.arange(32, dtype="int32") % 10),
        "metrics": {"accuracy": np.float32(0.125)},
        "learning_rate": 0.01,
        "layers": {"flatten": keras.layers.Flatten(), "outputs": keras.layers.Dense(10)},
    }
    return Step(**{**fields, **changes})


def test_a_step():
    assert repr(step()) == (
        "Step 12\n"
        "  loss              2.303\n"
        "  learning_rate     0.01\n"
        "  metrics           dict of 1\n"
        "    accuracy        0.125\n"
        "  data              2 arrays      25,120 values\n"
        "    [0]             u8[32,28,28]  0 to 0\n"
        "    [1]             i32[32]       0 to 9\n"
        "  labels            i64[32]       0 to 9\n"
        "  outputs           f32[32,10]    norm 17.89\n"
        "  weights           2 arrays      norm 44.27, 7,850 values\n"
        "    outputs/kernel  f32[784,10]   norm 44.27\n"
        "    outputs/bias    f32[10]       norm 0\n"
        "  gradients         2 arrays      norm 44.27, 7,850 values\n"
        "    outputs/kernel  f32[784,10]   norm 44.27\n"
        "    outputs/bias    f32[10]       norm 0\n"
        "  updates           2 arrays      norm 88.6, 7,850 values\n"
        "    outputs/kernel  f32[784,10]   norm 88.54\n"
        "    outputs/bias    f32[10]       norm 3.162\n"
        "  activations       1 array       norm 17.89, 320 values\n"
        "    outputs         f32[32,10]    norm 17.89\n"
        "  layers            2: Flatten, Dense"
    )


def test_a_step_in_a_notebook():
    cells = table(step()._repr_html_())
    assert ["loss", "2.303"] in cells
    assert ["outputs/kernel", "f32[784,10]", "0.5 to 0.5", "norm 44.27"] in cells
    arrays = re.findall(r"^ +\S+ +[a-z]+\d+\[", repr(step()), re.MULTILINE)
    assert step()._repr_html_().count("<svg") == len(arrays) == 11


def test_a_step_says_what_only_some_have():
    assert "spread" not in repr(step())
    assert "  spread            0.25\n" in repr(step(spread=0.25))
    assert "sample_weight" not in repr(step())
    weighted = repr(step(sample_weight=np.ones(32, "float32")))
    assert re.search(r"\n  sample_weight +f32\[32\] +norm 5.657\n", weighted)


def test_large_updates_are_not_computed():
    large = {"kernel": np.ones((1024, 1025), "float32")}
    found = step(weights=large, gradients=large, new_weights=large)
    assert "\n  new_weights " in repr(found)
    assert "updates" not in vars(found)


@pytest.mark.parametrize(
    "data",
    [
        {"x": np.zeros((2, 3)), "y": None},
        (),
        None,
        [tf.constant([1.0, 2.0]), tf.ragged.constant([[1.0], [2.0, 3.0]])],
        tf.sparse.from_dense([[0.0, 1.0]]),
        np.ones(4, ml_dtypes.bfloat16),
        np.array(["secret"] * 3),
        np.array([object()] * 3),
        np.zeros((0, 28)),
        np.float32(3),
        object(),
    ],
)
def test_a_step_of_any_data(data):
    assert " loss " in repr(step(data=data, labels=data, outputs=data))
    table(step(data=data, labels=data, outputs=data)._repr_html_())


@pytest.mark.parametrize(
    "name", [f.name for f in dataclasses.fields(Step) if f.name not in ("number", "spread")]
)
@pytest.mark.parametrize("value", [None, 3, "text", {"a": object()}, [np.nan]])
def test_a_step_of_wrong_fields(name, value):
    text = repr(step(**{name: value}))
    assert text.startswith("Step 12\n  loss ")


def dataset(x):
    y = np.arange(len(x), dtype="int32") % 10
    names = tuple(f"class {i}" for i in range(10))
    origin = Origin("data_dir", "/data/mnist", {}, True, {"train": len(x), "test": 10})
    return Dataset("mnist", x, y, x[:10], y[:10], names, origin)


def test_a_data_set():
    found = dataset(np.zeros((6000, 28, 28), "uint8"))
    assert repr(found) == (
        "Dataset mnist\n"
        "  x_train      u8[6000,28,28]  4.7 MB\n"
        "  y_train      i32[6000]       0.024 MB\n"
        "  x_test       u8[10,28,28]    0.0078 MB\n"
        "  y_test       i32[10]         4e-05 MB\n"
        "  task         classes\n"
        "  class_names  10: class 0, class 1, class 2, ..., class 9\n"
        "  origin       data_dir        /data/mnist\n"
        "  published    True"
    )
    cells = table(found._repr_html_())
    assert cells[0] == ["x_train", "u8[6000,28,28]", "0 to 0", "4.7 MB"]
    assert found._repr_html_().count("<svg") == 4


def test_rows_are_not_read(tmp_path):
    path = tmp_path / "train.npy"
    np.save(path, np.zeros((6000, 28, 28), "uint8"))
    rows = open_rows(path)
    path.unlink()
    assert repr(rows) == "Rows u8[6000,28,28], 4.7 MB in train.npy"
    assert repr(rows.astype("float32").part(0, 10)) == "Rows f32[10,28,28], 0.031 MB in train.npy"
    assert "4.7 MB in train.npy" in rows._repr_html_()
    segments = [Segment(tmp_path / f"train-{i:05}.tfrecord", 0, 1000) for i in range(12)]
    many = Rows(RowFiles(segments, 4), np.dtype("float32"), ())
    files = "files, 12: train-00000.tfrecord, train-00001.tfrecord, train-00002.tfrecord, ..., "
    assert repr(many) == f"Rows f32[12000], 0.048 MB in {files}train-00011.tfrecord"
    # In a batch or a data set they are arrays that are not in memory.
    assert shown(rows) == "u8[6000,28,28]"
    held = dataclasses.replace(dataset(np.zeros((10, 2, 2), "uint8")), x_train=rows)
    assert "\n  x_train      u8[6000,28,28]  4.7 MB in train.npy\n" in repr(held)
    assert held._repr_html_().count("<svg") == 3


def test_maps_of_files_are_not_read(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((6, 2), "float32"))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert shown(mapped) == "f32[6,2]"
    assert "<svg" not in as_html("T", [("x", mapped), ("y", mapped, "a remark")])


def test_statistics():
    values = np.append(np.arange(100, dtype="float32"), [np.nan, np.nan, np.inf])
    assert repr(summarize(values)) == (
        "Statistics of 103 values\n"
        "  range     30 bins  0 to 99\n"
        "  mean      49.5\n"
        "  std       28.87\n"
        "  norm      573\n"
        "  nan       2\n"
        "  infinite  1"
    )
    assert table(summarize(values)._repr_html_())[0][2] == "0 to 99"
    for empty in (summarize([]), summarize([np.nan])):
        assert "mean   nan" in repr(empty).replace("  mean      ", "  mean   ")
        assert "<svg" not in empty._repr_html_()


@dataclasses.dataclass(frozen=True, repr=False)
class Outcome(Displayed):
    path: str
    history: dict
    half_made: bool = False

    def _display(self):
        if self.half_made:
            raise KeyError("secret")
        return "finished", [("path", self.path), ("history", self.history)]


def test_any_class():
    outcome = Outcome("logs/run", {"loss": [0.25, 0.125], "accuracy": [0.5, 0.75]})
    assert repr(outcome) == (
        "Outcome finished\n"
        "  path        logs/run\n"
        "  history     dict of 2\n"
        "    loss      list of 2\n"
        "    accuracy  list of 2"
    )
    failed = Outcome("", {}, True)
    assert repr(failed) == "Outcome (cannot be shown: KeyError)"
    assert "cannot be shown: KeyError" in table_heading(failed._repr_html_())
    assert repr(type("Bare", (Displayed,), {})()) == "Bare"


def table_heading(page):
    return ElementTree.fromstring(page).find("b").text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros((128, 784), "float32"), "f32[128,784]  norm 0"),
        (np.full(4, 3, ml_dtypes.bfloat16), "bf16[4]  norm 6"),
        (np.zeros(2, ml_dtypes.float8_e4m3fn), "f8_e4m3fn[2]  norm 0"),
        (np.array([3, 4j], "complex64"), "c64[2]  norm 5"),
        (np.array([-3, 70000]), "i64[2]  -3 to 70000"),
        (np.array([True, False, True]), "bool[3]  2 true"),
        (np.array(2.5, "float16"), "f16[]  2.5"),
        (np.array(["a", "b"]), "str[2]"),
        (np.array(["a"], np.dtypes.StringDType()), "str[1]"),
        (np.array([b"a"]), "bytes[1]"),
        (np.array([{}]), "object[1]"),
        (np.array([(1, 2)], [("a", "i4"), ("b", "f4")]), "record[1]"),
        (np.zeros(3, "datetime64[s]"), "datetime[3]"),
        (np.zeros((0, 3)), "f64[0,3]"),
        (np.array([3, 4, np.nan, np.inf, -np.inf], "float32"), "f32[5]  norm 5, 1 NaN, 2 inf"),
        (np.array([np.nan] * 2000), "f64[2000]  2,000 NaN"),
        (tf.constant([3.0, 4.0]), "f32[2]  norm 5"),
        (tf.Variable([3.0, 4.0]), "f32[2]  norm 5"),
        (keras.Variable([3.0, 4.0]), "f32[2]  norm 5"),
        (tf.constant(["a"]), "str[1]"),
        (tf.ragged.constant([[3.0], [4.0, 0.0]]), "ragged f32[2,?]  norm 5"),
        (tf.sparse.from_dense([[3.0, 0.0, 4.0]]), "sparse f32[1,3]  norm 5"),
        (keras.KerasTensor((None, 3)), "f32[?,3]"),
        (tf.TensorSpec(None, tf.bfloat16), "bf16[...]"),
        (np.float32(0.3), "0.3"),
        (10**5000, "int"),
        (True, "True"),
        (b"secret", "bytes of 6"),
        ({1, 2}, "set of 2"),
        ((), "tuple of 0"),
        ([1.0] * 500, "list of 500"),
        (np.float64, "type"),
        (shown, "function"),
    ],
    ids=itertools.count(),
)
def test_one_value(value, text):
    assert shown(value) == text


def test_a_tensor_of_a_graph():
    kept = tf.Variable([1.0])

    @tf.function
    def traced(x):
        said.extend([shown(x), shown(kept)])
        return x

    said = []
    traced(tf.constant([[1.0]]))
    assert said == ["f32[1,1]", "f32[1]"]


def test_long_and_deep_values_are_shortened():
    names = [f"block_{i}/kernel" for i in range(40)]
    text = shown(dict.fromkeys(names, np.full(4, 2.0)))
    assert text.startswith("40 arrays  norm 25.3, 160 values\n")
    assert re.findall(r"block_(\d+)", text) == [*map(str, range(8)), "36", "37", "38", "39"]
    assert "\n  ... 28 more\n" in text
    assert text.count("\n") == 13
    assert "more" not in shown(dict.fromkeys(names[:13], 1))
    nested = {"a": {"b": {"c": {"d": {}}}}}
    deepest = "dict of 1\n  a  dict of 1\n  b  dict of 1\n  c  dict of 1"
    assert shown(nested) == deepest
    wide = {i: dict.fromkeys(range(20), 1) for i in range(20)}
    assert shown(wide).count("\n") == 32
    assert shown(wide).endswith("...")
    cycle = {}
    cycle["again"] = cycle
    assert shown(cycle).count("dict of 1") == 4
    assert as_text("T", [("x", 1)] * 100).endswith("\n  ... 60 more")
    assert len(shown("x" * 10**6)) <= 80
    assert shortened("abcde") == "5: a, b, c, d, e"
    assert shortened("abcdef") == "6: a, b, c, ..., f"
    assert (megabytes(0), megabytes(123_456_789)) == ("0 MB", "123.5 MB")


def test_a_hidden_nan_is_counted():
    gradients = {f"layer_{i}": np.ones(4, "float32") for i in range(40)}
    gradients["layer_20"][2] = np.nan
    assert shown(gradients).startswith("40 arrays  norm 12.61, 1 NaN, 160 values")


def test_names_are_escaped():
    name, value = '<img src="x" onerror="alert(1)">&\n\x1b[2J\ud800', "</td><script>'"
    cells = table(as_html("<b>&", [(name, {name: value}, "<i>"), (name, {name: value})]))
    assert cells[0][0] == '<img src="x" onerror="alert(1)">&\\n\\x1b[2J\\ud800'
    assert cells[0][-1] == "<i>"
    assert cells[2][1] == value
    text = as_text("T", [(name, value)])
    assert text.isascii()
    assert text.count("\n") == 1


def test_numpy_is_all_that_it_needs():
    code = (
        "import sys; import mlp_lab.display; "
        "print([m for m in ('tensorflow', 'keras', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == "[]\n"


# Norms and histograms, against the straightforward computation.

FLOATS = ["float16", "float32", "float64", ml_dtypes.bfloat16]
shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)


@st.composite
def floats(draw):
    """Floats of every size, with NaN and infinities, in every order in memory."""
    dtype = np.dtype(draw(st.sampled_from(FLOATS)))
    wide = draw(hnp.arrays("float64", draw(shapes)))
    with np.errstate(all="ignore"):
        values = wide.astype(dtype)
    return draw(st.sampled_from([values, values.T, values[::2], values[..., ::-1]]))


@given(floats())
@example(np.full((3, 2), 1e-30, "float32"))
@example(np.full((3, 2), 1e-22, "float32"))
@example(np.full((3, 2), 1e30, "float32"))
@example(np.full(3, 1e-200))
@example(np.array([5e-324, 5e-324]))
def test_norms(values):
    found = facts(values, Work())
    with np.errstate(all="ignore"):
        wide = values.astype(np.longdouble)
    finite = wide[np.isfinite(wide)]
    assert found.nan == np.isnan(wide).sum()
    assert found.infinite == np.isinf(wide).sum()
    assert found.size == values.size
    if not finite.size:
        assert found.norm is None
    elif (norm := np.sqrt(np.square(finite).sum())) < np.finfo(np.float64).max:
        assert found.norm == pytest.approx(float(norm), rel=1e-4, abs=1e-45)


@given(floats())
@example(np.array([-np.finfo(np.float64).max, 0, np.finfo(np.float64).max]))
@example(np.array([5e-324, 1e-323]))
@example(np.array([1.0, np.nextafter(1, 2)]))
def test_histograms(values):
    found = histogram(values)
    with np.errstate(all="ignore"):
        wide = values.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    if not finite.size:
        assert found is None
        return
    assert (found.low, found.high) == (finite.min(), finite.max())
    assert found.counts.sum() == finite.size
    assert len(found.counts) == 30
    if found.low < found.high:
        assert found.counts[0] > 0
        assert found.counts[-1] > 0


def test_histograms_are_those_of_numpy():
    values = np.random.default_rng(0).normal(size=MOST_BINNED)
    np.testing.assert_array_equal(histogram(values).counts, np.histogram(values, 30)[0])
    many = histogram(np.tile(values, 7).astype("float32"))
    assert many.counts.sum() <= MOST_BINNED
    assert np.corrcoef(many.counts, np.histogram(values, 30)[0])[0, 1] > 0.99


# Whatever there is: something bounded, without any content of arrays.

SECRET = 4242.5
DTYPES = ["float16", "float32", "float64", "complex64", "int16", "uint16", "int32", "int64"]
DTYPES += [ml_dtypes.bfloat16, "object", "U8", "S8"]


class Hostile:
    """Raises whatever is asked; its repr is for the report of a failing test."""

    def __getattribute__(self, name):
        raise RuntimeError(SECRET)

    def __bool__(self):
        raise RuntimeError(SECRET)

    def __repr__(self):
        return f"Hostile, {SECRET}"

    __len__ = __iter__ = __hash__ = __eq__ = __bool__


class Broken(Mapping):
    """A mapping that cannot be read, with a shape that is none."""

    def __getitem__(self, key):
        raise OSError(SECRET)

    def __iter__(self):
        return iter(["a", 1])

    def __len__(self):
        return 10**9


class Fake:
    """Says that it is an array."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, dtype

    def numpy(self):
        raise MemoryError(SECRET)


def secret_array(dtype, copies):
    """An array of secrets, none of which is the least or greatest: the range may be told."""
    return np.array([0.25, *[SECRET] * copies, 9999]).astype(dtype)


arrays = st.builds(secret_array, st.sampled_from(DTYPES), st.integers(2, 60))
arrays |= arrays.map(lambda a: a.reshape(1, -1, 1))
tensors = st.builds(
    lambda form, a: form(a),
    st.sampled_from(
        [
            tf.constant,
            lambda a: tf.RaggedTensor.from_row_lengths(a, [2, len(a) - 2]),
            lambda a: tf.sparse.from_dense([a]),
            lambda a: tf.strings.as_string(a),
            lambda a: a.tolist(),
            iter,
        ]
    ),
    st.builds(secret_array, st.just("float32"), st.integers(2, 60)),
)
OTHERS = [
    None,
    Hostile(),
    Broken(),
    Fake((3, None), "float32"),
    Fake(3, "float32"),
    Fake(("a",), None),
    Fake((10**30,), tf.float32),
    Fake((-1,), np.dtype("f4")),
    np.zeros((0, 3)),
    np.float32(7),
    np.array(7, ml_dtypes.bfloat16),
    np.datetime64("2020-01-01"),
    10**5000,
    math.nan,
]
# By number: hypothesis would ask the hostile one for its repr.
others = st.integers(0, len(OTHERS) - 1).map(lambda i: OTHERS[i])
Pair = collections.namedtuple("Pair", "left right")
keys = st.text(max_size=80) | st.integers() | st.tuples(st.integers()) | st.none()
structures = st.recursive(
    arrays | tensors | others | st.text("ab<&>\"'\n\x00\ud800\ufffe é", max_size=200),
    lambda inner: (
        st.dictionaries(keys, inner, max_size=20)
        | st.lists(inner, max_size=20)
        | st.lists(inner, max_size=20).map(tuple)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=40,
)


@given(structures)
def test_whatever_it_is(value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text, page = as_text("T", [("x", value)]), as_html("T", [("x", value)])
        as_text("T", [("x", value, "a remark")])
    cells = table(page)
    for said in (text, str(cells)):
        assert not re.search("4242|4244|4256", said)  # the secret, in all precisions
    assert len(text.split("\n")) <= 34
    assert len(text) <= 20_000
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(page) <= 150_000
    assert len(cells) == len(text.split("\n")) - 1
    parser = html.parser.HTMLParser()
    parser.feed(page)
    parser.close()


def test_the_longest_form_is_bounded():
    worst = {
        '"' * 50 + str(i): {"&" * 99 + str(j): '"' * 999 for j in range(20)} for i in range(20)
    }
    rows = [("<" * 99, worst)] * 99
    assert len(as_text("T", rows)) < 160_000
    assert len(as_html("T", rows)) < 1_200_000


# It takes no time.


def best(call, times=5):
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return min(found) * 1000


def test_a_step_of_the_tutorial_is_shown_at_once():
    sizes = [784, 256, 128, 64, 32, 10]
    weights = {
        f"hidden_{i}": np.random.default_rng(i).normal(size=shape).astype("float32")
        for i, shape in enumerate(itertools.pairwise(sizes))
    }
    real = step(weights=weights, gradients=weights, new_weights=weights)
    assert best(lambda: repr(real)) < 20
    assert best(real._repr_html_) < 100


def test_large_values_are_not_looked_at():
    """Nothing of these is in memory: NumPy repeats one value."""
    large = np.broadcast_to(np.float32(1), (10**6, 10**6))
    assert shown(large) == "f32[1000000,1000000]"
    assert "<svg" in as_html("T", [("x", large)])
    assert best(lambda: as_html("T", [("x", large)])) < 100
    many = {i: np.broadcast_to(np.uint8(1), (10**6, 10**6)) for i in range(3)}
    assert "3 arrays  3,000,000,000,000 values" in shown(many)
    assert shown(dict.fromkeys(range(10**6))).startswith("dict of 1,000,000\n")
    assert shown([0.5] * 10**6) == "list of 1,000,000"
    work = Work(left=10)
    assert facts(np.ones(8), work).norm == pytest.approx(8**0.5)
    assert not facts(np.ones(8), work).known


def test_the_lab_names_it():
    assert short_form(np.zeros((2, 3), "float32")) == "f32[2,3]"
    assert mlp_lab.display.Displayed is Displayed


def test_a_setup_and_what_its_run_leaves(tmp_path):
    config = Config(
        dataset="mnist", data_source="sample", hidden_units=(4,), batch_size=1000, epochs=1,
        log_dir=str(tmp_path), name="a", pictures_every=0, verbose="none", loss="mse",
    )  # fmt: skip
    setup = prepare(config, Replicas(tf.distribute.get_strategy()), lambda text: None)
    assert "  model      mlp: MLP\n" in repr(setup)  # not built yet
    lines = repr(check(setup)).splitlines()
    assert lines[:5] == [
        "Setup of mnist",
        "  x_train    u8[7000,28,28]",
        "  x_test     u8[2000,28,28]",
        "  labels     one_hot, 10 classes",
        f"  model      mlp: MLP, {785 * 4 + 5 * 10:,} parameters",
    ]
    assert "  loss       mse" in lines
    result = run(config)
    head, *rows = repr(result).splitlines()
    assert head == "Result finished"
    assert f"    val_loss                {result.history['val_loss'][-1]:.4g}" in rows
    assert [row.split()[0] for row in rows[:4]] == ["path", "model", "epochs", "metrics"]
    for shown in (setup, result):
        assert table_heading(shown._repr_html_()).startswith(repr(shown).splitlines()[0])
