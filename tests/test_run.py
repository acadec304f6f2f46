"""Whole runs: train.py as a process, and what it leaves in the run's folder."""

import json
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import events
import numpy as np
import pytest
from process import ROOT, environment, popen, train

import mlp_lab
from mlp_lab import data
from mlp_lab.data.pipeline import one_hot

FASHION = "--flagfile=configs/fashion_mnist.flags"
SAMPLE = "--data_source=sample"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


def succeed(*arguments, home, **kwargs):
    # Pictures take a second or two of each run; the first one draws them.
    first = "--name=first" in arguments or any("flags.txt" in text for text in arguments)
    quick = () if first else ("--pictures_every=0",)
    done = train(*quick, *arguments, home=home, **kwargs)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def record(run: Path) -> dict:
    return json.loads((run / "run.json").read_text())


@pytest.fixture(scope="module")
def first(home, logs):
    """The shipped configuration, two epochs on the sample, with no network and no cache."""
    started = time.monotonic()
    flags = ["--epochs=2", f"--log_dir={logs}", "--name=first"]
    out = succeed(FASHION, *flags, home=home, fresh=True)
    return logs / "first", out, time.monotonic() - started


def test_console_tells_what_happens(first):
    run, out, _ = first
    assert "using the bundled sample: 7,000 training and 2,000 test images" in out
    assert "244,522 parameters" in out
    assert "Epoch 1/2" in out
    assert "val_accuracy" in out
    assert f"run: {run}" in out
    assert f"tensorboard --logdir {run.parent}" in out


def test_falling_back_without_a_network_takes_seconds(first):
    # Loading TensorFlow and two epochs included; a download's time-out would be minutes.
    assert first[2] < 60


def test_folder_holds_flags_record_events_and_model(first):
    run, _, _ = first
    events_of_the_run = next(path.name for path in run.glob("events.out.tfevents.*"))
    assert {path.name for path in run.iterdir()} == {
        events_of_the_run,
        "checkpoints",
        "flags.txt",
        "metadata.tsv",
        "model.keras",
        "projector.tsv",
        "projector_config.pbtxt",
        "run.json",
        "run.lock",
        "sprite.png",
        "train",
        "validation",
    }


def test_record(first):
    entry = record(first[0])
    assert entry["status"] == "finished"
    assert entry["parameters"] == 244_522
    assert entry["seed"] == 0
    assert entry["epochs"] == 2
    assert entry["versions"]["mlp_lab"] == mlp_lab.__version__
    assert entry["versions"]["tensorflow"].startswith("2.")
    source = entry["data"]
    assert source["kind"] == "sample"
    assert source["published"] is False
    assert any("bundled sample" in note for note in source["notes"])
    checksums = data.load("fashion_mnist", "sample", say=str).origin.as_record()["sha256"]
    assert source["sha256"] == checksums
    names = ("accuracy", "loss", "mean_squared_error")
    assert set(entry["metrics"]) == {*names, *(f"val_{name}" for name in names)}
    assert entry["metrics"]["val_accuracy"] > 0.7
    assert entry["metrics"]["loss"] == entry["history"]["loss"][-1]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_scalars_are_the_history_by_tag_step_and_value(first, part):
    run, _, _ = first
    found = events.read(run / part)
    history = record(run)["history"]
    prefix = "" if part == "train" else "val_"
    for name in ("accuracy", "loss", "mean_squared_error"):
        curve = found[f"epoch_{name}"]
        steps = -(-7000 // 128)
        assert list(curve) == [steps, 2 * steps]  # the updates made, at the end of each epoch
        np.testing.assert_allclose(list(curve.values()), history[prefix + name], rtol=1e-6)
    if part == "train":
        np.testing.assert_allclose(found["learning_rate"][99], 0.001, rtol=1e-6)


def test_histograms_show_every_tensor_of_the_step(first):
    run, _, _ = first
    found = events.read(run / "train")
    model = mlp_lab.load_model(run / "model.keras")
    for weight in model.weights:
        name = weight.path.removeprefix("mlp/")
        for group in ("weights", "gradients", "updates"):
            steps = found[f"{group}/{name}"]
            assert list(steps) == list(range(0, 110, 11))  # a tenth of the steps
            assert all(bins[:, 2].sum() == weight.numpy().size for bins in steps.values())
    for layer in model.layers:
        assert list(found[f"activations/{layer.name}"]) == list(range(0, 110, 11))
    assert found["observing/share"]
    assert found["steps_per_second"]


def test_the_run_has_a_page_of_its_own(first):
    run, _, _ = first
    found = events.read(run)
    assert {"run", "pictures/confusion", "_hparams_/experiment", "custom_scalars__config__"} <= set(
        found
    )
    assert (run / "projector_config.pbtxt").is_file()


def test_saved_model_has_the_recorded_metrics(first):
    run, _, _ = first
    model = mlp_lab.load_model(run / "model.keras")
    sample = data.load("fashion_mnist", "sample", say=str)
    y = one_hot(sample.y_test, 10)
    results = model.evaluate(sample.x_test, y, batch_size=128, verbose=0, return_dict=True)
    for name, value in results.items():
        np.testing.assert_allclose(value, record(run)["metrics"][f"val_{name}"], rtol=1e-5)


def test_flags_txt_runs_it_again_bit_for_bit(first, home, logs):
    run, _, _ = first
    out = succeed(f"--flagfile={run}/flags.txt", home=home)
    (again,) = (path for path in logs.iterdir() if path.name.startswith("fashion_mnist-"))
    assert f"run: {again}" in out
    assert (again / "flags.txt").read_text() == (run / "flags.txt").read_text()
    assert record(again)["history"] == record(run)["history"]
    weights, expected = (mlp_lab.load_model(p / "model.keras").get_weights() for p in (again, run))
    for ours, theirs in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    shutil.rmtree(again)


def test_existing_run_is_refused_then_overwritten_on_demand(first, home, logs):
    copy = logs / "copy"
    shutil.copytree(first[0], copy)
    arguments = [SAMPLE, f"--log_dir={logs}", "--name=copy", "--epochs=1", "--hidden_units=8"]
    refused = train(*arguments, home=home)
    assert refused.returncode == 2
    assert "--overwrite" in refused.stderr
    assert record(copy) == record(first[0])
    # A run that cannot start must not delete the old one either.
    assert train(*arguments, "--overwrite", "--batch_size=9999", home=home).returncode == 2
    assert record(copy) == record(first[0])
    succeed(*arguments, "--overwrite", home=home)
    assert record(copy)["config"]["hidden_units"] == [8]
    assert len(list((copy / "train").iterdir())) == 1


@pytest.mark.parametrize(
    "entry",
    [("train.py",), ("-m", "mlp_lab"), (os.path.join(os.path.dirname(sys.executable), "mlp-lab"),)],
    ids=["train.py", "python -m mlp_lab", "mlp-lab"],
)
def test_entries_show_the_same_help(entry, home):
    done = train("--help", home=home, entry=entry)
    assert done.returncode == 0
    usage, _, rest = done.stdout.partition("\n")
    name = {"-m": "python -m mlp_lab", "train.py": "python train.py"}.get(entry[0], "mlp-lab")
    assert usage == f"usage: {name} [COMMAND] [--flagfile=PATH] [--FLAG=VALUE ...]"
    shown = train("--help", home=home).stdout.partition("\n")[2]
    assert rest == shown.replace("  python train.py ", f"  {name} ")
    for flag in ("--dataset=CHOICE", "--learning_rate=RATE", "--[no]shuffle", "--flagfile=PATH"):
        assert flag in rest
    assert train("--version", home=home, entry=entry).stdout == f"mlp_lab {mlp_lab.__version__}\n"


@pytest.mark.parametrize(
    ("schedule", "warmup"),
    [
        ("linear", 0),
        ("cosine", 20),
        ("constant", 30),
        pytest.param("coslog4", 10, marks=pytest.mark.slow),
    ],
)
def test_schedule_and_held_out_samples(schedule, warmup, home, logs):
    """The rate follows its formula step by step; the last samples are tested on."""
    arguments = [SAMPLE, f"--log_dir={logs}", f"--name={schedule}", "--epochs=2"]
    arguments += [f"--learning_rate_schedule={schedule}", f"--learning_rate_warmup={warmup}"]
    arguments += ["--histogram_every=7", "--probes=batch", "--learning_rate=0.01"]
    done = succeed(*arguments, "--validation_split=0.25", home=home)
    assert "5,250 training, 1,750 validation and 2,000 test images" in done
    steps = 2 * -(-5250 // 128)
    rates = events.read(logs / schedule / "train")["learning_rate"]
    assert list(rates) == list(range(0, steps, 7))
    s = np.array(list(rates))
    t = s / steps
    course = {"linear": 1 - t, "cosine": (1 + np.cos(np.pi * t)) / 2, "constant": 1 + 0 * t}
    course["coslog4"] = (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t))) / 2
    risen = np.minimum((s + 1) / warmup, 1) if warmup else 1
    np.testing.assert_allclose(list(rates.values()), 0.01 * course[schedule] * risen, rtol=1e-5)

    sample = data.load("fashion_mnist", "sample", say=str)
    model = mlp_lab.load_model(logs / schedule / "model.keras")
    y = data.pipeline.one_hot(sample.y_train[5250:], 10)
    found = model.evaluate(sample.x_train[5250:], y, verbose=0, return_dict=True)
    entry = record(logs / schedule)["metrics"]
    assert found["accuracy"] == pytest.approx(entry["val_accuracy"], abs=1e-6)


# A model, a loss and a metric from examples/, and other ways through the same code.
RUNS = {
    "model": ["--model=examples.residual_mlp:ResidualMLP(depth=2)"],
    "loss": ["--loss=examples.focal_loss:FocalLoss(gamma=1.5)"],
    "metric": ["--metrics=accuracy,examples.top_k:TopK(k=2)"],
    "sparse": ["--loss=sparse_categorical_crossentropy", "--metrics=accuracy,class_accuracy"],
    "binary": ["--loss=binary_crossentropy", "--activation=leaky_relu(alpha=0.1)", "--dropout=0.1"],
    "softmax": ["--model=mlp(output_activation='softmax')", "--nofrom_logits"],
    "keras": [
        "--loss=keras.losses:CategoricalCrossentropy",
        "--labels=one_hot",
        "--activation=keras.activations:gelu",
        "--optimizer=sgd(momentum=0.9)",
        "--learning_rate=0.05",
        "--kernel_initializer=he_normal",
    ],
    "float16": ["--precision=mixed_float16", "--jit_compile"],
    "eager": ["--run_eagerly", "--hidden_units=", "--batch_size=500", "--verbose=bar"],
}


@pytest.mark.parametrize("name", RUNS)
def test_run_learns(name, home, logs):
    arguments = [SAMPLE, f"--log_dir={logs}", f"--name={name}", "--epochs=1"]
    few = ["--hidden_units=256"] if name != "model" else []  # that one takes none
    succeed(*arguments, *few, *RUNS[name], home=home)
    entry = record(logs / name)
    assert entry["status"] == "finished"
    assert entry["metrics"]["val_accuracy"] > 0.5  # chance is 0.1
    if name == "metric":
        assert entry["metrics"]["val_accuracy"] < entry["metrics"]["val_top_k"] < 1
    if name in ("model", "loss", "metric"):
        sys.path.insert(0, str(ROOT))
        try:
            module = {"model": "residual_mlp", "loss": "focal_loss", "metric": "top_k"}[name]
            __import__(f"examples.{module}")
            mlp_lab.load_model(logs / name / "model.keras")
        finally:
            sys.path.remove(str(ROOT))


def test_examples_stay_short():
    for name in ("residual_mlp", "focal_loss", "top_k"):
        lines = (ROOT / "examples" / f"{name}.py").read_text().split('"""', 2)[2].splitlines()
        code = [line for line in lines if line.strip() and not line.startswith("import")]
        assert len(code) < 20, name


def test_class_that_could_not_be_loaded_again_is_noted(home, logs, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import keras, mlp_lab\n"
        "class Net(mlp_lab.MLP): pass\n"
        "@keras.saving.register_keras_serializable()\n"
        "class Known(keras.losses.CategoricalCrossentropy): label_form = 'one_hot'\n"
    )
    arguments = ["--model=mine:Net", "--loss=mine:Known", "--optimizer=sgd", "--epochs=1"]
    out = succeed(
        SAMPLE, f"--log_dir={logs}", "--name=noted", *arguments,
        home=home, entry=(str(ROOT / "train.py"),), cwd=tmp_path,
    )  # fmt: skip
    (note,) = (line for line in out.splitlines() if line.startswith("note: "))
    assert note.startswith("note: Net will be saved")
    assert "@keras.saving.register_keras_serializable()" in note


def test_raw_descent_configuration_trains(home, logs):
    flagfile = "--flagfile=configs/mnist_mse.flags"
    succeed(flagfile, SAMPLE, f"--log_dir={logs}", "--name=mse", "--epochs=2", home=home)
    entry = record(logs / "mse")
    assert entry["parameters"] == 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10
    assert entry["history"]["val_loss"][1] < entry["history"]["val_loss"][0]


def test_diverged_run_is_said_recorded_and_fails(home, logs):
    arguments = ["--loss=mean_squared_error", "--learning_rate=1e9", "--optimizer=gradient_descent"]
    done = train(
        SAMPLE, f"--log_dir={logs}", "--name=diverged", "--metrics=accuracy", "--epochs=3",
        *arguments, home=home,
    )  # fmt: skip
    assert done.returncode == 1
    entry = record(logs / "diverged")
    assert entry["status"] == "diverged"
    report = json.loads((logs / "diverged" / "non_finite" / "report.json").read_text())
    what = f"step {report['step']}: the {report['kind']}"
    assert entry["reason"].startswith(what)
    assert f"stopped: {what}" in done.stdout
    assert "--learning_rate" in done.stdout


def test_metric_that_is_not_a_number_by_definition_is_no_divergence(home, logs, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import keras\n"
        "@keras.saving.register_keras_serializable()\n"
        "class Undefined(keras.metrics.Metric):\n"
        "    def update_state(self, y_true, y_pred, sample_weight=None): pass\n"
        "    def result(self): return keras.ops.cast(float('nan'), 'float32')\n"
    )
    arguments = ["--metrics=mine:Undefined", "--epochs=1", "--name=undefined"]
    succeed(
        SAMPLE, f"--log_dir={logs}", *arguments,
        home=home, entry=(str(ROOT / "train.py"),), cwd=tmp_path,
    )  # fmt: skip
    entry = record(logs / "undefined")
    assert entry["status"] == "finished"
    assert entry["metrics"]["val_undefined"] == "nan"


def test_interrupted_run_is_recorded(home, logs):
    arguments = [SAMPLE, f"--log_dir={logs}", "--name=interrupted", "--epochs=10000"]
    process = popen("train.py", *arguments, env=environment(home))
    for line in process.stdout:
        if line.startswith("Epoch 3/"):
            break
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.startswith("train.py: interrupted, and saved; to resume: ")
    assert stderr.count("\n") == 1
    assert record(logs / "interrupted")["status"] == "interrupted"


def test_a_network_that_never_answers_costs_seconds(home, logs):
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        address = f"http://127.0.0.1:{black_hole.getsockname()[1]}"
        env = {**environment(home), "http_proxy": address, "https_proxy": address}
        started = time.monotonic()
        out = succeed(
            f"--log_dir={logs}", "--name=hole", "--epochs=1", "--dataset=mnist", home=home, env=env
        )
    assert "using the bundled sample" in out
    assert time.monotonic() - started < 60


def test_deterministic_lets_only_repeatable_operations_run(home, logs, tmp_path):
    """Such a run leaves the same bits again; an operation that draws without a seed is refused."""
    runs = []
    for name in ("steady", "steady-again"):
        flags = [f"--log_dir={logs}", f"--name={name}", "--epochs=1", "--dropout=0.5"]
        succeed(FASHION, SAMPLE, *flags, "--deterministic", home=home)
        runs.append(logs / name)
    weights = [mlp_lab.load_model(run / "model.keras").get_weights() for run in runs]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert record(runs[0])["history"] == record(runs[1])["history"]

    (tmp_path / "unsteady.py").write_text(
        "import tensorflow as tf, mlp_lab\n"
        "class Unsteady(mlp_lab.MLP):\n"
        "    def call(self, inputs):\n"
        "        noise = tf.raw_ops.RandomUniform(shape=[10], dtype='float32')\n"
        "        return super().call(inputs) + noise\n"
    )
    flags = [SAMPLE, "--model=unsteady:Unsteady", f"--log_dir={logs}", "--epochs=1"]
    there = {"env": {**environment(home), "PYTHONPATH": str(tmp_path)}}
    done = train(*flags, "--name=unsteady", "--deterministic", home=home, **there)
    assert done.returncode == 2
    assert "seed" in done.stderr.splitlines()[-1]
    done = train(*flags, "--name=unsteady", home=home, **there)
    assert done.returncode == 0, done.stderr
