"""Rows in files: the same rows, in bounded memory, and no damage goes unseen."""

import itertools
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from covering import slow_but
from process import ROOT, environment, train

import mlp_lab
from mlp_lab.__main__ import main
from mlp_lab.callbacks import Checkpoints, Stopped
from mlp_lab.data import DATASETS, DataFault, load, open_rows, open_shards, write_shards
from mlp_lab.data.catalogue import ARRAY_NAMES, IDX_STEMS
from mlp_lab.data.csv_rows import csv_chunks
from mlp_lab.data.pipeline import pieces
from mlp_lab.errors import InputError
from mlp_lab.options.config import Config
from mlp_lab.training.run import run

ROWS = 9_001
SMALL, LARGE = 2, 1024  # MB


@pytest.fixture(scope="module")
def arrays():
    x = np.random.default_rng(0).integers(0, 256, (ROWS, 28, 28), dtype=np.uint8)
    return x, np.arange(ROWS, dtype=np.int32)


def idx(array):
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def chunks(x, y, size=1000):
    for i in range(0, len(x), size):
        yield {"x": x[i : i + size], "y": y[i : i + size]}


@pytest.fixture(scope="module")
def folder(arrays, tmp_path_factory):
    """The arrays in every form in which rows can be read one by one."""
    made, (x, y) = tmp_path_factory.mktemp("forms"), arrays
    np.save(made / "x.npy", x)
    np.save(made / "y.npy", y)
    (made / "x-idx3-ubyte").write_bytes(idx(x))
    write_shards(made / "shards", {"train": chunks(x, y)}, rows_per_shard=2500)
    return made


def opened(folder, kind, memory_mb=SMALL):
    if kind == "shards":
        part = open_shards(folder / "shards", memory_mb).parts["train"]
        return part["x"], part["y"]
    name = "x.npy" if kind == "npy" else "x-idx3-ubyte"
    return open_rows(folder / name, memory_mb), open_rows(folder / "y.npy", memory_mb)


KINDS = ["npy", "idx", "shards"]


# The rows are those of the arrays.


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_in_memory(arrays, folder, kind):
    for rows, array in zip(opened(folder, kind), arrays, strict=True):
        assert (rows.shape, rows.dtype, rows.ndim, rows.nbytes) == (
            (array.shape, array.dtype, array.ndim, array.nbytes)
        )
        np.testing.assert_array_equal(np.asarray(rows), array)
        for some in (slice(2490, 2510), slice(0, 0), slice(-3, None), 0, -1, 2500):
            np.testing.assert_array_equal(rows[some], array[some])
        part = rows.part(2000, 7000)
        np.testing.assert_array_equal(part[:600], array[2000:2600])
        np.testing.assert_array_equal(part.part(4000, 9999)[:], array[6000:7000])
        np.testing.assert_array_equal(rows.astype("float32")[5:9], array[5:9].astype("float32"))
        with pytest.raises(IndexError, match="below 9001"):
            rows[ROWS]
        with pytest.raises(TypeError, match="slice a:b"):
            rows[::2]


def epochs(arrays, count, **options):
    """Row numbers in the order of the first epochs; that x goes with y is checked."""
    data, steps = pieces(arrays[:2], 100, **{"shuffle": True, "seed": 1, **options})
    stream, found = iter(data), []
    for _ in range(count):
        order = []
        while len(order) < len(arrays[0]):
            x, y = next(stream)
            np.testing.assert_array_equal(x, arrays[2][y.numpy()])
            order += y.numpy().tolist()
        found.append(order)
    assert steps == -(-len(arrays[0]) // 100)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("memory_mb", [SMALL, 5, LARGE])
def test_every_row_comes_once_an_epoch_in_an_order_of_its_own(arrays, folder, kind, memory_mb):
    x = arrays[0]
    orders = epochs((*opened(folder, kind, memory_mb), x), 3, per_piece=3)
    for order in orders:
        assert sorted(order) == list(range(ROWS))
    assert len({tuple(order) for order in orders}) == 3
    again = epochs((*opened(folder, kind, memory_mb), x), 1, first_epoch=2, per_piece=1)
    assert again == orders[2:]
    if memory_mb == LARGE:
        assert orders == epochs((*arrays, x), 3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_buffer_mixes_what_was_far_apart(arrays, folder, kind):
    """Row numbers of what a batch holds are spread as those of the whole set are."""
    (order,) = epochs((*opened(folder, kind), arrays[0]), 1)
    batches = np.array(order[:9000]).reshape(-1, 100)
    # Of numbers drawn from the whole set the standard deviation is ROWS / 12 ** 0.5.
    np.testing.assert_allclose(np.median(batches.std(axis=1)), ROWS / 12**0.5, rtol=0.25)
    assert np.mean(np.abs(np.diff(order)) == 1) < 0.02


def test_the_order_stays_the_same_across_releases(arrays, folder):
    (order,) = epochs((*opened(folder, "npy"), arrays[0]), 1)
    assert order[:6] == PINNED


PINNED = [3593, 3636, 2465, 4043, 6044, 3584]


def test_rows_beside_arrays_and_parts_of_rows(arrays, folder):
    x, y = opened(folder, "shards")
    for order in epochs((x, arrays[1], arrays[0]), 2):
        assert sorted(order) == list(range(ROWS))
    (order,) = epochs((x.part(3000, 8000), y.part(3000, 8000), arrays[0]), 1)
    assert sorted(order) == list(range(3000, 8000))


def test_without_shuffling_the_order_is_the_files(arrays, folder):
    assert epochs((*opened(folder, "shards"), arrays[0]), 2, shuffle=False) == [
        list(range(ROWS))
    ] * 2  # fmt: skip


def test_tensorflow_reads_the_shards(arrays, folder):
    names = sorted(str(p) for p in (folder / "shards").glob("*.tfrecord"))
    assert len(names) == 4
    found = tf.data.TFRecordDataset(names).batch(ROWS).get_single_element()
    raw = tf.io.decode_raw(found, tf.uint8).numpy()
    np.testing.assert_array_equal(raw[:, :784].reshape(-1, 28, 28), arrays[0])
    np.testing.assert_array_equal(raw[:, 784:].copy().view("<i4")[:, 0], arrays[1])


# Training on them.


def make_model(**options):
    keras.utils.set_random_seed(3)
    model = mlp_lab.MLP((8,), 10, input_scale=1 / 255)
    model.shuffle_seed = 5
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"], **options)
    return model


def fitted(x, y, **options):
    model = make_model()
    options = {"batch_size": 100, "epochs": 2, "verbose": 0, "validation_split": 0.2, **options}
    return model.fit(x, y, **options).history, model


def assert_equal_weights(a, b):
    for one, other in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def labels(numbers):
    return numbers % 10


@pytest.mark.parametrize(("kind", "options"), [("npy", {}), ("shards", {"shuffle": False})])
def test_training_equals_that_in_memory_bit_for_bit(arrays, folder, kind, options):
    x, y = opened(folder, kind, SMALL if options else LARGE)
    history, model = fitted(x, y.mapped(labels), **options)
    expected, reference = fitted(arrays[0], labels(arrays[1]), **options)
    assert history == expected
    assert_equal_weights(model, reference)
    assert model.evaluate(x, y.mapped(labels), 100, verbose=0) == model.evaluate(
        arrays[0], labels(arrays[1]), 100, verbose=0
    )
    np.testing.assert_array_equal(
        model.predict(x, 100, verbose=0), model.predict(arrays[0], 100, verbose=0)
    )


@pytest.mark.parametrize("kind", slow_but(["npy", "shards"], ["shards"]))
def test_resumed_in_mid_epoch_it_ends_with_the_same_bits(folder, kind, tmp_path):
    x, y = opened(folder, kind)
    y = y.mapped(labels)
    asked = itertools.count()

    def once(**options):
        callbacks = [Checkpoints(tmp_path / "checkpoints", every=7, say=lambda _: None, **options)]
        return fitted(x, y, callbacks=callbacks, epochs=3)

    with pytest.raises(Stopped):
        once(stop=lambda: next(asked) == 9)
    (path,) = sorted((tmp_path / "checkpoints").glob("*.ckpt"))[-1:]
    assert int(path.stem.split("-")[1]) % 73, "in mid-epoch"
    history, model = once()
    expected, reference = fitted(x, y, epochs=3)
    assert history == expected
    assert_equal_weights(model, reference)


def test_what_rows_cannot_go_with_is_said(folder):
    x, y = opened(folder, "npy")
    model = make_model()
    for options in ({"class_weight": {0: 2.0}}, {"steps_per_epoch": 3}):
        with pytest.raises(ValueError, match="rows from files"):
            model.fit(x, y, 100, **options)
    with pytest.raises(ValueError, match="rows from files"):
        model.predict(x, steps=3)
    with pytest.raises(InputError, match=r"2 MB is too little .* 788 bytes; give at least 16"):
        pieces((x, y), 1000, shuffle=True)


MEASURED = """
import sys
import numpy as np, tensorflow as tf
from mlp_lab.data import open_rows
from mlp_lab.data.pipeline import pieces

def now(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1e3

bound = int(sys.argv[2])
x = open_rows(sys.argv[1], bound)
warm, _ = pieces(np.zeros((200, 784), np.uint8), 100, shuffle=True)
next(iter(warm))
before = now("VmRSS")
data, _ = pieces(x, 100, max(bound * 10**6 // 20 // 78400, 1), shuffle=True)
rows, stream = 0, iter(data)
while rows < 2 * len(x):
    rows += len(next(stream))
print(now("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_within_the_bound(tmp_path):
    path = tmp_path / "x.npy"
    size = 300_000_000
    np.lib.format.open_memmap(path, "w+", np.uint8, (size // 784, 784))[::1000] = 7
    script = [sys.executable, "-c", MEASURED, str(path), "64"]
    env = {**environment(tmp_path), "PYTHONPATH": str(ROOT)}
    # It ends, though nothing has told the pipeline that no more pieces are wanted.
    done = subprocess.run(script, capture_output=True, text=True, env=env, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert 20 < float(done.stdout) < 64


# Damage.


def refused(work, *words):
    with pytest.raises(DataFault) as caught:
        work()
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text
    return text


@pytest.fixture
def shards(arrays, tmp_path):
    write_shards(tmp_path / "s", {"train": chunks(*arrays), "test": chunks(*arrays)}, 2500)
    return tmp_path / "s"


def test_a_flipped_byte_is_found_when_its_block_is_read(arrays, shards):
    path = shards / "train-00001.tfrecord"
    content = bytearray(path.read_bytes())
    content[700 * 804 + 100] ^= 1
    path.write_bytes(content)
    part = open_shards(shards).parts["train"]
    refused(lambda: part["x"][3199:3205], str(path), "damaged", "rows 512 to 767", "checksum")
    np.testing.assert_array_equal(part["x"][:3000], arrays[0][:3000])


def test_shards_that_are_not_what_the_index_says(shards):
    path = shards / "test-00003.tfrecord"
    whole = path.read_bytes()
    for content in (whole[:-1], whole + b"x", b""):
        path.write_bytes(content)
        refused(lambda: open_shards(shards), str(path), f"expected {len(whole):,}")
    path.unlink()
    refused(lambda: open_shards(shards), str(path), "does not exist")


def edits():
    shard = {"file": "../train-00000.tfrecord", "rows": 2500, "crc32": [0]}
    return {
        "not JSON": lambda index: "{",
        "a list": lambda index: [],
        "deep": lambda index: "[" * 100_000,
        "other format": lambda index: {**index, "format": "x"},
        "leaves the folder": lambda index: {**index, "parts": {"train": {"shards": [shard]}}},
        "pickles": lambda index: {**index, "arrays": [{"name": "x", "dtype": "O", "shape": []}]},
        "huge": lambda index: {
            **index,
            "arrays": [{"name": "x", "dtype": "uint8", "shape": [2**40]}],
        },
        "no rows": lambda index: {**index, "parts": {"train": {"rows": 0, "shards": []}}},
        "fewer rows": lambda index: {
            **index,
            "parts": {"train": {**index["parts"]["train"], "rows": 1}},
        },
        "fewer checksums": lambda index: {**index, "block_rows": 128},
        "no shapes": lambda index: {**index, "arrays": [{"name": "x", "dtype": "uint8"}]},
    }


@pytest.mark.parametrize("edit", edits())
def test_index_that_is_none(shards, edit):
    path = shards / "index.json"
    changed = edits()[edit](json.loads(path.read_text()))
    path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    refused(lambda: open_shards(shards), str(path), "is not an index of shards")


def test_files_of_one_array(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([{}, 1], dtype=object), allow_pickle=True)
    refused(lambda: open_rows(path), "pickled objects, which are never loaded")
    np.save(path, np.zeros((50, 3)))
    whole = path.read_bytes()
    for content in (whole[:-1], whole + b"x"):
        path.write_bytes(content)
        refused(lambda: open_rows(path), "(50, 3)", "1,200 bytes")
    path.write_bytes(whole.replace(b"(50, 3), }", b"(4294967296, 3), }")[:500])
    refused(lambda: open_rows(path), "(4294967296, 3)")
    path.write_bytes(b"\x93NUMPY")
    refused(lambda: open_rows(path), "no valid .npy header")
    np.save(path, np.asfortranarray(np.zeros((5, 3))))
    refused(lambda: open_rows(path), "Fortran order")
    np.save(path, np.zeros((0, 3)))
    refused(lambda: open_rows(path), "no rows")
    np.save(path, np.zeros(5, "U3"))
    refused(lambda: open_rows(path), "expected numbers")
    path = tmp_path / "x-idx3-ubyte"
    path.write_bytes(b"\0\0\x08\x01\xff\xff\xff\xff\0")
    refused(lambda: open_rows(path), "4,294,967,295")
    path.write_bytes(b"\x1f\x8b\x08")
    refused(lambda: open_rows(path), str(path))
    refused(lambda: open_rows(tmp_path / "missing.npy"), "does not exist")


def test_a_file_that_becomes_shorter_is_said(folder, tmp_path):
    (tmp_path / "x.npy").write_bytes((folder / "x.npy").read_bytes())
    rows = open_rows(tmp_path / "x.npy")
    os.truncate(tmp_path / "x.npy", 1000)
    refused(lambda: rows[:10], "has become shorter")


def test_big_endian_numbers(tmp_path):
    array = np.arange(12, dtype=">f4").reshape(4, 3)
    np.save(tmp_path / "x.npy", array)
    np.testing.assert_array_equal(open_rows(tmp_path / "x.npy")[1:], array[1:])
    write_shards(tmp_path / "s", {"all": [{"x": array}]})
    np.testing.assert_array_equal(open_shards(tmp_path / "s").parts["all"]["x"][:], array)


def test_writing_is_all_or_nothing(arrays, tmp_path):
    x, y = arrays
    target = tmp_path / "s"

    def broken():
        yield from chunks(x[:2000], y[:2000])
        yield {"x": x[:5, :3], "y": y[:5]}

    refused(lambda: write_shards(target, {"train": broken()}), "chunks differ")
    refused(lambda: write_shards(target, {"train": []}), "there are no rows")
    assert not [*tmp_path.iterdir()]
    write_shards(target, {"train": chunks(x[:100], y[:100])})
    refused(lambda: write_shards(target, {"train": chunks(x, y)}), "exists", "--overwrite")
    refused(lambda: write_shards(target, {"train": broken()}, overwrite=True), "chunks differ")
    assert len(open_shards(target).parts["train"]["x"]) == 100
    write_shards(target, {"train": chunks(x, y)}, overwrite=True)
    assert len(open_shards(target).parts["train"]["x"]) == ROWS
    assert [*tmp_path.iterdir()] == [target]
    (tmp_path / "mine").mkdir()
    refused(
        lambda: write_shards(tmp_path / "mine", {"train": chunks(x, y)}, overwrite=True),
        "not a folder of shards",
    )


# Data sets, and the commands.


@pytest.fixture(scope="module")
def sample():
    found = load("mnist", "sample", say=lambda _: None)
    return {name: getattr(found, name) for name in ARRAY_NAMES}


def write_set(folder, arrays, form):
    folder.mkdir()
    if form == "npz":
        np.savez(folder / "mnist.npz", **arrays)
    for name, array in arrays.items():
        if form == "npy":
            np.save(folder / f"{name}.npy", array)
        if form == "idx":
            (folder / IDX_STEMS[name]).write_bytes(idx(array))
    return folder


def write_csv(path, x, y, header=False):
    lines = [",".join(map(str, row)) for row in np.column_stack([y, x.reshape(len(x), -1)])]
    names = ["label," + ",".join(f"pixel{i}" for i in range(784))] if header else []
    path.write_text("\n".join([*names, *lines]) + "\n")


def convert(*arguments):
    return main(["mlp-lab", "convert", *arguments])


def test_conversions_keep_the_rows(sample, tmp_path, capsys):
    sources = {form: [f"--from={write_set(tmp_path / form, sample, form)}"]
               for form in ("idx", "npy", "npz")}  # fmt: skip
    few = {name: array[:300] for name, array in sample.items()}
    write_csv(tmp_path / "a.csv", few["x_train"], few["y_train"], header=True)
    write_csv(tmp_path / "b.csv", few["x_test"], few["y_test"])
    sources["csv"] = [f"--from={tmp_path / 'a.csv'}", f"--test={tmp_path / 'b.csv'}"]
    for form, arguments in sources.items():
        target = tmp_path / f"{form}-shards"
        assert not convert(*arguments, f"--to={target}", "--dataset=mnist", "--rows_per_shard=1000")
        expected = few if form == "csv" else sample
        rows = len(expected["x_train"])
        said = f"{rows:,} training and {len(expected['x_test']):,} test images"
        assert said in capsys.readouterr().out
        assert len([*target.glob("train-*")]) == -(-rows // 1000)
        for memory_mb in (1, LARGE):
            found = load("mnist", data_dir=target, say=lambda _: None, memory_mb=memory_mb)
            assert isinstance(found.x_train, np.ndarray) == (memory_mb == LARGE or form == "csv")
            for name in ARRAY_NAMES:
                read = np.asarray(getattr(found, name))
                np.testing.assert_array_equal(read, expected[name])
                assert read.dtype == sample[name].dtype
            if form != "csv":
                assert found.origin.sha256 == DATASETS["mnist"].sample_sha256


@pytest.mark.parametrize("form", ["idx", "npy"])
def test_large_folders_are_streamed(sample, tmp_path, form):
    said = []
    folder = write_set(tmp_path / form, sample, form)
    found = load("mnist", data_dir=folder, say=said.append, memory_mb=5)
    assert isinstance(found.x_train, mlp_lab.data.Rows)
    assert "are read from its files" in said[0]
    for name in ARRAY_NAMES:
        np.testing.assert_array_equal(getattr(found, name)[90:99], sample[name][90:99])
        assert getattr(found, name).dtype == sample[name].dtype
    wrong = {**sample, "y_test": np.where(np.arange(2000) == 1234, 10, sample["y_test"])}
    with pytest.raises(InputError, match=r"1 test labels are out of range: label 10 at row 1234"):
        load("mnist", data_dir=write_set(tmp_path / "b", wrong, form), memory_mb=5, say=said.append)


CSV = {
    "line 3 has 784 columns, expected 785": lambda lines: lines[2].rpartition(",")[0],
    "line 3: '256' in column 785, expected": lambda lines: lines[2].rpartition(",")[0] + ",256",
    "line 3: '-1' in column 785": lambda lines: lines[2].rpartition(",")[0] + ",-1",
    "line 3: '0.5' in column 785": lambda lines: lines[2].rpartition(",")[0] + ",0.5",
    "line 3: label 10 in column 1": lambda lines: "10," + lines[2].partition(",")[2],
    "line 3 is empty": lambda lines: "",
    "line 3 has": lambda lines: "1," * 10**6,
}


@pytest.mark.parametrize("message", CSV)
def test_mistakes_in_a_csv_are_named_by_line_and_column(sample, tmp_path, message):
    path = tmp_path / "a.csv"
    write_csv(path, sample["x_train"][:4], sample["y_train"][:4], header=True)
    lines = path.read_text().splitlines()
    lines[2] = CSV[message](lines)
    path.write_text("\n".join(lines))
    refused(lambda: [*csv_chunks(path, DATASETS["mnist"])], str(path), message)


def test_conversion_answers_mistakes_in_one_line(sample, tmp_path, capsys):
    source = write_set(tmp_path / "idx", sample, "idx")
    target = tmp_path / "s"
    to = f"--to={target}"
    cases = {
        "--to: is needed": [f"--from={source}"],
        "--from: is needed": [to],
        "did you mean 'overwrite'": [f"--from={source}", to, "--overwrit"],
        "dataset": [f"--from={source}", to, "--dataset=cifar"],
        "rows_per_shard": [f"--from={source}", to, "--rows_per_shard=0"],
        "does not exist": [f"--from={tmp_path / 'none'}", to],
        "--test": [f"--from={tmp_path / 'a.csv'}", to],
        "unexpected argument 'again'": [f"--from={source}", to, "again"],
        "but 5,487,999 follow": [f"--from={source}", to, "--dataset=mnist"],
    }
    for words, arguments in cases.items():
        if words == "but 5,487,999 follow":
            (source / IDX_STEMS["x_train"]).write_bytes(idx(sample["x_train"])[:-1])
        assert convert(*arguments) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert len(said.err.splitlines()) == 1
        assert words in said.err
    assert not target.exists()


def test_the_command_as_a_process(tmp_path):
    for entry in ("train.py",), ("-m", "mlp_lab"):
        for argument, status, words in (("--help", 0, "--rows_per_shard=N"), ("x", 2, "'x'")):
            done = train("convert", argument, home=tmp_path, entry=entry)
            assert done.returncode == status
            assert words in done.stdout + done.stderr


def test_a_run_on_shards(sample, tmp_path):
    target = tmp_path / "shards"
    source = write_set(tmp_path / "idx", sample, "idx")
    assert not convert(f"--from={source}", f"--to={target}", "--dataset=mnist")
    flags = ["--dataset=mnist", f"--data_dir={target}", "--epochs=1", "--name=run",
             f"--log_dir={tmp_path}/logs", "--validation_split=0.1"]  # fmt: skip
    done = train(*flags, "--data_memory_mb=4", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "are read from its files" in done.stdout
    record = json.loads((tmp_path / "logs" / "run" / "run.json").read_text())
    assert record["metrics"]["val_accuracy"] > 0.6
    assert record["data"]["sha256"] == dict(DATASETS["mnist"].sample_sha256)

    path = target / "train-00000.tfrecord"
    content = bytearray(path.read_bytes())
    content[3000 * 801 + 100] ^= 4
    path.write_bytes(content)
    done = train(*flags, "--data_memory_mb=4", "--overwrite", home=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"{path}: is damaged: rows 2,816 to 3,071" in line
    done = train(*flags, "--overwrite", home=tmp_path)  # in memory: found before training
    assert done.returncode == 2
    assert f"--data_dir: {path}: is damaged" in done.stderr
    config = Config(dataset="mnist", data_dir=str(target), data_memory_mb=1, batch_size=1000,
                    log_dir=str(tmp_path / "other"))  # fmt: skip
    with pytest.raises(
        InputError, match="--data_memory_mb: 1 MB is too little for batches of 1000"
    ):
        run(config)
    assert not (tmp_path / "other").exists()
