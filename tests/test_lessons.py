"""The tutorial's lessons run as their readers run them, and measure what they say."""

import concurrent.futures
import importlib
import re
import sys

import events
import numpy as np
import pytest
from process import ROOT, environment, python

from mlp_lab import data
from mlp_lab.data.pipeline import one_hot

FOLDER = ROOT / "examples" / "tutorial"
LESSONS = sorted(path.stem for path in FOLDER.glob("t[0-9][0-9]_*.py"))
# Raw variables and model stand side by side in these; the others are short.
LONGER = {"t04_raw_variables": 110, "t05_test_loop": 75}
WRITE_LOGS = {"t05_test_loop", "t11_fashion_mnist", "t14_training"}

# What the tutorial prints, as each lesson shows it in its last column.
FIGURES = {
    "t01_data": ["[60,000, 28, 28]", "[6000], a slip for [60,000]", "float32", "int32", "255"],
    "t02_preprocessing": ["[0, 0, 0, 0, 0, 1, 0, 0, 0, 0]", "1"],
    "t03_tf_data": ["[128, 28, 28]", "[128, 10]", "[32, 32, 32, 3]", "[32, 10]"],
    "t04_raw_variables": ["0.08259", "0.09006", "0.08287", "0.08224", "0.08803", "None", "NaN"],
    "t05_test_loop": ["0.0471", "0.05285", "0.05023", "0.05275", "0.05572", "0.7847"],
    "t06_dense_layers": ["[4, 512]", "[478, 512]", "[176, 544, 264]", "984"],
    "t07_output_mappings": ["0.00247262", "0.3614236", "-0.96402758", "0.77777778", "-0.06666667"],
    "t08_gradient_tape": ["2", "None", "0"],
    "t09_mse_gradient": ["[4, 3]", "[3]", "[b]"],
    "t10_crossentropy": ["1.3862944", "2.3025851", "0.35667497", "0.10536054"],
    "t11_fashion_mnist": ["[60,000, 28, 28]", "[10,000, 28, 28]", "[9, 0, 0, 3, 0]"],
    "t12_loading": ["[128, 28, 28]", "[128, 10]"],
    "t13_five_layers": ["200,960", "32,896", "8,256", "2,080", "330", "244,522"],
    "t14_training": ["0.839", "0.8878", "16.71 (last batch)", "130.58 (last batch)"],
}
# Nothing in these depends on the data set or on how long is trained.
EXACT = ["t06_dense_layers", "t07_output_mappings", "t10_crossentropy", "t13_five_layers"]


def start(name, folder, *arguments):
    """Runs a lesson in an empty folder with an empty home."""
    folder.mkdir()
    env = {**environment(folder), "PYTHONPATH": str(ROOT)}
    return python(str(FOLDER / f"{name}.py"), *arguments, cwd=folder, env=env, timeout=120)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The processes of the lessons, two at a time, and the folder that theirs are in."""
    root = tmp_path_factory.mktemp("lessons")
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        yield {name: pool.submit(start, name, root / name) for name in LESSONS}, root


def table(out):
    """The rows that a lesson has printed: (quantity, here, tutorial) each."""
    cells = [[cell.strip() for cell in line.split(" |")] for line in out.splitlines()]
    rows = [tuple(row) for row in cells if len(row) == 3]
    assert rows[0] == ("quantity", "here", "tutorial")
    return rows[1:]


def number(text):
    """The number that a cell is, or None."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def module(name):
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return importlib.import_module(name)


def test_there_are_fourteen_with_their_figures():
    assert [name[:3] for name in LESSONS] == [f"t{i:02}" for i in range(1, 15)]
    assert sorted(FIGURES) == LESSONS


@pytest.mark.parametrize("name", LESSONS)
def test_lesson(name, runs):
    processes, root = runs
    done = processes[name].result()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = table(done.stdout)
    tutorial = [row[2] for row in rows]
    assert [figure for figure in FIGURES[name] if figure not in tutorial] == []
    # No cell of what was measured is empty, and the lesson says more than the table does.
    assert all(here for _, here, _ in rows)
    assert len(done.stdout.split(rows[-1][0])[-1]) > 150
    written = {path.parts[-1] for path in (root / name).glob("logs/tutorial/*")}
    assert written == ({name} if name in WRITE_LOGS else set())
    assert (f"tensorboard --logdir logs/tutorial/{name}" in done.stdout) == bool(written)


@pytest.mark.parametrize("name", EXACT)
def test_what_is_measured_is_the_tutorial_s_figure(name, runs):
    pairs = [(q, number(here), number(t)) for q, here, t in table(runs[0][name].result().stdout)]
    pairs = [pair for pair in pairs if None not in pair]
    assert len(pairs) > 4 or name == "t06_dense_layers"
    for quantity, here, tutorial in pairs:
        np.testing.assert_allclose(here, tutorial, rtol=1e-5, atol=2e-7, err_msg=quantity)


@pytest.mark.parametrize("name", ["t04_raw_variables", "t05_test_loop"])
def test_raw_variables_and_model_end_equal(name, runs):
    rows = {quantity: here for quantity, here, _ in table(runs[0][name].result().stdout)}
    assert float(rows["greatest difference of weights"]) < 1e-6
    if name == "t05_test_loop":
        accuracy = rows["test accuracy after the last"]
        assert accuracy == rows["test accuracy after the last, model"]


def test_the_difference_of_weights_is_one():
    """Equal steps give equal weights; another learning rate does not."""
    t04 = module("t04_raw_variables")
    mnist = data.load("mnist", "sample", say=lambda line: None)
    x, y = mnist.x_train[:1000], one_hot(mnist.y_train[:1000], 10)
    for rate, equal in ((1e-3, True), (1.1e-3, False)):
        variables = t04.initial()
        model = t04.twin(variables)
        t04.train_raw(variables, x, y, 1, rate=rate)
        model.fit(x, y, batch_size=128, epochs=1, shuffle=False, verbose=0)
        pairs = zip(variables, model.get_weights(), strict=True)
        close = all(np.allclose(raw.numpy(), own, rtol=0, atol=1e-6) for raw, own in pairs)
        assert close == equal
        assert (t04.greatest_difference(variables, model) < 1e-6) == equal


@pytest.mark.parametrize("name", ["t07_output_mappings", "t08_gradient_tape", "t09_mse_gradient"])
def test_main_returns_what_it_prints(name, capsys):
    measured = module(name).main([])
    printed = {q.split("[")[0] if q[-1:] == "]" else q for q, *_ in table(capsys.readouterr().out)}
    assert set(measured) == printed
    assert module(name).main(["--seed=0"]).keys() == measured.keys()


def test_lessons_of_batches_and_bytes():
    measured = module("t03_tf_data").main([])
    assert measured["batch, then shuffle: batches met again"] == 10
    assert measured["shuffle, then batch: batches met again"] == 0
    assert measured["the lab's pieces: batches met again"] == 0
    measured = module("t01_data").main([])
    assert measured["images, shape"] == (7000, 28, 28)
    assert measured["megabytes as float32"] == 4 * measured["megabytes as bytes"]


def test_logs_can_be_read(runs):
    processes, root = runs
    assert processes["t14_training"].result().returncode == 0
    logs = root / "t14_training" / "logs" / "tutorial" / "t14_training"
    assert set(events.read(logs / "train")["epoch_mean_squared_error"]) == {55, 110, 165}
    assert "epoch_accuracy" in events.read(logs / "validation")
    assert "pictures/confusion" in events.read(logs)
    assert processes["t11_fashion_mnist"].result().returncode == 0
    logs = root / "t11_fashion_mnist" / "logs" / "tutorial" / "t11_fashion_mnist"
    assert "pictures/first_images" in events.read(logs)


@pytest.mark.parametrize("name", LESSONS)
def test_lessons_are_short(name):
    lines = (FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) for line in lines) < LONGER.get(name, 60)


@pytest.mark.parametrize("name", LESSONS)
def test_help_tells_what_it_is_about(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        module(name).main(["--help"])
    out = capsys.readouterr().out
    assert stopped.value.code == 0
    assert module(name).__doc__.strip().splitlines()[0] in out
    assert ("--full" in out) == ("lesson.load" in (FOLDER / f"{name}.py").read_text())
    assert ("--log_dir" in out) == (name in WRITE_LOGS)


def test_data_that_are_not_there_are_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        module("t01_data").main(["--data_dir", str(tmp_path / "nothing")])
    assert stopped.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(r"error: .*nothing", last)
