"""Bad input: one line that names the flag, what came, what is allowed and what to do."""

import gzip
import os
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from process import ROOT, train

from mlp_lab.options.config import Config
from mlp_lab.training.folder import RunFolder


def files(folder: Path) -> dict[Path, int]:
    """Everything below a folder, with the time when it was last changed."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def refuse(folder: Path, *arguments: str, **kwargs) -> str:
    """Runs train.py, which must refuse and write nothing in `folder`; returns its one line."""
    before = files(folder)
    given = " ".join(arguments)
    sample = () if "--data_" in given else ("--data_source=sample",)
    logs = () if "--log_dir" in given else (f"--log_dir={folder}/logs",)
    with tempfile.TemporaryDirectory() as home:
        done = train(*sample, *logs, *arguments, home=Path(home), **kwargs)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("train.py: error: ")
    assert "Epoch" not in done.stdout
    assert files(folder) == before, "something was written"
    return lines[0].removeprefix("train.py: error: ")


# Flag -> words that its message must hold: what came, what is allowed, what to do.
FLAGS = {
    "--epocs=3": ["--epocs", "no such flag", "did you mean 'epochs'", "--help"],
    "--dataset=mnits": ["--dataset", "'mnits'", "did you mean 'mnist'", "fashion_mnist"],
    "--data_source=sampel": ["--data_source", "'sampel'", "did you mean 'sample'", "download"],
    "--model=mpl": ["--model", "'mpl'", "did you mean 'mlp'", "module:Class"],
    "--loss=mean_squared_eror": ["--loss", "did you mean 'mean_squared_error'", "module:Class"],
    "--activation=rleu": ["--activation", "'rleu'", "did you mean 'relu'", "leaky_relu"],
    "--optimizer=sdg": ["--optimizer", "'sdg'", "did you mean 'sgd'", "gradient_descent"],
    "--optimizer=adma": ["--optimizer", "did you mean 'adam'?"],
    "--metrics=acuracy": ["--metrics", "no metric 'acuracy'", "did you mean 'accuracy'"],
    "--metrics=accuracy(": ["--metrics", "cannot read 'accuracy('"],
    "--optimizer=adam(0.9)": ["--optimizer", "arguments need names", "name=value"],
    "--optimizer=adam(beta_1=x)": ["--optimizer", "numbers", "quotes"],
    "--precision=float8": ["--precision", "'float8'", "mixed_float16"],
    "--verbose=loud": ["--verbose", "'loud'", "none"],
    "--labels=onehot": ["--labels", "'onehot'", "did you mean 'one_hot'"],
    "--epochs=0": ["--epochs", "at least 1", "got 0"],
    "--epochs=three": ["--epochs", "whole number", "'three'"],
    "--epochs=1e9": ["--epochs", "whole number", "'1e9'"],
    "--epochs": ["--epochs", "needs a value", "--epochs=VALUE"],
    "--batch_size=0": ["--batch_size", "at least 1", "got 0"],
    "--batch_size=-5": ["--batch_size", "at least 1", "got -5"],
    "--learning_rate=0": ["--learning_rate", "above 0", "got 0.0"],
    "--learning_rate=nan": ["--learning_rate", "above 0", "got nan"],
    "--learning_rate=inf": ["--learning_rate", "above 0", "got inf"],
    "--learning_rate_schedule=cosin": ["--learning_rate_schedule", "did you mean 'cosine'"],
    "--learning_rate_warmup=-1": ["--learning_rate_warmup", "at least 0", "got -1"],
    "--validation_split=1": ["--validation_split", "[0, 1)", "got 1.0"],
    "--dropout=1": ["--dropout", "[0, 1)", "got 1.0"],
    "--dropout=-0.1": ["--dropout", "[0, 1)", "got -0.1"],
    "--hidden_units=256,0": ["--hidden_units", "at least 1", "got 0", "256,128"],
    "--hidden_units=256,x": ["--hidden_units", "whole number", "'x'"],
    "--seed=-1": ["--seed", "from 0 to 2147483647", "got -1"],
    "--seed=2147483648": ["--seed", "from 0 to 2147483647"],
    "--shuffle=7": ["--shuffle", "true or false", "'7'"],
    "--noshuffle=1": ["--shuffle", "--noshuffle"],
    "--name=../elsewhere": ["--name", "plain folder name", "'../elsewhere'", "--log_dir"],
    "--name=": ["--name", "plain folder name", "''"],
    "--flagfile=missing.flags": ["--flagfile", "cannot be read", "missing.flags"],
    "--flagfile": ["--flagfile", "needs a value"],
    "epochs=3": ["unexpected argument 'epochs=3'", "--name=value"],
    "--data_dir=": ["--data_dir", "non-empty"],
    "--data_memory_mb=0": ["--data_memory_mb", "at least 1", "got 0"],
    "--optimizer=adam(beta_1={[]: 1})": ["--optimizer", "unhashable", "name=value"],
    f"--optimizer=adam(beta_1={'-' * 9000}1)": ["--optimizer", "cannot read the arguments"],
    f"--optimizer=adam(beta_1=1{'+1' * 9000})": ["--optimizer", "cannot read the arguments"],
    "--probe_layers=a{99999999999999999999}": ["--probe_layers", "not a valid regular expression"],
    f"--probe_layers={'(' * 5000}": ["--probe_layers", "not a valid regular expression"],
    "--probe_layers=[[a]": ["--probe_layers", "not a valid regular expression", "nested set"],
    f"--checkpoint_every={'9' * 5000}": ["--checkpoint_every", "expected a number of steps"],
    f"--epochs={2**31}": ["--epochs", "from 1 to 2147483647", f"got {2**31}"],
    f"--hidden_units={2**31}": ["--hidden_units", "expected whole numbers"],
    "--log_dir=~nobody-of-this-name/logs": ["--log_dir", "no home folder '~nobody-of-this-name'"],
    "--log_dir=a\n--overwrite": ["--log_dir", "without line breaks", r"'a\n--overwrite'"],
    "--log_dir=\udcff": ["--log_dir", "broken characters", r"'\udcff'"],
    "--data_dir=a ": ["--data_dir", "spaces around it", "'a '"],
    "--a\n\x1b[31mb=3": [r"--a \x1b[31mb: no such flag"],
    "--flagfile=/dev/zero": ["--flagfile", "not a regular file", "'/dev/zero'"],
    "--data_source=data_dir": ["--data_source", "--data_dir=PATH"],
}


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: ascii(flag.lstrip("-")[:50]).strip("'"))
def test_flag_is_refused_in_one_line(flag, tmp_path):
    line = refuse(tmp_path, flag)
    for words in FLAGS[flag]:
        assert words in line


def test_flag_errors_and_help_do_not_load_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('tensorflow was imported')")
    (tmp_path / "keras.py").write_text("raise SystemExit('keras was imported')")
    for flag, status in {"--help": 0, "--version": 0, "--epochs=0": 2, "--loss=x": 2}.items():
        script = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        script += f"from mlp_lab.__main__ import main; sys.exit(main(['train.py', {flag!r}]))"
        done = train(home=tmp_path, entry=("-c", script))
        assert done.returncode == status, done.stderr


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("trian", "no such command 'trian' (did you mean 'train'?); the commands are compare, "),
        ("epochs=3", "no such command 'epochs=3'; the commands are compare, "),
    ],
)
def test_first_word_that_is_no_command(word, said, tmp_path):
    done = train(word, "--epochs=1", home=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"train.py: error: {said}")
    assert line.endswith("and every flag is written --name=value")


def test_options_that_exclude_each_other(tmp_path):
    assert "--jit_compile" in refuse(tmp_path, "--run_eagerly", "--jit_compile")
    line = refuse(tmp_path, "--data_dir=x", "--data_source=download")
    assert "--data_source=download" in line


def test_flagfile_with_a_mistake(tmp_path):
    flagfile = tmp_path / "wrong.flags"
    flagfile.write_text("# comment\n--epochs=2\n--learing_rate=0.1\n")
    assert "did you mean 'learning_rate'" in refuse(tmp_path, f"--flagfile={flagfile}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"--epochs=\xff\xfe", "is not text"),
        (b"--flagfile=wrong.flags", "does one name itself?"),
        (b"--log_dir=a\0b", r"without line breaks, control characters"),
        (b"--flagfile=a\0b", "embedded null byte"),
    ],
)
def test_flagfile_that_cannot_be_used(content, words, tmp_path):
    (tmp_path / "wrong.flags").write_bytes(content)
    line = refuse(tmp_path, "--flagfile=wrong.flags", cwd=tmp_path, entry=(str(ROOT / "train.py"),))
    assert words in line


def test_batch_larger_than_the_data(tmp_path):
    line = refuse(tmp_path, "--batch_size=7001")
    assert line.startswith("--batch_size: expected 1 to 7000")
    assert "got 7001" in line


# Data folders.


def idx(values: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path):
    """A small, right data set as gzipped IDX files, for a test to damage."""
    path = tmp_path / "data"
    path.mkdir()
    for part, rows in (("train", 40), ("t10k", 20)):
        images = np.zeros((rows, 28, 28))
        labels = np.arange(rows) % 10
        (path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return path


def refuse_folder(folder: Path, path: Path, *words: str) -> None:
    line = refuse(folder, "--dataset=mnist", f"--data_dir={path}", "--batch_size=16")
    assert line.startswith("--data_dir: ")
    for word in (str(path), *words):
        assert word in line, line


def test_the_undamaged_folder_trains(folder, tmp_path):
    done = train(
        "--dataset=mnist", f"--data_dir={folder}", "--batch_size=16", "--epochs=1",
        f"--log_dir={tmp_path}/logs", home=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_data_dir_missing(tmp_path):
    refuse_folder(tmp_path, tmp_path / "nowhere", "does not exist")


def test_data_dir_empty(tmp_path):
    (tmp_path / "empty").mkdir()
    refuse_folder(tmp_path, tmp_path / "empty", "empty", "train-images-idx3-ubyte")


def test_data_dir_with_other_files(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "cat.jpg").write_bytes(b"\xff\xd8")
    refuse_folder(tmp_path, tmp_path / "other", "cat.jpg", "train-images-idx3-ubyte")


def test_data_dir_truncated_gzip(folder, tmp_path):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    refuse_folder(tmp_path, folder, path.name, "truncated")


def test_data_dir_bad_magic_number(folder, tmp_path):
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(b"\x12\x34" + gzip.decompress(path.read_bytes())[2:]))
    refuse_folder(tmp_path, folder, path.name, "magic")


def test_data_dir_counts_that_disagree(folder, tmp_path):
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.arange(39) % 10)))
    refuse_folder(tmp_path, folder, "40", "39")


def test_data_dir_labels_out_of_range(folder, tmp_path):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.full(20, 10))))
    refuse_folder(tmp_path, folder, "10", "0", "9")


# The run's folder.


def test_log_dir_not_writable(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    line = refuse(tmp_path, f"--log_dir={tmp_path}/file/logs")
    assert line.startswith("--log_dir: ")
    assert f"'{tmp_path}/file' is not a folder" in line
    # Even root cannot make a folder there.
    line = refuse(tmp_path, "--log_dir=/proc/logs")
    assert line.startswith("--log_dir: ")
    assert "write to '/proc" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_log_dir_without_permission(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    line = refuse(tmp_path, f"--log_dir={tmp_path}/locked/logs")
    assert line.startswith(f"--log_dir: no permission to write to '{tmp_path}/locked'")


def test_existing_run_is_kept(tmp_path):
    run = tmp_path / "logs" / "first"
    arguments = [f"--log_dir={tmp_path}/logs", "--name=first"]
    run.mkdir(parents=True)
    (run / "mine.txt").write_text("keep me")
    line = refuse(tmp_path, *arguments)
    assert line.startswith("--name: ")
    assert "exists" in line
    assert "--overwrite" in line
    line = refuse(tmp_path, *arguments, "--overwrite")
    assert line.startswith("--overwrite: ")
    assert "not a run's folder" in line
    assert (run / "mine.txt").read_text() == "keep me"


@pytest.mark.parametrize("left", [(), ("run.lock",), ("run.lock", "flags.txt")])
def test_folder_of_a_run_killed_while_it_was_made_is_replaced(left, tmp_path):
    run = tmp_path / "logs" / "first"
    run.mkdir(parents=True)
    for name in left:
        (run / name).write_text("")
    folder = RunFolder(Config(log_dir=str(tmp_path / "logs"), name="first", overwrite=True))
    folder.create()
    folder.release()
    assert (run / "flags.txt").stat().st_size


# Parts that cannot be made or do not fit.

USER_MODULE = '''
import keras
import mlp_lab
from keras import ops

class Plain(keras.Model):
    pass

class Five(mlp_lab.Model):
    """Five outputs for ten classes."""
    def __init__(self):
        super().__init__()
        self.flatten, self.dense = keras.layers.Flatten(), mlp_lab.layers.Dense(5)
    def call(self, inputs):
        return self.dense(self.flatten(inputs))

class Fails(mlp_lab.Model):
    def call(self, inputs):
        raise RuntimeError("no way through")

class NeedsMore(mlp_lab.Model):
    def __init__(self, depth):
        super().__init__()

class Vector(keras.metrics.Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        pass
    def result(self):
        return ops.zeros(3)

class Unreduced(keras.losses.Loss):
    def __init__(self):
        super().__init__(reduction=None)
    def call(self, y_true, y_pred):
        return ops.mean(y_pred, axis=-1)

number = 3
'''

# Arguments -> flag at fault, words in its message.
PARTS = {
    ("--model=nowhere:Net",): ("model", ["cannot import 'nowhere'", "current folder"]),
    ("--model=broken:Net",): ("model", ["cannot import 'broken'", "ZeroDivisionError"]),
    ("--model=mine:Plian",): ("model", ["has no 'Plian'", "did you mean 'Plain'"]),
    ("--model=mine:Plain",): ("model", ["explicit step", "class Plain(mlp_lab.Model)"]),
    ("--model=mine:number",): ("model", ["mlp_lab.Model", "'mine:number'"]),
    ("--model=mine:Unreduced",): ("model", ["mlp_lab.Model", "'mine:Unreduced'"]),
    ("--model=mine:NeedsMore",): ("model", ["cannot be made", "'depth'"]),
    ("--model=mine:Fails",): ("model", ["fails on a batch", "no way through"]),
    ("--model=mlp(width=3)",): ("model", ["cannot be made", "width", "hidden_units"]),
    ("--model=mine:Five", "--dropout=0.5"): ("dropout", ["takes no dropout", "leave the flag out"]),
    ("--model=mine:Five",): ("loss", ["one output per class", "(32, 10)", "(32, 5)"]),
    ("--loss=mine:Plain",): ("loss", ["keras.losses.Loss", "'mine:Plain'"]),
    ("--loss=mine:Unreduced",): ("loss", ["one number", "(32,)", "reduction"]),
    ("--loss=sparse_categorical_crossentropy", "--labels=one_hot"): (
        "loss",
        ["takes integer labels", "--labels=one_hot"],
    ),
    ("--loss=keras.losses:CategoricalCrossentropy",): ("loss", ["does not fit integer labels"]),
    ("--loss=sparse_categorical_crossentropy",): ("metrics", ["takes one_hot labels"]),
    ("--nofrom_logits",): ("from_logits", ["not probabilities", "softmax"]),
    ("--model=mlp(output_activation='softmax')",): ("from_logits", ["--nofrom_logits"]),
    ("--metrics=mine:Plain",): ("metrics", ["keras.metrics.Metric"]),
    ("--metrics=mine:Vector",): ("metrics", ["a dict of numbers", "shape (3,)"]),
    ("--metrics=accuracy,accuracy",): ("metrics", ["already taken"]),
    ("--metrics=keras.metrics:MeanIoU(num_classes=1,sparse_y_true=4,axis='a')",): (
        "metrics",
        ["does not fit"],
    ),
    ("--optimizer=adam(beta_9=1)",): ("optimizer", ["cannot be made", "beta_9"]),
    ("--learning_rate_warmup=9999", "--epochs=2", "--batch_size=1000"): (
        "learning_rate_warmup",
        ["at most the 14 steps of the run, got 9999"],
    ),
    ("--optimizer=mine:Plain",): ("optimizer", ["keras.optimizers.Optimizer"]),
    ("--activation=mine:number",): ("activation", ["a function or a layer"]),
    ("--kernel_initializer=gloro",): ("kernel_initializer", ["'gloro'", "glorot_uniform"]),
}


@pytest.mark.parametrize("arguments", PARTS, ids=lambda a: " ".join(a).replace("--", ""))
def test_part_is_refused_in_one_line(arguments, tmp_path):
    # In the current folder, where module:Class is looked for.
    here = tmp_path / "here"
    here.mkdir()
    (here / "mine.py").write_text(USER_MODULE)
    (here / "broken.py").write_text("1 / 0")
    option, words = PARTS[arguments]
    # -B: Python's own cache of mine.py is nothing that train.py writes.
    line = refuse(tmp_path, *arguments, entry=("-B", str(ROOT / "train.py")), cwd=here)
    assert line.startswith(f"--{option}: ")
    for word in words:
        assert word in line
