"""Downloads from a real server on 127.0.0.1, good and bad."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import mlp_lab.data
from mlp_lab.data import catalogue, download, keras_cache, load
from mlp_lab.errors import InputError

pytestmark = pytest.mark.usefixtures("keras")

REPOSITORY = Path(mlp_lab.data.__file__).parents[2]
NAMES = ("mnist", "fashion_mnist")


def files_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def falls_back(name: str = "mnist") -> str:
    """Loads the sample, and returns the reason that was said for it."""
    said: list[str] = []
    dataset = load(name, say=said.append)
    assert dataset.origin.kind == "sample"
    assert tuple(said) == dataset.origin.notes
    return said[-1].partition("; using the bundled sample")[0]


@pytest.mark.parametrize("name", NAMES)
def test_download_then_cache(world, server, name: str) -> None:
    said: list[str] = []
    dataset = load(name, say=said.append)
    assert dataset.origin.kind == "download"
    assert dataset.origin.published
    assert said == [
        f"{name}: downloading the full set from 127.0.0.1 into {world.cached(name)[0].parent}"
    ]
    np.testing.assert_array_equal(dataset.x_train, world.arrays[name]["x_train"])
    np.testing.assert_array_equal(dataset.y_test, world.arrays[name]["y_test"])
    assert files_below(world.home) == set(world.contents(name))  # Nothing else is left.
    fetched = sorted(server.gets())
    assert fetched == sorted(world.contents(name))
    assert load(name).origin.kind == "keras_cache"
    assert load(name, source="download").origin.kind == "download"
    assert sorted(server.gets()) == fetched  # Neither fetched anything again.


def test_partial_file_in_the_cache(world, server) -> None:
    """What a killed `keras.datasets.fashion_mnist.load_data()` leaves behind."""
    world.fill_cache("fashion_mnist")
    partial = world.cached("fashion_mnist")[2]
    whole = partial.read_bytes()
    partial.write_bytes(whole[:5000])
    said: list[str] = []
    dataset = load("fashion_mnist", say=said.append)
    assert dataset.origin.kind == "download"
    assert dataset.origin.published
    assert f"damaged and not used: {partial}: the gzip data is truncated" in said[0]
    assert "downloading the full set" in said[1]
    assert server.gets() == [partial.name]
    assert partial.read_bytes() == whole


def test_wrong_checksum(world, server) -> None:
    server.files["mnist.npz"] = server.files["mnist.npz"][:-1] + b"\xff"
    reason = falls_back()
    assert "download of" in reason
    assert "its sha256 checksum is not the published one" in reason
    assert files_below(world.home) == set()
    with pytest.raises(InputError, match="--data_source: download: mnist: download of"):
        load("mnist", source="download", say=lambda _: None)


def test_right_checksum_but_not_the_published_content(world, server, make) -> None:
    other = make.npz_bytes(make.arrays(99))
    server.files["mnist.npz"] = other
    (file,) = catalogue.DATASETS["mnist"].downloads
    digest = hashlib.sha256(other).hexdigest()
    world.change("mnist", downloads=(dataclasses.replace(file, digest=digest),))
    assert "the content of x_train is not that of the published mnist" in falls_back()
    assert files_below(world.home) == set()


def test_connection_lost_on_the_way(world, server) -> None:
    server.cut_after = 3000
    assert "download of" in falls_back()
    assert files_below(world.home) == set()


def test_a_server_that_stops_sending(world, server, monkeypatch) -> None:
    monkeypatch.setattr(download, "STALL_SECONDS", 0.5)
    server.stall_after = 3000
    start = time.monotonic()
    assert "timed out" in falls_back()
    assert time.monotonic() - start < 5
    assert files_below(world.home) == set()


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_trickles(part, world, server, monkeypatch) -> None:
    """Each byte comes in time, the file never would."""
    monkeypatch.setattr(download, "STALL_SECONDS", 5.0)
    monkeypatch.setattr(download, "TOTAL_SECONDS", 1.5)
    server.trickle = part
    start = time.monotonic()
    assert "failed (not finished within 1.5 s)" in falls_back("fashion_mnist")
    assert time.monotonic() - start < 5
    assert len(server.gets()) == 1  # The others are not tried.
    assert files_below(world.home) == set()
    if part == "body":  # Nothing goes on in the background.
        limit = time.monotonic() + 5
        while any(thread.name == "mlp_lab-download" for thread in threading.enumerate()):
            assert time.monotonic() < limit
            time.sleep(0.05)


def test_a_body_without_an_end(world, server, monkeypatch) -> None:
    monkeypatch.setattr(download, "MAX_FILE_BYTES", 3000)
    assert "failed (the server sent more than 3,000 bytes)" in falls_back()
    assert files_below(world.home) == set()


def test_a_server_that_never_answers(world, server, monkeypatch) -> None:
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/mnist.npz"
        (file,) = catalogue.DATASETS["mnist"].downloads
        world.change("mnist", downloads=(dataclasses.replace(file, url=url),))
        start = time.monotonic()
        reason = falls_back()
        assert time.monotonic() - start < 3
    assert "no network (127.0.0.1: timed out)" in reason or "no answer from 127.0.0.1" in reason


def test_a_resolver_that_hangs(world, monkeypatch) -> None:
    """No socket's timeout bounds it; the limit on the whole probe does."""
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(variable)
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.5)

    def hang(*_: object, **__: object) -> None:
        time.sleep(4)
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    start = time.monotonic()
    assert "no network (no answer from storage.googleapis.com within 0.5 s)" in falls_back()
    assert time.monotonic() - start < 3


def test_default_limits_are_short() -> None:
    assert download.PROBE_SECONDS <= 5
    assert download.STALL_SECONDS <= 30
    assert download.TOTAL_SECONDS <= 600


def test_http_errors(world, server) -> None:
    del server.files["mnist.npz"]
    assert "no network (127.0.0.1 answers HTTP 404)" in falls_back()
    server.files |= world.contents("mnist")
    server.head_status = 405  # A server that knows no HEAD requests is asked all the same.
    assert load("mnist", say=lambda _: None).origin.kind == "download"


def test_probe_survives_nonsense() -> None:
    assert download.probe("http://127.0.0.1:1/x") == "127.0.0.1: Connection refused"
    assert download.probe("nonsense://x/y") is not None


def test_a_cache_that_cannot_be_written(world, server, tmp_path, monkeypatch) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("KERAS_HOME", str(blocked))
    monkeypatch.setattr(keras_cache, "_fallback_home", lambda: blocked)
    assert f"{blocked / 'datasets'} cannot be written" in falls_back()


def test_keyboard_interrupt_leaves_nothing(world, server, monkeypatch) -> None:
    server.stall_after = 3000
    monkeypatch.setattr(download, "STALL_SECONDS", 60)  # not before the interrupt

    def interrupt() -> None:
        while not [*world.home.rglob("mnist.npz")]:
            time.sleep(0.02)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    # Who is started in the background of a script is told to ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            load("mnist", say=lambda _: None)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert files_below(world.home) == set()


def test_killed_on_the_way(world, server, tmp_path) -> None:
    """SIGKILL in the middle of a file: the cache must not get a file that looks whole."""
    server.stall_after = 3000
    (file,) = catalogue.DATASETS["mnist"].downloads
    program = (
        "import dataclasses, sys\n"
        "from mlp_lab.data import catalogue, load\n"
        "info = catalogue.DATASETS['mnist']\n"
        "file = dataclasses.replace(info.downloads[0], url=sys.argv[1])\n"
        "info = dataclasses.replace(info, downloads=(file,))\n"
        "catalogue.DATASETS = {'mnist': info}\n"
        "load('mnist', source='download')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, file.url],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        limit = time.monotonic() + 60
        while not (arrived := list(world.home.rglob("mnist.npz"))):
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (partial,) = arrived
    assert partial != world.cached("mnist")[0]
    server.stall_after = None
    assert load("mnist", say=lambda _: None).origin.kind == "download"
    assert load("mnist").origin.kind == "keras_cache"
    # The leftover might be another process' running download; a day later it is not.
    assert partial.parent.exists()
    os.utime(partial.parent, (time.time() - 2 * 24 * 3600,) * 2)
    world.cached("mnist")[0].unlink()
    load("mnist", say=lambda _: None)
    assert files_below(world.home) == {"keras.json", "mnist.npz"}
    assert not partial.parent.exists()
