"""What others give a run to read: flags, flagfiles, modules, data files, limits."""

import json
import os
import signal
import socket
import sys
import time
import zipfile

import numpy as np
from process import ROOT, environment, popen, python, train

from attacks.attack import Unavailable, attack

_HELD = """
import keras
import mlp_lab
@keras.saving.register_keras_serializable()
class Net(mlp_lab.MLP):
    pass
"""


def _run(home, *flags, **options):
    """Runs train.py in the folder `here`, on the sample."""
    here = home / "here"
    here.mkdir(exist_ok=True)
    data = () if any(flag.startswith("--data_dir") for flag in flags) else ("--data_source=sample",)
    logs = () if any(flag.startswith("--log_dir") for flag in flags) else ("--log_dir=../logs",)
    options = {"entry": (str(ROOT / "train.py"),), "cwd": here, "timeout": 120, **options}
    return train(*data, *logs, "--epochs=1", *flags, home=home / "home", **options)


def _refused(home, *flags, words=(), status=2, **options):
    """The run ends in one line that has these words, and has written nothing."""
    began = time.monotonic()
    done = _run(home, *flags, **options)
    seconds = time.monotonic() - began
    assert done.returncode == status, (flags, done.returncode, done.stderr[-2000:])
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr[-2000:]
    assert "error: " in lines[0]
    for word in words:
        assert word in lines[0], (word, lines[0][:2000])
    assert not (home / "logs").exists()
    return seconds


def _module(home, source, name="mine"):
    (home / "here").mkdir(exist_ok=True)
    (home / "here" / f"{name}.py").write_text(source)
    return f"--model={name}:Net"


@attack(quick=True)
def exit_in_a_module(home):
    """A module that calls sys.exit(0) is refused, with its name and line and status 2."""
    model = _module(home, "import sys\nsys.exit(0)\n")
    _refused(home, model, words=("--model: ", "'mine'", "SystemExit: 0", "mine.py:2"))


@attack
def exceptions_of_any_kind_in_a_module(home):
    """Whatever a module raises while it is imported is told in one line."""
    sources = {
        "BaseException": "raise BaseException('x')",
        "GeneratorExit": "raise GeneratorExit",
        "StopIteration": "raise StopIteration",
        "SyntaxError": "def f(:",
        "RecursionError": "def f(): f()\nf()",
        "ModuleNotFoundError": "import nowhere_at_all",
        "MemoryError": "raise MemoryError",
        "Odd": "class Odd(BaseException):\n  def __str__(self): raise SystemExit(0)\nraise Odd",
        "SystemExit": "def __getattr__(name): raise SystemExit(0)",
        "null bytes": "\0",
    }
    for number, (word, source) in enumerate(sources.items()):
        _refused(home, _module(home, source, f"mine{number}"), words=("--model: ", word))


@attack
def exit_in_parts(home):
    """A part that exits while it is made, tried or measured is refused, whichever part it is."""
    leave = "        raise SystemExit(0)\n"
    sources = {
        "model": _HELD + "    def __init__(self, **kwargs):\n" + leave,
        "call": _HELD + "    def call(self, x):\n" + leave,
        "loss": "import keras\nclass Net(keras.losses.Loss):\n    def call(self, a, b):\n" + leave,
        "metrics": "import keras\nclass Net(keras.metrics.Mean):\n"
        "    def update_state(self, *a, **k):\n" + leave,
        "optimizer": "import keras\nclass Net(keras.optimizers.SGD):\n    def __init__(self):\n"
        + leave,
        "probes": "import mlp_lab\nclass Net(mlp_lab.probes.Batch):\n    def __init__(self):\n"
        + leave,
    }
    for name, source in sources.items():
        _module(home, source, f"part_{name}")
        option = "model" if name == "call" else name
        words = (f"--{option}: ", "SystemExit")
        _refused(home, f"--{option}=part_{name}:Net", words=words)


@attack
def a_module_that_changes_the_process(home):
    """A module may change the folder, argv, streams and signals: the run ends as without that."""
    source = """
import io, os, signal, sys
print("from the module")
os.chdir("/")
sys.argv[:] = ["other"]
sys.stdout.close()
sys.stderr, sys.stdout, sys.stdin = io.StringIO(), None, None
sys.excepthook = None
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
"""
    done = _run(home, _module(home, source + _HELD), "--name=run")
    assert done.returncode == 0, done.stderr
    assert "from the module" in done.stdout
    assert "saved: " in done.stdout
    record = json.loads((home / "logs" / "run" / "run.json").read_text())
    assert record["status"] == "finished"
    # Signals end it as usual.
    process = _start(home, "--model=mine:Net", "--name=again", "--epochs=1000")
    _wait(lambda: (home / "logs" / "again" / "run.json").exists(), process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert len(err.splitlines()) == 1


def _start(home, *flags):
    return popen(
        str(ROOT / "train.py"), "--data_source=sample", "--log_dir=../logs", *flags,
        env={**environment(home / "home"), "PYTHONUNBUFFERED": "1"}, cwd=home / "here",
    )  # fmt: skip


def _wait(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@attack
def an_import_that_never_ends(home):
    """An import that takes long is said, and Ctrl-C ends it."""
    for name, source in {
        "waits": "import time\nopen('started', 'w')\ntime.sleep(1000)\n",
        "spins": "open('started', 'w')\nwhile True:\n    pass\n",
    }.items():
        process = _start(home, _module(home, source, name))
        _wait((home / "here" / "started").exists, process)
        (home / "here" / "started").unlink()
        assert f"importing {name!r} takes long; Ctrl-C ends it" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert err.splitlines() == ["train.py: interrupted"]
    assert not (home / "logs").exists()


@attack
def an_import_that_swallows_ctrl_c(home):
    """A module that catches what Ctrl-C raises is ended by a second one, or after its import."""
    source = "import time\nopen('started', 'w')\ntry:\n    time.sleep(5)\nexcept BaseException:\n"
    process = _start(home, _module(home, source + "    pass\n" + _HELD))
    _wait((home / "here" / "started").exists, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    (home / "here" / "started").unlink()
    deaf = "import time\nopen('started', 'w')\nwhile True:\n    try:\n        time.sleep(100)\n"
    process = _start(
        home, _module(home, deaf + "    except BaseException:\n        pass\n", "deaf")
    )
    _wait((home / "here" / "started").exists, process)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert not (home / "logs").exists()


@attack(quick=True)
def a_pipe_as_flagfile(home):
    """A pipe, a device, a socket or a folder as a flagfile is refused at once."""
    (home / "here").mkdir()
    os.mkfifo(home / "here" / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home / "socket"))
        given = ("pipe", "/dev/zero", "/dev/tty", "/dev/stdin", str(home / "socket"), ".")
        for path in given:
            words = ("--flagfile: cannot be read", path)
            assert _refused(home, f"--flagfile={path}", words=words) < 60


@attack
def flagfiles_that_grow(home):
    """Flagfiles that name each other again and again are refused within a second."""
    from mlp_lab.errors import InputError
    from mlp_lab.options import flags

    (home / "here").mkdir()
    for level in range(12):
        more = f"--flagfile={home}/{level + 1}.flags\n" * 6
        (home / f"{level}.flags").write_text(more if level < 11 else "")
    files = {
        "nested": f"--flagfile={home}/0.flags\n",
        "wide": f"--flagfile={home}/11.flags\n" * 500,
        "many": "--epochs=1\n" * 90_000,
        "words": "x\n" * 500_000,
        "long": "--optimizer=" + "a" * 1_000_000,
        "deep": "--optimizer=adam(a=" + "-" * 90_000 + "1)",
        "name": "--" + "a" * 90_000,
        "last": "--epochs=1\n" * 998 + "--epochs=x\n",
    }
    for name, text in files.items():
        (home / name).write_text(text)
        began = time.process_time()
        try:
            flags.parse([f"--flagfile={home / name}"])
        except InputError:
            pass
        else:
            raise AssertionError(name)
        assert time.process_time() - began < 1, name
    _refused(home, f"--flagfile={home}/nested", words=(".flags:1", "--flagfile"))


def _set(folder, **changes):
    """Writes a small data set as npz, with these arrays in place of its own."""
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (256, 28, 28), np.uint8),
        "y_train": np.arange(256, dtype=np.uint8) % 10,
        "x_test": rng.integers(0, 256, (128, 28, 28), np.uint8),
        "y_test": np.arange(128, dtype=np.uint8) % 10,
    }
    folder.mkdir(parents=True, exist_ok=True)
    return {**arrays, **changes}


@attack
def special_files_as_data(home):
    """A pipe, a device or a folder in place of any data file is refused at once."""
    names = {
        "idx": "train-images-idx3-ubyte", "npy": "x_train.npy", "npz": "fashion_mnist.npz",
        "shards": "index.json",
    }  # fmt: skip
    for kind, name in names.items():
        folder = home / kind
        arrays = _set(folder)
        for array in arrays:
            np.save(folder / f"{array}.npy", arrays[array])
        if kind in ("npz", "idx"):
            (folder / "x_train.npy").unlink()
        if kind == "npz":
            for array in ("y_train", "x_test", "y_test"):
                (folder / f"{array}.npy").unlink()
        (folder / name).unlink(missing_ok=True)
        for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
            make(folder / name)
            words = ("--data_dir: ", "not a regular file")
            assert _refused(home, f"--data_dir={folder}", words=words) < 60
            (folder / name).unlink()
    os.mkfifo(home / "pipe.npz")
    for path in (home / "pipe.npz", "/dev/zero"):
        assert _refused(home, f"--data_dir={path}", words=("--data_dir: ",)) < 60


@attack
def claims_of_an_index(home):
    """An index of shards that claims much and holds little is refused within a second."""
    from mlp_lab.data.faults import DataFault
    from mlp_lab.data.shards import open_shards

    one = {"name": "x", "dtype": "uint8", "shape": [1]}
    parts = {"train": {"rows": 1, "sha256": {}, "shards": []}}
    indexes = {
        "shape": [{**one, "shape": [3] * 400_000}],
        "large": [{**one, "shape": [2**47] * 32}],
        "arrays": [{**one, "name": str(n)} for n in range(20_000)],
        "nested": None,
        "many": [one] * 1_000_000,
        "true": [{**one, "shape": [True, 28, 28]}],
    }
    for name, arrays in indexes.items():
        (home / name).mkdir()
        index = {"format": "mlp_lab shards 1", "block_rows": 1, "arrays": arrays, "parts": parts}
        text = json.dumps(index) if arrays else "[" * 900_000
        (home / name / "index.json").write_text(text)
        began = time.process_time()
        try:
            open_shards(home / name)
        except DataFault:
            pass
        else:
            raise AssertionError(name)
        assert time.process_time() - began < 1, name
    for name in ("shape", "nested"):
        _refused(home, f"--data_dir={home / name}", words=("--data_dir: ", "index.json"))


@attack
def odd_shapes_in_headers(home):
    """A header of an npy or npz file with a shape of other types or lengths is refused."""
    shapes = ["(True, 28, 28)", "(1, 28.0, 28)", "(-1, 28, 28)", "(1,) * 3", f"({'1, ' * 900})",
              "(1, 28, 28, False)", "[1, 28, 28]", "None"]  # fmt: skip
    for number, shape in enumerate(shapes):
        folder = home / str(number)
        arrays = _set(folder, y_train=np.zeros(1, np.uint8))
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
        header += " " * (-(len(header) + 11) % 64) + "\n"
        start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
        (folder / "x_train.npy").write_bytes(start + bytes(784))
        _refused(home, f"--data_dir={folder}", words=("--data_dir: ", "x_train"))
        with zipfile.ZipFile(home / f"{number}.npz", "w") as archive:
            for name in arrays:
                archive.write(folder / f"{name}.npy", f"{name}.npy")
        _refused(home, f"--data_dir={home / str(number)}.npz", words=("--data_dir: ", "x_train"))


@attack
def a_streamed_file_is_overwritten(home):
    """A streamed npy file that is overwritten in place ends the run with one line."""
    folder = home / "set"
    arrays = _set(folder)
    arrays["x_train"] = np.zeros((20_000, 28, 28), np.uint8)
    arrays["y_train"] = np.zeros(20_000, np.uint8)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (home / "here").mkdir()
    process = popen(
        str(ROOT / "train.py"), f"--data_dir={folder}", "--data_memory_mb=4", "--epochs=1000",
        "--log_dir=../logs", "--name=run", "--verbose=line",
        env={**environment(home / "home"), "PYTHONUNBUFFERED": "1"}, cwd=home / "here",
    )  # fmt: skip
    _wait(lambda: list((home / "logs" / "run").glob("validation/*")), process)
    with open(folder / "x_train.npy", "r+b") as file:
        file.seek(1000)
        file.write(b"\xff" * 100_000)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err[-3000:]
    assert len(err.splitlines()) == 1, err[-3000:]
    assert "x_train.npy: has been changed since it was opened" in err


@attack
def names_that_are_too_long(home):
    """Names and paths beyond the file system's limits are refused in one line."""
    _refused(home, f"--name={'x' * 256}", words=("--name: ", "255 bytes"))
    _refused(home, f"--name={'ä' * 128}", words=("--name: ", "255 bytes"))
    _refused(home, f"--log_dir={'x' * 300}", words=("--log_dir: ", "255 bytes"))
    _refused(home, f"--log_dir={home}/{'x/' * 2040}", words=("--log_dir: ", "bytes"))
    _refused(home, f"--log_dir={home}/{'x/' * 2000}", "--name=x", words=("bytes",))
    _refused(home, f"--data_dir={'x' * 300}", words=("--data_dir: ", "too long"))
    _refused(home, f"--data_dir={'x/' * 3000}", words=("--data_dir: ", "too long"))
    _refused(home, f"--flagfile={'x' * 300}", words=("--flagfile: ", "too long"))
    _refused(home, f"--model={'x' * 300}:Net", words=("--model: ",))
    done = _run(home, f"--name={'x' * 255}")
    assert done.returncode == 0, done.stderr


@attack
def a_removed_working_directory(home):
    """A command in a folder that has been removed says so in one line."""
    (home / "gone").mkdir()
    code = "import os, sys; os.rmdir('../gone'); os.execv(sys.executable, sys.argv[1:])"
    arguments = ("python", str(ROOT / "train.py"), "--data_source=sample", f"--log_dir={home}/logs")
    done = python("-c", code, *arguments, env=environment(home), cwd=home / "gone", timeout=60)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "working directory" in done.stderr
    assert not (home / "logs").exists()


@attack(quick=True)
def units_beyond_memory(home):
    """A model or a metric larger than the memory is refused before it is made."""
    sizes = {
        "--hidden_units=2000000000,2000000000": "--hidden_units: ",
        "--hidden_units=1000000,1000000": "--hidden_units: ",
        "--model=mlp(hidden_units=[2000000000])": "--model: ",
        "--metrics=confusion(num_classes=1000000)": "--metrics: ",
    }
    for flag, option in sizes.items():
        assert _refused(home, flag, words=(option, "MB")) < 60


def _limited(home, limit, value):
    if sys.platform != "linux":
        raise Unavailable("limits as on Linux")
    code = (
        f"import os, resource, sys; resource.setrlimit(resource.{limit}, ({value}, {value})); "
        "os.execv(sys.executable, sys.argv[1:])"
    )
    return python(
        "-c", code, "python", str(ROOT / "train.py"), "--data_source=sample", "--epochs=1",
        f"--log_dir={home}/logs", "--name=run", env=environment(home), timeout=120, fresh=True,
    )  # fmt: skip


@attack
def too_little_address_space(home):
    """Under ulimit -v or -d of 500 MB a run says what it needs, with status 1."""
    for limit in ("RLIMIT_AS", "RLIMIT_DATA"):
        done = _limited(home, limit, 500_000_000)
        assert done.returncode == 1, done.stderr[-2000:]
        assert len(done.stderr.splitlines()) == 1, done.stderr[-2000:]
        assert "ulimit" in done.stderr
        assert not (home / "logs").exists()


@attack
def no_file_may_grow(home):
    """Under ulimit -f of 0 or a few kB a run ends with one line and status 1."""
    for value in (0, 5000):
        done = _limited(home, "RLIMIT_FSIZE", value)
        assert done.returncode == 1, done.stderr[-2000:]
        assert len(done.stderr.splitlines()) == 1, done.stderr[-2000:]


@attack
def foreign_names_among_checkpoints(home):
    """Files and folders with names like a checkpoint's are neither used nor removed."""
    from mlp_lab.checkpoints.store import Store

    folder = home / "checkpoints"
    names = ["step-foo.ckpt", "step-1.ckpt", ".step-foo.tmp", "step-" + "\u0660" * 12 + ".ckpt"]
    folder.mkdir()
    for name in names:
        (folder / name).write_text("x")
    (folder / ".step-000000000001.ckpt.7.tmp").mkdir()
    (folder / "step-000000000009.ckpt").mkdir()
    os.mkfifo(folder / "step-000000000008.ckpt")
    store = Store(folder)
    assert store.paths() == []
    assert store.load() is None
    before = {path.name for path in folder.iterdir()}
    store.save(3, {"a": 1})
    assert store.load() == {"a": 1}
    store.clear()
    assert {path.name for path in folder.iterdir()} == before
