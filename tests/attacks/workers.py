"""Runs on several workers: one that never comes, others that differ, a TF_CONFIG that is wrong."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
from process import environment, popen

from attacks.attack import Unavailable, attack

FLAGS = [
    "--strategy=multi_worker", "--data_source=sample", "--hidden_units=16", "--histogram_every=0",
    "--pictures_every=0", "--verbose=line", "--epochs=1", "--name=run",
]  # fmt: skip


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def cluster(count=2):
    return [f"127.0.0.1:{port}" for port in free_ports(count)]


def config(addresses, index):
    return {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}


def start(home, tf_config, *flags):
    """Starts a worker; TF_CONFIG is a text, or becomes one."""
    text = tf_config if isinstance(tf_config, str) else json.dumps(tf_config)
    # gRPC would connect through the proxy that refuses.
    env = {**environment(home), "TF_CONFIG": text, "no_proxy": "127.0.0.1,localhost,::1"}
    return popen("train.py", *FLAGS, f"--log_dir={home}/logs", *flags, env=env)


def end(process, status, timeout=60):
    """What a process wrote on stderr; its exit status is checked, and that nobody sees a stack."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"still running: {process.communicate()}") from None
    assert process.returncode == status, (process.returncode, out, err)
    assert "Traceback" not in err, err
    return err


def line(process, status, *parts, timeout=60):
    """One line on stderr, with these parts."""
    err = end(process, status, timeout)
    assert len(err.splitlines()) == 1, err
    for part in parts:
        assert part in err, err
    return err


def until_it_waits(process):
    """Reads the first line of a worker's output, which says whom it waits for."""
    found = process.stdout.readline()
    assert "waiting for" in found, (found, process.poll())
    return found


def refused(home, tf_config, *parts):
    line(start(home, tf_config), 2, "--strategy: multi_worker: TF_CONFIG", *parts)
    assert not (home / "logs").exists()


def both(home, first, second, *parts, status=2, timeout=90):
    """Two workers with these flags; both end with one line that has these parts."""
    addresses = cluster()
    running = [
        start(home, config(addresses, 0), *first),
        start(home, config(addresses, 1), *second),
    ]
    try:
        found = [end(process, status, timeout) for process in running]
    finally:
        for process in running:
            process.kill()
    for err in found:
        assert len(err.splitlines()) == 1, err
        for part in parts:
            assert part in err, err
    assert not (home / "logs" / "run" / "checkpoints").exists()
    return found


# Somebody does not come.


def alone(home, index, number):
    addresses = cluster()
    process = start(home, config(addresses, index))
    assert addresses[1 - index] in until_it_waits(process)
    time.sleep(0.5)
    sent = time.monotonic()
    process.send_signal(number)
    line(process, 128 + number, "interrupted while waiting", addresses[1 - index], timeout=20)
    assert time.monotonic() - sent < 5


@attack(quick=True)
def the_waiting_chief_hears_sigterm(home):
    """SIGTERM ends a chief that waits for other workers at once, with status 143."""
    alone(home, 0, signal.SIGTERM)


@attack
def the_waiting_chief_hears_sigint(home):
    """SIGINT ends a chief that waits for other workers at once, with status 130."""
    alone(home, 0, signal.SIGINT)


@attack
def the_waiting_worker_hears_signals(home):
    """SIGINT and SIGTERM end a worker that waits for its chief at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        alone(home, 1, number)


@attack
def a_worker_never_comes(home):
    """The chief gives up after --worker_timeout, and names the worker that did not come."""
    addresses = cluster(3)
    chief = start(home, config(addresses, 0), "--worker_timeout=4s")
    second = start(home, config(addresses, 1), "--worker_timeout=6s")
    err = line(chief, 1, addresses[2], "has not reported", "--worker_timeout", timeout=30)
    assert addresses[1] not in err
    line(second, 1, "--worker_timeout", timeout=30)
    assert not (home / "logs").exists()


@attack
def the_chief_never_comes(home):
    """A worker gives up after --worker_timeout, and names the chief."""
    addresses = cluster()
    process = start(home, config(addresses, 1), "--worker_timeout=2s")
    line(process, 1, f"the chief: {addresses[0]}", "does not answer", timeout=30)


@attack
def a_host_has_no_address(home):
    """A host that cannot be resolved is named, by the chief and by a worker."""
    addresses = [*cluster(1), "nowhere.invalid:2222"]
    chief = start(home, config(addresses, 0), "--worker_timeout=2s")
    line(chief, 1, "nowhere.invalid:2222 cannot be resolved", timeout=30)
    worker = start(home, config(addresses[::-1], 1), "--worker_timeout=2s")
    line(worker, 1, "nowhere.invalid:2222", timeout=30)


@attack
def something_else_has_the_chiefs_port(home):
    """A server that is no chief (it is silent, or talks HTTP or HTTP/2) does not hold a worker."""
    for answer in (
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\x00\x06\x04\x00\x00\x00\x00\x00",
    ):
        with socket.create_server(("127.0.0.1", 0)) as server:
            stop = serve(server, answer)
            addresses = [f"127.0.0.1:{server.getsockname()[1]}", *cluster(1)]
            process = start(home, config(addresses, 1), "--worker_timeout=3s")
            line(process, 1, f"the chief: {addresses[0]}", timeout=30)
            stop.set()


def serve(server, answer):
    stop = threading.Event()

    def accept():
        kept = []
        while not stop.is_set():
            with contextlib.suppress(OSError):
                kept.append(server.accept()[0])
                kept[-1].sendall(answer)

    threading.Thread(target=accept, daemon=True).start()
    return stop


@attack
def strangers_talk_to_the_waiting_chief(home):
    """Bytes from strangers do not end a chief that waits, nor count as a worker."""
    addresses = cluster()
    chief = start(home, config(addresses, 0), "--worker_timeout=30s")
    until_it_waits(chief)
    port = int(addresses[0].rpartition(":")[2])
    for said in (
        b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 5_000 + b"\n", b"[" * 100_000 + b"\n", b"{}\n",
        b"null\n", b"3\n", b'{"worker": "1", "id": [], "report": 3}\n',
        b'{"worker": 1, "id": 2, "report": {}, "more"',
        b'{"worker": 1e999, "id": "", "report": {}}\n',
        b'{"worker": -1, "id": "", "report": {}}\n',
    ):  # fmt: skip
        with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
            stranger.sendall(said)
    assert chief.poll() is None
    worker = start(home, config(addresses, 1))
    end(worker, 0)
    end(chief, 0)


@attack
def a_worker_comes_late_is_killed_and_comes_again(home):
    """A worker that is killed while all wait, and started again, takes part."""
    addresses = cluster(2)
    second = start(home, config(addresses, 1))
    until_it_waits(second)
    time.sleep(1)
    second.kill()
    second.communicate()
    chief = start(home, config(addresses, 0))
    until_it_waits(chief)
    end(start(home, config(addresses, 1)), 0)
    end(chief, 0)


@attack
def the_waiting_chief_is_killed_and_comes_again(home):
    """Workers that wait with a chief that is killed meet the one that is started in its place."""
    addresses = cluster(3)
    second = start(home, config(addresses, 1))
    first = start(home, config(addresses, 0))
    until_it_waits(first)
    time.sleep(1)
    first.kill()
    first.communicate()
    rest = [start(home, config(addresses, index)) for index in (0, 2)]
    for process in (second, *rest):
        end(process, 0, 120)


@attack
def a_killed_worker_is_started_again_while_the_other_still_ends(home):
    """Workers that are each started again by themselves meet again, and finish the run."""
    addresses = cluster(2)
    flags = ["--resume", "--epochs=4", "--batch_size=512", "--checkpoint_every=5"]
    first, second = (start(home, config(addresses, index), *flags) for index in (0, 1))
    deadline = time.monotonic() + 60
    while not any((home / "logs/run/checkpoints").glob("step-*[1-9]*.ckpt")):
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    second.kill()
    second.communicate()
    second = start(home, config(addresses, 1), *flags)
    err = end(first, 1, 150)
    assert "another worker has ended" in err.splitlines()[-1], err
    end(start(home, config(addresses, 0), *flags), 0, 150)
    end(second, 0, 150)


@attack
def a_worker_stops_before_tensorflow_starts(home):
    """A worker that stops after the meeting does not hold the others for more than a minute."""
    addresses = cluster(2)
    chief = start(home, config(addresses, 0))
    until_it_waits(chief)
    with speaking(addresses[0], report_of(home, addresses)) as lines:
        message = json.loads(lines.readline())
        while "missing" in message:
            message = json.loads(lines.readline())
        assert message == {"option": "", "problem": ""}
        line(chief, 1, "a worker has ended, or cannot be reached", timeout=100)


def report_of(home, addresses):
    """What worker 1 would report: that of a chief, heard by a port that plays its chief."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        pretended = [f"127.0.0.1:{server.getsockname()[1]}", *cluster(1)]
        process = start(home, config(pretended, 1), "--worker_timeout=20s")
        connection, _ = server.accept()
        with connection, connection.makefile("r") as lines:
            hello = json.loads(lines.readline())
        process.kill()
        process.communicate()
    hello["report"]["cluster"] = {"worker": addresses}
    return hello


@contextlib.contextmanager
def speaking(address, hello):
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(json.dumps(hello).encode() + b"\n")
        with connection.makefile("r") as lines:
            yield lines


# Workers differ.


@attack(quick=True)
def another_seed(home):
    """Workers with another --seed are refused on all workers, in one line with both values."""
    both(home, [], ["--seed=7"], "--seed: worker 1 has 7, the chief has 0")
    assert not (home / "logs").exists()


@attack
def another_flag(home):
    """Any other flag that affects the result is refused on all workers."""
    for flag, said in (
        ("--learning_rate=0.01", "--learning_rate: worker 1 has 0.01, the chief has 0.001"),
        ("--batch_size=64", "--batch_size: worker 1 has 64, the chief has 128"),
        ("--epochs=3", "--epochs: worker 1 has 3, the chief has 1"),
        ("--hidden_units=16,16", "--hidden_units: worker 1 has [16, 16], the chief has [16]"),
        ("--checkpoint_every=7", "--checkpoint_every: worker 1 has '7', the chief has '1m'"),
        ("--resume", "--resume: worker 1 has True, the chief has False"),
        ("--name=other", "--name: worker 1 has 'other', the chief has 'run'"),
        ("--histogram_every=3", "--histogram_every: worker 1 has 3, the chief has 0"),
    ):
        both(home, [], [flag], said)


@attack
def flags_that_may_differ(home):
    """Flags that only say how much a worker prints, or where, may differ."""
    addresses = cluster()
    running = [
        start(home, config(addresses, 0), "--verbose=none", "--worker_timeout=2m"),
        start(home, config(addresses, 1), f"--log_dir={home}/elsewhere", "--keep_checkpoints=5"),
    ]
    for process in running:
        end(process, 0, 120)
    assert not (home / "elsewhere").exists()


def data_folder(home, name, change=None):
    """Four npy files of random images; `change` is applied to them before they are written."""
    random = np.random.default_rng(0)
    arrays = {
        "x_train": random.integers(0, 256, (600, 28, 28), np.uint8),
        "y_train": random.integers(0, 10, 600).astype(np.uint8),
        "x_test": random.integers(0, 256, (100, 28, 28), np.uint8),
        "y_test": random.integers(0, 10, 100).astype(np.uint8),
    }
    if change is not None:
        change(arrays)
    folder = home / name
    folder.mkdir(exist_ok=True)
    for key, array in arrays.items():
        np.save(folder / f"{key}.npy", array)
    return f"--data_dir={folder}"


@attack
def other_labels(home):
    """Workers with other labels are refused on all workers, before the first step."""

    def change(arrays):
        arrays["y_train"][300] = (arrays["y_train"][300] + 1) % 10

    flags = [data_folder(home, "a")], [data_folder(home, "b", change)]
    common = "--data_source=auto"
    both(
        home,
        [*flags[0], common],
        [*flags[1], common],
        "--data_dir: worker 1 has the SHA-256 of y_train",
    )


@attack
def fewer_rows(home):
    """Workers with fewer rows are refused on all workers, and do not hang."""

    def change(arrays):
        arrays["x_train"], arrays["y_train"] = arrays["x_train"][:-1], arrays["y_train"][:-1]

    flags = [data_folder(home, "a")], [data_folder(home, "b", change)]
    common = "--data_source=auto"
    both(
        home,
        [*flags[0], common],
        [*flags[1], common],
        "the shape of x_train (599, 28, 28)",
        "(600, 28, 28)",
    )


@attack
def other_streamed_rows(home):
    """Streamed files that differ in one label are refused as those in memory are."""

    def grown(arrays, label=0):
        for name in ("x_train", "y_train"):
            arrays[name] = np.concatenate([arrays[name]] * 5)
        arrays["y_train"][1234] = label

    flags = [data_folder(home, "a", grown)], [data_folder(home, "b", lambda a: grown(a, 9))]
    common = ["--data_source=auto", "--data_memory_mb=2"]
    both(
        home,
        [*flags[0], *common],
        [*flags[1], *common],
        "--data_dir: worker 1 has the SHA-256 of y_train",
    )


@attack
def one_worker_has_no_data(home):
    """Data missing on one worker end all workers in one line that says which and why."""
    flags = [data_folder(home, "a"), "--data_source=auto"]
    empty = home / "empty"
    empty.mkdir()
    for first, second, who in (
        (flags, [f"--data_dir={empty}", "--data_source=auto"], "worker 1"),
        ([f"--data_dir={empty}", "--data_source=auto"], flags, "the chief"),
    ):
        found = both(home, first, second, "--data_dir", str(empty))
        assert any(f"error: {who}" in err for err in found), found


@attack
def the_chief_may_not_write(home):
    """A run that the chief's folder refuses ends all workers in one line, at once."""
    (home / "logs" / "run").mkdir(parents=True)
    (home / "logs" / "run" / "mine.txt").touch()
    began = time.monotonic()
    both(home, [], [], "already exists")
    assert time.monotonic() - began < 60


NET = """
import keras, mlp_lab

class Net(mlp_lab.MLP):
    def __init__(self, **options):
        super().__init__((8,), 10, **options)
        self.more = keras.layers.Dense({units})
    def call(self, inputs):
        self.more(inputs[:, 0])
        return super().call(inputs)
"""


@attack
def another_model_of_the_same_name(home):
    """A class of the same name with another source is refused on all workers."""
    folders = []
    for units in (3, 4):
        folders.append(home / str(units))
        folders[-1].mkdir()
        (folders[-1] / "mine.py").write_text(NET.format(units=units))
    addresses, running = cluster(), []
    for index, folder in enumerate(folders):
        env = {**environment(home), "TF_CONFIG": json.dumps(config(addresses, index)),
               "no_proxy": "127.0.0.1"}  # fmt: skip
        flags = [flag for flag in FLAGS if "hidden" not in flag]
        script = str(Path(__file__).parents[2] / "train.py")
        running.append(
            popen(script, *flags, "--model=mine:Net", f"--log_dir={home}/logs", env=env, cwd=folder)
        )
    for process in running:
        line(process, 2, "--model: worker 1 has the SHA-256 of the module mine")


@attack
def other_clusters(home):
    """Workers whose TF_CONFIG name other clusters are refused, each in one line."""
    addresses = cluster(3)
    first = start(home, config(addresses[:2], 0), "--worker_timeout=8s")
    second = start(home, config([addresses[0], addresses[2]], 1))
    for process in (first, second):
        line(process, 2, "TF_CONFIG of worker 1 has the cluster", addresses[2])
    first = start(home, config(addresses[:2], 0), "--worker_timeout=8s")
    third = start(home, config(addresses, 2), "--worker_timeout=8s")
    line(third, 2, "TF_CONFIG of worker 2 and of the chief differ")
    line(first, 1, addresses[1])


# Two with the same task.


@attack
def two_chiefs_on_one_machine(home):
    """A second process with the chief's task is refused at once; the first one trains."""
    addresses = cluster()
    first = start(home, config(addresses, 0))
    until_it_waits(first)
    time.sleep(0.2)
    line(start(home, config(addresses, 0)), 2, "cannot listen on port", "the same task index")
    end(start(home, config(addresses, 1)), 0)
    end(first, 0)


@attack
def two_workers_of_one_index_on_other_machines(home):
    """A second worker with the same index, on another machine, is refused; the first one trains."""
    addresses = cluster(3)
    first, second = (start(home, config(addresses, index)) for index in (0, 1))
    until_it_waits(second)
    time.sleep(1.5)
    with speaking(addresses[0], {"worker": 1, "id": "x", "report": {}}) as lines:
        assert "another process already has the task of worker 1" in lines.readline()
    end(start(home, config(addresses, 2)), 0, 120)
    for process in (first, second):
        end(process, 0)


@attack
def a_chief_at_the_address_of_another(home):
    """A second chief on another machine finds the first one at its address, and ends."""
    addresses = cluster()
    first = start(home, config(addresses, 0))
    until_it_waits(first)
    with speaking(addresses[0], {"worker": 0, "id": "x", "report": {}}) as lines:
        assert "another process already has the task of worker 0" in lines.readline()
    first.kill()
    first.communicate()


@attack
def the_port_is_taken(home):
    """A port that another program has is named in one line."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        addresses = [*cluster(1), f"127.0.0.1:{port}"]
        line(start(home, config(addresses, 1)), 2, f"cannot listen on port {port}")


@attack
def addresses_of_ipv6(home):
    """Workers at addresses of IPv6 meet and train."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError as error:
        raise Unavailable(f"no IPv6: {error}") from None
    addresses = [f"[::1]:{port}" for port in free_ports(2)]
    running = [start(home, config(addresses, index)) for index in (0, 1)]
    for process in running:
        end(process, 0, 120)


# Other forms of TF_CONFIG.


@attack
def tf_config_of_other_forms(home):
    """A TF_CONFIG of any other form is refused in one line, status 2, and nothing is written."""
    task = {"type": "worker", "index": 0}
    two = {"worker": ["a:1", "b:2"]}
    for given, part in (
        ("[" * 100_000, "nested too deeply"),
        ('{"cluster": ' + "[" * 900 + "]" * 900 + ', "task": 3}', "needs"),
        ("x" * 100_000, "is not JSON"),
        ("[1, 2]", "needs"),
        ({"cluster": [two], "task": task}, "needs"),
        ({"cluster": {"worker": [["a:1"]]}, "task": task}, "host:port"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": task}, "twice"),
        ({"cluster": {"worker": ["a:1", "A.:01"]}, "task": task}, "twice"),
        ({"cluster": {"worker": ["[::1]:1", "[0:0::1]:1"]}, "task": task}, "twice"),
        ({"cluster": {"chief": ["a:1"], "worker": ["a:1"]}, "task": task}, "twice"),
        ({"cluster": {"chief": ["a:1", "b:2"]}, "task": task}, "2 chiefs"),
        ({"cluster": {"worker": ["a:0"]}, "task": task}, "from 1 to 65535"),
        ({"cluster": {"worker": ["a:65536"]}, "task": task}, "from 1 to 65535"),
        ({"cluster": {"worker": ["a:\u0662\u0662"]}, "task": task}, "host:port"),
        ({"cluster": {"worker": [":2222"]}, "task": task}, "host:port"),
        ({"cluster": {"worker": ["::1:2222"]}, "task": task}, "brackets around IPv6"),
        ({"cluster": {"worker": ["grpc://a:1"]}, "task": task}, "host:port"),
        ({"cluster": {"ps": ["a:1"], **two}, "task": task}, "'ps'"),
        ({"cluster": {"evaluator": ["a:1"], **two}, "task": task}, "'evaluator'"),
        ({"cluster": two, "task": {"type": ["worker"], "index": 0}}, "task type"),
        ({"cluster": two, "task": {"type": "worker", "index": "\u0661"}}, "task index"),
        ({"cluster": two, "task": {"type": "worker", "index": True}}, "task index"),
        ({"cluster": two, "task": {"type": "worker", "index": 0.0}}, "task index"),
        ({"cluster": two, "task": {"type": "worker", "index": -1}}, "task index"),
        ({"cluster": two, "task": task, "rpc_layer": "carrier pigeon"}, "rpc_layer"),
    ):
        refused(home, given, part)


@attack
def a_tf_config_with_thousands_of_workers(home):
    """A TF_CONFIG of a hundred kilobytes is answered, and a signal ends the wait."""
    addresses = [*cluster(1), *(f"host{i}.invalid:2222" for i in range(4000))]
    process = start(home, config(addresses, 0))
    until_it_waits(process)
    process.terminate()
    err = line(process, 143)
    assert len(err) < 2000


@attack
def one_worker_alone(home):
    """A cluster of one worker trains without waiting for anybody."""
    end(start(home, config(cluster(1), 0)), 0)
    shutil.rmtree(home / "logs")
