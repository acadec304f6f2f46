"""Several devices, several processes, and the death of one: against one device.

Devices are logical CPUs, in a process of their own (tests/replica_cases.py); workers are real
processes that talk over the loopback interface.
"""

import concurrent.futures
import json
import re
import signal
import subprocess
import sys
import time

import events
import numpy as np
import pytest
from process import ROOT, environment, train

import mlp_lab
from mlp_lab.engine.replicas import Replicas
from mlp_lab.errors import InputError
from mlp_lab.options.config import Config
from mlp_lab.training.replication import check_tf_config

sys.path.insert(0, str(ROOT / "examples" / "cluster"))
import local as cluster

TIMED = {"steps_per_second", "observing/share"}
FLAGS = [
    "--data_source=sample", "--hidden_units=64,32", "--histogram_every=20", "--pictures_every=0",
    "--verbose=line",
]  # fmt: skip


def run_cases(replicas, *chosen, home):
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/replica_cases.py", *chosen],
        cwd=ROOT,
        env=environment(home) | {"REPLICAS": str(replicas), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def test_two_devices(tmp_path):
    run_cases(2, "-k", "same_as_one_device and Clipping-sgd-False", home=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 3])
def test_all_cases(replicas, tmp_path):
    run_cases(replicas, home=tmp_path)


def command(home, name, *flags):
    train_py = [sys.executable, str(ROOT / "train.py"), "--strategy=multi_worker"]
    return [*train_py, *FLAGS, f"--log_dir={home}/logs", f"--name={name}", *flags]


def workers(home, name, *flags):
    return cluster.start(
        2, command(home, name, *flags),
        cwd=ROOT, env=environment(home), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(processes, status=0, timeout=300):
    """Output and errors of each, in the order of the workers."""
    # All at once: one that cannot write to its pipe would keep the others waiting.
    with concurrent.futures.ThreadPoolExecutor(len(processes)) as pool:
        try:
            found = [*pool.map(lambda process: process.communicate(timeout=timeout), processes)]
        finally:
            for process in processes:
                process.kill()
    assert [process.returncode for process in processes] == [status] * len(processes), found
    return found


def outcome(home, name):
    folder = home / "logs" / name
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished", record
    model = mlp_lab.load_model(folder / "model.keras")
    variables = [*model.weights, *model.optimizer.variables]
    weights = [np.array(v) for v in variables if "seed" not in v.path]
    return weights, record, {part: events.read(folder / part) for part in ("train", "validation")}


def test_two_workers_are_one_device(tmp_path):
    running = workers(tmp_path, "two", "--epochs=2")
    alone = train(
        *FLAGS, "--epochs=2", "--nojit_compile", f"--log_dir={tmp_path}/logs", "--name=one",
        home=tmp_path,
    )  # fmt: skip
    assert alone.returncode == 0, alone.stderr
    (out, err), (other, other_err) = ended(running)
    assert "Traceback" not in err + other_err
    assert "Epoch 2/2" in out
    assert out.startswith("waiting for the other workers: 127.0.0.1:")
    assert "Epoch" not in other
    assert all(line.startswith("worker 1: ") for line in other.splitlines())
    one, two = outcome(tmp_path, "one"), outcome(tmp_path, "two")
    for a, b in zip(one[0], two[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert (two[1]["replicas"], two[1]["workers"]) == (2, 2)
    assert two[1]["strategy"] == "multi_worker"
    for name, curve in one[1]["history"].items():
        np.testing.assert_allclose(curve, two[1]["history"][name], rtol=1e-5, err_msg=name)
    two[2]["train"].pop("gradients/spread")
    for part, tags in one[2].items():
        assert tags.keys() == two[2][part].keys()
        for tag in tags.keys() - TIMED:
            assert tags[tag].keys() == two[2][part][tag].keys()
            for step, value in tags[tag].items():
                a, b = np.asarray(value), np.asarray(two[2][part][tag][step])
                if a.ndim == 0 and a.dtype != object:
                    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5, err_msg=f"{tag} {step}")
    # One writer: one file in each folder.
    files = [*(tmp_path / "logs" / "two").rglob("events.out.tfevents.*")]
    assert len(files) == len({file.parent for file in files}) == 3


LONG = ["--epochs=4", "--dropout=0.3", "--checkpoint_every=20", "--resume"]


def until_a_checkpoint(home, name):
    running = workers(home, name, *LONG)
    folder = home / "logs" / name / "checkpoints"
    while not any(folder.glob("step-*[1-9]*.ckpt")):
        assert all(process.poll() is None for process in running), ended(running)
        time.sleep(0.01)
    return running


def assert_same_bits(one, other):
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert one[1]["history"] == other[1]["history"]
    for part, tags in one[2].items():
        assert tags.keys() == other[2][part].keys()
        for tag in tags.keys() - TIMED:
            assert tags[tag].keys() == other[2][part][tag].keys()
            for step, value in tags[tag].items():
                np.testing.assert_array_equal(value, other[2][part][tag][step])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    home = tmp_path_factory.mktemp("undisturbed")
    ended(workers(home, "whole", *LONG))
    return outcome(home, "whole")


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_killed_worker(killed, tmp_path, undisturbed):
    running = until_a_checkpoint(tmp_path, "broken")
    running[killed].kill()
    began = time.monotonic()
    _, err = running[1 - killed].communicate(timeout=120)
    assert time.monotonic() - began < 90
    assert running[1 - killed].returncode == 1
    last = err.splitlines()[-1]
    assert last.startswith("train.py: error: another worker has ended"), err
    assert "start the same command with --resume on every worker to resume from step " in last
    assert "Traceback" not in err
    running[killed].communicate()
    ended(workers(tmp_path, "broken", *LONG))  # the same command
    assert_same_bits(outcome(tmp_path, "broken"), undisturbed)


@pytest.mark.slow
def test_each_worker_is_started_again_by_itself(tmp_path, undisturbed):
    """As Kubernetes does with what ends by an error, whatever the others are doing."""
    started = [[], []]

    def keep_up(index, env):
        while len(started[index]) < 10:
            process = subprocess.Popen(
                command(tmp_path, "again", *LONG),
                cwd=ROOT, env=env, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
            started[index].append(process)
            _, err = process.communicate(timeout=300)
            if process.returncode == 0:
                return
            assert process.returncode in (1, -signal.SIGKILL), err

    folder = tmp_path / "logs" / "again" / "checkpoints"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        environments = enumerate(cluster.environments(2, environment(tmp_path)))
        kept = [pool.submit(keep_up, *each) for each in environments]
        while not any(folder.glob("step-*[1-9]*.ckpt")):
            assert not any(each.done() for each in kept)
            time.sleep(0.01)
        started[1][0].kill()
        for each in kept:
            each.result()
    assert all(1 < len(processes) < 10 for processes in started)
    assert_same_bits(outcome(tmp_path, "again"), undisturbed)


@pytest.mark.slow
def test_workers_keep_the_same_best_epoch_though_one_is_killed(tmp_path):
    # The loss falls: with the direction turned round, the first epoch is the best.
    flags = [
        "--epochs=4", "--dropout=0.3", "--checkpoint_every=20", "--resume", "--keep=best",
        "--monitor_direction=max", "--patience=2", "--validation_split=0.1",
    ]  # fmt: skip
    (out, _), (other, _) = ended(workers(tmp_path, "best", *flags))
    assert "best epoch 1 of 3: val_loss" in out
    assert "worker 1: best epoch 1 of 3: val_loss" in other
    running = workers(tmp_path, "killed", *flags)
    folder = tmp_path / "logs" / "killed" / "checkpoints"
    while not any(int(path.stem[5:]) > 60 for path in folder.glob("step-*.ckpt")):
        assert all(process.poll() is None for process in running), ended(running)
        time.sleep(0.01)
    running[1].kill()
    for process in running:
        process.communicate(timeout=120)
    ended(workers(tmp_path, "killed", *flags))
    best, killed = outcome(tmp_path, "best"), outcome(tmp_path, "killed")
    assert_same_bits(killed, best)
    assert killed[1]["best"] == best[1]["best"]


@pytest.mark.slow
def test_signal_to_one_worker_stops_all(tmp_path, undisturbed):
    running = until_a_checkpoint(tmp_path, "asked")
    running[1].send_signal(signal.SIGTERM)
    found = ended(running, 128 + signal.SIGTERM)
    assert all("interrupted, and saved; to resume: " in err for _, err in found)
    ended(workers(tmp_path, "asked", *LONG))
    assert_same_bits(outcome(tmp_path, "asked"), undisturbed)


@pytest.mark.slow
def test_a_number_that_is_not_finite_ends_all_workers(tmp_path):
    found = ended(workers(tmp_path, "nan", "--optimizer=sgd", "--learning_rate=1e25"), 1)
    said = [re.search(r"stopped: step (\d+): the (\w+) of (\S+) is not", out) for out, _ in found]
    assert said[0].groups() == said[1].groups()
    folder = tmp_path / "logs" / "nan" / "non_finite"
    report = json.loads((folder / "report.json").read_text())
    assert (str(report["step"]), report["kind"], report["name"]) == said[0].groups()
    assert (folder / "batch.npz").is_file()


CLUSTER = {"worker": ["a:1", "b:2"]}
TASK = {"type": "worker", "index": 1}


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (None, "is not set"),
        ("{", "is not JSON"),
        ({"cluster": CLUSTER}, 'needs "cluster" and "task"'),
        ([], 'needs "cluster" and "task"'),
        ({"cluster": {"ps": ["a:1"]}, "task": TASK}, "has 'ps' in its cluster"),
        ({"cluster": {"worker": "a:1"}, "task": TASK}, "expected a list of host:port"),
        ({"cluster": {"worker": ["a"]}, "task": TASK}, "expected a list of host:port"),
        ({"cluster": CLUSTER, "task": {"type": "chief", "index": 0}}, "has the task type 'chief'"),
        ({"cluster": CLUSTER, "task": {"type": "worker", "index": 2}}, "expected 0 to 1"),
        ({"cluster": CLUSTER, "task": {"type": "worker"}}, "has the task index None"),
    ],
)
def test_tf_config_is_checked(given, what):
    text = given if given is None or isinstance(given, str) else json.dumps(given)
    with pytest.raises(InputError) as caught:
        check_tf_config(text)
    assert str(caught.value).startswith("--strategy: multi_worker: TF_CONFIG ")
    assert what in str(caught.value)
    assert 'set, with its own index, TF_CONFIG={"cluster"' in str(caught.value)


@pytest.mark.parametrize("kind", ["chief", "worker"])
def test_tf_config_of_operators(kind):
    given = {"cluster": {**CLUSTER, "chief": ["c:3"]}, "task": {"type": kind, "index": "0"}}
    found = check_tf_config(json.dumps({**given, "environment": "cloud"}))
    assert found == (given["cluster"], given["task"])


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"strategy": "mirrored", "run_eagerly": True}, "mirrored excludes --run_eagerly"),
        ({"strategy": "mirrored", "jit_compile": True}, "mirrored excludes --jit_compile"),
        ({"strategy": "multi_worker"}, "multi_worker needs --name"),
        (
            {"strategy": "multi_worker", "name": "a", "histogram_every": "auto"},
            "--histogram_every: auto goes by the clock",
        ),
    ],
)
def test_what_strategies_exclude(options, what):
    with pytest.raises(InputError, match=what):
        Config(**options)


def test_one_device_is_not_several(tmp_path):
    done = train("--strategy=mirrored", "--data_source=sample", home=tmp_path)
    assert done.returncode == 2
    assert "--strategy: mirrored needs several GPUs, this machine has only " in done.stderr


class Numbers(Replicas):
    """The arithmetic of shares, for any number of replicas."""

    def __init__(self, count, first, local):
        self.count, self.first, self.local = count, first, local


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("rows", [1, 2, 7, 8, 25])
def test_every_row_has_one_replica(count, rows):
    all_of_them = Numbers(count, 0, count)
    begins = [all_of_them.begin(rows, r) for r in range(count + 1)]
    sizes = np.diff(begins)
    assert begins[0] == 0
    assert begins[-1] == rows
    assert max(sizes) - min(sizes) <= 1
    for worker in range(count):
        first, last = Numbers(count, worker, 1).own(rows)
        if sizes[worker]:
            assert (first, last) == (begins[worker], begins[worker + 1])
        else:  # a row that counts nothing
            assert 0 <= first < last == first + 1 <= rows
