"""Sweeps: what is varied; each trial is the run alone; kills and sharing change nothing."""

import contextlib
import dataclasses
import json
import math
import signal
import subprocess
import sys
import time

import events
import numpy as np
import pytest
import sweeping
from hypothesis import given
from hypothesis import strategies as st
from process import ROOT, train
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from mlp_lab.errors import InputError
from mlp_lab.options import flags
from mlp_lab.options.config import Config
from mlp_lab.options.sweep import SweepOptions
from mlp_lab.sweeps.bands import write_bands
from mlp_lab.sweeps.folder import SweepFolder
from mlp_lab.sweeps.halton import Halton
from mlp_lab.sweeps.plan import plan
from mlp_lab.sweeps.progress import Progress, Task
from mlp_lab.sweeps.report import report
from mlp_lab.sweeps.vary import parse
from mlp_lab.training.page import RunPage

# What is varied.


def options(*given):
    return flags.parse(["--name=s", *given], SweepOptions)


def values(*given):
    return [tuple(trial.values.values()) for trial in plan(options(*given)).trials]


def test_lists_give_a_grid():
    found = values("--vary=dropout=0,0.2 hidden_units=8,4|16 optimizer=sgd,adam(beta_1=0.8)")
    assert found == [
        (dropout, units, optimizer)
        for dropout in ("0", "0.2")
        for units in ("8,4", "16")
        for optimizer in ("sgd", "adam(beta_1=0.8)")
    ]
    trials = plan(options("--vary=hidden_units=8,4|16", "--seeds=2", "--seed=5")).trials
    assert [t.config.hidden_units for t in trials] == [(8, 4), (8, 4), (16,), (16,)]
    assert [t.config.seed for t in trials] == [5, 6, 5, 6]
    assert [t.name for t in trials] == [
        f"trial-{number:03d}-seed-{seed}" for number in (0, 1) for seed in (5, 6)
    ]


def test_part_of_a_grid_begins_with_fewer():
    vary = "--vary=dropout=0,0.1,0.2,0.3 batch_size=16,32,64"
    few, more = values(vary, "--trials=4"), values(vary, "--trials=12")
    assert more[:4] == few
    assert sorted(more) == sorted(values(vary))
    assert few != values(vary, "--trials=4", "--seed=1")


def test_ranges():
    vary = "--vary=learning_rate=log(1e-4,1e-2) dropout=0,0.2 batch_size=log(16,128)"
    found = plan(options(vary + " learning_rate_warmup=uniform(0,3)", "--trials=64")).trials
    rates = [t.config.learning_rate for t in found]
    assert 1e-4 <= min(rates) < 1.2e-4
    assert 8e-3 < max(rates) <= 1e-2
    # Half of any power of two are in the lower half, and each value of a list has its half.
    assert sum(rate < 1e-3 for rate in rates) == 32
    assert abs(sum(t.config.dropout == 0 for t in found) - 32) <= 2
    assert {type(t.config.batch_size) for t in found} == {int}
    assert {t.config.learning_rate_warmup for t in found} == {0, 1, 2, 3}
    assert values(vary, "--trials=8") == values(vary, "--trials=64")[:8]


@given(st.integers(0, 2**40), st.integers(0, 4), st.integers(0, 99), st.integers(1, 2))
def test_halton_fills_every_interval(block, dimension, seed, power):
    base = (2, 3, 5, 7, 11)[dimension]
    count = base**power
    halton = Halton(dimension + 1, seed)
    points = [halton.point(block * count + i)[dimension] for i in range(count)]
    assert sorted(math.floor(point * count) for point in points) == list(range(count))
    assert all(0 <= point < 1 for point in points)


def test_halton_is_as_even_as_scipys():
    from scipy.stats import qmc

    ours = qmc.discrepancy(np.array([Halton(3, 0).point(i) for i in range(128)]))
    theirs = qmc.discrepancy(qmc.Halton(3, seed=0).random(128))
    plain = qmc.discrepancy(np.random.default_rng(0).random([128, 3]))
    assert ours < 2 * theirs < plain


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--vary=lerning_rate=1,2"], "--vary: no flag 'lerning_rate' of a run's result (did you "
         "mean 'learning_rate'?)"),
        (["--vary=log_dir=a,b"], "--vary: no flag 'log_dir' of a run's result"),
        (["--vary=seed=1,2"], "--vary: seed cannot be varied; give --seeds"),
        (["--vary=dropout"], "--vary: expected NAME=VALUES, got 'dropout'"),
        (["--vary=dropout="], "--vary: dropout has no values"),
        (["--vary=dropout=0,0"], "--vary: dropout has a value twice"),
        (["--vary=dropout=0 dropout=1"], "--vary: dropout is given twice"),
        (["--vary=dropout=0,1.5"], "--vary: dropout=1.5: --dropout: expected"),
        (["--vary=epochs=1,x"], "--vary: epochs=x: --epochs: expected a whole number, got 'x'"),
        (["--vary=learning_rate=log(1e-4)", "--trials=2"], "expected a range log(LOW,HIGH)"),
        (["--vary=learning_rate=log(1e-4,", "--trials=2"], "expected a range log(LOW,HIGH)"),
        (["--vary=learning_rate=log(0,1)", "--trials=2"], "with LOW above 0, got 'log(0,1)'"),
        (["--vary=learning_rate=log(1,inf)", "--trials=2"], "expected a range log(LOW,HIGH)"),
        (["--vary=dropout=uniform(0.5,0.1)", "--trials=2"], "LOW below HIGH"),
        (["--vary=loss=uniform(0,1)", "--trials=2"], "--vary: loss takes no numbers"),
        (["--vary=epochs=uniform(1.2,1.8)", "--trials=2"], "there is no whole number"),
        (["--vary=dropout=uniform(0,0.5)"], "--trials: is needed: a range has no end of values"),
        (["--vary=dropout=0,0.2", "--trials=3"], "--trials: expected at most 2, all of the grid"),
        (["--vary=dropout=0,0.2", "--resume"], "--resume: "),
        (["--vary=dropout=0,0.2", "--objective=val_loss"], "--objective: expected min or max and"),
        (["--vary=dropout=0,0.2", "--halving=1"], "--halving: expected 0, or a number from 2 on"),
        (["--vary=dropout=0,0.2", "--part=2/2"], "--part: expected an INDEX from 0 to COUNT - 1"),
        ([], "--vary: is needed"),
    ],
)  # fmt: skip
def test_bad_input(given, message):
    with pytest.raises(InputError) as caught:
        plan(options(*given))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(st.sampled_from("ab=,|()[]{}'\" 01.-edropulginm_"), max_size=40))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(InputError):
        assert parse(text)


def test_a_name_is_needed():
    with pytest.raises(InputError, match="--name: is needed"):
        flags.parse(["--vary=dropout=0,1"], SweepOptions)


def test_flags_of_a_trial_are_those_of_the_sweep():
    given = ["--epochs=3", "--hidden_units=", "--optimizer=adam(beta_1=0.8)", "--noshuffle"]
    sweep = options(*given, "--vary=dropout=0.1,0.2")
    alone = flags.parse([*given, "--dropout=0.1", "--histogram_every=0", "--pictures_every=0"])
    trial = plan(sweep).trials[0].config
    assert trial.of_result() == alone.of_result()
    assert dataclasses.fields(trial) == dataclasses.fields(Config)


# Halving and the result, from records that are written here.


def write_record(folder, trial, losses, status="finished"):
    path = folder.trial(trial)
    path.mkdir(exist_ok=True)
    history = {"loss": losses, "val_loss": losses}
    (path / "run.json").write_text(json.dumps({"status": status, "history": history}))


def test_halving_does_not_depend_on_who_is_faster(tmp_path):
    whole = plan(options(
        f"--log_dir={tmp_path}", "--epochs=9", "--halving=3", "--seeds=2", "--trials=9",
        "--vary=learning_rate=log(1e-4,1e-2)",
    ))  # fmt: skip
    folder = SweepFolder(whole)
    folder.create()
    progress = Progress(whole, folder)
    assert [rung[0] for rung in progress.rungs()] == [1, 3, 9]
    assert [len({*rung}) for rung in progress.rungs()] == [1, 1, 1]
    first = progress.todo()
    assert [task.epochs for task in first] == [1] * 18
    for task in first[:-1]:
        folder.write_rung(task.trial, 1, {"val_loss": [float(task.trial.number)]})
    assert progress.todo() == first[-1:]  # nothing goes on before all have come so far
    folder.write_rung(first[-1].trial, 1, {"val_loss": ["nan"]})
    second = progress.todo()
    assert [task.trial.number for task in second] == [0, 0, 1, 1, 2, 2]
    assert {task.epochs for task in second} == {3}
    for task in second:
        folder.write_rung(task.trial, 3, {"val_loss": [0, 0, -float(task.trial.number)]})
    last = progress.todo()
    assert last == [Task(t, 9) for t in whole.trials if t.number == 2]
    for task in last:
        write_record(folder, task.trial, [0, 0, -2.0, *[0.0] * 6])
    assert progress.todo() == []
    assert progress.counts() == (18, 18)
    report(whole, folder)
    text = (folder.path / "sweep.md").read_text()
    assert text.index("| trial-002 |") < text.index("| trial-001 |") < text.index("| trial-000 |")
    assert "| stopped |" in text


def test_what_a_sweep_shows(tmp_path):
    sweep = plan(options(
        f"--log_dir={tmp_path}", "--seeds=2", "--epochs=2", "--vary=learning_rate=0.1,0.2,0.3,0.4",
        "--validation_split=0.5",
    ))  # fmt: skip
    folder = SweepFolder(sweep)
    folder.create()
    losses = {0: (1.0, 1.1), 1: (1.06, 1.04), 2: (2.0, 2.1)}
    for trial in sweep.trials[:6]:
        seed = trial.config.seed
        write_record(folder, trial, [3.0, losses[trial.number][seed]])
    write_record(folder, sweep.trials[6], [3.0, "nan"], "diverged")
    folder.write_failure(sweep.trials[7], "out of memory", "x")
    lines = report(sweep, folder)
    assert lines == ["Best: --learning_rate=0.1: val_loss 1.05 ± 0.071 over 2 seeds"] or lines == [
        "Best: --learning_rate=0.2: val_loss 1.05 ± 0.014 over 2 seeds"
    ]
    text = (folder.path / "sweep.md").read_text()
    assert "1 of 8 runs (12%) diverged." in text
    assert "1 of 8 runs (12%) failed." in text
    assert "Within the noise of seeds" in text
    assert "it may improve with more epochs" in text
    assert "test set" not in text
    found = sweeping.rows(tmp_path, "s")
    assert [row["val_loss"] for row in found][:7] == [
        "1.0", "1.1", "1.06", "1.04", "2.0", "2.1", "nan"
    ]  # fmt: skip


def test_a_folder_of_other_flags_is_refused(tmp_path):
    given = [f"--log_dir={tmp_path}", "--vary=dropout=uniform(0,0.5)", "--trials=4"]
    SweepFolder(plan(options(*given))).create()
    assert SweepFolder(plan(options(*given, "--jobs=2", "--minutes=1"))).begun
    assert SweepFolder(plan(options(*given, "--trials=5", "--seeds=2"))).begun
    for flag, message in [
        ("--trials=3", "--trials: the sweep .* began with 4, got 3"),
        ("--epochs=3", "--epochs: the sweep .* began with 20, got 3"),
        ("--vary=dropout=uniform(0,0.4)", "--vary: the sweep .* began with 'dropout=uniform"),
    ]:
        with pytest.raises(InputError, match=message):
            SweepFolder(plan(options(*given, flag)))
    (tmp_path / "s" / "sweep.flags").unlink()
    with pytest.raises(InputError, match=r"--name: .* exists and is not a sweep's"):
        SweepFolder(plan(options(*given)))


# As processes.


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("sweeps")
    sweeping.write_data(home)
    return home


@pytest.fixture(scope="module")
def undisturbed(home):
    """What a sweep by two processes printed."""
    return sweeping.end(sweeping.start(home, "undisturbed", "--jobs=2"))[0]


def test_each_trial_is_trained_once_and_is_the_run_alone(home, undisturbed):
    folder = home / "undisturbed"
    found = sweeping.rows(folder)
    assert sorted(sweeping.trained(undisturbed)) == [f"trial-00{n}-seed-0" for n in range(4)]
    assert [row["status"] for row in found] == ["finished"] * 4
    assert [(row["learning_rate"], row["dropout"]) for row in found] == [
        ("1e-3", "0"), ("1e-3", "0.2"), ("1e-2", "0"), ("1e-2", "0.2")
    ]  # fmt: skip
    path = folder / "swept" / "trial-003-seed-0"
    alone = train(f"--flagfile={path}/flags.txt", f"--log_dir={home}", "--name=alone", home=home)
    assert alone.returncode == 0, alone.stderr
    same = [sys.executable, str(ROOT / "tools/same_runs.py"), str(path), str(home / "alone")]
    done = subprocess.run(same, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    text = (folder / "swept" / "sweep.md").read_text()
    assert "compared on the test set" in text


def test_what_cannot_be_trained_is_named_before_any_run(home):
    process = sweeping.start(
        home, "none", vary="--vary=optimizer=adam,adam(beta_3=1)|sgd batch_size=32,1000"
    )
    _, err = sweeping.end(process, 2)
    assert err.count("\n") == 1
    assert "--vary: optimizer=adam,adam(beta_3=1)" in err or "batch_size=1000" in err
    assert not (home / "none").exists()


@pytest.mark.slow
def test_the_same_command_does_nothing_more(home, undisturbed):
    before = sweeping.table(home / "undisturbed")
    out, _ = sweeping.end(sweeping.start(home, "undisturbed", "--jobs=2"))
    assert not sweeping.trained(out)
    assert "4 of them done" in out
    assert sweeping.table(home / "undisturbed") == before


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_and_continued(home, undisturbed, jobs):
    folder = f"killed-{jobs}"
    process = sweeping.start(home, folder, f"--jobs={jobs}")
    while not any((home / folder).glob("swept/*/checkpoints/step-*[1-9].ckpt")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    sweeping.kill_all(process)
    sweeping.end(sweeping.start(home, folder))
    assert sweeping.table(home / folder) == sweeping.table(home / "undisturbed")


@pytest.mark.slow
def test_two_commands_share_a_sweep(home, undisturbed):
    both = [sweeping.start(home, "shared") for _ in range(2)]
    said = [sweeping.end(process)[0] for process in both]
    assert sorted(sweeping.trained(*said)) == [f"trial-00{n}-seed-0" for n in range(4)]
    assert all(sweeping.trained(each) for each in said)
    assert sweeping.table(home / "shared") == sweeping.table(home / "undisturbed")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(home, undisturbed, number):
    folder = f"signal-{int(number)}"
    process = sweeping.start(home, folder)
    while not any((home / folder).glob("swept/*/run.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(number)
    _, err = sweeping.end(process, 128 + number)
    assert "interrupted: " in err
    assert "of 4 runs are done, and all is saved; the same command goes on" in err
    sweeping.end(sweeping.start(home, folder))
    assert sweeping.table(home / folder) == sweeping.table(home / "undisturbed")


@pytest.mark.slow
def test_halving_continues_the_best(home, undisturbed):
    sweeping.end(sweeping.start(home, "halved", "--halving=2"))
    found, whole = sweeping.rows(home / "halved"), sweeping.rows(home / "undisturbed")
    assert [row["status"] for row in found].count("finished") == 2
    assert {row["epochs"] for row in found if row["status"] == "stopped"} == {"1"}
    for row, other in zip(found, whole, strict=True):
        assert row == other or row["status"] == "stopped"


@pytest.mark.slow
def test_minutes(home):
    _, err = sweeping.end(sweeping.start(home, "timed", "--minutes=0.0001"), 2)
    assert "--minutes: the time was up, and nothing was written" in err
    out, _ = sweeping.end(sweeping.start(home, "timed", "--minutes=0.3", "--epochs=100000"), 1)
    assert "after 0.3 minutes 0 of 4 runs are done, and all is saved" in out


@pytest.mark.slow
def test_parts(home, undisturbed):
    for part in ("0/2", "1/2"):
        sweeping.end(sweeping.start(home, "parts", f"--part={part}"), int(part[0] == "0"))
    assert sweeping.table(home / "parts") == sweeping.table(home / "undisturbed")


# In TensorBoard.


def test_bands_of_seeds(tmp_path):
    sweep = plan(options(f"--log_dir={tmp_path}", "--seeds=3", "--vary=dropout=0,0.1"))
    folder = SweepFolder(sweep)
    folder.create()
    losses = np.random.default_rng(0).random([3, 4])
    for trial, own in zip(sweep.trials, losses.tolist(), strict=False):
        write_record(folder, trial, own)
    for _ in range(2):
        write_bands(sweep, folder)
    (name,) = [path.name for path in (tmp_path / "s" / "seeds").iterdir()]
    assert name == "trial-000"
    found = events.read(tmp_path / "s" / "seeds" / name)
    mean, spread = losses.mean(0), losses.std(0, ddof=1)
    expected = {"mean": mean, "lower": mean - spread, "upper": mean + spread}
    for part, values in expected.items():
        curve = found[f"seeds/val_loss/{part}"]
        assert [*curve] == [0, 1, 2, 3]
        np.testing.assert_allclose([*curve.values()], values, rtol=1e-6)
    layout = layout_pb2.Layout()
    layout.ParseFromString(found["custom_scalars__config__"][0].item())
    series = layout.category[0].chart[1].margin.series[0]
    assert (series.value, series.lower, series.upper) == tuple(
        f"seeds/val_loss/{part}" for part in ("mean", "lower", "upper")
    )


def test_seeds_share_a_row_in_hparams(tmp_path):
    config = flags.parse(["--dropout=0.1", "--seed=3"])
    for group in (None, "trial-000"):
        path = tmp_path / str(group)
        page = RunPage(path, config, "x", group=group)
        page.begin({}, [])
        page.writer.close()
        (file,) = path.glob("events.out.tfevents.*")
        (start,) = [
            HParamsPluginData.FromString(value.metadata.plugin_data.content).session_start_info
            for event in EventFileLoader(str(file)).Load()
            for value in event.summary.value
            if value.tag == "_hparams_/session_start_info"
        ]
        assert start.group_name == (group or "")
        assert ("seed" in start.hparams) == (group is None)
        assert start.hparams["dropout"].string_value == "0.1"
